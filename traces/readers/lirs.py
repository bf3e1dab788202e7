"""The traces of the LIRS paper: one block number a line; a line ``*`` is a break and no request."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import PurePath

from olearn.traces._files import Source
from olearn.traces._gather import Block
from olearn.traces.readers._base import Reader, head_lines
from olearn.traces.readers._table import Layout, read_blocks
from olearn.traces.readers.txt import WHOLE_LINE


class Lirs(Reader):
    """Block numbers with breaks."""

    name = "lirs"
    extensions = (".trc", ".trace")
    description = "text, a block number a line, '*' is a break (LIRS)"
    example = "4232"
    text = True

    def sniff(self, head: bytes, path: PurePath) -> float:
        lines = [line.strip() for line in head_lines(head)]
        blocks = [line for line in lines if line != "*"]
        if not blocks or not all(b.isdigit() for b in blocks):
            return 0.0
        return 0.9 if len(blocks) < len(lines) else 0.5 + 0.2 * self.named(path)

    def blocks(self, source: Source) -> Iterator[Block | None]:
        blocks = [line for line in head_lines(source.head, strict=False) if line.strip() != "*"]
        source.told["columns"] = {"item": "the line"}
        yield from read_blocks(source, Layout(WHOLE_LINE, {"item": 0}, 1, ignore="*"), blocks)
