"""`experts-sampled`: its slow twin, its accounts, what it refuses."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from naive.caching_experts_sampled import SlowSampled
from olearn.errors import NotSupportedError, ParameterError
from olearn.policies.caching.experts_sampled import ExpertsSampled
from olearn.traces import synthetic

MEMBERS = ("lru", "lfu-in-cache", "sieve", "random")


@given(
    st.lists(st.integers(0, 14), max_size=150),
    st.integers(1, 15),
    st.sampled_from([1, 2, 5]),
    st.sampled_from([1, 7, 40]),
    st.sampled_from([0.0, 0.1]),
)
@settings(deadline=None, max_examples=60)
def test_equals_its_slow_twin(items, capacity, rate, period, gamma):
    make = lambda: ExpertsSampled(  # noqa: E731
        capacity, 15, 100, members=MEMBERS, rate=rate, period=period, gamma=gamma, seed=4
    )
    cache, single = make(), make()
    sample = np.flatnonzero(cache.state.rank >= 0).tolist()
    slow = SlowSampled(capacity, 15, sample, cache._rules().member, 4, rate, gamma, 1.0, period)
    hits = np.concatenate([cache.request_many(items[:50]), cache.request_many(items[50:])]).tolist()
    for t, item in enumerate(items):
        assert slow.request(item) == hits[t] == single.request(item), t
        assert len(slow.real) <= capacity
    assert cache.contents().tolist() == slow.real.contents().tolist() == single.contents().tolist()
    assert cache.changes == slow.changes
    assert cache.state.deficit.tolist() == slow.deficit
    told = cache.stats
    assert told["fetched"] - told["evicted"] == told["occupancy"] == len(cache)
    assert told["peak_occupancy"] <= capacity
    assert told["fetched"] <= hits.count(False)


def test_a_sample_of_everything_follows_the_best_member():
    """A loop larger than the cache: LRU has no hit, the others do."""
    items = np.arange(40_000) % 110
    cache = ExpertsSampled(100, 110, 40_000, members="lru + lirs", rate=1)
    assert cache.request_many(items).mean() > 0.8
    assert cache.leader == "lirs"


def test_copies_growth_and_one_seed():
    items = synthetic.zipf(20_000, 500, seed=3).items
    whole = ExpertsSampled(50, 500, 20_000, members=MEMBERS, rate=4, seed=9)
    hits = whole.request_many(items)
    part = ExpertsSampled(50, 500, 20_000, members=MEMBERS, rate=4, seed=9)
    first = part.request_many(items[:7000])
    twin = part.copy()
    assert np.array_equal(np.concatenate([first, twin.request_many(items[7000:])]), hits)
    assert np.array_equal(part.request_many(items[7000:]), hits[7000:])
    part.grow(800)
    assert (part.state.rank[:500] == whole.state.rank).all()
    part.request_many(np.arange(800))


@pytest.mark.parametrize("spec", ["lru + ftpl", "lru + ogb(eta=1)", "lru + belady"])
def test_members_that_can_not_run(spec):
    with pytest.raises((NotSupportedError, ParameterError)):
        ExpertsSampled(5, 50, 100, members=spec).request(1)


@pytest.mark.parametrize(
    "more",
    [{"rate": 0}, {"period": 0}, {"gamma": -1.0}, {"beta": -1.0}, {"members": "lru"}, {"members": "lru+lru"}],
)
def test_parameters_that_can_not_be(more):
    with pytest.raises(ParameterError):
        ExpertsSampled(5, 50, 100, **more).request(1)
