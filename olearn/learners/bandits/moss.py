r"""MOSS: a width that vanishes once an arm has more than its share T/K of the pulls.

Rule: pull the arm with the largest :math:`\hat\mu_i + \sqrt{s \max(0, \ln(T / (K n_i))) / n_i}`, s = 1 [1]_ or
s = 4 for 1-sub-Gaussian rewards [2]_ (ties: lowest arm). An index changes only with the arm's own
pulls, so it is kept.

Cost: O(K) comparisons a round, one logarithm. Memory: 24 bytes an arm.

Regret, rewards in [0, 1]: 49 sqrt(TK) [1]_ (constant as cited, not re-derived here);
with s = 4, 1-sub-Gaussian rewards and gaps of at most 1, 39 sqrt(TK) + sum Delta [2]_.

References
----------
.. [1] J.-Y. Audibert and S. Bubeck, "Minimax policies for adversarial and stochastic bandits", COLT 2009.
.. [2] T. Lattimore and C. Szepesvari, *Bandit Algorithms*, Cambridge 2020, Theorem 9.1.

Examples
--------
>>> policy = MOSS(arms=3, horizon=300)
>>> policy.pull(), round(policy.bound().value, 1)
(0, 1470.0)
"""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import numpy as np

from olearn._jit import kernel
from olearn.bounds import Bound
from olearn.environments._kernels import account, draw
from olearn.errors import check_real
from olearn.learners.bandits._base import IndexPolicy
from olearn.learners.bandits._shared import argmax


class State(NamedTuple):
    upper: np.ndarray  # float64 (K,), inf before the first pull
    total: np.ndarray  # float64 (K,): sum of rewards
    pulls: np.ndarray  # float64 (K,): pulls
    clock: np.ndarray  # int64 (1,): rounds
    share: float  # T / K
    scale: float


def init(arms: int, horizon: int, scale: float) -> State:
    return State(
        np.full(arms, np.inf),
        np.zeros(arms),
        np.zeros(arms),
        np.zeros(1, np.int64),
        horizon / arms,
        float(scale),
    )


@kernel(inline=True)
def pull(state):
    return argmax(state.upper)


@kernel(inline=True)
def update(state, arm, reward):
    state.pulls[arm] += 1.0
    state.total[arm] += reward
    n = state.pulls[arm]
    log = max(0.0, math.log(state.share / n))
    state.upper[arm] = state.total[arm] / n + math.sqrt(state.scale * log / n)
    state.clock[0] += 1


@kernel
def run(state, env, record):
    for t in range(record.rounds):
        arm = pull(state)
        reward = draw(env, t, arm)
        update(state, arm, reward)
        account(env, record, t, arm, reward)


class MOSS(IndexPolicy):
    __doc__ = __doc__

    name = "moss"
    rule = "pull argmax mean + sqrt(scale * max(0, ln(T/(K n))) / n)"
    tuning = "scale = 1 for rewards in [0, 1], 4 for 1-sub-Gaussian ones; needs the horizon"
    reference = "Audibert and Bubeck, COLT 2009"
    pull_kernel, update_kernel, run_kernel = staticmethod(pull), staticmethod(update), staticmethod(run)

    def __init__(self, arms: int, horizon: int | None = None, *, scale: float = 1.0, seed: int = 0) -> None:
        super().__init__(arms, horizon, seed=seed)
        self.scale = scale

    def validate(self) -> None:
        super().validate()
        check_real("scale", self.scale, 0.0, open_low=True)
        self.require_horizon("another policy: MOSS needs it")

    def _init(self) -> State:
        return init(self.arms, self.require_horizon("another policy: MOSS needs it"), self.scale)

    def bound_needs_unit(self) -> bool:
        return self.scale == 1

    def bound(self, horizon: int | None = None, means: Any = None) -> Bound | None:
        t = self._rounds_of_bound(horizon)
        if self.scale not in (1, 4) or t != self.horizon or t < self.arms:
            return None
        root = math.sqrt(t * self.arms)
        gaps = self._gaps(means)
        if self.scale == 4:
            if gaps is not None and (gaps > 1.0).any():
                return None
            extra = float(gaps.sum()) if gaps is not None else self.arms - 1.0
            return Bound(
                39.0 * root + extra,
                "39 sqrt(K T) + sum Delta",
                "best arm",
                "in expectation",
                ("rewards are independent and 1-sub-Gaussian, their means don't change, gaps are at most 1",),
                "Lattimore and Szepesvari 2020, Theorem 9.1",
            )
        return Bound(
            49.0 * root,
            "49 sqrt(T K)",
            "best arm",
            "in expectation",
            ("rewards are independent, in [0, 1], and their means don't change",),
            "Audibert and Bubeck 2009, Theorem 5 (constant as cited)",
        )
