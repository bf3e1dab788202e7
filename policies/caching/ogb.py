r"""OGB: online gradient ascent with whole items, sampled by permanent random numbers.

Rule: the fractions x follow `ogd` exactly. Every item has one random number p_i, uniform on (0, 1),
drawn for good; item i is in the cache exactly when :math:`x_i \ge p_i`. So each item is held with
probability x_i, the same fractions give the same cache, and small changes of x change few items.
Only the requested item's fraction grows, so only the requested item can enter: zero fetches of
items that were not asked for.

The price is a soft capacity: the number of items held has mean C and a variance of at most
C (1 - C/N). The peak is reported. The start x = C/N holds a random C items or so, for free.

Cost: O(log N) amortised per request; a hit touches the queues only through the projection. Memory:
45 bytes per item (the random numbers are hashed, not stored).

Regret: in expectation over the p_i, against an oblivious adversary (the requests do not depend on
them) and the best static set, prefilled, the same as `ogd`: at most
:math:`C(1-C/N)/(2\eta) + \eta T/2`, by default :math:`\sqrt{C(1-C/N)\,T}`.

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
from typing import NamedTuple

import numpy as np

from olearn import _rng
from olearn._jit import kernel
from olearn.bounds import Bound
from olearn.geometry import lazyheap, lazyprojection
from olearn.geometry.lazyprojection import Projection
from olearn.policies.caching._base import EVICTED, FETCHED, OCCUPANCY, PEAK, STATS, extended
from olearn.policies.caching._gradient import GradientPolicy


class State(NamedTuple):
    """The point x, and the items held in a lazy heap by ``value_i - p_i``: out once that is below rho."""

    x: Projection
    eta: float
    key: np.uint64  # of the permanent random numbers
    held: np.ndarray  # uint8 (N,)
    keys: np.ndarray  # float64 (N,)
    items: np.ndarray  # int32 (N,)
    stats: np.ndarray  # float64 (5,)


def init(capacity: int, catalog_size: int, eta: float, seed: int) -> State:
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
    stats = np.zeros(STATS)
    stats[OCCUPANCY] = stats[PEAK] = inside.size
    return State(lazyprojection.new(capacity, catalog_size), eta, key, held, keys, items, stats)


@kernel
def permanent(key, out):
    """Fill `out` with the random numbers of items 0, 1, ..."""
    for i in range(out.size):
        out[i] = _rng.hash_uniform(key, i)


@kernel(inline=True)
def step(state, item):
    hit = state.held[item] != 0
    lazyprojection.ascend(state.x, item, state.eta)
    # Most hits change nothing in the sample: look before the call.
    rho = state.x.rho
    if not hit or rho[1] != 0.0 or state.keys[0] < rho[0]:
        _resample(state, item, hit)
    return hit


@kernel
def _resample(state, item, hit):
    """Let the requested item in if its fraction reached its number; let out those that fell below."""
    held, keys, items, stats = state.held, state.keys, state.items, state.stats
    value, rho = state.x.value, state.x.rho[0]
    size = np.int64(stats[OCCUPANCY])
    if state.x.rho[1] != 0.0:  # the projection was rebased: so are the keys
        for i in range(size):
            keys[i] -= state.x.rho[1]
        state.x.rho[1] = 0.0
    before = size
    if not hit:
        key = value[item] - _rng.hash_uniform(state.key, item)
        if key >= rho:
            size = lazyheap.push(keys, items, size, key, item)
            held[item] = 1
            stats[FETCHED] += 1.0
            before = size
    while size > 0 and keys[0] < rho:
        top = items[0]
        key = value[top] - _rng.hash_uniform(state.key, top)
        if key >= rho:  # requested since: the key was stale
            lazyheap.replace_top(keys, items, size, key, top)
        else:
            size = lazyheap.pop(keys, items, size)
            held[top] = 0
    stats[EVICTED] += before - size
    stats[OCCUPANCY] = size
    stats[PEAK] = max(stats[PEAK], float(size))


@kernel
def run(state, items, rewards):
    for t in range(items.size):
        rewards[t] = step(state, items[t])


@kernel
def share(state, item):
    return float(state.held[item])


class OGB(GradientPolicy):
    __doc__ = __doc__

    name = "ogb"
    randomised = True
    soft_capacity = True
    rule = "the fractions of ogd; item i is held exactly when x_i >= p_i, p_i uniform, drawn once"
    reference = "Carra and Neglia 2024"
    step, run, share = staticmethod(step), staticmethod(run), staticmethod(share)

    def _init(self) -> State:
        return init(self.capacity, self.catalog_size, self.eta, self.seed)

    def fractions(self) -> np.ndarray:
        return self.state.held.astype(np.float64)

    def _extend(self, state: State, catalog_size: int) -> State:
        return state._replace(
            x=lazyprojection.grow(state.x, catalog_size),
            held=extended(state.held, catalog_size, 0),
            keys=extended(state.keys, catalog_size, 0.0),
            items=extended(state.items, catalog_size, 0),
        )

    def share_of(self, item: int) -> float:
        """The fraction x_item behind the sample, in [0, 1]."""
        return float(lazyprojection.fraction(self.state.x, item))

    def bound(
        self, requests: int | None = None, *, realised: Mapping[str, float] | None = None
    ) -> Bound | None:
        oblivious = "the requests do not depend on the random numbers (oblivious adversary)"
        return self.gradient_bound(requests, realised, "in expectation", (oblivious,))
