"""Single calls: addresses of arrays, threads, what a host leaves of a bound, the same without the compiler."""

import copy
import json
import os
import pickle
import subprocess
import sys
import threading

import numpy as np
import pytest

from olearn import registry
from olearn.errors import InUseError, NotSupportedError, ParameterError
from olearn.policies.caching import FTPL, LFU, LRU, OGB

ONLINE = [n for n, c in registry.classes("caching").items() if not c.offline]


def _items(n, length=300, seed=0):
    return (np.random.default_rng(seed).zipf(1.2, length) % n).astype(np.int32)


@pytest.mark.parametrize("name", ["lru", "ogb", "omd", "random"])
def test_every_new_state_has_new_addresses(name):
    """Requests one by one before and after whatever replaces arrays: as a policy served in bulk."""
    cache = registry.make("caching", name, capacity=4, catalog_size=10, horizon=500)
    twin = cache.copy()
    items = _items(10).tolist()

    def same(ids):
        assert [cache.request(i) for i in ids] == twin.request_many(np.array(ids)).tolist()

    same(items)
    cache.grow(30), twin.grow(30)
    same(_items(30, seed=1).tolist())
    cache = copy.deepcopy(cache)
    same(_items(30, seed=2).tolist())
    cache = pickle.loads(pickle.dumps(cache))
    same(_items(30, seed=3).tolist())
    if "resize" in cache.capabilities:
        assert cache.resize(2) == twin.resize(2)
        same(_items(30, seed=4).tolist())
    cache.reset(), twin.reset()
    same(items)
    assert (cache.capacity, cache.catalog_size) == (4, 10)


def test_copies_do_not_share_memory():
    first = LRU(3, 10)
    first.request(1)
    second = first.copy()
    for i in range(5, 9):
        second.request(i)
    assert list(first) == [1]
    assert first.request(1) is True


def test_a_size_that_needs_eight_bytes_widens_the_state():
    cache = LRU(2**40, 4, unit="bytes")
    assert [cache.request(0, 5), cache.request(1, 2**33), cache.request(0, 5), cache.request(1, 2**33)] == [
        False,
        False,
        True,
        True,
    ]
    assert cache.stats["bytes"] == 2**33 + 5
    cache.grow(8)
    assert cache.request(7, 2**39) is False
    assert cache.stats["bytes"] == 2**39 + 2**33 + 5


@pytest.mark.jit_only
def test_bulk_calls_of_two_threads_are_refused_or_wait():
    """A million requests take milliseconds outside the interpreter lock, in which the other thread calls."""
    items = _items(5000, 1_000_000)
    for lock in (False, True):
        cache = LRU(500, 5000, lock=lock)
        cache.request_many(items[:10])
        refused, served = [], []

        def work(cache=cache, refused=refused, served=served):
            for _ in range(5):
                try:
                    served.append(cache.request_many(items).size)
                except InUseError as error:
                    refused.append(str(error))

        threads = [threading.Thread(target=work) for _ in range(4)]
        for t in threads:
            t.start()
        for t in threads:
            t.join()
        assert len(cache) == 500
        assert cache.stats["occupancy"] == len(cache.contents()) == 500
        assert cache.stats["fetched"] - cache.stats["evicted"] == 500
        assert len(refused) + len(served) == 20
        if lock:
            assert not refused
        else:
            assert all("another thread is inside this policy" in said for said in refused)


def test_every_call_sees_the_other_thread():
    cache = LRU(3, 10)
    cache.request(1)
    cache._busy = True  # as a thread that is inside leaves it
    calls = (lambda: cache.request(1), lambda: cache.request_many([1]), cache.copy, cache.reset, cache.evict)
    for call in calls:
        with pytest.raises(InUseError, match="lock=True"):
            call()
    cache._busy = False
    assert cache.request(1) is True


@pytest.mark.jit_only
def test_single_requests_of_many_threads_do_not_corrupt():
    cache = LRU(500, 20_000)
    cache.request(0)
    errors = []

    def work(seed):
        try:
            for i in np.random.default_rng(seed).integers(0, 20_000, 20_000).tolist():
                cache.request(i)
        except Exception as error:
            errors.append(error)

    threads = [threading.Thread(target=work, args=(s,)) for s in range(4)]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    assert not errors
    assert len(cache) == len(cache.contents()) == 500
    chain, links = [], cache.state.links
    node = links[1]
    while node != 0:  # the recency list is whole
        chain.append(int(node) - 1)
        node = links[2 * node + 1]
    assert sorted(chain) == cache.contents().tolist()


@pytest.mark.parametrize("policy", [FTPL, OGB])
def test_items_taken_out_cost_one_hit_each_and_resize_ends_the_bound(policy):
    """An adversary takes out what is asked for next: the regret stays below the bound plus one a removal."""
    n, capacity, length = 12, 4, 400
    items = _items(n, length, seed=5)
    best = np.sort(np.bincount(items, minlength=n))[::-1][:capacity].sum()
    regrets, bounds = [], []
    for seed in range(40):
        cache = policy(capacity, n, length, seed=seed)
        before = cache.bound().value
        earned = 0
        for t, i in enumerate(items.tolist()):
            if t % 10 == 0:
                cache.remove(i)
            earned += cache.request(i)
        assert cache.bound().value == pytest.approx(before + cache._taken)
        assert "taken out" in cache.bound().formula
        regrets.append(best - earned)
        bounds.append(cache.bound().value)
    slack = 4 * np.std(regrets, ddof=1) / np.sqrt(len(regrets))
    assert np.mean(regrets) <= np.mean(bounds) + slack
    if "resize" in cache.capabilities:
        cache.resize(2)
        assert cache.bound() is None
    cache.reset()
    assert cache.bound().value == pytest.approx(before)


@pytest.mark.parametrize("policy", [FTPL, OGB, LFU])
def test_what_was_taken_out_is_back_after_one_miss(policy):
    cache = policy(3, 10, 100)
    for _ in range(60):
        cache.request(7)
    assert 7 in cache
    assert cache.remove(7)
    assert not cache.remove(7)
    assert [cache.request(7), cache.request(7)] == [False, True]


def test_what_the_calls_refuse():
    cache = LRU(2, 5)
    with pytest.raises(ParameterError, match="evicted must be a list"):
        cache.request(1, evicted=np.zeros(3))
    with pytest.raises(ParameterError, match="between 0 and 4, got 5"):
        cache.remove(5)
    with pytest.raises(ParameterError, match="at most the catalogue, got 6"):
        cache.resize(6)
    with pytest.raises(NotSupportedError, match=r"ogd has no 'events'; its capabilities are .*grow"):
        registry.make("caching", "ogd(eta=0.1)", capacity=2, catalog_size=5).request_many([1], events=True)
    batched = OGB(2, 5, eta=0.1, batch=3)
    assert "lookup" not in batched.capabilities
    assert "lookup" in OGB.capabilities
    with pytest.raises(NotSupportedError, match="has no 'lookup'"):
        batched.lookup(1)


def _run(names):
    """Rewards, events and contents of every policy, one by one and in bulk: JSON."""
    told = {}
    for name in names:
        kind = registry.find("caching", name)
        items = _items(9, 60, seed=8)
        more = {"requests": items} if kind.offline else {}
        cache = kind(capacity=3, catalog_size=9, horizon=60, **more)
        rewards = [round(float(cache.request(i)), 9) for i in items[:20].tolist()]
        if "events" in kind.capabilities:
            events = cache.request_many(items[20:], events=True)
            rewards += events.hits.tolist() + events.admitted.tolist() + events.evicted.tolist()
        else:
            rewards += np.round(cache.request_many(items[20:]).astype(float), 9).tolist()
        if "peek" in kind.capabilities:
            rewards += [cache.peek(), cache.evict()]
        if kind.takes_sizes:
            sized = kind(capacity=30, catalog_size=9, horizon=60, unit="bytes")
            rewards += sized.request_many(items, items * 3 + 2).tolist()
        told[name] = [*rewards, *np.round(cache.fractions(), 9).tolist()]
    return json.loads(json.dumps(told, default=float))


@pytest.fixture(scope="module")
def without_the_compiler():
    """What every policy does where kernels run as Python, in a process of its own."""
    code = (
        f"import json, sys; sys.path[:0] = {sys.path!r}; import importlib.util as u; "
        f"spec = u.spec_from_file_location('t', {__file__!r}); m = u.module_from_spec(spec); "
        f"spec.loader.exec_module(m); print(json.dumps(m._run({registry.names('caching')!r})))"
    )
    environment = {**os.environ, "NUMBA_DISABLE_JIT": "1"}
    plain = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True)
    assert plain.returncode == 0, plain.stderr
    return json.loads(plain.stdout)


@pytest.mark.jit_only
@pytest.mark.parametrize("name", registry.names("caching"))
def test_every_policy_is_the_same_without_the_compiler(name, without_the_compiler):
    assert _run([name])[name] == pytest.approx(without_the_compiler[name], abs=1e-9)
