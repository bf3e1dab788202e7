"""Compiled loops of the regrets; imported when one is needed."""

from __future__ import annotations

import numpy as np

from olearn._jit import kernel
from olearn.optima._kernels import top_add, top_remove


@kernel
def worst_window(items, rewards, length, capacity, counts, levels, out):
    """Write the largest regret over windows of `length` requests and where it starts into `out`."""
    v = 0
    above = 0
    best = 0
    earned = 0.0
    out[0] = -np.inf
    for t in range(items.size):
        gain, v, above = top_add(counts, levels, capacity, items[t], v, above)
        best += gain
        earned += rewards[t]
        if t >= length:
            loss, v, above = top_remove(counts, levels, capacity, items[t - length], v, above)
            best -= loss
            earned -= rewards[t - length]
        if t >= length - 1 and best - earned > out[0]:
            out[0] = best - earned
            out[1] = t - length + 1
