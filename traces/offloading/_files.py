"""Offloading tables in files: CSV, Parquet and npz, read and written whole.

A two-dimensional column ``scores`` becomes ``scores_0, scores_1, ...``. Parquet and npz keep the
kind, the name and the provenance; a CSV file has the columns only, and its kind is the first whose
required columns it has.
"""

from __future__ import annotations

import io
import json
import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np

from olearn.errors import OlearnError, TraceError, nearest
from olearn.traces._files import said, shown, write_whole
from olearn.traces._limits import check_memory
from olearn.traces.offloading._columns import KINDS, ColumnTable, table_class
from olearn.traces.offloading._layouts import adopt, columns_used

_META = "__olearn__"
#: Texts up to this many characters become NumPy's fixed-width ones; prompts and answers stay objects.
_LONG = 256
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
        A file ending in ``.csv`` (also ``.csv.gz``), ``.parquet`` or ``.npz``, a bundled name, or a folder of
        CSV files with the same columns, one a domain (RouteLLM's MMLU): their names become the contexts.
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
    if file.is_dir():
        return _read_folder(file, columns)
    if not file.is_file():
        hint = nearest(text, BUNDLED) if "/" not in text and "." not in text else ""
        raise TraceError(
            f"no table {shown(file)!r}{hint}: give a .csv, .parquet or .npz file or one of {', '.join(BUNDLED)}"
        )
    with _sentences(file):
        if file.suffix == ".npz":
            found, meta = _read_npz(file)
        elif file.suffix == ".parquet":
            found, meta = _read_parquet(file)
        elif file.name.endswith((".csv", ".csv.gz")):
            found, meta = _read_csv(file), {}
            known = adopt(found, shown(file)) if columns is None else None
            if known is not None:
                return _told(known, found, columns_used(found, known))
        else:
            raise TraceError(f"{shown(file)!r}: the ending must be .csv, .csv.gz, .parquet or .npz")
        table = _make(_renamed(found, columns, file), meta, file, strict=columns is None)
    used = [name for name in found if re.sub(r"_\d+$", "", name) in table.columns or name in table.columns]
    return _told(
        table, found, [*(columns or {}).values()] + [n for n in used if n not in (columns or {}).values()]
    )


def _told(table: Any, found: Mapping[str, Any], used: list[str]) -> Any:
    """Keep which kind of table was read and from which columns."""
    rest = [name for name in found if name not in used]
    table.origin = {"kind": table.kind, "columns": used, "not_read": rest}
    return table


def _read_folder(folder: Path, columns: Mapping[str, str] | None) -> Any:
    """A folder of CSV files with the same columns, one a domain, as RouteLLM publishes MMLU."""
    files = sorted(f for f in folder.iterdir() if f.name.endswith((".csv", ".csv.gz")))
    if not files:
        raise TraceError(f"{shown(folder)}: the folder holds no .csv file")
    parts: list[dict[str, np.ndarray]] = []
    for file in files:
        with _sentences(file):
            parts.append(_read_csv(file))
        if list(parts[-1]) != list(parts[0]):
            raise TraceError(
                f"{shown(file)}: has the columns {', '.join(parts[-1])}, "
                f"but {files[0].name} has {', '.join(parts[0])}"
            )
    names = [shown(f.name).split(".csv")[0] for f in files]
    words = {name.partition("_")[0] for name in names if "_" in name}
    common = f"{words.pop()}_" if len(words) == 1 and all("_" in name for name in names) else ""
    joined = {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}
    if "context" not in joined:
        sizes = [len(part[next(iter(part))]) for part in parts]
        joined["context"] = np.repeat([name.removeprefix(common) for name in names], sizes)
    with _sentences(folder):
        known = adopt(joined, shown(folder)) if columns is None else None
        if known is None:
            table = _make(_renamed(joined, columns, folder), {}, folder, strict=columns is None)
            return _told(table, joined, list(table.columns))
    return _told(known, joined, columns_used(joined, known))


@contextmanager
def _sentences(file: Path) -> Iterator[None]:
    """Whatever a parser raises becomes one sentence with the file."""
    name, kind = shown(file), file.suffix[1:] or "a table"
    try:
        yield
    except MemoryError:
        raise TraceError(f"{name!r} takes more memory than there is") from None
    except OlearnError as error:
        if isinstance(error, TraceError) and name not in str(error) and file.name not in str(error):
            raise TraceError(f"{name}: {error}") from None
        raise
    except Exception as error:  # zip, Parquet and CSV parsers raise whatever they meet in a damaged file
        raise TraceError(f"{name!r} can't be read as {kind}: {said(error)}") from None


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
    except OlearnError as error:
        raise type(error)(f"{shown(file.name)}: {error}") from None
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
        plain = sum(member.file_size for member in data.zip.infolist())
        check_memory(3 * plain, f"{shown(file)}: takes")
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

    check_memory(4 * file.stat().st_size, f"{shown(file)}: takes")
    # prompts and answers have line breaks in quotes; one piece, because a break may lie between pieces
    options = csv.ParseOptions(newlines_in_values=True)
    table = csv.read_csv(file, parse_options=options, read_options=csv.ReadOptions(block_size=1 << 26))
    if table.num_rows == 0:
        raise TraceError(f"{shown(file)}: has a header and no row below it")
    return _from_arrow(table)


def _from_arrow(data: Any) -> dict[str, np.ndarray]:
    columns: dict[str, np.ndarray] = {}
    for name, column in zip(data.column_names, data.columns):
        if column.null_count:
            row = int(np.flatnonzero(column.is_null().to_numpy(zero_copy_only=False))[0]) + 1
            raise TraceError(f"column {name!r} has no value in row {row}")
        array = column.to_numpy(zero_copy_only=False)
        short = array.dtype.kind == "O" and max(map(len, map(str, array)), default=0) <= _LONG
        stripped = str(name).strip()
        if stripped in columns:
            raise TraceError(f"has two columns {stripped!r}")
        columns[stripped] = array.astype(str) if short else array
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
