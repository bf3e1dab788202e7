"""libCacheSim's ``oracleGeneral``: 24-byte little-endian records of time, id, size, next request.

``u32 time; u64 obj_id; u32 obj_size; i64 next_access_vtime``. The last field is the 1-based ordinal
of the next request of the same item, -1 (or INT64_MAX) where there is none; it is not needed here,
because olearn computes next requests itself (:meth:`olearn.traces.Trace.next_use`).
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import PurePath

import numpy as np

from olearn.traces._files import Source
from olearn.traces._gather import Block
from olearn.traces.readers._base import Reader, column, key_column, records

RECORD = np.dtype([("time", "<u4"), ("id", "<u8"), ("size", "<u4"), ("next", "<i8")])
_NEVER = np.iinfo(np.int64).max
_FAR = 1 << 48  # no trace is longer; text or another format read as a record gives larger numbers


def impossible(found: np.ndarray) -> int | None:
    """Position of the first record whose next request can't be one."""
    after = found["next"]
    good = ((after >= -1) & (after < _FAR)) | (after == _NEVER)
    return None if good.all() else int(np.argmin(good))


class OracleGeneral(Reader):
    """The binary format of libCacheSim's traces."""

    name = "oracleGeneral"
    extensions = (".oracleGeneral", ".oracleGeneral.bin")
    description = "libCacheSim binary, 24 bytes: u32 time, u64 id, u32 size, i64 next request"
    example = "struct <IQIq: 5633898, 42932745, 512, 114"

    def sniff(self, head: bytes, path: PurePath) -> float:
        found = np.frombuffer(head, RECORD, len(head) // RECORD.itemsize)
        named = "oraclegeneral" in path.name.lower()
        if not found.size or impossible(found) is not None:
            return 0.35 if named and not found.size else 0.0
        times = found["time"].astype(np.int64)
        ordered = np.mean(np.diff(times) >= 0) if times.size > 1 else 1.0
        ordinals = np.arange(1, found.size + 1)
        after = found["next"]
        ahead = np.mean((after <= 0) | (after > ordinals))
        return float(0.4 + 0.4 * (ordered > 0.9) * (ahead > 0.9) + 0.2 * named)

    def blocks(self, source: Source) -> Iterator[Block | None]:
        for found in records(source, RECORD, impossible):
            yield Block(key_column(found["id"]), column(found["size"]), column(found["time"]))
