"""Caches of other people in a replay: any Python object that can be asked for an item."""

from __future__ import annotations

import copy
from typing import Any

import numpy as np

from olearn.errors import ParameterError
from olearn.policies.caching._base import CachingPolicy
from olearn.policies.caching._ledger import EVICTED, FETCHED, OCCUPANCY, PEAK, new_stats


class State:
    """The object, and what is counted of it."""

    def __init__(self, cache: Any) -> None:
        self.cache = cache
        self.stats = new_stats()


def run(state: State, items: np.ndarray, rewards: np.ndarray, log: Any = None) -> None:
    """Ask the object for one item after the other."""
    cache, stats = state.cache, state.stats
    if callable(getattr(cache, "request", None)):
        for t, item in enumerate(items.tolist()):
            rewards[t] = bool(cache.request(item))
    else:
        for t, item in enumerate(items.tolist()):
            rewards[t] = hit = cache.get(item) is not None
            if not hit:
                cache.put(item, True)
    stats[FETCHED] += items.size - np.count_nonzero(rewards[: items.size])
    held = float(len(cache)) if hasattr(cache, "__len__") else 0.0
    stats[OCCUPANCY] = held
    stats[PEAK] = max(stats[PEAK], held)
    stats[EVICTED] = stats[FETCHED] - held  # or never came in: an object does not say


class Foreign(CachingPolicy):
    """A cache that is a Python object: ``request(item) -> bool``, or ``get`` (None is a miss) and ``put``.

    Items are whole numbers, in the order of their first requests. Each run asks a deep copy. The object's
    capacity is its own affair: what it holds (``len``) must be at most the capacity of the replay, where it can
    be asked. Every miss counts as a fetch. It runs at Python's speed: a million requests take seconds.
    """

    name = "foreign"
    rule = "an object's own"
    run = staticmethod(run)
    capabilities = frozenset()

    def __init__(self, cache: Any, capacity: int, catalog_size: int, horizon: int | None = None, *,
                 seed: int = 0, unit: str = "items") -> None:  # fmt: skip
        super().__init__(capacity, catalog_size, horizon, seed=seed)
        if unit != "items":
            raise ParameterError(f"{type(cache).__name__} is asked for items: it can't count bytes")
        self._cache = cache

    def parameters(self) -> dict[str, Any]:
        return {}

    def _init(self) -> State:
        return State(copy.deepcopy(self._cache))
