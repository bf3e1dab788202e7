"""The best static set: hold the C items with the most requests in the whole trace, from the start.

It is the comparator that regret is measured against, as an offline row in the same table. By default
it is *prefilled*: it starts full and pays nothing for that, as the regret bounds assume. With
``prefilled=False`` it is *fetch-charged*: every held item's first request is a miss. Prefilled, it
can have more hits than Belady, which starts empty.

Cost: O(1) per request after counting. Memory: 1 byte per item, 4 per request.

Examples
--------
>>> requests = [0, 1, 2, 2, 1, 2]
>>> Static(capacity=1, catalog_size=3, requests=requests).request_many(requests).tolist()
[False, False, True, True, False, True]
>>> Static(capacity=1, catalog_size=3, requests=requests, prefilled=False).request_many(requests).sum()
np.int64(2)
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from olearn._jit import kernel
from olearn.geometry.counting import count
from olearn.policies.caching._base import FETCHED, OCCUPANCY, PEAK, STATS
from olearn.policies.caching._offline import OfflinePolicy

#: What ``held`` says of an item: not in the set, in it but not fetched yet, held.
OUTSIDE, CHOSEN, HELD = range(3)


class State(NamedTuple):
    """The set, fixed."""

    requests: np.ndarray  # int32 (T,)
    held: np.ndarray  # uint8 (N,)
    stats: np.ndarray  # float64 (5,)


def init(capacity: int, catalog_size: int, requests: np.ndarray, prefilled: bool) -> State:
    """The C items with the most requests, the earlier id where counts are equal."""
    counts = count(requests, catalog_size)
    best = np.argsort(-counts, kind="stable")[:capacity]
    held = np.full(catalog_size, OUTSIDE, np.uint8)
    held[best] = HELD if prefilled else CHOSEN
    stats = np.zeros(STATS)
    stats[OCCUPANCY] = stats[PEAK] = capacity if prefilled else 0
    return State(requests, held, stats)


@kernel(inline=True)
def step(state, item):
    status = state.held[item]
    if status == CHOSEN:
        state.held[item] = HELD
        state.stats[FETCHED] += 1.0
        state.stats[OCCUPANCY] += 1.0
        state.stats[PEAK] = state.stats[OCCUPANCY]
    return status == HELD


@kernel
def share(state, item):
    return 1.0 if state.held[item] == HELD else 0.0


class Static(OfflinePolicy):
    __doc__ = __doc__

    name = "static"
    rule = "hold the C items with the most requests in the whole trace"
    reference = "the comparator of static regret"
    step, share = staticmethod(step), staticmethod(share)

    def __init__(
        self,
        capacity: int,
        catalog_size: int,
        horizon: int | None = None,
        *,
        requests: Any = None,
        prefilled: bool = True,
        seed: int = 0,
    ) -> None:
        super().__init__(capacity, catalog_size, horizon, requests=requests, seed=seed)
        self.prefilled = prefilled

    def _init(self) -> State:
        return init(self.capacity, self.catalog_size, self.future(), bool(self.prefilled))

    def fractions(self) -> np.ndarray:
        return (self.state.held == HELD).astype(np.float64)
