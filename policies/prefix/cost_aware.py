r"""Cost-aware eviction (GreedyDual) over the blocks of chains, leaves first.

Rule: a block's key is :math:`L + f\,c`, f its requests since the start, c what it costs to compute it
again, L the key of the last block that left (so that old counts age); when room is needed the leaf of what
is held with the smallest key leaves. Recomputing a block of B tokens at depth k costs in proportion to
:math:`B (1 + k B / A)`: attention to the :math:`k B` tokens before it, which is as much work as everything
else after A tokens.

Cost: O(log C) an eviction, O(1) a block else. Memory: 34 bytes a block of the tree.

Regret: none is declared.

Parameters
----------
attention : float, default 8
    A in blocks: the depth at which attention costs as much as the rest; infinity makes every block cost 1.

References
----------
.. [1] L. Cherkasova, "Improving WWW proxies performance with greedy-dual-size-frequency caching policy", HP
   Labs report 98-69, 1998.

Examples
--------
>>> cache = CostAware(capacity=2, parents=[-1, 0, -1])
>>> [cache.request(chain) for chain in ([0, 1], [2], [0, 1])]
[0, 0, 1]
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from olearn._jit import kernel
from olearn.errors import ParameterError
from olearn.policies.prefix._base import PrefixPolicy
from olearn.policies.prefix._leaves import Leaves, leading, leaves, place


class State(NamedTuple):
    """The leaves, and what GreedyDual counts."""

    leaves: Leaves
    held: np.ndarray
    stats: np.ndarray
    uses: np.ndarray  # int32 (N,)
    attention: float


@kernel
def run(state, starts, blocks, hits):
    s = state.leaves
    for r in range(hits.size):
        chain = blocks[starts[r] : starts[r + 1]]
        hits[r] = leading(s, chain)
        for k in range(chain.size):
            block = chain[k]
            state.uses[block] += 1
            s.first[block] = s.level[0] + state.uses[block] * (1.0 + k / state.attention)
            s.second[block] = s.clock[0]
        place(s, chain, hits[r])


class CostAware(PrefixPolicy):
    __doc__ = __doc__

    name = "cost-aware"
    rule = "evict the leaf with the smallest L + requests x cost of computing it again"
    reference = "Cherkasova 1998 (GreedyDual-Size-Frequency), on blocks of chains"
    run = staticmethod(run)

    def __init__(
        self, capacity: int, parents: Any, horizon: int | None = None, *, attention: float = 8.0, seed: int = 0
    ) -> None:
        super().__init__(capacity, parents, horizon, seed=seed)
        self.attention = attention

    def validate(self) -> None:
        super().validate()
        if not (isinstance(self.attention, (int, float)) and self.attention > 0):
            raise ParameterError(f"attention must be a positive number of blocks, got {self.attention!r}")

    def _init(self, parents: np.ndarray) -> State:
        inner = leaves(parents, self.capacity)
        return State(inner, inner.held, inner.stats, np.zeros(parents.size, np.int32), float(self.attention))
