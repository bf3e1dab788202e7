"""Tencent's block traces (ATC 2020, SNIA): time, offset, size, 0 or 1, volume.

Times are seconds since 1970, offsets and sizes count sectors of 512 bytes, 0 reads and 1 writes.
Ranges are split into blocks; an item is ``volume:block``.
"""

from __future__ import annotations

from typing import ClassVar

from olearn.traces.readers._table import is_whole
from olearn.traces.readers._tabular import BlockDevice

_NAMES = {"timestamp": "time", "offset": "item", "size": "size", "iotype": "operation", "volumeid": "volume"}
#: Times between 2001 and 2033 tell these five numbers from others.
_EARLY, _LATE = 10**9, 2 * 10**9


class TencentBlock(BlockDevice):
    """Block I/O of Tencent's cloud volumes."""

    name = "tencent-block"
    extensions = (".csv",)
    description = "text, 'time,offset,size,0|1,volume' in sectors of 512 bytes (Tencent), split into blocks"
    example = "1538323200,12910952,128,0,1063"
    fields = (5, 5)
    columns = {"time": 0, "item": 1, "size": 2, "operation": 3, "volume": 4}
    codes: ClassVar[dict[str, str]] = {"0": "read", "1": "write"}
    unit = 512

    def header(self, names: list[str]) -> dict[str, int] | None:
        return {r: names.index(n) for n, r in _NAMES.items()} if set(_NAMES) <= set(names) else None

    def fits(self, row: list[str]) -> bool:
        return all(map(is_whole, row)) and len(row[3]) == 1 and _EARLY <= int(row[0]) <= _LATE

    def likely(self, row: list[str]) -> bool:
        return row[3] in self.codes
