"""Exp4: definition, reduction to Exp3, protocol, bound."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from naive import bandits as naive
from olearn.environments import bernoulli
from olearn.errors import NotSupportedError, ParameterError
from olearn.learners.bandits import Exp3, Exp4

few = settings(max_examples=min(20, settings().max_examples))


def advice_of(rng, rounds, experts, arms):
    table = rng.random((rounds, experts, arms)) ** 3
    return table / table.sum(axis=2, keepdims=True)


@few
@given(st.integers(1, 4), st.integers(1, 4), st.integers(0, 2**32 - 1), st.sampled_from([0.0, 0.1]))
def test_definition_and_loop(arms, experts, seed, gamma):
    rng = np.random.default_rng(seed)
    table, advice = rng.random((20, arms)), advice_of(rng, 20, experts, arms)
    policy = Exp4(arms, experts, 20, eta=0.8, gamma=gamma, seed=seed)
    looped = policy.copy()
    stream, history, obtained = naive.Stream(seed), [], []
    for row, rows in zip(table, advice, strict=True):
        chances = naive.exp4(history, arms, experts, rows, 0.8, gamma)
        np.testing.assert_allclose(policy.probabilities(rows), chances, rtol=1e-9)
        arm = policy.pull(rows)
        assert policy.pull(rows) == arm
        drawn, distance = stream.choose(chances)
        assert arm == drawn or distance < 1e-9
        policy.update(arm, row[arm])
        history.append((rows, arm, row[arm], chances[arm]))
        obtained.append(row[arm])
    assert looped.run(table, advice).tolist() == obtained
    assert looped.rounds == policy.rounds == 20


def test_experts_that_are_the_arms_make_exp3():
    table = np.random.default_rng(0).random((50, 3))
    four, three = Exp4(3, 3, eta=0.2, seed=5), Exp3(3, eta=0.2, seed=5)
    advice = np.eye(3)
    for row in table:
        np.testing.assert_allclose(four.probabilities(advice), three.probabilities(), rtol=1e-10)
        arm = four.pull(advice)
        assert three.pull() == arm
        four.update(arm, row[arm])
        three.update(arm, row[arm])


@pytest.mark.jit_only
def test_bound():
    """A bad majority and one good expert, 24 runs: mean less 4 standard errors, false alarm 4e-5."""
    rng = np.random.default_rng(1)
    advice = advice_of(rng, 1000, 8, 5)
    advice[:, 3] = np.eye(5)[2]
    table = bernoulli([0.4, 0.4, 0.7, 0.4, 0.4]).rewards(1000)
    best = np.einsum("tnk,tk->n", advice, table).max()
    regret = [best - Exp4(5, 8, 1000, seed=s).run(table, advice).sum() for s in range(24)]
    bound = Exp4(5, 8, 1000).bound().value
    assert bound == pytest.approx(math.sqrt(2 * 1000 * 5 * math.log(8)))
    assert np.mean(regret) - 4 * np.std(regret, ddof=1) / math.sqrt(24) <= bound


def test_refusals():
    policy, rows = Exp4(2, 2, 10), np.eye(2)
    for call, said in (
        (lambda: policy.pull(), "needs the advice"),
        (lambda: policy.pull([[1.0, 0.0]]), r"shape \(2, 2\)"),
        (lambda: policy.pull([[1.0, 0.5], [0.0, 1.0]]), "must be a distribution"),
        (lambda: policy.pull([[1.5, -0.5], [0.0, 1.0]]), "must be a distribution"),
        (lambda: policy.update(0, 1.0), "was not just pulled"),
        (lambda: policy.update(0, 1.0, propensity=0.5), "give the advice"),
        (lambda: policy.update(0, math.nan, propensity=0.5, advice=rows), "reward of round 0 is nan"),
        (lambda: policy.run([[0.5, math.nan]], [rows]), "reward of round 0 is nan"),
        (lambda: policy.run([[0.5, 0.5]], rows), "advice must have shape"),
        (lambda: policy.run([[0.5]], [rows]), "rewards must have shape"),
        (lambda: Exp4(2, 0, 10).pull(rows), "experts"),
        (lambda: Exp4(2, 2).pull(rows), "give horizon"),
    ):
        with pytest.raises(ParameterError, match=said):
            call()
    policy.update(1, 0.0, propensity=1e-300, advice=rows)
    assert np.isfinite(policy.probabilities(rows)).all()
    with pytest.raises(NotSupportedError, match="experts' advice"):
        policy.check_environment(bernoulli([0.1, 0.2]))
    assert set(Exp4.example().parameters()) >= set(Exp4.tunable())
