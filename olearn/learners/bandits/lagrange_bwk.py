r"""LagrangeBwK: bandits with knapsacks as a repeated zero-sum game, for stochastic or adversarial rewards.

Rule: in each round Exp3.P picks an arm a to maximise, and Hedge a resource j to minimise, the Lagrangian

.. math:: \mathcal L(a, j) = r_a + 1 - \rho \, c_{a,j}, \qquad \rho = T_0 / B,

where time is one more resource with a cost of B/T_0 (so its entry is r_a). Exp3.P sees the entry of the pair
played, scaled to [0, 1] from [min(0, 1 - rho), 2]; Hedge sees the whole row of the arm played.

T_0 = T suits independent rewards and costs. Against an adversary no policy has sublinear regret: the best
ratio of earnings is of order d ln T, reached with T_0 a guess of OPT's scale, drawn at random [1]_; give
`pace` = T_0 / T for that.

Cost: O(K + d) a round, K + d exponentials. Memory: 24 bytes an arm.

No bound is declared: the guarantees are a competitive ratio (adversarial) and a regret of the order
(T/B) sqrt(K T ln(K T)) (stochastic), both without explicit constants.

References
----------
.. [1] N. Immorlica, K. A. Sankararaman, R. Schapire and A. Slivkins, "Adversarial bandits with knapsacks",
   JACM 69(6), 2022.

Examples
--------
>>> policy = LagrangeBwK(arms=2, resources=1, horizon=100, budget=30, seed=1)
>>> policy.update(policy.pull(), 1.0, cost=[1.0])
>>> policy.left
array([29.])
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np

from olearn._jit import kernel
from olearn._rng import categorical, new_state
from olearn.environments.knapsack import draw_knapsack
from olearn.errors import check_real
from olearn.learners.bandits import exp3_mixed
from olearn.learners.bandits._knapsack import KnapsackPolicy, over
from olearn.learners.bandits.exp3_mixed import Exp3P


class State(NamedTuple):
    primal: exp3_mixed.State  # Exp3.P over the arms
    loss: np.ndarray  # float64 (d+1,): cumulative scaled Lagrangian of each resource, the last one of time
    price: np.ndarray  # float64 (d+1,): Hedge's weights, sum 1
    left: np.ndarray  # float64 (d,): budgets left
    cost: np.ndarray  # float64 (d,): scratch
    clock: np.ndarray  # int64 (1,): rounds
    rng: np.ndarray  # uint64 (4,): draws of the resource
    horizon: int
    rho: float  # T_0 / B
    eta: float  # Hedge's rate


@kernel
def pull(state):
    if over(state.left, state.clock[0], state.horizon):
        return -1
    return exp3_mixed.pull(state.primal)


@kernel
def update(state, arm, reward, cost):
    d = state.left.size
    loss, price = state.loss, state.price
    resource = categorical(state.rng, price, 1.0)
    # entries lie in [low, 2]: 1 - rho at a cost of 1, or, where the budget outlasts T_0, time's own 0
    low = min(0.0, 1.0 - state.rho)
    span = 2.0 - low
    paid = reward if resource == d else reward + 1.0 - state.rho * cost[resource]
    exp3_mixed.update(state.primal, arm, min(1.0, max(0.0, (paid - low) / span)))
    least = math.inf
    for j in range(d + 1):
        entry = reward if j == d else reward + 1.0 - state.rho * cost[j]
        loss[j] += (entry - low) / span
        least = min(least, loss[j])
    total = 0.0
    for j in range(d + 1):
        price[j] = math.exp(-state.eta * (loss[j] - least))
        total += price[j]
    for j in range(d + 1):
        price[j] /= total
        if j < d:
            state.left[j] -= cost[j]
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


class LagrangeBwK(KnapsackPolicy):
    """LagrangeBwK; see :mod:`olearn.learners.bandits.lagrange_bwk`.

    Parameters
    ----------
    arms, resources, horizon : int
    budget : float
    pace : float in (0, 1], default 1
        T_0/T.
    delta : float, default 0.05
        Chance of failure that Exp3.P is tuned for.
    seed : int, default 0

    Examples
    --------
    >>> LagrangeBwK(arms=2, resources=1, horizon=100, budget=30).pull() in (0, 1)
    True
    """

    name = "lagrange-bwk"
    randomised = True
    rule = "Exp3.P over arms against Hedge over resources on r + 1 - (T0/B) c"
    tuning = "T0 = pace * T, pace = 1; Hedge's rate sqrt(8 ln(d+1)/T); Exp3.P's defaults"
    reference = "Immorlica, Sankararaman, Schapire and Slivkins, JACM 2022"
    pull_kernel, update_kernel, run_kernel = staticmethod(pull), staticmethod(update), staticmethod(run)

    def __init__(
        self,
        arms: int,
        resources: int,
        horizon: int | None = None,
        *,
        budget: float = 0.0,
        pace: float = 1.0,
        delta: float = 0.05,
        seed: int = 0,
    ) -> None:
        super().__init__(arms, resources, horizon, budget=budget, seed=seed)
        self.pace = pace
        self.delta = delta

    def validate(self) -> None:
        super().validate()
        check_real("pace", self.pace, 0.0, 1.0, open_low=True)
        check_real("delta", self.delta, 0.0, 1.0, open_low=True, open_high=True)

    def _init(self) -> State:
        horizon = self.require_horizon("another policy")
        primal = Exp3P(self.arms, horizon, delta=self.delta, seed=self.seed)
        d = self.resources
        return State(
            primal.state,
            np.zeros(d + 1),
            np.full(d + 1, 1.0 / (d + 1)),
            np.full(d, float(self.budget)),
            np.zeros(d),
            np.zeros(1, np.int64),
            new_state(self.seed, 1),
            horizon,
            self.pace * horizon / self.budget,
            math.sqrt(8.0 * math.log(d + 1) / horizon),
        )
