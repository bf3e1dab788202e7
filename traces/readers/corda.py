"""The binary traces of Corda (scarab): a big-endian signed 64-bit id a request."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import PurePath

import numpy as np

from olearn.traces._files import Source
from olearn.traces._gather import Block
from olearn.traces.readers._base import Reader, key_column, records

_RECORD = np.dtype([("id", ">i8")])


class Corda(Reader):
    """Big-endian 64-bit ids."""

    name = "corda"
    extensions = (".corda",)
    description = "binary, a big-endian int64 id a request (Corda, scarab)"
    example = "struct >q: 70000"

    def sniff(self, head: bytes, path: PurePath) -> float:
        ids = np.frombuffer(head, ">i8", len(head) // 8)
        if b"\0" not in head or ids.size < 2:
            return 0.0
        if self.named(path) and ((ids >= 0) & (ids < 1 << 56)).all():
            return 0.6
        # Of 32-bit ids read as 64-bit ones, the upper half is an id too; of 64-bit ones it is 0.
        return 0.6 if ((ids >= 0) & (ids < 1 << 32)).all() else 0.0

    def blocks(self, source: Source) -> Iterator[Block | None]:
        for found in records(source, _RECORD):
            yield Block(key_column(found["id"]))
