"""LRU over experts.

Rule: when a slot is needed, the expert that was used longest ago leaves, of one batch a missing one before
one that was held, the last one first.

Cost: O(1) an expert. Memory: 37 bytes a (layer, expert) pair and 4 a slot.

Regret: none is declared: a token that needs C + 1 experts in turn never hits.

References
----------
.. [1] The default of most offloading runtimes.

Examples
--------
>>> cache = LRU(capacity=2, groups=[0, 0, 0])
>>> cache.request_many([0, 1, 2, 3, 4, 5], [0, 1, 0, 2, 0]).tolist()
[False, False, True, False, True]
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from olearn._jit import kernel
from olearn.policies.moe._base import MoEPolicy
from olearn.policies.moe._slots import EVICTED, LOADED, OCCUPANCY, Slots, slots


class State(NamedTuple):
    """The caches, as a recency list each: node i is item i, node N + g the two ends of group g."""

    slots: Slots
    links: np.ndarray  # int32 (2 (N + G),): of node n, links[2n] is towards the front, links[2n+1] the back


@kernel(inline=True)
def _unlink(links, node):
    front, back = links[2 * node], links[2 * node + 1]
    links[2 * front + 1] = back
    links[2 * back] = front


@kernel(inline=True)
def _push(links, end, node):
    first = links[2 * end + 1]
    links[2 * node] = end
    links[2 * node + 1] = first
    links[2 * first] = node
    links[2 * end + 1] = node


@kernel
def run(state, starts, items, hits):
    s, links = state.slots, state.links
    held, filled, stats = s.held, s.filled, s.stats
    n = held.size
    for b in range(starts.size - 1):
        low, high = starts[b], starts[b + 1]
        for p in range(high - 1, low - 1, -1):  # of one batch the smaller place in it stays longer
            item = items[p]
            hits[p] = held[item] != 0
            if hits[p]:
                _unlink(links, item)
                _push(links, n + s.group[item], item)
        for p in range(high - 1, low - 1, -1):
            item = items[p]
            if hits[p]:
                continue
            g = np.int64(s.group[item])
            if filled[g] == s.capacity:
                victim = links[2 * (n + g)]
                _unlink(links, victim)
                held[victim] = 0
                stats[EVICTED] += 1.0
            else:
                filled[g] += 1
                stats[OCCUPANCY] += 1.0
            held[item] = 1
            stats[LOADED] += 1.0
            _push(links, n + g, item)
        s.clock[0] += 1


class LRU(MoEPolicy):
    __doc__ = __doc__

    name = "lru"
    rule = "evict the expert that was used longest ago"
    reference = "the default of most offloading runtimes"
    run = staticmethod(run)

    def _init(self, groups: np.ndarray) -> State:
        state = slots(groups, self.capacity)
        nodes = groups.size + state.filled.size
        links = np.repeat(np.arange(nodes, dtype=np.int32), 2)
        return State(state, links)
