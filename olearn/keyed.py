"""A caching policy for any hashable keys and a catalogue that nobody knows beforehand.

Policies work on ids 0 .. N-1. :class:`Keyed` gives each new key an id, takes ids back from keys that the
policy remembers nothing of, and enlarges the catalogue, by doubling, where that does not free enough.
"""

from __future__ import annotations

import copy
import enum
import threading
import time
from collections.abc import Callable, Hashable, Iterable, Iterator
from typing import Any, Literal, Self

import numpy as np

from olearn import registry
from olearn.errors import InUseError, NotSupportedError, ParameterError, check_positive_int, check_real

#: Why a key left: room was needed, its time was up, the host removed it, or a new version came in its place.
Cause = Literal["size", "expired", "removed", "replaced"]

#: Ids to begin with where the capacity, being in bytes, says nothing about the number of keys.
FIRST_IDS = 1024
_LIVE = ("_busy", "_mutex", "_plain")


class _Owner(enum.Enum):
    """Whose an id is that no key has."""

    NOBODY = "nobody"


_NOBODY: Any = _Owner.NOBODY


def _made(policy: str | type, common: dict[str, Any], unit: str) -> Any:
    """The policy, with what it takes where keys come and go in place of its other defaults."""
    if not isinstance(policy, str):
        return policy(**common)
    name, given = registry.parse_spec(policy)
    more = {k: v for k, v in registry.find("caching", name).keyed(unit).items() if k not in given}
    return registry.make("caching", policy, **common, **more)


class Keyed:
    """A cache with keys of any hashable type.

    Parameters
    ----------
    policy : str or type, default "experts"
        Name such as ``"lru"`` or ``"ogb(eta=0.01)"``, or a subclass of ``CachingPolicy``.
    capacity : int
        Items the cache holds, or bytes.
    horizon : int, optional
        Number of requests that default parameters are tuned for.
    expected_items : int, optional
        Guess of the number of distinct keys; by default twice the capacity. More keys are fine.
    seed : int
        Seed of the policy.
    unit : {"items", "bytes"}, default "items"
        What `capacity` counts.
    getsizeof : callable, optional
        ``getsizeof(key) -> int``, the bytes of a key's object where a call gives no size.
    ttl : float, optional
        Seconds after which a key that came in is no longer there, whatever the policy says; calls can give
        their own. A hit does not prolong it.
    on_evict : callable, optional
        ``on_evict(key, cause)`` is called after each key that left: cause is ``"size"`` (room was needed),
        ``"expired"``, ``"removed"`` or ``"replaced"``. It may use the cache.
    timer : callable, default time.monotonic
        The clock of `ttl`, in seconds.
    lock : bool, default False
        Calls from several threads wait for each other. Without it, calls that overlap are refused.

    Notes
    -----
    *Start.* Some policies start with a full cache of items nobody has asked for. Here the first request of a
    key is always a miss, so over the whole run the hits are up to C fewer than the policy counts.

    *Memory.* Keys that are neither held nor known to the policy are forgotten, and their ids given to others.
    So the memory is that of the policy's own: O(C) for `lru`, `fifo` and `random`, O(C + ghosts) for policies
    with ghost lists, O(items with a positive fraction) for `ogd` and `ogb`. `experts` by name has other members
    here than in a replay: none that remembers every item (so none with a static-regret guarantee, unless you
    name one: ``"experts(members='lirs + s3-fifo + ftpl')"``); its memory is O(C). Policies that count every
    item ever requested (`lfu`, `ftpl`, `omd`) have no "forget" among their `capabilities`: no key is forgotten.

    *Growth.* When the catalogue grows, each policy says in ``_extend`` what the items added start with; regret
    bounds then change or lapse (``cache.policy.bound()`` says which). In bytes, and with `lookup` and `admit`,
    the rules are those of :class:`~olearn.policies.caching._base.CachingPolicy`.

    Cost: the policy's, plus a dict look-up; new ids cost O(1) a key, amortised.

    Examples
    --------
    >>> cache = Keyed("lru", capacity=2, on_evict=lambda key, cause: print(key, cause))
    >>> [cache.request(k) for k in ("a", "b", "a", ("c", 1), "b")]
    b size
    a size
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
        unit: str = "items",
        getsizeof: Callable[[Any], int] | None = None,
        ttl: float | None = None,
        on_evict: Callable[[Any, Cause], Any] | None = None,
        timer: Callable[[], float] = time.monotonic,
        lock: bool = False,
    ) -> None:
        capacity = check_positive_int("capacity", capacity)
        guess = 2 * capacity if unit == "items" else FIRST_IDS
        if expected_items is not None:
            guess = check_positive_int("expected_items", expected_items)
        ids = max(guess, capacity) if unit == "items" else guess
        common: dict[str, Any] = {"capacity": capacity, "catalog_size": ids, "horizon": horizon, "seed": seed}
        if unit != "items":
            common["unit"] = unit
        self.policy: Any = _made(policy, common, unit)
        if self.policy.offline:
            raise NotSupportedError(f"{self.policy.name} reads the future: it can't serve keys as they come")
        self.policy.validate()
        if getsizeof is not None and unit != "bytes":
            raise ParameterError("getsizeof needs unit='bytes'")
        if on_evict is not None:
            self._need("events", "on_evict")
        self.getsizeof = getsizeof
        self.ttl = ttl
        self.on_evict = on_evict
        self.timer = timer
        self.lock = lock
        self._new()
        self._reset_live()
        if ttl is not None:
            self._check_ttl(ttl)

    def _new(self) -> None:
        self._ids: dict[Hashable, int] = {}
        self._keys: list[Any] = []  # of each id given out so far; _NOBODY for one that was taken back
        self._free: list[int] = []
        self._deadlines: dict[int, float] = {}

    def _reset_live(self) -> None:
        """What belongs to this object in this process: never copied, never pickled."""
        self._busy = False
        self._mutex = threading.RLock() if self.lock else None
        # Whether a request of a known key is the policy's alone; times set later make it false.
        own = (self.on_evict, self.ttl, self.getsizeof)
        self._plain = all(o is None for o in own) and not self._deadlines

    def _need(self, capability: str, what: str) -> None:
        if capability not in self.policy.capabilities:
            has = ", ".join(sorted(self.policy.capabilities))
            raise NotSupportedError(
                f"{what} needs {capability!r}; the capabilities of {self.policy.name} are {has}"
            )

    def _check_ttl(self, ttl: float) -> float:
        self._need("remove", "ttl")
        return check_real("ttl", ttl, 0.0, open_low=True)

    # -- ids ---------------------------------------------------------------------------------------
    def _id(self, key: Hashable) -> int:
        """An id for a key that has none. Whoever gathers ids before serving them asks `_full` first."""
        if self._free:
            new = self._free.pop()
            self._keys[new] = key
        else:
            if self._full():
                self._make_room()
                return self._id(key)
            new = len(self._keys)
            self._keys.append(key)
        self._ids[key] = new
        return new

    def _full(self) -> bool:
        return not self._free and len(self._keys) >= self.policy.catalog_size

    def _make_room(self) -> None:
        """Take ids back from keys that the policy knows nothing of; where those are few, grow."""
        given, keys = len(self._keys), self._keys
        needed = self.policy.needed() if "forget" in self.policy.capabilities else None
        if needed is not None:
            for i in np.flatnonzero(~needed[:given]).tolist():
                if keys[i] is not _NOBODY:
                    del self._ids[keys[i]]
                    keys[i] = _NOBODY
                    self._deadlines.pop(i, None)
                    self._free.append(i)
        if 4 * len(self._free) < given:
            self.policy.grow(2 * self.policy.catalog_size)

    # -- one call at a time ------------------------------------------------------------------------
    def _enter(self) -> None:
        if self._mutex is not None:
            self._mutex.acquire()
        elif self._busy:
            raise InUseError(
                "another thread is inside this cache; give each thread its own (copy()), or make it with "
                "lock=True"
            )
        self._busy = True

    def _leave(self) -> None:
        self._busy = False
        if self._mutex is not None:
            self._mutex.release()

    def _tell(self, left: list[tuple[Any, Cause]]) -> None:
        """Call back, once the cache is whole again."""
        if self.on_evict is not None:
            for key, cause in left:
                self.on_evict(key, cause)

    def _names(self, gone: list[int], cause: Cause = "size") -> list[tuple[Any, Cause]]:
        """The keys of ids that left; ids that nobody has asked for have none."""
        keys = self._keys
        return [(keys[i], cause) for i in gone if i < len(keys) and keys[i] is not _NOBODY]

    def _weight(self, key: Hashable, size: int | None) -> int | None:
        return self.getsizeof(key) if size is None and self.getsizeof is not None else size

    def _expire_one(self, known: int) -> list[tuple[Any, Cause]]:
        """Take the id out if its time is up."""
        deadline = self._deadlines.get(known)
        if deadline is None or self.timer() < deadline:
            return []
        del self._deadlines[known]
        return [(self._keys[known], "expired")] if self.policy.remove(known) else []

    def _stamp(self, known: int, ttl: float | None) -> None:
        """Set the time of an id that has just come in."""
        limit = self.ttl if ttl is None else self._check_ttl(ttl)
        if limit is not None:
            self._deadlines[known] = self.timer() + limit
            self._plain = False
        elif self._deadlines:
            self._deadlines.pop(known, None)

    def request(
        self,
        key: Hashable,
        size: int | None = None,
        *,
        ttl: float | None = None,
        evicted: list[Any] | None = None,
    ) -> bool | float:
        """Serve one request; returns hit or miss, or for a fractional policy the fraction held.

        Parameters
        ----------
        key : hashable
        size : int, optional
            Bytes of the key's object, where the cache counts bytes.
        ttl : float, optional
            Seconds that the key may stay if it comes in with this request.
        evicted : list, optional
            Filled with the keys that left for want of room, in order.
        """
        if not self._busy and self._mutex is None:
            self._busy = True  # no other thread can have come in between
            try:
                known = self._ids.get(key)
                if known is not None and evicted is None and self._plain and size is None and ttl is None:
                    return self.policy.request(known)
            finally:
                self._busy = False
        return self._request(key, size, ttl, evicted)

    def _request(
        self, key: Hashable, size: int | None, ttl: float | None, evicted: list[Any] | None
    ) -> bool | float:
        left: list[tuple[Any, Cause]] = []
        self._enter()
        try:
            if ttl is not None:
                self._check_ttl(ttl)
            size = self._weight(key, size)
            known = self._ids.get(key)
            fresh = known is None
            if known is None:
                known = self._id(key)
            elif self._deadlines:
                left = self._expire_one(known)
            gone: list[int] | None = None if self.on_evict is None and evicted is None else []
            more: tuple[Any, ...] = () if size is None else (size,)
            told = {} if gone is None else {"evicted": gone}
            reward = self.policy.request(known, *more, **told)
            if (not reward or fresh) and (ttl is not None or self.ttl is not None or self._deadlines):
                if known in self.policy:
                    self._stamp(known, ttl)
                else:
                    self._deadlines.pop(known, None)
            if gone:
                names = self._names(gone)
                left += names
            if evicted is not None:
                evicted[:] = [k for k, _ in self._names(gone or [])]
            if fresh:
                reward = 0.0 if self.policy.fractional else False
        finally:
            self._leave()
        self._tell(left)
        return reward

    def request_many(self, keys: Iterable[Hashable], sizes: Iterable[int] | None = None) -> np.ndarray:
        """Serve requests in order: bool (T,), or float64 for a fractional policy."""
        if isinstance(keys, (str, bytes)):
            raise ParameterError(f"keys must be a list of keys, got the text {keys!r}")
        keys = list(keys)
        weights: list[Any] = [None] * len(keys) if sizes is None else list(sizes)
        if len(weights) != len(keys):
            raise ParameterError(f"sizes must be one for each of the {len(keys)} keys, got {len(weights)}")
        kind = np.float64 if self.policy.fractional else np.bool_
        if self.ttl is not None or self._deadlines:  # what is there depends on the clock of each request
            return np.array([self.request(k, s) for k, s in zip(keys, weights)], dtype=kind)
        if self.getsizeof is not None and sizes is None:
            weights = [self.getsizeof(k) for k in keys]
        sized = sizes is not None or self.getsizeof is not None
        rewards: np.ndarray = np.empty(len(keys), kind)
        start = 0
        while start < len(keys):
            left: list[tuple[Any, Cause]] = []
            self._enter()
            try:
                ids, fresh = self._gather(keys, start)
                stop = start + len(ids)
                more = (weights[start:stop],) if sized else ()
                if self.on_evict is None:
                    rewards[start:stop] = self.policy.request_many(ids, *more)
                else:
                    told = self.policy.request_many(ids, *more, events=True)
                    rewards[start:stop] = told.hits
                    left = self._names([i for i in told.evicted.tolist() if i >= 0])
                rewards[fresh] = 0
            finally:
                self._leave()
            self._tell(left)
            start = stop
        return rewards

    def _gather(self, keys: list[Hashable], start: int) -> tuple[np.ndarray, list[int]]:
        """The ids of keys from `start` on, as far as there are ids; where keys came for the first time."""
        ids: list[int] = []
        fresh: list[int] = []
        for at in range(start, len(keys)):
            known = self._ids.get(keys[at])
            if known is None:
                if self._full() and ids:  # serve what came before: then ids may be free
                    break
                known = self._id(keys[at])
                fresh.append(at)
            ids.append(known)
        return np.asarray(ids, dtype=np.int32), fresh

    def lookup(self, key: Hashable) -> bool:
        """Whether `key` is held, as a host asks that inserts later: a hit is served, a miss changes nothing."""
        self._need("lookup", "lookup")
        left: list[tuple[Any, Cause]] = []
        self._enter()
        try:
            known = self._ids.get(key)
            hit = False
            if known is not None:
                left = self._expire_one(known)
                gone: list[int] = []
                hit = self.policy.lookup(known, evicted=gone)
                left += self._names(gone)
        finally:
            self._leave()
        self._tell(left)
        return hit

    def admit(self, key: Hashable, size: int | None = None, *, ttl: float | None = None) -> bool:
        """Serve the miss of a key that `lookup` did not find; returns whether it is held now."""
        self._need("admit", "admit")
        if key not in self:
            self.request(key, size, ttl=ttl)
        return key in self

    def replace(self, key: Hashable, size: int | None = None, *, ttl: float | None = None) -> bool:
        """The object of `key` changed: the old one leaves, the new one is requested.

        Returns whether it is held. A `request` with another size leaves the copy held as it is: this is how a
        new size counts.
        """
        self._take(key, "replaced")
        self.request(key, size, ttl=ttl)
        return key in self

    def remove(self, key: Hashable) -> bool:
        """Take `key` out; returns whether it was held."""
        return self._take(key, "removed")

    def _take(self, key: Hashable, cause: Cause) -> bool:
        self._need("remove", "remove")
        self._enter()
        try:
            known = self._ids.get(key)
            late = self._expire_one(known) if known is not None else []
            held = known is not None and self.policy.remove(known)
        finally:
            self._leave()
        self._tell(late + ([(key, cause)] if held else []))
        return bool(held)

    def evict(self) -> Hashable | None:
        """Make room for one: the key that left, None if none did."""
        self._need("evict", "evict")
        self._enter()
        try:
            left: list[tuple[Any, Cause]] = []
            gone: int | None = 0
            while not left and gone is not None:  # those that nobody has asked for leave in silence
                gone = self.policy.evict()
                left = [] if gone is None else self._names([gone])
        finally:
            self._leave()
        self._tell(left)
        return left[0][0] if left else None

    def peek(self) -> Hashable | None:
        """The key that would leave next; None if there is none, or if nobody has asked for that item yet."""
        self._need("peek", "peek")
        self._enter()
        try:
            item = self.policy.peek()
            names = [] if item is None else self._names([item])
        finally:
            self._leave()
        return names[0][0] if names else None

    def expire(self) -> list[Hashable]:
        """Take out every key whose time is up; returns them."""
        left: list[tuple[Any, Cause]] = []
        self._enter()
        try:
            for known in list(self._deadlines):
                left += self._expire_one(known)
        finally:
            self._leave()
        self._tell(left)
        return [key for key, _ in left]

    def resize(self, capacity: int) -> list[Hashable]:
        """Change the capacity; returns the keys that had to leave, in order."""
        self._need("resize", "resize")
        check_positive_int("capacity", capacity)
        self._enter()
        try:
            if self.policy.unit == "items" and capacity > self.policy.catalog_size:
                self.policy.grow(2 * capacity)
            left = self._names(self.policy.resize(capacity))
        finally:
            self._leave()
        self._tell(left)
        return [key for key, _ in left]

    def clear(self) -> None:
        """Take every key out. What the policy has learnt stays; `reset` forgets that, too."""
        self._need("clear", "clear")
        self._enter()
        try:
            left = self._names(self.policy.contents().tolist(), "removed")
            self.policy.clear()
            self._deadlines.clear()
        finally:
            self._leave()
        self._tell(left)

    # -- contents ----------------------------------------------------------------------------------
    def fraction(self, key: Hashable) -> float:
        """The fraction of `key` in the cache: 0 or 1 for an integral policy."""
        known = self._ids.get(key)
        if known is None:
            return 0.0
        deadline = self._deadlines.get(known) if self._deadlines else None
        if deadline is not None and self.timer() >= deadline:
            return 0.0
        return self.policy.fraction(known)

    def __contains__(self, key: Hashable) -> bool:
        return self.fraction(key) > 0.0

    def _held(self) -> list[int]:
        """The ids held that have a key whose time is not up. O(catalogue)."""
        given = len(self._keys)
        ids = np.flatnonzero(self.policy.fractions()[:given] > 0.0).tolist()
        if self._deadlines:
            now = self.timer()
            ids = [i for i in ids if self._deadlines.get(i, np.inf) > now]
        return [i for i in ids if self._keys[i] is not _NOBODY]

    def contents(self) -> list[Hashable]:
        """The keys held. O(catalogue)."""
        return [self._keys[i] for i in self._held()]

    def __iter__(self) -> Iterator[Hashable]:
        """The keys held. O(catalogue)."""
        return iter(self.contents())

    def __len__(self) -> int:
        """Number of keys held. O(catalogue)."""
        return len(self._held())

    @property
    def known(self) -> int:
        """Number of keys that have an id: those held, and those that the policy remembers or may still do."""
        return len(self._ids)

    def reset(self) -> None:
        """Forget every request and every key."""
        self._enter()
        try:
            self.policy.reset()
            self._new()
        finally:
            self._leave()

    def copy(self) -> Self:
        """An independent copy; `on_evict` and `timer` are shared."""
        return copy.copy(self)

    def __copy__(self) -> Self:
        other = type(self).__new__(type(self))
        state = self.__getstate__()
        own = {k: v for k, v in state.items() if k not in ("on_evict", "timer", "getsizeof", "_ids", "_keys")}
        other.__dict__.update(state)
        other.__dict__.update(copy.deepcopy(own))
        other._ids, other._keys = dict(self._ids), list(self._keys)
        other._reset_live()
        return other

    def __deepcopy__(self, memo: dict[int, Any]) -> Self:
        return self.__copy__()

    def __getstate__(self) -> dict[str, Any]:
        self._enter()  # not while a request is half done
        try:
            return {k: v for k, v in self.__dict__.items() if k not in _LIVE}
        finally:
            self._leave()

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(state)
        self._reset_live()

    def __repr__(self) -> str:
        return f"Keyed({self.policy!r}, {len(self._ids)} keys known)"
