"""FTRL-proximal and its optimistic form: slow twin, attacked bounds."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from olearn.policies.caching.ftrl_proximal import FTRLProximal
from olearn.policies.caching.oftrl import OFTRL
from olearn.policies.caching.oftrl_meta import OFTRLMeta
from tests.naive import caching_noregret as naive
from tests.policies.test_caching_attack import KINDS, SIZES, breaches
from tests.policies.test_caching_realised import attack, best

ITEMS = st.lists(st.integers(0, 7), min_size=1, max_size=60)
GUESSES = st.lists(st.integers(-1, 7), max_size=70)
SIGMAS = st.sampled_from([1e-3, 0.1, 0.7, 3.0, 50.0])


@given(ITEMS, GUESSES, st.integers(1, 8), SIGMAS)
def test_the_point_is_the_slow_twins(items, guesses, c, b):
    rewards, x = naive.proximal(items, c, 8, b, guesses)
    cache = OFTRL(c, 8, predictor=np.array(guesses, np.int32), sigma=b)
    np.testing.assert_allclose(cache.request_many(items), rewards, atol=2e-5)
    np.testing.assert_allclose(cache.fractions(), x, atol=2e-5)


@given(ITEMS, st.integers(1, 8), SIGMAS)
def test_no_prediction_is_the_plain_policy(items, c, b):
    plain = FTRLProximal(c, 8, sigma=b)
    rewards, _ = naive.proximal(items, c, 8, b, [])
    np.testing.assert_allclose(plain.request_many(items), rewards, atol=2e-5)
    assert (
        OFTRL(c, 8, sigma=b, predictor="none").request_many(items)
        == FTRLProximal(c, 8, sigma=b).request_many(items)
    ).all()


@given(ITEMS, GUESSES, st.integers(1, 7), SIGMAS)
def test_the_bound_holds_on_every_sequence(items, guesses, c, b):
    cache = OFTRL(c, 8, predictor=np.array(guesses, np.int32), sigma=b)
    earned = cache.request_many(items).sum()
    own, promised = cache.bound(len(items), realised=cache.realised()), cache.bound(len(items))
    assert best(items, c) - earned <= own.value + 1e-6
    assert own.value <= promised.value + 1e-9


@pytest.mark.parametrize("kind", ["least held", "just evicted", "most held", "cyclic", "skewed"])
@pytest.mark.parametrize(("n", "c"), [(2, 1), (6, 1), (12, 4), (12, 11)])
@pytest.mark.parametrize("cls", [FTRLProximal, OFTRL, OFTRLMeta])
def test_bounds_under_attack(cls, n, c, kind):
    for sigma in (None, 0.01, 1.0, 30.0):
        policy = cls(c, n, 150, sigma=sigma)
        items, earned = attack(policy, kind, 150)
        assert best(items, c) - earned <= policy.bound(150, realised=policy.realised()).value + 1e-6


@pytest.mark.jit_only
@pytest.mark.parametrize("cls", [FTRLProximal, OFTRL, OFTRLMeta])
@pytest.mark.parametrize(("n", "c"), SIZES)
def test_every_invariant_at_the_corners(cls, n, c):
    broken = []
    for sigma in (1e-6, 1.0, 1e6):
        for kind in KINDS:
            broken += breaches(cls(c, n, sigma=sigma), kind, 300)
    assert not broken, "\n".join(map(str, broken[:20]))


@given(ITEMS, GUESSES, st.integers(1, 7), SIGMAS)
def test_the_meta_learner_is_the_slow_twin_and_keeps_its_bound(items, guesses, c, b):
    guesses = np.array(guesses, np.int32)
    plain, good = FTRLProximal(c, 8, sigma=b), OFTRL(c, 8, predictor=guesses, sigma=b)
    w, expected = 1.0, []
    for t, i in enumerate(items, 1):
        x = (1 - w) * plain.fractions() + w * good.fractions()
        expected.append(x[i])
        r, s = plain.request(i), good.request(i)
        w = float(np.clip(w + (s - r) / (2 * np.sqrt(t)), 0, 1))
    meta = OFTRLMeta(c, 8, predictor=guesses, sigma=b)
    rewards = meta.request_many(items)
    np.testing.assert_allclose(rewards, expected, atol=1e-12)
    alone = (FTRLProximal(c, 8, sigma=b), OFTRL(c, 8, predictor=guesses, sigma=b))
    better = max(policy.request_many(items).sum() for policy in alone)
    assert better - sum(rewards) <= 1.5 * np.sqrt(len(items)) + 1e-9
    assert best(items, c) - sum(rewards) <= meta.bound(len(items), realised=meta.realised()).value + 1e-6
