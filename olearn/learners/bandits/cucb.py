r"""CUCB: the m arms with the largest upper confidence bounds (combinatorial semi-bandits).

Rule: play the m arms with the largest :math:`\hat\mu_i + \sqrt{3 \ln t / (2 n_i)}`, t the rounds so far; arms
never played have an infinite index (ties: lowest arm).

Cost: O(K) a round plus insertions, m square roots. Memory: 32 bytes an arm.

Regret, independent rewards in [0, 1] with fixed means, in expectation: 47 sqrt(m K T ln T) + (pi^2/3 + 1) m K
(constant as cited, not re-derived here).

References
----------
.. [1] W. Chen, Y. Wang and Y. Yuan, "Combinatorial multi-armed bandit: general framework and applications",
   ICML 2013.
.. [2] B. Kveton, Z. Wen, A. Ashkan and C. Szepesvari, "Tight regret bounds for stochastic combinatorial
   semi-bandits", AISTATS 2015.

Examples
--------
>>> policy = CUCB(arms=4, m=2)
>>> policy.update(policy.pull(), [0.0, 1.0])
>>> policy.pull()
array([2, 3])
"""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import numpy as np

from olearn._jit import kernel
from olearn.bounds import Bound
from olearn.environments._kernels import draw_set
from olearn.learners.bandits._sets import SetPolicy, top


class State(NamedTuple):
    total: np.ndarray  # float64 (K,): sum of rewards
    pulls: np.ndarray  # float64 (K,)
    mean: np.ndarray  # float64 (K,)
    width: np.ndarray  # float64 (K,): 1/sqrt(pulls), 1e150 before the first
    upper: np.ndarray  # float64 (K,): the indices of this round
    chosen: np.ndarray  # int64 (m,)
    rewards: np.ndarray  # float64 (m,)
    clock: np.ndarray  # int64 (1,): rounds


def init(arms: int, m: int) -> State:
    total, pulls, mean, upper = np.zeros((4, arms))
    width = np.full(arms, 1e150)
    return State(total, pulls, mean, width, upper, np.zeros(m, np.int64), np.zeros(m), np.zeros(1, np.int64))


@kernel
def pull(state):
    # ln 2 at the start: an arm never played must come first in round 1 too
    c = math.sqrt(1.5 * math.log(max(2, state.clock[0])))
    for i in range(state.mean.size):
        state.upper[i] = state.mean[i] + c * state.width[i]
    top(state.upper, state.chosen)


@kernel
def update(state, chosen, rewards):
    for j in range(chosen.size):
        arm = chosen[j]
        state.pulls[arm] += 1.0
        state.total[arm] += rewards[j]
        state.mean[arm] = state.total[arm] / state.pulls[arm]
        state.width[arm] = 1.0 / math.sqrt(state.pulls[arm])
    state.clock[0] += 1


@kernel
def run(state, env, record):
    for t in range(record.rounds):
        pull(state)
        draw_set(env, record, t, state.chosen, state.rewards)
        update(state, state.chosen, state.rewards)


class CUCB(SetPolicy):
    __doc__ = __doc__

    name = "cucb"
    unit_rewards = True
    rule = "play the m arms with the largest mean + sqrt(3 ln t / (2 n))"
    tuning = "none"
    reference = "Chen, Wang and Yuan, ICML 2013; Kveton et al., AISTATS 2015"
    pull_kernel, update_kernel, run_kernel = staticmethod(pull), staticmethod(update), staticmethod(run)

    def _init(self) -> State:
        return init(self.arms, self.m)

    def bound(self, horizon: int | None = None, means: Any = None) -> Bound | None:
        t = self._rounds_of_bound(horizon)
        size = self.m * self.arms
        return Bound(
            47.0 * math.sqrt(size * t * math.log(t)) + (math.pi**2 / 3.0 + 1.0) * size,
            "47 sqrt(m K T ln T) + (pi^2/3 + 1) m K",
            "best fixed set",
            "in expectation",
            ("rewards are independent, in [0, 1], and their means don't change",),
            "Kveton et al. 2015, Theorem 6 (constant as cited)",
        )
