"""JSON lines: an object a line, fields found by their names or given (``item=user.id`` goes down)."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import PurePath
from typing import Any

import numpy as np

from olearn.errors import nearest
from olearn.traces._files import Source
from olearn.traces._gather import Block, Plan
from olearn.traces.operations import NAMES, code_of
from olearn.traces.readers._base import Reader
from olearn.traces.readers._columns import parse_columns
from olearn.traces.readers._json import head_objects, objects
from olearn.traces.readers._names import by_name

_ROWS = 1 << 16


class JsonLines(Reader):
    """Named fields."""

    name = "jsonl"
    extensions = (".jsonl", ".ndjson", ".json")
    description = "JSON lines, fields found by name or given (columns=item=url,time=ts)"
    example = '{"ts": 1.5, "url": "/a", "bytes": 2326}'
    has_operations = True
    text = True

    def sniff(self, head: bytes, path: PurePath) -> float:
        found = head_objects(head)
        if not found:
            return 0.0
        return 0.9 if by_name(list(found[0]), "item") is not None else 0.4

    def blocks(
        self,
        source: Source,
        columns: Mapping[str, str | int] | str | None = None,
        sort: bool | None = None,
    ) -> Iterator[Block | None]:
        """Read the file.

        Parameters
        ----------
        columns : mapping or str, optional
            Field of each of ``item``, ``time``, ``size``, ``cost``, ``operation``, ``ttl``, ``count``; a name
            with dots goes down into objects.
        sort : bool, optional
            Order requests by time (stable).
        """
        source.plan = Plan(sort=bool(sort))
        roles: dict[str, str] | None = None
        if columns is not None:
            roles = {role: str(name) for role, name in parse_columns(columns).roles.items()}
        rows: dict[str, list[Any]] = {}
        lines: list[int] = []
        for number, record in objects(source, "a JSON object"):
            if roles is None:
                roles = _found(source, record)
            if not rows:
                rows = {role: [] for role in roles}
            for role, name in roles.items():
                rows[role].append(_value(source, number, record, role, name))
            lines.append(number)
            if len(lines) == _ROWS:
                yield _made(source, rows, lines)
                rows, lines = {}, []
        source.told["columns"] = dict(roles or {})
        if lines:
            yield _made(source, rows, lines)


def _found(source: Source, record: dict[str, Any]) -> dict[str, str]:
    names = list(record)
    places = {
        role: by_name(names, role) for role in ("item", "size", "time", "cost", "operation", "ttl", "count")
    }
    if places["item"] is None:
        raise source.error(
            "which field is the item? give the format (olearn trace formats), or columns, as item=NAME; "
            f"the first line has {', '.join(names) or 'none'}"
        )
    found = {role: names[place] for role, place in places.items() if place is not None}
    if "operation" in found and code_of(str(record[found["operation"]])) is None:
        source.note(
            f"field {found['operation']} is not read: {record[found['operation']]!r} is no operation known"
        )
        del found["operation"]
    return found


def _value(source: Source, number: int, record: dict[str, Any], role: str, name: str) -> Any:
    value: Any = record
    for part in [name] if name in record else name.split("."):
        if not isinstance(value, dict) or part not in value:
            hint = nearest(name, record)
            raise source.error(f"line {number}: no field {name!r} for {role}{hint}; it has {', '.join(record)}")
        value = value[part]
    if role == "item":
        if type(value) is int or (isinstance(value, str) and value):
            return str(value)
        raise source.error(f"line {number}: {name} must be a text or a whole number, got {str(value)[:60]}")
    if role == "operation":
        code = code_of(str(value))
        if code is None:
            raise source.error(f"line {number}: unknown operation {value!r}; known: {', '.join(NAMES[1:])}")
        return code
    if type(value) not in (int, float) or not -(2.0**63) <= value < 2.0**63:
        raise source.error(f"line {number}: {name} must be a number below 2^63, got {str(value)[:60]}")
    return value


def _made(source: Source, rows: dict[str, list[Any]], lines: list[int]) -> Block:
    import pyarrow as pa

    base = source.rows
    source.rows += len(lines)
    source.where = lambda position: f"line {lines[position - base]}"
    get = {role: np.array(values) for role, values in rows.items() if role not in ("item", "operation")}
    codes = np.array(rows["operation"], np.uint8) if "operation" in rows else None
    return Block(
        pa.array(rows["item"], pa.string()), get.get("size"), get.get("time"), get.get("cost"), codes,
        get.get("ttl"), get.get("count"),
    )  # fmt: skip
