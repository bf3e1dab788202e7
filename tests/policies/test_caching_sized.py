"""Sizes and events: equal to slow twins, to the counts of another simulator, and among themselves."""

import csv

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import naive.caching as unit
import naive.caching_sized as naive
from olearn import _rng
from olearn.errors import NotSupportedError, ParameterError
from olearn.policies.caching import FIFO, LFU, LRU, OGB, OGD, Belady, Random
from olearn.policies.caching.ogb import permanent
from olearn.traces import load


def random_twin(requests, capacity):
    state = _rng.new_state(0)
    return naive.random_replacement(requests, capacity, lambda k: int(_rng.below(state, k)))


TWINS = [(LRU, naive.lru), (FIFO, naive.fifo), (LFU, naive.lfu), (Random, random_twin)]


@st.composite
def sized_games(draw, max_items=8, max_length=60):
    """(items, sizes, capacity, catalogue); sizes change from request to request, some exceed the cache."""
    n = draw(st.integers(1, max_items))
    capacity = draw(st.integers(1, 20))
    requests = draw(st.lists(st.tuples(st.integers(0, n - 1), st.integers(0, 24)), max_size=max_length))
    items = np.array([i for i, _ in requests], dtype=np.int32)
    return items, np.array([s for _, s in requests], dtype=np.int64), capacity, n


def as_rows(events):
    hits, admitted, offsets, evicted = events
    return [
        (bool(hits[t]), bool(admitted[t]), evicted[offsets[t] : offsets[t + 1]].tolist())
        for t in range(hits.size)
    ]


@pytest.mark.parametrize(("policy", "twin"), TWINS)
@given(sized_games())
def test_bytes_equal_the_twin(policy, twin, game):
    items, sizes, capacity, n = game
    expected = twin(list(zip(items.tolist(), sizes.tolist())), capacity)
    cache = policy(capacity, n, unit="bytes")
    assert as_rows(cache.request_many(items, sizes, events=True)) == expected
    assert cache.stats["bytes"] <= capacity
    single, gone = policy(capacity, n, unit="bytes"), []
    for t, (hit, _, left) in enumerate(expected):
        assert single.request(int(items[t]), int(sizes[t]), evicted=gone) == hit
        assert gone == left
    assert single.stats == cache.stats


@pytest.mark.parametrize(("policy", "twin"), TWINS)
@given(sized_games())
def test_items_equal_the_twin_with_unit_sizes(policy, twin, game):
    items, _, capacity, n = game
    capacity = min(capacity, n)
    expected = twin([(i, 1) for i in items.tolist()], capacity)
    assert as_rows(policy(capacity, n).request_many(items, events=True)) == expected


@pytest.mark.parametrize(("policy", "twin"), TWINS)
@given(sized_games(), st.data())
def test_lookup_then_admit_is_request(policy, twin, game, data):
    items, sizes, capacity, n = game
    one, two = policy(capacity, n, unit="bytes"), policy(capacity, n, unit="bytes")
    for i, s in zip(items.tolist(), sizes.tolist()):
        gone, left = [], []
        hit = one.request(i, s, evicted=gone)
        if not hit:
            for _ in range(data.draw(st.integers(1, 3))):
                assert not two.lookup(i)
            assert two.admit(i, s, evicted=left) == (i in one)
        else:
            assert two.lookup(i, evicted=left)
        assert gone == left
        assert np.array_equal(one.contents(), two.contents())


@given(sized_games(), st.sampled_from([0.05, 0.3, 1.0, 1.5]), st.integers(0, 20))
def test_ogb_lets_items_go_on_hits_too(game, eta, seed):
    items, _, capacity, n = game
    capacity = min(capacity, n)
    numbers = np.empty(n)
    permanent(_rng.new_key(seed), numbers)
    told = OGB(capacity, n, eta=eta, seed=seed).request_many(items, events=True)
    expected = naive.ogb(items.tolist(), capacity, n, eta, numbers, unit.project_capped)
    assert [(h, a, set(e)) for h, a, e in as_rows(told)] == expected


def test_ogb_several_leave_in_one_request_and_on_a_hit():
    """Zipf, 20,000 requests: both happen (the known behaviour of this policy, told as lists)."""
    rng = np.random.default_rng(2)
    items = (rng.zipf(1.2, 20_000) % 500).astype(np.int32)
    told = OGB(100, 500, eta=0.3, seed=1).request_many(items, events=True)
    counts = np.diff(told.offsets)
    assert counts.max() > 1
    assert (counts[told.hits] > 0).any()


@given(sized_games())
def test_belady_tells_its_events(game):
    items, _, capacity, n = game
    cache = Belady(min(capacity, n), n, requests=items)
    inside = set()
    for item, (hit, admitted, gone) in zip(items.tolist(), as_rows(cache.request_many(items, events=True))):
        assert hit == (item in inside)
        inside |= {item} if admitted else set()
        inside -= set(gone)
    assert inside == set(cache.contents().tolist())


GOLDEN = {
    "cloudphysics": "libcachesim_cloudphysics/cloudPhysicsIO.oracleGeneral.bin",
    "adaptsize_request": "caffeine_adaptsize/request.trace.xz",
    "cmu_cdn": "leadcache_cmu/CMU_dataset.csv",
    "webcachesim_test": "webcachesim_test/test.tr",
}


OPTIONS = {name: {"format": "webcachesim"} for name in ("adaptsize_request", "webcachesim_test")}


@pytest.mark.jit_only
@pytest.mark.parametrize("policy", [LRU, FIFO])
@pytest.mark.parametrize("name", GOLDEN)
def test_golden_counts_in_bytes(shared, policy, name):
    """Exact miss counts of an independent simulator, every size of cache that it was run at."""
    trace = load(shared / "traces" / GOLDEN[name], **OPTIONS.get(name, {}))
    with (shared / "golden" / "libcachesim.csv").open() as lines:
        rows = [
            (int(r["cache_size_bytes"]), int(r["n_miss"]), int(r["n_miss_byte"]))
            for r in csv.DictReader(lines)
            if r["trace"] == name and r["policy"] == policy.name and r["ignore_size"] == "0"
        ]
    assert len(rows) >= 5
    for capacity, misses, bytes_missed in rows:
        cache = policy(capacity, trace.catalog_size, unit="bytes")
        missed = ~cache.request_many(trace.items, trace.sizes)
        assert (int(missed.sum()), int(trace.sizes[missed].sum())) == (misses, bytes_missed)


def test_what_sizes_refuse():
    with pytest.raises(ParameterError, match="sizes need unit='bytes'"):
        LRU(2, 5).request(1, 10)
    with pytest.raises(ParameterError, match="give the size"):
        LRU(2, 5, unit="bytes").request(1)
    with pytest.raises(ParameterError, match="at least 0, got -1 at position 1"):
        LRU(2, 5, unit="bytes").request_many([1, 2], [3, -1])
    with pytest.raises(ParameterError, match="one for each of the 2 items"):
        LRU(2, 5, unit="bytes").request_many([1, 2], [3])
    with pytest.raises(ParameterError, match="whole numbers"):
        LRU(2, 5, unit="bytes").request_many([1], [np.nan])
    with pytest.raises(ParameterError, match="'items' or 'bytes'"):
        LRU(2, 5, unit="kb").request(1)
    with pytest.raises(NotSupportedError, match="has no 'lookup'"):
        OGD(2, 5, eta=0.1).lookup(1)
