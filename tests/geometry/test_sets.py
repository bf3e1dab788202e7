"""Feasible sets: membership, linear oracles, diameters and ranges against enumeration; what is refused."""

import itertools
import math
import pickle

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import olearn.geometry as geometry
from naive import geometry as naive
from olearn.errors import NotSupportedError, ParameterError, UnknownNameError
from olearn.geometry import Box, CappedSimplex, EuclideanBall, Knapsack, MSets, Product, Simplex


def farthest(points, norm):
    return max(np.linalg.norm(a - b, norm) for a, b in itertools.product(points, repeat=2))


@pytest.mark.parametrize("n", [1, 2, 3, 4])
@pytest.mark.parametrize("norm", [1, 2, math.inf])
def test_capped_simplex_against_its_extreme_points(n, norm):
    rng = np.random.default_rng(n)
    for k in {0, 0.25, 0.5, 0.9, 1, 1.3, 1.5, 2, 2.6, 3, 3.5, n}:
        if k > n:
            continue
        region = CappedSimplex(n, k)
        points = list(naive.extreme_points(n, k))
        assert region.diameter(norm) == pytest.approx(farthest(points, norm), abs=1e-12)
        assert all(region.contains(p, 1e-12) for p in points)
        g = rng.normal(size=n)
        assert region.support(g) == pytest.approx(max(p @ g for p in points), abs=1e-12)
        spread = max(0.5 * p @ p for p in points) - 0.5 * k * k / n
        assert region.range() == pytest.approx(spread, abs=1e-12)
        entropy = [sum(v * math.log(v) for v in p if v > 0) for p in points]
        low = k * math.log(k / n) if k else 0.0
        assert region.range("entropic") == pytest.approx(max(entropy) - low, abs=1e-12)


@given(st.lists(st.sampled_from([0.5, 1.0, 1.5, 2.0, 5.0]), min_size=1, max_size=5), st.floats(0, 1))
def test_knapsack_against_its_extreme_points(sizes, share):
    budget = share * sum(sizes)
    region = Knapsack(sizes, budget)
    points = list(naive.knapsack_extreme_points(np.array(sizes), budget))
    for norm in (1, 2):
        assert farthest(points, norm) <= region.diameter(norm) + 1e-9
    assert region.diameter(1) <= farthest(points, 1) + 2 + 1e-9
    assert region.diameter(math.inf) == pytest.approx(farthest(points, math.inf), abs=1e-9)
    g = np.sin(1.0 + np.arange(len(sizes)) * 2.7)
    assert region.support(g) == pytest.approx(max(p @ g for p in points), abs=1e-9)
    centre = region.centre()
    assert region.range() >= max(0.5 * p @ p for p in points) - 0.5 * centre @ centre - 1e-9
    s = np.array(sizes)
    centre = region.centre("entropic")
    np.testing.assert_allclose(centre, share, atol=1e-12)

    def psi(x):
        return float(np.sum(s * x * np.log(np.where(x > 0, x, 1.0))))

    assert region.range("entropic") >= max(psi(p) for p in points) - psi(centre) - 1e-9


@pytest.mark.parametrize(
    ("region", "diameters"),
    [
        (Simplex(4, 3.0), (6.0, 3.0 * math.sqrt(2), 3.0)),
        (Simplex(1, 3.0), (0.0, 0.0, 0.0)),
        (Box(2, -1.0, [2.0, 3.0]), (7.0, 5.0, 4.0)),
        (EuclideanBall(4, 1.5), (6.0, 3.0, 3.0)),
        (CappedSimplex(10, 3), (6.0, math.sqrt(6), 1.0)),
        (Product([Simplex(2), CappedSimplex(4, 2)]), (6.0, math.sqrt(6), 1.0)),
    ],
)
def test_diameters(region, diameters):
    assert tuple(region.diameter(p) for p in (1, 2, math.inf)) == pytest.approx(diameters)


def test_ranges():
    assert Simplex(4).range() == pytest.approx(3 / 8)
    assert Simplex(4, 3.0).range("entropic") == pytest.approx(3 * math.log(4))
    assert Simplex(4).range("tsallis") == pytest.approx(4.0)
    assert Simplex(4).range("logbarrier") == math.inf
    assert Box(3, -2.0, 1.0).range() == pytest.approx(6.0)
    assert Box(1).range("entropic") == pytest.approx(1 / math.e)
    assert EuclideanBall(2, 3.0).range() == pytest.approx(4.5)
    assert Product([Simplex(4), Simplex(4)]).range() == pytest.approx(3 / 4)
    assert Box(2, -math.inf, math.inf).range() == math.inf


@pytest.mark.parametrize(
    "region",
    [
        Box(4, -1.0, 2.0),
        EuclideanBall(4, 2.0, [1.0, 0.0, -1.0, 0.0]),
        Simplex(4, 2.0),
        CappedSimplex(4, 1.5),
        MSets(4, 2),
        Knapsack([1.0, 2.0, 1.0, 3.0], 2.5),
        Product([Simplex(2), Box(2)]),
    ],
    ids=lambda s: type(s).__name__,
)
def test_every_set(region):
    rng = np.random.default_rng(0)
    g = rng.normal(size=region.dim)
    best = region.argmax(g)
    assert region.contains(best, 1e-12)
    assert best @ g == pytest.approx(region.support(g))
    hull = region.hull() if isinstance(region, MSets) else region
    for _ in range(5):  # nothing in the set does better
        z = region.project(rng.normal(size=region.dim) * 3)
        assert hull.contains(z, 1e-12)
        assert z @ g <= region.support(g) + 1e-12
    x = best.copy()
    x[0] += 0.1
    assert not (region.contains(x, 1e-12) and region.contains(2 * best - x, 1e-12))  # an extreme point
    for name in region.geometries:
        centre = region.centre(name)
        assert hull.contains(centre, 1e-12)
        assert region.range(name) >= 0.0
    assert region.dual_norm([3.0, -4.0, 0.0, 0.0]) == 5.0
    assert region.dual_norm([3.0, -4.0, 0.0, 0.0], 1) == 4.0
    assert region.dual_norm([3.0, -4.0, 0.0, 0.0], math.inf) == 7.0
    twin = pickle.loads(pickle.dumps(region))
    np.testing.assert_array_equal(twin.project(g), region.project(g))


def test_m_sets():
    sets = MSets(5, 2)
    everyone = list(sets)
    assert len(everyone) == sets.count() == 10
    assert all(sets.contains(x) and x.sum() == 2 for x in everyone)
    g = np.array([0.3, -1.0, 2.0, 0.9, 0.0])
    assert sets.support(g) == max(x @ g for x in everyone)
    assert sets.m == 2
    assert sets == MSets(5, 2)
    assert not sets.contains([1, 1, 1, 0, 0])


def test_unbounded_box():
    space = Box(3, -math.inf, math.inf)
    np.testing.assert_array_equal(space.project([1.0, -9.0, 1e300]), [1.0, -9.0, 1e300])
    assert space.diameter() == math.inf
    assert space.contains([0.0, 1e300, -5.0])
    assert space.geometries == ("euclidean",)


REFUSED = [
    (lambda: Simplex(0), "dim must be a whole number of at least 1, got 0"),
    (lambda: Simplex(3, 0.0), "scale must be a finite number in"),
    (lambda: Simplex(3, math.nan), "scale must be a finite number in"),
    (lambda: CappedSimplex(3, 4), r"k must be a finite number in \[0, 3\], got 4"),
    (lambda: MSets(3, 1.5), "m must be a whole number of at least 0, got 1.5"),
    (lambda: MSets(3, 4), "m must be at most n, got 4 of 3"),
    (lambda: Knapsack([1.0, 0.0], 1.0), "sizes must be larger than 0, got 0.0 at position 1"),
    (lambda: Knapsack([1.0, 2.0], 3.5), r"budget must be a finite number in \[0, 3\], got 3.5"),
    (lambda: Knapsack([], 0.0), "sizes must be a vector of at least one number"),
    (lambda: EuclideanBall(2, -1.0), "radius must be a finite number in"),
    (lambda: EuclideanBall(2, 1.0, [1.0]), r"centre_point must have shape \(2,\), got \(1,\)"),
    (lambda: Box(2, 1.0, 0.0), r"low must be at most high, got \[1.0, 0.0\] at position 0"),
    (lambda: Product([]), "sets must be one or more feasible sets"),
    (lambda: Product([3]), "sets must be one or more feasible sets"),
    (lambda: Simplex(2).project([0.0, math.nan]), "y must be finite, got nan at position 1"),
    (lambda: Simplex(2).project([math.inf, 0.0]), "y must be finite, got inf at position 0"),
    (lambda: Simplex(3).project([0.0, -math.inf, math.nan]), "y must be finite, got -inf at position 1"),
    (lambda: Simplex(2).project([1.0]), r"y must have shape \(2,\), got \(1,\)"),
    (lambda: Simplex(2).project("no"), "y must be a vector of 2 numbers, got 'no'"),
    (lambda: Simplex(2).project([0.0, 1.0], out=[0, 0]), "out must be a float64 array"),
    (lambda: Simplex(2).project_entropic([-1.0, 1.0]), "y must be at least 0 for an entropic projection"),
    (lambda: CappedSimplex(3, 2).project_entropic([1.0, 0.0, 0.0]), "1 of 3, can't reach"),
    (lambda: Simplex(2).diameter(3), "norm must be 1, 2 or inf, got 3"),
]


@pytest.mark.parametrize(("call", "sentence"), REFUSED)
def test_refused_in_one_sentence(call, sentence):
    with pytest.raises(ParameterError, match=sentence):
        call()


def test_geometries_are_refused():
    with pytest.raises(NotSupportedError, match="tsallis geometry is not defined on CappedSimplex"):
        CappedSimplex(3, 1).mirror([0.0, 0.0, 0.0], "tsallis")
    with pytest.raises(NotSupportedError, match="entropic"):
        EuclideanBall(2).project_entropic([1.0, 1.0])
    with pytest.raises(UnknownNameError, match="did you mean 'entropic'"):
        Simplex(2).mirror([0.0, 0.0], "entropc")


def test_lazy_names():
    assert set(geometry.__all__) <= set(dir(geometry))
    with pytest.raises(AttributeError, match="no attribute 'Cube'"):
        geometry.Cube  # noqa: B018
