"""libCacheSim's ``lcs``, versions 1 to 8: a header of 8192 bytes, then little-endian records.

The header has a magic number at both ends and the version behind the first. Version 1 has the records
of ``oracleGeneral``, 2 adds operation and tenant, 3 has 64-bit sizes and a time to live, 4 to 8 append
1, 2, 4, 8 or 16 features. Operation, tenant, time to live and features are not read: every record is
a request. The layouts are libCacheSim's documented ones; no file of its own making was at hand to
check them against.
"""

from __future__ import annotations

from pathlib import PurePath

import numpy as np

from olearn.traces._files import Source
from olearn.traces._trace import Trace
from olearn.traces.readers._base import Reader, build, read_records
from olearn.traces.readers.oracle_general import RECORD, impossible

_HEADER = 8192
_MAGIC = (0x123456789ABCDEF0).to_bytes(8, "little")
_V2 = [("time", "<u4"), ("id", "<u8"), ("size", "<u4"), ("tenant", "<u4"), ("next", "<i8")]
_V3 = [("time", "<u4"), ("id", "<u8"), ("size", "<i8"), ("tenant", "<u4"), ("ttl", "<u4"), ("next", "<i8")]
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

    def sniff(self, head: bytes, path: PurePath) -> float:
        return 1.0 if head.startswith(_MAGIC) else 0.0

    def read(self, source: Source) -> Trace:
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
        ids, sizes, times = read_records(source, record, ("id", "size", "time"), impossible, skip=_HEADER)
        if not sizes.size:
            raise source.error("holds no request")
        return build(source, record.itemsize, ids, skip=_HEADER, sizes=sizes, times=times)
