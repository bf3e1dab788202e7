"""Any policy with keys of any type and a catalogue that grows."""

import pickle

import numpy as np
import pytest

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
    assert many.policy.catalog_size >= len(set(keys))
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
