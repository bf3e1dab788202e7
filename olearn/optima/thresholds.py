"""Offloading in hindsight: best threshold (of all, of a grid, per context), best arm, clairvoyant.

Sample t has a local confidence p_t, a loss l_t if it is answered locally and a loss o_t if it is
offloaded (the remote error and the price of sending). A threshold theta offloads the samples with
p_t < theta. Its total loss only changes at the distinct confidences, so sorting and one prefix sum
price all thresholds: O(T log T), exact. The certificate is the enumeration itself: the reported bound is
the least loss over all D + 1 thresholds that differ, evaluated by the prefix sum, and the value is the
loss of the reported threshold, summed anew over the samples.

Losses are minimised: ``sense="min"`` and `upper_bound` bounds from below.

The *clairvoyant* picks the cheaper side of each sample. No learner can follow it: when outcomes are random
its advantage grows linearly with T, so regret against it is linear by construction. It is flagged so.

References
----------
.. [1] V. N. Moothedath, J. P. Champati and J. Gross, "Getting the best out of both worlds: algorithms for
   hierarchical inference at the edge", arXiv:2304.00891 (thresholds as experts).
"""

from __future__ import annotations

import time
from typing import Any

import numpy as np

from olearn.errors import ParameterError, check_int
from olearn.optima._optimum import Optimum, finish

OFFLOAD_BELOW = "offload the samples whose confidence is below the threshold; losses are totals"


def threshold_losses(
    local_wrong: Any, remote_wrong: Any = None, cost: Any = 0.0
) -> tuple[np.ndarray, np.ndarray]:
    """Losses of answering locally and of offloading, from errors and the price of sending.

    Parameters
    ----------
    local_wrong : array_like, shape (T,)
        1 where the local answer is wrong (or any loss of it).
    remote_wrong : array_like, shape (T,), optional
        The same for the remote answer; default: the remote answer is taken as the truth.
    cost : float or array_like, shape (T,)
        Price of offloading a sample, in units of an error.

    Returns
    -------
    local_loss, offload_loss : float64 ndarrays, shape (T,)

    Examples
    --------
    >>> threshold_losses([1, 0], cost=0.25)[1].tolist()
    [0.25, 0.25]
    """
    local = np.array(local_wrong, dtype=np.float64)
    price = np.broadcast_to(np.asarray(cost, dtype=np.float64), local.shape)
    remote = price.copy() if remote_wrong is None else price + np.asarray(remote_wrong, dtype=np.float64)
    return local, remote


def best_threshold(confidence: Any, local_loss: Any, offload_loss: Any) -> Optimum:
    """The fixed threshold with the least total loss.

    Parameters
    ----------
    confidence, local_loss, offload_loss : array_like of float, shape (T,)

    Returns
    -------
    Optimum
        `allocation`: the threshold, -inf for "never offload" and inf for "always"; of equal ones the lowest.

    Examples
    --------
    >>> best = best_threshold([0.9, 0.4, 0.6, 0.5], [0, 1, 0, 1], [0.3, 0.3, 0.3, 0.3])
    >>> best.allocation, best.value
    (0.6, 0.6)
    """
    started = time.perf_counter()
    p, local, offload = check_samples(confidence, local_loss, offload_loss)
    thresholds, losses = threshold_curve(p, local, offload)
    at = int(losses.argmin())
    theta = float(thresholds[at])
    value = float(np.where(p < theta, offload, local).sum())
    return finish(value, theta, losses[at], "best threshold", OFFLOAD_BELOW, "sorting", started, sense="min")


def best_threshold_per_context(confidence: Any, local_loss: Any, offload_loss: Any, context: Any) -> Optimum:
    """The best threshold of each context.

    Parameters
    ----------
    confidence, local_loss, offload_loss : array_like of float, shape (T,)
    context : array_like of int, shape (T,)
        Context of each sample, 0 .. K-1.

    Returns
    -------
    Optimum
        `allocation`: float64 ndarray of shape (K,), -inf for a context without samples.

    Examples
    --------
    >>> best = best_threshold_per_context([0.9, 0.4, 0.9, 0.4], [1, 1, 0, 0], [0.3] * 4, [0, 0, 1, 1])
    >>> best.allocation.tolist(), best.value
    ([inf, -inf], 0.6)
    """
    started = time.perf_counter()
    p, local, offload = check_samples(confidence, local_loss, offload_loss)
    groups = context_groups(context, p.size)
    theta = np.full(len(groups), -np.inf)
    bound = 0.0
    for k, members in enumerate(groups):
        if members.size:
            thresholds, losses = threshold_curve(p[members], local[members], offload[members])
            at = int(losses.argmin())
            theta[k] = thresholds[at]
            bound += float(losses[at])
    below = p < theta[np.asarray(context, dtype=np.int64)]
    value = float(np.where(below, offload, local).sum())
    return finish(
        value, theta, bound, "best threshold per context", OFFLOAD_BELOW, "sorting", started, sense="min"
    )


def best_of_grid(group: Any, count: int, local_loss: Any, offload_loss: Any, context: Any = None) -> Optimum:
    """The best of a rule's own thresholds, for all samples or for each context.

    Parameters
    ----------
    group : array_like of int, shape (T,)
        Threshold j of 0 .. count-1 offloads the samples whose group is at most j.
    count : int
    local_loss, offload_loss : array_like of float, shape (T,)
    context : array_like of int, shape (T,), optional

    Returns
    -------
    Optimum
        `allocation`: number of the best threshold, of equal ones the lowest; int64 ndarray of shape (K,) with
        contexts.

    Examples
    --------
    >>> best_of_grid([1, 2, 1, 2], 2, [1, 0, 1, 0], [0.3] * 4).value  # offload group 1
    0.6
    >>> best_of_grid([1, 2, 1, 2], 1, [1, 0, 1, 0], [0.3] * 4).value  # a grid that can't
    2.0
    """
    started = time.perf_counter()
    local, offload = check_samples(local_loss, offload_loss, names=("local_loss", "offload_loss"))
    at = np.asarray(group)
    if at.shape != local.shape or at.dtype.kind not in "iu" or at.min() < 0:
        raise ParameterError(
            f"group must be whole numbers of at least 0 and shape {local.shape}, got {at.dtype} of {at.shape}"
        )
    m = check_int("count", count, minimum=1)
    name = "best threshold of the grid"
    where = np.zeros(local.size, np.int64) if context is None else np.asarray(context)
    members_of = context_groups(where, local.size)
    chosen, bound = np.zeros(len(members_of), np.int64), 0.0
    for k, members in enumerate(members_of):
        change = np.bincount(at[members], weights=(offload - local)[members], minlength=m)[:m]
        losses = local[members].sum() + np.cumsum(change)
        chosen[k] = int(losses.argmin())
        bound += float(losses[chosen[k]])
    value = float(np.where(at <= chosen[where], offload, local).sum())
    found: Any = int(chosen[0]) if context is None else chosen
    name += "" if context is None else " per context"
    return finish(value, found, bound, name, OFFLOAD_BELOW, "counting", started, sense="min")


def best_arm(losses: Any) -> Optimum:
    """The one arm (exit, split, model, server) with the least total loss.

    Parameters
    ----------
    losses : array_like of float, shape (T, K)

    Returns
    -------
    Optimum
        `allocation`: index of the arm, the lowest of equals.

    Examples
    --------
    >>> best = best_arm([[1.0, 0.5], [0.0, 0.25]])
    >>> best.allocation, best.value
    (1, 0.75)
    """
    started = time.perf_counter()
    table = check_losses(losses)
    totals = table.sum(axis=0)
    arm = int(totals.argmin())
    value = float(table[:, arm].sum())
    return finish(
        value, arm, totals.min(), "best arm", "one arm for all samples", "counting", started, sense="min"
    )


def clairvoyant(losses: Any) -> Optimum:
    """The cheapest choice for each sample, outcomes known: a yardstick, not a comparator for learners.

    Parameters
    ----------
    losses : array_like of float, shape (T, K)
        For a binary choice: ``numpy.column_stack([local_loss, offload_loss])``.

    Returns
    -------
    Optimum
        `allocation`: int64 ndarray of shape (T,), the choice for each sample.

    Examples
    --------
    >>> clairvoyant([[1.0, 0.5], [0.0, 0.25]]).value
    0.5
    """
    started = time.perf_counter()
    table = check_losses(losses)
    choice = table.argmin(axis=1)
    value = float(table[np.arange(choice.size), choice].sum())
    return finish(
        value,
        choice,
        table.min(axis=1).sum(),
        "clairvoyant",
        "reads each outcome before it decides: regret against it is linear by construction",
        "counting",
        started,
        sense="min",
    )


def threshold_curve(
    confidence: np.ndarray, local: np.ndarray, offload: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """All thresholds that differ (D + 1, increasing, from -inf to inf) and their total losses."""
    order = np.argsort(confidence, kind="stable")
    p = confidence[order]
    change = np.concatenate([[0.0], np.cumsum((offload - local)[order])])
    starts = np.flatnonzero(np.concatenate([[True], p[1:] != p[:-1]]))
    ends = np.append(starts, p.size)  # samples below each threshold
    thresholds = np.concatenate([[-np.inf], p[starts[1:]], [np.inf]])
    return thresholds, local.sum() + change[ends]


def context_groups(context: Any, length: int) -> list[np.ndarray]:
    """The positions of the samples of each context 0 .. K-1."""
    raw = np.asarray(context)
    if raw.shape != (length,) or raw.dtype.kind not in "iu" or raw.min() < 0:
        raise ParameterError(
            f"context must be whole numbers of at least 0 and shape ({length},), got {raw.dtype} of {raw.shape}"
        )
    order = np.argsort(raw, kind="stable")
    return np.split(order, np.cumsum(np.bincount(raw))[:-1])


def check_samples(
    *columns: Any, names: tuple[str, ...] = ("confidence", "local_loss", "offload_loss")
) -> list[np.ndarray]:
    """Columns of one length as finite float64."""
    arrays = [np.ascontiguousarray(c, dtype=np.float64) for c in columns]
    for name, a in zip(names, arrays):
        if a.ndim != 1 or a.size == 0 or a.shape != arrays[0].shape:
            raise ParameterError(f"{name} must have shape ({arrays[0].size},) with T >= 1, got {a.shape}")
        if not np.isfinite(a).all():
            raise ParameterError(f"{name} must be finite, got {a[~np.isfinite(a)][0]}")
    return arrays


def check_losses(losses: Any) -> np.ndarray:
    """A table of finite losses, one row a sample, one column a choice."""
    table = np.asarray(losses, dtype=np.float64)
    if table.ndim != 2 or table.size == 0:
        raise ParameterError(f"losses must have shape (samples, choices), got {table.shape}")
    if not np.isfinite(table).all():
        raise ParameterError(f"losses must be finite, got {table[~np.isfinite(table)][0]}")
    return table
