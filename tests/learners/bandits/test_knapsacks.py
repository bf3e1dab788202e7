"""Bandits with knapsacks: definitions, budgets kept, earnings against the linear program, refusals."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from naive import bandits as naive
from olearn.environments import bernoulli, knapsack_bernoulli, knapsack_matrix
from olearn.errors import NotSupportedError, ParameterError
from olearn.learners.bandits import LagrangeBwK, PrimalDualBwK

few = settings(max_examples=min(20, settings().max_examples))
BOTH = [PrimalDualBwK, LagrangeBwK]
games = st.tuples(st.integers(1, 4), st.integers(1, 3), st.integers(0, 2**32 - 1), st.floats(1.0, 12.0))


def tables(arms, resources, seed, rounds=25):
    rng = np.random.default_rng(seed)
    return rng.random((rounds, arms)), rng.random((rounds, arms, resources)) ** 2


@few
@given(games)
def test_primal_dual(game):
    arms, resources, seed, budget = game
    rewards, costs = tables(arms, resources, seed)
    policy, history = PrimalDualBwK(arms, resources, 25, budget=budget), []
    p = policy.parameters()
    spent = np.zeros(resources)
    for row, used in zip(rewards, costs, strict=True):
        score = naive.primal_dual_bwk(history, arms, resources, 25, budget, p["epsilon"], p["confidence"])
        arm = policy.pull()
        if (budget - spent < 1 - 1e-12).any():
            assert arm is None
            break
        assert score[arm] >= max(score) * (1 - 1e-9)
        policy.update(arm, row[arm], cost=used[arm])
        history.append((arm, row[arm], used[arm]))
        spent += used[arm]
    assert (spent <= budget).all()
    np.testing.assert_allclose(policy.left, budget - spent, atol=1e-12)


@pytest.mark.parametrize("pace", [0.8, 0.05])
@few
@given(games)
def test_lagrange(pace, game):
    arms, resources, seed, budget = game
    rewards, costs = tables(arms, resources, seed)
    policy = LagrangeBwK(arms, resources, 25, budget=budget, pace=pace, seed=seed)
    inner = policy.state.primal
    twin = naive.LagrangeBwK(
        arms, resources, 25, budget, pace, {"gamma": inner.gamma, "eta": inner.eta, "beta": inner.beta}
    )
    stream = naive.Stream(np.random.SeedSequence(seed, spawn_key=(1,)))
    for row, used in zip(rewards, costs, strict=True):
        np.testing.assert_allclose(policy.state.primal.p, twin.chances(), rtol=1e-7)
        np.testing.assert_allclose(policy.state.price, twin.prices(), rtol=1e-9)
        arm = policy.pull()
        if arm is None:
            break
        resource, distance = stream.choose(twin.prices())
        if distance < 1e-9:
            break
        twin.update(arm, row[arm], used[arm], resource)
        policy.update(arm, row[arm], cost=used[arm])


@pytest.mark.parametrize("cls", BOTH)
@few
@given(games)
def test_the_loop_is_the_two_verbs(cls, game):
    arms, resources, seed, budget = game
    rewards, costs = tables(arms, resources, seed)
    stepped, looped = (cls(arms, resources, 25, budget=budget, seed=seed) for _ in range(2))
    total, rounds = 0.0, 0
    for row, used in zip(rewards, costs, strict=True):
        arm = stepped.pull()
        assert stepped.pull() == arm
        if arm is None:
            break
        stepped.update(arm, row[arm], cost=used[arm])
        total += row[arm]
        rounds += 1
    result = looped.run(rewards, costs)
    assert result.reward == total
    assert result.rounds == rounds == looped.rounds
    assert result.plays.sum() == rounds
    assert np.array_equal(looped.left, stepped.left)
    assert (result.spent <= budget).all()


def test_the_linear_program():
    env = knapsack_bernoulli([0.8, 0.4], [[0.9], [0.2]])
    # by hand: the mix uses up time and budget, 0.9 x + 0.2 (1 - x) = 0.3
    x = 0.1 / 0.7
    assert env.lp_value(300, 1000) == pytest.approx(1000 * (0.8 * x + 0.4 * (1 - x)))
    assert env.lp_value(1000, 1000) == pytest.approx(800)
    assert env.lp_value(0, 1000) == pytest.approx(0.0)


@pytest.mark.jit_only
@pytest.mark.parametrize(("cls", "share"), [(PrimalDualBwK, 0.88), (LagrangeBwK, 0.75)])
def test_earnings_approach_the_linear_program(cls, share):
    """The best single arm earns 0.67 of the optimum here, playing at random 0.60; mean of 8 runs."""
    env = knapsack_bernoulli([0.9, 0.4, 0.3], [[0.9, 0.1], [0.1, 0.3], [0.3, 0.9]])
    horizon, budget = 20_000, 6_000.0
    optimum = env.lp_value(budget, horizon)
    runs = [cls(3, 2, horizon, budget=budget, seed=s).compete(env, seed=4, run=s) for s in range(8)]
    assert all((r.spent <= budget).all() for r in runs)
    earned = np.mean([r.reward for r in runs])
    noise = 4 * math.sqrt(horizon) / 2 / math.sqrt(8)
    assert share * optimum <= earned <= optimum + noise


@pytest.mark.jit_only
@pytest.mark.parametrize(("budget", "pace"), [(6000.0, 0.05), (40_000.0, 1.0), (20_000.0, 0.2)])
def test_lagrange_learns_where_the_budget_outlasts_its_pace(budget, pace):
    """T0/B < 1: the Lagrangian of time is then below 1 - rho; clipped there, arms looked alike (51 %)."""
    env = knapsack_bernoulli([0.8, 0.2], [[0.25], [0.25]])
    runs = [LagrangeBwK(2, 1, 20_000, budget=budget, pace=pace, seed=s).compete(env, seed=s) for s in range(4)]
    share = np.mean([r.plays[0] / r.plays.sum() for r in runs])
    assert share > 0.85


@pytest.mark.jit_only
def test_lagrange_against_an_adversary_that_changes_the_best_arm():
    """Rewards move to the other arm half way; a third of the best fixed mix is far above the d ln T ratio."""
    rounds = 8000
    rewards, costs = np.zeros((rounds, 2)), np.full((rounds, 2, 1), 0.5)
    rewards[: rounds // 2, 0], rewards[rounds // 2 :, 1] = 0.6, 1.0
    env = knapsack_matrix(rewards, costs)
    earned = [LagrangeBwK(2, 1, rounds, budget=2000, seed=s).compete(env).reward for s in range(5)]
    assert np.mean(earned) >= env.lp_value(2000, rounds) / 3


@pytest.mark.parametrize("cls", BOTH)
def test_refusals(cls):
    env = knapsack_bernoulli([0.5, 0.5], [[0.5], [0.5]])
    policy = cls(2, 1, 50, budget=10, seed=1)
    arm = policy.pull()
    for call, said in (
        (lambda: policy.update(1 - arm, 0.5, cost=[0.5]), "the arm just pulled"),
        (lambda: policy.update(arm, math.nan, cost=[0.5]), "reward of round 0 is nan"),
        (lambda: policy.update(arm, 0.5), "cost of round 0 must be 1 numbers"),
        (lambda: policy.update(arm, 0.5, cost=[math.nan]), "cost of round 0"),
        (lambda: policy.update(arm, 0.5, cost=[1.5]), "cost of round 0"),
        (lambda: policy.compete(env), "0 rounds old"),
        (lambda: cls(2, 1, 50, budget=0.5).pull(), "budget"),
        (lambda: cls(2, 1, budget=10).pull(), "give horizon"),
        (lambda: cls(2, 0, 50, budget=10).pull(), "resources"),
        (lambda: cls(3, 1, 50, budget=10).compete(env), "3 arms and 1 resources"),
        (lambda: cls(2, 1, 50, budget=10).run(np.zeros((20, 2)), np.zeros((20, 2, 1))), "at most the 20 rows"),
    ):
        with pytest.raises(ParameterError, match=said):
            call()
    with pytest.raises(NotSupportedError, match="with costs"):
        cls(2, 1, 50, budget=10).compete(bernoulli([0.1, 0.2]))
    assert set(cls.example().parameters()) >= set(cls.tunable())
    assert cls(1, 1, 3, budget=10).run(np.ones((3, 1)), np.zeros((3, 1, 1))).reward == 3.0


def test_environments_are_checked():
    for build, said in (
        (lambda: knapsack_bernoulli([0.5], [[1.5]]), r"costs must be in \[0, 1\], got 1.5"),
        (lambda: knapsack_bernoulli([0.5, math.nan], [[0.5], [0.5]]), "rewards must be in"),
        (lambda: knapsack_bernoulli([0.5], [[0.5], [0.5]]), "a row for each of 1 arms"),
        (lambda: knapsack_matrix([[0.5]], [[[0.5], [0.5]]]), "must agree"),
    ):
        with pytest.raises(ParameterError, match=said):
            build()
