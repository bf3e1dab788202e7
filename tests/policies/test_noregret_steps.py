"""Steps without a horizon and batches: equal to the slow twins, bounds attacked, refusals."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from olearn.errors import OlearnError
from olearn.policies.caching.ogb import OGB, permanent
from olearn.policies.caching.ogd import OGD
from tests.naive import caching_noregret as naive
from tests.policies.test_caching_attack import KINDS, SIZES, breaches
from tests.policies.test_caching_realised import attack, best

SCHEDULES = ("sqrt", "adagrad", "doubling")
ITEMS = st.lists(st.integers(0, 7), min_size=1, max_size=150)


@given(ITEMS, st.integers(1, 8), st.sampled_from(SCHEDULES), st.sampled_from([None, 0.1, 1.0, 7.0]))
def test_ogd_with_a_schedule_is_the_slow_twin(items, c, kind, a):
    cache = OGD(c, 8, eta=a, schedule=kind)
    points = naive.ascent(items, c, 8, naive.schedule(kind, cache.eta))
    expected = [points[t][i] for t, i in enumerate(items)]
    np.testing.assert_allclose(cache.request_many(items), expected, atol=1e-9)
    np.testing.assert_allclose(cache.fractions(), points[-1], atol=1e-9)


@given(ITEMS, st.integers(1, 8), st.sampled_from(("fixed", *SCHEDULES)), st.integers(1, 9), st.integers(0, 99))
def test_ogb_in_batches_is_the_slow_twin(items, c, kind, batch, seed):
    cache = OGB(c, 8, len(items), schedule=kind, batch=batch, seed=seed)
    numbers = np.empty(8)
    permanent(cache.state.key, numbers)
    points = naive.ascent(items, c, 8, naive.schedule(kind, cache.eta))
    assert cache.request_many(items).tolist() == naive.sampled(items, points, numbers, batch)


@pytest.mark.parametrize("schedule", SCHEDULES)
@pytest.mark.parametrize(("n", "c"), SIZES)
def test_every_invariant_at_the_corners(n, c, schedule):
    broken = []
    for cls in (OGD, OGB):
        for eta in (None, 1e-6, 1.0, 1e6):
            for kind in KINDS:
                broken += breaches(cls(c, n, eta=eta, schedule=schedule), kind, 2000)
    for batch in (2, 7, 5000):
        for kind in KINDS:
            broken += breaches(OGB(c, n, eta=0.3, schedule="fixed", batch=batch), kind, 2000)
    assert not broken, "\n".join(map(str, broken[:20]))


@pytest.mark.parametrize("kind", ["least held", "just evicted", "most held", "cyclic", "skewed"])
@pytest.mark.parametrize("schedule", SCHEDULES)
@pytest.mark.parametrize(("n", "c"), [(2, 1), (6, 1), (12, 4), (12, 11)])
def test_bounds_under_attack(n, c, schedule, kind):
    for eta in (None, 0.05, 10.0):
        policy = OGD(c, n, eta=eta, schedule=schedule)
        items, earned = attack(policy, kind, 250)
        own, promised = policy.bound(250, realised=policy.realised()), policy.bound(250)
        assert best(items, c) - earned <= own.value + 1e-9
        assert own.value <= promised.value + 1e-9


@given(ITEMS, st.integers(1, 7), st.sampled_from(SCHEDULES), st.floats(0.01, 20.0))
def test_bounds_on_any_sequence(items, c, schedule, eta):
    policy = OGD(c, 8, eta=eta, schedule=schedule)
    regret = best(items, c) - policy.request_many(items).sum()
    assert regret <= policy.bound(len(items), realised=policy.realised()).value + 1e-9


@pytest.mark.parametrize("schedule", ["fixed", "sqrt"])
@pytest.mark.parametrize("batch", [5, 50])
def test_batched_bounds_in_expectation(schedule, batch):
    """The expected hits of a batch are the fractions at its start, so the regret is computed, not sampled."""
    n, c, length = 12, 4, 400
    rng = np.random.default_rng(3)
    for items in (
        np.arange(length) % n,
        np.arange(length) % (c + 1),
        rng.zipf(1.4, length) % n,
        np.arange(length) // batch % n,
    ):
        policy = OGB(c, n, length, schedule=schedule, batch=batch)
        policy.request_many(items)
        points = naive.ascent(items, c, n, naive.schedule(schedule, policy.eta))
        expected = sum(points[t - t % batch][i] for t, i in enumerate(items))
        own = policy.bound(length, realised=policy.realised())
        assert best(items, c) - expected <= own.value + 1e-9
        assert own.value <= policy.bound(length).value + 1e-9


def test_the_constants_of_the_table():
    c, n, t = 10, 1000, 1 << 20
    m = min(c, n - c)
    assert OGD(c, n, t).bound().value == pytest.approx(np.sqrt(c * (1 - c / n) * t))
    for schedule, constant in (("sqrt", 2.0), ("adagrad", 2.0), ("doubling", 2.21)):
        value = OGD(c, n, schedule=schedule).bound(t).value
        assert value == pytest.approx(constant * np.sqrt(m * t), rel=0.01)
        assert value <= constant * np.sqrt(m * t)
    assert OGB(c, n, t, batch=16).bound().value == pytest.approx(4 * np.sqrt(c * (1 - c / n) * t))


def test_schedules_need_no_horizon_and_say_what_they_are():
    assert OGD(3, 10, schedule="adagrad").request(2) == 0.3
    assert OGB(3, 10, schedule="sqrt").parameters() == {"eta": np.sqrt(3), "schedule": "sqrt"}
    with pytest.raises(OlearnError, match="did you mean 'adagrad'"):
        OGD(3, 10, schedule="adagard").request(0)
    with pytest.raises(OlearnError, match="give horizon"):
        OGD(3, 10).request(0)
    with pytest.raises(OlearnError, match="batch"):
        OGB(3, 10, 100, batch=0).request(0)


def test_a_grown_catalogue_keeps_a_true_bound():
    rng = np.random.default_rng(5)
    for schedule in ("fixed", *SCHEDULES):
        policy = OGD(3, 5, 600, schedule=schedule)
        first, second = rng.integers(0, 5, 200), rng.integers(0, 20, 400)
        earned = policy.request_many(first).sum()
        policy.grow(20)
        earned += policy.request_many(second).sum()
        regret = best(np.concatenate([first, second]), 3) - earned
        assert regret <= policy.bound(600, realised=policy.realised()).value + 1e-9
