"""Checks that the comparators share: item ids, capacities, per-item numbers."""

from __future__ import annotations

from typing import Any

import numpy as np

from olearn.errors import ParameterError, check_positive_int


def check_items(items: Any, catalog_size: int | None = None) -> tuple[np.ndarray, int]:
    """Item ids as a contiguous int32 array, and the catalogue: the largest id + 1 unless it is given.

    Accepts a :class:`~olearn.traces.Trace` or an array of whole numbers of shape (T,), T >= 1.
    """
    if hasattr(items, "items") and hasattr(items, "catalog_size"):
        catalog_size = items.catalog_size if catalog_size is None else catalog_size
        items = items.items
    raw = np.asarray(items)
    if raw.ndim != 1 or raw.size == 0 or raw.dtype.kind not in "iu":
        raise ParameterError(
            f"items must be a non-empty array of whole numbers, got {raw.dtype} of shape {raw.shape}"
        )
    low, high = int(raw.min()), int(raw.max())
    if low < 0:
        raise ParameterError(f"items must be at least 0, got {low}")
    if catalog_size is None:
        catalog_size = high + 1
    elif check_positive_int("catalog_size", catalog_size) <= high:
        raise ParameterError(f"items must be below the catalogue size {catalog_size}, got {high}")
    if high >= 2**31 - 1:
        raise ParameterError(f"items must fit into 32 bits: number the items 0, 1, ... first (got {high})")
    return np.ascontiguousarray(raw, dtype=np.int32), int(catalog_size)


def check_per(name: str, values: Any, length: int) -> np.ndarray:
    """Finite numbers of at least 0, one for each of `length` things: float64."""
    array = np.ascontiguousarray(values, dtype=np.float64)
    if array.shape != (length,):
        raise ParameterError(f"{name} must have shape ({length},), got {array.shape}")
    bad = ~np.isfinite(array) | (array < 0.0)
    if bad.any():
        at = int(np.flatnonzero(bad)[0])
        raise ParameterError(f"{name} must be finite and at least 0, got {array[at]} at position {at}")
    return array


def check_checkpoints(checkpoints: Any, length: int) -> np.ndarray:
    """Numbers of requests, increasing, between 1 and `length`: int64."""
    raw = np.asarray(checkpoints)
    if raw.ndim != 1 or raw.size == 0 or raw.dtype.kind not in "iu":
        raise ParameterError(
            f"checkpoints must be an array of whole numbers, got {raw.dtype} of shape {raw.shape}"
        )
    points = raw.astype(np.int64)
    if points[0] < 1 or points[-1] > length or (np.diff(points) <= 0).any():
        raise ParameterError(f"checkpoints must increase within 1 .. {length}, got {points[0]} .. {points[-1]}")
    return points
