"""A caching policy for any hashable keys and a catalogue that nobody knows beforehand.

Policies work on ids 0 .. N-1. :class:`Keyed` gives each new key the next id and enlarges the
catalogue, by doubling, when ids run out.
"""

from __future__ import annotations

import copy
from collections.abc import Hashable, Iterable, Iterator
from typing import Any, Self

import numpy as np

from olearn import registry
from olearn.errors import NotSupportedError, ParameterError, check_positive_int


class Keyed:
    """A cache with keys of any hashable type.

    Parameters
    ----------
    policy : str or type, default "experts"
        Name such as ``"lru"`` or ``"ogb(eta=0.01)"``, or a subclass of ``CachingPolicy``.
    capacity : int
        Items the cache holds, C.
    horizon : int, optional
        Number of requests that default parameters are tuned for.
    expected_items : int, optional
        Guess of the number of distinct keys; by default twice the capacity. More keys are fine.
    seed : int
        Seed of the policy.

    Notes
    -----
    Some policies start with a full cache of items nobody has asked for. Here the first request of a key
    is always a miss, so over the whole run the hits are up to C fewer than the policy counts.

    When the catalogue grows, each policy says in ``_extend`` what the items added start with; regret
    bounds then change or lapse (``cache.policy.bound()`` says which).

    Cost: the policy's, plus a dict look-up; growing costs O(1) a key, amortised.

    Examples
    --------
    >>> cache = Keyed("lru", capacity=2)
    >>> [cache.request(k) for k in ("a", "b", "a", ("c", 1), "b")]
    [False, False, True, False, False]
    >>> "a" in cache, len(cache), sorted(map(str, cache))
    (False, 2, ["('c', 1)", 'b'])
    >>> Keyed(capacity=2).policy.name
    'experts'
    """

    def __init__(
        self,
        policy: str | type = "experts",
        capacity: int = 0,
        horizon: int | None = None,
        *,
        expected_items: int | None = None,
        seed: int = 0,
    ) -> None:
        capacity = check_positive_int("capacity", capacity)
        guess = 2 * capacity if expected_items is None else check_positive_int("expected_items", expected_items)
        common = {"capacity": capacity, "catalog_size": max(guess, capacity), "horizon": horizon, "seed": seed}
        self.policy: Any = (
            registry.make("caching", policy, **common) if isinstance(policy, str) else policy(**common)
        )
        if self.policy.offline:
            raise NotSupportedError(f"{self.policy.name} reads the future: it can't serve keys as they come")
        self.policy.validate()
        self._ids: dict[Hashable, int] = {}

    def _id(self, key: Hashable) -> int:
        """The id of a key that has none yet."""
        new = len(self._ids)
        if new >= self.policy.catalog_size:
            self.policy.grow(2 * self.policy.catalog_size)
        self._ids[key] = new
        return new

    def request(self, key: Hashable) -> bool | float:
        """Serve one request; returns hit or miss, or for a fractional policy the fraction held."""
        known = self._ids.get(key)
        if known is not None:
            return self.policy.request(known)
        self.policy.request(self._id(key))
        return 0.0 if self.policy.fractional else False

    def request_many(self, keys: Iterable[Hashable]) -> np.ndarray:
        """Serve requests in order: bool (T,), or float64 for a fractional policy."""
        if isinstance(keys, (str, bytes)):
            raise ParameterError(f"keys must be a list of keys, got the text {keys!r}")
        served: list[np.ndarray] = []
        ids: list[int] = []
        first = len(self._ids)  # ids from here on are new in the part being gathered
        for key in keys:
            known = self._ids.get(key)
            if known is None:
                if len(self._ids) >= self.policy.catalog_size:  # serve what came before the catalogue grows
                    served.append(self._serve(ids, first))
                    ids, first = [], len(self._ids)
                known = self._id(key)
            ids.append(known)
        served.append(self._serve(ids, first))
        return np.concatenate(served)

    def _serve(self, ids: list[int], first: int) -> np.ndarray:
        """Serve ids; the first request of each id from `first` on earns nothing."""
        items = np.asarray(ids, dtype=np.int32)
        rewards = self.policy.request_many(items)
        new = np.flatnonzero(items >= first)
        rewards[new[np.unique(items[new], return_index=True)[1]]] = 0
        return rewards

    def fraction(self, key: Hashable) -> float:
        """The fraction of `key` in the cache: 0 or 1 for an integral policy."""
        known = self._ids.get(key)
        return 0.0 if known is None else self.policy.fraction(known)

    def __contains__(self, key: Hashable) -> bool:
        return self.fraction(key) > 0.0

    def __iter__(self) -> Iterator[Hashable]:
        """The keys held. O(number of keys seen)."""
        shares = self.policy.fractions()
        return (key for key, i in self._ids.items() if shares[i] > 0.0)

    def __len__(self) -> int:
        """Number of keys held. O(number of keys seen)."""
        return int(np.count_nonzero(self.policy.fractions()[: len(self._ids)] > 0.0))

    def reset(self) -> None:
        """Forget every request and every key."""
        self.policy.reset()
        self._ids.clear()

    def copy(self) -> Self:
        """An independent copy."""
        return copy.deepcopy(self)

    def __repr__(self) -> str:
        return f"Keyed({self.policy!r}, {len(self._ids)} keys seen)"
