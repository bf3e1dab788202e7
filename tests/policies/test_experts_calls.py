"""`experts` one request at a time: the fused entry, events, sizes, and what a host does behind its back."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from olearn.errors import NotSupportedError
from olearn.policies.caching import Experts
from olearn.policies.caching._fused import can_fuse

UNIT = ("lru", "lfu-in-cache", "s3-fifo", "ftpl(eta=1.0)")
SIZED = ("lirs", "lru", "lfu-in-cache", "gdsf")


def _states(cache):
    f = cache.state.follower
    return [cache.losses(), cache.stats, cache.contents().tolist(), f.apart.tolist(), f.deficit.tolist()]


@given(st.lists(st.integers(0, 11), max_size=80), st.integers(1, 12), st.booleans())
@settings(deadline=None, max_examples=40)
def test_events_of_single_requests_are_those_of_a_chunk(items, capacity, safe):
    """Also one by one with members that have no step of their own."""
    make = lambda: Experts(capacity, 12, 100, members=UNIT, safe=safe, seed=5)  # noqa: E731
    told = make().request_many(np.array(items, np.int64), events=True)
    one, slow = make(), make()
    for t, item in enumerate(items):
        for cache, serve in ((one, one._serve), (slow, None)):
            gone = []
            if serve is None:
                code = slow._one_by_one(slow.state, item, None, gone)
            else:
                code = serve(item, None, gone)
            assert code & 1 == told.hits[t]
            assert bool(code & 2) == told.admitted[t]
            assert gone == told.evicted[told.offsets[t] : told.offsets[t + 1]].tolist()
            assert len(cache) <= capacity
    assert _states(one) == _states(slow)


@given(
    st.lists(st.tuples(st.integers(0, 9), st.integers(0, 6)), max_size=80),
    st.integers(1, 20),
)
@settings(deadline=None, max_examples=40)
def test_sized_single_requests_are_those_of_a_chunk(requests, capacity):
    items, sizes = [i for i, _ in requests], [s for _, s in requests]
    make = lambda: Experts(capacity, 10, 100, members=SIZED, unit="bytes")  # noqa: E731
    chunk = make()
    hits = chunk.request_many(np.array(items, np.int64), np.array(sizes, np.int64)).tolist()
    one, logged = make(), make()
    assert [one.request(i, s) for i, s in requests] == hits
    assert [logged.request(i, s, evicted=[]) for i, s in requests] == hits
    assert _states(one) == _states(logged) == _states(chunk)


def test_sizes_that_need_eight_bytes_and_a_catalogue_that_grows_in_mid_run():
    chunk, one = (Experts(2**37, 4, 100, members=SIZED, unit="bytes") for _ in range(2))
    rounds = ([(0, 5), (1, 2**35), (0, 5), (1, 7)], [(7, 2**33), (1, 2**35), (7, 2**33), (0, 5), (5, 2**36)])
    for requests in rounds:
        hits = chunk.request_many([i for i, _ in requests], [s for _, s in requests]).tolist()
        assert [one.request(i, s) for i, s in requests] == hits
        assert _states(one) == _states(chunk)
        chunk.grow(chunk.catalog_size + 4)
        one.grow(one.catalog_size + 4)
    assert one.request(7, 2**33)


def test_lookup_and_admit_are_a_request():
    rng = np.random.default_rng(2)
    items = rng.zipf(1.5, 2000) % 40
    whole, apart = (Experts(5, 40, 2000, members=UNIT) for _ in range(2))
    for item in items.tolist():
        hit = apart.lookup(item)
        if not hit:
            assert not apart.lookup(item)
            assert apart.admit(item) == (item in apart)
        assert whole.request(item) == hit
    assert _states(whole) == _states(apart)


def test_what_a_host_takes_out_comes_back_at_its_next_request():
    cache = Experts(3, 10, 100, members="lru + lfu-in-cache")
    for item in (1, 2, 3):
        cache.request(item)
    apart = cache.state.follower.apart.copy()
    assert cache.peek() in (1, 2, 3)
    assert cache.remove(2)
    assert not cache.remove(2)
    assert cache.contents().tolist() == [1, 3]
    assert (cache.state.follower.apart - apart).tolist() == [1.0, 1.0]
    assert not cache.request(2)
    assert 2 in cache
    first = cache.peek()
    assert cache.evict() == first
    cache.clear()
    assert len(cache) == 0
    assert cache.evict() is None
    assert cache.peek() is None
    for item in (4, 5, 6, 7):
        cache.request(item)
    assert cache.contents().tolist() == [5, 6, 7]


def test_the_bound_pays_for_what_was_taken_out():
    cache = Experts(10, 1000, 10**6)
    before = cache.bound().value
    cache.request(3)
    cache.remove(3)
    assert cache.bound().value == before + 1
    cache.resize(5)
    assert cache.bound() is None


@given(
    st.lists(
        st.tuples(st.sampled_from(["request", "remove", "evict", "resize"]), st.integers(0, 11)), max_size=60
    )
)
@settings(deadline=None, max_examples=60)
def test_any_calls_keep_the_capacity_and_the_accounts(calls):
    cache = Experts(4, 12, 100, members="lru + s3-fifo + sieve")
    for name, item in calls:
        if name == "evict":
            cache.evict()
        elif name == "resize":
            cache.resize(item + 1)
        else:
            getattr(cache, name)(item)
        held = set(cache.contents().tolist())
        assert len(held) == len(cache) <= cache.capacity
        for k, member in enumerate(cache.state.members):
            inside = set(member.contents().tolist())
            bits = cache.state.follower.bits
            assert inside == {i for i in range(12) if bits[i] >> k & 1}
            assert cache.state.follower.apart[k] == len(inside - held)


def test_a_member_without_resize_says_so():
    class Odd(type(Experts(2, 5).state.members[0])):
        name = "odd"

    Odd.capabilities = frozenset(Odd.capabilities - {"resize"})
    cache = Experts(2, 5, members="lru + sieve")
    cache.state.members[0] = Odd(2, 5)
    with pytest.raises(NotSupportedError, match="odd"):
        cache.resize(3)


def test_nested_experts_are_served_one_by_one():
    cache = Experts(2, 6, 100, members=["lru", "experts(members='lru + sieve')"])
    assert not can_fuse(cache.state.members)
    items = [0, 1, 2, 0, 3, 0, 1]
    hits = [cache.request(i) for i in items]
    again = Experts(2, 6, 100, members=["lru", "experts(members='lru + sieve')"])
    assert again.request_many(items).tolist() == hits
