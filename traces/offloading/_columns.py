"""What every offloading table shares: named columns of one length, files, slices, a digest."""

from __future__ import annotations

import hashlib
import importlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, ClassVar, Self

import numpy as np

from olearn._rng import generator
from olearn.errors import TraceError, UnknownNameError, check_positive_int, unknown

#: Kind of table -> "module:class". A kind is found in a CSV file by the class's required columns.
KINDS = {
    "binary": "olearn.traces.offloading._table:OffloadTable",
    "routing": "olearn.traces.offloading.routing:RoutingTable",
    "splits": "olearn.traces.offloading.splits:SplitTable",
    "servers": "olearn.traces.offloading.servers:ServerTable",
    "exits": "olearn.traces.offloading.exits:ExitTable",  # last: needs confidence alone
}


class ColumnTable:
    """Columns over the same samples, first axis = sample.

    Parameters
    ----------
    columns : mapping of str to array_like or None
        Columns that are None are left out.
    name : str
        What pictures and tables call it.
    provenance : mapping of str to str, optional
        Where it comes from: source, licence, command.
    """

    kind: ClassVar[str] = ""
    #: Names of the columns that must and that may be there; others are refused.
    required: ClassVar[tuple[str, ...]] = ()
    optional: ClassVar[tuple[str, ...]] = ()
    #: Where a table that was read comes from: its kind, the columns read and those that were not.
    origin: Mapping[str, Any] = {}

    def __init__(
        self,
        columns: Mapping[str, Any],
        name: str = "",
        provenance: Mapping[str, str] | None = None,
    ) -> None:
        self.columns: dict[str, np.ndarray] = {}
        self.name = name
        self.provenance = dict(provenance or {})
        for key, value in columns.items():
            if value is None:
                continue
            if key not in (*self.required, *self.optional):
                raise unknown("column", key[:60], (*self.required, *self.optional))
            self.columns[key] = np.asarray(value)
        for key in self.required:
            if key not in self.columns:
                raise TraceError(f"the table has no column {key!r}; it has {', '.join(self.columns) or 'none'}")
        length = len(self)
        if length == 0:
            raise TraceError("the table has no samples")
        for key, array in self.columns.items():
            if array.ndim == 0 or array.shape[0] != length:
                first = next(iter(self.columns))
                raise TraceError(f"column {key!r} has shape {array.shape}, but {first!r} has {length} samples")
        self._validate()
        for key, array in self.columns.items():
            self.columns[key] = frozen = np.ascontiguousarray(array)
            frozen.flags.writeable = False

    def _validate(self) -> None:
        """Check the columns and bring each to its dtype; raises TraceError with one sentence."""

    def __len__(self) -> int:
        return int(next(iter(self.columns.values())).shape[0]) if self.columns else 0

    def __contains__(self, name: object) -> bool:
        return name in self.columns

    def __getitem__(self, key: Any) -> Any:
        if not isinstance(key, str):
            if isinstance(key, (int, np.integer)):
                raise TraceError(f"take samples by a slice or an array, got the single position {key}")
            return self.take(key)
        if key not in self.columns:
            raise UnknownNameError(f"the table has no column {key!r}; it has {', '.join(self.columns)}")
        return self.columns[key]

    def get(self, name: str) -> np.ndarray | None:
        """The column, or None if the table does not have it."""
        return self.columns.get(name)

    def take(self, index: Any) -> Self:
        """A new table of the samples at `index` (slice, positions or a mask), in that order."""
        return self._like({k: v[index] for k, v in self.columns.items()})

    def _like(self, columns: Mapping[str, Any], name: str | None = None) -> Self:
        """A table of the same kind with other columns."""
        new = self.__class__.__new__(self.__class__)
        new._restore(self._extra())
        ColumnTable.__init__(new, columns, self.name if name is None else name, self.provenance)
        new.origin = self.origin
        return new

    def resample(self, samples: int, seed: int = 0) -> Self:
        """Bootstrap to any length: `samples` draws with replacement, independent and uniform.

        The longer table has the distribution of this one, so the best threshold's mean cost tends to
        this table's; it makes horizons for which a bound says something.
        """
        count = check_positive_int("samples", samples)
        return self.take(generator(seed).integers(0, len(self), count))

    def shuffle(self, seed: int = 0) -> Self:
        """The same samples in random order."""
        return self.take(generator(seed).permutation(len(self)))

    def digest(self) -> str:
        """A hash of kind, column names, dtypes and values: equal tables have equal digests."""
        state = hashlib.blake2b(self.kind.encode(), digest_size=16)
        for key in sorted(self.columns):
            array = self.columns[key]
            state.update(f"\0{key}\0{array.dtype.str}\0{array.shape}\0".encode())
            state.update(np.ascontiguousarray(array).tobytes())
        return state.hexdigest()

    def __eq__(self, other: object) -> bool:
        return isinstance(other, ColumnTable) and self.digest() == other.digest()

    __hash__ = None  # type: ignore[assignment]

    def __repr__(self) -> str:
        columns = ", ".join(self.columns)
        return f"<{type(self).__name__} {self.name or 'unnamed'}: {len(self):,} samples, {columns}>"

    # -- files -------------------------------------------------------------------------------------
    def _extra(self) -> dict[str, Any]:
        """What a file stores beside the columns (JSON); given back to :meth:`_restore`."""
        return {}

    def _restore(self, extra: Mapping[str, Any]) -> None:
        """Take back what :meth:`_extra` gave."""

    def save(self, path: str | Path) -> Path:
        """Write the table to ``.csv``, ``.parquet`` or ``.npz``, whole or not at all; returns the path."""
        from olearn.traces.offloading._files import write

        return write(self, Path(path))

    def meta(self) -> str:
        """Kind, name, provenance and extras as JSON text."""
        return json.dumps(
            {"kind": self.kind, "name": self.name, "provenance": self.provenance, **self._extra()},
            sort_keys=True,
        )


def table_class(kind: str) -> type[ColumnTable]:
    """The class of a kind of table."""
    if kind not in KINDS:
        raise unknown("kind of offloading table", kind, KINDS)
    module, name = KINDS[kind].split(":")
    found: type[ColumnTable] = getattr(importlib.import_module(module), name)
    return found


# -- checks that subclasses use -------------------------------------------------------------------


def _numbers(name: str, array: np.ndarray) -> np.ndarray:
    if array.dtype.kind not in "biuf":
        raise TraceError(f"column {name!r} must hold numbers, got {array.dtype}")
    return array.astype(np.float64)


def _bad_row(bad: np.ndarray) -> int:
    """First row with a true entry, counted from 1."""
    rows = bad if bad.ndim == 1 else bad.reshape(bad.shape[0], -1).any(axis=1)
    return int(np.flatnonzero(rows)[0])


def check_finite(name: str, array: np.ndarray) -> np.ndarray:
    """float64 without NaN or infinity, else TraceError with the row (counted from 1)."""
    values = _numbers(name, array)
    bad = ~np.isfinite(values)
    if bad.any():
        row = _bad_row(bad)
        raise TraceError(f"{name} must be a finite number, got {_show(values[row])} in row {row + 1}")
    return values


def check_unit(name: str, array: np.ndarray) -> np.ndarray:
    """float64 within [0, 1], else TraceError with the row."""
    values = _numbers(name, array)
    bad = ~((values >= 0.0) & (values <= 1.0))
    if bad.any():
        row = _bad_row(bad)
        raise TraceError(
            f"{name} must be a probability between 0 and 1, got {_show(values[row])} in row {row + 1}"
        )
    return values


def check_binary(name: str, array: np.ndarray) -> np.ndarray:
    """uint8 of 0 and 1, else TraceError with the row."""
    values = _numbers(name, array)
    bad = ~((values == 0.0) | (values == 1.0))
    if bad.any():
        row = _bad_row(bad)
        raise TraceError(f"{name} must be 0 or 1, got {_show(values[row])} in row {row + 1}")
    return values.astype(np.uint8)


def check_nonnegative(name: str, array: np.ndarray) -> np.ndarray:
    """float64, finite and at least 0, else TraceError with the row."""
    values = check_finite(name, array)
    bad = values < 0.0
    if bad.any():
        row = _bad_row(bad)
        raise TraceError(f"{name} must be at least 0, got {_show(values[row])} in row {row + 1}")
    return values


def _show(value: Any) -> str:
    return np.array2string(np.asarray(value), precision=6, threshold=6)
