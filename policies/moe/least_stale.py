"""Least stale: evict what the forward pass needs last.

Layers come in order, token after token. While layer l is served, the experts of layer l - 1 will be needed
again only after all others, those of layer l + 1 next. Rule: when a slot is needed, an expert of the layer
whose turn comes last leaves, of these the one used longest ago. With one cache a layer all experts of a
cache have their turn at the same time and this is LRU.

The name and the idea (eviction that knows the order of layers) are those of work on mixture-of-experts
caches; the precise rule here is one reading of it.

Cost: O(C) a miss: the layers' turns change with every batch. Memory: 33 bytes a (layer, expert) pair and 4
a slot.

Regret: none is declared.

References
----------
.. [1] Least-stale eviction as discussed for mixture-of-experts offloading, 2026; no source was at hand.

Examples
--------
Three layers of one expert each, two slots: LRU never hits, this rule every other time.

>>> cache = LeastStale(capacity=2, groups=[0, 0, 0], layers=[0, 1, 2])
>>> cache.request_many(list(range(10)), [0, 1, 2] * 3).tolist()
[False, False, False, True, False, True, False, True, False]
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from olearn._jit import kernel
from olearn.errors import ParameterError
from olearn.policies.moe._base import MoEPolicy
from olearn.policies.moe._slots import EVICTED, LOADED, OCCUPANCY, Slots, slots


class State(NamedTuple):
    """The caches without their heaps: the slots of group g are ``heap[g C : g C + count[g]]``."""

    slots: Slots
    layers: np.ndarray  # int32 (N,)
    number: int  # of layers


@kernel
def _turn(state, item, layer):
    """Layers to go until the item's turn, from 1 (next) to the number of layers (just served)."""
    away = state.layers[item] - layer
    return away if away > 0 else away + state.number


@kernel
def run(state, starts, items, hits):
    s = state.slots
    for b in range(starts.size - 1):
        batch, found = items[starts[b] : starts[b + 1]], hits[starts[b] : starts[b + 1]]
        now = s.clock[0]
        for k in range(batch.size):
            found[k] = s.held[batch[k]] != 0
            s.first[batch[k]] = now
        for k in range(batch.size):
            item = batch[k]
            if found[k]:
                continue
            g = s.group[item]
            base = g * s.capacity
            at = s.filled[g]
            if at == s.capacity:
                at = -1
                for i in range(s.capacity):
                    other = s.heap[base + i]
                    if s.first[other] == now:
                        continue  # in use
                    if at < 0:
                        at = i
                        continue
                    best = s.heap[base + at]
                    mine, theirs = (
                        _turn(state, other, state.layers[item]),
                        _turn(state, best, state.layers[item]),
                    )
                    if mine > theirs or (
                        mine == theirs
                        and (
                            s.first[other] < s.first[best] or (s.first[other] == s.first[best] and other > best)
                        )
                    ):
                        at = i
                s.held[s.heap[base + at]] = 0
                s.stats[EVICTED] += 1.0
            else:
                s.filled[g] += 1
                s.stats[OCCUPANCY] += 1.0
            s.heap[base + at] = item
            s.held[item] = 1
            s.stats[LOADED] += 1.0
        s.clock[0] += 1


class LeastStale(MoEPolicy):
    __doc__ = __doc__

    name = "least-stale"
    rule = "evict an expert of the layer whose turn comes last, of these the least recent"
    reference = "eviction that knows the order of layers; one reading"
    run = staticmethod(run)

    def __init__(
        self, capacity: int, groups: Any, horizon: int | None = None, *, layers: Any = None, seed: int = 0
    ) -> None:
        super().__init__(capacity, groups, horizon, seed=seed)
        self.layers = layers

    def parameters(self) -> dict[str, Any]:
        return {}

    def _init(self, groups: np.ndarray) -> State:
        if self.layers is None:
            raise ParameterError("least-stale needs to know the layer of each item: give layers")
        layers = np.ascontiguousarray(self.layers, dtype=np.int32)
        if layers.shape != groups.shape:
            raise ParameterError(f"layers must have shape {groups.shape}, got {layers.shape}")
        state = slots(groups, self.capacity)
        state.first[:] = -1.0
        return State(state, layers, int(layers.max(initial=0)) + 1)
