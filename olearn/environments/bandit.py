"""Bandit environments: stochastic (stationary or piecewise), a reward matrix, adaptive adversaries.

An environment is a description; :meth:`BanditEnvironment.data` makes the arrays that a fused loop
reads for one seed and one run. Stochastic environments and matrices are oblivious: they are a table
``reward[round, arm]``, the same for every policy with the same seed and run (common random numbers),
so differences between policies are not blurred by different luck.

Examples
--------
>>> env = bernoulli([0.1, 0.5, 0.9])
>>> env.arms, env.best_value(10)
(3, 9.0)
>>> env.rewards(4, seed=1).shape
(4, 3)
>>> parse_environment("bernoulli:0.1,0.5,0.9") == env
True
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from olearn._rng import new_key
from olearn.environments import _kernels as k
from olearn.errors import (
    NotSupportedError,
    OlearnError,
    ParameterError,
    check_int,
    check_positive_int,
    check_real,
    unknown,
)

#: Stream number of environments, so that a policy with the same seed has other random numbers.
STREAM = 0xE27

_KINDS = {
    "bernoulli": k.BERNOULLI,
    "gaussian": k.GAUSSIAN,
    "uniform": k.UNIFORM,
    "constant": k.CONSTANT,
    "matrix": k.MATRIX,
    "punish-leader": k.PUNISH_LEADER,
    "reward-rarest": k.REWARD_RAREST,
    "switch-when-found": k.SWITCH_WHEN_FOUND,
}
ADVERSARIES = tuple(n for n, code in _KINDS.items() if code >= k.ADAPTIVE)


class BanditEnvironment:
    """What a bandit policy plays against.

    Made by :func:`bernoulli`, :func:`gaussian`, :func:`uniform`, :func:`constant`, :func:`matrix` and
    :func:`adaptive`, which check their arguments.

    Attributes
    ----------
    kind : str
        ``"bernoulli"``, ``"gaussian"``, ..., ``"matrix"`` or the name of an adaptive adversary.
    means : ndarray, float64 (phases, arms)
        Mean reward of each arm in each phase; the column means of a matrix; zeros for an adversary.
    breaks : ndarray, int64 (phases - 1,)
        First round of each phase after the first.
    scale : float
        Standard deviation (gaussian) or half width (uniform).
    table : ndarray, float64 (rounds, arms) or None
        The rewards of a matrix environment.
    """

    def __init__(
        self,
        kind: str,
        means: np.ndarray,
        breaks: np.ndarray | None = None,
        scale: float = 0.0,
        table: np.ndarray | None = None,
    ) -> None:
        self.kind = kind
        self.means = means
        self.breaks = np.zeros(0, np.int64) if breaks is None else breaks
        self.scale = scale
        self.table = table

    @property
    def arms(self) -> int:
        """Number of arms, K."""
        return int(self.means.shape[1])

    @property
    def stochastic(self) -> bool:
        """Whether rewards have a mean that the pseudo-regret can be measured with."""
        return _KINDS[self.kind] < k.MATRIX

    @property
    def adaptive(self) -> bool:
        """Whether the rewards depend on the plays."""
        return _KINDS[self.kind] >= k.ADAPTIVE

    @property
    def stationary(self) -> bool:
        """Whether the rewards are stochastic with means that never change."""
        return self.stochastic and self.breaks.size == 0

    @property
    def unit_rewards(self) -> bool:
        """Whether every reward lies in [0, 1]."""
        if self.kind == "gaussian":
            return False
        if self.kind == "uniform":
            return bool(self.means.min() >= self.scale and self.means.max() + self.scale <= 1.0)
        values = self.table if self.table is not None else self.means
        return bool(values.min() >= 0.0 and values.max() <= 1.0)

    @property
    def horizon(self) -> int | None:
        """Rounds that a matrix has; None where there is no end."""
        return None if self.table is None else int(self.table.shape[0])

    def data(self, seed: int = 0, run: int = 0) -> k.Env:
        """The arrays a fused loop reads, fresh for one run.

        Parameters
        ----------
        seed, run : int
            Together they fix the reward table; they do not depend on the policy.
        """
        dummy = np.zeros((1, 1))
        return k.Env(
            _KINDS[self.kind],
            self.means,
            self.breaks,
            np.full(self.arms, float(self.scale)),
            dummy if self.table is None else self.table,
            new_key(seed, STREAM, run),
            np.zeros(1, np.int64),
            np.zeros((3, self.arms)),
        )

    def rewards(self, rounds: int, seed: int = 0, run: int = 0) -> np.ndarray:
        """The first rows of the reward table, float64 (rounds, arms); O(rounds * arms).

        Raises
        ------
        NotSupportedError
            For an adaptive adversary, whose rewards depend on the plays.
        """
        if self.adaptive:
            raise NotSupportedError(f"{self.kind} depends on the plays: it has no reward table")
        self._check_rounds(rounds)
        table = np.empty((rounds, self.arms))
        k.fill_table(self.data(seed, run), table)
        return table

    def _check_rounds(self, rounds: int) -> None:
        check_positive_int("rounds", rounds)
        if self.horizon is not None and rounds > self.horizon:
            raise ParameterError(f"rounds must be at most the {self.horizon} rows of the matrix, got {rounds}")

    def cumulative_means(self, rounds: Any) -> np.ndarray:
        """Sum over the first rounds of each arm's mean (a matrix: of its rewards), float64 (C, K)."""
        marks = np.atleast_1d(np.asarray(rounds, np.int64))
        if self.table is not None:
            return np.vstack([np.zeros(self.arms), np.cumsum(self.table, axis=0)])[marks]
        edges = np.concatenate([[0], self.breaks, [np.iinfo(np.int64).max]])
        spans = np.clip(marks[:, None], edges[:-1], edges[1:]) - edges[:-1]
        return spans.astype(np.float64) @ self.means

    def best_value(self, rounds: Any, m: int = 1) -> Any:
        """Total mean reward of the best fixed arm (of the best `m` arms) in the first rounds.

        Parameters
        ----------
        rounds : int or array_like of int, shape (C,)
        m : int
            Arms played in each round.

        Returns
        -------
        float or ndarray, float64 (C,)
        """
        totals = np.sort(self.cumulative_means(rounds), axis=1)[:, -m:].sum(axis=1)
        return float(totals[0]) if np.ndim(rounds) == 0 else totals

    def dynamic_value(self, rounds: Any, m: int = 1) -> Any:
        """Like :meth:`best_value` for the best arms of each phase (a matrix: of each round)."""
        marks = np.atleast_1d(np.asarray(rounds, np.int64))
        if self.table is not None:
            top = np.sort(self.table, axis=1)[:, -m:].sum(axis=1)
            totals = np.concatenate([[0.0], np.cumsum(top)])[marks]
        else:
            edges = np.concatenate([[0], self.breaks, [np.iinfo(np.int64).max]])
            spans = np.clip(marks[:, None], edges[:-1], edges[1:]) - edges[:-1]
            totals = spans.astype(np.float64) @ np.sort(self.means, axis=1)[:, -m:].sum(axis=1)
        return float(totals[0]) if np.ndim(rounds) == 0 else totals

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, BanditEnvironment):
            return NotImplemented
        same_table = (self.table is None) == (other.table is None) and (
            self.table is None or np.array_equal(self.table, other.table)  # type: ignore[arg-type]
        )
        return (
            self.kind == other.kind
            and np.array_equal(self.means, other.means)
            and np.array_equal(self.breaks, other.breaks)
            and self.scale == other.scale
            and same_table
        )

    __hash__ = None  # type: ignore[assignment]

    def __repr__(self) -> str:
        if self.table is not None:
            return f"matrix(<{self.table.shape[0]} rounds, {self.arms} arms>)"
        if self.adaptive:
            return f"adaptive({self.kind!r}, arms={self.arms})"
        means = self.means[0].tolist() if self.breaks.size == 0 else self.means.tolist()
        extra = f", breaks={self.breaks.tolist()}" if self.breaks.size else ""
        width = {"gaussian": f", std={self.scale:g}", "uniform": f", half_width={self.scale:g}"}.get(
            self.kind, ""
        )
        return f"{self.kind}({means}{extra}{width})"


def _stochastic(
    kind: str, means: Any, breaks: Any, scale: float = 0.0, *, unit: bool = False
) -> BanditEnvironment:
    try:
        table = np.array(means, np.float64, ndmin=2)
    except (TypeError, ValueError):
        raise ParameterError(f"{kind}: means must be numbers, one for each arm, got {means!r}") from None
    if table.ndim != 2 or table.shape[1] == 0:
        raise ParameterError(f"{kind}: means must have shape (arms,) or (phases, arms), got {table.shape}")
    if not np.isfinite(table).all():
        raise ParameterError(f"{kind}: means must be finite, got {means!r}")
    if unit and (table.min() < 0.0 or table.max() > 1.0):
        bad = table[(table < 0.0) | (table > 1.0)][0]
        raise ParameterError(f"{kind}: means must be in [0, 1], got {bad:g}")
    marks = np.array([check_positive_int("breaks", b) for b in breaks], np.int64)
    if marks.size != table.shape[0] - 1:
        raise ParameterError(
            f"{kind}: {table.shape[0]} phases need {table.shape[0] - 1} breaks, got {marks.size}"
        )
    if marks.size and (np.diff(marks) <= 0).any():
        raise ParameterError(f"{kind}: breaks must increase, got {marks.tolist()}")
    return BanditEnvironment(kind, np.ascontiguousarray(table), marks, scale)


def bernoulli(means: Any, breaks: Sequence[int] = ()) -> BanditEnvironment:
    """Rewards 1 with chance `means[arm]`, else 0.

    Parameters
    ----------
    means : array_like of float in [0, 1], shape (arms,) or (phases, arms)
    breaks : sequence of int
        First round (from 0) of each phase after the first, increasing.
    """
    return _stochastic("bernoulli", means, breaks, unit=True)


def gaussian(means: Any, std: float = 1.0, breaks: Sequence[int] = ()) -> BanditEnvironment:
    """Normal rewards with standard deviation `std`."""
    return _stochastic("gaussian", means, breaks, check_real("std", std, 0.0, open_low=True))


def uniform(means: Any, half_width: float, breaks: Sequence[int] = ()) -> BanditEnvironment:
    """Rewards uniform on ``mean +- half_width``."""
    return _stochastic("uniform", means, breaks, check_real("half_width", half_width, 0.0))


def constant(means: Any, breaks: Sequence[int] = ()) -> BanditEnvironment:
    """Rewards equal to their means."""
    return _stochastic("constant", means, breaks)


def matrix(rewards: Any) -> BanditEnvironment:
    """Rewards fixed beforehand: the oblivious adversary.

    Parameters
    ----------
    rewards : array_like of float, shape (rounds, arms)
        Finite; a NaN or an infinity is refused with its round.
    """
    try:
        table = np.ascontiguousarray(rewards, np.float64)
    except (TypeError, ValueError):
        raise ParameterError("matrix: rewards must be numbers of shape (rounds, arms)") from None
    if table.ndim != 2 or 0 in table.shape:
        raise ParameterError(f"matrix: rewards must have shape (rounds, arms), got {table.shape}")
    bad = np.argwhere(~np.isfinite(table))
    if bad.size:
        t, arm = (int(v) for v in bad[0])
        raise ParameterError(
            f"matrix: reward of round {t} is {table[t, arm]} (arm {arm}); rewards must be finite"
        )
    return BanditEnvironment("matrix", table.mean(axis=0, keepdims=True), table=table)


def adaptive(adversary: str, arms: int) -> BanditEnvironment:
    """An adversary that sees the plays so far and sets the rewards of the next round in [0, 1].

    Parameters
    ----------
    adversary : {"punish-leader", "reward-rarest", "switch-when-found"}
        The arm played most pays 0 and the others 1; only the arm played least pays 1; an arm that
        holds more than half of the plays pays 1/4 and the others 3/4.
    arms : int
    """
    if adversary not in ADVERSARIES:
        raise unknown("adversary", adversary, ADVERSARIES)
    return BanditEnvironment(adversary, np.zeros((1, check_positive_int("arms", arms))))


def _parse_stochastic(name: str, text: str) -> BanditEnvironment:
    body, _, options = text.partition(";")
    body, _, at = body.partition("@")
    means = [_numbers(name, part) for part in body.split("/")]
    if len({len(row) for row in means}) != 1:
        raise ParameterError(f"{name}: every phase needs the same number of arms, got {body!r}")
    breaks = [int(v) for v in _numbers(name, at)] if at else []
    extra: dict[str, float] = {}
    for part in filter(None, options.split(";")):
        key, _, value = part.partition("=")
        allowed = {"gaussian": "std", "uniform": "half_width"}.get(name)
        if key.strip() != allowed:
            raise ParameterError(
                f"{name}: no option {key.strip()!r}" + (f", allowed is {allowed!r}" if allowed else "")
            )
        extra[key.strip()] = _numbers(name, value)[0]
    if name == "uniform" and not extra:
        raise ParameterError("uniform: give the half width, as in uniform:0.4,0.6;half_width=0.3")
    makers: dict[str, Callable[..., BanditEnvironment]] = {
        "bernoulli": bernoulli,
        "gaussian": gaussian,
        "uniform": uniform,
        "constant": constant,
    }
    return makers[name](means if breaks or len(means) > 1 else means[0], breaks=breaks, **extra)


def _numbers(name: str, text: str) -> list[float]:
    try:
        return [float(part) for part in text.split(",")]
    except ValueError:
        raise ParameterError(f"{name}: numbers separated by commas expected, got {text!r}") from None


def _load_matrix(path: str) -> BanditEnvironment:
    file = Path(path)
    if not file.is_file():
        raise ParameterError(f"matrix: no file {path!r}")
    try:
        return matrix(np.load(file) if file.suffix == ".npy" else np.loadtxt(file, delimiter=",", ndmin=2))
    except OlearnError:
        raise
    except (ValueError, OSError) as error:
        raise ParameterError(
            f"matrix: can't read {path!r} as .npy or comma-separated numbers: {error}"
        ) from None


def parse_environment(text: str) -> BanditEnvironment:
    """An environment from a line of text, as the command takes it.

    Parameters
    ----------
    text : str
        ``bernoulli:0.1,0.9``; ``gaussian:0,1;std=2``; ``uniform:.4,.6;half_width=.3``; ``constant:.2,.8``;
        phases with ``/`` and their first rounds behind ``@``, ``bernoulli:0.9,0.1/0.1,0.9@5000``;
        ``matrix:FILE`` (.npy or comma-separated); an adversary with its arms, ``punish-leader:10``.

    Examples
    --------
    >>> parse_environment("bernoulli:0.9,0.1/0.1,0.9@5000")
    bernoulli([[0.9, 0.1], [0.1, 0.9]], breaks=[5000])
    >>> parse_environment("punish-leader:4")
    adaptive('punish-leader', arms=4)
    """
    name, colon, rest = text.strip().partition(":")
    name = name.strip().lower()
    if name not in _KINDS:
        raise unknown("environment", name, _KINDS)
    if not colon or not rest.strip():
        raise ParameterError(
            f"{name}: give its values after a colon, as in bernoulli:0.1,0.9 or punish-leader:10"
        )
    if name == "matrix":
        return _load_matrix(rest.strip())
    if name in ADVERSARIES:
        if not re.fullmatch(r"\s*\d+\s*", rest):
            raise ParameterError(f"{name}: number of arms expected after the colon, got {rest!r}")
        return adaptive(name, check_int("arms", int(rest), 1))
    return _parse_stochastic(name, rest)
