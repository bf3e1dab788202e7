"""LHD: of a sample, evict the item with the least expected hits per byte and unit of time from now on.

Rule: an item's *hit density* is the chance of a hit before eviction over the expected time that it stays,
given its class and its age, the time since its last request. Both are measured: of every class, how many items
were hit and how many evicted at each age. For age a, with hits h and evictions v of later ages,

    density(a) = sum over b >= a of h(b)  /  sum over b >= a of sum over c >= b of (h(c) + v(c)).

The class is the logarithm of the sum of the last two times between requests (16 classes; the last for items
not hit yet). On a miss with a full cache `sample` (32) items held are drawn uniformly with replacement, and
the one with the least density over size leaves. Every `period` requests (by default as many as items fit, at
least 4096) the densities are computed anew and the measurements multiplied by `decay` (0.9). Before the first
time the density is (class + 1) / (age + 1), as the authors start it. Ages count in steps that put ten times the
items that fit below the last of 4096 ages. (The paper's classes may also use application ids, which traces
here lack.)

libCacheSim's `lhd` computes its densities every 2^20 requests only, so on shorter traces it ranks by the
start, and it also looks at the 8 items admitted last: from 6 % fewer to 9 % more misses here, mostly within
2.5 % of the requests.

Sizes: part of the rule; items leave until the new one fits. An item larger than the cache never enters.

Cost: O(1) per hit, O(sample) per eviction, 65,536 steps every `period` requests. Memory: 4 bytes per item, 28
per cached item, 1.5 MB.

Regret: none is declared. Densities of what happened say nothing about what an adversary asks for next: after a
phase in which each item is asked for twice in a row and never again, items hit once are held to be worthless.

References
----------
.. [1] N. Beckmann, H. Chen and A. Cidon, "LHD: improving cache hit rate by maximizing hit density", NSDI 2018.

Examples
--------
>>> cache = LHD(capacity=2, catalog_size=4, seed=1)
>>> [cache.request(i) for i in (0, 0, 1, 0, 2, 0)]
[False, True, False, True, False, True]
"""

from __future__ import annotations

from typing import Any, NamedTuple, Unpack

import numpy as np

from olearn import _rng
from olearn._jit import kernel
from olearn.errors import check_positive_int, check_real
from olearn.policies.caching._base import Common
from olearn.policies.caching._classic import Classic
from olearn.policies.caching._ledger import OCCUPANCY, entered, full, left, new_stats, too_large
from olearn.policies.caching._queues import weight

CLASSES, AGES = 16, 4096
#: Columns of ``facts``: last request, last age, the one before that; ages in steps.
LAST, AGE, BEFORE = range(3)
#: Places in ``clock``: requests, the next computation of densities.
NOW, DUE = range(2)


class State(NamedTuple):
    """The cached items in slots, with their ages; an item held knows its slot plus 1."""

    slot: np.ndarray  # int32 (N,); 0 says away
    slots: np.ndarray  # int32 (places,)
    facts: np.ndarray  # int64 (places, 3)
    hits: np.ndarray  # float64 (CLASSES, AGES)
    evictions: np.ndarray  # float64 (CLASSES, AGES)
    density: np.ndarray  # float64 (CLASSES, AGES)
    clock: np.ndarray  # int64 (2,)
    rng: np.ndarray  # uint64 (4,)
    sample: int
    period: int
    decay: float
    shift: int  # an age step is 2^shift requests
    capacity: int
    size: Any  # int32 or int64 (N,) in bytes, else None
    stats: np.ndarray  # float64 (STATS,)


def init(
    capacity: int,
    catalog_size: int,
    sample: int = 32,
    period: int | None = None,
    decay: float = 0.9,
    seed: int = 0,
    size: np.ndarray | None = None,
) -> State:
    """An empty cache."""
    places = catalog_size if size is not None else min(capacity, catalog_size)
    period = max(4096, places) if period is None else period
    classes, ages = np.arange(CLASSES)[:, None], np.arange(AGES)[None, :]
    return State(
        np.zeros(catalog_size, np.int32),
        np.zeros(places, np.int32),
        np.zeros((places, 3), np.int64),
        np.zeros((CLASSES, AGES)),
        np.zeros((CLASSES, AGES)),
        (classes + 1.0) / (ages + 1.0),
        np.array([0, period]),
        _rng.new_state(seed),
        sample,
        period,
        decay,
        max(0, (10 * places // AGES).bit_length()),
        capacity,
        size,
        new_stats(),
    )


@kernel(inline=True)
def _class(facts, at):
    """The class of an item: the last where it was never hit, lower the longer its last two ages."""
    age = facts[at, AGE] + facts[at, BEFORE]
    if age <= 0:
        return CLASSES - 1
    found = 0
    while found < CLASSES - 2 and age < AGES // 2:
        age *= 2
        found += 1
    return found


@kernel(inline=True)
def _age(state, at):
    return min((state.clock[NOW] - state.facts[at, LAST]) >> state.shift, AGES - 1)


@kernel(inline=True)
def step(state, item, log):
    state.clock[NOW] += 1
    if state.clock[NOW] >= state.clock[DUE]:
        _measure(state)
    at = np.int64(state.slot[item]) - 1
    if at >= 0:
        _hit(state, at)
        return True
    _miss(state, item, log)
    return False


@kernel
def _hit(state, at):
    facts = state.facts
    age = _age(state, at)
    state.hits[_class(facts, at), age] += 1.0
    facts[at, BEFORE] = facts[at, AGE]
    facts[at, AGE] = age
    facts[at, LAST] = state.clock[NOW]


@kernel
def _measure(state):
    """Densities from what was measured, and less weight to the past."""
    state.clock[DUE] += state.period
    hits, evictions, density = state.hits, state.evictions, state.density
    for c in range(CLASSES):
        hit, events, lifetime = 0.0, 0.0, 0.0
        for k in range(AGES):
            a = AGES - 1 - k
            hit += hits[c, a]
            events += hits[c, a] + evictions[c, a]
            lifetime += events
            density[c, a] = hit / lifetime if events > 1e-5 else 0.0
            hits[c, a] *= state.decay
            evictions[c, a] *= state.decay


@kernel
def _miss(state, item, log):
    if too_large(state, item):
        return
    while full(state, item):
        evict(state, log)
    at = np.int64(state.stats[OCCUPANCY])
    state.slots[at] = item
    state.slot[item] = at + 1
    state.facts[at, LAST] = state.clock[NOW]
    state.facts[at, AGE] = 0
    state.facts[at, BEFORE] = AGES  # not hit yet: the longest times there are
    entered(state, item, log)


@kernel
def evict(state, log):
    """Draw the sample and let the item with the least density leave."""
    held = np.int64(state.stats[OCCUPANCY])
    worst = np.inf
    victim = np.int64(0)
    for _ in range(state.sample):
        at = _rng.below(state.rng, held)
        rate = state.density[_class(state.facts, at), _age(state, at)]
        rank = rate / max(weight(state.size, state.slots[at]), 1)
        if rank < worst:
            worst = rank
            victim = at
    state.evictions[_class(state.facts, victim), _age(state, victim)] += 1.0
    remove(state, state.slots[victim], log)


@kernel
def remove(state, item, log):
    """Take out an item that is held; the last slot's moves into its own."""
    at = state.slot[item] - 1
    last = np.int64(state.stats[OCCUPANCY]) - 1
    moved = state.slots[last]
    state.slots[at] = moved
    state.slot[moved] = at + 1
    for k in range(3):
        state.facts[at, k] = state.facts[last, k]
    state.slot[item] = 0
    left(state, item, log)


@kernel(inline=True)
def share(state, item):
    return 1.0 if state.slot[item] > 0 else 0.0


class LHD(Classic):
    __doc__ = __doc__

    name = "lhd"
    touches = {"slot": 1}
    randomised = True
    rule = "of a sample, evict the item with the least measured hit density (hits per byte and time left)"
    reference = "Beckmann, Chen and Cidon, NSDI 2018"
    step, share = staticmethod(step), staticmethod(share)
    _evict, _remove = staticmethod(evict), staticmethod(remove)

    def __init__(
        self,
        capacity: int,
        catalog_size: int,
        horizon: int | None = None,
        *,
        sample: int = 32,
        period: int | None = None,
        decay: float = 0.9,
        seed: int = 0,
        **common: Unpack[Common],
    ) -> None:
        super().__init__(capacity, catalog_size, horizon, seed=seed, **common)
        self.sample = sample
        self.period = period
        self.decay = decay

    def validate(self) -> None:
        super().validate()
        check_positive_int("sample", self.sample)
        if self.period is not None:
            check_positive_int("period", self.period)
        check_real("decay", self.decay, 0.0, 1.0)

    def parameters(self) -> dict[str, Any]:
        return {"sample": self.sample, "period": self.state.period, "decay": self.decay}

    def _make(self, capacity: int, catalog_size: int, size: np.ndarray | None) -> State:
        return init(capacity, catalog_size, self.sample, self.period, self.decay, self.seed, size)

    def held(self) -> np.ndarray:
        return self.state.slot > 0

    def needed(self) -> np.ndarray:
        return self.state.slot > 0
