"""Twitter's traces in libCacheSim's binary form: ``twr`` (20 bytes) and ``twrNS`` (22, with a namespace).

``u32 time; u64 id; u32 key_size:10 value_size:22; u32 op:8 ttl:24`` (high bits first) and, in
``twrNS``, ``u16 namespace``, which is not read: ids are hashes of whole keys. The size is key plus
value. The two are told apart by what their records say.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import PurePath

import numpy as np

from olearn.traces._files import Source
from olearn.traces._gather import Block
from olearn.traces.readers._base import Reader, column, key_column, records

_TWR = np.dtype([("time", "<u4"), ("id", "<u8"), ("sizes", "<u4"), ("op_ttl", "<u4")])
_NAMESPACED = np.dtype([*_TWR.descr, ("namespace", "<u2")])


def _impossible(found: np.ndarray) -> int | None:
    codes = found["op_ttl"] >> 24
    good = (codes >= 1) & (codes <= 11)
    return None if good.all() else int(np.argmin(good))


def _record(head: bytes) -> np.dtype | None:
    for record in (_TWR, _NAMESPACED):
        found = np.frombuffer(head, record, len(head) // record.itemsize)
        if found.size and _impossible(found) is None and (np.diff(found["time"].astype(np.int64)) >= 0).all():
            return record
    return None


class Twr(Reader):
    """Twitter's production cache clusters, binary."""

    name = "twr"
    extensions = (".twr", ".twr.bin", ".twrNS")
    description = "libCacheSim binary of Twitter's traces, 20 bytes (twr) or 22 (twrNS)"
    example = "struct <IQII: 0, 13053225291711363978, 12 << 22 | 4, 1 << 24 | 0"
    has_operations = True

    def sniff(self, head: bytes, path: PurePath) -> float:
        record = _record(head)
        if record is None:
            return 0.3 if self.named(path) and b"\0" in head else 0.0
        # A few bytes of another format can look like a record; hundreds can't.
        return 0.92 if len(head) >= 8 * record.itemsize or self.named(path) else 0.4

    def blocks(self, source: Source) -> Iterator[Block | None]:
        record = _record(source.head) or _TWR
        for found in records(source, record, _impossible):
            sizes = (found["sizes"] >> 22).astype(np.int64) + (found["sizes"] & 0x3FFFFF)
            yield Block(
                key_column(found["id"]),
                sizes,
                column(found["time"]),
                operations=(found["op_ttl"] >> 24).astype(np.uint8),
                ttl=(found["op_ttl"] & 0xFFFFFF).astype(np.int64),
            )
