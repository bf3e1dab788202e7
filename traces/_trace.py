"""The trace: a sequence of requests for items with dense ids, made once and then read by everybody.

Policies, optima and statistics work on `items`, ids from 0 to N-1 in order of first appearance, so
that a per-item quantity is an array cell. The keys that the source used are kept beside them.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from olearn.errors import NotSupportedError, TraceError, check_positive_int
from olearn.traces._files import ValueAtError
from olearn.traces._intern import MAX_REQUESTS, intern, narrowest_keys

_CHUNK = 1 << 20


class Trace:
    """A sequence of T requests for N items. Treat its arrays as read-only.

    Parameters
    ----------
    items : int32 ndarray, shape (T,)
        Dense ids: the first request has id 0, every new item the next free one.
    keys : ndarray, shape (N,)
        The original key of each item: int64, uint64 or objects.
    sizes : array-like, shape (T,), optional
        Size in bytes at each request (at least 0): int32, int64 where that is too narrow.
    times : array-like, shape (T,), optional
        Time of each request, in the unit of the source: int32, int64, or float64 where not whole.
    costs : array-like, shape (T,), optional
        Cost of a miss at each request (float64, at least 0).
    operations : array-like, shape (T,), optional
        What each row does, a code of :mod:`olearn.traces.operations`; without it every row is a request.
    ttl : array-like, shape (T,), optional
        Time to live that a row gives its item, in the unit of `times`, at least 0; 0 is none (a column of
        zeros is no column).
    name, source : str, optional
        A short name for tables; the file the trace was read from.

    Attributes
    ----------
    notes : tuple of str
        What a reader of this trace should know: lines skipped, sizes that change, keys joined, ...
    origin : dict
        Where it comes from: ``format``, ``columns``, ``operations``, ... and ``notes`` (for manifests).

    Raises
    ------
    TraceError
        Lengths that differ, an empty trace, ids that are not dense, values that are negative or NaN.

    See Also
    --------
    Trace.from_keys : from any keys, interned here.
    olearn.traces.load : from a file.

    Notes
    -----
    Memory: 4 bytes a request for the ids, 4 for each of sizes and times (8 where they are large), 8 for
    costs; 8 an item for keys.

    Examples
    --------
    >>> trace = Trace.from_keys(["a", "b", "a", "c"], sizes=[10, 20, 10, 5])
    >>> len(trace), trace.catalog_size, trace.items.tolist(), trace.keys.tolist()
    (4, 3, [0, 1, 0, 2], ['a', 'b', 'c'])
    >>> trace.counts().tolist(), trace.item_sizes().tolist(), trace.next_use().tolist()
    ([2, 1, 1], [10, 20, 5], [2, 4, 4, 4])
    >>> trace[1:].keys.tolist()
    ['b', 'a', 'c']
    """

    def __init__(
        self,
        items: Any,
        keys: Any,
        sizes: Any = None,
        times: Any = None,
        costs: Any = None,
        *,
        operations: Any = None,
        ttl: Any = None,
        name: str | None = None,
        source: str | None = None,
    ) -> None:
        self.items: np.ndarray = _dense(items)
        self.keys: np.ndarray = np.asarray(keys)
        length = self.items.size
        self.sizes: np.ndarray | None = None if sizes is None else check_sizes(sizes, length)
        self.times: np.ndarray | None = None if times is None else check_times(times, length)
        self.costs: np.ndarray | None = None if costs is None else check_costs(costs, length)
        self.operations: np.ndarray | None = None if operations is None else _check_codes(operations, length)
        lives = None if ttl is None else check_ttl(ttl, length)
        self.ttl: np.ndarray | None = lives if lives is not None and lives.any() else None
        self.name: str = name or "trace"
        self.source: str | None = source
        self.notes: tuple[str, ...] = ()
        self.origin: dict[str, Any] = {}
        seen = self.first_requests.size
        if self.keys.shape != (seen,):
            raise TraceError(f"keys must name each of the {seen} items once, got shape {self.keys.shape}")

    @classmethod
    def from_keys(
        cls,
        keys: Any,
        sizes: Any = None,
        times: Any = None,
        costs: Any = None,
        name: str | None = None,
        *,
        source: str | None = None,
    ) -> Trace:
        """A trace from the key of each request.

        Parameters
        ----------
        keys : array-like, shape (T,)
            Integers, strings or any hashable objects, one a request.
        sizes, times, costs, name, source
            As in the class.

        Examples
        --------
        >>> Trace.from_keys([7, 7, 3]).keys
        array([7, 3])
        """
        items, distinct = intern(keys)
        return cls(items, distinct, sizes, times, costs, name=name, source=source)

    # -- sizes of things -----------------------------------------------------------------------------
    def __len__(self) -> int:
        """Number of requests, T."""
        return int(self.items.size)

    @property
    def catalog_size(self) -> int:
        """Number of distinct items, N."""
        return int(self.keys.size)

    @cached_property
    def first_requests(self) -> np.ndarray:
        """Position of the first request of each item, int64 of shape (N,)."""
        return _first_requests(self.items)

    def counts(self) -> np.ndarray:
        """Number of requests of each item, int64 of shape (N,)."""
        from olearn.geometry.counting import count

        return count(self.items, self.catalog_size)

    def item_sizes(self) -> np.ndarray:
        """Size of each item at its first request, int64 of shape (N,); 1 where there are no sizes."""
        if self.sizes is None:
            return np.ones(self.catalog_size, dtype=np.int64)
        return self.sizes[self.first_requests].astype(np.int64)

    def next_use(self) -> np.ndarray:
        """Position of the next request of the same item, T where there is none; shape (T,).

        Cost: one backward pass, O(T) time and 4 bytes a request and an item (int32).
        """
        from olearn.geometry.nextuse import next_use

        return next_use(self.items, self.catalog_size)

    def blocks(self, size: int = _CHUNK) -> Iterator[tuple[int, np.ndarray, np.ndarray | None]]:
        """The requests in order, at most `size` at a time: ``(start, items, sizes or None)``.

        The arrays are views; of a trace on disk they are read, and only the block at hand is in memory.
        """
        size = check_positive_int("size", size)
        for start in range(0, len(self), size):
            stop = min(start + size, len(self))
            sizes = None if self.sizes is None else self.rows("sizes", start, stop)
            yield start, self.rows("items", start, stop), sizes

    def rows(self, column: str, start: int, stop: int) -> np.ndarray:
        """The values of a column (``"items"``, ``"times"``, ...) at the requests from `start` to `stop`."""
        return np.asarray(getattr(self, column)[start:stop])

    def next_use_blocks(self, size: int = _CHUNK) -> Iterator[tuple[int, np.ndarray]]:
        """As :meth:`next_use`, in blocks from the end: ``(start, next uses of the block)``.

        Memory: 4 bytes an item and a request of a block.

        Examples
        --------
        >>> [(s, n.tolist()) for s, n in Trace.from_keys(list("abac")).next_use_blocks(3)]
        [(3, [4]), (0, [2, 4, 4])]
        """
        from olearn.traces._kernels import next_use_before

        size = check_positive_int("size", size)
        last = np.full(self.catalog_size, len(self), dtype=np.int32)
        for start in reversed(range(0, len(self), size)):
            items = self.rows("items", start, min(start + size, len(self)))
            nexts = np.empty(items.size, dtype=np.int32)
            next_use_before(items, start, last, nexts)
            yield start, nexts

    @cached_property
    def digest(self) -> str:
        """32 hexadecimal digits that change when items, keys, sizes, times or costs do.

        BLAKE2b over the arrays in little-endian order; `name` and `source` do not take part, so the
        same requests read from two formats have one digest.
        """
        state = hashlib.blake2b(digest_size=16)
        _absorb(state, b"items", self.items)
        absorb_keys(state, self.keys)
        for name in self.columns()[1:]:
            _absorb(state, name.encode(), getattr(self, name))
        return state.hexdigest()

    def columns(self) -> list[str]:
        """Names of the arrays with a value a request that this trace has."""
        names = ("items", "sizes", "times", "costs", "operations", "ttl")
        return [name for name in names if getattr(self, name) is not None]

    # -- parts, files --------------------------------------------------------------------------------
    def __getitem__(self, part: slice) -> Trace:
        """The requests of a slice as a trace of its own, ids made dense again."""
        if not isinstance(part, slice):
            raise NotSupportedError(f"a trace takes slices such as trace[:1000], got {part!r}")
        return self._part(part)

    def sample(self, share: float, seed: int = 0) -> Trace:
        """All requests of a random share of the items: a small trace that behaves like the large one.

        An item is kept if a hash of its key is small: with chance `share`, independently, and the same
        key in every trace. ``load(path, sample=share)`` does so while reading. A cache of ``share * C``
        places on the sample stands for one of C places on the whole trace (spatial sampling [1]_); its
        error shrinks with the number of items kept and is large where few items carry most requests.

        Parameters
        ----------
        share : float
            Between 0 (excluded) and 1.
        seed : int

        References
        ----------
        .. [1] C. Waldspurger, N. Park, A. Garthwaite and I. Ahmad, "Efficient MRC construction with
           SHARDS", FAST 2015.

        Examples
        --------
        >>> trace = Trace.from_keys(list("abcabcaabd"))
        >>> part = trace.sample(0.5, seed=2)
        >>> part.keys[part.items].tolist()
        ['b', 'b', 'b', 'd']
        """
        from olearn.traces._sample import keeper

        return self._part(keeper(share, seed)(self.keys)[self.items])

    def _part(self, part: Any) -> Trace:
        """The requests that a slice or a mask picks, ids made dense again."""
        from olearn.traces._kernels import relabel

        items = np.array(self.items[part], dtype=np.int32)
        if not items.size:
            raise TraceError(f"a trace needs at least one request, none of {len(self)} is picked")
        order = np.empty(self.catalog_size, dtype=np.int32)
        count = relabel(items, np.full(self.catalog_size, -1, dtype=np.int32), order)
        rest = {name: np.array(getattr(self, name)[part]) for name in self.columns()[1:]}
        keys = self.keys[order[:count]]
        keys = keys if keys.dtype == object else narrowest_keys(keys)
        made = Trace(items, keys, **rest, name=self.name, source=self.source)
        made.notes, made.origin = self.notes, dict(self.origin)
        return made

    def save(self, path: str | Path, format: str | None = None) -> Path:
        """Write the trace, whole or not at all: :func:`olearn.traces.save`, by default by the ending."""
        from olearn.traces.writers import save

        return save(self, path, format)

    @classmethod
    def load(cls, path: str | Path, format: str | None = None, **options: Any) -> Trace:
        """Read a trace: :func:`olearn.traces.load`."""
        from olearn.traces.readers import load

        return load(path, format, **options)

    def __repr__(self) -> str:
        extras = self.columns()[1:]
        also = f", {', '.join(extras)}" if extras else ""
        return f"<Trace {self.name!r}: {len(self):,} requests, {self.catalog_size:,} items{also}>"


# -- validation ----------------------------------------------------------------------------------------
_LARGEST_INT32 = np.iinfo(np.int32).max


def _dense(items: Any) -> np.ndarray:
    array = np.asarray(items)
    if array.ndim != 1:
        raise TraceError(f"items must be one-dimensional, got {array.ndim} dimensions")
    if not array.size:
        raise TraceError("a trace needs at least one request, got none")
    if array.size > MAX_REQUESTS:
        raise TraceError(f"a trace has at most {MAX_REQUESTS} requests, got {array.size}")
    if array.dtype.kind not in "iu":
        raise TraceError(f"items must be whole numbers, got {array.dtype}; use Trace.from_keys for keys")
    # Kernels are compiled for writeable, contiguous arrays: a read-only one would compile them again.
    return np.require(array, dtype=np.int32, requirements=("C", "W"))


def _first_requests(items: np.ndarray) -> np.ndarray:
    """Positions at which a new id appears, int64."""
    return np.concatenate(list(_rises(items))).astype(np.int64, copy=False)


def _rises(items: np.ndarray) -> Iterator[np.ndarray]:
    """Positions at which a new id appears, in pieces."""
    top = -1
    for start in range(0, items.size, _CHUNK):
        part = items[start : start + _CHUNK]
        tops = np.maximum.accumulate(part)
        np.maximum(tops, top, out=tops)
        rises = np.flatnonzero(np.diff(tops, prepend=np.int32(top)))
        expected = np.arange(top + 1, top + 1 + rises.size, dtype=np.int32)
        wrong = np.flatnonzero(part[rises] != expected)
        if wrong.size:
            at = int(rises[wrong[0]])
            raise TraceError(
                f"items must be dense ids in order of first appearance: position {start + at} has "
                f"{part[at]} where {expected[wrong[0]]} comes next (Trace.from_keys takes any keys)"
            )
        if part.min() < 0:
            at = int(np.argmin(part))
            raise TraceError(f"items must be at least 0, got {part[at]} at position {start + at}")
        top = int(tops[-1])
        yield rises + start


def _column(what: str, values: Any, length: int) -> np.ndarray:
    try:
        array = np.asarray(values)
    except ValueError:
        raise TraceError(f"{what} must be a one-dimensional array of numbers") from None
    if array.dtype.kind not in "iufb":
        raise TraceError(f"{what} must be numbers, got {array.dtype}")
    if array.ndim != 1:
        raise TraceError(f"{what} must be one-dimensional, got {array.ndim} dimensions")
    if array.size != length:
        raise TraceError(f"{what} must have one value a request ({length}), got {array.size}")
    if array.dtype.kind == "f":
        bad = np.flatnonzero(~np.isfinite(array))
        if bad.size:
            raise ValueAtError(f"{what} must be finite, got {array[bad[0]]}", bad[0])
    return array


def _not_negative(what: str, array: np.ndarray) -> None:
    if array.dtype.kind != "u" and array.min() < 0:
        at = int(np.argmax(array < 0))
        raise ValueAtError(f"{what} must be at least 0, got {array[at]}", at)


def _integers(what: str, array: np.ndarray) -> np.ndarray:
    if array.dtype.kind == "u" and array.dtype.itemsize == 8 and array.max() > np.uint64(2**63 - 1):
        at = int(np.argmax(array))
        raise ValueAtError(f"{what} must be below 2^63, got {array[at]}", at)
    kind = np.int32 if not array.size or array.max() <= _LARGEST_INT32 else np.int64
    if kind is np.int32 and array.dtype == np.uint32:  # as it comes from a binary file: no copy
        array = array.view(np.int32)
    return np.require(array, dtype=kind, requirements=("C", "W"))


def check_sizes(values: Any, length: int) -> np.ndarray:
    """Sizes as int32, int64 where they need it, or an error that names the position."""
    array = _column("sizes", values, length)
    _not_negative("sizes", array)
    if array.dtype.kind == "f":
        bad = np.flatnonzero((np.floor(array) != array) | (array >= 2.0**63))
        if bad.size:
            raise ValueAtError(f"sizes must be whole numbers below 2^63, got {array[bad[0]]}", bad[0])
    return _integers("sizes", array)


def check_times(values: Any, length: int) -> np.ndarray:
    """Times as int32, int64 where they need it, or float64, or an error that names the position."""
    array = _column("times", values, length)
    _not_negative("times", array)
    if array.dtype.kind == "f":
        return np.require(array, dtype=np.float64, requirements=("C", "W"))
    return _integers("times", array)


def check_costs(values: Any, length: int) -> np.ndarray:
    """Costs as float64, or an error that names the position."""
    array = _column("costs", values, length)
    _not_negative("costs", array)
    return np.require(array, dtype=np.float64, requirements=("C", "W"))


def check_ttl(values: Any, length: int) -> np.ndarray:
    """Times to live as int32, int64 or float64, or an error that names the position."""
    array = _column("ttl", values, length)
    _not_negative("ttl", array)
    if array.dtype.kind == "f":
        return np.require(array, dtype=np.float64, requirements=("C", "W"))
    return _integers("ttl", array)


def _check_codes(values: Any, length: int) -> np.ndarray:
    from olearn.traces.operations import NAMES

    array = _column("operations", values, length)
    if array.dtype.kind == "f" or array.min() < 1 or array.max() >= len(NAMES):
        raise TraceError(f"operations must be codes from 1 to {len(NAMES) - 1} (olearn.traces.operations)")
    return np.require(array, dtype=np.uint8, requirements=("C", "W"))


# -- digest --------------------------------------------------------------------------------------------
def _absorb(state: Any, label: bytes, array: np.ndarray) -> None:
    state.update(label + array.dtype.str[1:].encode() + str(array.size).encode() + b":")
    for start in range(0, array.size, _CHUNK):
        part = array[start : start + _CHUNK]
        little = np.ascontiguousarray(part, dtype=part.dtype.newbyteorder("<"))
        state.update(little.view(np.uint8).data)


def absorb_keys(state: Any, keys: np.ndarray) -> None:
    """Take the keys into a digest."""
    if keys.dtype != object:
        _absorb(state, b"keys", keys)
        return
    state.update(b"keys" + str(keys.size).encode() + b":")
    for key in keys:
        # repr of a tuple or a number is stable across processes; a key's hash() is not.
        text = (b"s" + key.encode("utf-8", "surrogatepass")) if isinstance(key, str) else repr(key).encode()
        state.update(str(len(text)).encode() + b":" + text)
