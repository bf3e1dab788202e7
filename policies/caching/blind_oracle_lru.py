"""BlindOracle and LRU: believe predictions of next requests as long as that misses no more than LRU would.

Rule: two shadow caches of C items see every request. *BlindOracle* evicts the item whose next request is
predicted latest, whatever happened to earlier predictions; *LRU* is `lru`. The real cache follows a leader, at
first BlindOracle: at a miss it fetches the item and evicts one that the leader does not hold (of these, the
one that the leader let go last). The lead changes when the leader's misses exceed `factor` (2) times the
other's, plus C.

``predictor="last-gap"`` expects an item back after as long as its last absence (never, after its first
request). An array says for each request, from 0, at which position its item comes next; what lies beyond its
end is never.

Cost: O(log C) per request; O(N) at a change of leaders, of which each needs the misses to grow by a factor.
Memory: 46 bytes per item, 20 per cached item.

Guarantee: a change costs at most C extra misses, and between changes each extra miss removes one of the items
in which the cache differs from the leader; so the cache misses at most a constant times the better of both,
plus O(C log T) (Fiat et al.), hence O(C) times the optimum however wrong the predictions are. Regret: none is
declared, a constant factor is no vanishing regret.

References
----------
.. [1] A. Wei, "Better and simpler learning-augmented online caching", APPROX 2020.
.. [2] T. Lykouris and S. Vassilvitskii, "Competitive caching with machine learned advice", JACM 68(4), 2021.
.. [3] A. Fiat et al., "Competitive paging algorithms", Journal of Algorithms 12, 1991 (combining two policies).

Examples
--------
>>> items = [0, 1, 2, 0, 1, 2]
>>> cache = BlindOracleLRU(capacity=2, catalog_size=3, predictor=[3, 4, 5, 9, 9, 9])
>>> cache.request_many(items).tolist()
[False, False, False, True, False, True]
"""

from __future__ import annotations

from typing import Any, NamedTuple, Unpack

import numpy as np

from olearn._jit import kernel
from olearn.errors import ParameterError, check_real
from olearn.policies.caching._base import CachingPolicy, Common, extended
from olearn.policies.caching._ledger import OCCUPANCY, entered, left, new_stats

NEVER = np.int64(2**62)
ORACLE, RECENT = range(2)
#: Places in ``cells``: requests; the leader; entries of the stack; misses of either shadow; items in either.
NOW, LEADER, STACKED, MISSES, SIZE = 0, 1, 2, 3, 5


class State(NamedTuple):
    """Two shadows and the real cache."""

    due: np.ndarray  # int64 (N,): predicted next request
    last: np.ndarray  # int64 (N,): last request, -1 if none
    heap: np.ndarray  # int32 (C,): BlindOracle's items, the latest due on top
    place: np.ndarray  # int32 (N,): place in the heap plus 1; 0 says away
    older: np.ndarray  # int32 (N + 1,): LRU's list; cell N is its head
    newer: np.ndarray  # int32 (N + 1,)
    recent: np.ndarray  # uint8 (N,): held by LRU
    held: np.ndarray  # uint8 (N,)
    stack: np.ndarray  # int32 (2C,): candidates that the leader let go, the last on top
    given: np.ndarray  # int64 (T,)
    cells: np.ndarray  # int64 (7,)
    factor: float
    capacity: int
    size: None
    stats: np.ndarray  # float64 (STATS,)


def init(capacity: int, catalog_size: int, given: np.ndarray, factor: float) -> State:
    """Three empty caches."""
    n, c = catalog_size, capacity
    links = np.full(n + 1, n, np.int32)
    return State(
        np.zeros(n, np.int64),
        np.full(n, -1),
        np.zeros(c, np.int32),
        np.zeros(n, np.int32),
        links,
        links.copy(),
        np.zeros(n, np.uint8),
        np.zeros(n, np.uint8),
        np.zeros(2 * c, np.int32),
        given,
        np.zeros(7, np.int64),
        factor,
        capacity,
        None,
        new_stats(),
    )


@kernel
def _later(state, a, b):
    """Whether item a leaves before item b: due later; ties: the larger id."""
    return state.due[a] > state.due[b] or (state.due[a] == state.due[b] and a > b)


@kernel
def _sift(state, i):
    """Put the item in cell i of the heap where it belongs."""
    heap, place = state.heap, state.place
    size = state.cells[SIZE]
    item = heap[i]
    moving = True
    while moving and i > 0:
        parent = (i - 1) >> 1
        moving = _later(state, item, heap[parent])
        if moving:
            heap[i] = heap[parent]
            place[heap[i]] = i + 1
            i = parent
    moving = True
    while moving and 2 * i + 1 < size:
        child = 2 * i + 1
        if child + 1 < size and _later(state, heap[child + 1], heap[child]):
            child += 1
        moving = _later(state, heap[child], item)
        if moving:
            heap[i] = heap[child]
            place[heap[i]] = i + 1
            i = child
    heap[i] = item
    place[item] = i + 1


@kernel
def _believe(state, item):
    """BlindOracle serves a request; returns who left, or -1."""
    cells, heap, place = state.cells, state.heap, state.place
    gone = np.int64(-1)
    if place[item] != 0:
        _sift(state, np.int64(place[item]) - 1)
        return gone
    cells[MISSES] += 1
    if cells[SIZE] == heap.size:
        gone = np.int64(heap[0])
        place[gone] = 0
        heap[0] = item
        _sift(state, np.int64(0))
    else:
        at = cells[SIZE]
        heap[at] = item
        cells[SIZE] += 1
        _sift(state, at)
    return gone


@kernel
def _remember(state, item):
    """LRU serves a request; returns who left, or -1."""
    cells, older, newer = state.cells, state.older, state.newer
    head = older.size - 1
    gone = np.int64(-1)
    if state.recent[item] != 0:
        older[newer[item]], newer[older[item]] = older[item], newer[item]
    else:
        cells[MISSES + 1] += 1
        state.recent[item] = 1
        if cells[SIZE + 1] == state.heap.size:
            gone = np.int64(newer[head])  # the end of the list: the oldest
            older[newer[gone]] = head
            newer[head] = newer[gone]
            state.recent[gone] = 0
        else:
            cells[SIZE + 1] += 1
    newest = older[head]
    newer[newest] = item
    older[item] = newest
    newer[item] = head
    older[head] = item
    return gone


@kernel(inline=True)
def _leads(state, item):
    """Whether the leader holds an item."""
    if state.cells[LEADER] == ORACLE:
        return state.place[item] != 0
    return state.recent[item] != 0


@kernel
def _scan(state):
    """All candidates anew, in increasing order of id."""
    cells = state.cells
    cells[STACKED] = 0
    for i in range(state.held.size):
        if state.held[i] != 0 and not _leads(state, i):
            state.stack[cells[STACKED]] = i
            cells[STACKED] += 1


@kernel
def _candidate(state):
    """An item of the cache that the leader does not hold."""
    cells, stack = state.cells, state.stack
    found = np.int64(-1)
    for attempt in range(2):
        while found < 0 and cells[STACKED] > 0:
            cells[STACKED] -= 1
            item = np.int64(stack[cells[STACKED]])
            if state.held[item] != 0 and not _leads(state, item):
                found = item
        if found < 0 and attempt == 0:
            _scan(state)
    return found


@kernel
def step(state, item, log):
    cells = state.cells
    now = cells[NOW]
    if state.given.size > 0:
        state.due[item] = state.given[now] if now < state.given.size else NEVER
    else:
        state.due[item] = NEVER if state.last[item] < 0 else 2 * now - state.last[item]
    state.last[item] = now
    cells[NOW] += 1
    first, second = _believe(state, item), _remember(state, item)
    gone = first if cells[LEADER] == ORACLE else second
    if gone >= 0 and state.held[gone] != 0:
        if cells[STACKED] == state.stack.size:
            _scan(state)
        else:
            state.stack[cells[STACKED]] = gone
            cells[STACKED] += 1
    lead = cells[LEADER]
    if cells[MISSES + lead] > state.factor * cells[MISSES + 1 - lead] + state.heap.size:
        cells[LEADER] = 1 - lead
        _scan(state)
    if state.held[item] != 0:
        return True
    if state.stats[OCCUPANCY] >= state.capacity:
        victim = _candidate(state)
        state.held[victim] = 0
        left(state, victim, log)
    state.held[item] = 1
    entered(state, item, log)
    return False


@kernel(inline=True)
def share(state, item):
    return float(state.held[item])


class BlindOracleLRU(CachingPolicy):
    __doc__ = __doc__

    name = "blind-oracle-lru"
    rule = "evict what is predicted to come latest, as long as that misses no more than twice LRU"
    reference = "Wei, APPROX 2020; Lykouris and Vassilvitskii, JACM 2021"
    step, share = staticmethod(step), staticmethod(share)

    def __init__(
        self,
        capacity: int,
        catalog_size: int,
        horizon: int | None = None,
        *,
        predictor: Any = "last-gap",
        factor: float = 2.0,
        seed: int = 0,
        **common: Unpack[Common],
    ) -> None:
        super().__init__(capacity, catalog_size, horizon, seed=seed, **common)
        self.predictor = predictor
        self.factor = factor

    def _given(self) -> np.ndarray:
        if isinstance(self.predictor, str):
            if self.predictor != "last-gap":
                raise ParameterError(f"predictor must be last-gap or an array, got {self.predictor!r}")
            return np.zeros(0, np.int64)
        raw = np.asarray(self.predictor)
        if raw.ndim != 1 or raw.size == 0 or raw.dtype.kind not in "iu":
            raise ParameterError(
                "predictor must be last-gap or an array: the position of the next request, for each request; "
                f"got {raw.dtype} of shape {raw.shape}"
            )
        return np.minimum(raw, NEVER).astype(np.int64)

    def validate(self) -> None:
        super().validate()
        self._given()
        check_real("factor", self.factor, 1.0, 1e6)

    def parameters(self) -> dict[str, Any]:
        named = self.predictor if isinstance(self.predictor, str) else "array"
        return {"predictor": named, "factor": self.factor}

    def _init(self) -> State:
        return init(self.capacity, self.catalog_size, self._given(), float(self.factor))

    def fractions(self) -> np.ndarray:
        return self.state.held.astype(np.float64)

    def _extend(self, state: State, catalog_size: int) -> State:
        n = self.catalog_size
        links = []
        for array in (state.older, state.newer):  # the head moves to the new last cell
            moved = extended(array, catalog_size + 1, catalog_size)
            moved[moved == n] = catalog_size
            moved[catalog_size] = catalog_size if array[n] == n else array[n]
            links.append(moved)
        return state._replace(
            due=extended(state.due, catalog_size, 0),
            last=extended(state.last, catalog_size, -1),
            place=extended(state.place, catalog_size, 0),
            older=links[0],
            newer=links[1],
            recent=extended(state.recent, catalog_size, 0),
            held=extended(state.held, catalog_size, 0),
        )
