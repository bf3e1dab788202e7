"""Numbers stay finite: rewards at 0 or 1 for a million rounds, chances of 1e-300, huge losses."""

import numpy as np
import pytest

from olearn.engine.bandits import simulate
from olearn.environments import bernoulli, constant
from olearn.learners.bandits import BANDITS, bandit_class

SINGLE = [n for n in BANDITS if bandit_class(n).shape == "arm"]
SLOW = {"bayes-ucb": 20_000, "thompson": 200_000}
WEIGHTED = [n for n in SINGLE if bandit_class(n).weighted]


def finite(policy):
    return all(not np.isnan(np.asarray(field, float)).any() for field in policy.state)


@pytest.mark.jit_only
@pytest.mark.parametrize("name", SINGLE)
@pytest.mark.parametrize("reward", [0.0, 1.0])
def test_the_same_reward_for_ever(name, reward):
    rounds = SLOW.get(name, 1_000_000)
    policy = bandit_class(name)(3, rounds, seed=1)
    record = policy.play(constant([reward] * 3).data(), np.array([rounds]))
    assert record.gain[-1] == reward * rounds
    assert finite(policy)
    if policy.weighted:
        p = policy.probabilities()
        assert p.min() >= 0
        assert p.sum() == pytest.approx(1.0, abs=1e-9)
    assert 0 <= policy.pull() < 3


@pytest.mark.parametrize("name", WEIGHTED)
def test_chances_of_1e_300(name):
    policy = bandit_class(name)(3, 100, seed=1)
    for arm in (0, 1, 2, 0, 0, 1):
        for reward in (0.0, 1.0):
            policy.update(arm, reward, propensity=1e-300)
            p = policy.probabilities()
            assert np.isfinite(p).all()
            assert p.sum() == pytest.approx(1.0, abs=1e-9)
            assert finite(policy)
    assert 0 <= policy.pull() < 3


@pytest.mark.parametrize("name", ["exp3", "exp3-ix", "tsallis-inf"])
def test_one_arm_with_a_chance_of_1e_300(name):
    policy = bandit_class(name)(1, 100, seed=1)
    for _ in range(5):
        policy.update(0, 0.0, propensity=1e-300)
    assert policy.probabilities().tolist() == [1.0]


def test_a_weight_that_underflowed_comes_back():
    """An arm whose weight is 0 in floating point is drawn again once the others have lost more."""
    policy = bandit_class("exp3")(2, eta=1.0, seed=0)
    policy.update(0, 0.0, propensity=1e-3)
    assert policy.probabilities()[0] < 1e-300
    policy.update(1, 0.0, propensity=5e-4)
    np.testing.assert_allclose(policy.probabilities(), [1.0, 0.0], atol=1e-12)


@pytest.mark.jit_only
def test_pseudo_regret_of_many_rounds_is_exact():
    """It comes from counts: a running sum of 3e6 means would be off by 1e-4."""
    row = simulate(
        bernoulli([0.1, 0.3]), [bandit_class("ucb1")(2)], 3_000_000, runs=1, checkpoints=[3_000_000]
    ).rows[0]
    assert row.mean[-1] == pytest.approx(0.2 * row.plays[0], abs=1e-7)
