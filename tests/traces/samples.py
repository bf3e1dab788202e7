"""One small file of every format: its bytes, the keys, sizes and times it holds."""

import io
import struct
from typing import NamedTuple

import numpy as np

from olearn.traces import Trace
from olearn.traces._npz import encode, write


class Sample(NamedTuple):
    name: str  # a file name that fits
    data: bytes
    keys: list
    sizes: list | None = None
    times: list | None = None


def _npz():
    buffer = io.BytesIO()
    write(buffer, encode(Trace.from_keys(["a", "b", "a"], sizes=[3, 4, 3], times=[0, 5, 5])))
    return buffer.getvalue()


def _npy():
    buffer = io.BytesIO()
    np.save(buffer, np.array([9, 8, 9, 7]))
    return buffer.getvalue()


_KEYS, _SIZES, _TIMES = [7, 2**63 + 5, 7, 9], [10, 20, 10, 5], [100, 100, 101, 107]
_NEXT = [3, -1, -1, 2**63 - 1]
_VSCSI1 = [struct.pack("<IIIHHQQ", k, s, 1, 0x2A, 0x100, b, t) for k, (b, s, t) in
           enumerate(zip([40, 41, 40, 42, 40], [512, 1024, 512, 512, 512], [10, 11, 12, 15, 19]))]  # fmt: skip
_VSCSI2 = [struct.pack("<HHIIIQQQ", 0x2A, 0x200, k, s, 1, b, t, 3) for k, (b, s, t) in
           enumerate(zip([40, 41, 40, 42, 40], [512, 1024, 512, 512, 512], [10, 11, 12, 15, 19]))]  # fmt: skip


def lcs(version):
    """libCacheSim's format: a header of 8192 bytes and records that depend on the version."""
    magic = struct.pack("<Q", 0x123456789ABCDEF0)
    header = magic + struct.pack("<Q", version) + bytes(8192 - 24) + magic
    layout = {1: "<IQIq", 2: "<IQIIq", 3: "<IQqIIq"}.get(version, "<IQqIIq" + f"{2 ** max(0, version - 4)}I")
    records = []
    for time, key, size, after in zip(_TIMES, _KEYS, _SIZES, _NEXT):
        record = [time, key, size, after]
        if version >= 2:
            record.insert(3, 7 << 8 | 1)  # operation 1 of tenant 7
        if version >= 3:
            record.insert(4, 3600)
        features = [9] * (2 ** (version - 4)) if version >= 4 else []
        records.append(struct.pack(layout, *record, *features))
    return header + b"".join(records)


_LOG = b"""\
10.0.0.1 - - [10/Oct/2000:13:55:36 -0700] "GET /a.png?x=1 HTTP/1.0" 200 2326
10.0.0.1 - ann [10/Oct/2000:13:55:36 -0700] "GET http://h.org/b HTTP/1.1" 304 - "http://r" "Agent \\"7\\""
10.0.0.2 - - [10/Oct/2000:20:55:40 +0000] "-" 408 0
10.0.0.2 - - [10/Oct/2000:20:55:40 +0000] "GET /a.png HTTP/2.0" 200 2326 "-" "curl"
"""

SAMPLES = {
    "txt": Sample("ids.txt", b"b\na\n\nb\nsome-id\n", ["b", "a", "b", "some-id"]),
    "csv": Sample(
        "requests.csv",
        b"cost,time,object,size\n1,0,x,5\n2,1,y z,6\n1,4,x,5\n",
        ["x", "y z", "x"],
        [5, 6, 5],
        [0, 1, 4],
    ),
    "oracleGeneral": Sample(
        "io.oracleGeneral",
        b"".join(struct.pack("<IQIq", t, k, s, n) for t, k, s, n in zip(_TIMES, _KEYS, _SIZES, _NEXT)),
        _KEYS,
        _SIZES,
        _TIMES,
    ),
    "lcs": Sample("t.lcs", lcs(3), _KEYS, _SIZES, _TIMES),
    "vscsi": Sample(
        "w.vscsi",
        b"".join(_VSCSI1),
        [40, 41, 40, 42, 40],
        [512, 1024, 512, 512, 512],
        [10, 11, 12, 15, 19],
    ),
    "lirs": Sample("gli.trc", b"5\n6\n*\n5\n 5 \n*\n", [5, 6, 5, 5]),
    "arc": Sample("P1.lis", b"10 3 0 0\n11 1 0 1\n50 2 0 2\n", [10, 11, 12, 11, 50, 51]),
    "cache2k": Sample("web.trace", np.array([1, 2, 1, 70000], ">i4").tobytes(), [1, 2, 1, 70000]),
    "corda": Sample("vault.corda", np.array([1, 2, 1, 70000], ">i8").tobytes(), [1, 2, 1, 70000]),
    "webcachesim": Sample(
        "cdn.tr",
        b"1 100 10 0.5\n2 101 20 0.25\n2  100 10 1\n",
        [100, 101, 100],
        [10, 20, 10],
        [1, 2, 2],
    ),
    "accesslog": Sample(
        "access.log",
        _LOG,
        ["/a.png", "/b", "/a.png"],
        [2326, 0, 2326],
        [971211336, 971211336, 971211340],
    ),
    "mooncake": Sample(
        "conv.jsonl",
        b'{"timestamp": 0, "hash_ids": [4, 5]}\n{"timestamp": 27, "hash_ids": [4, 6]}\n',
        [4, 5, 4, 6],
        None,
        [0, 0, 27, 27],
    ),
    "npz": Sample("t.npz", _npz(), ["a", "b", "a"], [3, 4, 3], [0, 5, 5]),
    "npy": Sample("t.npy", _npy(), [9, 8, 9, 7]),
}
VSCSI2 = SAMPLES["vscsi"]._replace(data=b"".join(_VSCSI2))
