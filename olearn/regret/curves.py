"""Regret curves at checkpoints against static, moving, switching and discounted comparators.

A checkpoint is a number of requests. With rewards g_t and comparator u_t, the regret after n requests is
sum_{t<=n} reward(u_t) - g_t.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from olearn.errors import ParameterError, check_positive_int, check_real
from olearn.optima._inputs import check_checkpoints, check_items, check_per


class StaticCurves(NamedTuple):
    """Regret against the best static set, prefilled; float64 of shape (K,) except `checkpoints` (int64)."""

    checkpoints: np.ndarray
    #: Cumulated reward of the policy.
    reward: np.ndarray
    #: Reward of the best set of that prefix: it changes from checkpoint to checkpoint.
    prefix_optimum: np.ndarray
    #: Reward, up to the checkpoint, of the one set that is best for the whole trace.
    final_optimum: np.ndarray
    prefix_regret: np.ndarray
    final_regret: np.ndarray


class DynamicRegret(NamedTuple):
    """Regret against the best set of each window, and how far that comparator moves."""

    #: Numbers of requests at which the windows end, int64 (M,).
    checkpoints: np.ndarray
    #: Cumulated reward of the comparator, float64 (M,).
    comparator: np.ndarray
    regret: np.ndarray
    #: Cumulated l1 distance between consecutive sets (2 for each item exchanged), float64 (M,).
    path_length: np.ndarray


def check_rewards(rewards: Any, length: int) -> np.ndarray:
    """Rewards as finite float64 of shape (length,)."""
    array = np.ascontiguousarray(rewards, dtype=np.float64)
    if array.shape != (length,):
        raise ParameterError(f"rewards must have shape ({length},), got {array.shape}")
    if not np.isfinite(array).all():
        raise ParameterError(f"rewards must be finite, got {array[~np.isfinite(array)][0]}")
    return array


def static_curves(
    items: Any,
    rewards: Any,
    capacity: int,
    checkpoints: Any,
    *,
    catalog_size: int | None = None,
    weights: Any = None,
) -> StaticCurves:
    """Regret against the best static set, with the prefix and with the final comparator.

    The prefix regret is what a regret bound with an anytime parameter speaks about; the final one has one
    comparator for the whole curve and ends at the same number.

    Parameters
    ----------
    items : array_like of int, shape (T,)
    rewards : array_like, shape (T,)
        What each request earned, weights included.
    capacity : int
    checkpoints : array_like of int, shape (K,)
        Increasing numbers of requests.
    weights : array_like, shape (N,), optional
        Reward of a hit, by item.

    Notes
    -----
    O(T + N) for unit weights, O(T + K N) with weights.

    Examples
    --------
    >>> c = static_curves([0, 1, 1, 1], [0, 0, 1, 1], 1, [1, 4])
    >>> c.prefix_regret.tolist(), c.final_regret.tolist()
    ([1.0, 1.0], [0.0, 1.0])
    """
    from olearn.optima.static import static_at, static_prefilled, static_prefix

    ids, n = check_items(items, catalog_size)
    points = check_checkpoints(checkpoints, ids.size)
    reward = np.cumsum(check_rewards(rewards, ids.size))[points - 1]
    best = static_prefilled(ids, capacity, catalog_size=n, weights=weights).allocation
    worth = np.zeros(n)
    worth[best] = 1.0 if weights is None else check_per("weights", weights, n)[best]
    final = np.cumsum(worth[ids])[points - 1]
    if weights is None:
        prefix = static_prefix(ids, capacity, catalog_size=n, checkpoints=points).astype(np.float64)
    else:
        prefix = static_at(ids, capacity, points, catalog_size=n, weights=weights)
    return StaticCurves(points, reward, prefix, final, prefix - reward, final - reward)


def dynamic_regret(
    items: Any, rewards: Any, capacity: int, window: int, *, catalog_size: int | None = None
) -> DynamicRegret:
    """Regret against the best set of each window of `window` requests, and the comparator's path length.

    A dynamic bound grows with the path length P of its comparator; windows give a family of comparators
    from static (one window, P = 0) to the best possible (windows of one request). Among equally good sets
    of a window the one that keeps most of the previous set is taken.

    Examples
    --------
    >>> d = dynamic_regret([0, 0, 1, 1], [0, 1, 0, 1], capacity=1, window=2)
    >>> d.regret.tolist(), d.path_length.tolist()
    ([1.0, 2.0], [0.0, 2.0])
    """
    ids, _ = check_items(items, catalog_size)
    size = check_positive_int("window", window)
    c = check_positive_int("capacity", capacity)
    ends = np.minimum(np.arange(size, ids.size + size, size), ids.size).astype(np.int64)
    reward = np.cumsum(check_rewards(rewards, ids.size))[ends - 1]
    held = np.empty(0, np.int64)
    value, path = np.empty(ends.size), np.zeros(ends.size)
    start = 0
    for k, stop in enumerate(ends.tolist()):
        seen, counts = np.unique(ids[start:stop], return_counts=True)
        start = stop
        kept = np.isin(seen, held)
        order = np.lexsort((~kept, -counts))[:c]
        new = seen[order]
        value[k] = counts[order].sum()
        if new.size < c:  # places that the window does not need keep what they hold
            rest = held[~np.isin(held, new)]
            new = np.concatenate([new, rest[: c - new.size]])
        if k:
            entered = int((~np.isin(new, held)).sum())
            path[k] = entered + int((~np.isin(held, new)).sum())
        held = new
    comparator = np.cumsum(value)
    return DynamicRegret(ends, comparator, comparator - reward, np.cumsum(path))


def switching_regret(
    items: Any,
    rewards: Any,
    capacity: int,
    switches: int,
    *,
    windows: int = 64,
    catalog_size: int | None = None,
) -> float:
    """Regret against the best sequence of at most `switches` + 1 sets, changed at window ends.

    Comparator and its certified gap: :func:`olearn.optima.k_switch`.

    Examples
    --------
    >>> switching_regret([0, 0, 1, 1], [0, 1, 0, 1], 1, switches=1, windows=4)
    2.0
    """
    from olearn.optima.switching import k_switch

    ids, n = check_items(items, catalog_size)
    best = k_switch(ids, capacity, switches, windows=windows, catalog_size=n)
    return best.value - float(check_rewards(rewards, ids.size).sum())


def alpha_regret(optimum: Any, reward: Any, alpha: float = 1.0 - np.exp(-1.0)) -> Any:
    """``alpha * optimum - reward``: for problems where a share alpha of the optimum is all one can hope for.

    Parameters
    ----------
    optimum, reward : float or ndarray
    alpha : float
        In (0, 1]; default 1 - 1/e, the share of monotone submodular maximisation.

    Examples
    --------
    >>> round(alpha_regret(100.0, 60.0), 3)
    3.212
    """
    share = check_real("alpha", alpha, 0.0, 1.0, open_low=True)
    return share * optimum - reward


def extended_regret(regret: Any, fetches: Any, fetch_cost: float) -> Any:
    """Regret with movement: the comparator is static and free, the policy pays for what it fetches.

    Parameters
    ----------
    regret : float or ndarray
        Static regret.
    fetches : float or ndarray
        Items inserted so far: for the paging model those requested, for prefetching policies all.
    fetch_cost : float
        Cost of an insertion in units of the reward.

    Examples
    --------
    >>> extended_regret(10.0, 40, 0.5)
    30.0
    """
    return regret + check_real("fetch_cost", fetch_cost, 0.0) * fetches


def path_length(points: Any, norm: float = 1) -> float:
    """Sum of the distances between consecutive points, rows of shape (T, d).

    Examples
    --------
    >>> path_length([[1.0, 0.0], [0.0, 1.0], [0.0, 1.0]])
    2.0
    """
    x = np.asarray(points, dtype=np.float64)
    if x.ndim != 2:
        raise ParameterError(f"points must have shape (T, d), got {x.shape}")
    return float(np.linalg.norm(np.diff(x, axis=0), ord=norm, axis=1).sum())
