"""olearn's compact ``.npz`` (see :mod:`olearn.traces._npz` for the members)."""

from __future__ import annotations

import io
from pathlib import PurePath
from typing import Any

from olearn.traces._files import Source, at
from olearn.traces._gather import picked
from olearn.traces._npz import MARK, decode
from olearn.traces._trace import Trace
from olearn.traces.readers._base import Reader


class Npz(Reader):
    """The compact format of ``Trace.save`` and ``olearn trace convert``."""

    name = "npz"
    extensions = (".npz",)
    description = "olearn's own: ids already dense, narrow types, compressed"
    example = "olearn trace convert requests.csv requests.npz"

    def sniff(self, head: bytes, path: PurePath) -> float:
        if not head.startswith(b"PK\x03\x04"):
            return 0.0
        return 1.0 if MARK in head[:64] else 0.5 + 0.3 * self.named(path)

    def read(self, source: Source, operations: str | None = None, **options: Any) -> Trace:
        """Read the file; a trace with operations stays as it was saved unless `operations` picks some."""
        with at(source, lambda position: f"request {position}"):
            trace = decode(io.BytesIO(source.read()))
        return picked(trace, operations, source.error)
