"""Rounding as a choice: what each promises (size, marginals, fetches), slow twins, bounds in the mean."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from olearn import _rng, checks
from olearn.errors import OlearnError
from olearn.policies.caching import _rounding
from olearn.policies.caching.dual_averaging import DualAveraging
from olearn.policies.caching.ftrl_proximal import FTRLProximal
from olearn.policies.caching.oftrl import OFTRL
from olearn.policies.caching.ogd import OGD
from olearn.policies.caching.omd import OMD
from tests.conftest import JIT_OFF
from tests.naive import caching_noregret as naive
from tests.policies.test_caching_attack import SIZES, breaches, sequence
from tests.policies.test_caching_realised import best

POLICIES = (OGD, OMD, DualAveraging, FTRLProximal, OFTRL)
ITEMS = st.lists(st.integers(0, 7), min_size=1, max_size=60)
ETAS = st.sampled_from([0.05, 0.13, 0.31, 0.77, 2.3])


def points(cls, items, c, n, **parameters):
    cache = cls(c, n, len(items), **parameters)
    found = [cache.fractions()]
    for i in items:
        cache.request(i)
        found.append(cache.fractions())
    return found


def numbers(n, seed):
    key = _rng.new_key(seed, 5)
    return [float(_rng.hash_uniform(key, i)) for i in range(n)]


@given(ITEMS, st.integers(1, 8), ETAS, st.integers(0, 20))
def test_poisson_and_hard_are_the_slow_twins(items, c, eta, seed):
    x, p = points(OGD, items, c, 8, eta=eta), numbers(8, seed)
    soft = OGD(c, 8, eta=eta, rounding="poisson", seed=seed)
    assert soft.request_many(items).tolist() == naive.sampled(items, x, p)
    hits, cuts, held = naive.cut_sample(items, x, p, c)
    hard = OGD(c, 8, eta=eta, rounding="hard", seed=seed)
    assert hard.request_many(items).tolist() == hits
    assert (set(hard), hard.realised()["cuts"]) == (held, cuts)


@pytest.mark.parametrize("cls", [OGD, OMD])
@given(items=ITEMS, c=st.integers(1, 8), seed=st.integers(0, 20))
def test_hard_fetches_only_what_was_asked_for_and_misses_little_more(cls, items, c, seed):
    soft = cls(c, 8, len(items), rounding="poisson", seed=seed)
    hard = cls(c, 8, len(items), rounding="hard", seed=seed)
    more = soft.request_many(items).sum() - hard.request_many(items).sum()
    assert more <= hard.realised()["cuts"]
    assert hard.stats["fetched_other"] == 0
    assert hard.stats["peak_occupancy"] <= c


@pytest.mark.jit_only
@pytest.mark.parametrize("cls", POLICIES)
@pytest.mark.parametrize("rounding", ["madow", "madow-fixed", "pivotal", "coupled", "poisson"])
def test_the_marginals_are_the_fractions(cls, rounding):
    """400 seeds, 8 items: a chance held off by more than 5 standard errors has probability 5e-6."""
    items = np.array([1, 1, 5, 2, 1, 5, 7, 0, 5, 5])
    x = points(cls, items.tolist(), 3, 8)[-1]
    seeds = 30 if JIT_OFF else 400
    held = np.zeros(8)
    for seed in range(seeds):
        cache = cls(3, 8, items.size, rounding=rounding, seed=seed)
        cache.request_many(items)
        held += cache.fractions()
        if rounding in ("madow", "madow-fixed", "pivotal"):
            assert len(cache) == 3
    assert (np.abs(held / seeds - x) <= 5 * np.sqrt(x * (1 - x) / seeds) + 1e-9).all()


@pytest.mark.jit_only
@pytest.mark.parametrize("rounding", _rounding.ROUNDINGS)
@pytest.mark.parametrize("cls", [OGD, OFTRL])
def test_every_invariant_at_the_corners(cls, rounding):
    broken = []
    for n, c in [s for s in SIZES if s[0] < 1000]:
        for kind in ("one item", "round and round", "skewed"):
            broken += breaches(cls(c, n, 200, rounding=rounding), kind, 200)
    assert not broken, "\n".join(map(str, broken[:20]))


@pytest.mark.parametrize("rounding", _rounding.ROUNDINGS)
def test_the_contract(rounding):
    class Own(OGD):
        fractional = False
        soft_capacity = rounding in ("coupled", "poisson")

        def __init__(self, capacity, catalog_size, horizon=None, *, eta=None, seed=0, **common):
            super().__init__(capacity, catalog_size, horizon, eta=eta, rounding=rounding, seed=seed, **common)

    Own.__qualname__ = Own.__name__ = f"Own_{rounding.replace('-', '_')}"
    globals()[Own.__name__] = Own  # to be pickled
    for check in (
        checks._keeps_to_its_capacity,
        checks._same_seed_same_run,
        checks._copies_and_pickles,
        checks._grows,
    ):
        check(Own, lambda items, capacity, n: Own(capacity, n, len(items)))


@pytest.mark.jit_only
@pytest.mark.parametrize("rounding", _rounding.ROUNDINGS)
@pytest.mark.parametrize("cls", [OGD, FTRLProximal])
def test_the_mean_stays_within_the_bound(cls, rounding):
    """Mean of 30 seeds, within 5 standard errors: a false alarm has probability below 1e-5."""
    for kind in ("cyclic", "skewed"):
        items = sequence(kind, 20, 4, 300)
        regrets, bounds = [], []
        for seed in range(30):
            cache = cls(4, 20, 300, rounding=rounding, seed=seed)
            regrets.append(best(items, 4) - cache.request_many(items).sum())
            bounds.append(cache.bound(300, realised=cache.realised()).value)
        assert np.mean(regrets) <= np.mean(bounds) + 5 * np.std(regrets) / np.sqrt(30) + 1e-9


def test_refusals_are_sentences():
    with pytest.raises(OlearnError, match="did you mean 'madow'"):
        OGD(2, 5, eta=0.1, rounding="madov").request(0)
