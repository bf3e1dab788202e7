"""Learners at the corners: finite losses, points in the set, no loss below the best of every round.

Tied, constant, cyclic and one-hot losses; 1, 2 and 200 coordinates; steps from 1e-12 to 1e6.
"""

import numpy as np
import pytest

from olearn.errors import OlearnError
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
