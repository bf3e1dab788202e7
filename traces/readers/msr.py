"""MSR Cambridge block traces (FAST 2008, SNIA): time, host, disk, Read or Write, offset, bytes, response time.

Times are Windows file times (units of 100 ns since 1601); offsets and lengths are bytes. Ranges are
split into blocks; an item is ``host.disk:block``.
"""

from __future__ import annotations

from olearn.traces.readers._table import is_whole
from olearn.traces.readers._tabular import BlockDevice

_NAMES = ("timestamp", "hostname", "disknumber", "type", "offset", "size", "responsetime")


class Msr(BlockDevice):
    """Block I/O of servers at MSR Cambridge."""

    name = "msr"
    extensions = (".csv",)
    description = (
        "text, 'time,host,disk,Read|Write,offset,bytes,response time' (MSR Cambridge), split into blocks"
    )
    example = "128166372003061629,usr,0,Read,7014609920,24576,41286"
    fields = (7, 7)
    columns = {"time": 0, "volume": 1, "volume2": 2, "operation": 3, "item": 4, "size": 5}

    def fits(self, row: list[str]) -> bool:
        return row[3].isalpha() and all(is_whole(row[k]) for k in (0, 4, 5))

    def likely(self, row: list[str]) -> bool:
        return row[3].lower() in ("read", "write")

    def header(self, names: list[str]) -> dict[str, int] | None:
        return self.columns if names == list(_NAMES) else None
