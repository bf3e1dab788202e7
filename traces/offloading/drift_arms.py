"""Tables of arms whose distribution moves from one table to another over time."""

from __future__ import annotations

from typing import Any

import numpy as np

from olearn._rng import generator
from olearn.errors import ParameterError
from olearn.traces.offloading.shift import strength


def drifting(before: Any, after: Any, samples: int, *, shape: str = "linear", seed: int = 0) -> Any:
    """Draw sample t from `after` with chance s(t), else from `before`, with replacement.

    Parameters
    ----------
    before, after : tables of arms
        Of one kind, with the same arms and columns; constants (costs, names) are those of `before`.
    samples : int
    shape : {"linear", "abrupt", "periodic"}
        s(t) from 0 to 1 (:func:`olearn.traces.offloading.shift.strength`).
    seed : int

    Examples
    --------
    >>> from olearn.traces.offloading.exits import ExitTable
    >>> clear, foggy = ExitTable([[0.9, 0.99]]), ExitTable([[0.3, 0.9]])
    >>> drifting(clear, foggy, 4, shape="abrupt")["confidence"][:, 0].tolist()
    [0.9, 0.9, 0.3, 0.3]
    """
    alike = type(before) is type(after) and before.arms == after.arms
    if not alike or set(before.columns) != set(after.columns):
        raise ParameterError(
            f"before and after must have the same kind, arms and columns, got {before!r} and {after!r}"
        )
    if before.kind == "servers":
        raise ParameterError("requests to servers come at their times: make the load drift instead (bursts)")
    moved = strength(samples, shape)
    rng = generator(seed)
    late = rng.random(moved.size) < moved
    rows = rng.random(moved.size)
    first = (rows * len(before)).astype(np.int64)
    second = len(before) + (rows * len(after)).astype(np.int64)
    chosen = np.where(late, second, first)
    both = {k: np.concatenate([before.columns[k], after.columns[k]])[chosen] for k in before.columns}
    return before._like(both, f"{before.name}, drifting")
