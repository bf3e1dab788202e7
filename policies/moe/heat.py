r"""Heat: LFU with counts that fade.

Rule: a use of an expert adds 1 to its heat, which halves every `half_life` batches; when a slot is needed,
the coldest expert leaves. Kept as :math:`\log_2 \sum 2^{t/h}` over the uses, so nothing has to fade and
nothing overflows.

Cost: O(log C) an expert. Memory: 29 bytes a (layer, expert) pair and 4 a slot.

Regret: none is declared.

Parameters
----------
half_life : float, default 1024
    Batches.

References
----------
.. [1] The "heat" of offloading runtimes; D. Lee et al., "LRFU", IEEE Transactions on Computers 50(12), 2001.

Examples
--------
>>> cache = Heat(capacity=2, groups=[0, 0, 0], half_life=1.0)
>>> cache.request_many([0, 1, 2, 3, 4, 5, 6], [0, 0, 1, 1, 2, 1]).tolist()
[False, True, False, True, False, True]
"""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import numpy as np

from olearn._jit import kernel
from olearn.errors import check_real
from olearn.policies.moe._base import MoEPolicy
from olearn.policies.moe._slots import Slots, give, slots, take


class State(NamedTuple):
    """The caches; the first key is the logarithm of the heat at batch 0."""

    slots: Slots
    half_life: float


@kernel
def run(state, starts, items, hits):
    s = state.slots
    for b in range(starts.size - 1):
        batch, found = items[starts[b] : starts[b + 1]], hits[starts[b] : starts[b + 1]]
        take(s, batch, found)
        now = s.clock[0] / state.half_life
        for item in batch:
            s.first[item] = now + math.log2(1.0 + 2.0 ** (s.first[item] - now))
        give(s, batch, found)


class Heat(MoEPolicy):
    __doc__ = __doc__

    name = "heat"
    rule = "evict the coldest expert: uses counted with weights that halve every half_life batches"
    reference = "LRFU; Lee et al., IEEE Transactions on Computers 2001"
    run = staticmethod(run)

    def __init__(
        self,
        capacity: int,
        groups: Any,
        horizon: int | None = None,
        *,
        half_life: float = 1024.0,
        seed: int = 0,
    ) -> None:
        super().__init__(capacity, groups, horizon, seed=seed)
        self.half_life = half_life

    def validate(self) -> None:
        super().validate()
        check_real("half_life", self.half_life, 0.0, open_low=True)

    def _init(self, groups: np.ndarray) -> State:
        state = slots(groups, self.capacity)
        state.first[:] = -1e300  # never used: no heat
        return State(state, float(self.half_life))
