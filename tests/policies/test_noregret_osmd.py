"""OSMD on C-sets: slow twin of the fractions, exact sizes, bound in the mean."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from olearn.errors import OlearnError
from olearn.policies.caching.osmd import OSMD
from tests.naive import caching_noregret as naive
from tests.policies.test_caching_attack import KINDS, SIZES, breaches, sequence
from tests.policies.test_caching_realised import best

ITEMS = st.lists(st.integers(0, 7), min_size=1, max_size=50)


@given(ITEMS, st.integers(1, 7), st.sampled_from([1e-3, 0.05, 0.3]), st.integers(0, 20))
def test_the_fractions_are_the_slow_twins(items, c, eta, seed):
    cache = OSMD(c, 8, eta=eta, seed=seed)
    sets, found, hits = [], [], []
    for i in items:
        sets.append(set(cache))
        found.append(cache.state.x.copy())
        hits.append(cache.request(i))
    assert hits == [i in s for i, s in zip(items, sets, strict=True)]
    assert all(len(s) == c for s in sets)
    np.testing.assert_allclose(found, naive.semi_bandit(items, c, 8, eta, sets), atol=1e-6)


@pytest.mark.jit_only
@pytest.mark.parametrize("kind", ["cyclic", "skewed", "phases"])
def test_the_mean_stays_within_the_bound(kind):
    """Mean of 30 seeds within 5 standard errors."""
    items = sequence(kind, 10, 3, 2000)
    regrets = [best(items, 3) - OSMD(3, 10, 2000, seed=s).request_many(items).sum() for s in range(30)]
    assert np.mean(regrets) <= OSMD(3, 10, 2000).bound().value + 5 * np.std(regrets) / math.sqrt(30)


@pytest.mark.jit_only
def test_it_learns_what_it_cannot_see():
    items = sequence("skewed", 10, 3, 20_000)
    hits = np.mean([OSMD(3, 10, 20_000, seed=s).request_many(items)[10_000:].mean() for s in range(3)])
    assert hits > 0.5 * best(items, 3) / items.size + 0.5 * 3 / 10


@pytest.mark.jit_only
@pytest.mark.parametrize(("n", "c"), SIZES)
def test_every_invariant_at_the_corners(n, c):
    broken = []
    for eta in (1e-12, 0.1, 1e6):
        for kind in KINDS:
            broken += breaches(OSMD(c, n, eta=eta), kind, 200)
    assert not broken, "\n".join(map(str, broken[:20]))


def test_refusals_are_sentences():
    with pytest.raises(OlearnError, match="give horizon"):
        OSMD(2, 5).request(0)
