"""Drawing many values of one discrete law: Walker's alias method, O(1) a draw.

References
----------
.. [1] M. D. Vose, "A linear algorithm for generating random numbers with a given distribution",
   IEEE TSE 17(9), 1991.
"""

from __future__ import annotations

import numpy as np

from olearn._jit import kernel
from olearn._rng import uniform


@kernel
def fill_alias(scaled, alias, stack):
    """Turn weights scaled to mean 1 into Vose's table, in place.

    `stack` keeps the columns that are still too low at its front, the others at its back.
    """
    n = scaled.size
    low = 0
    high = n
    for i in range(n):
        if scaled[i] < 1.0:
            stack[low] = i
            low += 1
        else:
            high -= 1
            stack[high] = i
    while low > 0 and high < n:
        low -= 1
        small = stack[low]
        big = stack[high]
        alias[small] = big
        scaled[big] -= 1.0 - scaled[small]
        if scaled[big] < 1.0:
            high += 1
            stack[low] = big
            low += 1
    # What rounding has left over is a full column.
    for k in range(low):
        scaled[stack[k]] = 1.0
    for k in range(high, n):
        scaled[stack[k]] = 1.0


@kernel
def fill_draws(state, scaled, alias, out):
    """Fill `out` (int32) with draws; the integer part of one uniform picks the column, the rest decides."""
    n = scaled.size
    for t in range(out.size):
        u = uniform(state) * n
        column = np.int64(u)
        out[t] = column if u - column < scaled[column] else alias[column]


def draw(state: np.ndarray, weights: np.ndarray, count: int) -> np.ndarray:
    """`count` draws of 0 .. n-1 with chances proportional to `weights` (float64, at least one positive).

    Parameters
    ----------
    state : uint64 ndarray, shape (4,)
        Generator state of :mod:`olearn._rng`, advanced in place.
    weights : float64 ndarray, shape (n,)
    count : int

    Returns
    -------
    int32 ndarray, shape (count,)
    """
    scaled = weights * (weights.size / weights.sum())
    alias = np.zeros(weights.size, dtype=np.int32)
    fill_alias(scaled, alias, np.empty(weights.size, dtype=np.int32))
    out = np.empty(count, dtype=np.int32)
    fill_draws(state, scaled, alias, out)
    return out
