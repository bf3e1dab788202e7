"""Static sets of sized items against exhaustive search; LP >= 0/1 >= greedy >= LP/2."""

from itertools import combinations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from olearn.errors import ParameterError
from olearn.optima import static_prefilled, static_sized, static_sized_fractional, static_sized_greedy
from olearn.optima.knapsack import bound_at


@st.composite
def cases(draw):
    items = draw(st.lists(st.integers(0, 6), min_size=1, max_size=30))
    sizes = draw(st.lists(st.integers(0, 9), min_size=7, max_size=7))
    costs = draw(st.lists(st.integers(0, 7), min_size=len(items), max_size=len(items)))
    return np.array(items), np.array(sizes), np.array(costs), draw(st.integers(1, 30)), draw(st.booleans())


def truth(items, sizes, costs, capacity, charged):
    values = np.zeros(7)
    seen = set()
    for i, c in zip(items.tolist(), costs.tolist()):
        values[i] += 0 if charged and i not in seen else c
        seen.add(i)
    return max(
        values[list(s)].sum()
        for k in range(8)
        for s in combinations(range(7), k)
        if sizes[list(s)].sum() <= capacity
    )


@given(cases())
def test_against_exhaustive_search(case):
    items, sizes, costs, capacity, charged = case
    args = {"costs": costs, "fetch_charged": charged, "catalog_size": 7}
    whole = static_sized(items, capacity, sizes, **args)
    lp = static_sized_fractional(items, capacity, sizes, **args)
    greedy = static_sized_greedy(items, capacity, sizes, **args)
    assert whole.value == truth(items, sizes, costs, capacity, charged)
    assert sizes[whole.allocation].sum() <= capacity
    assert lp.gap == 0.0
    assert lp.value >= whole.upper_bound - 1e-9 >= whole.value - 1e-9
    assert whole.value >= greedy.value >= 0.5 * lp.value - 1e-9
    assert lp.allocation @ sizes <= capacity + 1e-9
    assert ((lp.allocation > 0) & (lp.allocation < 1)).sum() <= 1


@given(cases(), st.floats(0, 5))
def test_any_price_is_a_bound(case, price):
    items, sizes, costs, capacity, _ = case
    values = np.bincount(items, weights=costs, minlength=7)
    lp = static_sized_fractional(items, capacity, sizes, costs, catalog_size=7)
    assert bound_at(values, sizes, capacity, price) >= lp.value - 1e-9


def test_unit_sizes_are_the_counting_optimum():
    items = np.random.default_rng(5).integers(0, 20, 300)
    assert static_sized(items, 6, np.ones(20)).value == static_prefilled(items, 6).value


def test_a_larger_instance_equals_dynamic_programming():
    rng = np.random.default_rng(6)
    items, sizes = rng.zipf(1.2, 20_000) % 400, rng.integers(1, 60, 400)
    values = np.bincount(items, minlength=400)
    for capacity in (50, 400, 2500):
        table = np.zeros(capacity + 1)
        for v, s in zip(values, sizes):
            if s <= capacity:
                table[s:] = np.maximum(table[s:], table[: capacity + 1 - s] + v)
        best = static_sized(items, capacity, sizes, catalog_size=400)
        assert best.value == table[-1]
        assert best.relative_gap < 0.01


def test_published_sizes_beat_the_greedy_coin(shared):
    """The unequal-size setting of the optimistic-caching study: certified within one part in 1000."""
    folder = shared / "traces/optimistic_caching"
    items = np.load(folder / "ml_trace_10k_mini.npy").ravel()[:10_000].astype(np.int64)
    sizes = np.load(folder / "weights.npy").ravel().astype(float)[: items.max() + 1]
    best = static_sized(items, 500, sizes)
    assert best.relative_gap < 1e-3
    assert static_sized_greedy(items, 500, sizes).value <= best.value <= best.upper_bound


def test_one_sentence_errors():
    with pytest.raises(ParameterError, match="sizes must be finite and at least 0"):
        static_sized([0, 1], 1, [1.0, -1.0])
    with pytest.raises(ParameterError, match="capacity"):
        static_sized([0, 1], -1, [1.0, 1.0])
