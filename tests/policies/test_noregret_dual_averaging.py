"""Dual averaging from the histogram of counts: the slow twin, invariants at the corners, attacked bounds."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from olearn.errors import OlearnError
from olearn.geometry import counthistogram
from olearn.policies.caching.dual_averaging import DualAveraging
from tests.naive import caching_noregret as naive
from tests.policies.test_caching_attack import KINDS, SIZES, breaches, sequence
from tests.policies.test_caching_realised import attack, best

ITEMS = st.lists(st.integers(0, 7), min_size=1, max_size=150)
ETAS = st.one_of(st.sampled_from([0.125, 0.2, 0.25, 1 / 3, 0.5, 1.0, 1e6]), st.floats(1e-6, 50.0))


@given(ITEMS, st.integers(1, 8), ETAS)
def test_fixed_step_is_the_slow_twin(items, c, eta):
    rewards, x = naive.dual_averaging(items, c, 8, lambda t: eta)
    cache = DualAveraging(c, 8, eta=eta)
    np.testing.assert_allclose(cache.request_many(items), rewards, atol=1e-8)
    np.testing.assert_allclose(cache.fractions(), x, atol=1e-8)


@given(ITEMS, st.integers(1, 8), ETAS)
def test_schedule_is_the_slow_twin(items, c, a):
    rewards, x = naive.dual_averaging(items, c, 8, naive.renewed(a))
    cache = DualAveraging(c, 8, eta=a, schedule="sqrt")
    np.testing.assert_allclose(cache.request_many(items), rewards, atol=1e-8)
    np.testing.assert_allclose(cache.fractions(), x, atol=1e-8)


@pytest.mark.jit_only
@pytest.mark.parametrize("schedule", ["fixed", "sqrt"])
@pytest.mark.parametrize(("n", "c"), [(100, 10), (100, 1), (1000, 500)])
def test_long_runs_stay_exact(n, c, schedule):
    """The point is a function of the counts: after many requests it is projected anew."""
    for kind in ("skewed", "phases", "round and round"):
        items = sequence(kind, n, c, 20_000)
        cache = DualAveraging(c, n, 20_000, schedule=schedule)
        cache.request_many(items)
        eta = cache.state.x.numbers[counthistogram.ETA]
        x = naive.project_capped(c / n + eta * np.bincount(items, minlength=n), c)
        np.testing.assert_allclose(cache.fractions(), x, atol=1e-8)


@pytest.mark.jit_only
@pytest.mark.parametrize("schedule", ["fixed", "sqrt"])
@pytest.mark.parametrize(("n", "c"), SIZES)
def test_every_invariant_at_the_corners(n, c, schedule):
    broken = []
    for eta in (1e-12, 1e-3, 0.2, 1 / 3, 1.0, 1e3, 1e6):
        for kind in KINDS:
            broken += breaches(DualAveraging(c, n, eta=eta, schedule=schedule), kind, 3000)
    assert not broken, "\n".join(map(str, broken[:20]))


def test_counts_beyond_the_ring_are_counted_all_the_same(monkeypatch):
    """A ring of 8 levels: it has to be moved, and levels outside it counted by a pass."""
    if counthistogram.LEVELS != 8:
        from olearn._jit import jit_enabled

        if jit_enabled():
            pytest.skip("the length of the ring is compiled in: runs without the compiler")
        monkeypatch.setattr(counthistogram, "LEVELS", 8)
    rng = np.random.default_rng(1)
    for c, eta, schedule in ((1, 0.5, "fixed"), (3, 0.05, "fixed"), (3, 1.0, "sqrt")):
        items = np.minimum(rng.zipf(1.4, 300), 8) - 1
        steps = naive.renewed(eta) if schedule == "sqrt" else lambda t, eta=eta: eta
        rewards, x = naive.dual_averaging(items, c, 8, steps)
        cache = DualAveraging(c, 8, eta=eta, schedule=schedule)
        np.testing.assert_allclose(cache.request_many(items), rewards, atol=1e-8)
        np.testing.assert_allclose(cache.fractions(), x, atol=1e-8)


@pytest.mark.parametrize("kind", ["least held", "just evicted", "most held", "cyclic", "skewed"])
@pytest.mark.parametrize(("n", "c"), [(2, 1), (6, 1), (12, 4), (12, 11)])
@pytest.mark.parametrize("schedule", ["fixed", "sqrt"])
def test_bounds_under_attack(n, c, kind, schedule):
    for eta in (None, 0.05, 1.0, 10.0):
        policy = DualAveraging(c, n, 250, eta=eta, schedule=schedule)
        items, earned = attack(policy, kind, 250)
        own, promised = policy.bound(250, realised=policy.realised()), policy.bound(250)
        assert best(items, c) - earned <= own.value + 1e-9
        assert own.value <= promised.value + 1e-9


def test_the_constants_of_the_docstring():
    d, t = 10 * (1 - 10 / 1000), 1_000_000
    assert DualAveraging(10, 1000, t).bound().value == pytest.approx(np.sqrt(d * t))
    assert DualAveraging(10, 1000, schedule="sqrt").bound(t).value == pytest.approx(
        np.sqrt(2 * d * t), rel=0.01
    )


def test_growth_keeps_the_mass_and_refusals_are_sentences():
    cache = DualAveraging(3, 5, eta=0.1)
    cache.request_many([0, 1, 1, 2, 4, 4, 4])
    cache.grow(9)
    counts = np.array([1, 2, 1, 0, 3, 0, 0, 0, 0])
    np.testing.assert_allclose(cache.fractions(), naive.project_capped(0.1 * counts, 3), atol=1e-12)
    with pytest.raises(OlearnError, match="did you mean 'sqrt'"):
        DualAveraging(3, 5, schedule="sqr").request(0)
    with pytest.raises(OlearnError, match="give horizon"):
        DualAveraging(3, 5).request(0)
