"""Fixed-size binary records of any layout: a struct string and the positions of the columns.

``--format binary --columns "format=<IIIHHQQ,obj-id-col=6,obj-size-col=2"``, as libCacheSim writes it,
or ``columns="item=6,size=2", record="<IIIHHQQ"``. Positions count from 1.
"""

from __future__ import annotations

import re
import struct
from collections.abc import Iterator, Mapping
from pathlib import PurePath

import numpy as np

from olearn.errors import ParameterError
from olearn.traces._files import Source
from olearn.traces._gather import Block
from olearn.traces.operations import NAMES
from olearn.traces.readers._base import Reader, column, key_column, records
from olearn.traces.readers._columns import parse_columns

_KINDS = {
    "b": "i1", "B": "u1", "h": "i2", "H": "u2", "i": "i4", "I": "u4", "l": "i4", "L": "u4", "q": "i8",
    "Q": "u8", "f": "f4", "d": "f8",
}  # fmt: skip


def record_of(text: str) -> np.dtype:
    """The NumPy dtype of a struct string; ``x`` pads, native alignment is not supported.

    Examples
    --------
    >>> record_of("<IQ2H").itemsize
    16
    """
    match = re.fullmatch(r"\s*([<>=!]?)((?:\d*[bBhHiIlLqQfdx?\s])+)", text)
    if match is None:
        raise ParameterError(
            f"a record is a struct string such as <IIIHHQQ, of < or > and {', '.join(_KINDS)}, x; got {text!r}"
        )
    order = {"!": ">", "=": "<", "": "<"}.get(match[1], match[1])
    offset = 0
    names: list[str] = []
    formats: list[np.dtype] = []
    offsets: list[int] = []
    for count, kind in re.findall(r"(\d*)([bBhHiIlLqQfdx?])", match[2]):
        times = int(count or 1)
        if times > 4096:
            raise ParameterError(f"a record has at most 4096 fields, got {count}{kind} in {text!r}")
        if kind == "x":
            offset += times
            continue
        for _ in range(times):
            one = np.dtype(order + _KINDS.get(kind, "u1"))
            names.append(f"c{len(names) + 1}")
            formats.append(one)
            offsets.append(offset)
            offset += one.itemsize
    if not names:
        raise ParameterError(f"the record {text!r} has no field")
    assert offset == struct.calcsize(order + match[2].replace("?", "B"))
    return np.dtype({"names": names, "formats": formats, "offsets": offsets, "itemsize": offset})


class Binary(Reader):
    """Binary records with a layout that the user gives."""

    name = "binary"
    extensions = ()
    description = 'binary records of any layout: --columns "format=<IIIHHQQ,obj-id-col=6,obj-size-col=2"'
    example = "struct <IIIHHQQ: 0, 512, 1, 42, 256, 42932745, 5633898"
    has_operations = True

    def sniff(self, head: bytes, path: PurePath) -> float:
        return 0.0

    def blocks(
        self,
        source: Source,
        columns: Mapping[str, str | int] | str | None = None,
        record: str | None = None,
    ) -> Iterator[Block | None]:
        """Read the file.

        Parameters
        ----------
        columns : mapping or str
            Positions from 1 of ``item`` and perhaps ``time``, ``size``, ``cost``, ``operation`` (codes of
            libCacheSim), ``ttl``, ``count``; or libCacheSim's options, ``format=`` included.
        record : str
            The struct string, where `columns` has none.
        """
        if columns is None:
            raise ParameterError(
                'format binary needs columns, e.g. "format=<IIIHHQQ,obj-id-col=6,obj-size-col=2"'
            )
        roles, options, unread = parse_columns(columns)
        text = options.get("format", record)
        if text is None:
            raise ParameterError(
                "format binary needs the record, a struct string: columns format=<IQI,obj-id-col=2"
            )
        for name in unread:
            source.note(f"{name} is not read")
        layout = record_of(str(text))
        fields = {role: _field(layout, role, place) for role, place in roles.items()}
        source.told["columns"] = dict(roles)
        source.told["record"] = str(text)
        for found in records(source, layout):
            get = {role: _values(found[name]) for role, name in fields.items() if role != "item"}
            operations = None
            if "operation" in get:
                codes = get["operation"]
                bad = (codes < 1) | (codes >= len(NAMES))
                if bad.any():
                    place = source.where(source.rows + int(np.argmax(bad)))
                    raise source.error(f"{place}: no operation has the code {codes[np.argmax(bad)]}")
                operations = codes.astype(np.uint8)
            source.rows += found.size
            sizes = get.get("size")
            if "extra_size" in get:
                sizes = get["extra_size"] + (0 if sizes is None else sizes)
            keys = found[fields["item"]]
            if keys.dtype.kind == "f":
                raise ParameterError(f"the item must be a whole number, column {roles['item']} is a float")
            yield Block(
                key_column(keys), sizes, get.get("time"), get.get("cost"), operations, get.get("ttl"),
                get.get("count"),
            )  # fmt: skip


def _field(layout: np.dtype, role: str, place: str | int) -> str:
    names = layout.names or ()
    if not str(place).isdigit() or not 1 <= int(place) <= len(names):
        raise ParameterError(f"{role} column must be between 1 and {len(names)}, got {place}")
    return names[int(place) - 1]


def _values(values: np.ndarray) -> np.ndarray:
    return np.array(values, np.float64) if values.dtype.kind == "f" else column(values)
