"""webcachesim's text format: ``time id size`` and any number of features, separated by blanks."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import PurePath

from olearn.traces._files import Source
from olearn.traces._gather import Block
from olearn.traces.readers._base import Reader, head_lines
from olearn.traces.readers._table import Layout, ascending, is_number, is_whole, read_blocks


class Webcachesim(Reader):
    """Request traces with sizes, as in webcachesim, AdaptSize and LRB; features are not read."""

    name = "webcachesim"
    extensions = (".tr",)
    description = "text, 'time id size [features]' a line (webcachesim, AdaptSize, LRB)"
    example = "109 26 1"
    text = True

    def sniff(self, head: bytes, path: PurePath) -> float:
        rows = [line.split() for line in head_lines(head)]
        if not rows or len(rows[0]) < 3 or any(len(r) != len(rows[0]) for r in rows):
            return 0.0
        if not all(is_number(r[0]) and is_whole(r[2]) and "," not in r[1] for r in rows):
            return 0.0
        return 0.4 + 0.3 * ascending([r[0] for r in rows]) + 0.1 * self.named(path)

    def blocks(self, source: Source) -> Iterator[Block | None]:
        lines = head_lines(source.head, strict=False)
        if not lines:
            raise source.error("byte 0: not a text file")
        width = len(lines[0].split())
        if width < 3:
            raise source.error(f"line 1: expected at least 3 fields (time, id, size), got {width}")
        single = all(" ".join(line.split()) == line for line in lines)
        source.told["columns"] = {"time": 1, "item": 2, "size": 3}
        if width > 3:
            source.note(f"{width - 3} columns of features are not read")
        layout = Layout(" ", {"item": 1, "size": 2, "time": 0}, width, collapse=not single)
        yield from read_blocks(source, layout, lines)
