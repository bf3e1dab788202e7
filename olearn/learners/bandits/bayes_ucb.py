r"""BayesUCB: optimism by a quantile of the posterior.

Rule: with the posterior Beta(1 + S_i, 1 + F_i) of each arm, pull the arm with the largest quantile of order
1 - 1/(t (ln T)^c), c = 0 in practice (then no horizon is needed) and 5 in the proofs; t is the coming round
(ties: the arm pulled last, then the lowest).

As in KL-UCB only the winner's quantile is solved for: arm i beats a candidate q iff its posterior puts more
than 1/(t (ln T)^c) above q, one incomplete beta function (continued fraction) each. The quantile comes from
Newton's method on the logarithm of the tail, which is concave, inside a bracket.

Cost: K incomplete beta functions a round, each O(sqrt(n)) terms for n pulls of the arm. Memory: 24 bytes an
arm.

Regret: asymptotically the Lai-Robbins constant for Bernoulli rewards; no finite-time bound is declared.

References
----------
.. [1] E. Kaufmann, O. Cappe and A. Garivier, "On Bayesian upper confidence bounds for bandit problems",
   AISTATS 2012.

Examples
--------
>>> policy = BayesUCB(arms=2)
>>> for reward in (0.0, 1.0, 1.0):
...     policy.update(policy.pull(), reward)
>>> policy.pull()
1
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np

from olearn._jit import kernel
from olearn.environments._kernels import account, draw
from olearn.errors import ParameterError, check_real
from olearn.learners.bandits._base import IndexPolicy


class State(NamedTuple):
    a: np.ndarray  # float64 (K,): 1 + sum of rewards
    b: np.ndarray  # float64 (K,): 1 + pulls - sum of rewards
    constant: np.ndarray  # float64 (K,): ln B(a, b)
    clock: np.ndarray  # int64 (2,): rounds, last winner
    horizon_factor: float  # (ln T)^c


def init(arms: int, factor: float) -> State:
    return State(np.ones(arms), np.ones(arms), np.zeros(arms), np.zeros(2, np.int64), float(factor))


@kernel
def fraction(a, b, x):
    """The continued fraction of the incomplete beta function (modified Lentz), good for x < (a+1)/(a+b+2)."""
    tiny = 1e-300
    c = 1.0
    d = 1.0 - (a + b) * x / (a + 1.0)
    if abs(d) < tiny:
        d = tiny
    d = 1.0 / d
    h = d
    for m in range(1, 100_000):
        top = m * (b - m) * x / ((a + 2 * m - 1.0) * (a + 2 * m))
        d = 1.0 + top * d
        c = 1.0 + top / c
        if abs(d) < tiny:
            d = tiny
        if abs(c) < tiny:
            c = tiny
        d = 1.0 / d
        h *= d * c
        top = -(a + m) * (a + b + m) * x / ((a + 2 * m) * (a + 2 * m + 1.0))
        d = 1.0 + top * d
        c = 1.0 + top / c
        if abs(d) < tiny:
            d = tiny
        if abs(c) < tiny:
            c = tiny
        d = 1.0 / d
        factor = d * c
        h *= factor
        if abs(factor - 1.0) < 1e-15:
            break
    return h


@kernel
def tail(a, b, constant, x):
    """P(Beta(a, b) > x); constant is ln B(a, b)."""
    if x <= 0.0:
        return 1.0
    if x >= 1.0:
        return 0.0
    front = math.exp(a * math.log(x) + b * math.log1p(-x) - constant)
    if x < (a + 1.0) / (a + b + 2.0):
        return 1.0 - front * fraction(a, b, x) / a
    return front * fraction(b, a, 1.0 - x) / b


@kernel
def quantile(a, b, constant, chance):
    """x with P(Beta(a, b) > x) = chance, 0 < chance < 1, to about 1e-14."""
    low, high = 0.0, 1.0
    x = a / (a + b)
    target = math.log(chance)
    for _ in range(200):
        s = tail(a, b, constant, x)
        if s > chance:
            low = x
        else:
            high = x
        moved = 0.5 * (low + high)
        if s > 0.0:
            # s * (log s - target) / density, the Newton step on the logarithm
            log_density = (a - 1.0) * math.log(x) + (b - 1.0) * math.log1p(-x) - constant
            step = s * (math.log(s) - target) * math.exp(-log_density)
            if low < x + step and x + step < high:
                moved = x + step
        if abs(moved - x) <= 1e-15 or high - low <= 1e-15:
            break
        x = moved
    return x


@kernel
def pull(state):
    a, b, constant = state.a, state.b, state.constant
    chance = 1.0 / ((state.clock[0] + 1.0) * state.horizon_factor)
    best = state.clock[1]
    if chance >= 1.0:
        return best
    q = quantile(a[best], b[best], constant[best], chance)
    start = best
    for i in range(a.size):
        if i != start and tail(a[i], b[i], constant[i], q) > chance * (1.0 + 1e-12):
            value = quantile(a[i], b[i], constant[i], chance)
            if value > q:
                q = value
                best = i
    state.clock[1] = best
    return best


@kernel
def update(state, arm, reward):
    a = state.a[arm] + reward
    b = state.b[arm] + (1.0 - reward)
    state.a[arm] = a
    state.b[arm] = b
    state.constant[arm] = math.lgamma(a) + math.lgamma(b) - math.lgamma(a + b)
    state.clock[0] += 1


@kernel
def run(state, env, record):
    for t in range(record.rounds):
        arm = pull(state)
        reward = draw(env, t, arm)
        update(state, arm, reward)
        account(env, record, t, arm, reward)


class BayesUCB(IndexPolicy):
    __doc__ = __doc__

    name = "bayes-ucb"
    unit_rewards = True
    rule = "pull argmax of the posterior quantile of order 1 - 1/(t (ln T)^c)"
    tuning = "c = 0 (the proofs need 5 and the horizon)"
    reference = "Kaufmann, Cappe and Garivier, AISTATS 2012"
    pull_kernel, update_kernel, run_kernel = staticmethod(pull), staticmethod(update), staticmethod(run)

    def __init__(self, arms: int, horizon: int | None = None, *, c: float = 0.0, seed: int = 0) -> None:
        super().__init__(arms, horizon, seed=seed)
        self.c = c

    def _factor(self) -> float:
        if check_real("c", self.c, 0.0) == 0.0:
            return 1.0
        base = math.log(max(1.0, math.log(self.require_horizon("c = 0"))))
        if self.c * base > 400.0:  # e^400: times any horizon it is still a number
            raise ParameterError(
                f"bayes-ucb: (ln T)^c must be at most e^400, so c at most {400.0 / base:.4g}, got {self.c!r}"
            )
        return math.exp(self.c * base)

    def validate(self) -> None:
        super().validate()
        self._factor()

    def _init(self) -> State:
        return init(self.arms, self._factor())
