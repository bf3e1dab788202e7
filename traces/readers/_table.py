"""Columns of text files through pyarrow's parser, with the line of the first mistake.

The fast path knows nothing of lines; when it fails, the file is read again in Python to find the
line, so that good files pay nothing for good messages.
"""

from __future__ import annotations

import contextlib
import csv
import io
import re
from collections.abc import Callable, Iterable, Iterator
from itertools import pairwise
from typing import Any, NamedTuple

import numpy as np

from olearn.errors import TraceError
from olearn.traces._files import LONGEST_LINE, Source, said
from olearn.traces._gather import Block
from olearn.traces.operations import NAMES, code_of

#: The columns a file can have; ``extra_size`` is added to the size (of a key, say).
ROLES = ("item", "size", "time", "cost", "operation", "ttl", "count", "extra_size")
_KEYS = ("item",)
#: Roles of columns that together name a volume, for ranges of blocks.
_VOLUMES = ("volume", "volume2")
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
    codes: dict[str, str] | None = None  # a format's own words for operations


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


class Attempt(NamedTuple):
    """One way to read the columns; the next one is tried where a line does not fit it."""

    layout: Layout
    kinds: dict[str, str]


class Odd(Exception):
    """A line does not fit the types that are being tried."""


def read_blocks(source: Source, layout: Layout, sample: Iterable[str]) -> Iterator[Block | None]:
    """The rows of a text file of one row a line, in blocks.

    Parameters
    ----------
    source : Source
        The file.
    layout : Layout
        How lines are cut.
    sample : iterable of str
        Some lines of requests, by which the columns' types are guessed; a wrong guess costs a second
        reading, no more. Ids are numbers only if every one is written as a number is (7, not 007, 0x7
        or +7), wherever in the file they stand.
    """

    def line_of(position: int) -> str:
        for count, (number, _) in enumerate(request_lines(source, layout)):
            if count == position:
                return f"line {number}"
        return f"request {position + 1}"

    source.where = line_of
    reason = ""
    attempts = _attempts(layout, [split(line, layout) for line in sample])
    for attempt in attempts:
        source.rows = 0
        try:
            for columns in _parsed(source, attempt):
                yield _block(source, attempt, columns)
            return
        except Odd as error:
            reason = str(error)
        yield None
    raise _locate(source, attempts[-1], reason)


def _attempts(layout: Layout, rows: list[list[str]]) -> list[Attempt]:
    guess = {role: _guess(role, [r[p] for r in rows if p < len(r)]) for role, p in layout.columns.items()}
    text = {role: "text" if role in _KEYS else kind for role, kind in guess.items()}
    loose = {role: "float" if kind == "whole" else kind for role, kind in text.items()}
    layouts = [layout]
    if layout.delimiter == " " and not layout.collapse:  # the sample has single blanks, the rest may not
        layouts.append(layout._replace(collapse=True))
    kinds = [k for n, k in enumerate((guess, text, loose)) if k not in (guess, text, loose)[:n]]
    return [Attempt(cut, kind) for cut in layouts for kind in kinds]


def _guess(role: str, values: list[str]) -> str:
    if role == "operation" or role in _VOLUMES:
        return "text"
    if all(map(is_whole, values)):
        return "signed" if role in _KEYS and any("-" in v for v in values) else "whole"
    if role in _KEYS:
        return "text"
    if role == "time" and values and all(map(is_date, values)):
        return "zoned" if re.search(r"(Z|[+-]\d\d(:?\d\d)?)\s*$", values[0][10:]) else "moment"
    return "float"


def _parsed(source: Source, attempt: Attempt) -> Iterator[dict[str, Any]]:
    """Batches of the wanted columns as pyarrow arrays; Odd where a line does not fit."""
    import pyarrow as pa
    import pyarrow.csv

    layout, kinds = attempt
    types = {
        "signed": pa.int64(),
        "float": pa.float64(),
        "text": pa.string(),
        "moment": pa.timestamp("ns"),
        "zoned": pa.timestamp("ns", "UTC"),
    }
    names = [f"c{i}" for i in range(layout.width)]
    wanted = list(layout.columns)
    numeric = any(kinds[role] in ("whole", "signed") for role in wanted if role in _KEYS)
    stream = _Lines(source, layout, watch=numeric)
    try:
        batches = pyarrow.csv.open_csv(
            stream,
            read_options=pa.csv.ReadOptions(column_names=names, skip_rows=layout.skip, block_size=1 << 22),
            parse_options=pa.csv.ParseOptions(
                delimiter=layout.delimiter, quote_char='"' if layout.quotes else False, ignore_empty_lines=True
            ),
            convert_options=pa.csv.ConvertOptions(
                include_columns=list(dict.fromkeys(names[layout.columns[r]] for r in wanted)),
                column_types={
                    names[layout.columns[r]]: (pa.uint64() if r in _KEYS else pa.int64())
                    if kinds[r] == "whole"
                    else types[kinds[r]]
                    for r in wanted
                },
                null_values=[""],
                strings_can_be_null=False,
            ),
        )
        found = True
        while found:
            try:
                batch = batches.read_next_batch()
            except StopIteration:
                found = False
                continue
            if stream.odd and numeric:
                raise Odd("an id is not written as a number is")
            if batch.num_rows:
                yield {role: batch.column(names[layout.columns[role]]) for role in wanted}
        if stream.odd and numeric:
            raise Odd("an id is not written as a number is")
    except pa.ArrowInvalid as error:
        if stream.error is not None:
            raise stream.error from None
        raise Odd(str(error)) from None
    except pa.ArrowException as error:
        if stream.error is not None:
            raise stream.error from None
        raise source.error(said(error)) from None
    finally:
        stream.close()
    if stream.error is not None:
        raise stream.error


class _Lines(io.RawIOBase):
    """The plain bytes for pyarrow: without lines that are no request, blanks collapsed if asked.

    With `watch`, `odd` tells whether a field may be a number that is written as none is: ``007``, ``0x7``
    or ``-0``, which the parser takes for 7 and 0.
    """

    def __init__(self, source: Source, layout: Layout, watch: bool) -> None:
        self._stream = source.open()
        self._filter = layout.collapse or layout.ignore is not None
        self._layout = layout
        self._rest = b""
        self._left = b""
        self._watch = _Watch(layout.delimiter) if watch else None
        self.error: TraceError | None = None

    @property
    def odd(self) -> bool:
        return self._watch is not None and self._watch.odd

    def readable(self) -> bool:
        return True

    def read(self, size: int = -1) -> bytes:
        size = 1 << 22 if size is None or size < 0 else size
        try:
            data = self._filtered(size) if self._filter else self._stream.read(size)
        except TraceError as error:  # pyarrow would wrap it
            self.error = error
            return b""
        if self._watch is not None and not self._watch.odd:
            self._watch.look(data or b"\n")
        return data

    def _filtered(self, size: int) -> bytes:
        while not self._left:
            data = self._stream.read(1 << 22)
            text = self._rest + data
            cut = text.rfind(b"\n") + 1 if data else len(text)
            text, self._rest = text[:cut], text[cut:]
            if len(self._rest) > LONGEST_LINE:
                raise TraceError(f"a line is longer than {LONGEST_LINE} bytes, not a text trace")
            ignore = self._layout.ignore
            if ignore:
                text = re.sub(rb"(?m)^[ \t]*%s[ \t]*\r?$\n?" % re.escape(ignore.encode()), b"", text)
            if self._layout.collapse:
                text = re.sub(rb"(?m)^[ \t]+|[ \t]+(?=\r?$)", b"", re.sub(rb"[ \t]+", b" ", text))
            self._left = text
            if not data:
                break
        piece, self._left = self._left[:size], self._left[size:]
        return piece

    def close(self) -> None:
        if not self.closed:
            self._stream.close()
        super().close()


class _Watch:
    """Looks for fields that begin with 0 and a digit or x, with -0 or with +, block by block."""

    def __init__(self, delimiter: str) -> None:
        self._edge = np.zeros(256, dtype=bool)
        self._edge[[*b'\n\r \t"', ord(delimiter)]] = True
        self._follows = np.zeros(256, dtype=bool)
        self._follows[[*b"0123456789xX"]] = True
        self._tail = b"\n\n"
        self.odd = False

    def look(self, data: bytes) -> None:
        """Look at the next bytes; the last two of a block are looked at with the next one."""
        bytes_ = np.frombuffer(self._tail + data, np.uint8)
        self._tail = bytes_[-3:].tobytes()
        zeros = np.flatnonzero(bytes_[2:-1] == 48) + 2
        before, first = bytes_[zeros - 1], bytes_[zeros - 2]
        signed = ((before == 45) | (before == 43)) & self._edge[first]
        led = self._edge[before] & self._follows[bytes_[zeros + 1]]
        self.odd = bool(signed.any() or led.any())


def request_lines(source: Source, layout: Layout) -> Iterable[tuple[int, str]]:
    """Numbered lines that hold a request."""
    for number, line in source.lines():
        blank = not (line.strip() if layout.collapse else line)
        if number > layout.skip and not blank and (layout.ignore is None or line.strip() != layout.ignore):
            yield number, line


def _locate(source: Source, attempt: Attempt, reason: str) -> TraceError:
    """The error for the first line that the columns' types do not fit."""
    layout, kinds = attempt
    fits: dict[str, Callable[[str], bool]] = {
        "whole": is_whole,
        "signed": is_whole,
        "float": is_number,
        "moment": is_date,
        "zoned": is_date,
        "text": lambda text: True,
    }
    what = {"float": "a number", "moment": "a date", "zoned": "a date"}
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
                return source.error(
                    f"line {number}: {role} must be {what.get(kinds[role], 'a whole number')}, got {got}"
                )
    return source.error(reason.splitlines()[0] if seen and reason else "holds no request")


def _block(source: Source, attempt: Attempt, columns: dict[str, Any]) -> Block:
    """A block of parsed columns; what is missing is reported with its line."""
    import pyarrow.compute as pc

    base = source.rows
    layout = attempt.layout
    for role, column in columns.items():
        if column.null_count:
            at_row = int(np.argmax(pc.is_null(column).to_numpy(zero_copy_only=False)))
            raise source.error(f"{source.where(base + at_row)}: no {role}")
    keys = columns["item"]
    if "string" in str(keys.type):
        keys = pc.utf8_trim_whitespace(keys)
        empty = pc.equal(pc.binary_length(keys), 0)
        if pc.any(empty).as_py():
            row = int(np.argmax(empty.to_numpy(zero_copy_only=False)))
            raise source.error(f"{source.where(base + row)}: no item")
    else:
        keys = keys.to_numpy()
    source.rows = base + len(keys)
    get = {
        role: _numbers(columns[role]) for role in ("size", "time", "cost", "ttl", "count") if role in columns
    }
    sizes = get.get("size")
    if "extra_size" in columns:
        more = _numbers(columns["extra_size"])
        sizes = more if sizes is None else sizes + more
    operations = None
    if "operation" in columns:
        operations = _operations(source, columns["operation"], layout.codes, base)
    volumes = [columns[role] for role in _VOLUMES if role in columns]
    return Block(
        keys, sizes, get.get("time"), get.get("cost"), operations, get.get("ttl"), get.get("count"),
        pc.binary_join_element_wise(*volumes, ".") if volumes else None,
    )  # fmt: skip


def _operations(source: Source, column: Any, codes: dict[str, str] | None, base: int) -> np.ndarray:
    """Codes of the operations of a block."""
    encoded = column.dictionary_encode()
    known: list[int] = []
    for text in encoded.dictionary.to_pylist():
        name = text.strip()
        code = code_of(codes[name]) if codes and name in codes else code_of(name)
        if code is None:
            row = int(np.argmax(encoded.indices.to_numpy() == len(known)))
            allowed = ", ".join(codes) if codes else ", ".join(NAMES[1:])
            raise source.error(f"{source.where(base + row)}: unknown operation {text!r}; known: {allowed}")
        known.append(code)
    return np.array(known, dtype=np.uint8)[encoded.indices.to_numpy()]


def _numbers(column: Any) -> np.ndarray:
    import pyarrow as pa

    if pa.types.is_timestamp(column.type):  # seconds since 1970 as a float
        seconds, nanoseconds = np.divmod(column.cast(pa.int64()).to_numpy(), 10**9)
        return seconds + nanoseconds / 1e9
    return column.to_numpy()


def ascending(values: list[str]) -> bool:
    """Whether numbers given as text never decrease."""
    numbers = [float(v) for v in values]
    return all(a <= b for a, b in pairwise(numbers))
