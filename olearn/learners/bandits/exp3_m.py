r"""Exp3.M: Exp3 for plays of m arms, weights capped so that no chance exceeds 1.

Rule: with weights w and exploration gamma,

.. math:: p_i = m \left((1-\gamma) \frac{w'_i}{\sum_j w'_j} + \frac{\gamma}{K}\right), \qquad
          w'_i = \min(w_i, a),

a the cap for which the largest p is 1 (no cap if none is needed); a set with these marginals is drawn by
DepRound; an arm of the set that was not capped gets :math:`w_i \leftarrow w_i e^{m \gamma x_i / K}`,
x = reward/p.
With m = 1 this is Exp3 as first published.

Cost: O(K) a round plus the search for the cap, m exponentials. Memory: 32 bytes an arm.

Regret in expectation, rewards fixed beforehand: 2 sqrt(e-1) sqrt(m K T ln(K/m)) with
gamma = min(1, sqrt(K ln(K/m) / ((e-1) m T))) (as cited, constant not re-derived here).

References
----------
.. [1] T. Uchiya, A. Nakamura and M. Kudo, "Algorithms for adversarial bandit problems with multiple plays",
   ALT 2010.

Examples
--------
>>> policy = Exp3M(arms=4, horizon=1000, m=2, seed=1)
>>> policy.probabilities()
array([0.5, 0.5, 0.5, 0.5])
>>> policy.update(policy.pull(), [0.0, 1.0])
>>> round(float(policy.probabilities().sum()), 12)
2.0
"""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import numpy as np

from olearn._jit import kernel
from olearn._rng import new_state
from olearn.bounds import Bound
from olearn.environments._kernels import draw_set
from olearn.errors import check_real
from olearn.learners.bandits._sets import SetPolicy, dependent_round


class State(NamedTuple):
    weight: np.ndarray  # float64 (K,)
    p: np.ndarray  # float64 (K,): chances of the coming round
    draw: np.ndarray  # float64 (K,): chances of the last draw
    work: np.ndarray  # float64 (K,): scratch
    cap: np.ndarray  # float64 (1,): the cap a of the last round, inf if none
    chosen: np.ndarray  # int64 (m,)
    rewards: np.ndarray  # float64 (m,)
    clock: np.ndarray  # int64 (1,): rounds
    rng: np.ndarray  # uint64 (4,)
    gamma: float


def init(arms: int, m: int, gamma: float, seed: int) -> State:
    p = np.full(arms, m / arms)
    ints = np.zeros(m, np.int64)
    state = State(
        np.ones(arms),
        p,
        p.copy(),
        np.zeros(arms),
        np.full(1, np.inf),
        ints,
        np.zeros(m),
        np.zeros(1, np.int64),
        new_state(seed),
        float(gamma),
    )
    return state


@kernel
def find_cap(weight, share):
    """a with a = share * sum_i min(w_i, a), for a share below 1/(number of caps); inf if max w <= share * sum.

    Capping c arms gives a = share * rest / (1 - c share); c grows until nothing uncapped exceeds a.
    """
    total, largest = 0.0, 0.0
    for i in range(weight.size):
        total += weight[i]
        largest = max(largest, weight[i])
    if largest <= share * total:
        return math.inf
    a = math.inf
    for _ in range(weight.size):
        rest, caps = 0.0, 0
        bar = a if a < math.inf else share * total
        for i in range(weight.size):
            if weight[i] > bar or (a < math.inf and weight[i] == bar):
                caps += 1
            else:
                rest += weight[i]
        lower = 1.0 - caps * share
        moved = share * rest / lower if lower > 0.0 else 0.0
        if moved == a or (a < math.inf and moved >= a):
            break
        a = moved
    return a


@kernel
def pull(state):
    dependent_round(state.rng, state.p, state.work, state.chosen)
    for i in range(state.p.size):
        state.draw[i] = state.p[i]


@kernel
def update(state, chosen, rewards):
    weight, p, gamma = state.weight, state.p, state.gamma
    arms, m = weight.size, chosen.size
    for j in range(m):
        arm = chosen[j]
        if weight[arm] < state.cap[0]:
            weight[arm] *= math.exp(min(600.0, m * gamma * rewards[j] / (arms * state.draw[arm])))
    largest = 0.0
    for i in range(arms):
        largest = max(largest, weight[i])
    if largest > 1e100:
        for i in range(arms):
            # the floor keeps a sum of uncapped weights positive; p doesn't see it beside gamma/K
            weight[i] = max(weight[i] / largest, 1e-200)
    cap = math.inf
    if gamma < 1.0 and m < arms:
        cap = find_cap(weight, (1.0 / m - gamma / arms) / (1.0 - gamma))
    state.cap[0] = cap
    total = 0.0
    for i in range(arms):
        total += min(weight[i], cap)
    for i in range(arms):
        p[i] = min(1.0, m * ((1.0 - gamma) * min(weight[i], cap) / total + gamma / arms))
        if weight[i] >= cap or m == arms:
            p[i] = 1.0
    state.clock[0] += 1


@kernel
def run(state, env, record):
    for t in range(record.rounds):
        pull(state)
        draw_set(env, record, t, state.chosen, state.rewards)
        update(state, state.chosen, state.rewards)


class Exp3M(SetPolicy):
    __doc__ = __doc__

    name = "exp3-m"
    randomised = True
    unit_rewards = True
    weighted = True
    rule = "p = m ((1-gamma) w'/W' + gamma/K) with capped weights, DepRound, w_i *= exp(m gamma reward/(p_i K))"
    tuning = "gamma = min(1, sqrt(K ln(K/m)/((e-1) m T))) (needs the horizon)"
    reference = "Uchiya, Nakamura and Kudo, ALT 2010"
    pull_kernel, update_kernel, run_kernel = staticmethod(pull), staticmethod(update), staticmethod(run)

    def __init__(
        self, arms: int, horizon: int | None = None, *, m: int = 1, gamma: float | None = None, seed: int = 0
    ) -> None:
        super().__init__(arms, horizon, m=m, seed=seed)
        self.gamma = gamma

    def parameters(self) -> dict[str, Any]:
        if self.gamma is not None:
            gamma = check_real("gamma", self.gamma, 0.0, 1.0, open_low=True)
        else:
            log = self.arms * math.log(self.arms / self.m)
            gamma = min(1.0, math.sqrt(log / ((math.e - 1.0) * self.m * self.require_horizon("gamma"))))
        return {"m": self.m, "gamma": gamma}

    def validate(self) -> None:
        super().validate()
        self.parameters()

    def _init(self) -> State:
        return init(self.arms, self.m, self.parameters()["gamma"], self.seed)

    def probabilities(self) -> np.ndarray:
        """The chance of each arm to be in the set of the coming round, float64 (arms,)."""
        return np.array(self.state.p)

    def bound(self, horizon: int | None = None, means: Any = None) -> Bound | None:
        t = self._rounds_of_bound(horizon)
        if self.gamma is not None or t != self.horizon:
            return None
        inside = self.m * self.arms * t * math.log(self.arms / self.m)
        return Bound(
            2.0 * math.sqrt((math.e - 1.0) * inside),
            "2 sqrt(e-1) sqrt(m K T ln(K/m))",
            "best fixed set",
            "in expectation",
            ("rewards in [0, 1], fixed beforehand",),
            "Uchiya, Nakamura and Kudo 2010, Theorem 2 (constant as cited)",
        )
