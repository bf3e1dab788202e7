"""Belady's rule equals exhaustive search; its certificate closes on every trace and bounds for any P."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from naive import optima as naive
from olearn.geometry.nextuse import next_use
from olearn.optima import belady, belady_bypass, static_fetch_charged
from olearn.optima.paging import certificate

tiny = st.lists(st.integers(0, 4), min_size=1, max_size=11)
longer = st.lists(st.integers(0, 12), min_size=1, max_size=120)


@given(tiny, st.integers(1, 5))
def test_equal_exhaustive_search(items, capacity):
    forced, bypass = belady(items, capacity), belady_bypass(items, capacity)
    assert forced.value == naive.paging(items, capacity, bypass=False)
    assert bypass.value == naive.paging(items, capacity, bypass=True)


@given(longer, st.integers(1, 9))
def test_certificates_close_and_the_order_holds(items, capacity):
    forced, bypass = belady(items, capacity), belady_bypass(items, capacity)
    assert forced.gap == bypass.gap == 0.0
    assert forced.status == bypass.status == "optimal"
    assert forced.allocation.sum() == forced.value
    assert bypass.value >= forced.value
    assert bypass.value >= static_fetch_charged(items, capacity).value
    assert belady(items, capacity + 1).value >= bypass.value  # one more place buys the bypass
    assert max(items) >= capacity or forced.value == len(items) - len(set(items))


@given(longer, st.integers(1, 6), st.data(), st.booleans())
def test_any_set_of_gaps_is_a_bound(items, capacity, data, forced):
    chosen = data.draw(st.sets(st.integers(0, len(items) - 1)))
    points = np.zeros(len(items), np.uint8)
    points[list(chosen)] = 1
    nexts = next_use(np.array(items, np.int32), 13)
    best = (belady if forced else belady_bypass)(items, capacity)
    bound = certificate(nexts, capacity, points, forced=forced)
    places = capacity - 1 if forced else capacity
    assert bound == naive.stabbed_bound(items, places, chosen, forced=forced)
    assert bound >= best.value
    assert naive.stabbed_bound(items, places, best.dual.tolist(), forced=forced) == best.upper_bound


def test_against_the_interval_lp():
    cp = pytest.importorskip("cvxpy")
    rng = np.random.default_rng(1)
    items = rng.integers(0, 12, 80).astype(np.int32)
    nexts = next_use(items, 12)
    starts = np.flatnonzero(nexts < 80)
    gaps = np.arange(80)[:, None]
    covers = (gaps >= starts) & (gaps < nexts[starts])
    z = cp.Variable(starts.size, bounds=[0, 1])
    value = cp.Problem(cp.Maximize(cp.sum(z)), [covers.astype(float) @ z <= 4]).solve(solver=cp.HIGHS)
    assert value == pytest.approx(belady_bypass(items, 4).value)
