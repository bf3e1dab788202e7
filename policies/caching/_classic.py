"""What the classics share: a state that can be made anew for another capacity or catalogue and filled."""

from __future__ import annotations

from typing import Any

import numpy as np

from olearn.errors import ParameterError
from olearn.policies.caching._base import CachingPolicy
from olearn.policies.caching._queues import COUNT, HEAD, Ring


class Classic(CachingPolicy):
    """A policy of whole items that counts items or bytes, and whose capacity and catalogue can change.

    A subclass writes :meth:`_make`. Fields of its State called ``limits`` hold shares of the capacity.
    """

    takes_sizes = True

    def _make(self, capacity: int, catalog_size: int, size: np.ndarray | None) -> Any:
        """A fresh state; `size` is its field of that name."""
        raise NotImplementedError

    def _fresh(self, capacity: int, catalog_size: int) -> Any:
        size = np.zeros(catalog_size, np.int32) if self.unit == "bytes" else None
        return self._make(capacity, catalog_size, size)

    def _init(self) -> Any:
        return self._fresh(self.capacity, self.catalog_size)

    def _extend(self, state: Any, catalog_size: int) -> Any:
        return grown(state, self._fresh(self.capacity, catalog_size))

    def _resize(self, state: Any, capacity: int) -> Any:
        return grown(state, self._fresh(capacity, self.catalog_size))

    def fractions(self) -> np.ndarray:
        return self.held().astype(np.float64)

    def held(self) -> np.ndarray:
        """Which items are in the cache, bool (N,)."""
        raise NotImplementedError


def grown(old: Any, fresh: Any) -> Any:
    """The contents of `old` in a state as roomy as the larger of both; numbers and limits are `fresh`'s."""
    fields: dict[str, Any] = {}
    for name, was, new in zip(old._fields, old, fresh, strict=True):
        if isinstance(was, Ring):
            fields[name] = _rering(was, max(was.ring.size, new.ring.size))
        elif isinstance(was, tuple):
            fields[name] = grown(was, new)
        elif isinstance(was, np.ndarray) and name != "limits":
            fields[name] = _longer(was, new)
        else:
            fields[name] = new
    return type(old)(**fields)


def _longer(was: np.ndarray, new: np.ndarray) -> np.ndarray:
    if was.shape == new.shape:
        return was
    shape = tuple(max(a, b) for a, b in zip(was.shape, new.shape, strict=True))
    longer = np.zeros(shape, was.dtype)
    longer[tuple(slice(n) for n in new.shape)] = new
    longer[tuple(slice(n) for n in was.shape)] = was
    return longer


def _rering(was: Ring, room: int) -> Ring:
    head, count, _ = was.ends
    ring = np.zeros(room, np.int32)
    if count:
        ring[:count] = was.ring[(head + np.arange(count)) % was.ring.size]
    ends = was.ends.copy()
    ends[HEAD], ends[COUNT] = 0, count
    return Ring(ring, ends)


def check_share(policy: str, name: str, value: Any, *, upto: float = 1.0, least: float = 0.0) -> float:
    """A parameter that is a share of the capacity."""
    good = isinstance(value, (int, float, np.integer, np.floating)) and not isinstance(value, bool)
    if not good or not least <= value <= upto:
        raise ParameterError(f"{policy}: {name} must be a number between {least:g} and {upto:g}, got {value!r}")
    return float(value)
