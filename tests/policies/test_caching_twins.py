"""Every caching policy equals its slow twin, request by request."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import naive.caching as naive
from olearn import _rng
from olearn.policies.caching import FIFO, FTPL, LFU, LRU, OGB, OGD, OMD, Belady, BeladyBypass, Random, Static
from olearn.policies.caching.ogb import permanent


@st.composite
def games(draw, max_items=12, max_length=60):
    """(requests, capacity, catalogue)."""
    n = draw(st.integers(1, max_items))
    capacity = draw(st.integers(1, n))
    items = draw(st.lists(st.integers(0, n - 1), max_size=max_length))
    return np.array(items, dtype=np.int32), capacity, n


STEPS = st.sampled_from([1e-3, 0.05, 0.3, 0.5, 0.999, 1.0, 1.5, 3.0])


@pytest.mark.parametrize(("policy", "twin"), [(LRU, naive.lru), (FIFO, naive.fifo), (LFU, naive.lfu)])
@given(games())
def test_deterministic_policies(policy, twin, game):
    items, capacity, n = game
    assert policy(capacity, n).request_many(items).tolist() == twin(items.tolist(), capacity)


@given(games(), st.integers(0, 5))
def test_random_replacement(game, seed):
    items, capacity, n = game
    state = _rng.new_state(seed)
    expected = naive.random_replacement(items.tolist(), capacity, lambda k: int(_rng.below(state, k)))
    assert Random(capacity, n, seed=seed).request_many(items).tolist() == expected


@given(games(), st.floats(0.01, 20), st.integers(0, 5))
def test_ftpl(game, eta, seed):
    items, capacity, n = game
    noise = eta * _rng.generator(seed).standard_normal(n)
    expected = naive.ftpl(items.tolist(), capacity, noise)
    assert FTPL(capacity, n, eta=eta, seed=seed).request_many(items).tolist() == expected


@given(games(), STEPS)
def test_ogd_is_the_exact_projection_at_any_step(game, eta):
    items, capacity, n = game
    cache = OGD(capacity, n, eta=eta)
    rewards, x = naive.ogd(items.tolist(), capacity, n, eta)
    np.testing.assert_allclose(cache.request_many(items), rewards, atol=1e-10, rtol=0)
    np.testing.assert_allclose(cache.fractions(), x, atol=1e-10, rtol=0)


@given(games(), STEPS)
def test_omd_is_the_exact_bregman_projection(game, eta):
    items, capacity, n = game
    cache = OMD(capacity, n, eta=eta)
    rewards, x = naive.omd(items.tolist(), capacity, n, eta)
    np.testing.assert_allclose(cache.request_many(items), rewards, atol=1e-10, rtol=0)
    np.testing.assert_allclose(cache.fractions(), x, atol=1e-10, rtol=0)


@given(games(), STEPS, st.integers(0, 20))
def test_ogb_samples_the_iterates_of_ogd(game, eta, seed):
    items, capacity, n = game
    numbers = np.empty(n)
    permanent(_rng.new_key(seed), numbers)
    cache = OGB(capacity, n, eta=eta, seed=seed)
    # A fraction equal to its number up to rounding may fall on either side: the numbers have 53 random
    # bits, so for hypothesis' few examples that has a chance below 1e-9.
    assert cache.request_many(items).tolist() == naive.ogb(items.tolist(), capacity, n, eta, numbers)
    held = {int(i) for i in np.flatnonzero(cache.fractions())}
    x = naive.ogd(items.tolist(), capacity, n, eta)[1]
    assert held == {i for i in range(n) if x[i] >= numbers[i]}
    assert cache.stats["fetched_other"] == 0


@given(games(max_items=5, max_length=9))
def test_belady_has_the_most_hits(game):
    items, capacity, n = game
    forced = Belady(capacity, n, requests=items).request_many(items).sum()
    free = BeladyBypass(capacity, n, requests=items).request_many(items).sum()
    assert forced == naive.most_hits(items.tolist(), capacity, bypass=False)
    assert free == naive.most_hits(items.tolist(), capacity, bypass=True)


@given(games())
def test_order_among_comparators(game):
    items, capacity, n = game

    def hits(policy, **more):
        return int(policy(capacity, n, requests=items, **more).request_many(items).sum())

    prefilled, charged = hits(Static), hits(Static, prefilled=False)
    assert prefilled == naive.best_static(items.tolist(), capacity)
    assert prefilled >= charged
    assert hits(BeladyBypass) >= hits(Belady)
    assert hits(BeladyBypass) >= charged
    for online in (LRU, FIFO, LFU, Random):
        assert hits(BeladyBypass) >= online(capacity, n).request_many(items).sum()


def test_long_runs_keep_their_precision():
    """The capped simplex still holds after many rebasings of the lazy projection: C=1 moves rho fastest."""
    rng = np.random.default_rng(5)
    n, length = 6, 3000
    items = rng.integers(0, n, length).astype(np.int32)
    for capacity, eta in ((1, 1.0), (2, 0.9), (5, 1.3)):
        cache = OGD(capacity, n, eta=eta)
        rewards, x = naive.ogd(items.tolist(), capacity, n, eta)
        np.testing.assert_allclose(cache.request_many(items), rewards, atol=1e-10, rtol=0)
        np.testing.assert_allclose(cache.fractions(), x, atol=1e-10, rtol=0)
        assert abs(cache.fractions().sum() - capacity) < 1e-10


@pytest.mark.jit_only
def test_mass_is_kept_over_a_million_requests():
    rng = np.random.default_rng(6)
    items = (rng.zipf(1.2, 1_000_000) % 5000).astype(np.int32)
    for policy in (OGD, OMD):
        for eta in (0.003, 1.0):
            cache = policy(50, 5000, eta=eta)
            cache.request_many(items)
            x = cache.fractions()
            assert abs(x.sum() - 50) < 1e-9
            assert x.min() >= 0
            assert x.max() <= 1


def test_growing_catalogue_keeps_the_projection_exact():
    """Items added start at 0: the twin runs in the larger space from the point reached."""
    rng = np.random.default_rng(8)
    cache = OGD(3, 6, eta=0.2)
    first = rng.integers(0, 6, 40).astype(np.int32)
    cache.request_many(first)
    x = np.concatenate([cache.fractions(), np.zeros(10)])
    cache.grow(16)
    for i in rng.integers(0, 16, 200).tolist():
        assert cache.request(i) == pytest.approx(x[i], abs=1e-10)
        y = x.copy()
        y[i] += 0.2
        x = naive.project_capped(y, 3)
    np.testing.assert_allclose(cache.fractions(), x, atol=1e-10)
