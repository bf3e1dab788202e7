"""Learners at the corners: finite losses, points in the set, no loss below the best of every round.

Tied, constant, cyclic and one-hot losses; 1, 2 and 200 coordinates; steps from 1e-12 to 1e6.
"""

import inspect

import numpy as np
import pytest

from olearn.errors import OlearnError
from olearn.geometry import Box, CappedSimplex, EuclideanBall, Knapsack, Product, Simplex
from olearn.learners._base import OnlineLearner
from olearn.learners.catalogue import LEARNERS, get_learner
from olearn.regret import invariants
from tests.conftest import JIT_OFF

T = 60 if JIT_OFF else 1500
LONG = 1_000_000
ETAS = (1e-12, 1e-3, 1 / 8, 0.2, 1 / 3, 0.5, 1.0, 30.0, 1e3, 1e6)
EXPERTS = [
    name
    for name in LEARNERS
    if issubclass(get_learner(name), OnlineLearner) and get_learner(name).feedback == "losses"
]


def sequences(n, length):
    rng = np.random.default_rng(3)
    t = np.arange(length)
    cyclic, phases = np.zeros((length, n)), np.zeros((length, n))
    cyclic[t, t % n] = 1.0
    phases[t, (t // max(length // 7, 1)) % n] = 1.0
    yield "zeros", np.zeros((length, n))
    yield "ones", np.ones((length, n))
    yield "one item", np.tile(np.arange(n) == 0, (length, 1)).astype(float)
    yield "all but one", np.tile(np.arange(n) != 0, (length, 1)).astype(float)
    yield "cyclic", cyclic
    yield "phases", phases
    yield "halves", rng.integers(0, 3, (length, n)) / 2
    yield "random", rng.random((length, n))


def breaches(learner, losses, name):
    policy = f"{learner!r}, {name}"
    start = learner.copy()
    suffered = np.asarray(learner.run(losses), dtype=float)
    points = np.asarray(start.iterates(losses[:200]))
    broken = invariants.finite(suffered, "losses", policy)
    broken += invariants.distribution(points, policy)
    broken += invariants.floor(float(suffered.sum()), float(losses.min(axis=1).sum()), policy, "loss")
    broken += invariants.floor(
        -float(suffered.sum()), -float(losses.max(axis=1).sum()), policy, "minus the loss"
    )
    return broken


def builds(cls, n, length):
    yield cls(n, length)
    for eta in ETAS:
        for key in ("eta", "scale", "step_size"):
            if key in cls.tunable():
                try:
                    learner = cls(n, length, **{key: eta})
                    learner.predict()
                except OlearnError:
                    continue  # outside the range that the learner allows, and it says so
                yield learner


@pytest.mark.parametrize("name", EXPERTS)
@pytest.mark.parametrize("n", [1, 2, 200])
def test_every_invariant_of_experts(name, n):
    cls = get_learner(name)
    try:
        cls(n, T).predict()
    except OlearnError:
        pytest.skip(f"{name} refuses {n} experts")
    broken = []
    for kind, losses in sequences(n, T):
        for learner in builds(cls, n, T):
            broken += breaches(learner, losses, kind)
    assert not broken, "\n".join(map(str, broken[:20]))


@pytest.mark.jit_only
@pytest.mark.parametrize("name", EXPERTS)
def test_every_invariant_of_experts_after_a_million_rounds(name):
    cls = get_learner(name)
    broken = []
    for kind, losses in sequences(2, LONG):
        if kind in ("one item", "cyclic"):
            broken += breaches(cls(2, LONG), losses, kind)
    assert not broken, "\n".join(map(str, broken[:20]))


CONVEX = [
    name
    for name in LEARNERS
    if issubclass(get_learner(name), OnlineLearner) and "domain" in get_learner(name).tunable()
]
SETS = [
    Simplex(1),
    Simplex(50),
    CappedSimplex(7, 1),
    CappedSimplex(7, 6),
    CappedSimplex(30, 12),
    Box(3, [-1.0, 0.0, -2.0], [1.0, 1e-9, 2.0]),
    EuclideanBall(4, 1e-3),
    EuclideanBall(4, 1e3),
    Knapsack([1.0, 2.0, 0.5], 1.6),
    Product([Simplex(2), EuclideanBall(2, 2.0)]),
]


def convex(cls, domain, rounds):
    """Learners with every geometry, schedule and hint at steps from 1e-12 to 1e6, as far as they are taken."""
    taken = inspect.signature(cls.__init__).parameters
    for geometry in domain.geometries if "geometry" in taken else (None,):
        for hint in (None, "last") if "hint" in taken else (None,):
            for step in ("fixed", "sqrt", "adagrad-norm") if "step_size" in taken else (None,):
                for eta in (None, 1e-12, 1.0, 1e6):
                    given = {"geometry": geometry, "hint": hint, "step_size": step, "eta": eta}
                    given = {k: v for k, v in given.items() if v is not None and k in taken}
                    if eta is not None and "eta" not in taken:
                        continue
                    try:
                        learner = cls(domain, rounds, **given) if "horizon" in taken else cls(domain, **given)
                        learner.predict()
                    except OlearnError:
                        continue  # a combination that does not exist, and it says so
                    yield learner


def in_the_set(learner, domain, losses, name):
    """Breaches of one run; gradients have 2-norm at most 1."""
    policy = f"{learner!r}, {name}"
    start = learner.copy()
    suffered = np.asarray(learner.run(losses), dtype=float)
    points = np.asarray(start.iterates(losses[:60]))
    broken = invariants.finite(suffered, "losses", policy)
    broken += invariants.finite(points, "points", policy)
    if not broken and not all(domain.contains(x) for x in points):
        broken.append(invariants.Breach("every play must lie in the set", float("nan"), "", policy))
    least = -sum(domain.support(-g) for g in losses)
    return broken + invariants.floor(float(suffered.sum()), float(least), policy, "loss")


@pytest.mark.jit_only
@pytest.mark.parametrize("domain", SETS, ids=repr)
@pytest.mark.parametrize("name", [n for n in CONVEX if n != "implicit-ogd"])
def test_every_invariant_over_sets(name, domain):
    rounds, broken = 100, []
    for kind, losses in list(sequences(domain.dim, rounds))[1::2]:
        unit = (losses - 0.5 * (kind == "random")) / max(1.0, np.sqrt(domain.dim))
        for learner in convex(get_learner(name), domain, rounds):
            broken += in_the_set(learner, domain, unit, kind)
    assert not broken, "\n".join(map(str, broken[:20]))
