"""Parquet: columns found by their names or given, read a row group at a time."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import PurePath
from typing import Any

import numpy as np

from olearn.errors import ParameterError, nearest
from olearn.traces._files import Source, said
from olearn.traces._gather import Block, Plan
from olearn.traces._limits import check_memory
from olearn.traces.operations import NAMES, code_of
from olearn.traces.readers._base import Reader
from olearn.traces.readers._columns import parse_columns
from olearn.traces.readers._names import by_name

_ROWS = 1 << 17


class Parquet(Reader):
    """Columns of a Parquet file."""

    name = "parquet"
    extensions = (".parquet", ".pq")
    description = "Parquet, columns found by name or given (columns=item=url,time=ts)"
    example = "pandas.DataFrame({'time': [0, 1], 'key': ['a', 'b']}).to_parquet(file)"
    has_operations = True

    def sniff(self, head: bytes, path: PurePath) -> float:
        return 1.0 if head.startswith(b"PAR1") else 0.0

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
            Column of each of ``item``, ``time``, ``size``, ``cost``, ``operation``, ``ttl``, ``count``, by name
            or by position from 1.
        sort : bool, optional
            Order requests by time (stable).
        """
        import pyarrow as pa
        import pyarrow.parquet

        source.plan = Plan(sort=bool(sort))
        source.where = lambda position: f"row {position + 1}"
        try:
            file = pyarrow.parquet.ParquetFile(pa.BufferReader(source.read()))
            names = file.schema_arrow.names
            roles = _roles(source, names, columns)
            for group in range(file.num_row_groups):
                part = file.metadata.row_group(group)
                plain = sum(part.column(c).total_uncompressed_size for c in range(part.num_columns))
                check_memory(2 * plain, f"{source}: a row group takes")
            source.told["columns"] = roles
            for batch in file.iter_batches(_ROWS, columns=list(dict.fromkeys(roles.values()))):
                if batch.num_rows:
                    yield _made(
                        source, {role: batch.column(batch.schema.names.index(n)) for role, n in roles.items()}
                    )
        except pa.ArrowException as error:
            raise source.error(f"corrupt or truncated parquet ({said(error)})") from None


def _roles(source: Source, names: list[str], columns: Any) -> dict[str, str]:
    if columns is None:
        every = ("item", "size", "time", "cost", "operation", "ttl", "count")
        places = {role: by_name(names, role) for role in every}
        if places["item"] is None:
            raise source.error(
                f"which column is the item? Give columns, as item=NAME; it has {', '.join(names)}"
            )
        return {role: names[place] for role, place in places.items() if place is not None}
    found = {}
    for role, column in parse_columns(columns).roles.items():
        if str(column) in names:
            found[role] = str(column)
        elif str(column).isdigit() and 1 <= int(column) <= len(names):
            found[role] = names[int(column) - 1]
        else:
            raise ParameterError(
                f"no column {column!r} for {role}{nearest(str(column), names)}; it has {', '.join(names)}"
            )
    return found


def _made(source: Source, columns: dict[str, Any]) -> Block:
    import pyarrow as pa
    import pyarrow.compute as pc

    base = source.rows
    get: dict[str, Any] = {}
    for role, column in columns.items():
        if column.null_count:
            row = int(np.argmax(column.is_null().to_numpy(zero_copy_only=False)))
            raise source.error(f"{source.where(base + row)}: no {role}")
        if pa.types.is_dictionary(column.type):
            column = column.dictionary_decode()
        if role in ("item", "operation"):
            get[role] = column
        elif pa.types.is_timestamp(column.type):
            get[role] = column.cast(pa.timestamp("ns")).cast(pa.int64()).to_numpy() / 1e9
        elif pa.types.is_integer(column.type) or pa.types.is_floating(column.type):
            get[role] = column.to_numpy()
        else:
            raise source.error(f"{role} must be numbers, its column has the type {column.type}")
    keys = get["item"]
    source.rows += len(keys)
    if pa.types.is_integer(keys.type):
        keys = keys.to_numpy()
        keys = keys.astype(np.uint64 if keys.dtype == np.uint64 else np.int64)
    elif pa.types.is_string(keys.type) or pa.types.is_large_string(keys.type):
        keys = keys.cast(pa.string())
    elif pa.types.is_binary(keys.type) or pa.types.is_large_binary(keys.type):
        keys = pc.binary_join_element_wise(pa.array([b.hex() for b in keys.to_pylist()]), "")
    else:
        raise source.error(f"the item must be a text or a whole number, its column has the type {keys.type}")
    codes = None if "operation" not in get else _codes(source, get["operation"], base)
    return Block(
        keys, get.get("size"), get.get("time"), get.get("cost"), codes, get.get("ttl"), get.get("count")
    )


def _codes(source: Source, column: Any, base: int) -> np.ndarray:
    texts = column.cast("string").dictionary_encode()
    known = [code_of(text) for text in texts.dictionary.to_pylist()]
    if None in known:
        which = known.index(None)
        row = int(np.argmax(texts.indices.to_numpy() == which))
        allowed = ", ".join(NAMES[1:])
        raise source.error(
            f"{source.where(base + row)}: unknown operation {texts.dictionary[which].as_py()!r}; "
            f"known: {allowed}"
        )
    return np.array(known, dtype=np.uint8)[texts.indices.to_numpy()]
