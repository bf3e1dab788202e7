"""Mirror ascent in batches: slow twin, omd where B = 1, bounds under attack."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from olearn.errors import OlearnError
from olearn.policies.caching.omd import OMD
from olearn.policies.caching.omd_batch import OMDBatch
from tests.naive import caching_noregret as naive
from tests.policies.test_caching_attack import KINDS, SIZES, breaches
from tests.policies.test_caching_realised import attack, best

ITEMS = st.lists(st.integers(0, 7), min_size=1, max_size=80)


@given(ITEMS, st.integers(1, 8), st.sampled_from([1e-3, 0.2, 1.0]), st.integers(1, 9))
def test_is_the_slow_twin(items, c, eta, batch):
    rewards, x = naive.entropic_batches(items, c, 8, eta, batch)
    cache = OMDBatch(c, 8, eta=eta, batch=batch)
    np.testing.assert_allclose(cache.request_many(items), rewards, atol=1e-8)
    np.testing.assert_allclose(cache.fractions(), x, atol=1e-8)
    if batch == 1:
        np.testing.assert_allclose(OMD(c, 8, eta=eta).request_many(items), rewards, atol=1e-8)


@given(ITEMS, st.integers(1, 7), st.sampled_from([0.01, 0.2, 1.0, 5.0]), st.integers(1, 9))
def test_the_bound_holds_on_every_sequence(items, c, eta, batch):
    cache = OMDBatch(c, 8, eta=eta, batch=batch)
    earned = cache.request_many(items).sum()
    own, promised = cache.bound(len(items), realised=cache.realised()), cache.bound(len(items))
    assert best(np.array(items), c) - earned <= own.value + 1e-9
    assert own.value <= promised.value + 1e-9


@pytest.mark.parametrize("kind", ["least held", "just evicted", "most held", "cyclic", "skewed"])
@pytest.mark.parametrize(("n", "c"), [(2, 1), (12, 4), (12, 11)])
def test_bounds_under_attack(n, c, kind):
    for parameters in ({}, {"batch": 1}, {"batch": 7, "eta": 0.3}):
        policy = OMDBatch(c, n, 250, **parameters)
        items, earned = attack(policy, kind, 250)
        assert best(items, c) - earned <= policy.bound(250, realised=policy.realised()).value + 1e-9


@pytest.mark.jit_only
@pytest.mark.parametrize(("n", "c"), SIZES)
def test_every_invariant_at_the_corners(n, c):
    broken = []
    for eta, batch in ((1e-12, 1), (0.3, 7), (600.0, 1), (60.0, 10)):
        for kind in KINDS:
            broken += breaches(OMDBatch(c, n, eta=eta, batch=batch), kind, 300)
    assert not broken, "\n".join(map(str, broken[:20]))


def test_refusals_are_sentences():
    for parameters, words in (
        ({"batch": 0}, "batch"),
        ({"multiplicity": 200}, "at most batch"),
        ({"eta": 800.0}, "eta"),
    ):
        with pytest.raises(OlearnError, match=words):
            OMDBatch(2, 5, 10, **parameters).request(0)
