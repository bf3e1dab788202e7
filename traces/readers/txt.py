"""Plain text, one id a line: whole numbers or any text; blank lines are skipped."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import PurePath

from olearn.traces._files import Source
from olearn.traces._gather import Block
from olearn.traces.readers._base import Reader, head_lines
from olearn.traces.readers._table import Layout, read_blocks

#: A separator that no text holds, so that a line is one field.
WHOLE_LINE = "\x1f"


class Txt(Reader):
    """One id a line."""

    name = "txt"
    extensions = (".txt", ".ids")
    description = "text, an id a line (blanks within an id are part of it)"
    example = "42932745"
    text = True

    def sniff(self, head: bytes, path: PurePath) -> float:
        lines = head_lines(head)
        if not lines or any(c in line for line in lines for c in "\t{"):
            return 0.0
        if any(len(line.split()) != 1 for line in lines):
            # A line is an id where blanks do not cut all lines alike; else it may be a table.
            ragged = len({len(line.split()) for line in lines}) > 1
            plain = not any(c in line for line in lines for c in ",;|")
            return (0.35 if ragged else 0.25) * plain
        if any(c in line for line in lines for c in ",;"):
            return 0.1
        return 0.5 + 0.2 * self.named(path) + 0.1 * all(line.strip().isdigit() for line in lines)

    def blocks(self, source: Source) -> Iterator[Block | None]:
        lines = head_lines(source.head, strict=False)
        source.told["columns"] = {"item": "the line"}
        if any(len(line.split()) > 1 for line in lines):
            source.note("ids contain blanks: every line is one id")
        yield from read_blocks(source, Layout(WHOLE_LINE, {"item": 0}, 1), lines)
