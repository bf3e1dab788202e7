"""What the policies that follow gradients of the relaxation share."""

from __future__ import annotations

import math

import numpy as np

#: A sum of fractions of 1 carries rounding: such a node still counts as one that would help.
SLACK = 1e-6
#: What rounding node by node keeps of the relaxed gain at least.
ALPHA = 1.0 - math.exp(-1.0)


def largest(sums: np.ndarray, capacity: np.ndarray) -> float:
    """Sum over nodes of their c_v largest entries of `sums` (float64, nodes x items)."""
    found = 0.0
    for row, c in zip(sums, capacity.tolist(), strict=True):
        if c:
            found += float(np.partition(row, row.size - c)[row.size - c :].sum())
    return found
