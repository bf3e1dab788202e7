r"""SW-UCB: UCB on the last tau rounds, for rewards whose means change.

Rule: with the pulls N_i and the mean of arm i among the last tau rounds, pull

.. math:: \arg\max_i \hat\mu_i(\tau) + B \sqrt{\xi \ln \min(t, \tau) / N_i},

an arm without a pull in the window first; tau = 2B sqrt(T ln T / Y) for Y changes in T rounds, xi > 1/2.

Sums lose the leaving reward by subtraction; once in a window they are summed again, so errors can't pile up.

Cost: O(K) multiplications and a logarithm a round. Memory: 16 bytes a round of the window, 32 an arm.

Regret against the best arm of each stretch: O(sqrt(T Y ln T)); constants are not explicit, none is declared.

References
----------
.. [1] A. Garivier and E. Moulines, "On upper-confidence bound policies for switching bandit problems",
   ALT 2011.

Examples
--------
>>> policy = SWUCB(arms=2, horizon=10_000, changes=4)
>>> policy.parameters()
{'window': 304, 'xi': 0.6, 'changes': 4, 'scale': 1.0}
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


class State(NamedTuple):
    total: np.ndarray  # float64 (K,): sum of rewards in the window
    pulls: np.ndarray  # float64 (K,): pulls in the window
    mean: np.ndarray  # float64 (K,)
    width: np.ndarray  # float64 (K,): 1/sqrt(pulls)
    arms: np.ndarray  # int64 (tau,): arms of the last rounds, a ring
    rewards: np.ndarray  # float64 (tau,)
    clock: np.ndarray  # int64 (2,): rounds, arms without a pull in the window
    xi: float
    scale: float


def init(arms: int, window: int, xi: float, scale: float) -> State:
    total, pulls, mean, width = np.zeros((4, arms))
    played, paid, clock = np.zeros(window, np.int64), np.zeros(window), np.array([0, arms])
    return State(total, pulls, mean, width, played, paid, clock, float(xi), float(scale))


@kernel
def pull(state):
    if state.clock[1] > 0:
        return first_unplayed(state.pulls)
    c = state.scale * math.sqrt(state.xi * math.log(min(state.clock[0], state.arms.size)))
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
def refresh(state, arm):
    """Mean and width of an arm after its sums changed."""
    n = state.pulls[arm]
    if n > 0.0:
        state.mean[arm] = state.total[arm] / n
        state.width[arm] = 1.0 / math.sqrt(n)


@kernel
def update(state, arm, reward):
    window = state.arms.size
    clock, count, total = state.clock, state.pulls, state.total
    at = clock[0] % window
    if clock[0] >= window:
        old = state.arms[at]
        count[old] -= 1.0
        total[old] -= state.rewards[at]
        if count[old] == 0.0:
            clock[1] += 1
            total[old] = 0.0
        refresh(state, old)
    if count[arm] == 0.0:
        clock[1] -= 1
    count[arm] += 1.0
    total[arm] += reward
    refresh(state, arm)
    state.arms[at] = arm
    state.rewards[at] = reward
    clock[0] += 1
    if at == window - 1 and window > 1:
        for i in range(total.size):
            total[i] = 0.0
        for s in range(window):
            total[state.arms[s]] += state.rewards[s]
        for i in range(total.size):
            refresh(state, i)


@kernel
def run(state, env, record):
    for t in range(record.rounds):
        arm = pull(state)
        reward = draw(env, t, arm)
        update(state, arm, reward)
        account(env, record, t, arm, reward)


class SWUCB(IndexPolicy):
    __doc__ = __doc__

    name = "sw-ucb"
    rule = "pull argmax mean of the last tau rounds + B sqrt(xi ln min(t, tau) / N)"
    tuning = "window tau = 2 B sqrt(T ln T/changes) (needs the horizon), xi = 0.6, changes = 1"
    reference = "Garivier and Moulines, ALT 2011"
    pull_kernel, update_kernel, run_kernel = staticmethod(pull), staticmethod(update), staticmethod(run)

    def __init__(
        self,
        arms: int,
        horizon: int | None = None,
        *,
        window: int | None = None,
        xi: float = 0.6,
        changes: int = 1,
        scale: float = 1.0,
        seed: int = 0,
    ) -> None:
        super().__init__(arms, horizon, seed=seed)
        self.window = window
        self.xi = xi
        self.changes = changes
        self.scale = scale

    def parameters(self) -> dict[str, Any]:
        xi = check_real("xi", self.xi, 0.0, open_low=True)
        changes = check_positive_int("changes", self.changes)
        scale = check_real("scale", self.scale, 0.0, open_low=True)
        if self.window is None:
            t = self.require_horizon("window")
            window = max(1, math.ceil(2.0 * scale * math.sqrt(t * math.log(t) / changes)))
        else:
            window = check_positive_int("window", self.window)
        return {"window": window, "xi": xi, "changes": changes, "scale": scale}

    def validate(self) -> None:
        super().validate()
        self.parameters()

    def _init(self) -> State:
        p = self.parameters()
        return init(self.arms, p["window"], p["xi"], p["scale"])
