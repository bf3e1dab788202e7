"""A cache for cachetools that any of olearn's policies can run.

Examples
--------
>>> from cachetools import cached
>>> cache = OlearnCache(maxsize=2, policy="lru")
>>> @cached(cache)
... def square(x):
...     return x * x
>>> [square(x) for x in (1, 2, 1, 3)], sorted(v for v in cache.values())
([1, 4, 1, 9], [1, 9])
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

from olearn._values import Values
from olearn.errors import NotSupportedError

try:
    import cachetools
except ImportError:
    raise NotSupportedError(
        "this adapter needs cachetools, which is not installed: pip install cachetools"
    ) from None

__all__ = ["OlearnCache", "OlearnTTLCache"]


class OlearnCache(Values, cachetools.Cache):
    """A ``cachetools.Cache`` whose evictions are a caching policy's.

    Parameters
    ----------
    maxsize : int
    policy : str, default "experts"
        Any policy that reports who leaves.
    getsizeof : callable, optional
        Sizes of values, whole numbers.

    Notes
    -----
    What it means that a policy declines, that its capacity is soft, that it starts full, and what ``popitem``
    takes: see :class:`olearn._values.Values`, of which this is a cachetools cache. With ``policy="lru"`` it
    does what ``cachetools.LRUCache`` does.
    """

    def __init__(
        self,
        maxsize: int,
        policy: str = "experts",
        getsizeof: Callable[[Any], int] | None = None,
        **more: Any,
    ) -> None:
        own: Any = type(self).getsizeof  # a subclass may override it, as in cachetools
        if getsizeof is None and own is not cachetools.Cache.getsizeof:
            bound: Any = self
            getsizeof = bound.getsizeof
        elif getsizeof is not None:
            vars(self)["getsizeof"] = getsizeof
        Values.__init__(self, maxsize, policy, getsizeof, **more)


class OlearnTTLCache(OlearnCache):
    """The same with a time after which a value is no longer there.

    Parameters
    ----------
    maxsize : int
    ttl : float
        In units of `timer`.
    timer : callable, default time.monotonic
    policy, getsizeof
        As for :class:`OlearnCache`.
    """

    def __init__(
        self,
        maxsize: int,
        ttl: float,
        timer: Callable[[], float] = time.monotonic,
        policy: str = "experts",
        getsizeof: Callable[[Any], int] | None = None,
        **more: Any,
    ) -> None:
        super().__init__(maxsize, policy, getsizeof, ttl=ttl, timer=timer, **more)

    @property
    def ttl(self) -> float:
        """The time to live."""
        return float(self._keyed.ttl or 0.0)

    @property
    def timer(self) -> Callable[[], float]:
        """The clock."""
        return self._keyed.timer
