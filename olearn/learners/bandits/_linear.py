"""Contextual policies: ``pull(contexts)`` sees the features of every arm before it chooses."""

from __future__ import annotations

import math
from typing import Any, ClassVar

import numpy as np

from olearn._jit import kernel
from olearn.environments import _kernels as env_kernels
from olearn.environments.contextual import logged
from olearn.errors import NotSupportedError, ParameterError, check_positive_int, check_real
from olearn.learners.bandits._base import BanditPolicy


@kernel
def cholesky(matrix, factor):
    """The lower factor of a symmetric positive definite matrix; the upper part of `factor` is zeroed."""
    d = matrix.shape[0]
    for i in range(d):
        for j in range(d):
            if j > i:
                factor[i, j] = 0.0
                continue
            s = matrix[i, j]
            for k in range(j):
                s -= factor[i, k] * factor[j, k]
            factor[i, j] = math.sqrt(s) if i == j else s / factor[j, j]


@kernel
def solve_lower(factor, x):
    """x <- L^-1 x."""
    for i in range(x.size):
        s = x[i]
        for j in range(i):
            s -= factor[i, j] * x[j]
        x[i] = s / factor[i, i]


@kernel
def solve_upper(factor, x):
    """x <- L^-T x."""
    for i in range(x.size - 1, -1, -1):
        s = x[i]
        for j in range(i + 1, x.size):
            s -= factor[j, i] * x[j]
        x[i] = s / factor[i, i]


class ContextualPolicy(BanditPolicy):
    """A linear policy: the reward of an arm is linear in its features.

    Parameters
    ----------
    arms : int
        Number of arms, K.
    dimension : int
        Length of a feature vector, d.
    horizon : int, optional
    disjoint : bool, default False
        One parameter vector for each arm, instead of one for all.
    regularisation : float, default 1
        Ridge parameter, lambda.
    seed : int, default 0
    """

    shape: ClassVar[str] = "context"

    def __init__(
        self,
        arms: int,
        dimension: int,
        horizon: int | None = None,
        *,
        disjoint: bool = False,
        regularisation: float = 1.0,
        seed: int = 0,
    ) -> None:
        super().__init__(arms, horizon, seed=seed)
        self.dimension = dimension
        self.disjoint = disjoint
        self.regularisation = regularisation

    @classmethod
    def tunable(cls) -> dict[str, Any]:
        return {n: p for n, p in super().tunable().items() if n != "dimension"}

    @classmethod
    def example(cls) -> Any:
        """Ten arms, five features, ten thousand rounds."""
        return cls(10, 5, 10_000)

    def validate(self) -> None:
        super().validate()
        self.dimension = check_positive_int("dimension", self.dimension)
        check_real("regularisation", self.regularisation, 0.0, open_low=True)

    def _features(self, contexts: Any) -> np.ndarray:
        x = np.ascontiguousarray(contexts, np.float64)
        if x.ndim == 1:
            x = x[None, :]
        if x.shape not in ((1, self.dimension), (self.arms, self.dimension)):
            raise ParameterError(
                f"{self.name}: contexts must have shape ({self.arms}, {self.dimension}) or "
                f"({self.dimension},), got {np.shape(contexts)}"
            )
        if x.shape[0] < self.arms and not self.disjoint:
            raise ParameterError(f"{self.name}: arms that share one vector need disjoint=True")
        if not np.isfinite(x).all():
            raise ParameterError(f"{self.name}: contexts of round {self.rounds} must be finite")
        return x

    def pull(self, contexts: Any = None) -> int:
        """The arm to play in the coming round.

        Parameters
        ----------
        contexts : array_like of float, shape (arms, d) or (d,)
            The features of each arm; one vector if the arms share it. A second call before
            :meth:`update` with the same features returns the same arm.
        """
        if contexts is None:
            raise ParameterError(f"{self.name}: pull needs the contexts of the round")
        x = self._features(contexts)
        if self._pending is None or not np.array_equal(self._pending[1], x):
            self._pending = (int(type(self).pull_kernel(self.state, x)), x.copy())
        return int(self._pending[0])

    def update(self, arm: int, reward: float, propensity: Any = None, *, contexts: Any = None) -> None:
        """Tell the policy what an arm paid.

        Parameters
        ----------
        arm : int
        reward : float
        propensity : ignored
            Taken so that all policies can be called alike.
        contexts : array_like of float, shape (arms, d) or (d,), optional
            The features at the time of the pull; default those of the last pull.
        """
        if not (isinstance(arm, (int, np.integer)) and 0 <= arm < self.arms):
            raise ParameterError(f"{self.name}: arm must be between 0 and {self.arms - 1}, got {arm!r}")
        value = self._reward(reward, arm)
        if contexts is not None:
            x = self._features(contexts)
        elif self._pending is not None:
            x = self._pending[1]
        else:
            raise ParameterError(f"{self.name}: give the contexts of the pull that this reward is for")
        type(self).update_kernel(self.state, x, int(arm), value)
        self._pending = None

    def check_environment(self, env: Any) -> None:
        """Raise unless the policy can play against `env`."""
        if not getattr(env, "contextual", False):
            raise NotSupportedError(f"{self.name} needs contexts; {env.kind} has none")
        if (env.arms, env.dimension) != (self.arms, self.dimension):
            raise ParameterError(
                f"{self.name} has {self.arms} arms and {self.dimension} features, "
                f"the environment {env.arms} and {env.dimension}"
            )

        if env.contexts.shape[1] < self.arms and not self.disjoint:
            raise ParameterError(f"{self.name}: arms that share one vector need disjoint=True")

    def run(self, rewards: Any, contexts: Any = None) -> np.ndarray:
        """Play logged rounds in one compiled loop, as a loop over the two verbs would.

        Parameters
        ----------
        rewards : array_like of float, shape (T, arms)
        contexts : array_like of float, shape (T, arms, d) or (T, d)

        Returns
        -------
        ndarray, float64 (T,)
        """
        env = logged(contexts, rewards)
        self.check_environment(env)
        self._pending = None
        rounds = env.means.shape[0]
        record = self.play(env.data(), np.array([rounds]), trace=True)
        return np.asarray(env.means[np.arange(rounds), record.trace[:, 0]])

    def play(self, env: Any, checkpoints: np.ndarray, trace: bool = False) -> env_kernels.Record:
        record = env_kernels.new_record(checkpoints, (1, self.arms), False, 1, trace)
        type(self).run_kernel(self.state, env, record)
        self._pending = None
        return record

    @property
    def theta(self) -> np.ndarray:
        """The ridge estimate: float64 (d,), or (arms, d) for disjoint models."""
        theta = np.array(self.state.theta)
        return theta if self.disjoint else theta[0]
