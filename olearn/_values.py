"""A mapping with a limit: values kept by the key, who leaves is decided by a policy.

The core of :func:`olearn.cached` and of the adapter to cachetools. A host of this kind looks up first and
stores after a miss; so a request is either a look-up that finds its key or the storing of one that was missed,
and a look-up that fails tells the policy nothing, however often it is repeated.
"""

from __future__ import annotations

import functools
import math
import operator
import threading
import time
from collections.abc import Callable, Hashable, Iterator, MutableMapping
from typing import Any, NamedTuple

from olearn.errors import OlearnError
from olearn.keyed import Keyed


class Values(MutableMapping[Any, Any]):
    """Values by key, at most `maxsize` of them (or of their sizes), under a caching policy.

    Parameters
    ----------
    maxsize : int
        Values, or with `getsizeof` the sum of their sizes. 0 keeps nothing: storing raises ValueError.
    policy : str
        As for :class:`~olearn.keyed.Keyed`.
    getsizeof : callable, optional
        ``getsizeof(value)``, a whole number of at least 0; the policy must be able to count bytes.
    ttl : float, optional
        Units of `timer` after which a value is no longer there.
    timer : callable
    horizon, seed : int, optional
        As for :class:`~olearn.keyed.Keyed`.

    Notes
    -----
    *A policy may decline* to keep a value (`experts`, `lfu`, W-TinyLFU and others guard their entrance):
    storing it is no error, it is just not there afterwards. *Soft capacity* (`ogb`): for a while there can be
    more than `maxsize` values. *Policies that start full* of items nobody asked for (`ftpl`, `ogb`) hold fewer
    values until these have left. *Evict on demand* (``popitem``): what the policy would let go next.

    A value larger than `maxsize` raises ValueError, as in cachetools. A key stored anew with another size
    leaves and comes back: the policy decides again.

    Cost: the policy's and about half a microsecond.
    """

    def __init__(
        self,
        maxsize: int,
        policy: str = "experts",
        getsizeof: Callable[[Any], int] | None = None,
        *,
        ttl: float | None = None,
        timer: Callable[[], float] = time.monotonic,
        horizon: int | None = None,
        seed: int = 0,
    ) -> None:
        self._endless = maxsize == math.inf  # nobody ever leaves: the policy is not asked
        try:
            limit = 1 if self._endless else operator.index(maxsize)
        except TypeError:
            raise ValueError(f"maxsize must be a whole number or infinite, got {maxsize!r}") from None
        if limit < 0:
            raise ValueError(f"maxsize must be non-negative, got {maxsize!r}")
        self._limit: Any = maxsize if self._endless else limit
        self._values: dict[Any, Any] = {}
        self._sizes: dict[Any, int] | None = None if getsizeof is None else {}
        self._size_of = getsizeof
        self._total = 0
        unit = "items" if getsizeof is None else "bytes"
        more: dict[str, Any] = {"horizon": horizon, "seed": seed, "unit": unit, "ttl": ttl, "timer": timer}
        # Nothing can be kept in no room; a policy of one place checks the other parameters all the same.
        self._keyed = Keyed(policy, max(1, limit), **more)
        self._bound: Any = None  # the state that the entries below are for
        self._hit: Any = None
        self._miss: Any = None
        self._address: Any = None
        self._left: Any = None

    @property
    def policy(self) -> Any:
        """The policy object."""
        return self._keyed.policy

    # -- the mapping -------------------------------------------------------------------------------
    def __getitem__(self, key: Any) -> Any:
        try:
            value = self._values[key]
        except KeyError:
            return self.__missing__(key)
        if not self._found(key):
            return self.__missing__(key)
        return value

    def __missing__(self, key: Any) -> Any:
        raise KeyError(key)

    def _found(self, key: Any) -> bool:
        """Tell the policy of a hit; false if the value's time is up."""
        keyed = self._keyed
        if self._endless:
            return True
        if keyed._deadlines:
            held = keyed.lookup(key)
            if not held:
                self._drop(key)
            return held
        policy = keyed.policy
        if policy._state is not self._bound:
            self._bind()
        if self._hit is None:
            gone: list[int] = []
            policy.request(keyed._ids[key], *(() if self._sizes is None else (self._sizes[key],)), evicted=gone)
            self._drop_ids(gone)
        elif self._sizes is None:
            self._hit(self._address, keyed._ids[key])
        else:
            self._hit(self._address, keyed._ids[key], self._sizes[key])
        return True

    def _bind(self) -> None:
        """Take the policy's compiled entries for its state as it is now."""
        policy = self._keyed.policy
        direct = None if policy.soft_capacity else policy._direct()  # there a hit lets others go
        self._hit, self._miss, self._address, self._left = direct or (None, None, None, None)
        self._bound = policy.state

    def __setitem__(self, key: Any, value: Any) -> None:
        sizes = self._sizes
        size = 1 if self._size_of is None else self._checked(self._size_of(value))
        if size > self._limit:
            raise ValueError("value too large")
        values = self._values
        if key in values:
            if (sizes is None or sizes[key] == size) and self._found(key):
                values[key] = value
                return
            if key in values:
                del self[key]
        if self._insert(key, size):
            values[key] = value
            self._total += size
            if sizes is not None:
                sizes[key] = size

    def _insert(self, key: Any, size: int) -> bool:
        """The request of a key that was missed; whether it is held now."""
        if self._endless:
            return True
        keyed, policy = self._keyed, self._keyed.policy
        if keyed.ttl is not None or (self._size_of is not None and size >= 2**31):
            gone: list[Any] = []
            keyed.request(key, None if self._sizes is None else size, evicted=gone)
            for other in gone:
                self._drop(other)
            return key in keyed
        number = keyed._ids.get(key)
        if number is None:
            number = keyed._id(key)
        if policy._state is not self._bound:
            self._bind()
        given = () if self._sizes is None else (size,)
        if self._miss is None:
            numbers: list[int] = []
            policy.request(number, *given, evicted=numbers)
            self._drop_ids(numbers)
            return number in policy
        done = self._miss(self._address, number, *given)
        if done > 3:
            keys = keyed._keys
            for i in self._left[: done >> 2].tolist():
                if 0 <= i < len(keys):  # else an item that a policy started with, nobody's
                    self._drop(keys[i])
        return bool(done & 3)

    @staticmethod
    def _checked(size: Any) -> int:
        try:
            number = operator.index(size)
        except TypeError:
            raise ValueError(f"value size must be a whole number, got {size!r}") from None
        if number < 0:
            raise ValueError("value size must be non-negative")
        return number

    def __delitem__(self, key: Any) -> None:
        if key not in self._values:
            raise KeyError(key)
        if "remove" in self.policy.capabilities and not self._endless:
            self._keyed.remove(key)
        self._drop(key)

    def _drop(self, key: Any) -> Any:
        """Forget the value of a key that left; None if there is none."""
        if key not in self._values:
            return None
        self._total -= 1 if self._sizes is None else self._sizes.pop(key)
        return self._values.pop(key)

    def _drop_ids(self, gone: list[int]) -> None:
        for key, _ in self._keyed._names(gone):
            self._drop(key)

    def __contains__(self, key: object) -> bool:
        if key not in self._values:
            return False
        return not self._keyed._deadlines or key in self._keyed or self._late(key)

    def _late(self, key: Any) -> bool:
        """Let a key go whose time is up; false."""
        self._keyed.lookup(key)
        self._drop(key)
        return False

    def __iter__(self) -> Iterator[Any]:
        self.expire()
        return iter(list(self._values))

    def __len__(self) -> int:
        self.expire()
        return len(self._values)

    def expire(self) -> None:
        """Let go every value whose time is up."""
        if self._keyed._deadlines:
            for key in self._keyed.expire():
                self._drop(key)

    # ``in`` and [] say what is there, also where __missing__ stores: the mixins ask in another order.
    def get(self, key: Any, default: Any = None) -> Any:
        """The value of `key`, or `default`."""
        return self[key] if key in self else default  # noqa: SIM401

    def pop(self, key: Any, *default: Any) -> Any:
        """Take the value of `key` out."""
        if key in self:
            value = self._values[key]
            del self[key]
            return value
        if default:
            return default[0]
        raise KeyError(key)

    def setdefault(self, key: Any, default: Any = None) -> Any:
        """The value of `key`; `default` is stored if there is none."""
        if key in self:
            return self[key]
        self[key] = default
        return default

    def popitem(self) -> tuple[Any, Any]:
        """Take out what the policy would let go next."""
        self.expire()
        if self._values and self._endless:
            key = next(iter(self._values))
            return key, self._drop(key)
        while self._values:
            key = self._keyed.evict()
            if key is None:
                break
            if key in self._values:
                return key, self._drop(key)
        raise KeyError(f"{type(self).__name__} is empty") from None

    def clear(self) -> None:
        """Let everything go. What the policy has learnt stays."""
        self._values.clear()
        self._total = 0
        if self._sizes is not None:
            self._sizes.clear()
        if "clear" in self.policy.capabilities:
            self._keyed.clear()
        else:
            self._keyed.reset()

    @property
    def maxsize(self) -> int:
        """The most that is kept."""
        return self._limit

    @property
    def currsize(self) -> int:
        """What is kept now."""
        self.expire()
        return self._total

    def __copy__(self) -> Any:
        kind = type(self)
        other = kind.__new__(kind)
        other.__dict__.update(self.__dict__)
        other._values = dict(self._values)
        other._sizes = None if self._sizes is None else dict(self._sizes)
        other._keyed = self._keyed.copy()
        other._bound = None
        return other

    def __getstate__(self) -> dict[str, Any]:
        live = ("_bound", "_hit", "_miss", "_address", "_left")
        return {k: None if k in live else v for k, v in self.__dict__.items()}

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self._values!r}, maxsize={self.maxsize!r}, currsize={self.currsize!r})"


class CacheInfo(NamedTuple):
    """As functools has it."""

    hits: int
    misses: int
    maxsize: int | None
    currsize: int


def cached(
    maxsize: int | Callable[..., Any] = 128, policy: str = "experts", *, typed: bool = False, **more: Any
) -> Any:
    """Keep the results of a function, under any caching policy; used like :func:`functools.lru_cache`.

    Parameters
    ----------
    maxsize : int
        Results that are kept.
    policy : str, default "experts"
        Name and parameters, such as ``"lru"``, ``"s3-fifo"``, ``"ogb(eta=0.1)"``.
    typed : bool
        Whether arguments that are equal but of different types are told apart.
    **more
        `horizon` and `seed`, as for :class:`~olearn.keyed.Keyed`.

    Returns
    -------
    callable
        With ``cache_info() -> (hits, misses, maxsize, currsize)``, ``cache_clear()``, ``cache_parameters()``,
        ``__wrapped__``, and ``cache``, the mapping. Several threads may call it: they take turns at the cache,
        not at the function.

    Examples
    --------
    >>> @cached(maxsize=2, policy="lru")
    ... def square(x):
    ...     return x * x
    >>> [square(x) for x in (2, 3, 2, 4, 3)]
    [4, 9, 4, 16, 9]
    >>> square.cache_info()
    CacheInfo(hits=1, misses=4, maxsize=2, currsize=2)
    """
    if callable(maxsize):  # @cached without brackets
        return cached(policy=policy, typed=typed, **more)(maxsize)
    if not isinstance(maxsize, int) or isinstance(maxsize, bool):
        raise OlearnError(f"maxsize must be a whole number of results, got {maxsize!r}")
    limit = maxsize

    def decorate(function: Callable[..., Any]) -> Callable[..., Any]:
        values = Values(max(0, limit), policy, **more)
        lock = threading.RLock()
        counts = [0, 0]
        nothing = object()

        @functools.wraps(function)
        def wrapper(*args: Any, **kwargs: Any) -> Any:
            key: Hashable = functools._make_key(args, kwargs, typed)
            with lock:
                if key in values._values:
                    counts[0] += 1
                    return values[key]
            result = function(*args, **kwargs)
            with lock:
                counts[1] += 1
                if values.maxsize and values.get(key, nothing) is nothing:  # another thread may have been first
                    values[key] = result
            return result

        def cache_info() -> CacheInfo:
            with lock:
                return CacheInfo(counts[0], counts[1], limit, values.currsize)

        def cache_clear() -> None:
            with lock:
                values._keyed.reset()
                values._values.clear()
                values._total = 0
                counts[:] = [0, 0]

        made: Any = wrapper
        made.cache_info, made.cache_clear, made.cache = cache_info, cache_clear, values
        made.cache_parameters = lambda: {"maxsize": limit, "typed": typed, "policy": policy}
        return wrapper

    return decorate
