"""Columns of text files through pyarrow's parser, with the line of the first mistake.

The fast path knows nothing of lines; when it fails, the file is read again in Python to find the
line, so that good files pay nothing for good messages.
"""

from __future__ import annotations

import contextlib
import csv
import io
import re
from collections.abc import Callable, Iterable
from itertools import pairwise
from typing import Any, NamedTuple

import numpy as np

from olearn.errors import TraceError
from olearn.traces._files import Source, at
from olearn.traces._trace import Trace, check_costs, check_sizes, check_times

#: The columns a trace can have, in the order of a Trace's parameters.
ROLES = ("item", "size", "time", "cost")
_WHOLE = re.compile(r"[ \t]*(0|-?[1-9]\d*)[ \t]*$", re.ASCII)
_NUMBER = re.compile(r"[ \t]*[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?[ \t]*$", re.ASCII)
_DATE = re.compile(
    r"[ \t]*\d{4}-\d\d-\d\d([ T]\d\d:\d\d(:\d\d(\.\d*)?)?)?(Z|[+-]\d\d(:?\d\d)?)?[ \t]*$", re.ASCII
)


class Layout(NamedTuple):
    """How the lines of a text file are cut and which pieces are wanted."""

    delimiter: str
    columns: dict[str, int]  # role -> position from 0
    width: int  # fields a line
    skip: int = 0  # lines before the first request
    quotes: bool = False
    collapse: bool = False  # several blanks separate like one
    ignore: str | None = None  # a line that is no request, e.g. "*"


def split(line: str, layout: Layout) -> list[str]:
    """The fields of one line, as the fast path cuts them."""
    if layout.collapse:
        return line.split()
    if layout.quotes and '"' in line:
        with contextlib.suppress(csv.Error):  # a stray carriage return, a field of 128 KiB
            return next(csv.reader([line], delimiter=layout.delimiter))
    return line.split(layout.delimiter)


def is_whole(text: str) -> bool:
    """A whole number without leading zeros (``007`` and ``7`` are two ids)."""
    return bool(_WHOLE.match(text))


def is_number(text: str) -> bool:
    """A decimal number."""
    return bool(_NUMBER.match(text))


def is_date(text: str) -> bool:
    """A date with or without a time, as ISO 8601 writes it."""
    return bool(_DATE.match(text))


def read_table(
    source: Source,
    layout: Layout,
    sample: Iterable[str],
    *,
    sort: bool = False,
    join_blanks: bool = False,
) -> Trace:
    """Read a text file of one request a line.

    Parameters
    ----------
    source : Source
        The file.
    layout : Layout
        How lines are cut.
    sample : iterable of str
        Some lines of requests, by which the columns' types are guessed; a wrong guess costs a second
        reading, no more.
    sort : bool
        Order the requests by time (stable).
    join_blanks : bool
        Remove blanks within ids if that turns all of them into whole numbers.
    """
    columns = read_columns(source, layout, sample)
    return assemble(source, layout, columns, sort=sort, join_blanks=join_blanks)


def read_columns(source: Source, layout: Layout, sample: Iterable[str]) -> dict[str, Any]:
    """The wanted columns as pyarrow arrays: ids whole or text, the rest numbers or moments."""
    import pyarrow as pa

    rows = [split(line, layout) for line in sample]
    guess = {role: _guess(role, [r[p] for r in rows if p < len(r)]) for role, p in layout.columns.items()}
    attempts = [guess, {r: "text" if r == "item" else "float" if t == "whole" else t for r, t in guess.items()}]
    layouts = [layout]
    if layout.delimiter == " " and not layout.collapse:  # the sample has single blanks, the rest may not
        layouts.append(layout._replace(collapse=True))
    for attempt in layouts:
        for kinds in attempts:
            try:
                return _parse(source, attempt, kinds)
            except pa.ArrowInvalid as error:
                reason = str(error)
    raise _locate(source, layouts[-1], attempts[-1], reason)


def _guess(role: str, values: list[str]) -> str:
    if all(map(is_whole, values)):
        return "signed" if role == "item" and any("-" in v for v in values) else "whole"
    if role == "item":
        return "text"
    if role == "time" and values and all(map(is_date, values)):
        return "zoned" if re.search(r"(Z|[+-]\d\d(:?\d\d)?)\s*$", values[0][10:]) else "moment"
    return "float"


def _parse(source: Source, layout: Layout, kinds: dict[str, str]) -> dict[str, Any]:
    import pyarrow as pa
    import pyarrow.csv

    whole = {"item": pa.uint64()}
    types = {
        "signed": pa.int64(),
        "float": pa.float64(),
        "text": pa.string(),
        "moment": pa.timestamp("ns"),
        "zoned": pa.timestamp("ns", "UTC"),
    }
    names = [f"c{i}" for i in range(layout.width)]
    wanted = list(layout.columns)
    table = pyarrow.csv.read_csv(
        _stream(source, layout),
        read_options=pa.csv.ReadOptions(column_names=names, skip_rows=layout.skip, block_size=1 << 22),
        parse_options=pa.csv.ParseOptions(
            delimiter=layout.delimiter, quote_char='"' if layout.quotes else False, ignore_empty_lines=True
        ),
        convert_options=pa.csv.ConvertOptions(
            include_columns=[names[layout.columns[r]] for r in wanted],
            column_types={
                names[layout.columns[r]]: whole.get(r, pa.int64()) if kinds[r] == "whole" else types[kinds[r]]
                for r in wanted
            },
            null_values=[""],
            strings_can_be_null=False,
        ),
    )
    return {role: table.column(position) for position, role in enumerate(wanted)}


def _stream(source: Source, layout: Layout) -> Any:
    import pyarrow as pa

    if not (layout.collapse or layout.ignore):
        return pa.OSFile(str(source.path)) if source.path.exists() and not source.compression else source.open()
    data = source.read()
    if layout.ignore:
        data = re.sub(rb"(?m)^[ \t]*%s[ \t]*\r?$\n?" % re.escape(layout.ignore.encode()), b"", data)
    if layout.collapse:
        data = re.sub(rb"(?m)^[ \t]+|[ \t]+(?=\r?$)", b"", re.sub(rb"[ \t]+", b" ", data))
    if not data.strip():
        raise source.error("holds no request")
    return io.BytesIO(data)


def request_lines(source: Source, layout: Layout) -> Iterable[tuple[int, str]]:
    """Numbered lines that hold a request."""
    for number, line in source.lines():
        blank = not (line.strip() if layout.collapse else line)
        if number > layout.skip and not blank and (layout.ignore is None or line.strip() != layout.ignore):
            yield number, line


def _locate(source: Source, layout: Layout, kinds: dict[str, str], reason: str) -> TraceError:
    """The error for the first line that the columns' types do not fit."""
    fits: dict[str, Callable[[str], bool]] = {
        "whole": is_whole,
        "float": is_number,
        "moment": is_date,
        "zoned": is_date,
        "text": lambda text: True,
    }
    what = {"whole": "a whole number", "float": "a number", "moment": "a date", "zoned": "a date"}
    seen = False
    for number, line in request_lines(source, layout):
        seen = True
        fields = split(line, layout)
        if len(fields) != layout.width:
            return source.error(f"line {number}: expected {layout.width} fields, got {len(fields)}")
        for role, position in layout.columns.items():
            text = fields[position]
            if not fits[kinds[role]](text):
                got = repr(text) if text else "nothing"
                return source.error(f"line {number}: {role} must be {what[kinds[role]]}, got {got}")
    return source.error(reason.splitlines()[0] if seen else "holds no request")


def assemble(
    source: Source, layout: Layout, columns: dict[str, Any], *, sort: bool = False, join_blanks: bool = False
) -> Trace:
    """A trace from parsed columns; a wrong value is reported with its line."""
    import pyarrow.compute as pc

    def line_of(position: int) -> str:
        for count, (number, _) in enumerate(request_lines(source, layout)):
            if count == position:
                return f"line {number}"
        return f"request {position + 1}"

    keys = columns["item"]
    if not len(keys):
        raise source.error("holds no request")
    for role, column in columns.items():
        if column.null_count:
            at_position = int(np.argmax(pc.is_null(column).to_numpy()))
            raise source.error(f"{line_of(at_position)}: no {role}")
    if "string" in str(keys.type):
        keys = _clean(keys, join_blanks)
        if "string" in str(keys.type):
            empty = pc.equal(pc.binary_length(keys), 0)
            if pc.any(empty).as_py():
                raise source.error(f"{line_of(int(np.argmax(empty.to_numpy())))}: no item")
    rest: dict[str, np.ndarray | None] = {}
    with at(source, line_of):
        checks = {"size": check_sizes, "time": check_times, "cost": check_costs}
        for role, check in checks.items():
            rest[role] = check(_numbers(columns[role]), len(keys)) if role in columns else None
        if sort and rest["time"] is not None:
            order = np.argsort(rest["time"], kind="stable")
            keys = keys.take(_arrow(order))
            rest = {role: None if c is None else c[order] for role, c in rest.items()}
        return Trace.from_keys(keys, rest["size"], rest["time"], rest["cost"])


def _numbers(column: Any) -> np.ndarray:
    import pyarrow as pa

    if pa.types.is_timestamp(column.type):  # seconds since 1970 as a float
        seconds, nanoseconds = np.divmod(column.cast(pa.int64()).to_numpy(), 10**9)
        return seconds + nanoseconds / 1e9
    return column.to_numpy()


def _arrow(array: np.ndarray) -> Any:
    import pyarrow as pa

    return pa.array(array)


def _clean(keys: Any, join_blanks: bool) -> Any:
    """Ids without blanks around them, as whole numbers if all are such.

    With `join_blanks`, up to half of them may have blanks inside, which go.
    """
    import pyarrow as pa
    import pyarrow.compute as pc

    keys = pc.utf8_trim_whitespace(keys)
    start = [re.sub(r"\s+", "", k) if join_blanks else k for k in keys.slice(0, 1000).to_pylist()]
    if not all(map(is_whole, start)):
        return keys
    joined = pc.replace_substring_regex(keys, r"\s+", "") if join_blanks else keys
    if pc.any(pc.match_substring_regex(joined, r"^-?0\d|^-0$")).as_py():
        return keys
    if join_blanks and pc.mean(pc.match_substring_regex(keys, r"\s")).as_py() > 0.5:
        return keys
    for kind in (pa.uint64(), pa.int64()):
        try:
            return joined.cast(kind)
        except pa.ArrowInvalid:
            continue
    return keys


def ascending(values: list[str]) -> bool:
    """Whether numbers given as text never decrease."""
    numbers = [float(v) for v in values]
    return all(a <= b for a, b in pairwise(numbers))
