"""Alibaba's block traces (IISWC 2020): device, R or W, offset, length, time.

Offsets and lengths are bytes, times microseconds since 1970. Ranges are split into blocks; an item is
``device:block``.
"""

from __future__ import annotations

from olearn.traces.readers._table import is_whole
from olearn.traces.readers._tabular import BlockDevice

_NAMES = {"device_id": "volume", "opcode": "operation", "offset": "item", "length": "size", "timestamp": "time"}


class AlibabaBlock(BlockDevice):
    """Block I/O of Alibaba's cloud disks."""

    name = "alibaba-block"
    extensions = (".csv",)
    description = "text, 'device,R|W,offset,length,time' (Alibaba's block traces), split into blocks"
    example = "419,W,8792731648,16384,1577808144360767"
    fields = (5, 5)
    columns = {"volume": 0, "operation": 1, "item": 2, "size": 3, "time": 4}

    def header(self, names: list[str]) -> dict[str, int] | None:
        return {r: names.index(n) for n, r in _NAMES.items()} if set(_NAMES) <= set(names) else None

    def fits(self, row: list[str]) -> bool:
        return sum(map(is_whole, row)) >= 3 and any(len(f) == 1 and f.isalpha() for f in row)

    def likely(self, row: list[str]) -> bool:
        return "R" in row or "W" in row
