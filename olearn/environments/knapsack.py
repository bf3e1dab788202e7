"""Bandits with knapsacks: every pull pays a reward and consumes budgeted resources.

Examples
--------
>>> env = knapsack_bernoulli(rewards=[0.8, 0.4], costs=[[0.9], [0.2]])
>>> round(env.lp_value(budget=300, horizon=1000), 1)
457.1
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from olearn._jit import kernel
from olearn._rng import hash_uniform, new_key
from olearn.environments.bandit import STREAM
from olearn.errors import ParameterError, SolverError, check_positive_int, check_real


class KnapsackEnv(NamedTuple):
    """Rewards and costs as data: means of Bernoulli draws (one row), or tables (a row a round)."""

    bernoulli: int
    rewards: np.ndarray  # float64 (N, K)
    costs: np.ndarray  # float64 (N, K, d)
    key: np.uint64


class KnapsackEnvironment:
    """Rewards and costs in [0, 1] for every arm, drawn or fixed beforehand.

    Made by :func:`knapsack_bernoulli` and :func:`knapsack_matrix`.

    Attributes
    ----------
    rewards : ndarray, float64 (N, K)
    costs : ndarray, float64 (N, K, d)
        N = 1 for means of Bernoulli draws, else one row a round.
    bernoulli : bool
    """

    def __init__(self, rewards: np.ndarray, costs: np.ndarray, bernoulli: bool) -> None:
        self.rewards = rewards
        self.costs = costs
        self.bernoulli = bernoulli

    @property
    def arms(self) -> int:
        """Number of arms, K."""
        return int(self.rewards.shape[1])

    @property
    def resources(self) -> int:
        """Number of resources, d, time not among them."""
        return int(self.costs.shape[2])

    def data(self, seed: int = 0, run: int = 0) -> KnapsackEnv:
        """The arrays a fused loop reads for one run."""
        return KnapsackEnv(int(self.bernoulli), self.rewards, self.costs, new_key(seed, STREAM, run))

    def lp_value(self, budget: float, horizon: int) -> float:
        """The linear-programming benchmark: T times the best mean reward of a mix of arms within budget.

        The largest ``T * sum_a x_a r_a`` over x >= 0 with ``sum x <= 1`` and ``sum_a x_a c_aj <= B/T`` for each
        resource. For independent draws it is an upper bound on what any policy expects to earn; for a table
        it is the value of the best fixed mix by the table's means.

        Raises
        ------
        SolverError
            If the solver does not report an optimum.
        """
        from scipy.optimize import linprog

        t = check_positive_int("horizon", horizon)
        b = check_real("budget", budget, 0.0)
        r, c = self.rewards[: t or None].mean(axis=0), self.costs[: t or None].mean(axis=0)
        limits = np.concatenate([np.full(self.resources, b / t), [1.0]])
        answer = linprog(-r, A_ub=np.vstack([c.T, np.ones(self.arms)]), b_ub=limits, method="highs")
        if not answer.success:
            raise SolverError(f"the benchmark's linear program was not solved: {answer.message}")
        return float(-answer.fun * t)


def _unit(name: str, values: Any, axes: int) -> np.ndarray:
    try:
        array = np.ascontiguousarray(values, np.float64)
    except (TypeError, ValueError):
        raise ParameterError(f"{name} must be an array of numbers") from None
    if array.ndim != axes or 0 in array.shape:
        raise ParameterError(f"{name} must have {axes} axes, got shape {array.shape}")
    bad = np.argwhere(~((array >= 0.0) & (array <= 1.0)))
    if bad.size:
        raise ParameterError(
            f"{name} must be in [0, 1], got {array[tuple(bad[0])]} at {tuple(map(int, bad[0]))}"
        )
    return array


def knapsack_bernoulli(rewards: Any, costs: Any) -> KnapsackEnvironment:
    """Independent 0/1 rewards and costs.

    Parameters
    ----------
    rewards : array_like of float in [0, 1], shape (arms,)
    costs : array_like of float in [0, 1], shape (arms, resources)
        Means.
    """
    r, c = _unit("rewards", rewards, 1), _unit("costs", costs, 2)
    if c.shape[0] != r.size:
        raise ParameterError(f"costs must have a row for each of {r.size} arms, got {c.shape[0]}")
    return KnapsackEnvironment(r[None], c[None], True)


def knapsack_matrix(rewards: Any, costs: Any) -> KnapsackEnvironment:
    """Rewards and costs fixed beforehand.

    Parameters
    ----------
    rewards : array_like of float in [0, 1], shape (rounds, arms)
    costs : array_like of float in [0, 1], shape (rounds, arms, resources)
    """
    r, c = _unit("rewards", rewards, 2), _unit("costs", costs, 3)
    if c.shape[:2] != r.shape:
        raise ParameterError(f"rewards {r.shape} and costs {c.shape} must agree in rounds and arms")
    return KnapsackEnvironment(r, c, False)


@kernel
def draw_knapsack(env, t, arm, cost):
    """The reward of `arm` in round `t`; its costs go to `cost`."""
    arms, resources = env.costs.shape[1], env.costs.shape[2]
    if not env.bernoulli:
        for j in range(resources):
            cost[j] = env.costs[t, arm, j]
        return env.rewards[t, arm]
    first = (t * arms + arm) * (resources + 1)
    for j in range(resources):
        cost[j] = 1.0 if hash_uniform(env.key, first + j) < env.costs[0, arm, j] else 0.0
    return 1.0 if hash_uniform(env.key, first + resources) < env.rewards[0, arm] else 0.0
