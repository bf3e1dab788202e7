"""LRU over the blocks of chains, leaves first.

Rule: a request makes its blocks the most recent ones, the first block of the chain most of all; when room is
needed, the least recent block that is not in use leaves. A block is then never less recent than the blocks
that continue it, so what leaves is always a leaf of what is held, and what is held is always of use.

Cost: O(1) a block. Memory: 13 bytes a block of the tree.

Regret: none is declared: cycling through chains that together just do not fit, it hits nothing but what
they share.

References
----------
.. [1] W. Kwon et al., "Efficient memory management for large language model serving with PagedAttention", SOSP
   2023 (blocks); the eviction order is that of vLLM's prefix caching.

Examples
--------
>>> cache = LRU(capacity=3, parents=[-1, 0, 1, 0])
>>> [cache.request(chain) for chain in ([0, 1, 2], [0, 3], [0, 1, 2])]
[0, 1, 2]
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from olearn._jit import kernel
from olearn.policies.prefix._base import EVICTED, OCCUPANCY, PEAK, STATS, WRITTEN, PrefixPolicy


class State(NamedTuple):
    """The recency list. Node i+1 is block i, node 0 the sentinel between the two ends."""

    links: np.ndarray  # int32 (2 (N+1),): of node n, links[2n] is towards the front, links[2n+1] the back
    held: np.ndarray  # uint8 (N,)
    capacity: int
    stats: np.ndarray  # float64 (4,)


@kernel(inline=True)
def unlink(links, node):
    front, back = links[2 * node], links[2 * node + 1]
    links[2 * front + 1] = back
    links[2 * back] = front


@kernel(inline=True)
def push_front(links, node):
    first = links[1]
    links[2 * node] = 0
    links[2 * node + 1] = first
    links[2 * first] = node
    links[1] = node


@kernel(inline=True)
def step(state, chain):
    """Serve one chain; returns the number of leading blocks held."""
    links, held, stats = state.links, state.held, state.stats
    hits = 0
    for block in chain:
        if not held[block]:
            break
        hits += 1
    for k in range(hits - 1, -1, -1):  # out of reach of what follows
        unlink(links, chain[k] + 1)
        push_front(links, chain[k] + 1)
    keep = min(np.int64(chain.size), state.capacity)
    size = np.int64(stats[OCCUPANCY])
    room = size + max(0, keep - hits) - state.capacity
    for _ in range(room):
        victim = links[0]
        unlink(links, victim)
        held[victim - 1] = 0
        stats[EVICTED] += 1.0
        size -= 1
    for k in range(keep - 1, -1, -1):
        if k < hits:
            unlink(links, chain[k] + 1)
        else:
            held[chain[k]] = 1
            size += 1
            stats[WRITTEN] += 1.0
        push_front(links, chain[k] + 1)
    stats[OCCUPANCY] = size
    stats[PEAK] = max(stats[PEAK], float(size))
    return hits


@kernel
def run(state, starts, blocks, hits):
    for r in range(hits.size):
        hits[r] = step(state, blocks[starts[r] : starts[r + 1]])


class LRU(PrefixPolicy):
    __doc__ = __doc__

    name = "lru"
    rule = "evict the block whose last use is longest ago, the end of a chain before its beginning"
    reference = "vLLM's prefix caching; Kwon et al., SOSP 2023"
    run = staticmethod(run)

    def _init(self, parents: np.ndarray) -> State:
        links = np.full(2 * (parents.size + 1), -1, np.int32)
        links[:2] = 0
        return State(links, np.zeros(parents.size, np.uint8), self.capacity, np.zeros(STATS))
