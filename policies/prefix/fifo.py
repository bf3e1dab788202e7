"""FIFO over the blocks of chains: the block written first leaves first.

Rule: blocks of a chain that are not held are written in order; when room is needed, the block written
longest ago leaves, be it a leaf or not, in use or not. Blocks whose beginning has left stay, useless, until
their turn comes.

Cost: O(1) a block. Memory: 5 bytes a block of the tree.

Regret: none is declared.

References
----------
.. [1] Eviction order and counts as in kvcache-simulator 0.1.3 (kvcache.ai, Apache-2.0).

Examples
--------
>>> cache = FIFO(capacity=3, parents=[-1, 0, 1, 0])
>>> [cache.request(chain) for chain in ([0, 1, 2], [0, 3], [0, 1, 2])]
[0, 1, 0]
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from olearn._jit import kernel
from olearn.policies.prefix._base import EVICTED, OCCUPANCY, PEAK, STATS, WRITTEN, PrefixPolicy


class State(NamedTuple):
    """A ring of the blocks held, oldest at ``head``."""

    ring: np.ndarray  # int32 (C,)
    head: np.ndarray  # int64 (1,)
    held: np.ndarray  # uint8 (N,)
    stats: np.ndarray  # float64 (4,)


@kernel(inline=True)
def step(state, chain):
    """Serve one chain; returns the number of leading blocks held."""
    ring, held, stats = state.ring, state.held, state.stats
    hits = 0
    for block in chain:
        if not held[block]:
            break
        hits += 1
    size = np.int64(stats[OCCUPANCY])
    head = state.head[0]
    for block in chain:
        if held[block]:
            continue
        if size == ring.size:
            held[ring[head]] = 0
            stats[EVICTED] += 1.0
        else:
            size += 1
        ring[head] = block
        head = head + 1 if head + 1 < ring.size else 0
        held[block] = 1
        stats[WRITTEN] += 1.0
    state.head[0] = head
    stats[OCCUPANCY] = size
    stats[PEAK] = max(stats[PEAK], float(size))
    return hits


@kernel
def run(state, starts, blocks, hits):
    for r in range(hits.size):
        hits[r] = step(state, blocks[starts[r] : starts[r + 1]])


class FIFO(PrefixPolicy):
    __doc__ = __doc__

    name = "fifo"
    rule = "evict the block that was written longest ago"
    reference = "kvcache-simulator 0.1.3"
    run = staticmethod(run)

    def _init(self, parents: np.ndarray) -> State:
        n = parents.size
        return State(
            np.zeros(self.capacity, np.int32), np.zeros(1, np.int64), np.zeros(n, np.uint8), np.zeros(STATS)
        )
