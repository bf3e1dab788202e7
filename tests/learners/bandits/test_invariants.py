"""Bandits at the corners: pulls add up, no gain above the best of every round, chances that are chances.

Tied, constant, cyclic and one-hot rewards; 1, 2 and 40 arms; parameters from 1e-12 to 1e6.
"""

import numpy as np
import pytest

from olearn.errors import OlearnError
from olearn.learners.bandits import BANDITS, bandit_class
from olearn.regret import invariants
from tests.conftest import JIT_OFF
from tests.learners.test_invariants import sequences

SINGLE = [n for n in BANDITS if bandit_class(n).shape == "arm"]
SETS = [n for n in BANDITS if bandit_class(n).shape == "set"]
T = 40 if JIT_OFF else 400
EXTREMES = (1e-12, 1e-3, 0.25, 0.5, 1.0, 2.0, 30.0, 1e6)


def builds(name, arms, **more):
    """The policy with defaults, and with each of its numbers at the ends, as far as they are taken."""
    cls = bandit_class(name)
    options = [{}] + [
        {key: value}
        for key, parameter in cls.tunable().items()
        if key not in more and not isinstance(parameter.default, (str, bool))
        for value in EXTREMES
    ]
    for given in options:
        for horizon in (T, None):
            try:
                policy = cls(arms, horizon, seed=5, **more, **given)
                policy.state  # noqa: B018
            except OlearnError:
                continue  # outside the range that the policy allows, and it says so
            yield policy


def state_of(policy, label):
    broken = []
    for name, field in zip(policy.state._fields, policy.state, strict=True):
        values = np.asarray(field)
        if values.dtype.kind == "f" and np.isnan(values).any():
            broken.append(invariants.Breach(f"{name} must be a number", float("nan"), "", label))
    return broken


@pytest.mark.parametrize("name", SINGLE)
@pytest.mark.parametrize("arms", [1, 2, 40])
def test_every_invariant_of_arms(name, arms):
    broken = []
    for kind, rewards in sequences(arms, T):
        for policy in builds(name, arms):
            label = f"{policy!r}, {kind}"
            got = policy.run(rewards)
            broken += invariants.within(got, 0.0, 1.0, "rewards", label)
            broken += invariants.ceiling(float(got.sum()), float(rewards.max(axis=1).sum()), policy=label)
            broken += state_of(policy, label)
            if policy.weighted:
                broken += invariants.distribution(policy.probabilities(), label)
                policy.pull()
                broken += invariants.within([policy.propensity], 0.0, 1.0, "propensity", label)
    assert not broken, "\n".join(map(str, broken[:20]))


@pytest.mark.parametrize("name", SETS)
@pytest.mark.parametrize(("arms", "m"), [(2, 1), (5, 4), (12, 3)])
def test_every_invariant_of_sets(name, arms, m):
    broken = []
    for kind, rewards in sequences(arms, T):
        for policy in builds(name, arms, m=m):
            label = f"{policy!r}, {kind}"
            got = policy.run(rewards)
            best = np.sort(rewards, axis=1)[:, -m:].sum()
            broken += invariants.finite(got, "rewards", label)
            broken += invariants.ceiling(float(np.sum(got)), float(best), policy=label)
            broken += state_of(policy, label)
            play = np.asarray(policy.pull())
            broken += invariants.counted(np.bincount(play, minlength=arms) > 0, m, "different arms", label)
    assert not broken, "\n".join(map(str, broken[:20]))
