"""Interval regret: how much the best set of a window beats the policy in the worst window of each length.

Strongly adaptive learners promise a regret of order sqrt(L) on *every* window of length L at once; a
static regret can hide a long stretch in which the policy was bad. For each length L this looks at all
T - L + 1 windows: the sum of the C largest counts of a sliding window is kept in O(1) a step by the
recursion of :func:`olearn.optima.static.static_prefix` and its inverse, so a length costs O(T) and all
powers of two O(T log T).
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from olearn.errors import ParameterError, check_positive_int
from olearn.optima._inputs import check_checkpoints, check_items
from olearn.regret.curves import check_rewards


class IntervalRegret(NamedTuple):
    """The worst window of each length; arrays of shape (K,)."""

    #: Window lengths, int64.
    lengths: np.ndarray
    #: Largest regret over the windows of that length, float64.
    worst: np.ndarray
    #: Where the worst window starts (the first of equals), int64.
    starts: np.ndarray
    #: ``worst / sqrt(length)``: flat for a strongly adaptive policy.
    scaled: np.ndarray


class WorstWindow(NamedTuple):
    """The window between two checkpoints in which a policy was furthest behind."""

    regret: float
    #: The window holds the requests ``start .. stop - 1``.
    start: int
    stop: int
    comparator: float
    reward: float


def interval_regret(
    items: Any, rewards: Any, capacity: int, lengths: Any = None, *, catalog_size: int | None = None
) -> IntervalRegret:
    """Regret against the best prefilled static set, in the worst window of each length.

    Parameters
    ----------
    items : array_like of int, shape (T,)
    rewards : array_like, shape (T,)
    capacity : int
    lengths : array_like of int, optional
        Default: the powers of two up to T, and T.

    Examples
    --------
    >>> r = interval_regret([0, 0, 1, 1], [1, 1, 0, 0], capacity=1)
    >>> r.lengths.tolist(), r.worst.tolist(), r.starts.tolist()
    ([1, 2, 4], [1.0, 2.0, 0.0], [2, 2, 0])
    """
    from olearn.regret._kernels import worst_window

    ids, n = check_items(items, catalog_size)
    earned = check_rewards(rewards, ids.size)
    c = check_positive_int("capacity", capacity)
    if lengths is None:
        sizes = np.unique(np.append(2 ** np.arange(int(ids.size).bit_length()), ids.size))
        sizes = sizes[sizes <= ids.size]
    else:
        sizes = np.asarray(lengths, dtype=np.int64)
        if sizes.ndim != 1 or sizes.size == 0 or sizes.min() < 1 or sizes.max() > ids.size:
            raise ParameterError(f"lengths must lie within 1 .. {ids.size}, got {lengths!r}")
    most = int(np.bincount(ids).max())
    counts, levels = np.empty(n, np.int32), np.empty(most + 3, np.int32)
    worst, starts = np.empty(sizes.size), np.empty(sizes.size, np.int64)
    out = np.zeros(2)
    for k, length in enumerate(sizes.tolist()):
        counts[:] = 0
        levels[:] = 0
        worst_window(ids, earned, length, c, counts, levels, out)
        worst[k], starts[k] = out
    return IntervalRegret(sizes, worst, starts, worst / np.sqrt(sizes))


def checkpoint_windows(
    items: Any, cumulated: Any, capacity: int, checkpoints: Any, *, catalog_size: int | None = None
) -> WorstWindow:
    """The worst of all windows between two checkpoints, from cumulated rewards alone.

    For results that keep rewards at checkpoints only. All pairs of K checkpoints are looked at: O(K T).

    Parameters
    ----------
    items : array_like of int, shape (T,)
    cumulated : array_like, shape (K,)
        Reward of the policy until each checkpoint.
    capacity : int
    checkpoints : array_like of int, shape (K,)

    Examples
    --------
    >>> w = checkpoint_windows([0, 0, 1, 1], [2.0, 2.0], capacity=1, checkpoints=[2, 4])
    >>> w.regret, w.start, w.stop
    (2.0, 2, 4)
    """
    from olearn.optima._kernels import segment_values

    ids, n = check_items(items, catalog_size)
    c = check_positive_int("capacity", capacity)
    points = check_checkpoints(checkpoints, ids.size)
    reward = np.concatenate([[0.0], check_rewards(cumulated, points.size)])
    bounds = np.concatenate([[0], points]).astype(np.int64)
    values = np.zeros((points.size, points.size), np.int64)
    levels = np.zeros(int(np.bincount(ids).max()) + 2, np.int32)
    segment_values(ids[: points[-1]], bounds, c, np.zeros(n, np.int32), levels, values)
    earned = reward[None, 1:] - reward[:-1, None]
    regret = np.where(np.triu(np.ones_like(values)) > 0, values - earned, -np.inf)
    i, j = np.unravel_index(int(regret.argmax()), regret.shape)
    return WorstWindow(
        float(regret[i, j]), int(bounds[i]), int(bounds[j + 1]), float(values[i, j]), float(earned[i, j])
    )
