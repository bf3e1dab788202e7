"""Routing streams of mixture-of-experts models: which experts of a layer a token needs, together.

A line of a recording is one layer and token: ``layer_idx`` and ``selected_ids`` (``layer`` and ``experts``
are understood too); ``token_idx``, ``gate_weights`` and anything else may be there. The experts of a line
are a batch: they are needed at the same time. An item is a pair (layer, expert).
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from olearn.errors import ParameterError
from olearn.traces._files import Source, write_whole

_LAYER = ("layer_idx", "layer", "layer_id")
_EXPERTS = ("selected_ids", "experts", "selected_experts", "expert_ids")


class BatchTrace:
    """Batches of experts.

    Attributes
    ----------
    starts : ndarray of int64, shape (B+1,)
        Batch b needs ``items[starts[b] : starts[b+1]]``.
    items : ndarray of int32
        Ids ``layer * experts + expert`` over the layers that occur, in increasing order of layer.
    layers : ndarray of int32, shape (B,)
        The layer of each batch, 0 .. L-1.
    layer_names : ndarray of int64, shape (L,)
        The layers' numbers in the recording.
    experts : int
        Experts of a layer: at least one more than the largest id.
    name : str
    notes : list of str
        What was not used while reading.
    """

    def __init__(
        self,
        starts: np.ndarray,
        items: np.ndarray,
        layers: np.ndarray,
        layer_names: np.ndarray,
        experts: int,
        name: str = "batches",
        notes: Sequence[str] = (),
    ) -> None:
        self.starts = starts
        self.items = items
        self.layers = layers
        self.layer_names = layer_names
        self.experts = experts
        self.name = name
        self.notes = list(notes)

    @classmethod
    def from_batches(
        cls,
        layers: Sequence[int],
        batches: Sequence[Sequence[int]],
        experts: int | None = None,
        name: str = "batches",
    ) -> BatchTrace:
        """Batches from the layer of each and the experts it needs.

        Raises
        ------
        ParameterError
            An expert twice in a batch, an id that is negative or not below `experts`.

        Examples
        --------
        >>> trace = BatchTrace.from_batches([0, 1], [[3, 7], [3, 5]])
        >>> trace.items.tolist(), trace.experts
        ([3, 7, 11, 13], 8)
        """
        if not batches:
            raise ParameterError("a trace needs at least one batch, got none")
        names, index = np.unique(np.asarray(layers, dtype=np.int64), return_inverse=True)
        lengths = np.array([len(b) for b in batches], np.int64)
        flat = np.array([e for b in batches for e in b], np.int64)
        if flat.size and flat.min() < 0:
            raise ParameterError(f"experts must be at least 0, got {flat.min()}")
        count = int(flat.max(initial=-1)) + 1 if experts is None else experts
        if flat.size and flat.max() >= count:
            raise ParameterError(f"experts must be below {count}, got {flat.max()}")
        of = np.repeat(np.arange(lengths.size), lengths)
        pairs = of * max(count, 1) + flat
        if np.unique(pairs).size < pairs.size:
            values, times = np.unique(pairs, return_counts=True)
            b, e = divmod(int(values[times > 1][0]), max(count, 1))
            raise ParameterError(f"batch {b + 1} names expert {e} twice")
        items = index[of] * count + flat
        return cls(
            np.concatenate([[0], np.cumsum(lengths)]).astype(np.int64),
            items.astype(np.int32),
            index.astype(np.int32),
            names,
            count,
            name,
        )

    @classmethod
    def load(cls, path: str | Path, experts: int | None = None) -> BatchTrace:
        """Read JSON lines with a layer and the experts selected, plain or compressed.

        Raises
        ------
        TraceError
            One sentence with the line.
        """
        source = Source(Path(path))
        layers: list[int] = []
        batches: list[list[int]] = []
        others: set[str] = set()
        for number, line in source.lines():
            if not line.strip():
                continue
            try:
                record = json.loads(line)
                fields = set(record)
            except (ValueError, TypeError, RecursionError):
                raise source.error(f"line {number}: not a JSON object") from None
            layer = _field(source, number, record, _LAYER, "layer")
            ids = _field(source, number, record, _EXPERTS, "experts")
            if type(layer) is not int or layer < 0:
                raise source.error(
                    f"line {number}: the layer must be a whole number of at least 0, got {layer!r}"
                )
            if not isinstance(ids, list) or not ids or any(type(i) is not int or i < 0 for i in ids):
                raise source.error(f"line {number}: the experts must be a list of whole numbers of at least 0")
            if len(set(ids)) < len(ids):
                raise source.error(f"line {number}: an expert stands twice in its batch")
            layers.append(layer)
            batches.append(ids)
            others |= fields - set(_LAYER) - set(_EXPERTS)
        if not batches:
            raise source.error("holds no batch")
        try:
            trace = cls.from_batches(layers, batches, experts, Path(path).name)
        except ParameterError as error:
            raise source.error(str(error)) from None
        if others:
            trace.notes.append(f"not used: {', '.join(sorted(others))}")
        return trace

    def save(self, path: str | Path) -> Path:
        """Write JSON lines with ``layer_idx``, ``token_idx`` and ``selected_ids``, whole or not at all.

        A token ends where the layer does not increase.
        """
        lines = []
        token, before = 0, -1
        for b, layer in enumerate(self.layers.tolist()):
            token += b > 0 and layer <= before
            before = layer
            ids = self.items[self.starts[b] : self.starts[b + 1]] - layer * self.experts
            record = {
                "layer_idx": int(self.layer_names[layer]),
                "token_idx": int(token),
                "selected_ids": ids.tolist(),
            }
            lines.append(json.dumps(record))
        text = "\n".join(lines) + "\n"
        return write_whole(path, lambda file: file.write(text.encode()))

    def __len__(self) -> int:
        """Number of batches."""
        return self.starts.size - 1

    @property
    def catalog_size(self) -> int:
        """Number of (layer, expert) pairs."""
        return self.layer_names.size * self.experts

    @property
    def digest(self) -> str:
        """Hash of the content."""
        digest = hashlib.blake2b(digest_size=16)
        for part in (self.starts, self.items, self.layers):
            digest.update(np.ascontiguousarray(part).tobytes())
        return digest.hexdigest()

    def __repr__(self) -> str:
        return (
            f"<BatchTrace {self.name!r}: {len(self):,} batches, {self.items.size:,} experts asked for, "
            f"{self.layer_names.size} layers of {self.experts}>"
        )


def _field(source: Source, number: int, record: Any, names: tuple[str, ...], what: str) -> Any:
    for name in names:
        if isinstance(record, dict) and name in record:
            return record[name]
    raise source.error(f"line {number}: no {what} ({' or '.join(repr(n) for n in names[:2])})")
