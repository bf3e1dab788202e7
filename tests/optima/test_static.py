"""The static comparators equal exhaustive search and the linear program; the prefix curve equals both."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from naive import optima as naive
from olearn.errors import ParameterError
from olearn.optima import (
    static_at,
    static_fetch_charged,
    static_prefilled,
    static_prefix,
    static_with_fetch_cost,
)
from olearn.optima.static import price_bound, top_set

traces = st.lists(st.integers(0, 5), min_size=1, max_size=14)
weights = st.lists(st.integers(0, 9), min_size=6, max_size=6)


@given(traces, st.integers(1, 7))
def test_prefilled_and_charged_equal_exhaustive_search(items, capacity):
    best = static_prefilled(items, capacity)
    charged = static_fetch_charged(items, capacity)
    assert best.value == naive.static(items, capacity)
    assert charged.value == naive.static_fetch_charged(items, capacity)
    assert best.gap == charged.gap == 0.0
    assert best.status == charged.status == "optimal"
    assert best.value == sum(i in set(best.allocation.tolist()) for i in items)
    assert len(best.allocation) <= capacity
    assert best.value >= charged.value


@given(traces, st.integers(1, 6), weights, st.integers(0, 12))
def test_weights_and_fetch_cost(items, capacity, w, halves):
    f = halves / 2
    best = static_with_fetch_cost(items, capacity, f, catalog_size=6, weights=w)
    assert best.value == pytest.approx(naive.static(items, capacity, dict(enumerate(w)), f))
    assert best.gap == 0.0
    assert static_with_fetch_cost(items, capacity, 1).value == static_fetch_charged(items, capacity).value
    assert static_with_fetch_cost(items, capacity, 0).value == static_prefilled(items, capacity).value


@given(st.lists(st.integers(0, 5), min_size=1, max_size=60), st.integers(1, 7), st.integers(0, 3))
def test_prefix_curve(items, capacity, fee):
    curve = static_prefix(items, capacity, fetch_cost=fee)
    for t in range(1, len(items) + 1):
        counts = np.maximum(np.bincount(items[:t], minlength=6) - fee, 0)
        assert curve[t - 1] == np.sort(counts)[::-1][:capacity].sum()
    points = np.unique(np.linspace(1, len(items), 4).astype(int))
    assert (
        static_prefix(items, capacity, fetch_cost=fee, checkpoints=points).tolist()
        == curve[points - 1].tolist()
    )


@given(traces, st.integers(1, 6), weights)
def test_weighted_checkpoints(items, capacity, w):
    points = sorted({1, (len(items) + 1) // 2, len(items)})
    values = static_at(items, capacity, points, catalog_size=6, weights=w)
    for t, value in zip(points, values):
        assert value == static_prefilled(items[:t], capacity, catalog_size=6, weights=w).value


@given(st.lists(st.floats(0, 100), min_size=1, max_size=8), st.integers(1, 9), st.floats(0, 120))
def test_every_price_bounds_and_the_best_one_is_tight(gains, capacity, price):
    g = np.array(gains)
    chosen, v = top_set(g, capacity)
    assert price_bound(g, capacity, price) >= g[chosen].sum() - 1e-9
    assert price_bound(g, capacity, v) == pytest.approx(g[chosen].sum())


def test_against_the_linear_program():
    cp = pytest.importorskip("cvxpy")
    rng = np.random.default_rng(4)
    g = rng.integers(0, 50, 30).astype(float)
    x = cp.Variable(30, bounds=[0, 1])
    problem = cp.Problem(cp.Maximize(g @ x), [cp.sum(x) <= 7])
    items = np.repeat(np.arange(30), g.astype(int))
    assert problem.solve(solver=cp.HIGHS) == pytest.approx(static_prefilled(items, 7).value)


def test_published_optimum(shared):
    """2635 hits: the OPT of the optimistic-caching study (10,000 requests, N = 10379, C = 150)."""
    items = (
        np.load(shared / "traces/optimistic_caching/ml_trace_10k_mini.npy").ravel()[:10_000].astype(np.int64)
    )
    best = static_prefilled(items, 150, catalog_size=10379)
    assert best.value == best.upper_bound == 2635
    assert static_prefix(items, 150, catalog_size=10379)[-1] == 2635


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: static_prefilled([], 1), "items must be a non-empty array"),
        (lambda: static_prefilled([0, -1], 1), "at least 0, got -1"),
        (lambda: static_prefilled([0, 3], 1, catalog_size=3), "below the catalogue size 3, got 3"),
        (lambda: static_prefilled([0, 1], 0), "capacity"),
        (lambda: static_prefilled([0.5], 1), "whole numbers"),
        (lambda: static_prefilled([0, 1], 1, weights=[1.0]), r"shape \(2,\)"),
        (lambda: static_prefilled([0, 1], 1, weights=[1.0, np.nan]), "nan at position 1"),
        (lambda: static_with_fetch_cost([0, 1], 1, -1), "fetch_cost"),
        (lambda: static_prefix([0, 1], 1, checkpoints=[1, 3]), r"within 1 \.\. 2"),
        (lambda: static_prefix([0, 1], 1, checkpoints=[2, 1]), "must increase"),
    ],
)
def test_one_sentence_errors(call, message):
    with pytest.raises(ParameterError, match=message):
        call()
