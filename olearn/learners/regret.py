"""Regret of learners and its comparators: best expert, best switching sequence, point, path, window, swap.

Losses are matrices of shape (T, N); ``suffered`` are the learner's losses, shape (T,). Every comparator comes
with the point or the sequence that attains it, so a caller can check it.

Examples
--------
>>> import numpy as np
>>> losses = np.array([[1.0, 0.0], [1.0, 0.0], [0.0, 1.0], [0.0, 1.0]])
>>> best_expert(losses).loss, best_switching(losses, 1).loss
(2.0, 0.0)
>>> best_switching(losses, 1).sequence.tolist()
[1, 1, 0, 0]
"""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import numpy as np

from olearn._jit import kernel
from olearn.errors import ParameterError, check_int, check_positive_int, check_real
from olearn.learners.losses import Losses


class BestExpert(NamedTuple):
    """The expert with the least cumulative loss (ties: the first), and that loss."""

    expert: int
    loss: float


class BestSequence(NamedTuple):
    """The best sequence of experts: its loss, the expert of each round (int64 (T,)), its switches."""

    loss: float
    sequence: np.ndarray
    switches: int


class BestPoint(NamedTuple):
    """The best fixed point: the point, its loss, and a bound on how far that is above the least (0: exact)."""

    point: np.ndarray
    loss: float
    gap: float


class Window(NamedTuple):
    """The rounds ``start .. stop-1`` on which the regret to one expert is largest."""

    regret: float
    start: int
    stop: int
    expert: int


def _matrix(losses: Any) -> np.ndarray:
    L = np.ascontiguousarray(losses, np.float64)
    if L.ndim != 2 or L.size == 0 or not np.isfinite(L).all():
        raise ParameterError(f"losses must be a finite matrix (rounds, experts), got shape {L.shape}")
    return L


def _both(suffered: Any, losses: Any) -> tuple[np.ndarray, np.ndarray]:
    L = _matrix(losses)
    own = np.ascontiguousarray(suffered, np.float64)
    if own.shape != (L.shape[0],) or not np.isfinite(own).all():
        raise ParameterError(f"suffered must be {L.shape[0]} finite losses, got shape {own.shape}")
    return own, L


def best_expert(losses: Any) -> BestExpert:
    """The best expert in hindsight; O(T N)."""
    sums = _matrix(losses).sum(axis=0)
    i = int(np.argmin(sums))
    return BestExpert(i, float(sums[i]))


def expert_regret(suffered: Any, losses: Any) -> np.ndarray:
    """Regret to the best expert of every prefix, float64 (T,)."""
    own, L = _both(suffered, losses)
    return np.asarray(np.cumsum(own) - np.cumsum(L, axis=0).min(axis=1))


@kernel
def _switching(L, m, cost, came):
    """cost[k, i]: least loss of sequences that end in i after k switches; came[t, k, i]: the expert before."""
    T, N = L.shape
    for t in range(T):
        row = L[t]
        for k in range(m, -1, -1):
            best, second, at = np.inf, np.inf, -1
            if k > 0 and t > 0:
                for i in range(N):
                    if cost[k - 1, i] < best:
                        second = best
                        best, at = cost[k - 1, i], i
                    elif cost[k - 1, i] < second:
                        second = cost[k - 1, i]
            for i in range(N):
                if t == 0:
                    cost[k, i] = row[i] if k == 0 else np.inf
                    came[t, k, i] = i
                else:
                    come, value = i, cost[k, i]
                    if k > 0 and at >= 0 and at != i and best < value:
                        come, value = at, best
                    cost[k, i] = value + row[i]
                    came[t, k, i] = come


def best_switching(losses: Any, switches: int) -> BestSequence:
    """The best sequence of experts with at most `switches` switches, by dynamic programming.

    Parameters
    ----------
    losses : array_like of float, shape (T, N)
    switches : int

    Returns
    -------
    BestSequence

    Notes
    -----
    O(T N switches) time and 4 T N (switches + 1) bytes.
    """
    L = _matrix(losses)
    T, N = L.shape
    m = min(check_int("switches", switches, minimum=0), T - 1)
    cost = np.full((m + 1, N), np.inf)
    came = np.zeros((T, m + 1, N), np.int32)
    _switching(L, m, cost, came)
    k, i = (int(v) for v in np.unravel_index(int(np.argmin(cost)), cost.shape))
    loss, sequence = float(cost[k, i]), np.zeros(T, np.int64)
    for t in range(T - 1, -1, -1):
        sequence[t] = i
        before = int(came[t, k, i])
        k -= before != i
        i = before
    return BestSequence(loss, sequence, int((np.diff(sequence) != 0).sum()))


def best_fixed_point(
    losses: Any, domain: Any, *, tolerance: float = 1e-9, iterations: int = 20_000
) -> BestPoint:
    """The point of a set with the least cumulative loss.

    Parameters
    ----------
    losses : array_like of float, shape (T, d), or Losses
        Gradients of linear losses (closed form: an extreme point), or a loss sequence.
    domain : FeasibleSet
    tolerance : float
        Stop when the gap is at most this times ``max(1, loss)``.
    iterations : int
        Steps of the accelerated projected gradient method at most.

    Returns
    -------
    BestPoint
        With ``gap = max over the set of <grad F(x), x - u>``, which bounds ``F(x) - min F``: a certificate,
        whatever the solver did.
    """
    if not isinstance(losses, Losses):
        total = _matrix(losses).sum(axis=0)
        x = domain.argmax(-total)
        return BestPoint(x, float(total @ x), 0.0)
    if losses.kind == "linear":
        return best_fixed_point(losses.data, domain)
    if losses.kind == "distance":
        x = domain.project(losses.data.mean(axis=0))
        value, slope = _value_and_slope(losses, x)
        return BestPoint(x, value, float(max(0.0, slope @ x + domain.support(-slope))))
    check_real("tolerance", tolerance, 0.0)
    x = z = domain.centre()
    value, slope = _value_and_slope(losses, x)
    best, curvature, momentum = None, max(float((losses.data**2).sum()), 1e-300), 1.0
    step = 1.0 / curvature
    for _ in range(check_positive_int("iterations", iterations)):
        value, slope = _value_and_slope(losses, x)
        gap = float(max(0.0, slope @ x + domain.support(-slope)))
        if best is None or value < best.loss or (value == best.loss and gap < best.gap):
            best = BestPoint(x, value, gap)
        if gap <= tolerance * max(1.0, abs(value)):
            return BestPoint(x, value, gap)
        _, at = _value_and_slope(losses, z)
        following = domain.project(z - step * at)
        grown = 0.5 * (1.0 + math.sqrt(1.0 + 4.0 * momentum**2))
        if (z - following) @ (following - x) > 0.0:  # the momentum points uphill: restart
            grown = 1.0
        z = following + (momentum - 1.0) / grown * (following - x) if grown > 1.0 else following
        x, momentum = following, grown
    assert best is not None
    return best


def _value_and_slope(losses: Losses, x: np.ndarray) -> tuple[float, np.ndarray]:
    """The cumulative loss and a subgradient."""
    if losses.kind == "distance":
        return float(losses.values(x).sum()), (x - losses.data).sum(axis=0)
    s = losses.data @ x
    b = losses.target
    if losses.kind == "squared":
        slope = s - b
    elif losses.kind == "absolute":
        slope = np.sign(s - b)
    elif losses.kind == "logistic":
        slope = -b * np.exp(-np.logaddexp(0.0, b * s))
    else:
        slope = np.where(b * s < 1.0, -b, 0.0)
    return float(losses.values(x).sum()), np.asarray(losses.data.T @ slope)


def point_regret(suffered: Any, gradients: Any, domain: Any) -> np.ndarray:
    """Regret to the best fixed point of a set for linear losses, of every prefix, float64 (T,)."""
    own, G = _both(suffered, gradients)
    sums = np.cumsum(G, axis=0)
    return np.asarray(np.cumsum(own) + np.array([domain.support(-s) for s in sums]))


def dynamic_regret(suffered: Any, losses: Any, path: Any = None) -> float:
    """Regret to a path of points (T, N), by default to the best expert of every single round."""
    own, L = _both(suffered, losses)
    if path is None:
        return float(own.sum() - L.min(axis=1).sum())
    points = np.asarray(path, np.float64)
    if points.shape != L.shape:
        raise ParameterError(f"path must have shape {L.shape}, got {points.shape}")
    return float(own.sum() - (points * L).sum())


def interval_regret(suffered: Any, losses: Any, length: int | None = None) -> Window:
    """The worst window: the rounds on which the learner loses most against one expert.

    Parameters
    ----------
    suffered : array_like of float, shape (T,)
    losses : array_like of float, shape (T, N)
    length : int, optional
        Only windows of this many rounds; default any.

    Returns
    -------
    Window

    Notes
    -----
    O(T N): the largest-sum window of each expert's instantaneous regret.
    """
    own, L = _both(suffered, losses)
    T, N = L.shape
    sums = np.zeros((T + 1, N))
    np.cumsum(own[:, None] - L, axis=0, out=sums[1:])
    if length is not None:
        w = check_positive_int("length", length)
        if w > T:
            raise ParameterError(f"length must be at most the {T} rounds, got {w}")
        gains = sums[w:] - sums[:-w]
        start, i = (int(v) for v in np.unravel_index(int(np.argmax(gains)), gains.shape))
        return Window(float(gains[start, i]), start, start + w, i)
    floor = np.minimum.accumulate(sums[:-1], axis=0)
    gains = sums[1:] - floor
    stop, i = (int(v) for v in np.unravel_index(int(np.argmax(gains)), gains.shape))
    start = int(np.argmin(sums[: stop + 1, i]))
    return Window(float(gains[stop, i]), start, stop + 1, i)


def swap_regret(plays: Any, losses: Any) -> float:
    """The gain of the best swap f of experts: ``sum_i max_j sum_t x_(t,i) (l_(t,i) - l_(t,j))``; O(T N^2)."""
    X, L = _matrix(plays), _matrix(losses)
    if X.shape != L.shape:
        raise ParameterError(f"plays must have shape {L.shape}, got {X.shape}")
    M = X.T @ L
    return float((np.diag(M) - M.min(axis=1)).sum())


def internal_regret(plays: Any, losses: Any) -> float:
    """The gain of the best single replacement of one expert by another; at most the swap regret."""
    X, L = _matrix(plays), _matrix(losses)
    if X.shape != L.shape:
        raise ParameterError(f"plays must have shape {L.shape}, got {X.shape}")
    M = X.T @ L
    return float((np.diag(M) - M.min(axis=1)).max())
