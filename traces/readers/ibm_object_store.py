"""IBM's object-store traces (HotStorage 2020, SNIA): time, operation, object, size.

Published with blanks between the fields and operations such as ``REST.GET.OBJECT`` (the size may be
missing, the range asked for may follow), and passed on as CSV with codes that a comment explains:
0 put, 1 get, 2 delete, 3 head, 4 copy. Times are milliseconds. The size is the object's, whatever range
is asked for; a read of size 0 takes the object's size known before or, before one is known, the next.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import PurePath

import numpy as np

from olearn.traces._files import Source
from olearn.traces._gather import Block, Plan
from olearn.traces.operations import code_of
from olearn.traces.readers._base import head_lines
from olearn.traces.readers._table import is_number, is_whole
from olearn.traces.readers._tabular import Tabular

_CODES = {"0": "put", "1": "get", "2": "delete", "3": "head", "4": "copy"}
_ROWS = 1 << 16


class IbmObjectStore(Tabular):
    """Requests to IBM's cloud object store."""

    name = "ibm-object-store"
    extensions = (".csv", ".ibm")
    description = "text, 'time operation object size [range]', operations REST.GET.OBJECT or codes 0 to 4 (IBM)"
    example = "1219008 REST.PUT.OBJECT 8d4fcda3d675bac9 1056"
    fields = (4, 4)
    columns = {"time": 0, "operation": 1, "item": 2, "size": 3}
    codes = _CODES
    plan = Plan(repair_sizes=True)

    def fits(self, row: list[str]) -> bool:
        return is_number(row[0]) and is_whole(row[1]) and is_number(row[3])

    def likely(self, row: list[str]) -> bool:
        return row[1] in _CODES

    def sniff(self, head: bytes, path: PurePath) -> float:
        if _is_rest(head):
            return 0.97
        comment = " ".join(line for line in head_lines(head) if line.startswith("#")).lower()
        explained = all(word in comment for word in ("put", "get"))
        return 0.97 if explained and self.layout(head) is not None else 0.0

    def blocks(self, source: Source) -> Iterator[Block | None]:
        if _is_rest(source.head):
            source.plan = self.plan
            source.told["columns"] = {role: place + 1 for role, place in self.columns.items()}
            yield from _rest(source)
        else:
            yield from super().blocks(source)


def _is_rest(head: bytes) -> bool:
    rows = [line.split() for line in head_lines(head) if not line.startswith("#")]
    return bool(rows) and all(len(r) >= 3 and is_number(r[0]) and r[1].startswith("REST.") for r in rows)


def _rest(source: Source) -> Iterator[Block]:
    """The published form: three to six fields a line."""
    rows: list[tuple[str, int, int, float]] = []
    lines: list[int] = []
    for number, line in source.lines():
        fields = line.split()
        if not fields or line.startswith("#"):
            continue
        code = code_of(fields[1]) if len(fields) > 1 else None
        if not 3 <= len(fields) <= 6 or not is_number(fields[0]):
            raise source.error(
                f"line {number}: expected 'time operation object size [range]', got {line[:60]!r}"
            )
        if code is None:
            raise source.error(f"line {number}: unknown operation {fields[1]!r}")
        if len(fields) > 3 and (not is_whole(fields[3]) or len(fields[3]) > 18):
            raise source.error(f"line {number}: the size must be a whole number, got {fields[3][:40]!r}")
        rows.append((fields[2], int(fields[3]) if len(fields) > 3 else 0, code, float(fields[0])))
        lines.append(number)
        if len(rows) == _ROWS:
            yield _made(source, rows, lines)
            rows, lines = [], []
    if rows:
        yield _made(source, rows, lines)


def _made(source: Source, rows: list[tuple[str, int, int, float]], lines: list[int]) -> Block:
    import pyarrow as pa

    base = source.rows
    source.rows += len(rows)
    source.where = lambda position: f"line {lines[position - base]}"
    keys, sizes, codes, times = zip(*rows)
    moments = np.array(times)
    if np.isfinite(moments).all() and (np.floor(moments) == moments).all() and moments.max() < 2**53:
        moments = moments.astype(np.int64)
    return Block(
        pa.array(keys, pa.string()), np.array(sizes, np.int64), moments, operations=np.array(codes, np.uint8)
    )
