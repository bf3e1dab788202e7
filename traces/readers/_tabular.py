"""Public traces in text with fixed columns: what their readers share."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import PurePath
from typing import ClassVar

from olearn.traces._files import Source
from olearn.traces._gather import Block, Plan
from olearn.traces.readers._base import Reader, head_lines
from olearn.traces.readers._blocks import DEFAULT_BLOCK, block_size, split_ranges
from olearn.traces.readers._table import Layout, read_blocks, split

#: Lines of the head that are looked at.
_LOOK = 200


class Tabular(Reader):
    """Fixed columns; a subclass says which, and by what a line of the format is known."""

    text = True
    has_operations = True
    #: Number of fields, or the fewest and the most.
    fields: ClassVar[tuple[int, int]] = (0, 0)
    delimiter: ClassVar[str] = ","
    #: Role -> position from 0; for formats with a header, see :meth:`header`.
    columns: ClassVar[dict[str, int]] = {}
    codes: ClassVar[dict[str, str] | None] = None
    plan: ClassVar[Plan] = Plan()

    def fits(self, row: list[str]) -> bool:
        """Whether the fields have the form of a row: a file with one that has not is another format."""
        raise NotImplementedError

    def likely(self, row: list[str]) -> bool:
        """Whether the row's operation is one of the format: most must be, and a wrong one is then an error."""
        return True

    def header(self, names: list[str]) -> dict[str, int] | None:
        """The columns of a file whose first line has these names, in lower case; None if not this format."""
        return None

    def layout(self, head: bytes) -> tuple[Layout, list[str]] | None:
        """How the lines are cut, and some of them; None for a file that is not this format."""
        lines = head_lines(head)
        if not lines:
            return None
        skip = 0
        while skip < len(lines) - 1 and lines[skip].startswith("#"):
            skip += 1
        quotes, blank = self.delimiter != " ", self.delimiter == " "
        collapse = blank and any(" ".join(line.split()) != line for line in lines)
        cut = Layout(self.delimiter, {}, 0, quotes=quotes, collapse=collapse)
        first = [name.strip().lower() for name in split(lines[skip], cut)]
        columns = self.header(first)
        if columns is None:
            columns = dict(self.columns)
        else:
            skip += 1
        rows = [split(line, cut) for line in lines[skip : skip + _LOOK]]
        width = len(rows[0]) if rows else len(first)
        if not columns or not self.fields[0] <= width <= self.fields[1]:
            return None
        if any(len(row) != width or not self.fits([f.strip() for f in row]) for row in rows):
            return None
        if not rows and columns == self.columns:
            return None
        if rows and 2 * sum(self.likely([f.strip() for f in row]) for row in rows) < len(rows):
            return None
        physical = _physical_lines(head, skip)
        return cut._replace(columns=columns, width=width, skip=physical, codes=self.codes), lines[skip:]

    def sniff(self, head: bytes, path: PurePath) -> float:
        return 0.97 if self.layout(head) is not None else 0.0

    def found(self, source: Source) -> tuple[Layout, list[str]]:
        """The layout, or an error that says what a line must look like."""
        found = self.layout(source.head)
        if found is None:
            lines = head_lines(source.head, strict=False)
            if not lines:
                raise source.error("byte 0: not a text file")
            raise source.error(f"not in the format {self.name}: a line looks like {self.example!r}")
        source.plan = self.plan
        source.told["columns"] = {role: place + 1 for role, place in found[0].columns.items()}
        return found

    def blocks(self, source: Source) -> Iterator[Block | None]:
        layout, lines = self.found(source)
        yield from read_blocks(source, layout, lines)


class BlockDevice(Tabular):
    """Requests for ranges of a block device, split into blocks."""

    #: Bytes that offsets and lengths count.
    unit: ClassVar[int] = 1

    def blocks(self, source: Source, block: str | int | None = None) -> Iterator[Block | None]:
        """Read the file.

        Parameters
        ----------
        block : str or int, optional
            Bytes of a block; a range becomes a request for each block that it touches. ``none``: a range is
            one request for its offset, with its length as the size.
        """
        size = block_size(block)
        layout, lines = self.found(source)
        rows = made = 0
        for part in read_blocks(source, layout, lines):
            if part is None:
                rows = made = 0
                yield None
                continue
            rows += len(part.keys)
            for piece in split_ranges(source, part, size, self.unit):
                made += len(piece.keys)
                yield piece
        if size is not None:
            asked = "" if block is not None else f" (the default, --block {DEFAULT_BLOCK})"
            source.note(f"{rows:,} ranges are split into {made:,} blocks of {size:,} bytes{asked}")
            source.told["block"] = size


def _physical_lines(head: bytes, skip: int) -> int:
    """Lines of the file before the first row, blank ones included, for `skip` lines that are not blank."""
    if not skip:
        return 0
    text = head.decode("utf-8-sig", "replace").splitlines()
    return [k for k, line in enumerate(text) if line.strip()][skip - 1] + 1
