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


def _parquet():
    import pyarrow as pa
    import pyarrow.parquet

    buffer = io.BytesIO()
    table = pa.table({"time": [0, 5, 5], "rating": [1.0, 2.0, 3.0], "key": ["a", "b", "a"], "size": [3, 4, 3]})
    pyarrow.parquet.write_table(table, buffer)
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
    "twitter": Sample(
        "cluster052.csv",
        b'0,abc,12,4,3,get,0\n0,"k,1",4,4,3,gets,0\n1,abc,12,4,3,set,3600\n2,abc,12,5,3,get,0\n3,abc,12,0,3,delete,0\n',
        ["abc", "k,1", "abc"],
        [16, 8, 17],
        [0, 0, 2],
    ),
    "cachelib-kv": Sample(
        "kv_traces_1.csv",
        b"op_time,key,key_size,op,op_count,size,cache_hits,ttl\n1,7,48,SET,1,87,0,60\n2,7,48,GET,2,0,0,0\n"
        b"3,9,48,GET,1,0,0,0\n4,9,48,GET_LEASE,1,5,0,0\n5,7,48,DELETE,1,0,0,0\n",
        [7, 7, 9, 9],
        [87, 87, 5, 5],
        [2, 2, 3, 4],
    ),
    "cachelib-block": Sample(
        "block_traces_1.csv",
        b"op_time,block_id,block_id_size,io_size,io_offset,user_name,user_namespace,op_name,op_count,host_name\n"
        b"5,aa-1,40,8192,4096,4,3,getChunkData.NotInitialized,1,5\n6,bb-2,40,10,0,4,3,putChunk.Permanent,1,5\n"
        b"7,aa-1,40,1,0,4,3,getChunkData.Permanent,2,5\n",
        ["aa-1", "aa-1", "aa-1"],
        [8192, 1, 1],
        [5, 7, 7],
    ),
    "msr": Sample(
        "usr_0.csv",
        b"128166372003061629,usr,0,Read,7014609920,24576,41286\n128166372016382155,usr,0,Read,8192,4096,700\n"
        b"128166372026382245,usr,1,Write,2517696512,4096,1963\n128166372026382246,usr,1,Read,8191,2,1\n",
        [*(f"usr.0:{1712551 + k}" for k in range(7)), "usr.0:2", "usr.1:1", "usr.1:2"],
        [4096] * 10,
        [128166372003061629] * 7 + [128166372016382155] + [128166372026382246] * 2,
    ),
    "alibaba-block": Sample(
        "io_traces.csv",
        b"419,R,8192,8192,1577808144360767\n725,W,4096,4096,1577808144360767\n419,R,12288,100,1577808144360768\n",
        ["419:2", "419:3", "419:3"],
        [4096] * 3,
        [1577808144360767] * 2 + [1577808144360768],
    ),
    "tencent-block": Sample(
        "2018100100.csv",
        b"1538323200,16,16,0,1063\n1538323200,24,8,1,1063\n1538323201,24,1,0,1063\n",
        ["1063:2", "1063:3", "1063:3"],
        [4096] * 3,
        [1538323200, 1538323200, 1538323201],
    ),
    "wikibench": Sample(
        "wiki-2007.wiki",
        b"929840853 1190146243.324 http://en.wikipedia.org/wiki/A -\n"
        b"929840854 1190146243.326 http://en.wikipedia.org/wiki/B?action=submit save\n"
        b"929840855 1190146243.5 http://en.wikipedia.org/wiki/A -\n",
        ["http://en.wikipedia.org/wiki/A"] * 2,
        None,
        [1190146243.324, 1190146243.5],
    ),
    "ibm-object-store": Sample(
        "IBMObjectStoreTrace000Part0",
        b"1219008 REST.PUT.OBJECT 8d4fcda3d675bac9 1056\n1221974 REST.HEAD.OBJECT 39d177fb735ac5df 528\n"
        b"1232488 REST.GET.OBJECT 95d363d3fbdc0b03 1168 0 1167\n1232490 REST.DELETE.OBJECT 8d4fcda3d675bac9\n"
        b"1232491 REST.GET.OBJECT 8d4fcda3d675bac9 0\n",
        ["95d363d3fbdc0b03", "8d4fcda3d675bac9"],
        [1168, 1056],
        [1232488, 1232491],
    ),
    "wiki-cdn": Sample(
        "cache-u.tsv",
        b"relative_unix\thashed_path_query\timage_type\tresponse_size\ttime_firstbyte\n"
        b"0\t833946053\tjpeg\t18715\t1.4066e-05\n0\t-39\tpng\t7\t0.5\n1\t833946053\tjpeg\t18715\t1e-05\n",
        [833946053, -39, 833946053],
        [18715, 7, 18715],
        [0, 0, 1],
    ),
    "twr": Sample(
        "cluster.twr",
        b"".join(
            struct.pack("<IQII", t, k, 12 << 22 | v, op << 24 | ttl)
            for t, k, v, op, ttl in [(0, 7, 4, 1, 0), (0, 9, 1, 3, 60), (3, 7, 5, 2, 0), (4, 7, 0, 9, 0)]
        ),
        [7, 7],
        [16, 17],
        [0, 3],
    ),
    "moe": Sample(
        "routing.jsonl",
        b'{"layer_idx": 0, "token_idx": 0, "selected_ids": [3, 7]}\n'
        b'{"layer_idx": 1, "token_idx": 0, "selected_ids": [3]}\n',
        ["0:3", "0:7", "1:3"],
    ),
    "jsonl": Sample(
        "requests.jsonl",
        b'{"ts": 1.5, "url": "/a", "bytes": 7}\n{"ts": 2, "url": "/b", "bytes": 3}\n'
        b'{"ts": 2, "url": "/a", "bytes": 7}\n',
        ["/a", "/b", "/a"],
        [7, 3, 7],
        [1.5, 2, 2],
    ),
    "parquet": Sample("requests.parquet", _parquet(), ["a", "b", "a"], [3, 4, 3], [0, 5, 5]),
}
#: Formats that are never recognised, because the user says what their records are.
FORCED = {"binary"}
VSCSI2 = SAMPLES["vscsi"]._replace(data=b"".join(_VSCSI2))
