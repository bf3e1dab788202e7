"""Which thresholds a rule weighs, and how much at the start: the axis of confidence.

A threshold theta offloads the samples with confidence below it. With distinct confidences
v_0 < ... < v_{n-1} there are n + 1 thresholds that differ: interval k holds v_{k-1} < theta <= v_k
(none is offloaded in interval 0, all in interval n). A density over [0, 1] that is multiplied by
factors constant on those intervals stays piecewise constant, so keeping one weight an interval is
*exact*; nothing is gained by finding the confidences as they come, because cutting an interval in
proportion changes no decision. Its start is the interval's length on an axis:

* ``"uniform"``: theta itself. The density of the papers.
* ``"log1m"``: -log10(1 - theta), cut at 16. An over-confident model has nearly all its confidences
  above .999, and on this axis they are far apart.
* ``"rank"``: one unit an interval, whatever its length.

``grid=K`` puts K equal points on the axis instead of the density (several in one interval add up,
intervals without a point drop out). The intervals at the two ends, which may have no length where a
confidence is exactly 0 or 1, get at least the least length of the others, so that "never" and "always"
are among the thresholds.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from olearn.errors import check_positive_int, unknown

AXES = ("uniform", "log1m", "rank")
_LAST = 16.0


class Thresholds(NamedTuple):
    """The thresholds in play."""

    weights: np.ndarray  # float64 (m,): start weights, sum 1, all positive
    values: np.ndarray  # float64 (m,): one threshold out of each interval, for pictures
    first: (
        np.ndarray
    )  # int32 (n,): a sample of cell i is offloaded by the thresholds first[i], first[i] + 1, ...


def position(values: np.ndarray, axis: str) -> np.ndarray:
    """Where confidences lie on an axis, in [0, 1]."""
    if axis == "uniform":
        return values
    with np.errstate(divide="ignore"):
        return np.minimum(-np.log10(1.0 - values), _LAST) / _LAST


def thresholds_of(policy: Any) -> Thresholds:
    """The thresholds over the policy's levels on its axis and grid, kept until one of the three changes."""
    key = (policy.axis, policy.grid, policy.levels if np.ndim(policy.levels) == 0 else id(policy.levels))
    kept = policy.__dict__.get("_thresholds")
    # the levels themselves are kept too, so that their id can't be given to another array
    if kept is None or kept[0] != key:
        kept = (key, policy.levels, thresholds(policy.confidences(), policy.axis, policy.grid))
        policy.__dict__["_thresholds"] = kept
    found: Thresholds = kept[2]
    return found


def thresholds(levels: np.ndarray, axis: str, grid: int | None) -> Thresholds:
    """The thresholds over `levels` (float64 (n,), increasing) with their start weights."""
    if axis not in AXES:
        raise unknown("axis", str(axis), AXES)
    n = levels.size
    if axis == "rank":
        at = np.arange(1, n + 1) / (n + 1)
        edges = np.concatenate([[0.0], at, [1.0]])
    else:
        edges = np.concatenate([[0.0], position(levels, axis), [1.0]])
    if grid is None:
        weights = np.diff(edges)
        least = weights[weights > 0.0].min()
        weights = np.maximum(weights, 0.0)
        weights[[0, n]] = np.maximum(weights[[0, n]], least)
        # neighbours that the axis can't tell apart keep a weight: a bound needs every threshold in play
        weights[weights == 0.0] = least
    else:
        count = check_positive_int("grid", grid)
        points = (np.arange(count) + 0.5) / count
        # a point p lies in interval k when edges[k] < p <= edges[k+1]
        weights = np.bincount(np.searchsorted(edges[1:-1], points, side="left"), minlength=n + 1).astype(
            np.float64
        )
    kept = np.flatnonzero(weights > 0.0)
    upper = np.append(levels, 1.0 if levels[-1] < 1.0 else np.nextafter(1.0, 2.0))
    # thresholds kept[j] >= k+1 offload cell k
    first = np.searchsorted(kept, np.arange(n), side="right").astype(np.int32)
    chosen = weights[kept]
    return Thresholds(chosen / chosen.sum(), upper[kept], first)
