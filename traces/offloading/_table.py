"""The table of binary offloading: one row a sample, what the local model said and whether it was right.

Examples
--------
>>> table = OffloadTable(confidence=[0.9, 0.4, 0.6], local_correct=[1, 0, 1], remote_correct=[1, 1, 1])
>>> table.levels, table.cells
(array([0.4, 0.6, 0.9]), array([2, 0, 1], dtype=int32))
>>> round(table.local_accuracy, 3), table.remote_accuracy
(0.667, 1.0)
>>> OffloadTable(confidence=[1.2], local_correct=[1])
Traceback (most recent call last):
    ...
olearn.errors.TraceError: confidence must be a probability between 0 and 1, got 1.2 in row 1
"""

from __future__ import annotations

import functools
from collections.abc import Mapping
from typing import Any, ClassVar

import numpy as np

from olearn.errors import NotSupportedError, TraceError
from olearn.traces.offloading._columns import (
    ColumnTable,
    check_binary,
    check_finite,
    check_nonnegative,
    check_unit,
)


class OffloadTable(ColumnTable):
    """Predictions of a local and a remote model on the same samples.

    Parameters
    ----------
    confidence : array_like of float, shape (T,), optional
        The local model's confidence in its answer, in [0, 1]; default: the largest of `scores`.
    local_correct : array_like of {0, 1}, shape (T,)
        Whether the local model's answer is right.
    remote_correct : array_like of {0, 1}, shape (T,), optional
        Whether the remote model's answer is right.
    cost : array_like of float, shape (T,), optional
        Price of offloading each sample, in units of one wrong answer, at least 0.
    time : array_like of float, shape (T,), optional
        Arrival times in seconds, non-decreasing.
    latency_local, latency_remote : array_like of float, shape (T,), optional
        Milliseconds until an answer.
    context : array_like of int or str, shape (T,), optional
        Domain of each sample; texts are numbered in sorted order, the names kept.
    tokens : array_like of int, shape (T,), optional
        Size of the sample in tokens (or bytes) sent.
    energy : array_like of float, shape (T,), optional
        Energy that offloading the sample takes; budgets can limit it.
    scores : array_like of float, shape (T, L), optional
        The local model's class probabilities; rows sum to 1. H2T2 needs L = 2.
    label : array_like of int, shape (T,), optional
        The true class, from 0; label shift needs it.
    name, provenance
        See :class:`~olearn.traces.offloading._columns.ColumnTable`.

    Raises
    ------
    TraceError
        One sentence with the row (counted from 1) for a value that is not allowed.
    """

    kind: ClassVar[str] = "binary"
    required: ClassVar[tuple[str, ...]] = ("confidence", "local_correct")
    optional: ClassVar[tuple[str, ...]] = (
        "remote_correct",
        "cost",
        "time",
        "latency_local",
        "latency_remote",
        "context",
        "tokens",
        "energy",
        "scores",
        "label",
    )

    def __init__(
        self,
        confidence: Any = None,
        local_correct: Any = None,
        remote_correct: Any = None,
        *,
        cost: Any = None,
        time: Any = None,
        latency_local: Any = None,
        latency_remote: Any = None,
        context: Any = None,
        tokens: Any = None,
        energy: Any = None,
        scores: Any = None,
        label: Any = None,
        context_names: tuple[str, ...] = (),
        name: str = "",
        provenance: Mapping[str, str] | None = None,
    ) -> None:
        if confidence is None and scores is not None:
            s = check_unit("scores", np.asarray(scores))
            if s.ndim != 2:
                raise TraceError(f"scores must have one column a class, got shape {s.shape}")
            confidence = s.max(axis=1)
        self.context_names = tuple(str(n) for n in context_names)
        columns = {
            "confidence": confidence,
            "local_correct": local_correct,
            "remote_correct": remote_correct,
            "cost": cost,
            "time": time,
            "latency_local": latency_local,
            "latency_remote": latency_remote,
            "context": context,
            "tokens": tokens,
            "energy": energy,
            "scores": scores,
            "label": label,
        }
        super().__init__(columns, name, provenance)

    def _validate(self) -> None:
        c = self.columns
        for key in c:
            if key != "scores" and c[key].ndim != 1:
                raise TraceError(f"column {key!r} must have one dimension, got shape {c[key].shape}")
        c["confidence"] = check_unit("confidence", c["confidence"])
        for key in ("local_correct", "remote_correct"):
            if key in c:
                c[key] = check_binary(key, c[key])
        for key in ("cost", "latency_local", "latency_remote", "tokens", "energy"):
            if key in c:
                c[key] = check_nonnegative(key, c[key])
        if "time" in c:
            c["time"] = check_finite("time", c["time"])
            back = np.flatnonzero(np.diff(c["time"]) < 0.0)
            if back.size:
                raise TraceError(f"time must not go back, but does in row {int(back[0]) + 2}")
        if "scores" in c:
            c["scores"] = check_unit("scores", c["scores"])
            off = np.abs(c["scores"].sum(axis=-1) - 1.0) > 1e-6
            if c["scores"].ndim != 2 or off.any():
                row = int(np.flatnonzero(off)[0]) + 1 if off.any() and off.ndim else 1
                raise TraceError(f"scores must be class probabilities that sum to 1, but row {row} does not")
        if "label" in c:
            labels = check_nonnegative("label", c["label"])
            whole = np.flatnonzero(labels != np.floor(labels))
            if whole.size:
                row = int(whole[0])
                raise TraceError(f"label must be a whole number from 0, got {labels[row]:g} in row {row + 1}")
            c["label"] = labels.astype(np.int32)
        if "context" in c:
            self._number_contexts()

    def _number_contexts(self) -> None:
        context = self.columns["context"]
        if context.dtype.kind in "UOS":
            names, codes = np.unique(context.astype(str), return_inverse=True)
            self.context_names = tuple(names.tolist())
            self.columns["context"] = codes.astype(np.int32)
            return
        values = check_nonnegative("context", context)
        if (values != np.floor(values)).any() or values.max() >= 2**31:
            raise TraceError("context must be whole numbers from 0, or texts")
        self.columns["context"] = values.astype(np.int32)

    def take(self, index: Any) -> OffloadTable:
        """A new table of the samples at `index` (slice, positions or a mask), in that order.

        Where the order changes, arrival times stay at their places: sample t of the new table
        arrives when the sample that stood there did.
        """
        columns = {k: v[index] for k, v in self.columns.items()}
        if "time" in columns:
            columns["time"] = np.sort(columns["time"])
        return self._like(columns)

    # -- what policies and comparators read ---------------------------------------------------------
    @functools.cached_property
    def levels(self) -> np.ndarray:
        """The distinct confidences, increasing, float64 of shape (n,)."""
        return np.unique(self.columns["confidence"])

    @functools.cached_property
    def cells(self) -> np.ndarray:
        """The position of each sample's confidence among :attr:`levels`, int32 of shape (T,)."""
        return np.searchsorted(self.levels, self.columns["confidence"]).astype(np.int32)

    @property
    def contexts(self) -> int:
        """Number of contexts, at least 1."""
        if "context" not in self.columns:
            return 1
        return max(int(self.columns["context"].max()) + 1, len(self.context_names))

    @property
    def local_accuracy(self) -> float:
        """Share of samples that the local model answers right."""
        return float(self.columns["local_correct"].mean())

    @property
    def remote_accuracy(self) -> float:
        """Share of samples that the remote model answers right."""
        return float(self.need("remote_correct", "the remote accuracy").mean())

    def need(self, column: str, who: str) -> np.ndarray:
        """The column, or an error that says who needs it."""
        if column not in self.columns:
            raise NotSupportedError(
                f"{who} needs the column {column!r}; the table has {', '.join(self.columns)}"
            )
        return self.columns[column]

    def _extra(self) -> dict[str, Any]:
        return {"context_names": list(self.context_names)} if self.context_names else {}

    def _restore(self, extra: Mapping[str, Any]) -> None:
        self.context_names = tuple(extra.get("context_names", ()))
