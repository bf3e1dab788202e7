"""Perfect LFU over the blocks of chains, leaves first.

Rule: count the requests of every block since the start; when room is needed, the leaf of what is held with the
smallest count leaves, of equal ones the one whose last use is longest ago. A block is never counted less
often than the blocks that continue it, so this is LFU over all blocks not in use.

Cost: O(log C) an eviction, O(1) a block else. Memory: 30 bytes a block of the tree, held or not: counts are
kept.

Regret: none is declared: it never forgets.

References
----------
.. [1] Asked for in vLLM's issue 39499.

Examples
--------
>>> cache = LFU(capacity=2, parents=[-1, -1, 0])
>>> [cache.request(chain) for chain in ([0], [0], [1], [0, 2], [1], [0])]
[0, 1, 0, 1, 0, 1]
"""

from __future__ import annotations

import numpy as np

from olearn._jit import kernel
from olearn.policies.prefix._base import PrefixPolicy
from olearn.policies.prefix._leaves import Leaves, leading, leaves, place


@kernel
def run(state, starts, blocks, hits):
    for r in range(hits.size):
        chain = blocks[starts[r] : starts[r + 1]]
        hits[r] = leading(state, chain)
        for block in chain:
            state.first[block] += 1.0
            state.second[block] = state.clock[0]
        place(state, chain, hits[r])


class LFU(PrefixPolicy):
    __doc__ = __doc__

    name = "lfu"
    rule = "evict the leaf that was requested least often, of equal ones the least recent"
    reference = "vLLM issue 39499"
    run = staticmethod(run)

    def _init(self, parents: np.ndarray) -> Leaves:
        return leaves(parents, self.capacity)
