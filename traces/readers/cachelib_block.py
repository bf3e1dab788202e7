"""CacheLib's block traces (Tectonic): a header with ``block_id``, ``io_size``, ``io_offset``, ``op_name``.

Reads are ``getChunkData``, writes ``putChunk``; a row stands for ``op_count`` operations. An item is a
block of the file system (8 MiB), its size the bytes asked for; with ``block`` the range from
``io_offset`` on is split, and an item is ``block_id:part``.
"""

from __future__ import annotations

from collections.abc import Iterator

from olearn.traces._files import Source
from olearn.traces._gather import Block
from olearn.traces.readers._blocks import block_size, split_ranges
from olearn.traces.readers._table import read_blocks
from olearn.traces.readers._tabular import Tabular

_NAMES = {"block_id": "item", "op_name": "operation", "io_size": "size", "op_count": "count", "op_time": "time"}


class CachelibBlock(Tabular):
    """Block storage of Meta, as CacheLib's benchmark reads it."""

    name = "cachelib-block"
    extensions = (".csv",)
    description = "text with a header: op_time,block_id,...,io_size,io_offset,...,op_name,op_count (CacheLib)"
    example = "1702511878,12ce23eaa5534a38-9e05ce05bc10d4d0,40,8388608,0,42,34,getChunkData.Permanent,1,51,4"
    fields = (4, 40)

    def header(self, names: list[str]) -> dict[str, int] | None:
        if not {"block_id", "io_size", "io_offset", "op_name"} <= set(names):
            return None
        found = {role: names.index(name) for name, role in _NAMES.items() if name in names}
        return found | {"offset": names.index("io_offset")}

    def fits(self, row: list[str]) -> bool:
        return True

    def blocks(self, source: Source, block: str | int | None = None) -> Iterator[Block | None]:
        """Read the file.

        Parameters
        ----------
        block : str or int, optional
            Bytes of a part of a block, for ranges; by default blocks of the file system stay whole.
        """
        size = block_size(block, None)
        layout, lines = self.found(source)
        columns = dict(layout.columns)
        offset = columns.pop("offset")
        source.told["columns"].pop("offset")
        if size is None:
            yield from read_blocks(source, layout._replace(columns=columns), lines)
            return
        columns["volume"], columns["item"] = columns["item"], offset
        for part in read_blocks(source, layout._replace(columns=columns), lines):
            if part is None:
                yield None
            else:
                yield from split_ranges(source, part, size)
        source.told["block"] = size
