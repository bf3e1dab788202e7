"""Writing traces: olearn's ``npz``, ``csv``, ``txt`` and libCacheSim's ``oracleGeneral``.

A file is written whole or not at all. A key or a number that a format can't hold is an error, never a
silent change; columns for which it has no place are left out, and :func:`left_out` says which. In
``oracleGeneral``, text keys become their dense ids, and a trace without times or sizes gets the
position and 1.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np

from olearn.errors import NotSupportedError, nearest, unknown
from olearn.traces import _npz
from olearn.traces._files import compression_of, write_whole
from olearn.traces._trace import Trace
from olearn.traces.operations import NAMES
from olearn.traces.readers.oracle_general import RECORD

_CHUNK = 1 << 20


def save(trace: Trace, path: str | Path, format: str | None = None) -> Path:
    """Write a trace to a file, replacing one that is there.

    Parameters
    ----------
    trace : Trace
        The trace.
    path : path-like or str
        The file; an ending .gz, .xz or .zst compresses it.
    format : str, optional
        One of :data:`WRITERS`; by default seen from the ending.

    Returns
    -------
    Path

    Raises
    ------
    UnknownNameError
        No such format, or an ending that belongs to none.
    NotSupportedError
        The format can't hold this trace.

    See Also
    --------
    left_out : what a format has no place for.

    Examples
    --------
    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = save(Trace.from_keys([5, 3, 5], sizes=[1, 2, 1]), Path(folder, "small.csv"))
    ...     print(path.read_text())
    item,size
    5,1
    3,2
    5,1
    <BLANKLINE>
    """
    name = format_of(path, format)
    return write_whole(path, lambda file: WRITERS[name](trace, file))


def left_out(trace: Trace, format: str) -> list[str]:
    """What of a trace a format has no place for, in words; empty if it holds everything.

    Examples
    --------
    >>> left_out(Trace.from_keys(["a"], sizes=[1], times=[0.5]), "txt")
    ['sizes', 'times']
    >>> left_out(Trace.from_keys(["a"], sizes=[1], times=[0.5]), "oracleGeneral")
    ['fractions of times', 'text keys (ids from 0 stand for them)']
    """
    columns = trace.columns()[1:]
    if format == "txt":
        return columns
    if format != "oracleGeneral":
        return []
    lost = [name for name in columns if name not in ("sizes", "times")]
    if (
        trace.times is not None
        and trace.times.dtype.kind == "f"
        and (np.floor(trace.times) != trace.times).any()
    ):
        lost.append("fractions of times")
    if trace.keys.dtype == object:
        lost.append("text keys (ids from 0 stand for them)")
    elif trace.keys.min() < 0:
        lost.append("negative keys (ids from 0 stand for them)")
    return lost


def format_of(path: str | Path, format: str | None = None) -> str:
    """The writer's name for a format or, without one, for a file's ending."""
    folded = {n.lower(): n for n in WRITERS}
    if format is not None:
        if format.lower() not in folded:
            raise unknown("format to write", format, WRITERS)
        return folded[format.lower()]
    plain = Path(path).with_suffix("") if compression_of(path) else Path(path)
    ending = "".join(plain.suffixes[-2:]).lower()
    for lower, name in folded.items():
        if ending.endswith("." + lower) or ending == f".{lower}.bin":
            return name
    last = plain.suffix
    raise NotSupportedError(
        f"the ending {last!r} belongs to no format to write{nearest(last.lstrip('.'), WRITERS)}; "
        f"give one of: {', '.join(WRITERS)}"
    )


def _write_npz(trace: Trace, file: BinaryIO) -> None:
    _npz.write(file, _npz.encode(trace))


def _line_keys(trace: Trace, forbidden: str = "") -> None:
    """Refuse text keys that would not come back from a text file as they are."""
    if trace.keys.dtype != object:
        return
    for key in trace.keys:
        text = str(key)
        if not text or text != text.strip() or any(c < " " or c in forbidden for c in text):
            raise NotSupportedError(f"the key {key!r} can't be written to a text file; use npz")


def _write_txt(trace: Trace, file: BinaryIO) -> None:
    _line_keys(trace)
    lines = [f"{key}\n".encode() for key in trace.keys.tolist()]
    for start in range(0, len(trace), _CHUNK):
        file.write(b"".join([lines[i] for i in trace.items[start : start + _CHUNK].tolist()]))


def _write_csv(trace: Trace, file: BinaryIO) -> None:
    import pyarrow as pa
    import pyarrow.csv

    _line_keys(trace, '"')
    if trace.keys.dtype == object:
        for key in trace.keys:  # the reader mends numbers with blanks inside
            if re.fullmatch(r"-?\d+(\s+\d+)+", str(key)):
                raise NotSupportedError(f"the key {key!r} can't be written as csv; use npz")
    keys = pa.array(trace.keys if trace.keys.dtype != object else [str(k) for k in trace.keys])
    columns = {"time": trace.times, "item": trace.items, "size": trace.sizes, "cost": trace.costs}
    columns |= {"operation": trace.operations, "ttl": trace.ttl}
    used = {name: column for name, column in columns.items() if column is not None}
    # pyarrow's "needed" puts quotes around every text.
    comma = trace.keys.dtype == object and any("," in str(k) for k in trace.keys)
    style = pyarrow.csv.WriteOptions(include_header=False, quoting_style="needed" if comma else "none")
    file.write((",".join(used) + "\n").encode())
    for start in range(0, len(trace), _CHUNK):
        part: dict[str, Any] = {n: pa.array(c[start : start + _CHUNK]) for n, c in used.items()}
        part["item"] = keys.take(part["item"])
        if "operation" in part:
            part["operation"] = pa.array(NAMES).take(part["operation"])
        pyarrow.csv.write_csv(pa.table(part), file, style)


def _write_oracle_general(trace: Trace, file: BinaryIO) -> None:
    keys = trace.keys
    if keys.dtype == object or keys.min() < 0:
        keys = np.arange(trace.catalog_size, dtype=np.uint64)
    top = np.iinfo(np.uint32).max
    for name, column in (("size", trace.sizes), ("time", trace.times)):
        if column is not None and column.max() > top:
            raise NotSupportedError(
                f"oracleGeneral holds 32-bit {name}s: {column.max()} is above {top}; use npz or csv"
            )
    nexts = trace.next_use()
    for start in range(0, len(trace), _CHUNK):
        part = slice(start, min(start + _CHUNK, len(trace)))
        records = np.zeros(part.stop - start, RECORD)
        records["id"] = keys[trace.items[part]]
        records["size"] = 1 if trace.sizes is None else trace.sizes[part]
        records["time"] = np.arange(start, part.stop) if trace.times is None else trace.times[part]
        after = nexts[part].astype(np.int64)
        records["next"] = np.where(after == len(trace), -1, after + 1)  # ordinals count from 1
        file.write(records.tobytes())


#: Name of each format that can be written.
WRITERS: dict[str, Callable[[Trace, BinaryIO], None]] = {
    "npz": _write_npz,
    "csv": _write_csv,
    "txt": _write_txt,
    "oracleGeneral": _write_oracle_general,
}
