"""Contextual bandit environments: features of every arm in every round, and rewards linear in them or logged.

Examples
--------
>>> env = linear(theta=[1.0, -1.0], contexts=[[[1, 0], [0, 1]], [[0, 1], [0.5, 0]]])
>>> env.arms, env.dimension, env.best_value(2)
(2, 2, 1.5)
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from olearn._jit import kernel
from olearn._rng import generator, new_key
from olearn.environments._kernels import normal_cell
from olearn.environments.bandit import STREAM
from olearn.errors import ParameterError, check_positive_int, check_real


class ContextEnv(NamedTuple):
    """A contextual environment as data. Round t uses row t modulo the number of rows."""

    kind: int
    contexts: np.ndarray  # float64 (N, K, d), or (N, 1, d) if the arms share a vector
    means: np.ndarray  # float64 (N, K)
    std: float
    key: np.uint64


class ContextualEnvironment:
    """Features for each arm and rewards with a given mean plus normal noise.

    Made by :func:`linear` and :func:`logged`.

    Attributes
    ----------
    contexts : ndarray, float64 (N, K, d) or (N, 1, d)
        Round t uses row t modulo N.
    means : ndarray, float64 (N, K)
        Mean reward of each arm.
    std : float
        Standard deviation of the noise.
    theta_norm : float
        Length of the one parameter vector; inf for one vector an arm or logged rewards.
    """

    stochastic = True
    stationary = False
    adaptive = False
    contextual = True
    unit_rewards = False
    kind = "contextual"
    horizon: int | None = None

    def __init__(
        self, contexts: np.ndarray, means: np.ndarray, std: float, theta_norm: float = float("inf")
    ) -> None:
        self.theta_norm = theta_norm
        self.contexts = contexts
        self.means = means
        self.std = std
        self.breaks = np.zeros(0, np.int64)

    @property
    def arms(self) -> int:
        """Number of arms, K."""
        return int(self.means.shape[1])

    @property
    def dimension(self) -> int:
        """Length of a feature vector, d."""
        return int(self.contexts.shape[2])

    def data(self, seed: int = 0, run: int = 0) -> ContextEnv:
        """The arrays a fused loop reads for one run."""
        return ContextEnv(-1, self.contexts, self.means, float(self.std), new_key(seed, STREAM, run))

    def best_value(self, rounds: Any, m: int = 1) -> Any:
        """Total mean reward of the best arm of each round, float or float64 (C,)."""
        marks = np.atleast_1d(np.asarray(rounds, np.int64))
        best = self.means.max(axis=1)
        cumulative = np.concatenate([[0.0], np.cumsum(best)])
        whole, rest = np.divmod(marks, best.size)
        totals = whole * cumulative[-1] + cumulative[rest]
        return float(totals[0]) if np.ndim(rounds) == 0 else totals

    dynamic_value = best_value

    def _check_rounds(self, rounds: int) -> None:
        check_positive_int("rounds", rounds)

    def __repr__(self) -> str:
        rows, _, d = self.contexts.shape
        return f"contextual(<{rows} rows, {self.arms} arms, {d} features>, std={self.std:g})"


def linear(theta: Any, contexts: Any, std: float = 0.0) -> ContextualEnvironment:
    """Rewards ``<theta, x> + std * normal``.

    Parameters
    ----------
    theta : array_like of float, shape (d,) or (arms, d)
        One vector for all arms, or one for each (then the arms may share their features).
    contexts : array_like of float, shape (N, arms, d) or (N, d)
        Features of each arm; with two axes the arms share them and `theta` has one row for each.
    std : float
    """
    x, parameters = _array("contexts", contexts, (2, 3)), _array("theta", theta, (1, 2))
    if x.ndim == 2:
        x = x[:, None, :]
    d = x.shape[2]
    if parameters.shape[-1] != d:
        raise ParameterError(f"theta must have {d} columns as the contexts do, got {parameters.shape}")
    if parameters.ndim == 1:
        means = x @ parameters
    elif x.shape[1] in (1, parameters.shape[0]):
        means = np.einsum("nkd,kd->nk", np.broadcast_to(x, (x.shape[0], parameters.shape[0], d)), parameters)
    else:
        raise ParameterError(f"theta has {parameters.shape[0]} rows, the contexts {x.shape[1]} arms")
    std = check_real("std", std, 0.0)
    norm = float(np.linalg.norm(parameters)) if parameters.ndim == 1 else float("inf")
    return ContextualEnvironment(np.ascontiguousarray(x), np.ascontiguousarray(means), std, norm)


def logged(contexts: Any, rewards: Any) -> ContextualEnvironment:
    """Rewards from a table with the reward of every arm in every round.

    Parameters
    ----------
    contexts : array_like of float, shape (N, arms, d) or (N, d)
    rewards : array_like of float, shape (N, arms)
    """
    x, table = _array("contexts", contexts, (2, 3)), _array("rewards", rewards, (2,))
    if x.ndim == 2:
        x = x[:, None, :]
    if x.shape[0] != table.shape[0] or x.shape[1] not in (1, table.shape[1]):
        raise ParameterError(f"contexts {x.shape} and rewards {table.shape} must agree in rounds and arms")
    return ContextualEnvironment(x, table, 0.0)


def random_linear(
    arms: int, dimension: int, rows: int = 1000, std: float = 0.1, *, shared: bool = False, seed: int = 0
) -> ContextualEnvironment:
    """Unit features in random directions and unit parameters: a synthetic linear bandit.

    Parameters
    ----------
    arms, dimension, rows : int
    std : float
    shared : bool
        One feature vector for all arms and one parameter vector for each, instead of the reverse.
    seed : int
    """
    k, d = check_positive_int("arms", arms), check_positive_int("dimension", dimension)
    rng = generator(seed, STREAM)
    x = rng.standard_normal((check_positive_int("rows", rows), 1 if shared else k, d))
    x /= np.linalg.norm(x, axis=2, keepdims=True)
    theta = rng.standard_normal((k if shared else 1, d))
    theta /= np.linalg.norm(theta, axis=1, keepdims=True)
    return linear(theta if shared else theta[0], x[:, 0] if shared else x, std)


def _array(name: str, values: Any, axes: tuple[int, ...]) -> np.ndarray:
    try:
        array = np.ascontiguousarray(values, np.float64)
    except (TypeError, ValueError):
        raise ParameterError(f"{name} must be an array of numbers") from None
    if array.ndim not in axes or 0 in array.shape:
        raise ParameterError(f"{name} must have {' or '.join(map(str, axes))} axes, got shape {array.shape}")
    if not np.isfinite(array).all():
        first = int(np.argwhere(~np.isfinite(array))[0][0])
        raise ParameterError(f"{name} must be finite, row {first} is not")
    return array


@kernel(inline=True)
def draw_context(env, t, row, arm):
    """The reward of `arm` in round `t`, which uses `row`."""
    mean = env.means[row, arm]
    if env.std > 0.0:
        return mean + env.std * normal_cell(env.key, t * env.means.shape[1] + arm)
    return mean


@kernel(inline=True)
def account_context(env, record, t, row, arm, reward):
    """Book one play."""
    record.totals[0] += reward
    record.totals[1] += env.means[row, arm]
    record.plays[0, arm] += 1
    if t < record.trace.shape[0]:
        record.trace[t, 0] = arm
    at = record.cursor[0]
    if t + 1 == record.checkpoints[at]:
        record.gain[at] = record.totals[0]
        record.value[at] = record.totals[1]
        record.cursor[0] = at + 1
