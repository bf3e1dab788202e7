"""What every bandit policy shares: two verbs around a compiled state, and one compiled loop.

A policy's file holds a ``State``, its ``init`` and the kernels ``pull(state) -> arm``,
``update(state, arm, reward)`` and ``run(state, env, record)``, and a class that names them. ``run`` is
five lines written out in every file, so that numba can inline the two kernels and keep the loop in
its disk cache.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any, ClassVar, Self

import numpy as np

from olearn.bounds import Bound
from olearn.environments import _kernels as env_kernels
from olearn.environments.bandit import matrix
from olearn.errors import NotSupportedError, ParameterError, check_int, check_positive_int, check_real
from olearn.learners._base import Learner


class BanditPolicy(Learner):
    """A policy that plays one of `arms` arms and sees the reward of that arm only.

    Parameters
    ----------
    arms : int
        Number of arms, K.
    horizon : int, optional
        Number of rounds T that the default parameters are tuned for.
    seed : int, default 0
        Seed of the policy's own randomness; deterministic policies ignore it.
    """

    feedback: ClassVar[str] = "arm"
    feedback_unit: ClassVar[str] = "reward"
    #: What a play is, or needs: "arm", "set", "context", "advice", "knapsack" or "point".
    shape: ClassVar[str] = "arm"
    #: Rewards have to lie in [0, 1].
    unit_rewards: ClassVar[bool] = False
    #: The update divides by the chance of the draw, kept in ``state.draw[0]``.
    weighted: ClassVar[bool] = False
    #: Kernels ``pull(state)``, ``update(state, arm, reward)``, ``run(state, env, record)``.
    pull_kernel: ClassVar[Callable[..., Any]]
    update_kernel: ClassVar[Callable[..., None]]
    run_kernel: ClassVar[Callable[..., None]]

    #: Arms in a play; combinatorial policies play sets.
    set_size: int = 1

    _pending: Any = None

    def __init__(self, arms: int, horizon: int | None = None, *, seed: int = 0) -> None:
        self.arms = arms
        self.horizon = horizon
        self.seed = seed

    @classmethod
    def tunable(cls) -> dict[str, Any]:
        return {n: p for n, p in super().tunable().items() if n != "arms"}

    @classmethod
    def example(cls) -> Self:
        """Ten arms, ten thousand rounds."""
        return cls(10, 10_000)

    def validate(self) -> None:
        # whole floats are taken, but arrays want ints
        self.arms = check_positive_int("arms", self.arms)
        if self.horizon is not None:
            self.horizon = check_positive_int("horizon", self.horizon)
        self.seed = check_int("seed", self.seed, minimum=0)

    def require_horizon(self, parameter: str) -> int:
        """The horizon, or an error that says which default needs it."""
        if self.horizon is None:
            raise ParameterError(f"{self.name}: give horizon (number of rounds) or {parameter}")
        return check_positive_int("horizon", self.horizon)

    def bound(self, horizon: int | None = None, means: Any = None) -> Bound | None:
        """The declared regret bound.

        Parameters
        ----------
        horizon : int, optional
            Rounds; default the policy's horizon.
        means : array_like of float, shape (arms,), optional
            Mean rewards of a stochastic environment, for the bounds that depend on the gaps.
        """
        return None

    def bound_needs_unit(self) -> bool:
        """Whether the bound is for rewards in [0, 1] only, not for all 1-sub-Gaussian rewards."""
        return True

    @property
    def rounds(self) -> int:
        """Rewards seen so far."""
        return 0 if self._state is None else int(self._state.clock[0])

    @property
    def propensity(self) -> float:
        """The chance with which the last arm was drawn: what importance weighting divides by."""
        if not self.weighted:
            raise NotSupportedError(f"{self.name} doesn't draw from a distribution it can name")
        return float(self.state.draw[0])

    def pull(self) -> int:
        """The arm to play in the coming round; a second call before :meth:`update` returns the same."""
        if self._pending is None:
            self._pending = int(type(self).pull_kernel(self.state))
        return int(self._pending)

    def update(self, arm: int, reward: float, propensity: float | None = None) -> None:
        """Tell the policy what an arm paid.

        Parameters
        ----------
        arm : int
            The arm played. It may differ from the one that :meth:`pull` chose (a delayed or a logged
            reward), but a policy that weighs by the chance of the draw then needs `propensity`.
        reward : float
            What it paid; for most adversarial policies in [0, 1].
        propensity : float in (0, 1], optional
            The chance with which `arm` was drawn, read from :attr:`propensity` at that time.

        Raises
        ------
        ParameterError
            If the reward is NaN, infinite or out of range; the state is then unchanged.
        """
        state = self.state
        if not (isinstance(arm, (int, np.integer)) and 0 <= arm < self.arms):
            raise ParameterError(f"{self.name}: arm must be between 0 and {self.arms - 1}, got {arm!r}")
        value = self._reward(reward, arm)
        if propensity is not None:
            chance = check_real("propensity", propensity, 0.0, 1.0, open_low=True)
            if self.weighted:
                state.draw[0] = chance
        elif self.weighted and arm != self._pending:
            raise ParameterError(
                f"{self.name}: arm {arm} is not the one just pulled ({self._pending}): give its propensity"
            )
        type(self).update_kernel(state, int(arm), value)
        self._pending = None

    def _reward(self, reward: Any, arm: int) -> float:
        try:
            value = float(reward)
        except (TypeError, ValueError):
            value = math.nan
        low, high = (0.0, 1.0) if self.unit_rewards else (-math.inf, math.inf)
        if not (low <= value <= high) or math.isinf(value):
            allowed = "in [0, 1]" if self.unit_rewards else "finite"
            where = f"reward of round {self.rounds} is {reward!r} (arm {arm})"
            raise ParameterError(f"{self.name}: {where}; rewards must be {allowed}")
        return value

    def check_environment(self, env: Any) -> None:
        """Raise unless the policy can play against `env`."""
        if getattr(env, "contextual", False):
            raise NotSupportedError(f"{self.name} doesn't look at contexts: use linucb or lints")
        if env.arms != self.arms:
            raise ParameterError(f"{self.name} has {self.arms} arms, the environment {env.arms}")
        if self.unit_rewards and not env.unit_rewards:
            raise NotSupportedError(f"{self.name} needs rewards in [0, 1]; those of {env.kind} can lie outside")

    def run(self, rewards: Any) -> np.ndarray:
        """Play against every row of a reward matrix in one compiled loop, as :meth:`pull`/:meth:`update` would.

        Parameters
        ----------
        rewards : array_like of float, shape (T, arms)

        Returns
        -------
        ndarray, float64 (T,)
            The reward of each round.
        """
        env = matrix(rewards)
        table = env.table
        assert table is not None
        self.check_environment(env)
        obtained = np.empty(table.shape[0])
        first = 0
        if self._pending is not None:
            arm = self._pending
            obtained[0] = table[0, arm]
            self.update(arm, obtained[0])
            first = 1
        if first < table.shape[0]:
            rest = matrix(table[first:])
            record = self.play(rest.data(), np.array([table.shape[0] - first]), trace=True)
            obtained[first:] = table[np.arange(first, table.shape[0]), record.trace[:, 0]]
        return obtained

    def play(self, env: Any, checkpoints: np.ndarray, trace: bool = False) -> env_kernels.Record:
        """The fused loop over environment data, which the caller has checked (:mod:`olearn.engine.bandits`)."""
        adaptive = env.kind >= env_kernels.ADAPTIVE
        record = env_kernels.new_record(checkpoints, env.means.shape, adaptive, self.set_size, trace)
        type(self).run_kernel(self.state, env, record)
        self._pending = None
        return record

    def reset(self) -> None:
        super().reset()
        self._pending = None


class IndexPolicy(BanditPolicy):
    """A policy for stochastic rewards: pulls the arm with the largest index."""

    def _gaps(self, means: Any) -> np.ndarray | None:
        """Positive gaps to the best arm, from the means of a stochastic environment."""
        if means is None:
            return None
        mu = np.asarray(means, np.float64)
        if mu.shape != (self.arms,) or not np.isfinite(mu).all():
            raise ParameterError(f"{self.name}: means must be {self.arms} finite numbers, got shape {mu.shape}")
        gaps = mu.max() - mu
        return gaps[gaps > 0.0]


class WeightedPolicy(BanditPolicy):
    """A randomised policy for adversarial rewards in [0, 1] that weighs each reward by 1/chance."""

    randomised: ClassVar[bool] = True
    unit_rewards: ClassVar[bool] = True
    weighted: ClassVar[bool] = True

    def probabilities(self) -> np.ndarray:
        """The chance of each arm in the coming round, float64 (arms,)."""
        raise NotImplementedError
