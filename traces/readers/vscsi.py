"""VMware's ``vscsi`` block traces, versions 1 (32 bytes) and 2 (40 bytes), little endian.

Version 1: ``u32 sn, len, nSG; u16 cmd, ver; u64 lbn, ts``. Version 2: ``u16 cmd, ver; u32 sn, len,
nSG; u64 lbn, ts, rt``. The upper byte of `ver` is the version. An item is a logical block number as
it stands in the record, its size is `len` (bytes), times are in microseconds. `cmd` is the SCSI command:
which of them are requests, ``operations`` says (all of them by default).
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import PurePath

import numpy as np

from olearn.traces._files import Source
from olearn.traces._gather import Block
from olearn.traces.operations import CODES
from olearn.traces.readers._base import Reader, column, key_column, records
from olearn.traces.readers._blocks import block_size, split_ranges

_V1 = np.dtype(
    [
        ("sn", "<u4"),
        ("len", "<u4"),
        ("sg", "<u4"),
        ("cmd", "<u2"),
        ("ver", "<u2"),
        ("lbn", "<u8"),
        ("ts", "<u8"),
    ]
)
_V2 = np.dtype(
    [
        ("cmd", "<u2"),
        ("ver", "<u2"),
        ("sn", "<u4"),
        ("len", "<u4"),
        ("sg", "<u4"),
        ("lbn", "<u8"),
        ("ts", "<u8"),
        ("rt", "<u8"),
    ]
)


_SECTOR = 512


def _version(head: bytes) -> int | None:
    for version, record in ((1, _V1), (2, _V2)):
        records = np.frombuffer(head, record, len(head) // record.itemsize)
        if records.size and ((records["ver"] >> 8) == version).all():
            return version
    return None


#: SCSI commands that read and that write, of 6, 10, 12 and 16 bytes.
_READS, _WRITES = (0x08, 0x28, 0xA8, 0x88), (0x0A, 0x2A, 0xAA, 0x8A)
_CODES = np.zeros(256, dtype=np.uint8)
_CODES[list(_READS)], _CODES[list(_WRITES)] = CODES["read"], CODES["write"]


class Vscsi(Reader):
    """VMware block traces, as CloudPhysics published them."""

    name = "vscsi"
    extensions = (".vscsi", ".vscsitrace")
    description = "VMware block trace, 32-byte (v1) or 40-byte (v2) records; item = block number"
    has_operations = True
    default_operations = "all"
    example = "struct <IIIHHQQ: 0, 512, 1, 42, 256, 42932745, 5633898"

    def sniff(self, head: bytes, path: PurePath) -> float:
        if _version(head) is None:
            return 0.4 if self.named(path) and b"\0" in head else 0.0
        if self.named(path):
            return 0.9
        # A few bytes of another format can look like a record; hundreds can't.
        return 0.9 if len(head) >= 4 * _V2.itemsize else 0.5

    def blocks(self, source: Source, block: str | int | None = None) -> Iterator[Block | None]:
        """Read the file.

        Parameters
        ----------
        block : str or int, optional
            Bytes of a block; a range (block numbers count 512 bytes) becomes a request for each block that it
            touches. By default a record is one request for its block number.
        """
        size = block_size(block, None)
        version = _version(source.head)
        if version is None:
            # The first records decide between "another format" and "this record is broken".
            version = _version(source.head[: _V2.itemsize]) or _version(source.head[: _V1.itemsize])
        if version is None:
            raise source.error("byte 0: neither a vscsi record of version 1 nor of version 2")
        record = _V1 if version == 1 else _V2

        def wrong(found: np.ndarray) -> int | None:
            good = (found["ver"] >> 8) == version
            return None if good.all() else int(np.argmin(good))

        source.told["version"] = version
        for found in records(source, record, wrong):
            codes = _CODES[found["cmd"] & 0xFF]
            yield from _split(source, found, size, codes)


def _split(source: Source, found: np.ndarray, size: int | None, codes: np.ndarray) -> Iterator[Block]:
    """A request a record or, with a block size, one for each block of its range."""
    source.rows += found.size
    if size is None:
        yield Block(key_column(found["lbn"]), column(found["len"]), column(found["ts"]), operations=codes)
        return
    good = found["lbn"] < 2**53
    if not good.all():
        row = source.rows - found.size + int(np.argmin(good))
        raise source.error(f"{source.where(row)}: the block number must be below 2^53")
    offsets = found["lbn"].astype(np.int64) * _SECTOR
    rows = Block(offsets, column(found["len"]), column(found["ts"]), operations=codes)
    yield from split_ranges(source, rows, size)
