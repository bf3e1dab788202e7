"""From the keys of requests to dense ids: 0, 1, 2, ... in order of first appearance.

Strings and integers go through pyarrow's hash table, anything else hashable through a dict. Where the
compiler is loaded anyway, millions of integers go through a compiled hash table (20 M 64-bit keys in
0.6 s instead of 1.1 s) or, if their range is short, through a plain table. Keys come back as int64
where they fit, else uint64, else as objects.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping, Set
from typing import Any

import numpy as np

from olearn.errors import TraceError

#: Ids are int32, and one value is kept free for "none".
MAX_REQUESTS = 2**31 - 2
#: Requests interned at a time: their keys stay in the processor's cache.
PIECE = 1 << 16
#: From this many requests on, compiled code is worth its start.
MANY = 1 << 22


def intern(keys: Any) -> tuple[np.ndarray, np.ndarray]:
    """Dense ids and the key of each.

    Parameters
    ----------
    keys : array-like or pyarrow array, shape (T,)
        Integers, strings or any hashable objects.

    Returns
    -------
    items : int32 ndarray, shape (T,)
    keys : ndarray, shape (N,)
        The distinct keys in order of first appearance.

    Examples
    --------
    >>> intern(["b", "a", "b"])
    (array([0, 1, 0], dtype=int32), array(['b', 'a'], dtype=object))
    """
    if type(keys).__module__.startswith("pyarrow"):
        return _by_arrow(keys)
    if not isinstance(keys, np.ndarray):
        keys = _as_array(keys)
    if keys.ndim != 1:
        raise TraceError(f"keys must be one-dimensional, got {keys.ndim} dimensions")
    _check_length(keys.size)
    if keys.dtype.kind in "iub":
        keys = keys.astype(np.uint8) if keys.dtype.kind == "b" else keys
        return _many(keys) or _by_arrow(keys)
    if keys.dtype.kind == "f":
        return _by_arrow(_whole(keys))
    if keys.dtype.kind == "U":
        return _by_arrow(keys.tolist())
    return _by_dict(keys.tolist())


def _check_length(length: int) -> None:
    if length == 0:
        raise TraceError("a trace needs at least one request, got none")
    if length > MAX_REQUESTS:
        raise TraceError(f"a trace has at most {MAX_REQUESTS} requests, got {length}")


def _as_array(keys: Any) -> np.ndarray:
    """An array that keeps mixed types apart: np.asarray([1, "a"]) would turn 1 into "1"."""
    if hasattr(keys, "__array__"):
        return np.asarray(keys)
    try:
        # A string would pass as its letters, a set or a mapping as its keys in an order nobody chose.
        if isinstance(keys, (str, bytes, bytearray, Set, Mapping)):
            raise TypeError
        values = list(keys)
    except TypeError:
        raise TraceError(f"keys must be an array or a list, got {type(keys).__name__}") from None
    kinds = set(map(type, values))
    if kinds and all(issubclass(k, (int, np.integer)) and k is not bool for k in kinds):
        try:
            return np.array(values, dtype=np.int64 if min(values) < 0 else np.uint64)
        except OverflowError:
            return _objects(values)
    if kinds == {float}:
        return np.asarray(values)
    return _objects(values)


def _objects(values: list[Any]) -> np.ndarray:
    array = np.empty(len(values), dtype=object)
    for position, value in enumerate(values):  # one by one: tuples must stay single elements
        array[position] = value
    return array


def _whole(keys: np.ndarray) -> np.ndarray:
    bad = np.flatnonzero(~((np.abs(keys) < 2.0**53) & (np.floor(keys) == keys)))
    if bad.size:
        raise TraceError(
            f"keys given as floats must be whole numbers below 2^53, got {keys[bad[0]]} at position {bad[0]}"
        )
    return keys.astype(np.int64)


class _Table:
    """An open hash table of 12 bytes a slot, at most four fifths full, made anew from its keys."""

    def __init__(self) -> None:
        self.count = 0
        self._table = np.zeros(3 << 11, dtype=np.uint32)

    def _held(self) -> Iterator[np.ndarray]:
        """What was hashed, by id, in pieces of uint64."""
        raise NotImplementedError

    def close(self) -> None:
        """Give the table back: nothing can be added any more."""
        self._table = np.zeros(0, dtype=np.uint32)

    def _make_room(self, more: int) -> None:
        """Have room for so many more keys; the old table goes before the new one comes."""
        from olearn.traces._kernels import place_keys

        need, slots = self.count + more, self._table.size // 3
        if 5 * need <= 4 * slots:
            return
        while 5 * need > 4 * slots:
            slots *= 2
        del self._table
        self._table = np.zeros(3 * slots, dtype=np.uint32)
        placed = 0
        for piece in self._held():
            place_keys(piece, self._table, placed)
            placed += piece.size


class Interner(_Table):
    """Many 64-bit integers to dense ids, piece by piece, in compiled code.

    Memory: 23 to 38 bytes an item. The table has 12 bytes a slot and is at most four fifths full; it is
    made anew from the keys, which are kept in pieces, so that old and new table never coexist.

    Examples
    --------
    >>> interner = Interner(np.int64)
    >>> interner.add(np.array([7, -1, 7])), interner.add(np.array([3, -1])), interner.keys()
    (array([0, 1, 0], dtype=int32), array([2, 1], dtype=int32), array([ 7, -1,  3]))
    """

    def __init__(self, kind: Any) -> None:
        super().__init__()
        self._kind = np.dtype(kind)
        self._pieces: list[np.ndarray] = []
        self._fresh = np.empty(PIECE, dtype=np.uint64)

    def _held(self) -> Iterator[np.ndarray]:
        yield from self._pieces

    def add(self, keys: np.ndarray, out: np.ndarray | None = None) -> np.ndarray:
        """The ids of `keys` (int64 or uint64 as announced), written to `out` if given."""
        from olearn.traces._kernels import intern_keys

        keys = np.ascontiguousarray(keys, dtype=self._kind).view(np.uint64)
        out = np.empty(keys.size, dtype=np.int32) if out is None else out
        for start in range(0, keys.size, PIECE):
            part = keys[start : start + PIECE]
            if self._fresh.size < part.size:
                self._fresh = np.empty(part.size, dtype=np.uint64)
            self._make_room(part.size)
            new = intern_keys(part, self._table, self._fresh, self.count, out[start : start + PIECE])
            if new:
                self._pieces.append(self._fresh[:new].copy())
                self.count += new
        return out

    @property
    def nbytes(self) -> int:
        """Bytes held."""
        return self._table.nbytes + 8 * self.count

    def keys(self) -> np.ndarray:
        """The distinct keys so far, by id."""
        if not self._pieces:
            return np.empty(0, dtype=np.int64)
        self._pieces = [np.concatenate(self._pieces)]
        return narrowest_keys(self._pieces[0].view(self._kind))


class TextInterner(_Table):
    """Many texts to dense ids, piece by piece, in compiled code: 23 to 40 bytes a text and its own bytes.

    Examples
    --------
    >>> import pyarrow as pa
    >>> interner = TextInterner()
    >>> interner.add(pa.array(["b", "a", "b"])), interner.add(pa.array(["c", "a"])), interner.keys()
    (array([0, 1, 0], dtype=int32), array([2, 1], dtype=int32), array(['b', 'a', 'c'], dtype=object))
    """

    def __init__(self) -> None:
        super().__init__()
        self._known = np.zeros(1 << 16, dtype=np.uint8)
        self._ends = np.zeros(1 << 10, dtype=np.int64)

    def _held(self) -> Iterator[np.ndarray]:
        from olearn.traces._kernels import hash_texts

        for start in range(0, self.count, PIECE):
            stop = min(start + PIECE, self.count)
            hashes = np.empty(stop - start, dtype=np.uint64)
            hash_texts(self._known, self._ends[start : stop + 1], hashes)
            yield hashes

    def add(self, texts: Any) -> np.ndarray:
        """The ids of a pyarrow array of strings."""
        from olearn.traces._kernels import hash_texts, intern_texts

        out = np.empty(len(texts), dtype=np.int32)
        for start in range(0, len(texts), PIECE):
            data, ends = text_buffers(texts.slice(start, PIECE))
            hashes = np.empty(ends.size - 1, dtype=np.uint64)
            hash_texts(data, ends, hashes)
            self._make_room(hashes.size)
            _widen(self._known, int(self._ends[self.count]) + int(ends[-1]))
            _widen(self._ends, self.count + hashes.size + 1)
            items = out[start : start + PIECE]
            self.count = intern_texts(
                data, ends, hashes, self._table, self._known, self._ends, self.count, items
            )
        return out

    @property
    def nbytes(self) -> int:
        """Bytes held."""
        return self._table.nbytes + self._known.nbytes + self._ends.nbytes

    def buffers(self) -> tuple[np.ndarray, np.ndarray]:
        """The bytes of the distinct texts (UTF-8) and where each one ends, from 0; shapes (B,), (N + 1,)."""
        return self._known[: self._ends[self.count]], self._ends[: self.count + 1]

    def keys(self) -> np.ndarray:
        """The distinct texts so far, by id."""
        return texts_of(*self.buffers())


def text_buffers(texts: Any) -> tuple[np.ndarray, np.ndarray]:
    """The bytes of a pyarrow array of strings and where each text ends, from 0, int64."""
    import pyarrow as pa

    wide = pa.types.is_large_string(texts.type)
    _, offsets, data = texts.buffers()
    ends = np.frombuffer(offsets, np.int64 if wide else np.int32)[texts.offset :][: len(texts) + 1]
    raw = np.frombuffer(data, np.uint8) if data is not None and data.size else np.empty(0, np.uint8)
    return np.array(raw[ends[0] : ends[-1]]), np.subtract(ends, ends[0], dtype=np.int64)


def texts_of(data: np.ndarray, ends: np.ndarray) -> np.ndarray:
    """Texts from their bytes and their ends, an array of objects."""
    raw, stops = data.tobytes(), ends.tolist()
    keys = np.empty(len(stops) - 1, dtype=object)
    for i in range(keys.size):
        keys[i] = raw[stops[i] : stops[i + 1]].decode("utf-8", "surrogatepass")
    return keys


def _widen(array: np.ndarray, need: int) -> None:
    """Make room in place: the system moves large arrays without copying them."""
    if need > array.size:
        array.resize(max(need, array.size + array.size // 4), refcheck=False)


def compiled_pays(requests: int) -> bool:
    """Whether to intern in compiled code: not where the compiler would have to be loaded for it."""
    return requests >= MANY and "numba" in sys.modules


def _many(keys: np.ndarray) -> tuple[np.ndarray, np.ndarray] | None:
    """Dense ids of many integers; None where pyarrow is as fast."""
    if not compiled_pays(keys.size):
        return None
    kind = np.uint64 if keys.dtype.kind == "u" else np.int64
    low, high = int(keys.min()), int(keys.max())
    span = high - low + 1
    if span > min(2 * keys.size, MAX_REQUESTS):
        interner = Interner(kind)
        items = np.empty(keys.size, dtype=np.int32)
        for start in range(0, keys.size, PIECE):
            piece = slice(start, start + PIECE)
            interner.add(keys[piece], items[piece])
        return items, interner.keys()
    from olearn.traces._kernels import relabel

    items = np.subtract(keys, keys.dtype.type(low)).astype(np.int32)
    order = np.empty(min(span, keys.size), dtype=np.int32)
    count = relabel(items, np.full(span, -1, dtype=np.int32), order)
    return items, narrowest_keys(order[:count].astype(keys.dtype) + keys.dtype.type(low))


def _by_arrow(keys: Any) -> tuple[np.ndarray, np.ndarray]:
    import pyarrow as pa

    if isinstance(keys, np.ndarray):
        keys = np.ascontiguousarray(keys)
        if not keys.dtype.isnative:
            keys = keys.astype(keys.dtype.newbyteorder("="))
    if not isinstance(keys, (pa.Array, pa.ChunkedArray)):
        keys = pa.array(keys)
    _check_length(len(keys))
    if pa.types.is_integer(keys.type) and not keys.null_count and compiled_pays(len(keys)):
        found = _many(keys.to_numpy())
        if found is not None:
            return found
    if keys.null_count:
        raise TraceError(f"every request needs a key, got {keys.null_count} empty ones")
    encoded = keys.dictionary_encode()
    chunks = encoded.chunks if isinstance(encoded, pa.ChunkedArray) else [encoded]
    # The chunks of one dictionary_encode share the dictionary as it stood when each one ended.
    values = chunks[-1].dictionary
    items = np.empty(len(keys), dtype=np.int32)
    start = 0
    for chunk in chunks:
        items[start : start + len(chunk)] = chunk.indices.to_numpy()
        start += len(chunk)
    if pa.types.is_integer(values.type):
        return items, narrowest_keys(values.to_numpy())
    return items, values.to_numpy(zero_copy_only=False).astype(object)


def narrowest_keys(keys: np.ndarray) -> np.ndarray:
    """Integer keys as int64 where all fit, else as uint64: equal keys look equal from any source."""
    if keys.dtype.kind == "u" and keys.dtype.itemsize == 8 and int(keys.max()) > np.iinfo(np.int64).max:
        return np.array(keys, dtype=np.uint64)
    return np.array(keys, dtype=np.int64)


def _by_dict(values: list[Any]) -> tuple[np.ndarray, np.ndarray]:
    if set(map(type, values)) == {str}:
        return _by_arrow(values)
    known: dict[Any, int] = {}
    items = np.empty(len(values), dtype=np.int32)
    for position, value in enumerate(values):
        if value is None or value != value:  # NaN, in any of its types
            raise TraceError(f"every request needs a key, got {value!r} at position {position}")
        try:
            items[position] = known.setdefault(value, len(known))
        except TypeError:
            raise TraceError(
                f"keys must be hashable, got {type(value).__name__} at position {position}"
            ) from None
    return items, _objects(list(known))
