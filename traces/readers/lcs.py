"""libCacheSim's ``lcs``, versions 1 to 8: a header of 8192 bytes, then little-endian records.

The header has a magic number at both ends and the version behind the first. Version 1 has the records
of ``oracleGeneral``, 2 adds operation and tenant, 3 has 64-bit sizes and a time to live, 4 to 8 append
1, 2, 4, 8 or 16 features. Operation and tenant share 32 bits: the operation (a code of
:mod:`olearn.traces.operations`, 0 where the trace has none) in the low 8. Tenant and features are not
read. Checked against files of all versions that libCacheSim's own converter wrote (libcachesim 0.3.5),
and files of these layouts against its reader.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import PurePath

import numpy as np

from olearn.traces._files import Source
from olearn.traces._gather import Block
from olearn.traces.operations import NAMES
from olearn.traces.readers._base import Reader, column, key_column, records
from olearn.traces.readers.oracle_general import RECORD, impossible

_HEADER = 8192
_MAGIC = (0x123456789ABCDEF0).to_bytes(8, "little")
_V2 = [("time", "<u4"), ("id", "<u8"), ("size", "<u4"), ("op", "<u1"), ("tenant", "<u1", (3,)), ("next", "<i8")]
_V3 = [
    ("time", "<u4"),
    ("id", "<u8"),
    ("size", "<i8"),
    ("op", "<u1"),
    ("tenant", "<u1", (3,)),
    ("ttl", "<u4"),
    ("next", "<i8"),
]
_RECORDS = {
    1: RECORD,
    2: np.dtype(_V2),
    3: np.dtype(_V3),
    **{4 + k: np.dtype([*_V3, ("features", "<u4", (1 << k,))]) for k in range(5)},
}


class Lcs(Reader):
    """The binary format of libCacheSim with a header."""

    name = "lcs"
    extensions = (".lcs",)
    description = "libCacheSim binary with a header, versions 1 to 8"
    example = "8192 bytes of header, then struct <IQIq: 5633898, 42932745, 512, 114"
    has_operations = True

    def sniff(self, head: bytes, path: PurePath) -> float:
        return 1.0 if head.startswith(_MAGIC) else 0.0

    def blocks(self, source: Source) -> Iterator[Block | None]:
        header = source.head[:_HEADER]
        if not header.startswith(_MAGIC):
            raise source.error("byte 0: not the header of an lcs trace")
        if len(header) < _HEADER:
            raise source.error(f"truncated: the header has {len(header)} of its {_HEADER} bytes")
        if not header.endswith(_MAGIC):
            raise source.error(f"byte {_HEADER - 8}: the header does not end with its magic number")
        version = int.from_bytes(header[8:16], "little")
        if version not in _RECORDS:
            raise source.error(f"byte 8: version {version} of lcs is not known, only 1 to {max(_RECORDS)}")
        record = _RECORDS[version]
        source.told["version"] = version
        for found in records(source, record, impossible, skip=_HEADER):
            codes = _codes(source, found["op"]) if version > 1 else None
            ttl = column(found["ttl"]) if version > 2 else None
            sizes, times = column(found["size"]), column(found["time"])
            yield Block(key_column(found["id"]), sizes, times, operations=codes, ttl=ttl)


def _codes(source: Source, found: np.ndarray) -> np.ndarray:
    """Operations; a record that says none (0, or one that libCacheSim calls invalid) is a get."""
    known = (found > 0) & (found < 15)
    if not known.all():
        source.note("some records name no operation: they are gets")
    return np.where(known, found, NAMES.index("get")).astype(np.uint8)
