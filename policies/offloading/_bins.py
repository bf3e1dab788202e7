"""Confidence in a few bins: which bin a cell belongs to, and Beta-like counts."""

from __future__ import annotations

import numpy as np

from olearn.errors import check_positive_int, unknown
from olearn.policies.offloading._thresholds import AXES, position


def bin_of_cells(levels: np.ndarray, bins: int, axis: str) -> np.ndarray:
    """The bin of each level, int32 of shape (n,): `bins` equal ones on an axis of confidence."""
    count = check_positive_int("bins", bins)
    if axis not in AXES:
        raise unknown("axis", str(axis), AXES)
    if axis == "rank":
        at = np.arange(levels.size) / levels.size
    else:
        at = position(levels, axis)
    return np.minimum((at * count).astype(np.int32), count - 1).astype(np.int32)


def bin_means(levels: np.ndarray, bins: np.ndarray, count: int) -> np.ndarray:
    """Mean confidence of the levels of each bin (1/2 for an empty one), float64 of shape (count,)."""
    n = np.bincount(bins, minlength=count)
    total = np.bincount(bins, weights=levels, minlength=count)
    return np.where(n > 0, total / np.maximum(n, 1), 0.5)
