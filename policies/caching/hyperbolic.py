"""Hyperbolic caching: evict the item with the fewest requests per unit of time in the cache, of a sample.

Rule: an item's worth is n / (a s), where n counts its requests since it came in, itself included, a is the
number of requests (of any item) since then, and s its size (1 where sizes don't count). On a miss with a
full cache `sample` (64) items held are drawn uniformly with replacement, and the one worth least leaves.
Unlike counts alone, the worth of an item not requested any more decays.

Sizes: part of the rule; items leave until the new one fits. An item larger than the cache never enters.

Cost: O(1) per hit, O(sample) per eviction. Memory: 4 bytes per item, 20 per cached item.

Regret: none is declared. On the cyclic sequence over C+1 items the oldest item, which is needed next, is
worth least: nearly no hit, while the best static set has a hit ratio of C/(C+1).

References
----------
.. [1] A. Blankstein, S. Sen and M. J. Freedman, "Hyperbolic caching: flexible caching for web applications",
   USENIX ATC 2017.

Examples
--------
>>> cache = Hyperbolic(capacity=2, catalog_size=4, seed=1)
>>> [cache.request(i) for i in (0, 0, 1, 0, 2, 0)]
[False, True, False, True, False, True]
"""

from __future__ import annotations

from typing import Any, NamedTuple, Unpack

import numpy as np

from olearn import _rng
from olearn._jit import kernel
from olearn.errors import check_positive_int
from olearn.policies.caching._base import Common
from olearn.policies.caching._classic import Classic
from olearn.policies.caching._ledger import OCCUPANCY, entered, full, left, new_stats, too_large
from olearn.policies.caching._queues import weight


class State(NamedTuple):
    """The cached items in slots, with what their worth needs; an item held knows its slot plus 1."""

    slot: np.ndarray  # int32 (N,); 0 says away
    slots: np.ndarray  # int32 (places,)
    facts: np.ndarray  # int64 (places, 2): requests, time of entry
    clock: np.ndarray  # int64 (1,)
    rng: np.ndarray  # uint64 (4,)
    sample: int
    capacity: int
    size: Any  # int32 or int64 (N,) in bytes, else None
    stats: np.ndarray  # float64 (STATS,)


def init(
    capacity: int, catalog_size: int, sample: int = 64, seed: int = 0, size: np.ndarray | None = None
) -> State:
    """An empty cache."""
    places = catalog_size if size is not None else min(capacity, catalog_size)
    return State(
        np.zeros(catalog_size, np.int32),
        np.zeros(places, np.int32),
        np.zeros((places, 2), np.int64),
        np.zeros(1, np.int64),
        _rng.new_state(seed),
        sample,
        capacity,
        size,
        new_stats(),
    )


@kernel(inline=True)
def step(state, item, log):
    state.clock[0] += 1
    at = state.slot[item]
    if at > 0:
        state.facts[at - 1, 0] += 1
        return True
    _miss(state, item, log)
    return False


@kernel
def _miss(state, item, log):
    if too_large(state, item):
        return
    while full(state, item):
        evict(state, log)
    at = np.int64(state.stats[OCCUPANCY])
    state.slots[at] = item
    state.slot[item] = at + 1
    state.facts[at, 0] = 1
    state.facts[at, 1] = state.clock[0]
    entered(state, item, log)


@kernel
def evict(state, log):
    """Draw the sample and let the item worth least leave."""
    held = np.int64(state.stats[OCCUPANCY])
    now = state.clock[0]
    facts = state.facts
    worst = np.inf
    victim = 0
    for _ in range(state.sample):
        at = _rng.below(state.rng, held)
        # An item taken out by a host in the request that brought it in has age 0: it is worth the most.
        age = (now - facts[at, 1]) * max(weight(state.size, state.slots[at]), 1)
        worth = facts[at, 0] / age
        if worth < worst:
            worst = worth
            victim = at
    remove(state, state.slots[victim], log)


@kernel
def remove(state, item, log):
    """Take out an item that is held; the last slot's moves into its own."""
    at = state.slot[item] - 1
    last = np.int64(state.stats[OCCUPANCY]) - 1
    moved = state.slots[last]
    state.slots[at] = moved
    state.slot[moved] = at + 1
    state.facts[at, 0] = state.facts[last, 0]
    state.facts[at, 1] = state.facts[last, 1]
    state.slot[item] = 0
    left(state, item, log)


@kernel(inline=True)
def share(state, item):
    return 1.0 if state.slot[item] > 0 else 0.0


class Hyperbolic(Classic):
    __doc__ = __doc__

    name = "hyperbolic"
    touches = {"slot": 1}
    randomised = True
    rule = "of a sample, evict the item with the fewest requests per unit of time (and byte) in the cache"
    reference = "Blankstein, Sen and Freedman, USENIX ATC 2017"
    step, share = staticmethod(step), staticmethod(share)
    _evict, _remove = staticmethod(evict), staticmethod(remove)

    def __init__(
        self,
        capacity: int,
        catalog_size: int,
        horizon: int | None = None,
        *,
        sample: int = 64,
        seed: int = 0,
        **common: Unpack[Common],
    ) -> None:
        super().__init__(capacity, catalog_size, horizon, seed=seed, **common)
        self.sample = sample

    def validate(self) -> None:
        super().validate()
        check_positive_int("sample", self.sample)

    def _make(self, capacity: int, catalog_size: int, size: np.ndarray | None) -> State:
        return init(capacity, catalog_size, self.sample, self.seed, size)

    def held(self) -> np.ndarray:
        return self.state.slot > 0

    def needed(self) -> np.ndarray:
        return self.state.slot > 0
