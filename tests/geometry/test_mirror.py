"""Entropic projections and mirror steps: exact rationals, 40-digit bisection, cvxpy, optimality."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from naive import geometry as naive
from olearn.geometry import Box, CappedSimplex, EuclideanBall, Knapsack, Product, Simplex
from olearn.geometry.barriers import logbarrier_simplex, tsallis_simplex
from olearn.geometry.entropic import entropic_knapsack, entropic_simplex, softmin
from olearn.geometry.region import (
    ENTROPIC,
    EUCLIDEAN,
    GEOMETRIES,
    LOGBARRIER,
    TSALLIS,
    dual,
    mirror,
    project,
    project_entropic,
)

NO_SIZES = np.empty(0)
positive = st.one_of(
    st.floats(1e-3, 10),
    st.sampled_from([0.0, 1.0, 2.0, 4.0]),
    st.floats(-250, 250).map(lambda e: 10.0**e),
    st.sampled_from([5e-324, 1e-310, 1e-300, 1e308, 1.7e308]),
)
size = st.sampled_from([0.25, 0.5, 1.0, 1.0, 2.0, 3.0, 8.0])
pairs = st.lists(st.tuples(positive, size), min_size=1, max_size=8)
shares = st.one_of(st.floats(0, 1), st.sampled_from([0.25, 0.5, 1.0]))


@given(pairs, shares, st.booleans())
def test_entropic_equals_exact_rationals(pairs, share, weighted):
    y = np.array([p[0] for p in pairs])
    s = np.array([p[1] for p in pairs]) if weighted else np.ones(y.size)
    budget = share * s[y > 0].sum()  # sums of quarters: exact
    out = np.empty(y.size)
    entropic_knapsack(y, s if weighted else NO_SIZES, budget, 1.0, out)
    np.testing.assert_allclose(out, naive.entropic_sum(y, s, budget, 1.0), rtol=0, atol=1e-12)


@given(st.lists(positive, min_size=1, max_size=8), st.sampled_from([1.0, 0.1, 7.0]))
def test_entropic_simplex_is_normalisation(y, scale):
    y = np.array(y)
    out = np.empty(y.size)
    theta = entropic_simplex(y, scale, out, NO_SIZES)
    if y.size == 1:
        assert out[0] == scale  # the only point of the set
        return
    if not y.any():
        assert math.isnan(theta)
        return
    exact = naive.entropic_sum(y, np.ones(y.size), scale, scale)
    np.testing.assert_allclose(out, exact, rtol=0, atol=1e-12 * scale)


thetas = st.one_of(
    st.lists(st.floats(-3, 3), min_size=1, max_size=7),
    st.lists(st.floats(-1e6, 1e6), min_size=1, max_size=7),
    st.lists(st.integers(-3, 3).map(lambda i: 500.0 * i), min_size=1, max_size=7),
)


@given(thetas, st.lists(size, min_size=7, max_size=7), shares, st.booleans())
def test_softmin_equals_bisection(theta, sizes, share, weighted):
    theta = np.array(theta)
    s = np.array(sizes[: theta.size]) if weighted else np.ones(theta.size)
    budget = share * s.sum()
    if not 0.0 < budget < s.sum():
        return
    out = np.empty(theta.size)
    softmin(theta, s if weighted else NO_SIZES, budget, 1.0, out)
    # a rounding error of theta / s is one of the exponent: 1e-16 * 1e6 / 0.25 at the worst
    atol = 1e-12 + 4e-16 * np.abs(theta / s).max()
    np.testing.assert_allclose(out, naive.softmin(theta, s, budget, 1.0), rtol=0, atol=atol)


@pytest.mark.parametrize("n", [60])
def test_one_cap_a_pass(n):
    """Values so far apart that every pass caps one coordinate: the bisections take over."""
    y = 10.0 ** (-4.0 * np.arange(n))
    theta = 900.0 * np.arange(n)
    out = np.empty(n)
    for k in (1.5, n / 2 + 0.5, n - 1.0):
        expected = np.minimum(1.0, np.maximum(0.0, k - np.arange(n)))
        entropic_knapsack(y, NO_SIZES, k, 1.0, out)
        np.testing.assert_allclose(out, naive.entropic_sum(y, np.ones(n), k, 1.0), rtol=0, atol=1e-12)
        softmin(theta, NO_SIZES, k, 1.0, out)
        np.testing.assert_allclose(out, expected, rtol=0, atol=1e-12)


barriers = st.one_of(
    st.lists(st.floats(-5, 5), min_size=1, max_size=8),
    st.lists(st.floats(-1e6, 1e6), min_size=1, max_size=8),
    st.lists(st.sampled_from([0.0, 1e300, 1e-300, 1e12]), min_size=1, max_size=8),
)


@pytest.mark.parametrize(
    ("kernel", "twin"),
    [(tsallis_simplex, naive.tsallis), (logbarrier_simplex, naive.logbarrier)],
    ids=["tsallis", "logbarrier"],
)
@given(
    theta=barriers,
    scale=st.sampled_from([1.0, 0.25, 1e-100, 1e100]),
    start=st.sampled_from([math.nan, -1.0, 0.0, 1e9]),
)
def test_barriers_equal_bisection(kernel, twin, theta, scale, start):
    theta = np.array(theta)
    out = np.empty(theta.size)
    nu = kernel(theta, scale, out, start)
    np.testing.assert_allclose(out, twin(theta, scale), rtol=2e-12, atol=1e-300)
    assert abs(math.fsum(out) - scale) <= 1e-14 * scale
    again = np.empty(theta.size)
    kernel(theta, scale, again, nu)
    np.testing.assert_allclose(again, out, rtol=1e-13, atol=1e-300)


def test_tsallis_of_equal_losses_is_uniform_and_nan_is_seen():
    out = np.empty(10)
    tsallis_simplex(np.full(10, 1e8), 1.0, out, math.nan)
    np.testing.assert_allclose(out, 0.1, rtol=1e-14)
    for kernel in (tsallis_simplex, logbarrier_simplex):
        assert math.isnan(kernel(np.array([0.0, math.nan]), 1.0, np.empty(2), math.nan))
    assert math.isnan(softmin(np.array([0.0, math.nan]), NO_SIZES, 1.0, 1.0, np.empty(2)))


ALL = [
    Simplex(6, 1.5),
    CappedSimplex(6, 2.5),
    Knapsack([1.0, 2.0, 0.5, 1.5, 3.0, 1.0], 3.25),
    Box(6, 0.0, 2.0),
    EuclideanBall(6, 1.5, 0.25),
    Product([CappedSimplex(2, 1), Knapsack([1.0, 2.0], 1.5), Simplex(2)]),
]


@pytest.mark.parametrize("region", ALL, ids=lambda s: type(s).__name__)
def test_mirror_is_the_minimiser_and_dual_its_inverse(region):
    """First-order optimality: ``<theta + grad psi(x), z - x> >= 0`` for all z, a support function."""
    rng = np.random.default_rng(4)
    compiled = region.region()
    for name in region.geometries:
        number = GEOMETRIES.index(name)
        for _ in range(4):
            theta = rng.normal(size=6) * 2
            kept = theta.copy()
            x, back = np.empty(6), np.empty(6)
            mirror(compiled, number, theta, x)
            np.testing.assert_array_equal(theta, kept)
            assert region.contains(x, 1e-12)
            dual(compiled, number, x, back)  # -grad psi
            slope = back - theta
            assert region.support(slope) - slope @ x <= 1e-10
            if name != "euclidean":
                assert np.isfinite(back).all()
            again = np.empty(6)
            mirror(compiled, number, back, again)  # x is the image of its own dual point
            np.testing.assert_allclose(again, x, rtol=0, atol=1e-12)
            np.testing.assert_array_equal(region.mirror(kept, name), x) if number >= 2 else None


def test_region_kernels_equal_the_methods():
    rng = np.random.default_rng(8)
    for region in ALL:
        y, x = rng.exponential(size=6), np.empty(6)
        project(region.region(), y, x)
        np.testing.assert_array_equal(x, region.project(y))
        if "entropic" in region.geometries:
            project_entropic(region.region(), y, x)
            np.testing.assert_array_equal(x, region.project_entropic(y))


def test_entropic_mirror_is_the_projection_of_the_exponential():
    rng = np.random.default_rng(6)
    theta = rng.normal(size=6)
    for region, s in ((Simplex(6), 1.0), (CappedSimplex(6, 2.5), 1.0), (ALL[2], ALL[2].sizes)):
        np.testing.assert_allclose(
            region.mirror(theta, "entropic"), region.project_entropic(np.exp(-theta / s)), rtol=0, atol=1e-14
        )


def test_exponentiated_gradient_is_ftrl_on_the_simplex():
    """Entropic OMD from the centre and entropic FTRL are the same points (fixed learning rate)."""
    rng = np.random.default_rng(9)
    region = Simplex(4)
    compiled = region.region()
    x, theta, total, y = region.centre("entropic"), np.empty(4), np.zeros(4), np.empty(4)
    for _ in range(20):
        g = rng.normal(size=4)
        dual(compiled, ENTROPIC, x, theta)
        theta += 0.3 * g
        mirror(compiled, ENTROPIC, theta, x)
        total += 0.3 * g
        mirror(compiled, ENTROPIC, total, y)
        np.testing.assert_allclose(x, y, rtol=1e-12)


def test_undefined_mirror_maps_give_nan():
    out = np.empty(6)
    for number in (ENTROPIC, TSALLIS, LOGBARRIER):
        mirror(ALL[4].region(), number, np.zeros(6), out)
        assert np.isnan(out).all()
    mirror(ALL[1].region(), TSALLIS, np.zeros(6), out)
    assert np.isnan(out).all()
    mirror(ALL[4].region(), EUCLIDEAN, np.zeros(6), out)
    assert np.isfinite(out).all()


def test_cvxpy_agrees_on_entropic_projections():
    cp = pytest.importorskip("cvxpy")
    rng = np.random.default_rng(12)
    n = 8
    s = rng.uniform(0.5, 3.0, n)
    y = rng.uniform(0.05, 2.0, n)
    x = cp.Variable(n)
    cases = [
        (CappedSimplex(n, 3), np.ones(n), [x <= 1, cp.sum(x) == 3]),
        (Knapsack(s, 5.0), s, [x <= 1, s @ x == 5.0]),
    ]
    for region, w, constraints in cases:
        divergence = cp.sum(cp.multiply(w, cp.rel_entr(x, y) - x))
        cp.Problem(cp.Minimize(divergence), constraints).solve(
            solver=cp.CLARABEL, tol_gap_abs=1e-11, tol_gap_rel=1e-11, tol_feas=1e-11
        )
        np.testing.assert_allclose(region.project_entropic(y), x.value, rtol=0, atol=2e-6)
