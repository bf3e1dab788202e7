r"""PrimalDualBwK: bandits with knapsacks, the arm with the most optimistic reward per unit of cost.

Rule: after one pull of each arm, with prices y over the resources (time is one more, every pull consumes B/T of
it), pull the arm with the largest

.. math:: \frac{\mathrm{UCB}_a}{\sum_j y_j \, \mathrm{LCB}_{a,j}}, \qquad
          v_j \leftarrow v_j (1+\epsilon)^{\mathrm{LCB}_{A,j}}, \quad y = v / \|v\|_1,

A the arm pulled, epsilon = sqrt(ln d / B), bounds :math:`\hat\nu \pm (\sqrt{C \hat\nu/n} + C/n)` clipped to
[0, 1], C = ln(K d T) / 4 by default (the proof wants a constant times that logarithm).

Cost: O(K d) a round. Memory: 16 d bytes an arm.

Regret against the linear program's value OPT, independent rewards and costs in [0, 1]:
O(sqrt(ln(dT)) (sqrt(K OPT) + OPT sqrt(K/B))); constants are not explicit, none is declared.

References
----------
.. [1] A. Badanidiyuru, R. Kleinberg and A. Slivkins, "Bandits with knapsacks", JACM 65(3), 2018.

Examples
--------
>>> policy = PrimalDualBwK(arms=2, resources=1, horizon=100, budget=30)
>>> policy.update(policy.pull(), 1.0, cost=[1.0])
>>> policy.left
array([29.])
"""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import numpy as np

from olearn._jit import kernel
from olearn.environments.knapsack import draw_knapsack
from olearn.errors import check_real
from olearn.learners.bandits._knapsack import KnapsackPolicy, log_or_one, over
from olearn.learners.bandits._shared import first_unplayed


class State(NamedTuple):
    reward: np.ndarray  # float64 (K,): sums
    spent: np.ndarray  # float64 (K, d): sums
    pulls: np.ndarray  # float64 (K,)
    logv: np.ndarray  # float64 (d+1,): ln v, the last one of time
    price: np.ndarray  # float64 (d+1,): y
    left: np.ndarray  # float64 (d,): budgets left
    cost: np.ndarray  # float64 (d,): scratch
    clock: np.ndarray  # int64 (2,): rounds, arms never pulled
    horizon: int
    time_cost: float  # B/T
    log_step: float  # ln(1 + epsilon)
    confidence: float  # C


def init(arms: int, resources: int, horizon: int, budget: float, epsilon: float, confidence: float) -> State:
    return State(
        np.zeros(arms),
        np.zeros((arms, resources)),
        np.zeros(arms),
        np.zeros(resources + 1),
        np.full(resources + 1, 1.0 / (resources + 1)),
        np.full(resources, float(budget)),
        np.zeros(resources),
        np.array([0, arms]),
        int(horizon),
        budget / horizon,
        math.log1p(epsilon),
        float(confidence),
    )


@kernel
def lower(state, arm, j):
    """Lower confidence bound on the cost of an arm."""
    n = state.pulls[arm]
    if n == 0.0:
        return 0.0
    mean = state.spent[arm, j] / n
    return max(0.0, mean - math.sqrt(state.confidence * mean / n) - state.confidence / n)


@kernel
def pull(state):
    if over(state.left, state.clock[0], state.horizon):
        return -1
    if state.clock[1] > 0:
        return first_unplayed(state.pulls)
    d = state.left.size
    best = 0
    top = -1.0
    for arm in range(state.pulls.size):
        n = state.pulls[arm]
        mean = state.reward[arm] / n
        upper = min(1.0, mean + math.sqrt(state.confidence * mean / n) + state.confidence / n)
        bill = state.price[d] * state.time_cost
        for j in range(d):
            bill += state.price[j] * lower(state, arm, j)
        if upper > top * bill:  # upper / bill > top; a bill of 0 wins
            best = arm
            top = upper / max(bill, 1e-300)
    return best


@kernel
def update(state, arm, reward, cost):
    d = state.left.size
    logv = state.logv
    for j in range(d):
        logv[j] += state.log_step * lower(state, arm, j)
    logv[d] += state.log_step * state.time_cost
    if state.pulls[arm] == 0.0:
        state.clock[1] -= 1
    state.pulls[arm] += 1.0
    state.reward[arm] += reward
    high = logv[d]
    for j in range(d):
        state.spent[arm, j] += cost[j]
        state.left[j] -= cost[j]
        high = max(high, logv[j])
    total = 0.0
    for j in range(d + 1):
        state.price[j] = math.exp(logv[j] - high)
        total += state.price[j]
    for j in range(d + 1):
        state.price[j] /= total
    state.clock[0] += 1


@kernel
def run(state, env, plays):
    total = 0.0
    for t in range(state.horizon):
        arm = pull(state)
        if arm < 0:
            break
        reward = draw_knapsack(env, t, arm, state.cost)
        update(state, arm, reward, state.cost)
        total += reward
        plays[arm] += 1
    return total


class PrimalDualBwK(KnapsackPolicy):
    """PrimalDualBwK; see :mod:`olearn.learners.bandits.primal_dual_bwk`.

    Parameters
    ----------
    arms, resources, horizon : int
    budget : float
    epsilon : float, optional
        Step of the prices; default sqrt(ln(d+1)/B), at most 1 (time counts among the resources).
    confidence : float, optional
        C; default ln(K (d+1) T)/4.
    seed : int, default 0

    Examples
    --------
    >>> PrimalDualBwK(arms=2, resources=1, horizon=100, budget=30).pull()
    0
    """

    name = "primal-dual-bwk"
    rule = "pull argmax UCB(reward) / (prices . LCB(costs)), prices by multiplicative weights"
    tuning = "epsilon = sqrt(ln(d+1)/B), C = ln(K (d+1) T)/4"
    reference = "Badanidiyuru, Kleinberg and Slivkins, JACM 2018"
    pull_kernel, update_kernel, run_kernel = staticmethod(pull), staticmethod(update), staticmethod(run)

    def __init__(
        self,
        arms: int,
        resources: int,
        horizon: int | None = None,
        *,
        budget: float = 0.0,
        epsilon: float | None = None,
        confidence: float | None = None,
        seed: int = 0,
    ) -> None:
        super().__init__(arms, resources, horizon, budget=budget, seed=seed)
        self.epsilon = epsilon
        self.confidence = confidence

    def parameters(self) -> dict[str, Any]:
        if self.epsilon is not None:
            epsilon = check_real("epsilon", self.epsilon, 0.0, 1.0, open_low=True)
        else:
            epsilon = min(1.0, math.sqrt(log_or_one(self.resources + 1) / self.budget))
        if self.confidence is not None:
            confidence = check_real("confidence", self.confidence, 0.0)
        else:
            confidence = math.log(self.arms * (self.resources + 1) * self.require_horizon("confidence")) / 4.0
        return {"epsilon": epsilon, "confidence": confidence}

    def validate(self) -> None:
        super().validate()
        self.parameters()

    def _init(self) -> State:
        p = self.parameters()
        horizon = self.require_horizon("another policy")
        return init(self.arms, self.resources, horizon, self.budget, p["epsilon"], p["confidence"])
