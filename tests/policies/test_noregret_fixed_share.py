"""Fixed share: slow twin, the static and the tracking bound under attack."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from olearn.errors import OlearnError
from olearn.policies.caching.fixed_share import FixedShare
from tests.naive import caching_noregret as naive
from tests.policies.test_caching_attack import KINDS, SIZES, breaches
from tests.policies.test_caching_realised import attack, best

ITEMS = st.lists(st.integers(0, 7), min_size=1, max_size=60)


@given(ITEMS, st.integers(1, 8), st.sampled_from([1e-3, 0.2, 1.0, 3.0]), st.sampled_from([1e-9, 0.01, 0.3]))
def test_is_the_slow_twin(items, c, eta, alpha):
    rewards, x = naive.fixed_share(items, c, 8, eta, alpha)
    cache = FixedShare(c, 8, eta=eta, alpha=alpha)
    np.testing.assert_allclose(cache.request_many(items), rewards, atol=1e-9)
    np.testing.assert_allclose(cache.fractions(), x, atol=1e-9)


@given(st.lists(ITEMS, min_size=1, max_size=4), st.integers(1, 7), st.sampled_from([0.05, 0.3, 1.0]))
def test_the_tracking_bound_holds(phases, c, eta):
    """Against the best set of each phase."""
    items = [i for phase in phases for i in phase]
    cache = FixedShare(c, 8, eta=eta, alpha=0.01)
    earned = cache.request_many(items).sum()
    most = sum(best(np.array(phase), c) for phase in phases)
    assert most - earned <= cache.tracking_bound(len(phases) - 1, len(items)) + 1e-9


@pytest.mark.parametrize("kind", ["least held", "just evicted", "most held", "cyclic", "skewed"])
@pytest.mark.parametrize(("n", "c"), [(2, 1), (6, 1), (12, 4), (12, 11)])
def test_bounds_under_attack(n, c, kind):
    for parameters in ({}, {"eta": 0.25}, {"eta": 2.0}, {"switches": 5}):
        policy = FixedShare(c, n, 250, **parameters)
        items, earned = attack(policy, kind, 250)
        assert best(items, c) - earned <= policy.bound(250).value + 1e-9


@pytest.mark.jit_only
@pytest.mark.parametrize(("n", "c"), SIZES)
def test_every_invariant_at_the_corners(n, c):
    broken = []
    for eta in (1e-12, 0.3, 700.0):
        for alpha in (1e-12, 0.5):
            for kind in KINDS:
                broken += breaches(FixedShare(c, n, eta=eta, alpha=alpha), kind, 300)
    assert not broken, "\n".join(map(str, broken[:20]))


@pytest.mark.jit_only
def test_it_follows_a_change_that_mirror_ascent_is_slow_to_see():
    from olearn.policies.caching.omd import OMD

    items = np.concatenate(
        [np.random.default_rng(1).integers(0, 10, 5000), np.random.default_rng(2).integers(50, 60, 5000)]
    )
    assert (
        FixedShare(10, 100, 10_000).request_many(items).sum() > OMD(10, 100, 10_000).request_many(items).sum()
    )


def test_refusals_are_sentences():
    for parameters, words in (
        ({"alpha": 0.9}, "alpha"),
        ({"switches": -1}, "switches"),
        ({"eta": 800.0}, "eta"),
    ):
        with pytest.raises(OlearnError, match=words):
            FixedShare(2, 5, 10, **parameters).request(0)
