"""The perturbed leader without a horizon and with predictions: slow twin, attacked bounds, known answers."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from olearn import _rng
from olearn.errors import OlearnError
from olearn.geometry.selection import kth_largest
from olearn.policies.caching.ftpl_anytime import FTPLAnytime
from olearn.policies.caching.oftpl import OFTPL
from tests.naive import caching_noregret as naive
from tests.policies.test_caching_attack import KINDS, SIZES, breaches
from tests.policies.test_caching_realised import attack, best

ITEMS = st.lists(st.integers(0, 7), min_size=1, max_size=120)
GUESSES = st.lists(st.integers(-1, 7), max_size=130)
SCALES = st.sampled_from([1e-3, 0.1, 0.7, 3.0, 50.0])
GROWTHS = st.sampled_from([0.0, 1 / 64, 1.0, 100.0])


@given(ITEMS, st.integers(1, 8), SCALES, GROWTHS, st.integers(0, 50))
def test_anytime_is_the_slow_twin(items, c, a, growth, seed):
    noise = _rng.generator(seed).standard_normal(8)
    hits, held = naive.perturbed(items, c, noise, a, growth)
    cache = FTPLAnytime(c, 8, eta=a, growth=growth, seed=seed)
    assert cache.request_many(items).tolist() == hits
    assert set(cache) == held


@given(ITEMS, GUESSES, st.integers(1, 8), SCALES, GROWTHS, st.integers(0, 50))
def test_optimistic_is_the_slow_twin(items, guesses, c, a, growth, seed):
    noise = _rng.generator(seed).standard_normal(8)
    guesses = np.array(guesses, np.int32)
    hits, held = naive.perturbed(items, c, noise, a, growth, guesses.tolist())
    cache = OFTPL(c, 8, predictor=guesses, eta=a, growth=growth, seed=seed)
    assert cache.request_many(items).tolist() == hits
    assert set(cache) == held
    assert len(set(cache)) == c


def test_predictors_are_what_they_say():
    items = np.random.default_rng(3).integers(0, 6, 200)
    follower, last_seen = {}, [-1]
    for t, i in enumerate(items):
        if t:
            follower[items[t - 1]] = i
        last_seen.append(follower.get(i, -1))
    recency = [-1, *items]
    for name, guesses in (("last-seen", last_seen), ("recency", recency), ("oracle", items), ("none", [])):
        named = OFTPL(2, 6, predictor=name, seed=1).request_many(items)
        if name == "none":  # the same noise and scale
            plain = FTPLAnytime(2, 6, eta=OFTPL(2, 6).eta, seed=1)
            assert (named == plain.request_many(items)).all()
        else:
            array = OFTPL(2, 6, predictor=np.array(guesses, np.int32), seed=1)
            assert (named == array.request_many(items)).all()


@pytest.mark.jit_only
def test_with_a_perfect_oracle_the_regret_stays():
    """Right predictions are no errors: the scale never grows, and the bound does not see T."""
    items = np.minimum(np.random.default_rng(3).zipf(1.3, 20_000), 50) - 1
    cache = OFTPL(3, 50, predictor="oracle", accuracy=1.0)
    regret = best(items, 3) - cache.request_many(items).sum()
    bound = cache.bound(20_000, realised=cache.realised())
    assert bound.value < 40
    assert regret <= bound.value


@pytest.mark.jit_only
@pytest.mark.parametrize("cls", [FTPLAnytime, OFTPL])
@pytest.mark.parametrize("kind", ["cyclic", "skewed"])
def test_the_mean_stays_within_the_bound(cls, kind):
    """Mean of 40 seeds; the bound is far above one standard error."""
    for n, c in ((2, 1), (12, 4), (12, 11)):
        for noise, growth in (("fixed", 1 / 64), ("fresh", 0.0), ("fresh", 1.0)):
            regrets, bounds = [], []
            for seed in range(40):
                policy = cls(c, n, noise=noise, growth=growth, seed=seed)
                items, earned = attack(policy, kind, 200)
                regrets.append(best(items, c) - earned)
                bounds.append(policy.bound(200, realised=policy.realised()).value)
            assert np.mean(regrets) <= np.mean(bounds)


@pytest.mark.jit_only
@pytest.mark.parametrize("cls", [FTPLAnytime, OFTPL])
@pytest.mark.parametrize(("n", "c"), SIZES)
def test_every_invariant_at_the_corners(cls, n, c):
    broken = []
    for eta in (1e-12, 1.0, 1e6):
        for kind in KINDS:
            for noise, growth in (("fixed", 1 / 64), ("fresh", 1.0)):
                broken += breaches(cls(c, n, eta=eta, noise=noise, growth=growth), kind, 300)
    assert not broken, "\n".join(map(str, broken[:20]))


@given(st.lists(st.floats(-1e6, 1e6), min_size=1, max_size=60), st.data())
def test_selection_is_sorting(values, data):
    k = data.draw(st.integers(1, len(values)))
    assert kth_largest(np.array(values), k) == sorted(values, reverse=True)[k - 1]


def test_refusals_are_sentences():
    for parameters, words in (
        ({"predictor": "last-sen"}, "did you mean 'last-seen'"),
        ({"predictor": [[1, 2]]}, "got int64 of shape"),
        ({"predictor": [7]}, "between -1 and 4, got 7 at position 0"),
        ({"accuracy": 2.0}, "accuracy"),
        ({"noise": "frozen"}, "noise"),
        ({"growth": -1.0}, "growth"),
    ):
        with pytest.raises(OlearnError, match=words):
            OFTPL(2, 5, **parameters).request(0)
