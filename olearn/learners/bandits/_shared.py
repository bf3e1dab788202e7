"""Kernels that several bandit policies use."""

from __future__ import annotations

from olearn._jit import kernel

#: A cumulative estimate is kept below this, so that a chance of 1e-300 can't make it infinite.
LARGEST = 1e300

#: On m-sets a single estimate is kept below this (an arm drawn with a chance below 1e-9), because one
#: common multiplier has to be resolved beside the cumulative estimates.
LARGEST_STEP = 1e9


@kernel
def first_unplayed(count):
    """The first arm with no play."""
    for i in range(count.size):
        if count[i] == 0.0:
            return i
    return 0


@kernel(inline=True)
def argmax(values):
    """The first index of the largest value."""
    best = 0
    top = values[0]
    for i in range(1, values.size):
        best = i if values[i] > top else best  # selects, not branches: nobody can predict them
        top = values[i] if values[i] > top else top
    return best
