"""Pin the hottest half: a part of the slots for what was used most, the rest LRU.

Rule: of each cache's C slots, ``round(share * C)`` belong to the experts with the largest counts of uses
since the start (a tie stays with the one pinned); the others are LRU. A pinned expert never leaves before
it is overtaken; it is loaded when it is used, not before.

Cost: O(log C + share C) an expert. Memory: 33 bytes a (layer, expert) pair and 8 a slot.

Regret: none is declared: with everything pinned it is LFU, with nothing LRU.

Parameters
----------
share : float, default 0.5
    Between 0 and 1.

References
----------
.. [1] A rule of thumb of offloading runtimes ("pin hot experts").

Examples
--------
>>> cache = PinHottest(capacity=2, groups=[0, 0, 0, 0], share=0.5)
>>> cache.request_many([0, 1, 2, 3, 4, 5], [0, 0, 1, 2, 0]).tolist()
[False, True, False, False, True]
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from olearn._jit import kernel
from olearn.errors import check_real
from olearn.policies.moe._base import MoEPolicy
from olearn.policies.moe._slots import Slots, give, rekey, slots, take


class State(NamedTuple):
    """The caches; the first key is 1 for pinned items, the second the last use."""

    slots: Slots
    uses: np.ndarray  # int64 (N,)
    pinned: np.ndarray  # int32 (G P,): the pinned items of group g are pinned[g P : g P + filled[g]]
    filled: np.ndarray  # int64 (G,)
    places: int  # P


@kernel
def _pin(state, item):
    """Pin a held item that is hotter than the coldest pinned one of its group."""
    s = state.slots
    if state.places == 0 or s.first[item] > 0.0:
        return
    g = s.group[item]
    base = g * state.places
    if state.filled[g] < state.places:
        state.pinned[base + state.filled[g]] = item
        state.filled[g] += 1
        rekey(s, item, 1.0, s.second[item])
        return
    coldest = 0
    for i in range(1, state.places):
        if state.uses[state.pinned[base + i]] < state.uses[state.pinned[base + coldest]]:
            coldest = i
    old = state.pinned[base + coldest]
    if state.uses[item] > state.uses[old]:
        state.pinned[base + coldest] = item
        rekey(s, old, 0.0, s.second[old])
        rekey(s, item, 1.0, s.second[item])


@kernel
def run(state, starts, items, hits):
    s = state.slots
    for b in range(starts.size - 1):
        batch, found = items[starts[b] : starts[b + 1]], hits[starts[b] : starts[b + 1]]
        take(s, batch, found)
        for item in batch:
            state.uses[item] += 1
            s.second[item] = s.clock[0]
        give(s, batch, found)
        for item in batch:
            _pin(state, item)


class PinHottest(MoEPolicy):
    __doc__ = __doc__

    name = "pin-hottest"
    rule = "a share of the slots for the experts used most, the rest LRU"
    reference = "a rule of thumb of offloading runtimes"
    run = staticmethod(run)

    def __init__(
        self, capacity: int, groups: Any, horizon: int | None = None, *, share: float = 0.5, seed: int = 0
    ) -> None:
        super().__init__(capacity, groups, horizon, seed=seed)
        self.share = share

    def validate(self) -> None:
        super().validate()
        check_real("share", self.share, 0.0, 1.0)

    def _init(self, groups: np.ndarray) -> State:
        state = slots(groups, self.capacity)
        g, places = state.size.size, round(self.share * self.capacity)
        return State(
            state,
            np.zeros(groups.size, np.int64),
            np.zeros(g * places, np.int32),
            np.zeros(g, np.int64),
            places,
        )
