"""LeCaR: evict by LRU or by LFU, drawn with weights that learn from requests to what each evicted.

Rule: on a miss with a full cache one of two experts is drawn by its weight: LRU proposes the item whose last
request is longest ago, LFU the one with the fewest requests (ties: least recently used). The victim is
remembered in that expert's history, a FIFO queue of C ids. A request to an item remembered says that the
expert was wrong: the other's weight is multiplied by exp(rate d^t), where t is the number of requests since
the eviction and d = `discount`^(1/C), and weights are scaled to sum 1. Counts start anew when
an item comes in.

Sizes: the paper counts pages; victims are drawn one by one until the new item fits; histories hold
C ids, in bytes as many bytes as the cache. An item larger than the cache never enters.

Cost: O(log C) amortised per miss, O(1) amortised per hit. Memory: 24 bytes per item, at most 88 per cached
item.

Regret: none is declared (the experts are followed on a single cache, whose contents both have shaped). On
the cyclic sequence over C+1 items both evict the item needed next: no hit, while the best static set has a
hit ratio of C/(C+1).

References
----------
.. [1] G. Vietri, L. V. Rodriguez, W. A. Martinez, S. Lyons, J. Liu, R. Rangaswami, M. Zhao and G.
   Narasimhan, "Driving cache replacement with ML-based LeCaR", HotStorage 2018.

Examples
--------
>>> cache = LeCaR(capacity=2, catalog_size=4, seed=1)
>>> [cache.request(i) for i in (0, 0, 1, 2)]
[False, True, False, False]
"""

from __future__ import annotations

import math
from typing import Any, NamedTuple, Unpack

import numpy as np

from olearn import _rng
from olearn._jit import kernel
from olearn.errors import ParameterError
from olearn.geometry import lazyheap
from olearn.policies.caching._base import Common
from olearn.policies.caching._classic import Classic, check_share
from olearn.policies.caching._ledger import entered, full, left, new_stats, too_large
from olearn.policies.caching._queues import LOAD, TAG, Queue, new_queue, oldest, push, weight

#: Tags of records: held; remembered as a victim of LRU, of LFU.
AWAY, HELD, BY_LRU, BY_LFU = range(4)
#: A score is (count << TIME_BITS) + time of the last request: one int64 that orders by both.
TIME_BITS = 32


class State(NamedTuple):
    """Recency in a log, frequency in a lazy heap, two histories.

    The heap may hold entries of items that have left, and several of one item: each item held has one
    whose key is at most its score, and that is enough to find the smallest.
    """

    record: np.ndarray  # int32 (N,)
    score: np.ndarray  # int64 (N,)
    evicted: np.ndarray  # int64 (N,): time of the eviction of an item remembered
    recency: Queue
    by_lru: Queue
    by_lfu: Queue
    keys: np.ndarray  # int64 (2 places + 1,)
    items: np.ndarray  # int32 (2 places + 1,)
    heap: np.ndarray  # int64 (1,): its length
    weights: np.ndarray  # float64 (2,): of LRU and LFU
    clock: np.ndarray  # int64 (1,)
    rng: np.ndarray  # uint64 (4,)
    rate: float
    decay: float  # log d
    capacity: int
    size: Any  # int32 or int64 (N,) in bytes, else None
    booked: Any  # int64 (N,) in bytes, else None: what an item counts for in a history
    stats: np.ndarray  # float64 (STATS,)


def init(
    capacity: int,
    catalog_size: int,
    rate: float = 0.45,
    discount: float = 0.005,
    seed: int = 0,
    size: np.ndarray | None = None,
) -> State:
    """An empty cache."""
    room = catalog_size if size is not None else min(capacity, catalog_size)
    return State(
        np.zeros(catalog_size, np.int32),
        np.zeros(catalog_size, np.int64),
        np.zeros(catalog_size, np.int64),
        new_queue(room),
        new_queue(room),
        new_queue(room),
        np.zeros(2 * room + 1, np.int64),
        np.zeros(2 * room + 1, np.int32),
        np.zeros(1, np.int64),
        np.full(2, 0.5),
        np.zeros(1, np.int64),
        _rng.new_state(seed),
        rate,
        math.log(discount) / capacity,
        capacity,
        size,
        None if size is None else np.zeros(catalog_size, np.int64),
        new_stats(),
    )


@kernel(inline=True)
def step(state, item, log):
    now = state.clock[0] + 1
    state.clock[0] = now
    tag = state.record[item] & TAG
    if tag == HELD:
        state.score[item] = (((state.score[item] >> TIME_BITS) + 1) << TIME_BITS) + now
        push(state.recency, state.record, item, HELD)
        return True
    _miss(state, item, tag, log)
    return False


@kernel
def _miss(state, item, tag, log):
    if too_large(state, item):
        return
    now = state.clock[0]
    if tag != AWAY:
        _learn(state, item, tag)
    while full(state, item):
        evict(state, log)
    state.score[item] = (1 << TIME_BITS) + now
    push(state.recency, state.record, item, HELD)
    if state.heap[0] == state.keys.size:
        _tidy(state)
    state.heap[0] = lazyheap.push(state.keys, state.items, state.heap[0], state.score[item], item)
    entered(state, item, log)


@kernel
def _learn(state, item, tag):
    """An item remembered comes back: the expert that did not evict it gains."""
    weights = state.weights
    gain = math.exp(state.rate * math.exp(state.decay * (state.clock[0] - state.evicted[item])))
    w = weight(state.booked, item)
    if tag == BY_LRU:
        state.by_lru.ends[LOAD] -= w
        weights[1] *= gain
    else:
        state.by_lfu.ends[LOAD] -= w
        weights[0] *= gain
    total = weights[0] + weights[1]
    weights[0] /= total
    weights[1] /= total
    state.record[item] = AWAY


@kernel
def evict(state, log):
    """Draw the expert; its victim is remembered."""
    record = state.record
    if _rng.uniform(state.rng) < state.weights[0]:
        victim = oldest(state.recency, record, HELD)
        _remember(state, state.by_lru, victim, BY_LRU, log)
    else:
        victim = _rarest(state)
        _remember(state, state.by_lfu, victim, BY_LFU, log)


@kernel
def _remember(state, history, victim, tag, log):
    record, ends = state.record, history.ends
    w = weight(state.size, victim)
    while ends[LOAD] > 0 and ends[LOAD] + w > state.capacity:
        old = oldest(history, record, tag)
        ends[LOAD] -= weight(state.booked, old)
        record[old] = AWAY
    push(history, record, victim, tag)
    ends[LOAD] += w
    _book(state.booked, victim, w)
    state.evicted[victim] = state.clock[0]
    left(state, victim, log)


@kernel(inline=True)
def _book(booked, item, w):
    if booked is not None:
        booked[item] = w


@kernel
def _rarest(state):
    """The item held with the smallest score; entries of items that left are dropped on the way."""
    keys, items, heap = state.keys, state.items, state.heap
    found = False
    top = items[0]
    while not found:
        top = items[0]
        if state.record[top] & TAG != HELD:
            heap[0] = lazyheap.pop(keys, items, heap[0])
        elif keys[0] < state.score[top]:
            lazyheap.replace_top(keys, items, heap[0], state.score[top], top)
        else:
            found = True
    return top


@kernel
def _tidy(state):
    """Drop the entries that say nothing: those of items away, and further ones of an item held.

    An item's first entry met stays, with its true score; a negative score tells the others apart while
    this goes on.
    """
    keys, items, score = state.keys, state.items, state.score
    kept = 0
    for at in range(state.heap[0]):
        item = items[at]
        if state.record[item] & TAG == HELD and score[item] > 0:
            keys[kept] = score[item]
            items[kept] = item
            score[item] = -score[item]
            kept += 1
    n = 0
    for at in range(kept):
        item = items[at]
        score[item] = -score[item]
        n = lazyheap.push(keys, items, n, score[item], item)
    state.heap[0] = n


@kernel
def remove(state, item, log):
    """Forget an item that is held; no history hears of it."""
    state.record[item] = AWAY
    left(state, item, log)


@kernel(inline=True)
def share(state, item):
    return 1.0 if state.record[item] & TAG == HELD else 0.0


class LeCaR(Classic):
    __doc__ = __doc__

    name = "lecar"
    touches = {"record": 1, "score": 1}
    randomised = True
    rule = "evict by LRU or LFU, drawn by weights that learn from requests to what each evicted"
    reference = "Vietri et al., HotStorage 2018"
    step, share = staticmethod(step), staticmethod(share)
    _evict, _remove = staticmethod(evict), staticmethod(remove)

    def __init__(
        self,
        capacity: int,
        catalog_size: int,
        horizon: int | None = None,
        *,
        rate: float = 0.45,
        discount: float = 0.005,
        seed: int = 0,
        **common: Unpack[Common],
    ) -> None:
        super().__init__(capacity, catalog_size, horizon, seed=seed, **common)
        self.rate = rate
        self.discount = discount

    def validate(self) -> None:
        super().validate()
        check_share(self.name, "rate", self.rate, upto=10.0)
        if check_share(self.name, "discount", self.discount) == 0.0:
            raise ParameterError(f"{self.name}: discount must be above 0, got {self.discount!r}")

    def _make(self, capacity: int, catalog_size: int, size: np.ndarray | None) -> State:
        return init(capacity, catalog_size, self.rate, self.discount, self.seed, size)

    def held(self) -> np.ndarray:
        return self.state.record & TAG == HELD

    def needed(self) -> np.ndarray:
        return self.state.record & TAG != AWAY
