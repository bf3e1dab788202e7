"""cache2k's binary traces: a big-endian signed 32-bit id a request."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import PurePath

import numpy as np

from olearn.traces._files import Source
from olearn.traces._gather import Block
from olearn.traces.readers._base import Reader, key_column, records

_RECORD = np.dtype([("id", ">i4")])


class Cache2k(Reader):
    """Big-endian 32-bit ids, as in the benchmarks of cache2k."""

    name = "cache2k"
    extensions = (".trace",)
    description = "binary, a big-endian int32 id a request (cache2k)"
    example = "struct >i: 70000"

    def sniff(self, head: bytes, path: PurePath) -> float:
        ids = np.frombuffer(head, ">i4", len(head) // 4)
        if b"\0" not in head or ids.size < 2 or (ids < 0).any():
            return 0.0
        # Ids of real traces are far below 2^31: their upper bytes are mostly zero.
        small = float(np.mean(ids < 1 << 24))
        return 0.0 if small < 0.9 else 0.45 + 0.1 * self.named(path)

    def blocks(self, source: Source) -> Iterator[Block | None]:
        for found in records(source, _RECORD):
            yield Block(key_column(found["id"]))
