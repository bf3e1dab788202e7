"""SMART and NFPL: slow twins, attacked bounds."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from olearn import _rng
from olearn.errors import OlearnError
from olearn.policies.caching.nfpl import NFPL
from olearn.policies.caching.smart import SMART
from tests.naive import caching_noregret as naive
from tests.policies.test_caching_attack import KINDS, SIZES, breaches, sequence
from tests.policies.test_caching_realised import attack, best

ITEMS = st.lists(st.integers(0, 7), min_size=1, max_size=120)


@given(ITEMS, st.integers(1, 8), st.sampled_from([1e-3, 0.3, 2.0]), st.integers(1, 9), st.integers(0, 30))
def test_nfpl_that_sees_all_is_the_slow_twin(items, c, eta, batch, seed):
    noise = _rng.generator(seed).standard_normal(8)
    cache = NFPL(c, 8, observed=1.0, eta=eta, batch=batch, seed=seed)
    hits, held = naive.batched_leader(items, c, eta * noise, batch)
    assert cache.request_many(items).tolist() == hits
    assert set(cache) == held


@given(ITEMS, st.integers(1, 8), st.integers(0, 30), st.sampled_from(["fixed", "random"]))
def test_smart_before_the_change_is_perfect_lfu_and_knows_its_regret(items, c, seed, threshold):
    """At every request: the set is one of the C largest counts, and the fetches are the regret so far."""
    cache = SMART(c, 8, 120, threshold=threshold, seed=seed)
    hits = 0
    for t, i in enumerate(items, 1):
        hits += cache.request(i)
        if cache.state.phase[1]:
            assert cache.state.phase[0] >= cache.state.theta
            break
        counts = np.bincount(items[:t], minlength=8)
        assert counts[list(cache)].sum() == best(np.array(items[:t]), c)
        assert cache.bound(t, realised=cache.realised()).value == best(np.array(items[:t]), c) - hits
        assert cache.stats["fetched_other"] == 0


@pytest.mark.jit_only
@pytest.mark.parametrize("kind", ["cyclic", "skewed"])
@pytest.mark.parametrize(("n", "c"), [(2, 1), (12, 4), (12, 11)])
def test_smart_within_its_bound(n, c, kind):
    """Mean of 30 seeds, within 5 standard errors; both sequences make LFU lose, the first all the time."""
    for threshold in ("random", "fixed"):
        regrets = []
        for seed in range(30):
            policy = SMART(c, n, 400, threshold=threshold, seed=seed)
            items, earned = attack(policy, kind, 400)
            regrets.append(best(items, c) - earned)
        assert np.mean(regrets) <= policy.bound(400).value + 5 * np.std(regrets) / math.sqrt(30)


@pytest.mark.jit_only
@pytest.mark.parametrize("kind", ["cyclic", "round and round", "skewed"])
def test_nfpl_within_its_bound(kind):
    """Mean of 40 seeds within 5 standard errors."""
    items = sequence(kind, 20, 4, 600)
    for observed, batch in ((1.0, 1), (0.3, 1), (0.1, 7)):
        regrets = []
        for seed in range(40):
            cache = NFPL(4, 20, 600, observed=observed, batch=batch, seed=seed)
            regrets.append(best(items, 4) - cache.request_many(items).sum())
        bound = cache.bound(600).value
        assert np.mean(regrets) <= bound + 5 * np.std(regrets) / math.sqrt(40)


@pytest.mark.jit_only
@pytest.mark.parametrize("cls", [SMART, NFPL])
@pytest.mark.parametrize(("n", "c"), SIZES)
def test_every_invariant_at_the_corners(cls, n, c):
    broken = []
    for eta in (None, 1e-3, 1e6):
        for kind in KINDS:
            broken += breaches(cls(c, n, 300, eta=eta), kind, 300)
            if cls is NFPL:
                broken += breaches(NFPL(c, n, 300, eta=eta, batch=7, observed=0.4), kind, 300)
    assert not broken, "\n".join(map(str, broken[:20]))


def test_refusals_are_sentences():
    for build, words in (
        (lambda: SMART(2, 5), "give horizon"),
        (lambda: SMART(2, 5, 10, threshold="fixd"), "did you mean 'fixed'"),
        (lambda: NFPL(2, 5, 10, observed=0.0), "observed"),
        (lambda: NFPL(2, 5, 10, batch=0), "batch"),
    ):
        with pytest.raises(OlearnError, match=words):
            build().request(0)
