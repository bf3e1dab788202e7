"""The adapter to cachetools, and `olearn.cached`: against the peer's own LRU, sizes, times, what hosts do."""

import copy
import pickle
import threading

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import olearn
from olearn import registry
from olearn._values import Values
from olearn.errors import OlearnError

cachetools = pytest.importorskip("cachetools", reason="cachetools is not installed")
from olearn.adapters.cachetools import OlearnCache, OlearnTTLCache  # noqa: E402

CALLS = st.lists(
    st.tuples(st.sampled_from(["get", "set", "del", "pop", "popitem", "in", "setdefault"]), st.integers(0, 7)),
    max_size=80,
)


def _play(cache, calls):
    told = []
    for name, key in calls:
        try:
            if name == "get":
                told.append(cache[key])
            elif name == "set":
                cache[key] = key * 10
            elif name == "del":
                del cache[key]
            elif name == "popitem":
                told.append(cache.popitem())
            elif name == "in":
                told.append(key in cache)
            elif name == "pop":
                told.append(cache.pop(key, None))
            else:
                told.append(cache.setdefault(key, -key))
        except KeyError:
            told.append("KeyError")
        told.append((len(cache), cache.currsize, sorted(cache)))
    return told


@given(CALLS, st.integers(1, 5))
@settings(deadline=None, max_examples=80)
def test_with_lru_it_does_what_theirs_does(calls, maxsize):
    assert _play(OlearnCache(maxsize, "lru"), calls) == _play(cachetools.LRUCache(maxsize), calls)


@given(CALLS, st.integers(7, 20))
@settings(deadline=None, max_examples=60)
def test_with_sizes_too(calls, maxsize):
    """Keys keep their sizes here: a value stored anew with another size is another object to the policy."""
    size = lambda value: abs(value) // 10 + 1 if value >= 0 else 1  # noqa: E731
    calls = [c for c in calls if c[0] != "setdefault"]
    theirs = cachetools.LRUCache(maxsize, getsizeof=size)
    assert _play(OlearnCache(maxsize, "lru", size), calls) == _play(theirs, calls)


def _integral():
    for name, kind in registry.classes("caching").items():
        if "events" in kind.capabilities and not kind.offline and not kind.fractional:
            yield name


@pytest.mark.jit_only
@pytest.mark.parametrize("name", sorted(_integral()))
def test_every_policy_that_reports_events(name):
    """Hits are those of a replay of the same keys, for policies that start empty; never a wrong value."""
    needs = {"ogb": "(eta=0.1)", "ftpl": "(eta=5)"}
    keys = (np.random.default_rng(1).zipf(1.3, 800) % 60).tolist()
    try:
        cache = OlearnCache(8, name + needs.get(name, ""), horizon=800)
    except TypeError:
        cache = OlearnCache(8, name)
    hits = []
    for key in keys:
        hits.append(key in cache)
        if hits[-1]:
            assert cache[key] == key + 1
        else:
            cache[key] = key + 1
        if not cache.policy.soft_capacity:
            assert len(cache) <= 8
        assert set(cache) == {k for k in cache if k in cache._keyed}
    told = olearn.Keyed(name + needs.get(name, ""), 8, 800).request_many(keys).astype(bool).tolist()
    assert hits == told


def test_it_works_with_their_decorators_and_is_one_of_theirs():
    cache = OlearnCache(2, "s3-fifo")
    assert isinstance(cache, cachetools.Cache)
    calls = []

    @cachetools.cached(cache, info=True)
    def double(x):
        calls.append(x)
        return 2 * x

    assert [double(x) for x in (1, 1, 2, 1)] == [2, 2, 4, 2]
    assert calls == [1, 2]
    assert double.cache_info().hits == 2


def test_what_it_refuses_and_the_ends_of_the_range():
    with pytest.raises(ValueError, match="non-negative"):
        OlearnCache(-1)
    with pytest.raises(ValueError, match="whole number"):
        OlearnCache(1.5)
    with pytest.raises(OlearnError, match="did you mean"):
        OlearnCache(5, "lruu")
    nothing = OlearnCache(0, "lru")
    with pytest.raises(ValueError, match="too large"):
        nothing[1] = 1
    endless = OlearnCache(float("inf"), "lru")
    endless.update((k, k) for k in range(50))
    assert len(endless) == 50
    assert endless.popitem() == (0, 0)
    sized = OlearnCache(10, "lru", len)
    with pytest.raises(ValueError, match="too large"):
        sized["a"] = "x" * 11
    sized["a"] = "x" * 6
    with pytest.raises(ValueError, match="too large"):
        sized["a"] = "x" * 11
    assert sized["a"] == "x" * 6
    with pytest.raises(ValueError, match="whole number"):
        OlearnCache(10, "lru", lambda v: 1.5)["a"] = 1


def test_times_to_live():
    now = [0.0]
    ours = OlearnTTLCache(3, 10, timer=lambda: now[0], policy="lru")
    theirs = cachetools.TTLCache(3, 10, timer=lambda: now[0])
    rng = np.random.default_rng(5)
    for _ in range(400):
        now[0] += float(rng.integers(0, 4))
        key = int(rng.integers(0, 6))
        found = [key in cache for cache in (ours, theirs)]
        assert found[0] == found[1]
        if not found[0]:
            ours[key] = theirs[key] = key
        assert sorted(ours) == sorted(theirs)
        assert len(ours) == len(theirs)
    assert ours.ttl == 10


def test_copies_and_pickles_go_their_own_way():
    cache = OlearnCache(3, "lru")
    for k in (1, 2, 3):
        cache[k] = k
    twins = [copy.copy(cache), pickle.loads(pickle.dumps(cache))]
    cache[4] = 4
    for twin in twins:
        assert sorted(twin) == [1, 2, 3]
        twin[2]
        twin[5] = 5
        assert sorted(twin) == [2, 3, 5]
    assert sorted(cache) == [2, 3, 4]


def test_cached_is_lru_cache_with_another_policy():
    from functools import lru_cache

    calls = {"ours": 0, "theirs": 0}

    @olearn.cached(maxsize=5, policy="lru")
    def ours(x, y=0):
        calls["ours"] += 1
        return x + y

    @lru_cache(maxsize=5)
    def theirs(x, y=0):
        calls["theirs"] += 1
        return x + y

    for x in (np.random.default_rng(3).zipf(1.4, 500) % 20).tolist():
        assert ours(x, y=1) == theirs(x, y=1)
    assert tuple(ours.cache_info()) == tuple(theirs.cache_info())
    assert calls["ours"] == calls["theirs"]
    assert ours.cache_parameters() == {"maxsize": 5, "typed": False, "policy": "lru"}
    ours.cache_clear()
    assert tuple(ours.cache_info()) == (0, 0, 5, 0)
    assert ours.__wrapped__(2, 3) == 5
    with pytest.raises(OlearnError, match="whole number"):
        olearn.cached(maxsize=1.5)


def test_cached_from_many_threads():
    @olearn.cached(maxsize=50, policy="lru")
    def square(x):
        return x * x

    wrong = []

    def work(seed):
        for x in (np.random.default_rng(seed).zipf(1.2, 2000) % 200).tolist():
            if square(x) != x * x:
                wrong.append(x)

    threads = [threading.Thread(target=work, args=(seed,)) for seed in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    info = square.cache_info()
    assert wrong == []
    assert info.hits + info.misses == 8000
    assert info.currsize <= 50


def test_missing_has_the_last_word():
    class Squares(Values):
        def __missing__(self, key):
            self[key] = value = key * key
            return value

    cache = Squares(2, "lru")
    assert [cache[k] for k in (2, 3, 4)] == [4, 9, 16]
    assert sorted(cache) == [3, 4]
    assert cache.get(7) is None
