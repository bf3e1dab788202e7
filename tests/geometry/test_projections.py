"""Euclidean projections: equal to exact rational arithmetic, KKT to 1e-12, and what projections must obey."""

import math
import os
import subprocess
import sys

import numpy as np
import pytest
from conftest import JIT_OFF
from hypothesis import example, given
from hypothesis import strategies as st

from naive import geometry as naive
from olearn.geometry import Box, CappedSimplex, EuclideanBall, Knapsack, Product, Simplex
from olearn.geometry.euclidean import (
    _last_resort,
    _search,
    project_capped_simplex,
    project_knapsack,
    project_simplex,
)

ordinary = st.floats(-4, 4)
grid = st.integers(-6, 6).map(lambda i: i / 2)  # ties everywhere
wild = st.one_of(
    st.floats(allow_nan=False, allow_infinity=False),
    st.sampled_from([0.0, -0.0, 5e-324, -5e-324, 1e-300, 1e300, -1e300, 1e16, 1e16 + 2, 1.0, 1 - 2**-53]),
)
shift_wild = st.tuples(
    st.sampled_from([1e3, 1e9, 1e15, 1e17, -1e12]), st.lists(grid, min_size=1, max_size=9)
).map(lambda t: [t[0] + v for v in t[1]])
points = st.one_of(*(st.lists(v, min_size=1, max_size=9) for v in (ordinary, grid, wild)), shift_wild)
starts = st.one_of(st.just(math.nan), st.floats(-3, 3), st.sampled_from([math.inf, -math.inf, 1e200]))


def capped(y, k, tau=math.nan):
    y = np.array(y, np.float64)
    out = np.empty(y.size)
    return out, project_capped_simplex(y, float(k), out, tau)


@given(points, st.floats(0, 1), st.booleans(), starts)
@example([1e300, 1e300, 0.0], 1 / 3, True, math.nan)
@example([0.0, 0.0, 0.0], 1.0, True, math.nan)
@example([5e-324, -5e-324], 0.5, False, math.nan)
def test_capped_simplex_equals_exact_rationals(y, share, whole, tau):
    k = round(share * len(y)) if whole else share * len(y)
    x, _ = capped(y, k, tau)
    np.testing.assert_allclose(x, naive.project_sum(y, np.ones(len(y)), k, 1.0), rtol=0, atol=1e-12)


@given(points, st.sampled_from([1.0, 0.25, 3.0, 1e-9, 1e9]), starts)
def test_simplex_equals_exact_rationals(y, scale, tau):
    out = np.empty(len(y))
    project_simplex(np.array(y, np.float64), scale, out, tau)
    np.testing.assert_allclose(
        out, naive.project_sum(y, np.ones(len(y)), scale, scale), rtol=0, atol=1e-12 * scale
    )


@given(points, st.floats(0, 1), st.floats(-5, 5))
def test_the_paths_of_long_vectors_equal_exact_rationals(y, share, start):
    """The search and the last resort, which short vectors reach only when the short path gives up."""
    k = share * len(y)
    if not 0.0 < k < len(y):
        return
    exact = naive.project_sum(y, np.ones(len(y)), k, 1.0)
    out = np.empty(len(y))
    _last_resort(np.array(y, np.float64), k, min(1.0, k), out)
    np.testing.assert_allclose(out, exact, rtol=0, atol=1e-12)
    out[:] = -1.0
    _, _, done = _search(np.array(y, np.float64), k, min(1.0, k), start, out, True)
    if done:
        np.testing.assert_allclose(out, exact, rtol=0, atol=1e-12)
    else:
        assert max(map(abs, y)) > 1e6 * k  # only many orders of magnitude are too much for it


@given(
    st.one_of(*(st.lists(v, min_size=8, max_size=8) for v in (ordinary, grid))),
    st.lists(st.sampled_from([0.25, 0.5, 1.0, 1.0, 2.0, 3.7]), min_size=1, max_size=8),
    st.floats(0, 1),
    starts,
)
def test_knapsack_equals_exact_rationals(y, sizes, share, tau):
    s = np.array(sizes)
    y = np.array(y[: s.size])
    budget = share * math.fsum(s)
    out = np.empty(s.size)
    project_knapsack(y, s, budget, out, tau)
    np.testing.assert_allclose(out, naive.project_sum(y, s, budget, 1.0), rtol=0, atol=1e-12)
    if budget > 1e-3:
        assert naive.kkt_residual(out, y, s, budget, 1.0) < 1e-12


@given(st.lists(ordinary, min_size=2, max_size=40), st.floats(0.01, 0.99))
def test_kkt_residual_is_below_1e_12(y, share):
    k = share * len(y)
    x, tau = capped(y, k)
    assert naive.kkt_residual(x, y, np.ones(len(y)), k, 1.0) < 1e-12
    np.testing.assert_allclose(np.clip(np.array(y) - tau, 0.0, 1.0), x, rtol=0, atol=1e-14)


@given(st.lists(ordinary, min_size=1, max_size=20), st.data())
def test_capped_with_k_1_is_the_simplex(y, data):
    out = np.empty(len(y))
    project_simplex(np.array(y), 1.0, out, math.nan)
    np.testing.assert_allclose(out, capped(y, 1.0)[0], rtol=0, atol=1e-15)


def test_known_answers():
    assert capped([3.0, 1.0, 1.0, -1.0], 2)[0].tolist() == [1.0, 0.5, 0.5, 0.0]
    assert capped([7.0, -2.0, 0.0], 0)[0].tolist() == [0.0, 0.0, 0.0]
    assert capped([7.0, -2.0, 0.0], 3)[0].tolist() == [1.0, 1.0, 1.0]
    assert capped([42.0], 0.25)[0].tolist() == [0.25]
    assert capped([2.5] * 8, 2)[0].tolist() == [0.25] * 8
    assert capped([1e300, 1e300, 0.0], 1)[0].tolist() == [0.5, 0.5, 0.0]
    assert capped([1e308, -1e308, 1e308], 2)[0].tolist() == [1.0, 0.0, 1.0]
    assert capped([-0.0, 0.0], 1)[0].tolist() == [0.5, 0.5]
    for n in (3, 600, 5000):
        assert math.isnan(capped([1.0, math.nan, 0.0] + [0.5] * (n - 3), 1)[1])
    assert Simplex(3).project([0.5, 1.0, -2.0]).tolist() == [0.25, 0.75, 0.0]
    assert EuclideanBall(2, 5.0).project([6e300, 8e300]).tolist() == pytest.approx([3.0, 4.0], rel=1e-15)
    tiny = EuclideanBall(2, 1e-200).project([3e-200, 4e-200])
    assert (tiny / 1e-201).tolist() == pytest.approx([6.0, 8.0], rel=1e-15)


SETS = [
    Box(5, -1.0, [0.0, 1.0, 2.0, 3.0, -0.5]),
    EuclideanBall(5, 1.5, [1.0, 0.0, -1.0, 0.0, 0.0]),
    Simplex(5, 2.0),
    CappedSimplex(5, 2),
    CappedSimplex(5, 1.75),
    Knapsack([1.0, 2.0, 0.5, 1.5, 3.0], 3.25),
    Product([CappedSimplex(2, 1), Simplex(2), Box(1)]),
    Product([EuclideanBall(2, 1.0, 0.5), Product([Box(1, -1.0, 0.0), Knapsack([1.0, 2.0], 1.5)])]),
]


@pytest.mark.parametrize("region", SETS, ids=lambda s: type(s).__name__)
def test_what_a_projection_must_obey(region):
    rng = np.random.default_rng(7)
    for _ in range(4 if JIT_OFF else 40):
        y, z = rng.normal(size=(2, 5)) * rng.choice([0.1, 1.0, 20.0])
        x = region.project(y)
        assert region.contains(x, 1e-12)
        np.testing.assert_allclose(region.project(x), x, rtol=0, atol=2e-15 * 5)  # idempotent
        assert np.linalg.norm(x - region.project(z)) <= np.linalg.norm(y - z) + 1e-12  # non-expansive
        # the variational inequality: no point of the set lies on the far side
        assert region.support(y - x) <= (y - x) @ x + 1e-11 * max(1.0, np.abs(y).max())
        # Moreau, with the conjugate of the indicator: prox of the support function is y - P(y)
        p = y - x
        assert 0.5 * (p - y) @ (p - y) + region.support(p) <= 0.5 * y @ y + region.support(0 * p) + 1e-10


@pytest.mark.parametrize("region", [Simplex(6), CappedSimplex(6, 2.5)], ids=lambda s: type(s).__name__)
def test_permutation_and_translation(region):
    rng = np.random.default_rng(3)
    for _ in range(5):
        y, order, c = rng.normal(size=6), rng.permutation(6), rng.normal() * 3
        np.testing.assert_allclose(region.project(y[order]), region.project(y)[order], rtol=0, atol=1e-14)
        np.testing.assert_allclose(region.project(y + c), region.project(y), rtol=0, atol=1e-14)


def test_knapsack_of_very_different_sizes():
    """Sizes over 16 decades, points over 12: up to the rounding of y, as stated."""
    rng = np.random.default_rng(8)
    for trial in range(20 if JIT_OFF else 300):
        n = int(rng.integers(1, 9))
        y = 10.0 ** rng.uniform(-6, 6, n) * rng.choice([-1.0, 1.0], n) if trial % 2 else rng.normal(size=n)
        sizes = 10.0 ** rng.uniform(-8, 8, n)
        budget = rng.uniform() * math.fsum(sizes)
        out = np.empty(n)
        project_knapsack(y, sizes, budget, out, math.nan)
        exact = naive.project_sum(y, sizes, budget, 1.0)
        np.testing.assert_allclose(out, exact, rtol=0, atol=1e-12 * max(1.0, np.abs(y).max()))


HASHES = """
import hashlib, math
import numpy as np
from olearn.geometry import CappedSimplex, Knapsack, Simplex
rng = np.random.default_rng(1)
h = hashlib.sha256()
for n in (7, 600, 5000):
    y = rng.normal(size=n)
    for region in (Simplex(n, 1.5), CappedSimplex(n, n / 3), Knapsack(rng.uniform(0.5, 2.0, n), n / 5)):
        h.update(region.project(y).tobytes())
        h.update(region.project_entropic(np.abs(y)).tobytes())
print(h.hexdigest())
"""


@pytest.mark.jit_only
def test_compiled_or_not_gives_the_same_bits():
    answers = set()
    for off in ("0", "1"):
        environment = os.environ | {"NUMBA_DISABLE_JIT": off}
        run = subprocess.run(
            [sys.executable, "-c", HASHES], env=environment, capture_output=True, text=True, check=True
        )
        answers.add(run.stdout)
    assert len(answers) == 1


def test_knapsack_of_equal_sizes_is_the_capped_simplex():
    rng = np.random.default_rng(5)
    y = rng.normal(size=9)
    equal = Knapsack(np.full(9, 2.0), 2.0 * 3.5).project(y)
    np.testing.assert_allclose(equal, CappedSimplex(9, 3.5).project(y), rtol=0, atol=1e-14)


def test_osqp_agrees():
    cp = pytest.importorskip("cvxpy")
    rng = np.random.default_rng(11)
    n = 25
    sizes = rng.uniform(0.5, 3.0, n)
    x = cp.Variable(n)
    y = rng.uniform(0.0, 2.0, n)
    cases = [
        (CappedSimplex(n, 4), [x >= 0, x <= 1, cp.sum(x) == 4]),
        (Simplex(n), [x >= 0, cp.sum(x) == 1]),
        (Knapsack(sizes, 9.0), [x >= 0, x <= 1, sizes @ x == 9.0]),
    ]
    for region, constraints in cases:
        problem = cp.Problem(cp.Minimize(cp.sum_squares(x - y)), constraints)
        problem.solve(solver=cp.OSQP, eps_abs=1e-10, eps_rel=1e-10, polishing=True, max_iter=100_000)
        np.testing.assert_allclose(region.project(y), x.value, rtol=0, atol=1e-8)


@pytest.mark.parametrize("n", [700, 4096, 5001, 100_000])
@pytest.mark.jit_only
def test_long_vectors(n):
    """The sampled start: sorted, constant, bimodal and heavy-tailed vectors, against a float sort."""
    rng = np.random.default_rng(2)
    shapes = {
        "uniform": rng.uniform(0, 2, n),
        "sorted": np.sort(rng.uniform(0, 2, n)),
        "constant": np.full(n, 0.3),
        "bimodal": np.where(np.arange(n) % 7 == 0, 5.0, -5.0) + rng.normal(size=n) * 1e-3,
        "heavy": rng.standard_cauchy(n) * 10,
        "spike": np.where(np.arange(n) == 17, 1e12, 0.0),
    }
    for name, y in shapes.items():
        for k in (1.0, 0.1 * n, n / 7, n - 0.5):
            x, tau = capped(y, k)
            assert abs(math.fsum(x) - k) <= 1e-12 * k, (name, k)
            np.testing.assert_allclose(x, float_sort(y, k), rtol=0, atol=2e-11 if name == "spike" else 1e-12)
            again, _ = capped(y, k, tau)
            np.testing.assert_allclose(again, x, rtol=0, atol=2e-15)


@pytest.mark.jit_only
def test_long_knapsacks():
    """The sampled start, cold and warm; KKT residual."""
    rng = np.random.default_rng(6)
    n = 5000
    sizes = rng.uniform(0.5, 4.0, n)
    for y in (rng.uniform(0, 2, n), np.sort(rng.normal(size=n)), np.full(n, 0.25), rng.standard_cauchy(n)):
        for share in (0.001, 0.1, 0.9):
            budget = share * math.fsum(sizes)
            out, warm = np.empty(n), np.empty(n)
            tau = project_knapsack(y, sizes, budget, out, math.nan)
            assert naive.kkt_residual(out, y, sizes, budget, 1.0) < 1e-12 * max(1.0, np.abs(y).max())
            project_knapsack(y, sizes, budget, warm, tau)
            np.testing.assert_allclose(warm, out, rtol=0, atol=1e-12)


def float_sort(y, k):
    """clip(y - tau) with tau from the sorted breakpoints, in extended precision."""
    y = y.astype(np.longdouble)
    points = np.sort(np.concatenate([y, y - 1]))
    order = np.sort(y)
    prefix = np.concatenate([[0], np.cumsum(order)])

    def used(t):
        low, high = np.searchsorted(order, t, "right"), np.searchsorted(order, t + 1, "left")
        return prefix[high] - prefix[low] - (high - low) * t + (y.size - high)

    low, high = 0, points.size - 1
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (middle, high) if used(points[middle]) >= k else (low, middle)
    a, b = points[low], points[high]
    t = a if used(a) == used(b) else a + (used(a) - k) / (used(a) - used(b)) * (b - a)
    return np.clip(y - t, 0, 1).astype(float)


def test_in_place_and_warm():
    cache = CappedSimplex(50, 10)
    rng = np.random.default_rng(0)
    y = rng.normal(size=50)
    x = cache.project(y)
    warm = cache.warm()
    assert np.isnan(warm).all()
    np.testing.assert_array_equal(cache.project(y, warm=warm), x)
    assert np.isfinite(warm).all()
    np.testing.assert_allclose(cache.project(y, warm=warm), x, rtol=0, atol=1e-15)
    out = np.empty(50)
    assert cache.project(y, out=out) is out
    mine = y.copy()
    assert cache.project(mine, out=mine) is mine
    np.testing.assert_array_equal(mine, x)
