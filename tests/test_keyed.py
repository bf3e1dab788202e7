"""Any policy with keys of any type and a catalogue that grows."""

import pickle
import tracemalloc

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import naive.keyed as naive
from olearn import registry
from olearn.errors import NotSupportedError, OlearnError, ParameterError
from olearn.keyed import Keyed
from olearn.policies.caching import LRU

ONLINE = [n for n, c in registry.classes("caching").items() if not c.offline]


def _keys(length=400, seed=0):
    return [f"/page/{k}" for k in np.random.default_rng(seed).zipf(1.3, length) % 150]


@pytest.mark.parametrize("name", ONLINE)
def test_one_by_one_equals_many_while_the_catalogue_grows(name):
    keys = _keys()
    many, single = Keyed(name, 5, 1000), Keyed(name, 5, 1000)
    assert many.policy.catalog_size == 10
    served = many.request_many(keys)
    assert np.array_equal(served, [single.request(k) for k in keys])
    if "forget" in many.policy.capabilities:
        assert many.known <= many.policy.catalog_size
    else:
        assert many.known == len(set(keys)) <= many.policy.catalog_size
    assert sorted(many) == sorted(single)
    assert len(many) == len(list(many))


@pytest.mark.parametrize("name", ONLINE)
def test_the_first_request_of_a_key_earns_nothing(name):
    cache = Keyed(name, 5, 1000)
    seen = set()
    for key in _keys(150):
        reward = cache.request(key)
        if key not in seen:
            assert reward == 0
        seen.add(key)


def test_lru_equals_the_policy_on_dense_ids():
    keys = _keys()
    ids = {k: i for i, k in enumerate(dict.fromkeys(keys))}
    expected = LRU(5, len(ids)).request_many([ids[k] for k in keys])
    assert np.array_equal(Keyed("lru", 5).request_many(keys), expected)


def test_mixed_keys_copies_and_reset():
    cache = Keyed("ogb(eta=0.1)", capacity=3)
    keys = [("a", 1), 7, None, "x", ("a", 1), 7] * 5
    first = cache.request_many(keys)
    twin, stored = cache.copy(), pickle.loads(pickle.dumps(cache))
    rest = cache.request_many(keys)
    assert np.array_equal(rest, twin.request_many(keys))
    assert np.array_equal(rest, stored.request_many(keys))
    assert ("nothing" in cache, cache.fraction("nothing")) == (False, 0.0)
    cache.reset()
    assert np.array_equal(first, cache.request_many(keys))


@pytest.mark.jit_only
def test_the_mean_occupancy_stays_the_capacity_while_the_catalogue_grows():
    """Mean of 300 runs within 4.5 standard errors of C = 5; the variance is at most C."""
    keys = _keys(500)
    held = []
    for seed in range(300):
        cache = Keyed("ogb(eta=0.05)", 5, seed=seed)
        cache.request_many(keys)
        held.append(cache.policy.stats["occupancy"])
    assert abs(np.mean(held) - 5) < 4.5 * np.sqrt(5 / 300)


def test_what_it_refuses():
    with pytest.raises(NotSupportedError, match="reads the future"):
        Keyed("belady", 5)
    with pytest.raises(OlearnError, match="did you mean"):
        Keyed("lruu", 5)
    with pytest.raises(ParameterError, match="capacity"):
        Keyed("lru", 0)
    with pytest.raises(ParameterError, match="the text 'abc'"):
        Keyed("lru", 5).request_many("abc")
    with pytest.raises(ParameterError, match="give horizon"):
        Keyed("ogb", 5).request("a")


FORGETTING = [
    n for n in ONLINE if "forget" in registry.classes("caching")[n].capabilities and n not in ("ogb", "ogd")
]


@pytest.mark.parametrize("name", FORGETTING)
def test_keys_that_are_forgotten_change_nothing(name):
    """What the policy needs no more can go: hits as on a catalogue where every key has its own id."""
    keys = _keys(1500, seed=3)
    ids = {k: i for i, k in enumerate(dict.fromkeys(keys))}
    more = registry.find("caching", name).keyed("items")
    policy = registry.make("caching", name, capacity=6, catalog_size=len(ids), **more)
    expected = policy.request_many([ids[k] for k in keys])
    cache = Keyed(name, 6)
    assert np.array_equal(cache.request_many(keys), expected)
    assert [k in cache for k in ids] == [i in policy for i in ids.values()]


@pytest.mark.jit_only
@pytest.mark.parametrize("name", ["lru", "fifo", "random"])
def test_memory_is_bounded_by_the_capacity(name):
    tracemalloc.start()
    try:
        cache = Keyed(name, 100)
        for k in range(30_000):
            cache.request(f"/page/{k}")
        assert cache.known <= 200
        assert tracemalloc.get_traced_memory()[0] < 2_000_000
    finally:
        tracemalloc.stop()


@st.composite
def calls(draw):
    """A sequence of calls on keys a .. h, sizes 1 .. 6, times that pass."""
    key = st.sampled_from("abcdefgh")
    ttl = st.one_of(st.none(), st.integers(1, 6))
    one = st.one_of(
        st.tuples(st.just("request"), key, st.integers(0, 6), ttl),
        st.tuples(st.just("replace"), key, st.integers(0, 6), ttl),
        st.tuples(st.sampled_from(["remove", "lookup"]), key),
        st.tuples(st.sampled_from(["expire", "evict"])),
        st.tuples(st.just("resize"), st.integers(3, 12)),
        st.tuples(st.just("wait"), st.integers(1, 4)),
    )
    return draw(st.lists(one, max_size=50))


@given(calls())
def test_sizes_times_and_causes_equal_the_twin(sequence):
    clock = [0.0]
    told = []
    cache = Keyed(
        "lru",
        10,
        unit="bytes",
        expected_items=3,  # so that ids are given out, taken back and added
        on_evict=lambda key, cause: told.append((key, cause)),
        timer=lambda: clock[0],
    )
    twin = naive.KeyedLRU(10, lambda: clock[0])
    for name, *given_ in sequence:
        told.clear()
        if name == "wait":
            clock[0] += given_[0]
            expected = []
        elif name == "request":
            key, size, ttl = given_
            hit, expected = twin.request(key, size, ttl)
            assert cache.request(key, size, ttl=ttl) == hit
        elif name == "replace":
            key, size, ttl = given_
            expected = twin.remove(key, "replaced") + twin.request(key, size, ttl)[1]
            assert cache.replace(key, size, ttl=ttl) == (key in twin.contents())
        elif name == "remove":
            expected = twin.remove(*given_)
            assert cache.remove(*given_) == any(cause == "removed" for _, cause in expected)
        elif name == "lookup":
            known = given_[0] in twin.contents()
            expected = twin.request(given_[0])[1] if known else twin.remove(given_[0])
            assert cache.lookup(*given_) == known
        elif name == "expire":
            expected = twin.expire()
            assert sorted(cache.expire()) == sorted(key for key, _ in expected)
            assert sorted(told) == sorted(expected)
            continue
        elif name == "evict":
            expected = twin.evict()
            assert cache.evict() == (expected[0][0] if expected else None)
        else:
            expected = twin.resize(*given_)
            assert cache.resize(*given_) == [key for key, _ in expected]
        assert told == expected
        assert set(cache) == twin.contents()
        assert len(cache) == len(twin.contents())
        assert cache.policy.stats["bytes"] <= twin.capacity


def test_many_tell_the_same_as_one_by_one():
    keys = _keys(600)
    one, many = [], []
    single = Keyed("s3-fifo", 20, on_evict=lambda *event: one.append(event))
    for key in keys:
        single.request(key)
    Keyed("s3-fifo", 20, on_evict=lambda *event: many.append(event)).request_many(keys)
    assert one == many
    assert one


def test_on_evict_may_use_the_cache():
    again = []
    cache = Keyed("lru", 2, on_evict=lambda key, cause: again.append((key in cache, cache.lookup(key))))
    cache.request_many(["a", "b", "c", "d"])
    assert again == [(False, False), (False, False)]


def test_a_default_time_and_sizes_by_function():
    clock = [0.0]
    cache = Keyed("fifo", 10, ttl=5, timer=lambda: clock[0], unit="bytes", getsizeof=len)
    assert [cache.request(k) for k in ("four", "sixsix", "four")] == [False, False, True]
    assert cache.policy.stats["bytes"] == 10
    clock[0] = 5.0
    assert "four" not in cache
    assert len(cache) == 0
    assert cache.request("four") is False
    assert cache.expire() == ["sixsix"]
    twin = pickle.loads(pickle.dumps(Keyed("lru", 3, ttl=1)))
    assert twin.ttl == 1


def test_what_a_policy_cannot_is_refused():
    with pytest.raises(NotSupportedError, match="on_evict needs 'events'"):
        Keyed("ogd(eta=0.1)", 5, on_evict=print)
    with pytest.raises(NotSupportedError, match="ttl needs 'remove'"):
        Keyed("omd(eta=0.1)", 5, ttl=3)
    with pytest.raises(ParameterError, match="getsizeof needs"):
        Keyed("lru", 5, getsizeof=len)
    with pytest.raises(ParameterError, match="one for each of the 2 keys"):
        Keyed("lru", 5, unit="bytes").request_many(["a", "b"], [1])


def test_experts_forget_what_nobody_needs():
    """The default of this class: its catalogue stays within a small multiple of the capacity."""
    cache = Keyed(capacity=50)
    for k in range(20_000):
        cache.request(k)
        cache.request(k % 70)
    assert cache.known <= cache.policy.catalog_size <= 20 * 50
    remembers = Keyed("experts(members='lru + ftpl(eta=1)')", 50)
    for k in range(2000):
        remembers.request(k)
    assert remembers.known == 2000
