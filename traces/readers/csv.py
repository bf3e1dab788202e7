"""CSV in any column order, with or without a header, with any of the usual delimiters.

Columns are found by their names in the header (a list of the names in use, below), or named by the
user, by name or by 1-based position. Without a header, two columns are time and item and three are
time, item and size if the first never decreases; anything else has to be named.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import PurePath
from typing import NamedTuple

from olearn.errors import ParameterError, nearest
from olearn.traces._files import Source
from olearn.traces._gather import Block, Plan
from olearn.traces.operations import code_of
from olearn.traces.readers._base import Reader, head_lines
from olearn.traces.readers._blocks import block_size, split_ranges
from olearn.traces.readers._columns import parse_columns
from olearn.traces.readers._names import SYNONYMS, by_name, fold
from olearn.traces.readers._table import (
    ROLES,
    Layout,
    ascending,
    is_date,
    is_number,
    is_whole,
    read_blocks,
    split,
)

#: Columns of traces of requests to language models: they have arrivals and no items.
_TOKENS = {"requesttokens", "responsetokens", "contexttokens", "generatedtokens", "inputtokens", "prompttokens"}
_DELIMITERS = ",\t;|"


class _Form(NamedTuple):
    """What the first lines tell."""

    delimiter: str
    names: list[str]  # of the header, empty without one
    rows: list[str]  # lines of requests
    width: int
    skip: int  # physical lines up to and including the header


class Csv(Reader):
    """Comma-separated values and their relatives."""

    name = "csv"
    extensions = (".csv", ".tsv", ".psv")
    description = "text, columns found by header or given (columns=item=3,time=1), delimiter sniffed"
    example = "time,item,size"
    has_operations = True
    text = True

    def sniff(self, head: bytes, path: PurePath) -> float:
        lines = head_lines(head)
        if not lines or lines[0].lstrip().startswith(("{", "[")):
            return 0.0
        form = _form(lines, None, None, head)
        if form.width == 1:  # plain text, unless its first line names an item and nothing else is text
            headed = bool(form.names) and by_name(form.names, "item") == 0
            return 0.85 if headed and (self.named(path) or all(map(is_whole, form.rows))) else 0.0
        if any(len(split(r, _layout(form, {}))) != form.width for r in form.rows):
            return 0.45 if self.named(path) else 0.0
        named = bool(form.names and by_name(form.names, "item") is not None)
        return 0.5 + 0.2 * named + 0.15 * self.named(path)

    def blocks(
        self,
        source: Source,
        columns: Mapping[str, str | int] | str | None = None,
        delimiter: str | None = None,
        header: bool | None = None,
        sort: bool | None = None,
        block: str | int | None = None,
    ) -> Iterator[Block | None]:
        """Read the file.

        Parameters
        ----------
        columns : mapping or str, optional
            Column of each of ``item``, ``time``, ``size``, ``cost``, ``operation``, ``ttl``, ``count`` and
            ``extra_size``, by name or 1-based position: ``{"item": "url", "time": 1}`` or
            ``"item=url,time=1"``, or as libCacheSim writes it: ``obj-id-col=5,obj-size-col=4``. Only these
            are read.
        delimiter : str, optional
            One character; by default the one of ``, tab ; |`` (or blank) that cuts all lines alike.
        header : bool, optional
            Whether the first line names the columns; by default seen from it.
        sort : bool, optional
            Order requests by time (stable). By default only MovieLens files (``movieId``), which are
            ordered by user.
        block : str or int, optional
            Split ranges into blocks of so many bytes: the item is then a byte offset, the size a length.
        """
        lines = head_lines(source.head, strict=False)
        if not lines:
            raise source.error("byte 0: not a text file")
        roles = None
        if columns is not None:
            roles, more, unread = parse_columns(columns)
            if "format" in more:
                raise ParameterError("a struct format belongs to binary files: --format binary")
            delimiter, header = more.get("delimiter", delimiter), more.get("header", header)
            block = more.get("block", block)
            for name in unread:
                source.note(f"{name} is not read")
        if delimiter is not None and (len(delimiter) != 1 or not delimiter.isascii() or delimiter in '"\r\n'):
            raise ParameterError(f"delimiter must be one ASCII character, got {delimiter!r}")
        form = _form(lines, delimiter, header, source.head)
        if not form.rows:
            raise source.error("holds a header and no request")
        chosen = _chosen(source, form, roles)
        if sort is None:
            sort = "time" in chosen and bool(form.names) and fold(form.names[chosen["item"]]) == "movieid"
        if sort and "time" not in chosen:
            raise source.error("can't be sorted by time: no column is known as the time")
        size = block_size(block, None)
        if size is not None and "size" not in chosen:
            raise source.error(
                "can't be split into blocks: no column is known as the size, the length of a range"
            )
        source.plan = Plan(sort=sort, join_blanks=True)
        source.told["columns"] = _told(form, chosen)
        found = read_blocks(source, _layout(form, chosen), form.rows)
        for part in found:
            if part is None or size is None:
                yield part
            else:
                yield from split_ranges(source, part, size)


def _told(form: _Form, chosen: dict[str, int]) -> dict[str, str | int]:
    """The columns read, by name and position."""
    return {
        role: f"{form.names[place]} ({place + 1})" if form.names else place + 1
        for role, place in chosen.items()
    }


def _layout(form: _Form, columns: dict[str, int]) -> Layout:
    quotes = form.delimiter != " "
    return Layout(form.delimiter, columns, form.width, form.skip, quotes)


def _form(lines: list[str], delimiter: str | None, header: bool | None, head: bytes) -> _Form:
    first = 0
    while first + 1 < len(lines) and _is_comment(lines, first):
        first += 1
    rows = lines[first:]
    if delimiter is None:
        delimiter = max(_DELIMITERS, key=lambda d: _agreement(rows, d))
        if _agreement(rows, delimiter) == 0 and _agreement(rows, " ") > 0:
            delimiter = " "
    cut = Layout(delimiter, {}, 0, quotes=delimiter != " ")
    fields = split(rows[0].lstrip("#").strip() if delimiter != "\t" else rows[0].lstrip("#"), cut)
    if header is None:
        header = _is_header(fields, [split(r, cut) for r in rows[1:3]])
    names = [f.strip() for f in fields] if header else []
    skip = first + bool(header)
    if skip:  # head_lines leaves blank lines out, the parser's count of lines does not
        text = head.decode("utf-8-sig", "replace").splitlines()
        filled = [k for k, line in enumerate(text) if line.strip()]
        skip = filled[skip - 1] + 1
    return _Form(delimiter, names, rows[1:] if header else rows, len(fields), skip)


def _is_comment(lines: list[str], at: int) -> bool:
    """A line of '#' before another line of '#', or one that is cut differently from the next."""
    if not lines[at].startswith("#"):
        return False
    if lines[at + 1].startswith("#"):
        return True
    return all(lines[at].count(d) != lines[at + 1].count(d) for d in _DELIMITERS if d in lines[at + 1])


def _agreement(lines: list[str], delimiter: str) -> int:
    """How many delimiters every line has, 0 if lines differ in that."""
    counts = {len(split(line, Layout(delimiter, {}, 0, quotes=delimiter != " "))) for line in lines[:200]}
    return counts.pop() - 1 if len(counts) == 1 else 0


def _is_header(fields: list[str], rows: list[list[str]]) -> bool:
    if any(is_number(f) or is_date(f) or not f.strip() for f in fields):
        return False
    known = {n for names in SYNONYMS.values() for n in names}
    if any(fold(f) in known for f in fields):
        return True
    return any(is_number(value) for row in rows for value in row)


def _chosen(source: Source, form: _Form, roles: Mapping[str, str | int] | None) -> dict[str, int]:
    if roles is not None:
        return {r: _position(form, r, c) for r, c in roles.items()}
    rows = [split(r, _layout(form, {})) for r in form.rows]
    rows = [r for r in rows if len(r) == form.width]
    if form.names:
        found = {role: by_name(form.names, role) for role in ROLES if role in SYNONYMS}
        if found["item"] is not None:
            place = found["operation"]
            odd = [] if place is None else [r[place] for r in rows if code_of(r[place]) is None]
            if odd:
                source.note(
                    f"column {form.names[place or 0]} is not read: {odd[0]!r} is no operation known here"
                )
                found["operation"] = None
            return {role: p for role, p in found.items() if p is not None}
        if {fold(name) for name in form.names} & _TOKENS:
            raise source.error(
                "is an arrival trace of language-model requests (when, and how many tokens), not of items in "
                "a cache: it is the load of olearn deliver and olearn offload; to replay it anyway, give "
                f"columns, as item=NAME; it has {', '.join(form.names)}"
            )
        raise source.error(f"which column is the item? {_advice(source)}; it has {', '.join(form.names)}")
    timed = all(is_number(r[0]) for r in rows) and ascending([r[0] for r in rows])
    if form.width == 1:
        return {"item": 0}
    if timed and form.width == 2:
        return {"item": 1, "time": 0}
    if timed and form.width == 3 and all(is_number(r[2]) for r in rows):
        return {"item": 1, "size": 2, "time": 0}
    raise source.error(
        f"which column is the item? No header says; {_advice(source)}, by position (1 to {form.width})"
    )


def _advice(source: Source) -> str:
    """What to give: formats that the file may have come before columns, and no column is a guess."""
    from olearn.traces.readers import candidates

    names = [name for name in candidates(source, 0.2) if name != "csv"]
    formats = (
        f"give the format ({', '.join(names)}), or" if names else "give the format (olearn trace formats), or"
    )
    return f"{formats} columns, as item=NAME"


def _position(form: _Form, role: str, column: str | int) -> int:
    folded = [fold(n) for n in form.names]
    if isinstance(column, str) and fold(column) in folded:
        return folded.index(fold(column))
    if isinstance(column, int) or column.isdigit():
        position = int(column)
        if 1 <= position <= form.width:
            return position - 1
        raise ParameterError(f"{role} column must be between 1 and {form.width}, got {position}")
    if not form.names:
        raise ParameterError(f"{role} column must be a position: the file has no header, got {column!r}")
    raise ParameterError(
        f"no column {column!r} for {role}{nearest(column, form.names)}; it has {', '.join(form.names)}"
    )
