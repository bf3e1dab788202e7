"""Perfect LFU over experts.

Rule: count the uses of every expert since the start; when a slot is needed, the expert with the smallest
count leaves, of equal ones the one used longest ago.

Cost: O(log C) an expert. Memory: 29 bytes a (layer, expert) pair and 4 a slot.

Regret: none is declared: it never forgets.

References
----------
.. [1] The rule of several offloading runtimes.

Examples
--------
>>> cache = LFU(capacity=2, groups=[0, 0, 0])
>>> cache.request_many([0, 1, 2, 3, 4, 5], [0, 1, 0, 2, 0]).tolist()
[False, False, True, False, True]
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
            s.first[batch[k]] += 1.0
            s.second[batch[k]] = s.clock[0]
        give(s, batch, found)


class LFU(MoEPolicy):
    __doc__ = __doc__

    name = "lfu"
    rule = "evict the expert that was used least often, of equal ones the least recent"
    reference = "several offloading runtimes"
    run = staticmethod(run)

    def _init(self, groups: np.ndarray) -> State:
        return State(slots(groups, self.capacity))
