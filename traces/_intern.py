"""From the keys of requests to dense ids: 0, 1, 2, ... in order of first appearance.

Integer and string keys go through pyarrow's hash table (20 M 64-bit keys in 0.8 s), anything else
hashable through a dict. Keys come back as int64 where they fit, else uint64, else as objects.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from olearn.errors import TraceError

#: Ids are int32, and one value is kept free for "none".
MAX_REQUESTS = 2**31 - 2
#: From this many requests on, a compiled loop pays for loading the compiler.
_MANY = 1 << 18


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
        return _by_table(keys) or _by_arrow(keys)
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


def _by_table(keys: np.ndarray) -> tuple[np.ndarray, np.ndarray] | None:
    """Many integers from a short range: a table of the range is faster than hashing (0.3 s for 20 M).

    None where that does not pay: few requests, or a range that is longer than the trace.
    """
    if keys.size < _MANY:
        return None
    low, high = int(keys.min()), int(keys.max())
    span = high - low + 1
    if span > min(2 * keys.size, MAX_REQUESTS):
        return None
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
    if pa.types.is_integer(keys.type) and not keys.null_count and len(keys) >= _MANY:
        found = _by_table(keys.to_numpy())
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
