r"""OGB: online gradient ascent with whole items, sampled by permanent random numbers.

Rule: the fractions x follow `ogd` exactly. Every item has one random number p_i, uniform on (0, 1),
drawn for good; item i is in the cache exactly when :math:`x_i \ge p_i`. So each item is held with
probability x_i, the same fractions give the same cache, and small changes of x change few items.
Only the requested item's fraction grows, so only the requested item can enter: zero fetches of
items that were not asked for.

The price is a soft capacity: the number of items held has mean C and a variance of at most
C (1 - C/N). The peak is reported. The start x = C/N holds a random C items or so, for free.

With ``batch=B`` the fractions still follow every request, but the cache is renewed after every B-th only. The
items that enter then were all asked for in the batch; those other than the last count as ``fetched_other``.

A host that takes items out (`remove`, `evict`) adds at most one each to the bound (B with batches): the
fraction stays, so the item is back after its next request. `peek` names the item whose fraction is nearest to
its number. An item whose fraction fell to 0 is forgotten.

Cost: O(log N) amortised per request; a hit touches the queues only through the projection; `remove` O(C).
Memory: 45 bytes per item (the random numbers are hashed, not stored), 4 per request of a batch.

Regret: in expectation over the p_i, against an oblivious adversary (the requests do not depend on
them) and the best static set, prefilled, the same as `ogd`: at most
:math:`C(1-C/N)/(2\eta) + \eta T/2`, by default :math:`\sqrt{C(1-C/N)\,T}`; with batches
:math:`C(1-C/N)/(2\eta) + \eta T B/2`, by default :math:`\sqrt{C(1-C/N)\,T B}` (both derived in
:mod:`olearn.policies.caching._gradient`); steps without a horizon as for `ogd`.

References
----------
.. [1] D. Carra and G. Neglia, "An online gradient-based caching policy with logarithmic complexity
   and regret guarantees", 2024 (arXiv 2405.01263).

Examples
--------
>>> cache = OGB(capacity=1000, catalog_size=100_000, horizon=10_000_000)
>>> cache.request(7), cache.request(7)
(False, False)
>>> round(cache.eta, 5), round(cache.bound().value)
(0.00995, 99499)
>>> cache.stats["fetched_other"]
0.0
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple, Unpack

import numpy as np

from olearn import _rng
from olearn._jit import kernel
from olearn.bounds import Bound
from olearn.errors import check_positive_int
from olearn.geometry import lazyheap, lazyprojection
from olearn.geometry.lazyprojection import MOVES, RHO, SHIFTED, Projection
from olearn.policies.caching import _steps
from olearn.policies.caching._base import Common, extended
from olearn.policies.caching._gradient import GradientPolicy
from olearn.policies.caching._ledger import (
    EVICTED,
    FETCHED,
    FETCHED_OTHER,
    OCCUPANCY,
    PEAK,
    new_stats,
    note_entered,
    note_left,
    note_unasked,
)
from olearn.policies.caching._steps import FIXED, Steps


class State(NamedTuple):
    """The point x, and the items held in a lazy heap by ``value_i - p_i``: out once that is below rho."""

    x: Projection
    steps: Steps
    key: np.uint64  # of the permanent random numbers
    held: np.ndarray  # uint8 (N,)
    keys: np.ndarray  # float64 (N,)
    items: np.ndarray  # int32 (N,)
    batch: int
    pending: np.ndarray  # int32 (B,): items missed in this batch
    place: np.ndarray  # int64 (2,): requests of this batch, how many of them are pending
    stats: np.ndarray  # float64 (STATS,)


def init(capacity: int, catalog_size: int, steps: Steps, batch: int, seed: int) -> State:
    """The uniform point, and the items whose random number is at most C/N."""
    key = _rng.new_key(seed)
    numbers = np.empty(catalog_size)
    permanent(key, numbers)
    share = capacity / catalog_size
    inside = np.flatnonzero(numbers <= share).astype(np.int32)
    inside = inside[np.argsort(-numbers[inside], kind="stable")]  # increasing keys: a heap
    keys, items = np.zeros(catalog_size), np.zeros(catalog_size, np.int32)
    held = np.zeros(catalog_size, np.uint8)
    keys[: inside.size], items[: inside.size], held[inside] = share - numbers[inside], inside, 1
    x = lazyprojection.new(capacity, catalog_size)
    pending, place = np.zeros(batch if batch > 1 else 0, np.int32), np.zeros(2, np.int64)
    return State(x, steps, key, held, keys, items, batch, pending, place, new_stats(inside.size))


@kernel
def permanent(key, out):
    """Fill `out` with the random numbers of items 0, 1, ..."""
    for i in range(out.size):
        out[i] = _rng.hash_uniform(key, i)


@kernel(inline=True)
def step(state, item, log):
    hit = state.held[item] != 0
    if state.steps.kind == FIXED:
        lazyprojection.ascend(state.x, item, state.steps.eta)
    else:
        _scheduled(state, item)
    if state.batch == 1:
        # Most hits change nothing in the sample: look before the call.
        rho = state.x.rho
        if not hit or rho[SHIFTED] != 0.0 or state.keys[0] < rho[RHO]:
            _rebased(state)
            if not hit:
                _admit(state, item, item, log)
            _expire(state, log)
    else:
        _gather(state, item, hit, log)
    return hit


@kernel
def _scheduled(state, item):
    eta = _steps.current(state.steps, state.x.cells[MOVES])
    x = lazyprojection.fraction(state.x, item)
    _steps.taken(state.steps, eta, lazyprojection.ascend(state.x, item, eta) - x)


@kernel
def _gather(state, item, hit, log):
    """Note a miss; at the end of the batch, renew the sample."""
    place = state.place
    if not hit:
        state.pending[place[1]] = item
        place[1] += 1
    place[0] += 1
    if place[0] == state.batch:
        _rebased(state)
        for k in range(place[1]):
            if state.held[state.pending[k]] == 0:
                _admit(state, state.pending[k], item, log)
        _expire(state, log)
        place[0] = 0
        place[1] = 0


@kernel
def _rebased(state):
    """The projection was rebased: so are the keys."""
    shift = state.x.rho[SHIFTED]
    if shift != 0.0:
        for i in range(np.int64(state.stats[OCCUPANCY])):
            state.keys[i] -= shift
        state.x.rho[SHIFTED] = 0.0


@kernel
def _admit(state, item, requested, log):
    """Let an item in if its fraction reached its number."""
    stats = state.stats
    key = state.x.value[item] - _rng.hash_uniform(state.key, item)
    if key >= state.x.rho[RHO]:
        size = lazyheap.push(state.keys, state.items, np.int64(stats[OCCUPANCY]), key, item)
        state.held[item] = 1
        stats[OCCUPANCY] = size
        if item == requested:
            stats[FETCHED] += 1.0
            note_entered(log)
        else:
            stats[FETCHED_OTHER] += 1.0
            note_unasked(log, item)


@kernel
def _expire(state, log):
    """Let out the items whose fractions fell below their numbers."""
    held, keys, items, stats = state.held, state.keys, state.items, state.stats
    rho = state.x.rho[RHO]
    size = np.int64(stats[OCCUPANCY])
    while size > 0 and keys[0] < rho:
        top = items[0]
        key = state.x.value[top] - _rng.hash_uniform(state.key, top)
        if key >= rho:  # requested since: the key was stale
            lazyheap.replace_top(keys, items, size, key, top)
        else:
            size = lazyheap.pop(keys, items, size)
            held[top] = 0
            stats[EVICTED] += 1.0
            note_left(log, top)
    stats[OCCUPANCY] = size
    stats[PEAK] = max(stats[PEAK], float(size))


@kernel
def peek(state):
    """The item whose fraction is nearest to its number: the next to fall below it, unless it is requested."""
    _rebased(state)
    keys, items = state.keys, state.items
    size = np.int64(state.stats[OCCUPANCY])
    stale = True
    while stale:
        top = items[0]
        key = state.x.value[top] - _rng.hash_uniform(state.key, top)
        stale = key > keys[0]
        if stale:
            lazyheap.replace_top(keys, items, size, key, top)
    return items[0]


@kernel
def remove(state, item, log):
    """The fraction stays; the item is back at the end of its next request."""
    _rebased(state)
    stats = state.stats
    stats[OCCUPANCY] = lazyheap.discard(state.keys, state.items, np.int64(stats[OCCUPANCY]), item)
    stats[EVICTED] += 1.0
    state.held[item] = 0
    note_left(log, item)


@kernel(inline=True)
def share(state, item):
    return float(state.held[item])


class OGB(GradientPolicy):
    __doc__ = __doc__

    name = "ogb"
    touches = {"held": 1, "keys": 1}
    randomised = True
    soft_capacity = True
    rule = "the fractions of ogd; item i is held exactly when x_i >= p_i, p_i uniform, drawn once"
    reference = "Carra and Neglia 2024"
    step, share = staticmethod(step), staticmethod(share)
    _peek, _remove = staticmethod(peek), staticmethod(remove)

    def __init__(
        self,
        capacity: int,
        catalog_size: int,
        horizon: int | None = None,
        *,
        eta: float | None = None,
        schedule: str = "fixed",
        batch: int = 1,
        seed: int = 0,
        **common: Unpack[Common],
    ) -> None:
        super().__init__(capacity, catalog_size, horizon, eta=eta, schedule=schedule, seed=seed, **common)
        self.batch = batch
        if batch != 1:  # the end of a batch lets in what was missed in it, whatever the call
            self.capabilities = self.capabilities - {"lookup", "admit"}
            self.fetches_unasked = True

    @property
    def _batch(self) -> int:  # type: ignore[override]
        return check_positive_int("batch", self.batch)

    def validate(self) -> None:
        super().validate()
        self._batch  # noqa: B018 (refuses what is no batch size)

    def parameters(self) -> dict[str, Any]:
        return super().parameters() | ({} if self._batch == 1 else {"batch": self._batch})

    def _init(self) -> State:
        return init(self.capacity, self.catalog_size, self._steps(), self._batch, self.seed)

    def fractions(self) -> np.ndarray:
        return self.state.held.astype(np.float64)

    def _extend(self, state: State, catalog_size: int) -> State:
        return state._replace(
            x=lazyprojection.grow(state.x, catalog_size),
            held=extended(state.held, catalog_size, 0),
            keys=extended(state.keys, catalog_size, 0.0),
            items=extended(state.items, catalog_size, 0),
        )

    def needed(self) -> np.ndarray:
        """An item whose fraction is 0 is as if never requested; its random number goes with the id."""
        state = self.state
        known = (state.x.value != lazyprojection.ABSENT) | (state.held != 0)
        known[state.pending[: state.place[1]]] = True
        return known

    def _log_room(self, requests: int) -> int:
        return (2 if self._batch > 1 else 1) * requests + len(self) + 1

    def share_of(self, item: int) -> float:
        """The fraction x_item behind the sample, in [0, 1]."""
        return float(lazyprojection.fraction(self.state.x, item))

    def bound(
        self, requests: int | None = None, *, realised: Mapping[str, float] | None = None
    ) -> Bound | None:
        oblivious = "the requests do not depend on the random numbers (oblivious adversary)"
        bound = self.gradient_bound(requests, realised, "in expectation", (oblivious,))
        return self._interfered(bound, each=self._batch)
