"""Ranges of blocks, as block devices ask for them, as one request a block."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from olearn.traces._files import Source
from olearn.traces._gather import Block
from olearn.traces._intern import MAX_REQUESTS
from olearn.traces._limits import check_memory, parse_bytes

#: Size of a block where the user gives none.
DEFAULT_BLOCK = "4kb"
#: Requests of an expanded piece.
_PIECE = 1 << 20


def block_size(text: str | int | None, default: str | None = DEFAULT_BLOCK) -> int | None:
    """``4kb`` as a number of bytes; None for ``none``: ranges stay whole."""
    text = default if text is None else text
    return None if text is None or str(text).lower() == "none" else parse_bytes(text, "a block")


def expanded(counts: np.ndarray) -> Iterator[tuple[slice, np.ndarray, np.ndarray]]:
    """Rows that stand for several blocks each, in pieces: (rows, row of each block, its place in the row)."""
    ends = np.cumsum(counts)
    start = 0
    while start < counts.size:
        base = int(ends[start - 1]) if start else 0
        stop = max(start + 1, int(np.searchsorted(ends, base + _PIECE, side="right")))
        part = counts[start:stop]
        rows = np.repeat(np.arange(part.size), part)
        places = np.arange(rows.size) - np.repeat(np.cumsum(part) - part, part)
        yield slice(start, stop), rows, places
        start = stop


def ranges(starts: np.ndarray, counts: np.ndarray) -> Iterator[Block]:
    """The blocks start, start + 1, ... of each range."""
    for part, rows, places in expanded(counts):
        yield Block(starts[part][rows] + places)


def split_ranges(source: Source, block: Block, size: int | None, unit: int = 1) -> Iterator[Block]:
    """Ranges as the blocks of `size` bytes that they touch; keys ``volume:block`` or ``block``.

    Parameters
    ----------
    block : Block
        Its keys are offsets and its sizes lengths, both in `unit` bytes; a range of length 0 touches one
        block.
    size : int or None
        None: a range is one request for ``volume:offset``, with its length as the size.
    """
    offsets, lengths = _bytes(source, "offset", block.keys, unit), _bytes(source, "length", block.sizes, unit)
    if size is None:
        yield block._replace(keys=_named(offsets, block.volumes), sizes=lengths, volumes=None)
        return
    first = offsets // size
    counts = (offsets + np.maximum(lengths, 1) - 1) // size - first + 1
    total = float(counts.sum(dtype=np.float64))
    if total > MAX_REQUESTS:
        raise source.error(f"has more than {MAX_REQUESTS} blocks of {size} bytes; give a larger --block")
    check_memory(int(total) * 24, f"{source}: expands to {total:,.0f} blocks, which take")
    for part, rows, places in expanded(counts):
        names = None if block.volumes is None else block.volumes.slice(part.start, part.stop - part.start)
        keys = _named(first[part][rows] + places, None if names is None else _taken(names, rows))
        columns = {
            name: None if values is None or name == "volumes" else np.asarray(values)[part][rows]
            for name, values in zip(Block._fields[1:], block[1:])
        }
        yield Block(keys, **(columns | {"sizes": np.full(rows.size, size, dtype=np.int64)}))


def _bytes(source: Source, what: str, values: Any, unit: int) -> np.ndarray:
    """Offsets or lengths in bytes as int64, or an error with the line."""
    if not isinstance(values, np.ndarray):  # texts: somewhere in the file one is not written as a number is
        texts = [text.strip() for text in values.to_pylist()]
        values = np.array([int(t) if t.isdecimal() and t.isascii() and len(t) < 19 else -1 for t in texts])
        wrong = np.flatnonzero(values < 0)
        if wrong.size:
            place = source.where(source.rows - values.size + int(wrong[0]))
            raise source.error(
                f"{place}: the {what} must be a whole number from 0, got {texts[wrong[0]][:40]!r}"
            )
    array = np.asarray(values)
    good = (array >= 0) & (array < 2**62 // unit)
    if array.dtype.kind == "f":
        good &= np.floor(array) == array
    if not good.all():
        row = int(np.argmin(good))
        got = array[row]
        place = source.where(source.rows - array.size + row)
        raise source.error(f"{place}: the {what} must be a whole number from 0 to 2^62, got {got}")
    return array.astype(np.int64) * unit


def _taken(names: Any, rows: np.ndarray) -> Any:
    import pyarrow as pa

    return names.take(pa.array(rows))


def _named(numbers: np.ndarray, volumes: Any) -> Any:
    if volumes is None:
        return numbers
    import pyarrow as pa
    import pyarrow.compute as pc

    return pc.binary_join_element_wise(volumes, pa.array(numbers).cast(pa.string()), ":")
