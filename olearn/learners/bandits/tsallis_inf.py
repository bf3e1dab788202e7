r"""Tsallis-INF: follow the regularised leader with the 1/2-Tsallis entropy; best of both worlds.

Rule, losses l = 1 - reward:

.. math:: p_i = \frac{4}{(\eta_t (\hat L_i - x))^2}, \qquad \sum_i p_i = 1,

x found by Newton's method from its last value (two or three passes), then

* ``estimator="iw"``: L_A += l/p_A, eta_t = 2/sqrt(t);
* ``estimator="rv"``: L_i += 1[i=A] (l - b_i)/p_i + b_i, b_i = 1/2 if p_i >= eta_t^2 else 0, eta_t = 4/sqrt(t).

Cost: O(K) divisions a pass. Memory: 24 bytes an arm.

Regret in expectation, rewards fixed beforehand: 4 sqrt(KT) + 1 (iw), 2 sqrt(KT) + 10 K ln T + 16 (rv);
stochastic rewards with gaps: O(sum ln T / Delta). Constants as cited, not re-derived here.

The sum h(x) is increasing and convex below min L, and its root lies in [min L - 2 sqrt(K)/eta, min L - 2/eta];
iterates are clipped there, which makes Newton's method monotone from the second step on.

References
----------
.. [1] J. Zimmert and Y. Seldin, "Tsallis-INF: an optimal algorithm for stochastic and adversarial bandits",
   JMLR 22, 2021.

Examples
--------
>>> policy = TsallisINF(arms=4, seed=1)
>>> policy.probabilities()
array([0.25, 0.25, 0.25, 0.25])
>>> round(policy.bound(10_000).value, 2)
801.0
"""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import numpy as np

from olearn._jit import kernel
from olearn._rng import categorical, new_state
from olearn.bounds import Bound
from olearn.environments._kernels import account, draw
from olearn.errors import unknown
from olearn.learners.bandits._base import WeightedPolicy
from olearn.learners.bandits._shared import LARGEST

ESTIMATORS = ("iw", "rv")


class State(NamedTuple):
    loss: np.ndarray  # float64 (K,): estimated cumulative losses
    p: np.ndarray  # float64 (K,): chances of the coming round
    draw: np.ndarray  # float64 (3,): chance of the last draw, multiplier x, sum of p
    clock: np.ndarray  # int64 (1,): rounds
    rng: np.ndarray  # uint64 (4,)
    rate: float  # eta_t = rate / sqrt(t)
    reduced: int


def init(arms: int, reduced: bool, seed: int) -> State:
    rate = 4.0 if reduced else 2.0
    p = np.full(arms, 1.0 / arms)
    first = np.array([1.0 / arms, -2.0 * math.sqrt(arms) / rate, 1.0])
    return State(np.zeros(arms), p, first, np.zeros(1, np.int64), new_state(seed), rate, int(reduced))


@kernel(inline=True)
def pull(state):
    arm = categorical(state.rng, state.p, state.draw[2])
    state.draw[0] = state.p[arm] / state.draw[2]
    return arm


@kernel(inline=True)
def solve(loss, p, eta, x):
    """Fill p with 4/(eta (loss - x))^2, x such that they sum to 1; returns (x, the sum reached)."""
    arms = loss.size
    low = loss[0]
    for i in range(1, arms):
        low = min(low, loss[i])
    if low > 1e6:  # only differences matter; large common parts would cost digits
        for i in range(arms):
            loss[i] -= low
        x -= low
        low = 0.0
    left = low - 2.0 * math.sqrt(arms) / eta
    right = low - 2.0 / eta
    x = min(max(x, left), right)
    total = 0.0
    for _ in range(60):
        total = 0.0
        slope = 0.0
        for i in range(arms):
            root = 2.0 / (eta * (loss[i] - x))
            w = root * root
            p[i] = w
            total += w
            slope += w * root
        if abs(total - 1.0) <= 1e-13 * arms:
            break
        moved = min(max(x - (total - 1.0) / (eta * slope), left), right)
        if moved == x:
            break
        x = moved
    return x, total


@kernel
def update(state, arm, reward):
    loss, p, chance = state.loss, state.p, state.draw[0]
    value = 1.0 - reward
    if state.reduced:
        t = state.clock[0] + 1.0
        limit = state.rate * state.rate / t
        for i in range(loss.size):
            base = 0.5 if p[i] >= limit else 0.0
            if i == arm:
                base += (value - base) / chance
            loss[i] = min(LARGEST, loss[i] + base)
    else:
        loss[arm] = min(LARGEST, loss[arm] + value / chance)
    state.clock[0] += 1
    eta = state.rate / math.sqrt(state.clock[0] + 1.0)
    state.draw[1], state.draw[2] = solve(loss, p, eta, state.draw[1])


@kernel
def run(state, env, record):
    for t in range(record.rounds):
        arm = pull(state)
        reward = draw(env, t, arm)
        update(state, arm, reward)
        account(env, record, t, arm, reward)


class TsallisINF(WeightedPolicy):
    __doc__ = __doc__

    name = "tsallis-inf"
    rule = "p_i = 4 (eta_t (L_i - x))^-2 with sum 1, L_arm += (1 - reward)/p_arm"
    tuning = "eta_t = 2/sqrt(t) (iw), 4/sqrt(t) (rv); no horizon needed"
    reference = "Zimmert and Seldin, JMLR 2021"
    pull_kernel, update_kernel, run_kernel = staticmethod(pull), staticmethod(update), staticmethod(run)

    def __init__(self, arms: int, horizon: int | None = None, *, estimator: str = "iw", seed: int = 0) -> None:
        super().__init__(arms, horizon, seed=seed)
        self.estimator = estimator

    def validate(self) -> None:
        super().validate()
        if self.estimator not in ESTIMATORS:
            raise unknown("estimator", str(self.estimator), ESTIMATORS)

    def _init(self) -> State:
        return init(self.arms, self.estimator == "rv", self.seed)

    def probabilities(self) -> np.ndarray:
        p = self.state.p
        return np.asarray(p / p.sum())

    def bound(self, horizon: int | None = None, means: Any = None) -> Bound | None:
        t = self._rounds_of_bound(horizon)
        root = math.sqrt(self.arms * t)
        if self.estimator == "rv":
            value, formula = 2.0 * root + 10.0 * self.arms * math.log(t) + 16.0, "2 sqrt(K T) + 10 K ln T + 16"
        else:
            value, formula = 4.0 * root + 1.0, "4 sqrt(K T) + 1"
        return Bound(
            value,
            formula,
            "best arm",
            "in expectation",
            ("rewards in [0, 1], fixed beforehand",),
            "Zimmert and Seldin 2021, Theorem 1 (constants as cited)",
        )
