"""CSV in any column order, with or without a header, with any of the usual delimiters.

Columns are found by their names in the header (a list of the names in use, below), or named by the
user, by name or by 1-based position. Without a header, two columns are time and item and three are
time, item and size if the first never decreases; anything else has to be named.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import PurePath
from typing import NamedTuple

from olearn.errors import ParameterError, nearest, unknown
from olearn.traces._files import Source
from olearn.traces._trace import Trace
from olearn.traces.readers._base import Reader, head_lines
from olearn.traces.readers._table import (
    ROLES,
    Layout,
    ascending,
    is_date,
    is_number,
    is_whole,
    read_table,
    split,
)

#: Names of columns in the traces of the field, most telling first; compared without case, ``_``, ``-``.
SYNONYMS = {
    "item": (
        "item", "itemid", "obj", "object", "objid", "objectid", "key", "contentid", "content", "fileid", "file",
        "movieid", "videoid", "docid", "documentid", "pageid", "blockid", "lbn", "lba", "block", "page", "url",
        "uri", "path", "hash", "anonymizedkey", "id",
    ),
    "time": (
        "time", "timestamp", "ts", "optime", "datetime", "date", "clock", "clocktime", "timeus", "timems",
        "timesec", "arrivaltime", "arrival",
    ),
    "size": (
        "size", "objsize", "objectsize", "itemsize", "filesize", "contentsize", "valuesize", "bytes", "length",
        "len", "iosize", "sizebytes", "blockidsize", "blocksize",
    ),
    "cost": ("cost", "misscost", "penalty", "misspenalty", "latency", "delay", "weight"),
}  # fmt: skip
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

    def sniff(self, head: bytes, path: PurePath) -> float:
        lines = head_lines(head)
        if not lines or lines[0].lstrip().startswith(("{", "[")):
            return 0.0
        form = _form(lines, None, None, head)
        if form.width == 1:  # plain text, unless its first line names an item and nothing else is text
            headed = bool(form.names) and _by_name(form.names, "item") == 0
            return 0.85 if headed and (self.named(path) or all(map(is_whole, form.rows))) else 0.0
        if any(len(split(r, _layout(form, {}))) != form.width for r in form.rows):
            return 0.45 if self.named(path) else 0.0
        named = bool(form.names and _by_name(form.names, "item") is not None)
        return 0.5 + 0.2 * named + 0.15 * self.named(path)

    def read(
        self,
        source: Source,
        columns: Mapping[str, str | int] | str | None = None,
        delimiter: str | None = None,
        header: bool | None = None,
        sort: bool | None = None,
    ) -> Trace:
        """Read the file.

        Parameters
        ----------
        columns : mapping or str, optional
            Column of each of ``item``, ``time``, ``size``, ``cost``, by name or 1-based position:
            ``{"item": "url", "time": 1}`` or ``"item=url,time=1"``. Only these are read.
        delimiter : str, optional
            One character; by default the one of ``, tab ; |`` (or blank) that cuts all lines alike.
        header : bool, optional
            Whether the first line names the columns; by default seen from it.
        sort : bool, optional
            Order requests by time (stable). By default only MovieLens files (``movieId``), which are
            ordered by user.
        """
        lines = head_lines(source.head, strict=False)
        if not lines:
            raise source.error("byte 0: not a text file")
        if delimiter is not None and (len(delimiter) != 1 or not delimiter.isascii() or delimiter in '"\r\n'):
            raise ParameterError(f"delimiter must be one ASCII character, got {delimiter!r}")
        form = _form(lines, delimiter, header, source.head)
        if not form.rows:
            raise source.error("holds a header and no request")
        chosen = _chosen(source, form, columns)
        if sort is None:
            sort = "time" in chosen and bool(form.names) and _fold(form.names[chosen["item"]]) == "movieid"
        if sort and "time" not in chosen:
            raise source.error("can't be sorted by time: no column is known as the time")
        return read_table(source, _layout(form, chosen), form.rows, sort=sort, join_blanks=True)


def _fold(name: str) -> str:
    return re.sub(r"[\s_#\-.\"']+", "", name).lower()


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
    if any(_fold(f) in known for f in fields):
        return True
    return any(is_number(value) for row in rows for value in row)


def _by_name(names: list[str], role: str) -> int | None:
    folded = [_fold(n) for n in names]
    return next((folded.index(s) for s in SYNONYMS[role] if s in folded), None)


def _chosen(source: Source, form: _Form, columns: Mapping[str, str | int] | str | None) -> dict[str, int]:
    if columns is not None:
        return {r: _position(form, r, c) for r, c in parse_columns(columns).items()}
    if form.names:
        found = {role: _by_name(form.names, role) for role in ROLES}
        if found["item"] is not None:
            return {role: p for role, p in found.items() if p is not None}
        raise source.error(
            f"which column is the item? Give columns, e.g. item={form.names[0]}; it has {', '.join(form.names)}"
        )
    rows = [split(r, _layout(form, {})) for r in form.rows]
    rows = [r for r in rows if len(r) == form.width]
    timed = all(is_number(r[0]) for r in rows) and ascending([r[0] for r in rows])
    if form.width == 1:
        return {"item": 0}
    if timed and form.width == 2:
        return {"item": 1, "time": 0}
    if timed and form.width == 3 and all(is_number(r[2]) for r in rows):
        return {"item": 1, "size": 2, "time": 0}
    raise source.error(
        f"which column is the item? No header says; give columns by position (1 to {form.width}), e.g. item=2"
    )


def parse_columns(columns: Mapping[str, str | int] | str) -> dict[str, str | int]:
    """The columns as a mapping from role to name or position, from either form."""
    if isinstance(columns, str):
        pairs = [part.partition("=") for part in columns.split(",")]
        if any(not sign or not value.strip() for _, sign, value in pairs):
            raise ParameterError(f"columns must look like item=3,time=1 or item=url, got {columns!r}")
        columns = {role.strip(): value.strip() for role, _, value in pairs}
    for role in columns:
        if role not in ROLES:
            raise unknown("column role", str(role), ROLES)
    if "item" not in columns:
        raise ParameterError(f"columns must name the item, got only {', '.join(columns) or 'nothing'}")
    return dict(columns)


def _position(form: _Form, role: str, column: str | int) -> int:
    folded = [_fold(n) for n in form.names]
    if isinstance(column, str) and _fold(column) in folded:
        return folded.index(_fold(column))
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
