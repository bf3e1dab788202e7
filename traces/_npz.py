"""olearn's own compact format: a compressed ``.npz`` that holds a trace with its ids already dense.

Members: ``olearn_trace`` (the version, first so that the file is recognised), ``items`` (0 at the
first request of an item, else its id plus 1, in the narrowest type: deflate packs it better than the
ids), ``keys`` (or ``key_bytes`` and ``key_lengths`` for strings, UTF-8), ``times`` (or ``time_steps``,
the differences, where times never decrease), ``sizes`` and ``costs`` (or ``item_sizes``,
``item_costs`` where they are the same at every request of an item), ``name``. Nothing is pickled.
"""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np

from olearn.errors import NotSupportedError, TraceError
from olearn.traces._files import said, write_whole
from olearn.traces._limits import check_memory
from olearn.traces._trace import Trace

#: Version 2 has operations or times to live; a trace without them is written as version 1.
VERSION = 2
MARK = b"olearn_trace.npy"


def save(trace: Trace, path: str | Path) -> Path:
    """Write `trace`, whole or not at all."""
    members = encode(trace)
    return write_whole(path, lambda file: write(file, members))


def write(file: BinaryIO, members: dict[str, np.ndarray]) -> None:
    """Write the members of :func:`encode` to an open file."""
    # typed loosely: NumPy's stub takes the member names for its own parameters
    savez: Any = np.savez_compressed
    buffer = io.BytesIO()  # a zip needs to go back, pipes and compressors can't
    savez(buffer, **members)
    file.write(buffer.getbuffer())


def encode(trace: Trace) -> dict[str, np.ndarray]:
    """The members of the file, in order."""
    codes = trace.items + np.int32(1)
    codes[trace.first_requests] = 0
    version = 1 if trace.operations is None and trace.ttl is None else VERSION
    members = {"olearn_trace": np.array(version, np.uint8), "items": narrow(codes)}
    members |= _encode_keys(trace.keys)
    if trace.times is not None:
        steps = np.diff(trace.times, prepend=trace.times.dtype.type(0))
        if trace.times.dtype.kind == "i" and steps.min() >= 0:
            members["time_steps"] = narrow(steps)
        else:
            members["times"] = trace.times
    for name in ("operations", "ttl"):
        if getattr(trace, name) is not None:
            members[name] = getattr(trace, name)
    for name, column in (("sizes", trace.sizes), ("costs", trace.costs)):
        if column is None:
            continue
        one = column[trace.first_requests]
        constant = np.array_equal(one[trace.items], column)
        values = one if constant else column
        members[f"item_{name}" if constant else name] = narrow(values) if values.dtype.kind == "i" else values
    members["name"] = np.frombuffer(trace.name.encode("utf-8", "surrogatepass"), np.uint8)
    return members


def narrow(values: np.ndarray) -> np.ndarray:
    """Non-negative whole numbers in the narrowest unsigned type."""
    return values.astype(np.min_scalar_type(int(values.max())))


def _encode_keys(keys: np.ndarray) -> dict[str, np.ndarray]:
    if keys.dtype != object:
        return {"keys": keys}
    if any(type(k) is not str for k in keys):
        raise NotSupportedError("only traces with integer or string keys can be saved, got other objects")
    texts = [k.encode("utf-8", "surrogatepass") for k in keys]
    return {
        "key_bytes": np.frombuffer(b"".join(texts), np.uint8),
        "key_lengths": narrow(np.array([len(t) for t in texts], np.int64)),
    }


def decode(file: Any) -> Trace:
    """The trace of an open ``.npz`` (a path or a seekable binary file).

    Raises
    ------
    TraceError
        Not such a file, of a later version, or damaged.
    """
    try:
        with np.load(file, allow_pickle=False) as archive:
            plain = sum(member.file_size for member in archive.zip.infolist())
            check_memory(3 * plain, "an npz of this size takes")
            members = {name: archive[name] for name in archive.files}
    except TraceError:
        raise
    except Exception as error:  # zip and header parsers raise whatever they meet in a damaged file
        raise TraceError(f"corrupt or truncated npz ({said(error)})") from None
    if "olearn_trace" not in members:
        raise TraceError(f"an npz, but not a trace of olearn's: it holds {', '.join(members) or 'nothing'}")
    mark = members["olearn_trace"]
    if mark.shape != () or mark.dtype.kind not in "iu":
        raise TraceError(f"damaged npz trace (its version is {said(ValueError(str(mark)))})")
    version = int(mark)
    if version > VERSION:
        raise TraceError(f"npz trace of version {version}; this olearn reads up to version {VERSION}")
    try:
        return _assemble(members)
    except TraceError:
        raise
    except Exception as error:  # whatever a flipped bit leads to
        raise TraceError(f"damaged npz trace ({type(error).__name__}: {str(error)[:80]})") from None


def _assemble(members: dict[str, np.ndarray]) -> Trace:
    codes = members["items"]
    if codes.dtype.kind not in "iu" or codes.ndim != 1:
        raise TraceError(f"damaged npz trace (its items are {codes.dtype} of shape {codes.shape})")
    if codes.size and int(codes.max()) > codes.size:
        raise TraceError(f"damaged npz trace (its items go to {codes.max()}, it has {codes.size} requests)")
    items = codes.astype(np.int32) - np.int32(1)
    fresh = np.flatnonzero(codes == 0)
    items[fresh] = np.arange(fresh.size, dtype=np.int32)
    keys = members["keys"] if "keys" in members else _decode_keys(members)
    times = members.get("times")
    if "time_steps" in members:
        times = np.cumsum(members["time_steps"], dtype=np.int64)
    columns: list[np.ndarray | None] = []
    for name in ("sizes", "costs"):
        one = members.get(f"item_{name}")
        columns.append(members.get(name) if one is None else one[items])
    name = members["name"].tobytes().decode("utf-8", "surrogatepass") if "name" in members else "trace"
    more: dict[str, Any] = {part: members.get(part) for part in ("operations", "ttl")}
    return Trace(items, keys, columns[0], times, columns[1], name=name, **more)


def _decode_keys(members: dict[str, np.ndarray]) -> np.ndarray:
    text = members["key_bytes"].tobytes()
    ends = np.cumsum(members["key_lengths"], dtype=np.int64).tolist()
    keys = np.empty(len(ends), dtype=object)
    start = 0
    for position, end in enumerate(ends):
        keys[position] = text[start:end].decode("utf-8", "surrogatepass")
        start = end
    return keys
