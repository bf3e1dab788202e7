r"""D-UCB: UCB on discounted counts and means, for rewards whose means change.

Rule: with N_i = sum of gamma^(t-s) over the pulls of arm i, n = sum of all N_i and the discounted mean, pull

.. math:: \arg\max_i \hat\mu_i(\gamma) + 2 B \sqrt{\xi \ln n / N_i}

after one pull of each arm; gamma = 1 - sqrt(Y/T)/(4B) for Y changes in T rounds, rewards in [0, B].

Nothing is multiplied by gamma in a round: a pull gets the weight gamma^(-t) instead, and all weights are
scaled back when they pass 1e100. Index of an arm: a cached mean and a cached 1/sqrt(N).

Cost: O(K) multiplications and a logarithm a round. Memory: 32 bytes an arm.

Regret against the best arm of each stretch: O(sqrt(T Y) ln T); constants are not explicit, none is declared.

References
----------
.. [1] A. Garivier and E. Moulines, "On upper-confidence bound policies for switching bandit problems",
   ALT 2011.

Examples
--------
>>> policy = DUCB(arms=2, horizon=10_000, changes=4)
>>> policy.parameters()
{'gamma': 0.995, 'xi': 0.6, 'changes': 4, 'scale': 1.0}
>>> policy.pull()
0
"""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import numpy as np

from olearn._jit import kernel
from olearn.environments._kernels import account, draw
from olearn.errors import check_positive_int, check_real
from olearn.learners.bandits._base import IndexPolicy
from olearn.learners.bandits._shared import first_unplayed

#: Weights above this are scaled back.
CEILING = 1e100


class State(NamedTuple):
    total: np.ndarray  # float64 (K,): weighted sum of rewards
    pulls: np.ndarray  # float64 (K,): weighted pulls
    mean: np.ndarray  # float64 (K,)
    width: np.ndarray  # float64 (K,): 1/sqrt(weighted pulls)
    weights: np.ndarray  # float64 (2,): weight of the coming pull; gamma^rounds
    clock: np.ndarray  # int64 (2,): rounds, arms never pulled
    gamma: float
    xi: float
    scale: float


def init(arms: int, gamma: float, xi: float, scale: float) -> State:
    total, pulls, mean, width = np.zeros((4, arms))
    return State(
        total, pulls, mean, width, np.ones(2), np.array([0, arms]), float(gamma), float(xi), float(scale)
    )


@kernel
def pull(state):
    if state.clock[1] > 0:
        return first_unplayed(state.pulls)
    gamma, weights = state.gamma, state.weights
    pulls = (1.0 - weights[1]) / (1.0 - gamma) if gamma < 1.0 else float(state.clock[0])
    latest = weights[0] * gamma  # weight of the last pull, which counts as 1
    c = 2.0 * state.scale * math.sqrt(state.xi * max(0.0, math.log(pulls)) * latest)
    mean, width = state.mean, state.width
    best = 0
    top = mean[0] + c * width[0]
    for i in range(1, mean.size):
        index = mean[i] + c * width[i]
        if index > top:
            top = index
            best = i
    return best


@kernel
def update(state, arm, reward):
    weights = state.weights
    if state.pulls[arm] == 0.0:
        state.clock[1] -= 1
    state.pulls[arm] += weights[0]
    state.total[arm] += weights[0] * reward
    state.mean[arm] = state.total[arm] / state.pulls[arm]
    state.width[arm] = 1.0 / math.sqrt(state.pulls[arm])
    weights[0] /= state.gamma
    weights[1] *= state.gamma
    state.clock[0] += 1
    if weights[0] > CEILING:
        weights[0] /= CEILING
        for i in range(state.pulls.size):
            # a pull so old that its weight vanishes must not look like an arm never pulled
            state.pulls[i] = max(state.pulls[i] / CEILING, 1e-300)
            state.total[i] /= CEILING
            state.width[i] = min(state.width[i] * math.sqrt(CEILING), 1e150)


@kernel
def run(state, env, record):
    for t in range(record.rounds):
        arm = pull(state)
        reward = draw(env, t, arm)
        update(state, arm, reward)
        account(env, record, t, arm, reward)


class DUCB(IndexPolicy):
    __doc__ = __doc__

    name = "d-ucb"
    rule = "pull argmax discounted mean + 2 B sqrt(xi ln n / N)"
    tuning = "gamma = 1 - sqrt(changes/T)/(4 B) (needs the horizon), xi = 0.6, changes = 1"
    reference = "Garivier and Moulines, ALT 2011"
    pull_kernel, update_kernel, run_kernel = staticmethod(pull), staticmethod(update), staticmethod(run)

    def __init__(
        self,
        arms: int,
        horizon: int | None = None,
        *,
        gamma: float | None = None,
        xi: float = 0.6,
        changes: int = 1,
        scale: float = 1.0,
        seed: int = 0,
    ) -> None:
        super().__init__(arms, horizon, seed=seed)
        self.gamma = gamma
        self.xi = xi
        self.changes = changes
        self.scale = scale

    def parameters(self) -> dict[str, Any]:
        xi = check_real("xi", self.xi, 0.0, open_low=True)
        changes = check_positive_int("changes", self.changes)
        scale = check_real("scale", self.scale, 0.0, open_low=True)
        if self.gamma is None:
            ratio = math.sqrt(changes / self.require_horizon("gamma")) / (4.0 * scale)
            gamma = max(0.01, 1.0 - ratio)
        else:
            gamma = check_real("gamma", self.gamma, 0.01, 1.0)
        return {"gamma": gamma, "xi": xi, "changes": changes, "scale": scale}

    def validate(self) -> None:
        super().validate()
        self.parameters()

    def _init(self) -> State:
        p = self.parameters()
        return init(self.arms, p["gamma"], p["xi"], p["scale"])
