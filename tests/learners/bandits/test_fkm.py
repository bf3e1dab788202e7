"""Bandit convex optimisation: definition, feasibility, loop, bounds, refusals."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from naive import bandits as naive
from olearn.errors import NotSupportedError, ParameterError
from olearn.geometry import Box, EuclideanBall, Simplex
from olearn.learners.bandits import FKM, TwoPointFKM
from olearn.learners.losses import Losses

few = settings(max_examples=min(20, settings().max_examples))


def ball(d):
    return EuclideanBall(d, 1.5), np.zeros(d), 1.5, lambda y: y / max(1.0, np.linalg.norm(y) / 1.5)


def box(d):
    low, high = -1.0 - np.arange(d), 2.0 + np.arange(d)
    return Box(d, low, high), (low + high) / 2, 1.5, lambda y: np.clip(y, low, high)


@pytest.mark.parametrize("cls", [FKM, TwoPointFKM])
@pytest.mark.parametrize("make", [ball, box])
@few
@given(st.integers(1, 4), st.integers(0, 2**32 - 1), st.sampled_from([0.01, 0.5]))
def test_definition_and_loop(cls, make, d, seed, eta):
    domain, centre, radius, project = make(d)
    rows = np.random.default_rng(seed).normal(size=(15, d)) / 30
    policy = cls(domain, eta=eta, delta=0.3, seed=seed)
    looped = policy.copy()
    twin = naive.FKM(project, centre, radius, cls.points, eta, 0.3, seed)
    losses = []
    for g in rows:
        played, expected = policy.pull(), twin.pull()
        np.testing.assert_allclose(np.atleast_2d(played), expected, atol=1e-9)
        assert np.array_equal(policy.pull(), played)
        assert all(domain.contains(y, 1e-9) for y in np.atleast_2d(played))
        values = np.atleast_2d(played) @ g
        policy.update(played, values if cls.points == 2 else values[0])
        twin.update(expected @ g)
        losses.append(values.mean())
    np.testing.assert_allclose(looped.play(Losses("linear", rows), 15), losses, atol=1e-12)
    np.testing.assert_allclose(looped.centre, policy.centre, atol=1e-12)


@pytest.mark.jit_only
@pytest.mark.parametrize("cls", [FKM, TwoPointFKM])
@pytest.mark.parametrize("kind", ["constant", "alternating", "shifting"])
def test_bound_on_linear_losses(cls, kind):
    """Mean of 12 runs less 4 standard errors against the best point of the ball, in closed form."""
    rounds, d = 4000, 3
    rows = np.zeros((rounds, d))
    if kind == "constant":
        rows[:, 0] = 1.0
    elif kind == "alternating":
        rows[:, 1] = np.where(np.arange(rounds) % 2, 1.0, -0.8)
    else:
        rows[: rounds // 3, 0], rows[rounds // 3 :, 0] = -1.0, 1.0
    best = -np.linalg.norm(rows.sum(axis=0))
    domain = EuclideanBall(d, 1.0)
    regret = [cls(domain, rounds, seed=s).play(Losses("linear", rows), rounds).sum() - best for s in range(12)]
    bound = cls(domain, rounds).bound().value
    assert bound < rounds or cls is FKM  # the statement is not empty
    assert np.mean(regret) - 4 * np.std(regret, ddof=1) / math.sqrt(12) <= bound


@pytest.mark.jit_only
def test_both_find_the_minimum_of_a_quadratic():
    """f(x) = |x - a|^2/2 on a box: with two values the centre ends within 0.1 of a."""
    target = np.tile([0.5, -0.25], (5000, 1))
    policy = TwoPointFKM(Box(2, -1.0, 1.0), 5000, lipschitz=2.5, size=4.0, seed=1)
    policy.play(Losses("distance", target), 5000)
    np.testing.assert_allclose(policy.centre, target[0], atol=0.1)


def test_refusals():
    policy = FKM(EuclideanBall(2, 1.0), 100)
    point = policy.pull()
    before = policy.centre
    for call, said in (
        (lambda: policy.update(point, math.nan), "loss of round 0 is nan"),
        (lambda: policy.update(point, 1.5), r"must be in \[-1, 1\]"),
        (lambda: policy.update(point + 1.0, 0.5), "the point just pulled"),
        (lambda: policy.update(point, [0.5, 0.5]), "1 losses expected"),
        (lambda: FKM(EuclideanBall(2, 1.0)).pull(), "give horizon"),
        (lambda: FKM(EuclideanBall(2, 1.0), 10, delta=1.0).pull(), "delta"),
        (lambda: FKM(EuclideanBall(2, 1.0), 10, eta=0.0).pull(), "eta"),
        (lambda: policy.play(Losses("linear", np.zeros((3, 2))), 5), "at most the 3 losses"),
    ):
        with pytest.raises(ParameterError, match=said):
            call()
    assert np.array_equal(policy.centre, before)
    policy.update(point, -0.5)
    assert policy.rounds == 1
    policy.reset()
    assert policy.rounds == 0
    assert np.array_equal(policy.pull(), point)
    for domain in (Simplex(3), Box(2, [0.0, 0.0], [1.0, 0.0]), Box(2, 0.0, math.inf)):
        with pytest.raises(NotSupportedError, match="interior"):
            FKM(domain, 10).pull()
    for cls in (FKM, TwoPointFKM):
        assert set(cls.example().parameters()) >= set(cls.tunable())
        assert cls.example().bound().value > 0
