"""Finished cells on disk: a folder of Parquet files that only grows, whole files or none.

A cell is kept under a key, a hash of everything that its rows depend on: the sources of the policy, the game
and the machine, the stream's digest, the options, the seed, the checkpoints. A later call with the same key
takes it from here.

Each write is one new file ``<partition>/part-<hash of its bytes>.parquet``, moved into place when complete.
The name proves the content: a file that was cut, changed or half copied is as good as absent, and two
processes can write to one folder. Each row of the files is a row of the result (columns of the game, curves
as lists), so pandas, polars and DuckDB read the folder while it grows; ``record`` holds the cell exactly.
"""

from __future__ import annotations

import hashlib
import json
import os
import tempfile
import time
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from olearn.bounds import Bound
from olearn.engine.game import Column, Comparators, Outcome, Run
from olearn.errors import OlearnError

#: Finished cells wait at most so many seconds, or until so many are there, before they are written.
WAIT, MANY = 0.5, 256


class Store:
    """Finished cells by key.

    Parameters
    ----------
    folder : path
        Made at the first write.
    columns : sequence of Column
        Of the game's rows.
    partition : dict
        Names the sub-folder of what is written, as ``name=value``.
    """

    def __init__(self, folder: str | Path, columns: Sequence[Column], partition: dict[str, str]) -> None:
        self.folder = Path(folder)
        self.columns = columns
        self.partition = partition
        self._pending: list[tuple[str, Outcome, Outcome]] = []
        self._written = time.monotonic()

    # -- reading -----------------------------------------------------------------------------------
    def load(self, keys: Iterable[str]) -> dict[str, Outcome]:
        """The sound outcomes of these keys."""
        wanted = set(keys)
        found: dict[str, Outcome] = {}
        for file in self._files():
            for key, record in _records(file):
                if key in wanted and key not in found:
                    outcome = _unpack(record)
                    if outcome is not None:
                        found[key] = outcome
        return found

    def _files(self) -> list[Path]:
        below = self.folder.joinpath(*(f"{k}={v}" for k, v in self.partition.items()))
        try:
            return sorted(below.glob("part-*.parquet"))
        except OSError:
            return []

    # -- writing -----------------------------------------------------------------------------------
    def keep(self, key: str, raw: Outcome, shown: Outcome) -> None:
        """Keep a finished cell: as it came (`raw`), and as its rows are `shown`."""
        self._pending.append((key, raw, shown))
        if len(self._pending) >= MANY or time.monotonic() - self._written > WAIT:
            self.flush()

    def flush(self) -> None:
        """Write what waits."""
        if not self._pending:
            return
        import pyarrow as pa
        import pyarrow.parquet as pq

        pending, self._pending = self._pending, []
        rows = [row for key, raw, shown in pending for row in self._rows(key, raw, shown)]
        schema = self._schema(pa)
        table = pa.Table.from_pylist(rows, schema=schema)
        sink = pa.BufferOutputStream()
        pq.write_table(table, sink, compression="zstd")
        data = sink.getvalue().to_pybytes()
        below = self.folder.joinpath(*(f"{k}={v}" for k, v in self.partition.items()))
        write_new(below, f"part-{_hash(data)}.parquet", data)
        self._written = time.monotonic()

    def _schema(self, pa: Any) -> Any:
        kinds = {"text": pa.string(), "int": pa.int64(), "float": pa.float64(), "bool": pa.bool_()}
        named = [(c.name, kinds.get(c.kind, pa.string())) for c in self.columns]
        curves = pa.list_(pa.float64())
        more = [("checkpoints", pa.list_(pa.int64())), ("reward_curve", curves), ("record", pa.string())]
        return pa.schema([("key", pa.string()), ("kind", pa.string()), *named, *more])

    def _rows(self, key: str, raw: Outcome, shown: Outcome) -> list[dict[str, Any]]:
        kind = "run" if raw.comparators is None else "comparator"
        rows: list[dict[str, Any]] = []
        for run in shown.runs:
            cells = {c.name: _cell(c.kind, run.row.get(c.name)) for c in self.columns}
            curve = next(iter(run.curves.values()), None)
            rows.append({"key": key, "kind": kind, **cells, "reward_curve": _list(curve)})
        if not rows:
            rows = [{"key": key, "kind": kind}]
        rows[0]["record"] = json.dumps(_pack(raw))
        return rows


def write_new(folder: Path, name: str, data: bytes) -> None:
    """Put a new file into a folder, whole or not at all."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        handle, part = tempfile.mkstemp(dir=folder, prefix=".writing-")
    except OSError as error:
        raise OlearnError(f"can't write to {folder}: {error.strerror}") from None
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(data)
        umask = os.umask(0)
        os.umask(umask)
        os.chmod(part, 0o666 & ~umask)
        os.replace(part, folder / name)
    except OSError as error:
        Path(part).unlink(missing_ok=True)
        raise OlearnError(f"can't write to {folder}: {error.strerror}") from None


def _hash(data: bytes) -> str:
    return hashlib.blake2b(data, digest_size=16).hexdigest()


def _records(file: Path) -> list[tuple[str, str]]:
    """Keys and records of a file; nothing of one that is not what its name says."""
    try:
        data = file.read_bytes()
    except OSError:
        return []
    if file.name != f"part-{_hash(data)}.parquet":
        return []
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        table = pq.read_table(pa.BufferReader(data), columns=["key", "record"])
    except (pa.ArrowException, OSError, KeyError, ValueError):
        return []  # of another version of olearn, or somebody else's
    return [(k, r) for k, r in zip(*(table[c].to_pylist() for c in ("key", "record"))) if r is not None]


# -- outcomes as text ----------------------------------------------------------------------------------
def _pack(outcome: Outcome) -> dict[str, Any]:
    best = outcome.comparators
    return {
        "runs": [
            {
                "row": plain(run.row, exact=True),
                "curves": _lists(run.curves),
                "bound": None if run.bound is None else run.bound._asdict(),
                "bound_curve": _list(run.bound_curve),
            }
            for run in outcome.runs
        ],
        "comparators": None
        if best is None
        else {
            "curves": _lists(best.curves),
            "certificates": plain(best.certificates, exact=True),
            "told": plain(best.told, exact=True),
        },
    }


def _unpack(text: str) -> Outcome | None:
    try:
        data = json.loads(text)
        runs = [
            Run(
                run["row"],
                _arrays(run["curves"]),
                None if run["bound"] is None else as_bound(run["bound"]),
                None if run["bound_curve"] is None else np.array(run["bound_curve"], dtype=np.float64),
            )
            for run in data["runs"]
        ]
        best = data["comparators"]
        if best is not None:
            best = Comparators(_arrays(best["curves"]), best["certificates"], best["told"])
    except (ValueError, KeyError, TypeError, AttributeError):
        return None
    return Outcome(runs, best)


def as_bound(told: dict[str, Any]) -> Bound:
    """A bound from its parts as plain types."""
    return Bound(**{**told, "assumptions": tuple(told["assumptions"])})


def plain(value: Any, exact: bool = False) -> Any:
    """`value` as JSON knows it; NaN and infinities become null unless `exact`."""
    if isinstance(value, dict):
        return {str(k): plain(v, exact) for k, v in value.items()}
    if isinstance(value, (list, tuple)):
        return [plain(v, exact) for v in value]
    if hasattr(value, "tolist"):
        return plain(value.tolist(), exact)
    if isinstance(value, float) and not exact:
        return value if np.isfinite(value) else None
    if isinstance(value, Path):
        return str(value)
    return value


def _list(curve: np.ndarray | None) -> list[float] | None:
    return None if curve is None else np.asarray(curve, dtype=np.float64).tolist()


def _lists(curves: dict[str, np.ndarray]) -> dict[str, Any]:
    return {name: _list(curve) for name, curve in curves.items()}


def _arrays(curves: dict[str, Any]) -> dict[str, np.ndarray]:
    return {name: np.array(values, dtype=np.float64) for name, values in curves.items()}


def _cell(kind: str, value: Any) -> Any:
    """A value of a row as its column takes it."""
    if value is None:
        return None
    if kind == "json":
        return json.dumps(plain(value), default=repr)
    if hasattr(value, "item"):
        value = value.item()
    if kind == "float":
        return float(value)
    if kind == "int":
        return int(value)
    return bool(value) if kind == "bool" else str(value)
