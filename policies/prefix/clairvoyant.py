"""The clairvoyant: of the blocks not in use, the leaf whose next use is furthest leaves.

Rule: as Belady's, over chains: a new block is written only if some leaf of what is held is used later than it.
The next use of a block is never later than that of the blocks which continue it, so furthest first is also
leaves first, and what is held is always of use. It hits as many blocks as any cache that keeps the chain in
use (:func:`olearn.optima.llm.prefix_optimum` certifies how many there can be).

Cost: O(log C) a block. Memory: 30 bytes a block of the tree, 4 a block requested.

References
----------
.. [1] L. A. Belady, "A study of replacement algorithms for a virtual-storage computer", IBM Systems Journal
   5(2), 1966.
.. [2] Counts as ``optimal`` of kvcache-simulator 0.1.3 (kvcache.ai, Apache-2.0).

Examples
--------
>>> import numpy as np
>>> starts, blocks = np.array([0, 2, 3, 5]), np.array([0, 1, 2, 0, 1])
>>> Clairvoyant(2, [-1, 0, -1], chains=(starts, blocks)).request_many(starts, blocks).tolist()
[0, 0, 2]
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from olearn._jit import kernel
from olearn.errors import NotSupportedError, ParameterError
from olearn.policies.prefix._base import PrefixPolicy, check_chains
from olearn.policies.prefix._leaves import Leaves, leading, leaves, place


class State(NamedTuple):
    """The leaves, the next request of every block requested, and how many blocks were served."""

    leaves: Leaves
    held: np.ndarray
    stats: np.ndarray
    nexts: np.ndarray  # int32: of block at position p the next request that has it, or the largest int32
    served: np.ndarray  # int64 (1,)


@kernel
def next_requests(starts, blocks, last, nexts):
    """Fill `nexts`; `last` (int32, shape (N,)) is a workspace."""
    last[:] = np.int32(2**31 - 1)
    for r in range(starts.size - 2, -1, -1):
        for p in range(starts[r], starts[r + 1]):
            nexts[p] = last[blocks[p]]
        for p in range(starts[r], starts[r + 1]):
            last[blocks[p]] = r


@kernel
def run(state, starts, blocks, hits):
    s = state.leaves
    for r in range(hits.size):
        chain = blocks[starts[r] : starts[r + 1]]
        hits[r] = leading(s, chain)
        for k in range(chain.size):
            s.first[chain[k]] = -np.float64(state.nexts[state.served[0] + k])
        place(s, chain, hits[r])
        state.served[0] += chain.size


class Clairvoyant(PrefixPolicy):
    __doc__ = __doc__

    name = "clairvoyant"
    offline = True
    rule = "evict the leaf whose next use is furthest; write a block only if some leaf is used later than it"
    reference = "Belady 1966, on chains; kvcache-simulator's optimal"
    run = staticmethod(run)

    def __init__(
        self, capacity: int, parents: Any, horizon: int | None = None, *, chains: Any = None, seed: int = 0
    ) -> None:
        super().__init__(capacity, parents, horizon, seed=seed)
        self.chains = chains

    def _init(self, parents: np.ndarray) -> State:
        if self.chains is None:
            raise ParameterError("clairvoyant knows the future: give chains (starts, blocks)")
        starts = np.ascontiguousarray(self.chains[0], dtype=np.int64)
        blocks = np.ascontiguousarray(self.chains[1], dtype=np.int32)
        check_chains(parents, starts, blocks)
        nexts = np.empty(blocks.size, np.int32)
        next_requests(starts, blocks, np.empty(parents.size, np.int32), nexts)
        inner = leaves(parents, self.capacity, bypass=True)
        return State(inner, inner.held, inner.stats, nexts, np.zeros(1, np.int64))

    def request_many(self, starts: Any, blocks: Any) -> np.ndarray:
        """As for every policy; the chains must be those it was told of, in order."""
        ids = np.asarray(blocks)
        done = int(self.state.served[0])
        if not np.array_equal(ids, np.asarray(self.chains[1])[done : done + ids.size]):
            raise NotSupportedError("clairvoyant serves the chains that it was told of, in order")
        return super().request_many(starts, blocks)
