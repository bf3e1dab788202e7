"""FIFO over experts.

Rule: when a slot is needed, the expert that was loaded longest ago leaves.

Cost: O(log C) an expert. Memory: 29 bytes a (layer, expert) pair and 4 a slot.

Regret: none is declared.

References
----------
.. [1] The simplest rule.

Examples
--------
>>> cache = FIFO(capacity=2, groups=[0, 0, 0])
>>> cache.request_many([0, 1, 2, 3, 4, 5], [0, 1, 0, 2, 0]).tolist()
[False, False, True, False, False]
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from olearn._jit import kernel
from olearn.policies.moe._base import MoEPolicy
from olearn.policies.moe._slots import Slots, give, slots, take


class State(NamedTuple):
    """The caches."""

    slots: Slots


@kernel
def run(state, starts, items, hits):
    s = state.slots
    for b in range(starts.size - 1):
        batch, found = items[starts[b] : starts[b + 1]], hits[starts[b] : starts[b + 1]]
        take(s, batch, found)
        for k in range(batch.size):
            if not found[k]:
                s.first[batch[k]] = s.clock[0]
        give(s, batch, found)


class FIFO(MoEPolicy):
    __doc__ = __doc__

    name = "fifo"
    rule = "evict the expert that was loaded longest ago"
    reference = "the simplest rule"
    run = staticmethod(run)

    def _init(self, groups: np.ndarray) -> State:
        return State(slots(groups, self.capacity))
