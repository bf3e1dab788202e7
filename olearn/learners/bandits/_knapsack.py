"""What both policies for bandits with knapsacks share: budgets, the stop, the two verbs."""

from __future__ import annotations

import math
from typing import Any, ClassVar, NamedTuple

import numpy as np

from olearn._jit import kernel
from olearn.environments.knapsack import KnapsackEnvironment
from olearn.errors import NotSupportedError, ParameterError, check_positive_int, check_real
from olearn.learners.bandits._base import BanditPolicy


@kernel
def over(left, rounds, horizon):
    """Whether the horizon is reached or a resource can't pay for a pull that consumes 1."""
    least = 1.0
    for j in range(left.size):
        least = min(least, left[j])
    return rounds >= horizon or least < 1.0


class KnapsackRun(NamedTuple):
    """What a run leaves.

    Attributes
    ----------
    reward : float
        Total reward.
    spent : ndarray, float64 (d,)
        Total consumption of each resource, at most the budget.
    rounds : int
        Rounds played before a budget could no longer pay for a pull, or the horizon.
    plays : ndarray, int64 (K,)
    """

    reward: float
    spent: np.ndarray
    rounds: int
    plays: np.ndarray


class KnapsackPolicy(BanditPolicy):
    """A policy with a budget B of every one of d resources; a pull consumes up to 1 of each.

    :meth:`pull` returns None once a resource has less than 1 left, or the horizon is over: a budget is
    never overspent. :meth:`update` takes the consumption of each resource beside the reward.

    Parameters
    ----------
    arms : int
    resources : int
        d, time not among them.
    horizon : int
    budget : float
        B, the same for every resource (scale costs if budgets differ).
    seed : int, default 0
    """

    shape: ClassVar[str] = "knapsack"
    unit_rewards: ClassVar[bool] = True

    def __init__(
        self, arms: int, resources: int, horizon: int | None = None, *, budget: float = 0.0, seed: int = 0
    ) -> None:
        super().__init__(arms, horizon, seed=seed)
        self.resources = resources
        self.budget = budget

    @classmethod
    def tunable(cls) -> dict[str, Any]:
        return {n: p for n, p in super().tunable().items() if n not in ("resources", "budget")}

    @classmethod
    def example(cls) -> Any:
        """Ten arms, two resources, ten thousand rounds, a budget of two thousand."""
        return cls(10, 2, 10_000, budget=2_000.0)

    def validate(self) -> None:
        super().validate()
        self.resources = check_positive_int("resources", self.resources)
        check_real("budget", self.budget, 1.0)
        self.require_horizon("another policy: bandits with knapsacks need it")

    @property
    def left(self) -> np.ndarray:
        """What is left of each budget, float64 (d,)."""
        return np.array(self.state.left)

    def pull(self) -> Any:
        """The arm to play, or None if the game is over; a second call before :meth:`update` repeats it."""
        if self._pending is None:
            arm = int(type(self).pull_kernel(self.state))
            if arm < 0:
                return None
            self._pending = arm
        return int(self._pending)

    def update(self, arm: int, reward: float, propensity: Any = None, *, cost: Any = None) -> None:
        """Tell the policy what the arm just pulled paid and consumed.

        Parameters
        ----------
        arm : int
            What :meth:`pull` returned.
        reward : float in [0, 1]
        propensity : ignored
            Taken so that all policies can be called alike.
        cost : array_like of float in [0, 1], shape (d,)
            Consumption of each resource.
        """
        if arm is None or arm != self._pending:
            raise ParameterError(
                f"{self.name}: update takes the arm just pulled ({self._pending}), got {arm!r}"
            )
        value = self._reward(reward, arm)
        costs = np.ascontiguousarray(np.atleast_1d(cost), np.float64) if cost is not None else np.zeros(0)
        if costs.shape != (self.resources,) or not ((costs >= 0.0) & (costs <= 1.0)).all():
            wanted = f"{self.resources} numbers in [0, 1]"
            raise ParameterError(f"{self.name}: cost of round {self.rounds} must be {wanted}, got {cost!r}")
        type(self).update_kernel(self.state, int(arm), value, costs)
        self._pending = None

    def check_environment(self, env: Any) -> None:
        """Raise unless the policy can play against `env`."""
        if not isinstance(env, KnapsackEnvironment):
            raise NotSupportedError(f"{self.name} needs an environment with costs, got {env!r}")
        if (env.arms, env.resources) != (self.arms, self.resources):
            raise ParameterError(
                f"{self.name} has {self.arms} arms and {self.resources} resources, "
                f"the environment {env.arms} and {env.resources}"
            )
        if not env.bernoulli and env.rewards.shape[0] < self.require_horizon("a longer table"):
            raise ParameterError(f"horizon must be at most the {env.rewards.shape[0]} rows of the table")

    def run(self, rewards: Any, costs: Any = None) -> Any:
        """Play a table of rewards and costs; see :meth:`compete`."""
        from olearn.environments.knapsack import knapsack_matrix

        return self.compete(knapsack_matrix(rewards, costs))

    def compete(self, env: KnapsackEnvironment, seed: int = 0, run: int = 0) -> KnapsackRun:
        """Play until the game is over in one compiled loop; `seed` and `run` fix the environment's draws.

        Parameters
        ----------
        env : KnapsackEnvironment
        seed, run : int

        Returns
        -------
        KnapsackRun
        """
        self.check_environment(env)
        state = self.state
        if self._pending is not None or state.clock[0] > 0:
            raise ParameterError(f"{self.name}: compete starts a game, this one is {self.rounds} rounds old")
        plays = np.zeros(self.arms, np.int64)
        loop: Any = type(self).run_kernel
        total = float(loop(state, env.data(seed, run), plays))
        return KnapsackRun(total, self.budget - state.left, int(state.clock[0]), plays)


def log_or_one(value: float) -> float:
    """ln(value), at least 1e-12: for rates that a single resource would make 0."""
    return max(math.log(value), 1e-12)
