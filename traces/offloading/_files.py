"""Offloading tables in files: CSV, Parquet and npz, read and written whole.

A two-dimensional column ``scores`` becomes ``scores_0, scores_1, ...``. Parquet and npz keep the
kind, the name and the provenance; a CSV file has the columns only, and its kind is the first whose
required columns it has.
"""

from __future__ import annotations

import io
import json
import re
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from olearn.errors import TraceError, nearest
from olearn.traces._files import write_whole
from olearn.traces.offloading._columns import KINDS, ColumnTable, table_class
from olearn.traces.offloading._layouts import adopt

_META = "__olearn__"
_DATA = Path(__file__).resolve().parent.parent / "data"
#: Bundled name -> its file in traces/data.
BUNDLED = {"digits": "digits_tree_svc.npz"}


def bundled_names() -> tuple[str, ...]:
    """Names of the tables that come with olearn."""
    return tuple(BUNDLED)


def read_table(path: str | Path, columns: Mapping[str, str] | None = None) -> Any:
    """Read an offloading table of any kind.

    Parameters
    ----------
    path : str or Path
        A file ending in ``.csv`` (also ``.csv.gz``), ``.parquet`` or ``.npz``, or a bundled name.
    columns : mapping of str to str, optional
        Column of the table -> its name in the file. With it, other columns that no table has are ignored;
        without it they are refused.

    Returns
    -------
    ColumnTable
        The subclass of the file's kind, e.g. :class:`~olearn.traces.offloading.OffloadTable`.

    Raises
    ------
    TraceError
        The file is missing, not readable as what its name says, or holds a value that is not allowed.

    Examples
    --------
    >>> table = read_table("digits")
    >>> len(table), round(table.local_accuracy, 4), round(table.remote_accuracy, 4)
    (1797, 0.7691, 0.99)
    """
    text = str(path)
    if text in BUNDLED:
        return read_table(_DATA / BUNDLED[text])
    file = Path(path)
    if not file.is_file():
        hint = nearest(text, BUNDLED) if "/" not in text and "." not in text else ""
        raise TraceError(
            f"no table {text!r}{hint}: give a .csv, .parquet or .npz file or one of {', '.join(BUNDLED)}"
        )
    try:
        if file.suffix == ".npz":
            found, meta = _read_npz(file)
        elif file.suffix == ".parquet":
            found, meta = _read_parquet(file)
        elif file.name.endswith((".csv", ".csv.gz")):
            found, meta = _read_csv(file), {}
            known = adopt(found, str(file)) if columns is None else None
            if known is not None:
                return known
        else:
            raise TraceError(f"{text!r}: the ending must be .csv, .csv.gz, .parquet or .npz")
    except TraceError:
        raise
    except (OSError, ValueError, KeyError, zipfile.BadZipFile, EOFError) as error:
        first = str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
        raise TraceError(f"{text!r} can't be read as {file.suffix[1:]}: {first}") from None
    return _make(_renamed(found, columns, file), meta, file, strict=columns is None)


def _renamed(
    found: dict[str, np.ndarray], columns: Mapping[str, str] | None, file: Path
) -> dict[str, np.ndarray]:
    if columns is not None:
        for name in columns.values():
            if name not in found:
                raise TraceError(
                    f"{file.name} has no column {name!r}{nearest(name, found)}; it has {', '.join(found)}"
                )
        taken = set(columns.values())
        found = {k: v for k, v in found.items() if k not in taken} | {c: found[n] for c, n in columns.items()}
    return found


def _make(columns: dict[str, np.ndarray], meta: dict[str, Any], file: Path, strict: bool) -> ColumnTable:
    columns = _gathered(columns)
    kind = meta.get("kind") or _guess(columns, file)
    cls = table_class(kind)
    if not strict:
        columns = {k: v for k, v in columns.items() if k in (*cls.required, *cls.optional)}
    table = cls.__new__(cls)
    table._restore(meta)
    try:
        ColumnTable.__init__(
            table, columns, meta.get("name") or file.name.split(".")[0], meta.get("provenance")
        )
    except TraceError as error:
        raise TraceError(f"{file.name}: {error}") from None
    return table


def _guess(columns: dict[str, np.ndarray], file: Path) -> str:
    for kind in KINDS:
        required = table_class(kind).required
        # the kinds with a single required column number it by option: confidence_0, confidence_1 ...
        several = len(required) > 1 or columns.get(required[0], np.zeros(0)).ndim > 1
        if several and all(name in columns for name in required):
            return kind
    needs = "; ".join(f"{kind}: {', '.join(table_class(kind).required)}" for kind in KINDS)
    raise TraceError(f"{file.name} has the columns {', '.join(columns) or 'none'}, but a table needs ({needs})")


def _gathered(columns: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    """Join ``name_0, name_1, ...`` into one column of two dimensions."""
    groups: dict[str, dict[int, np.ndarray]] = {}
    whole: dict[str, np.ndarray] = {}
    for key, array in columns.items():
        match = re.fullmatch(r"(.+)_(\d+)", key)
        if match:
            groups.setdefault(match[1], {})[int(match[2])] = array
        else:
            whole[key] = array
    for key, parts in groups.items():
        if sorted(parts) != list(range(len(parts))):
            raise TraceError(
                f"columns {key}_0, {key}_1, ... must be numbered without gaps, got {sorted(parts)}"
            )
        whole[key] = np.stack([parts[i] for i in range(len(parts))], axis=1)
    return whole


def _spread(table: ColumnTable) -> dict[str, np.ndarray]:
    flat: dict[str, np.ndarray] = {}
    for key, array in table.columns.items():
        if array.ndim == 1:
            flat[key] = array
        else:
            rows = array.reshape(array.shape[0], -1)
            flat |= {f"{key}_{j}": rows[:, j] for j in range(rows.shape[1])}
    return flat


def _read_npz(file: Path) -> tuple[dict[str, np.ndarray], dict[str, Any]]:
    with np.load(file, allow_pickle=False) as data:
        columns = {k: data[k] for k in data.files if k != _META}
        meta = json.loads(str(data[_META])) if _META in data.files else {}
    return columns, meta


def _read_parquet(file: Path) -> tuple[dict[str, np.ndarray], dict[str, Any]]:
    import pyarrow.parquet as pq

    data = pq.read_table(file)
    stored = (data.schema.metadata or {}).get(_META.encode())
    return _from_arrow(data), json.loads(stored) if stored else {}


def _read_csv(file: Path) -> dict[str, np.ndarray]:
    from pyarrow import csv

    return _from_arrow(csv.read_csv(file))


def _from_arrow(data: Any) -> dict[str, np.ndarray]:
    columns: dict[str, np.ndarray] = {}
    for name, column in zip(data.column_names, data.columns):
        if column.null_count:
            row = int(np.flatnonzero(column.is_null().to_numpy(zero_copy_only=False))[0]) + 1
            raise TraceError(f"column {name!r} has no value in row {row}")
        array = column.to_numpy(zero_copy_only=False)
        columns[str(name)] = array.astype(str) if array.dtype.kind == "O" else array
    return columns


def _arrow(table: ColumnTable) -> Any:
    import pyarrow as pa

    names = getattr(table, "context_names", ())
    flat = _spread(table)
    if names and "context" in flat:
        flat["context"] = np.asarray(names)[flat["context"]]
    return pa.table({k: pa.array(v) for k, v in flat.items()})


def write(table: ColumnTable, path: Path) -> Path:
    """Write `table` in the format of the path's ending."""
    buffer = io.BytesIO()
    if path.suffix == ".npz":
        np.savez_compressed(buffer, **table.columns, **{_META: np.asarray(table.meta())})  # type: ignore[arg-type]
    elif path.suffix == ".parquet":
        import pyarrow.parquet as pq

        pq.write_table(_arrow(table).replace_schema_metadata({_META: table.meta()}), buffer)
    elif path.suffix == ".csv":
        from pyarrow import csv

        csv.write_csv(_arrow(table), buffer)
    else:
        raise TraceError(f"{str(path)!r}: the ending must be .csv, .parquet or .npz")
    return write_whole(path, lambda file: file.write(buffer.getvalue()), compress=False)
