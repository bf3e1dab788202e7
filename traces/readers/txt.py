"""Plain text, one id a line: whole numbers or any text; blank lines are skipped."""

from __future__ import annotations

from pathlib import PurePath

from olearn.traces._files import Source
from olearn.traces._trace import Trace
from olearn.traces.readers._base import Reader, head_lines
from olearn.traces.readers._table import Layout, read_table

#: A separator that no text holds, so that a line is one field.
WHOLE_LINE = "\x1f"


class Txt(Reader):
    """One id a line."""

    name = "txt"
    extensions = (".txt", ".ids")
    description = "text, an id a line"

    def sniff(self, head: bytes, path: PurePath) -> float:
        lines = head_lines(head)
        if not lines or any(len(line.split()) != 1 for line in lines):
            return 0.0
        if any(c in line for line in lines for c in ",;{"):
            return 0.2
        return 0.5 + 0.2 * self.named(path) + 0.1 * all(line.strip().isdigit() for line in lines)

    def read(self, source: Source) -> Trace:
        lines = head_lines(source.head, strict=False)
        return read_table(source, Layout(WHOLE_LINE, {"item": 0}, 1), lines)
