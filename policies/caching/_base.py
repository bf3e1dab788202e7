"""What every caching policy shares: the object around a compiled state.

A policy's file holds a few kernels and a subclass of :class:`CachingPolicy` that names them; the class adds
what a caller needs: validation, one request or many, events, sizes, membership, copies and pickles, a
catalogue that grows, the declared bound. docs/architecture.md, "The caching kernel contract", is the long
version of this:

``State``
    A NamedTuple of arrays and numbers, one of them ``stats`` (float64 (STATS,)).
``init(...) -> State``
    In NumPy, from checked parameters.
``step(state, item, log) -> reward``
    Serves one request. Tells the ledger who comes and goes
    (:mod:`olearn.policies.caching._ledger`); `log` is None where nobody asks. ``step(state, item)`` will do
    for a policy without events.
``share(state, item) -> float``
    The fraction of the item in the cache, 0.0 or 1.0 for whole items. Changes nothing.
``peek(state) -> item``, optional
    Who would leave next, -1 if nobody; changes nothing that shows.
``remove(state, item, log)``, optional
    Take out an item that is held, because the host says so.
``evict(state, log)``, optional
    What the policy does to make room for one. Without it, ``peek`` and then ``remove``.

Loops over many requests and entries for one are made of these (:mod:`olearn.policies.caching._compiled`).
"""

from __future__ import annotations

import copy
import inspect
import operator
import threading
from collections.abc import Callable, Iterator, Mapping
from typing import Any, ClassVar, NamedTuple, Self, TypedDict

import numpy as np

from olearn.bounds import Bound
from olearn.errors import InUseError, NotSupportedError, ParameterError, check_int, check_positive_int
from olearn.policies.caching import _compiled
from olearn.policies.caching._ledger import (
    BYTES,
    EVICTED,
    FETCHED,
    FETCHED_BYTES,
    FETCHED_OTHER,
    OCCUPANCY,
    PEAK,
    PEAK_BYTES,
    SIZE_CHANGES,
    STATS,
    TOO_LARGE,
    Log,
    new_log,
)

__all__ = [
    "EVICTED",
    "FETCHED",
    "FETCHED_OTHER",
    "OCCUPANCY",
    "PEAK",
    "STATS",
    "CachingPolicy",
    "Common",
    "Events",
    "Log",
    "extended",
    "new_log",
    "resized",
]

#: The largest capacity, and what a sum of two of them fits into.
LARGEST = 1 << 62
_COMMON = ("self", "capacity", "catalog_size", "horizon", "seed", "unit", "lock")
#: What ``capabilities`` can hold.
CAPABILITIES = (
    "events",
    "sizes",
    "contents",
    "lookup",
    "admit",
    "peek",
    "evict",
    "remove",
    "resize",
    "clear",
    "grow",
    "forget",
)


class Common(TypedDict, total=False):
    """Options of every policy that a subclass passes on: ``**common: Unpack[Common]``."""

    unit: str
    lock: bool


class Events(NamedTuple):
    """What T requests did: ``evicted[offsets[t]:offsets[t+1]]`` went out in request t."""

    hits: np.ndarray  # bool (T,)
    admitted: np.ndarray  # bool (T,): whether the item requested came in
    offsets: np.ndarray  # int64 (T+1,)
    evicted: np.ndarray  # int32 (offsets[T],): ids; ~id for an item that came in without being asked for


_LIVE = ("_busy", "_mutex", "_table", "_entry", "_entry_sized", "_address")


class _Loop:
    """A loop over requests, compiled for a class when it is first asked for."""

    def __init__(self, kind: str) -> None:
        self.kind = kind

    def __get__(self, policy: Any, kind: type[CachingPolicy]) -> Callable[..., None]:
        found: Callable[..., None] | None = kind._made.get(self.kind)
        if found is None:
            plain = "" if kind._logs else "_plain"
            found = kind._made[self.kind] = _compiled.loop(kind, self.kind + plain)
        return found


class CachingPolicy:
    """A cache of `capacity` unit-size items out of a catalogue ``0 .. catalog_size-1``.

    Parameters
    ----------
    capacity : int
        Items the cache holds, C, between 1 and `catalog_size`.
    catalog_size : int
        Number of distinct items, N.
    horizon : int, optional
        Number of requests T that the default parameters are tuned for; policies without such a
        parameter ignore it.
    seed : int, default 0
        Seed of the policy's own randomness; deterministic policies ignore it.
    unit : {"items", "bytes"}, default "items"
        What `capacity` counts. In bytes every request says how large its item is; only policies with
        "sizes" among their `capabilities` can.
    lock : bool, default False
        Calls from several threads wait for each other. Without it, calls that overlap are refused.

    Notes
    -----
    The constructor stores its parameters unchanged; they are checked when the state is first needed.

    *Sizes.* An item keeps the size that it came in with while it is held; a request with another size is
    served all the same and counted (``stats["size_changes"]``). An item larger than the cache never enters
    (``stats["too_large"]``). On a miss, items leave until the new one fits.

    *Hosts* that ask first and insert later use `lookup` and `admit` in place of `request`: `lookup` serves
    hits and leaves misses alone, however often it is called; `admit` serves the miss. One `lookup` and, on
    a miss, one `admit` are exactly one `request`.

    *The host interferes*: `remove`, `evict`, `clear` and `resize` change the contents behind the policy's
    back. What was learnt stays (counts, noise, fractions), and the policy decides anew at the next
    request. A declared bound holds for runs without such calls, unless the policy's docstring says more.

    *Threads.* One policy a thread is the rule: ``copy()`` it, or make one each. A policy shared all the same
    is never corrupted: `request` is one step under the interpreter lock, and any call that finds a longer
    one at work (`request_many` runs without the interpreter lock) raises one sentence, or waits if the
    policy was made with ``lock=True``.
    """

    # -- what a subclass declares ------------------------------------------------------------------
    name: ClassVar[str] = ""
    #: The policy keeps fractions of items: a request earns a number in [0, 1], not hit or miss.
    fractional: ClassVar[bool] = False
    #: The policy draws random numbers: results differ between seeds.
    randomised: ClassVar[bool] = False
    #: The capacity holds on average only: the number of items held may exceed it for a while.
    soft_capacity: ClassVar[bool] = False
    #: The policy reads the future; it is a comparator, not something to deploy.
    offline: ClassVar[bool] = False
    #: The update rule in one line, the reference, and where the bound comes from.
    rule: ClassVar[str] = ""
    reference: ClassVar[str] = ""

    #: The policy brings in items that were not requested (``stats["fetched_other"]``).
    fetches_unasked: bool = False
    #: The policy can count bytes: ``_init`` looks at ``self.unit``, and its State has ``size``.
    takes_sizes: ClassVar[bool] = False

    #: The policy's kernels (see the module's docstring).
    step: ClassVar[Callable[..., Any]]
    share: ClassVar[Callable[..., float]]
    _peek: ClassVar[Callable[..., Any] | None] = None
    _evict: ClassVar[Callable[..., Any] | None] = None
    _remove: ClassVar[Callable[..., Any] | None] = None

    #: Arrays of the state in which a step looks its item up, and how many cells each item has there: the loops
    #: ask for them some requests ahead. Has no effect but on speed.
    touches: ClassVar[dict[str, int]] = {}

    #: Made of them: ``run(state, items, rewards, log=None)`` and
    #: ``run_sized(state, items, sizes, rewards, log=None)``.
    run: ClassVar[Any] = _Loop("run")
    run_sized: ClassVar[Any] = _Loop("run_sized")

    #: Which of ``CAPABILITIES`` the policy has.
    capabilities: frozenset[str] = frozenset()
    _logs: ClassVar[bool] = False  # whether step takes a log
    _made: ClassVar[dict[Any, Any]]  # compiled loops and entries

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        cls._made = {}
        step = getattr(cls, "step", None)
        if step is None:
            return
        cls._logs = len(inspect.signature(getattr(step, "py_func", step)).parameters) > 2
        has = {"events": cls._logs and not cls.fractional, "sizes": cls.takes_sizes}
        has["contents"] = not cls.fractional
        has["lookup"] = has["admit"] = has["events"] and not cls.offline
        if has["admit"]:
            has["peek"] = cls._peek is not None
            has["remove"] = cls._remove is not None
            has["evict"] = has["clear"] = cls._evict is not None or (has["peek"] and has["remove"])
            has["resize"] = has["evict"] and cls._resize is not CachingPolicy._resize
        has["grow"] = not cls.offline
        has["forget"] = has["grow"] and cls.needed is not CachingPolicy.needed
        cls.capabilities = frozenset(name for name in CAPABILITIES if has.get(name))

    def __init__(
        self,
        capacity: int,
        catalog_size: int,
        horizon: int | None = None,
        *,
        seed: int = 0,
        unit: str = "items",
        lock: bool = False,
    ) -> None:
        self.capacity = capacity
        self.catalog_size = catalog_size
        self.horizon = horizon
        self.seed = seed
        self._first_catalog = catalog_size  # what reset goes back to
        self._first_capacity = capacity
        self.unit = unit
        self.lock = lock
        self._taken = 0  # items that the host took out
        self._resized = False
        self._reset_live()
        self._state = None

    def _reset_live(self) -> None:
        """What belongs to this object in this process: never copied, never pickled."""
        self._busy = False
        self._mutex = threading.RLock() if self.lock else None
        self._table: _compiled.Table | None = None
        self._entry: Callable[..., Any] | None = None  # of a plain request; None if it can't be short
        self._entry_sized: Callable[..., Any] | None = None
        self._address: Any = None

    # -- what a subclass implements ----------------------------------------------------------------
    def _init(self) -> Any:
        """Build the initial state (a NamedTuple of arrays and numbers) from checked parameters."""
        raise NotImplementedError

    def _extend(self, state: Any, catalog_size: int) -> Any:
        """Return `state` for a larger catalogue; the items added have not been requested yet."""
        raise NotImplementedError

    def _resize(self, state: Any, capacity: int) -> Any:
        """Return `state` for another capacity, which what is held does not exceed."""
        raise NotImplementedError

    def needed(self) -> np.ndarray | None:
        """Which ids the state knows anything about, bool (N,): the others are as if never requested.

        None if the policy remembers every item ever requested (perfect counts). :class:`olearn.keyed.Keyed`
        gives ids that are not needed to new keys.
        """
        return None

    def bound(
        self, requests: int | None = None, *, realised: Mapping[str, float] | None = None
    ) -> Bound | None:
        """The declared regret bound after `requests` requests (default: the horizon), or None.

        With the numbers of :meth:`realised` of a run that served those requests, the smaller bound that
        applies to that run. None where the value would not be finite.
        """
        return None

    def _interfered(self, bound: Bound | None, each: int = 1) -> Bound | None:
        """What is left of a bound of which each item taken out by the host costs at most `each` hits.

        One hit where the item comes back at its next request as if it had never left. Nothing is left
        after `resize`: the bound was for another capacity.
        """
        if bound is None or self._resized:
            return None
        if self._taken:
            more = f"{bound.formula} + {each} each of {self._taken} items taken out"
            return bound._replace(value=bound.value + each * self._taken, formula=more)
        return bound

    def realised(self) -> dict[str, float]:
        """What the policy did so far that makes its bound smaller; empty where nothing does."""
        return {}

    def assumes(self) -> dict[str, float]:
        """What the declared bound takes for granted of a run, for a replay to check.

        Keys are the fields of :class:`olearn.regret.RunFacts`: ``batch`` (requests between two updates),
        ``multiplicity`` (of an item in a batch), ``max_weight`` (worth of a hit), ``capacity``,
        ``catalog_size``, and ``requests`` where the bound holds up to the horizon only.
        """
        return {
            "batch": 1,
            "multiplicity": 1,
            "max_weight": 1.0,
            "capacity": self.capacity,
            "catalog_size": self.catalog_size,
        }

    def parameters(self) -> dict[str, Any]:
        """The tunable parameters with the values in use, defaults resolved."""
        return {name: getattr(self, name) for name in self.tunable()}

    @classmethod
    def keyed(cls, unit: str) -> dict[str, Any]:
        """What :class:`olearn.keyed.Keyed` gives unless told otherwise, as keys come and go for ever."""
        return {}

    # -- shared ------------------------------------------------------------------------------------
    @classmethod
    def tunable(cls) -> dict[str, inspect.Parameter]:
        """The policy's own parameters, beside capacity, catalog_size, horizon and seed."""
        signature = inspect.signature(cls.__init__)
        return {
            n: p for n, p in signature.parameters.items() if n not in _COMMON and p.kind is not p.VAR_KEYWORD
        }

    def validate(self) -> None:
        """Check the parameters; raises :class:`~olearn.errors.ParameterError` with one sentence."""
        check_positive_int("catalog_size", self.catalog_size)
        check_positive_int("capacity", self.capacity)
        if self.capacity > LARGEST:  # kernels count in 64 bits
            raise ParameterError(f"capacity must be at most 2^62, got {self.capacity:,}")
        if self.unit not in ("items", "bytes"):
            raise ParameterError(f"unit must be 'items' or 'bytes', got {self.unit!r}")
        if self.unit == "bytes" and not self.takes_sizes:
            raise NotSupportedError(f"{self.name} can't count bytes: use unit='items'")
        if self.unit == "items" and self.capacity > self.catalog_size:
            raise ParameterError(
                f"capacity must be at most the catalogue, got {self.capacity} for {self.catalog_size} items"
            )
        if self.horizon is not None:
            check_positive_int("horizon", self.horizon)
        check_int("seed", self.seed, minimum=0)

    def require_horizon(self, parameter: str) -> int:
        """The horizon, or an error that says which default needs it."""
        if self.horizon is None:
            raise ParameterError(f"{self.name}: give horizon (number of requests) or {parameter}")
        return check_positive_int("horizon", self.horizon)

    @property
    def places(self) -> int:
        """The most items that the cache can ever hold: C, or in bytes the whole catalogue."""
        return min(self.capacity, self.catalog_size) if self.unit == "items" else self.catalog_size

    def _sizes(self) -> np.ndarray | None:
        """The field ``size`` of a fresh state."""
        return np.zeros(self.catalog_size, np.int32) if self.unit == "bytes" else None

    @property
    def state(self) -> Any:
        """The compiled state, built at first use."""
        if self._state is None:
            self.validate()
            self._set_state(self._init())
        return self._state

    def _set_state(self, state: Any) -> None:
        """Every change of the state's arrays passes here: addresses of the old ones are forgotten."""
        self._state = state
        self._table = self._entry = self._entry_sized = self._address = None

    def _one(self, kind: str) -> Callable[..., Any]:
        """An entry for one call (see ``_compiled``); its first argument is ``self._address``."""
        table = self._table
        if table is None:
            table = self._table = _compiled.Table(self.state, self.catalog_size + 1)
            self._address = table.address
        made = type(self)._made
        key = (kind, table.layout)
        entry: Callable[..., Any] | None = made.get(key)
        if entry is None:
            entry = made[key] = table.entry(type(self), kind)
        return entry

    def _direct(self) -> tuple[Callable[..., Any], Callable[..., Any], Any, np.ndarray] | None:
        """For a front that calls millions of times and guards against threads itself; None if there is no way.

        Two entries, for a plain request and for one whose code says hit + 2 admitted + 4 evicted, their first
        argument, and where the evicted ids then stand. Good until ``self._state`` is another object.
        """
        if not self._logs or self.fractional:
            return None
        sized = "_sized" if self.unit == "bytes" else ""
        plain, logged = self._one("request" + sized), self._one(f"request{sized}_log")
        assert self._table is not None
        return plain, logged, self._address, self._table.log.left

    @property
    def stats(self) -> dict[str, float]:
        """Fetches of requested and of other items, evictions, occupancy now and at its peak.

        In bytes also: bytes held now and at most, bytes fetched, requests whose size was not that of the
        copy held, and misses of items larger than the cache.
        """
        s = self.state.stats
        counts = {
            "fetched": float(s[FETCHED]),
            "fetched_other": float(s[FETCHED_OTHER]),
            "evicted": float(s[EVICTED]),
            "occupancy": float(s[OCCUPANCY]),
            "peak_occupancy": float(s[PEAK]),
        }
        if self.unit == "bytes":
            counts |= {
                "bytes": float(s[BYTES]),
                "peak_bytes": float(s[PEAK_BYTES]),
                "fetched_bytes": float(s[FETCHED_BYTES]),
                "size_changes": float(s[SIZE_CHANGES]),
                "too_large": float(s[TOO_LARGE]),
            }
        return counts

    # -- requests ----------------------------------------------------------------------------------
    def request(self, item: int, size: int | None = None, *, evicted: list[int] | None = None) -> bool | float:
        """Serve one request: update the cache and return whether it was a hit.

        Parameters
        ----------
        item : int
            Id between 0 and ``catalog_size - 1``.
        size : int, optional
            Bytes of the item, at least 0: for a cache that counts bytes, and only for it.
        evicted : list of int, optional
            Filled with the ids that went out, in order (a hit, too, may let items go). What it held before
            is replaced.

        Returns
        -------
        bool or float
            Hit or miss; for a fractional policy the fraction of the item that was in the cache.
        """
        if evicted is None and type(item) is int and 0 <= item < self.catalog_size and not self._busy:
            if size is None:
                if self._entry is not None:
                    return self._entry(self._address, item)
            elif self._entry_sized is not None and type(size) is int and 0 <= size < 2147483648:
                return self._entry_sized(self._address, item, size)
        return self._request(item, size, evicted)

    def _request(self, item: Any, size: Any, evicted: list[int] | None) -> bool | float:
        """A request that is the first, odd, wrong, or asks for events."""
        item = self._id(item)
        size = self._size(size)
        if evicted is not None:
            return bool(self._act("request" if size is None else "request_sized", item, size, evicted) & 1)
        kind = "request" if self._logs else "request_plain"
        self._enter()
        try:
            if size is None:
                entry = self._one(kind)
                reward = entry(self._address, item)
            else:
                entry = self._one("request_sized")
                reward = entry(self._address, item, size)
            if self._mutex is None and self._table is not None and self._table.compiled:
                self._entry, self._entry_sized = (entry, None) if size is None else (None, entry)
        finally:
            self._leave()
        return float(reward) if self.fractional else bool(reward)

    def _act(self, kind: str, item: int | None, size: int | None, evicted: list[int] | None) -> int:
        """Make one call that may let items go; returns hit + 2 admitted + 4 evicted."""
        if kind.startswith("request"):
            self._need("events")
            kind += "_log"
        if evicted is not None and not isinstance(evicted, list):
            raise ParameterError(f"evicted must be a list to be filled, got {type(evicted).__name__}")
        self._enter()
        try:
            entry = self._one(kind)
            given = [v for v in (item, size) if v is not None]
            done = int(entry(self._address, *given))
            if evicted is not None:
                assert self._table is not None
                evicted[:] = self._table.log.left[: done >> 2].tolist()
        finally:
            self._leave()
        return done

    def request_many(self, items: Any, sizes: Any = None, *, events: bool = False) -> Any:
        """Serve requests in order.

        Parameters
        ----------
        items : array_like of int, shape (T,)
        sizes : array_like of int, shape (T,), optional
            Bytes of each request's item: for a cache that counts bytes, and only for it.
        events : bool
            Also report who came in and who went out.

        Returns
        -------
        ndarray of shape (T,), or Events
            bool, or float64 for a fractional policy: what each request earned. With `events`, a tuple
            ``(hits, admitted, offsets, evicted)``: request t let ``evicted[offsets[t]:offsets[t+1]]`` go.
        """
        ids = self._checked(items)
        weights = self._checked_sizes(sizes, ids.size)
        if events:
            self._need("events")
        kind, state = type(self), self.state
        rewards: np.ndarray = np.empty(ids.size, np.float64 if self.fractional else np.bool_)
        self._enter()
        try:
            log = new_log(ids.size, self._log_room(ids.size)) if events else None
            given = () if log is None else (log,)
            if weights is None:
                kind.run(state, ids, rewards, *given)
            else:
                kind.run_sized(state, ids, weights, rewards, *given)
        finally:
            self._leave()
        if log is None:
            return rewards
        return Events(rewards, log.admitted, log.offsets, log.left[: int(log.logged[0])])

    def _log_room(self, requests: int) -> int:
        """The most entries that a log of so many requests can get: what goes out was there or came in."""
        return requests + len(self) + 1

    def lookup(self, item: int, *, evicted: list[int] | None = None) -> bool:
        """Whether `item` is held, as a host asks that inserts later: a hit is served, a miss changes nothing.

        Safe to repeat: nothing ever comes in. (With some policies a hit lets others go.)
        """
        self._need("lookup")
        return bool(self._act("lookup", self._id(item), None, evicted) & 1)

    def admit(self, item: int, size: int | None = None, *, evicted: list[int] | None = None) -> bool:
        """Serve the miss of an item that `lookup` did not find; returns whether it is held now.

        The policy learns the request and may decline. Of an item that is held, nothing changes.
        """
        self._need("admit")
        item, size = self._id(item), self._size(size)
        return bool(self._act("admit" if size is None else "admit_sized", item, size, evicted) & 3)

    def peek(self) -> int | None:
        """The item that would leave next, None if there is none. Changes nothing."""
        self._need("peek")
        self._enter()
        try:
            item = int(self._one("peek")(self._address))
        finally:
            self._leave()
        return item if item >= 0 else None

    def evict(self) -> int | None:
        """Make room for one: the item that left, None if none did."""
        self._need("evict")
        gone: list[int] = []
        self._act("evict" if type(self)._evict is not None else "evict_next", None, None, gone)
        self._taken += len(gone)
        return gone[0] if gone else None

    def remove(self, item: int) -> bool:
        """Take `item` out; returns whether it was held."""
        self._need("remove")
        done = self._act("remove", self._id(item), None, None)
        self._taken += done & 1
        return bool(done & 1)

    def clear(self) -> None:
        """Let everything go, one item after the other. What was learnt stays; `reset` forgets that, too."""
        self._need("clear")
        while self.evict() is not None:
            pass

    def resize(self, capacity: int) -> list[int]:
        """Change the capacity; returns the ids that had to leave, in order."""
        self._need("resize")
        check_positive_int("capacity", capacity)
        if self.unit == "items" and capacity > self.catalog_size:
            raise ParameterError(
                f"capacity must be at most the catalogue, got {capacity} for {self.catalog_size} items"
            )
        stats, cell = self.state.stats, BYTES if self.unit == "bytes" else OCCUPANCY
        gone: list[int] = []
        while stats[cell] > capacity:
            item = self.evict()
            if item is None:
                break
            gone.append(item)
        self._enter()
        try:
            self._set_state(self._resize(self.state, int(capacity)))
            self.capacity = int(capacity)
            self._resized = True
        finally:
            self._leave()
        return gone

    def contents(self) -> np.ndarray:
        """The ids of the items held, in increasing order."""
        self._need("contents")
        return np.flatnonzero(self.fractions() > 0.0)

    # -- checks ------------------------------------------------------------------------------------
    def _need(self, capability: str) -> None:
        if capability not in self.capabilities:
            has = ", ".join(sorted(self.capabilities)) or "none"
            raise NotSupportedError(f"{self.name} has no {capability!r}; its capabilities are {has}")

    def _enter(self) -> None:
        """Keep other threads out; the check and the mark lie in one step of the interpreter."""
        if self._mutex is not None:
            self._mutex.acquire()
        elif self._busy:
            raise InUseError(
                f"{self.name}: another thread is inside this policy; give each thread its own (copy()), or "
                "make it with lock=True"
            )
        self._busy = True

    def _leave(self) -> None:
        self._busy = False
        if self._mutex is not None:
            self._mutex.release()

    def _id(self, item: Any) -> int:
        """The id as a plain int within the catalogue."""
        try:
            number = operator.index(item)
        except TypeError:
            raise ParameterError(f"item must be a whole number, got {item!r}") from None
        if not 0 <= number < self.catalog_size:
            raise ParameterError(f"item must be between 0 and {self.catalog_size - 1}, got {item!r}")
        return number

    def _size(self, size: Any) -> int | None:
        """The size of one request, checked against the unit."""
        state = self.state
        if self.unit == "items":
            if size is not None:
                raise ParameterError(f"{self.name} counts items here: sizes need unit='bytes'")
            return None
        if size is None:
            raise ParameterError(f"{self.name} counts bytes here: give the size of each request's item")
        number = check_int("size", size, minimum=0)
        self._widen(state, number)
        return number

    def _widen(self, state: Any, largest: int) -> None:
        """Sizes are kept in 4 bytes each until one needs 8."""
        if largest > np.iinfo(state.size.dtype).max:
            self._set_state(state._replace(size=state.size.astype(np.int64)))

    def _checked_sizes(self, sizes: Any, requests: int) -> np.ndarray | None:
        """The sizes of a chunk as int64 (T,), checked."""
        if sizes is None or self.unit == "items":
            if requests or sizes is not None:
                self._size(sizes)
            return None if self.unit == "items" else np.zeros(0, np.int64)
        raw = np.asarray(sizes)
        if raw.shape != (requests,) or (raw.size and raw.dtype.kind not in "iu"):
            raise ParameterError(
                f"sizes must be whole numbers, one for each of the {requests} items, got {raw.dtype} of "
                f"shape {raw.shape}"
            )
        if raw.size:
            if raw.min() < 0:
                bad = int(np.argmax(raw < 0))
                raise ParameterError(f"sizes must be at least 0, got {raw[bad]} at position {bad}")
            self._widen(self.state, int(raw.max()))
        return np.ascontiguousarray(raw, dtype=np.int64)

    def _checked(self, items: Any) -> np.ndarray:
        raw = np.asarray(items)
        if raw.ndim != 1 or (raw.size and raw.dtype.kind not in "iu"):
            raise ParameterError(
                f"items must be a one-dimensional array of whole numbers, got {raw.dtype} of shape {raw.shape}"
            )
        if raw.size and not (raw.min() >= 0 and raw.max() < self.catalog_size):
            bad = int(np.flatnonzero((raw < 0) | (raw >= self.catalog_size))[0])
            raise ParameterError(
                f"items must be between 0 and {self.catalog_size - 1}, got {raw[bad]} at position {bad}"
            )
        return np.ascontiguousarray(raw, dtype=np.int32)

    # -- contents ----------------------------------------------------------------------------------
    def __contains__(self, item: object) -> bool:
        if not isinstance(item, (int, np.integer)) or not 0 <= item < self.catalog_size:
            return False
        return bool(self._one("share")(self._address, int(item)) > 0.0)

    def fraction(self, item: int) -> float:
        """The fraction of `item` in the cache: 0 or 1 for an integral policy."""
        return float(self._one("share")(self._address, self._id(item)))

    def fractions(self) -> np.ndarray:
        """The fraction of every item, float64 of shape (catalog_size,)."""
        share, state = type(self).share, self.state
        return np.array([share(state, i) for i in range(self.catalog_size)], dtype=np.float64)

    def __len__(self) -> int:
        """Number of items held (for a fractional policy, the mass held, rounded)."""
        return round(float(self.state.stats[OCCUPANCY]))

    def __iter__(self) -> Iterator[int]:
        """The items held, in increasing order of id."""
        return iter(np.flatnonzero(self.fractions() > 0.0).tolist())

    def reset(self) -> None:
        """Forget every request: back to the start, with its seed, capacity and catalogue."""
        self._enter()
        try:
            self.capacity, self.catalog_size = self._first_capacity, self._first_catalog
            self._taken, self._resized = 0, False
            self._set_state(None)
        finally:
            self._leave()

    def grow(self, catalog_size: int) -> None:
        """Enlarge the catalogue; ids so far keep their meaning."""
        check_int("catalog_size", catalog_size, minimum=self.catalog_size)
        if self.offline:
            raise NotSupportedError(f"{self.name} reads the future: its catalogue can't grow")
        if catalog_size == self.catalog_size:
            return
        self._enter()
        try:
            state = self._extend(self.state, int(catalog_size))
            if getattr(state, "size", None) is not None:
                state = state._replace(size=extended(state.size, int(catalog_size), 0))
            self._set_state(state)
            self.catalog_size = int(catalog_size)
        finally:
            self._leave()

    def copy(self) -> Self:
        """An independent copy: same contents, same random numbers from here on."""
        return copy.deepcopy(self)

    def __copy__(self) -> Self:
        return copy.deepcopy(self)

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
        own = "".join(f", {k}={getattr(self, k)!r}" for k in self.tunable())
        return f"{type(self).__name__}(capacity={self.capacity}, catalog_size={self.catalog_size}{own})"


def extended(array: np.ndarray, length: int, fill: Any) -> np.ndarray:
    """A longer copy of `array`, the new cells set to `fill`."""
    longer = np.full(length, fill, dtype=array.dtype)
    longer[: array.size] = array
    return longer


def resized(array: np.ndarray, length: int) -> np.ndarray:
    """The first `length` cells of `array`, in an array of their own; cells added are 0."""
    other = np.zeros(length, dtype=array.dtype)
    kept = min(length, array.size)
    other[:kept] = array[:kept]
    return other
