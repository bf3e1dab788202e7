"""Invariants of runs: each breach is found, named with its numbers, and NaN never passes."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from olearn.optima.paging import belady_bypass
from olearn.regret import invariants as inv

NAN, INF = float("nan"), float("inf")


@pytest.mark.parametrize("bad", [NAN, INF, -INF, -0.1, 1.1])
def test_a_bad_reward_is_found_wherever_it_stands(bad):
    for place in (0, 3, 9):
        rewards = np.full(10, 0.5)
        rewards[place] = bad
        (breach,) = inv.caching(rewards, capacity=1, policy="p")
        assert str(breach).startswith("p: rewards must")
        assert f"position {place}" in str(breach)


def test_good_runs_have_no_breach():
    stats = {"fetched": 5.0, "fetched_other": 0.0, "evicted": 3.0, "occupancy": 2.0, "peak_occupancy": 2.0}
    assert inv.caching(np.array([True, False]), capacity=2, stats=stats, reward=1, optimum=1) == []
    assert inv.caching(np.zeros(0), capacity=2, fractions=[1.0, 1.0, 0.0]) == []
    assert inv.mass(np.full(1000, 1e-3), 1) == []
    assert inv.distribution([[0.5, 0.5], [1.0, 0.0]]) == []
    assert inv.counted([2, 3], 5) == []
    assert inv.floor(2.0, 2.0) == []
    assert inv.occupancy(10, 10) == []


@pytest.mark.parametrize(
    "broken",
    [
        inv.mass([0.5, 0.5], 1.00001),
        inv.mass([NAN, 0.5], 1),
        inv.mass([1.5, -0.5], 1),
        inv.occupancy(NAN, 10),
        inv.occupancy(10.001, 10),
        inv.occupancy(-1, 10),
        inv.flow(NAN, 0, 0, 0, 0),
        inv.flow(2, 0, 5, 0, 2),
        inv.ceiling(NAN, 5.0),
        inv.ceiling(5.0, NAN),
        inv.ceiling(5.1, 5.0),
        inv.floor(NAN, 5.0),
        inv.floor(4.9, 5.0),
        inv.distribution([0.5, NAN]),
        inv.distribution([[0.5, 0.5], [0.5, 0.4]]),
        inv.distribution([1.5, -0.5]),
        inv.counted([3, -1], 2),
        inv.counted([3, NAN], 3),
        inv.finite([1.0, INF]),
    ],
)
def test_each_breach_is_one(broken):
    assert len(broken) == 1
    assert "must" in str(broken[0])


def test_soft_capacity_and_prefill_raise_the_ceiling_only_by_what_they_can_earn():
    stats = {"fetched": 0.0, "fetched_other": 0.0, "evicted": 0.0, "occupancy": 3.0, "peak_occupancy": 3.0}
    soft = {"capacity": 2, "stats": stats, "prefilled": 3, "soft_capacity": True, "optimum": 4.0}
    assert inv.caching([], reward=4 * 1.5 + 3, **soft) == []
    assert len(inv.caching([], reward=4 * 1.5 + 3.01, **soft)) == 1
    assert len(inv.caching([], reward=0, **(soft | {"soft_capacity": False}))) == 2  # occupancy and its peak


@given(st.lists(st.integers(0, 6), min_size=1, max_size=40), st.integers(1, 5), st.integers(1, 5))
def test_the_demand_optimum_is_concave_in_the_capacity(items, c, d):
    """What the ceiling of a soft capacity rests on: OPT(P) <= OPT(C) P / C for P >= C."""
    low, high = sorted((c, d))
    small, large = (belady_bypass(items, k, catalog_size=7).value for k in (low, high))
    assert large <= small * high / low + 1e-9


@given(st.lists(st.integers(0, 5), min_size=1, max_size=40), st.integers(1, 4), st.integers(0, 10**6))
def test_no_prefilled_prefetching_cache_earns_more_than_the_ceiling(items, c, seed):
    """A cache that starts with anything and fetches anything, chosen with the future in hand."""
    rng = np.random.default_rng(seed)
    held = set(rng.permutation(6)[:c].tolist())
    hits, other = 0, 0
    for t, i in enumerate(items):
        hits += i in held
        soon = list(dict.fromkeys(items[t + 1 :]))[:c]  # Belady with prefetching: the next distinct requests
        if rng.random() < 0.7 and soon:
            new = set(soon) | set(list(held - set(soon))[: c - len(soon)])
            other += len(new - held - {i})
            held = new
    best = belady_bypass(items, c, catalog_size=6).upper_bound
    assert inv.ceiling(hits, best, prefilled=c, fetched_other=other) == []


def test_affordable_is_a_small_share_of_a_chunk():
    assert inv.affordable(1000, 1 << 20)
    assert not inv.affordable(10**6, 1 << 20)
