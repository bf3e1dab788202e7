"""Public formats: what their options do, their variants, their slow twins."""

import struct

import numpy as np
import pyarrow as pa
import pyarrow.parquet
import pytest
from hypothesis import given
from hypothesis import strategies as st

from naive import traces as naive
from olearn.errors import OlearnError, ParameterError, TraceError
from olearn.traces import formats, load
from olearn.traces.operations import CODES, NAMES, Rule, code_of
from olearn.traces.readers.binary import record_of

from .samples import SAMPLES, VSCSI2


def put(folder, name, data):
    path = folder / name
    path.write_bytes(data)
    return path


def requests(trace):
    return trace.keys[trace.items].tolist()


# -- ranges of blocks ----------------------------------------------------------------------------------
@given(
    rows=st.lists(
        st.tuples(st.sampled_from("ab"), st.integers(0, 40), st.integers(0, 30)), min_size=1, max_size=12
    ),
    size=st.sampled_from([1, 3, 8, 64]),
    piece=st.integers(1, 40),
)
def test_ranges_touch_the_blocks_that_their_bytes_lie_in(rows, size, piece, tmp_path_factory):
    path = tmp_path_factory.mktemp("msr") / "v.csv"
    path.write_text("".join(f"{t},{host},0,Read,{start},{n},1\n" for t, (host, start, n) in enumerate(rows)))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("olearn.traces.readers._blocks._PIECE", piece)
        trace = load(path, block=size)
    wanted = [(t, f"{h}.0:{b}") for t, (h, s, n) in enumerate(rows) for b in naive.blocks_of(s, n, size)]
    assert list(zip(trace.times.tolist(), requests(trace))) == wanted
    assert set(trace.sizes.tolist()) == {size}


def test_variants_of_block_devices(tmp_path):
    headed = b"device_id,opcode,offset,length,timestamp\n" + SAMPLES["alibaba-block"].data
    assert requests(load(put(tmp_path, "a.csv", headed))) == SAMPLES["alibaba-block"].keys
    other = b"timestamp,offset,size,ioType,volumeID\n" + SAMPLES["tencent-block"].data
    trace = load(put(tmp_path, "t.csv", other), operations="all", block="none")
    assert (requests(trace), trace.sizes.tolist()) == (
        ["1063:8192", "1063:12288", "1063:12288"],
        [8192, 4096, 512],
    )
    parts = load(put(tmp_path, "c.csv", SAMPLES["cachelib-block"].data), block="4kb")
    assert requests(parts) == ["aa-1:1", "aa-1:2", "aa-1:0", "aa-1:0"]
    ranges = b"offset,bytes\n100,50\n4000,200\n"
    trace = load(put(tmp_path, "r.csv", ranges), columns="item=offset,size=bytes", block="4kb")
    assert (requests(trace), trace.sizes.tolist()) == ([0, 0, 1], [4096] * 3)
    with pytest.raises(TraceError, match="no column is known as the size"):
        load(tmp_path / "r.csv", columns="item=offset", block="4kb")


def test_vscsi_commands_and_blocks(tmp_path):
    path = put(tmp_path, "w.vscsi", VSCSI2.data)
    assert len(load(path, operations="set")) == len(load(path)) == 5
    with pytest.raises(TraceError, match="has no request under operations=get: it holds write only"):
        load(path, operations="get")
    # block numbers count 512 bytes: 40 lies in block 5 of 4096 bytes, with 1,024 bytes from 41 on in the same
    assert requests(load(path, block="4kb")) == [5, 5, 5, 5, 5]
    assert requests(load(path, block=512)) == [40, 41, 42, 40, 42, 40]


# -- binary --------------------------------------------------------------------------------------------
@pytest.mark.parametrize("text", ["<IQIq", ">hHbB3xQ", "=d2Iq", "!4x?H", " < I I "])
def test_struct_strings_are_those_of_struct(text):
    folded = text.replace(" ", "")
    order = folded[0] if folded[0] in "<>=!" else "="
    assert record_of(text).itemsize == struct.calcsize(order + folded.lstrip("<>=!"))


def test_binary_records_of_any_layout(tmp_path):
    rows = [(1, 7, 100, 1, 0.5), (2, 9, 50, 3, 1.5), (3, 7, 100, 12, 0.5)]
    path = put(tmp_path, "x.bin", b"".join(struct.pack("<I4xQIBd", *row) for row in rows))
    columns = "format=<I4xQIBd,time-col=1,obj-id-col=2,obj-size-col=3,op-col=4,obj-cost-col=5"
    trace = load(path, "binary", columns=columns, operations="all")
    assert (requests(trace), trace.times.tolist()) == ([7, 9, 7], [1, 2, 3])
    assert (trace.sizes.tolist(), trace.costs.tolist()) == ([100, 50, 100], [0.5, 1.5, 0.5])
    assert requests(load(path, "binary", columns=columns)) == [7, 7]
    same = load(path, "binary", columns={"item": 2, "time": 1}, record="<I4xQIBd")
    assert same.items.tolist() == [0, 1, 0]
    big = put(tmp_path, "y.bin", struct.pack(">3q", -5, 6, -5))
    assert requests(load(big, "binary", columns="format=>q,item=1")) == [-5, 6, -5]


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        ({}, "format binary needs columns"),
        ({"columns": "item=1"}, "format binary needs the record, a struct string"),
        ({"columns": "format=<IQ"}, "columns must name the item"),
        ({"columns": "format=<IQ,obj-id-col=3"}, "item column must be between 1 and 2, got 3"),
        ({"columns": "format=<IW,obj-id-col=1"}, "a record is a struct string such as <IIIHHQQ"),
        ({"columns": "format=<4x,obj-id-col=1"}, "has no field"),
        ({"columns": "format=<99999B,obj-id-col=1"}, "a record has at most 4096 fields"),
        ({"columns": "format=<d,obj-id-col=1"}, "the item must be a whole number"),
        ({"columns": "format=<QQB,obj-id-col=1"}, "truncated: the record at byte 0 has 16 of its 17 bytes"),
        ({"columns": "format=<QQ,obj-id-col=1,op-col=2"}, "byte 0: no operation has the code 99"),
    ],
)
def test_mistakes_about_binary_records(options, sentence, tmp_path):
    path = put(tmp_path, "x.bin", struct.pack("<QQ", 5, 99))
    with pytest.raises(OlearnError) as caught:
        load(path, "binary", **options)
    assert sentence in str(caught.value)


def test_twitter_in_binary_with_namespaces(tmp_path):
    rows = [
        (0, 7, 12 << 22 | 4, 1 << 24, 3),
        (1, 9, 1 << 22, 3 << 24 | 60, 3),
        (2, 7, 12 << 22 | 5, 2 << 24, 4),
    ] * 9
    rows.sort()
    path = put(tmp_path, "t.twrNS", b"".join(struct.pack("<IQIIH", *row) for row in rows))
    trace = load(path)
    assert (len(trace), trace.origin["format"]) == (18, "twr")
    assert trace.sizes.tolist() == [16] * 9 + [17] * 9
    full = load(path, operations="rule")
    assert (full.ttl.tolist(), set(full.operations.tolist())) == ([0] * 9 + [60] * 9 + [0] * 9, {1, 2, 3})


# -- named columns -------------------------------------------------------------------------------------
def test_operations_of_plain_csv(tmp_path):
    path = put(tmp_path, "t.csv", b"ts,key,op,ttl,op_count\n1,a,GET,0,2\n2,b,SET,9,1\n3,a,get,0,1\n")
    trace = load(path)
    assert (requests(trace), trace.times.tolist()) == (["a", "a", "a"], [1, 1, 3])
    full = load(path, operations="rule")
    assert ([NAMES[c] for c in full.operations], full.ttl.tolist()) == (
        ["get", "get", "set", "get"],
        [0, 0, 9, 0],
    )
    unknown = put(tmp_path, "u.csv", b"ts,key,op\n1,a,2a\n2,b,28\n")
    assert len(load(unknown)) == 2
    assert load(unknown).notes == ("column op is not read: '2a' is no operation known here",)
    with pytest.raises(TraceError, match="line 2: unknown operation '2a'"):
        load(unknown, columns="item=key,op=op")
    two = load(put(tmp_path, "k.csv", b"5,a,3,7\n6,b,4,8\n"), columns="item=2,size=3,extra_size=4")
    assert two.sizes.tolist() == [10, 12]


def test_json_lines(tmp_path):
    data = b'{"u": {"id": 7}, "t": 3}\n\n{"u": {"id": 9}, "t": 1, "more": []}\n{"u": {"id": 7}, "t": 2}\n'
    path = put(tmp_path, "t.jsonl", data)
    trace = load(path, columns="item=u.id,time=t")
    assert (requests(trace), trace.times.tolist()) == ([7, 9, 7], [3, 1, 2])
    assert requests(load(path, columns="item=u.id,time=t", sort=True)) == [9, 7, 7]
    for options, sentence in (
        ({}, "which field is the item?"),
        ({"columns": "item=v"}, "line 1: no field 'v' for item"),
        ({"columns": "item=u"}, "line 1: u must be a text or a whole number, got"),
        ({"columns": "item=u.id,time=u"}, "line 1: u must be a number below 2^63, got"),
    ):
        with pytest.raises(OlearnError) as caught:
            load(path, "jsonl", **options)
        assert sentence in str(caught.value)
    gets = put(tmp_path, "o.jsonl", b'{"key": "a", "op": "get"}\n{"key": "b", "op": "set"}\n')
    assert requests(load(gets)) == ["a"]
    broken = put(tmp_path, "b.jsonl", b'{"key": 1}\n{"key": 2\n')
    with pytest.raises(TraceError, match="line 2: not a JSON object"):
        load(broken, "jsonl")


def test_parquet(tmp_path):
    path = tmp_path / "t.parquet"
    times = pa.array([0, 1_500_000], pa.timestamp("us"))
    columns = {
        "when": times,
        "user": pa.array(["x", "y"]).dictionary_encode(),
        "cost": [1.5, 2.0],
        "op": ["get", "put"],
    }
    pyarrow.parquet.write_table(pa.table(columns), path)
    with pytest.raises(TraceError, match="which column is the item"):
        load(path)
    trace = load(path, columns="item=user,time=when,cost=3", operations="all")
    assert (requests(trace), trace.times.tolist(), trace.costs.tolist()) == (["x", "y"], [0.0, 1.5], [1.5, 2.0])
    assert requests(load(path, columns="item=user,op=op", operations="set")) == ["y"]
    pyarrow.parquet.write_table(
        pa.table({"key": pa.array([2**63 + 1, 5], pa.uint64()), "size": [1, None]}), path
    )
    with pytest.raises(TraceError, match="row 2: no size"):
        load(path)
    assert requests(load(path, columns="item=key")) == [2**63 + 1, 5]
    with pytest.raises(ParameterError, match=r"no column 'kee' for item \(did you mean 'key'"):
        load(path, columns="item=kee")


def test_wikimedia_text_caches(tmp_path):
    data = (
        b"relative_unix\thashed_host_path_query\tresponse_size\ttime_firstbyte\n0\t-9\t5\t0.1\n1\t-9\t5\t0.1\n"
    )
    trace = load(put(tmp_path, "cache-t", data))
    assert (requests(trace), trace.origin["format"]) == ([-9, -9], "wiki-cdn")


# -- operations ----------------------------------------------------------------------------------------
def test_names_of_operations():
    assert (NAMES[1], NAMES[9], NAMES[14]) == ("get", "delete", "update")
    for text, name in (
        ("GETS", "gets"),
        ("W", "write"),
        ("REST.HEAD.OBJECT", "head"),
        ("getChunkData.Temp", "get"),
    ):
        assert NAMES[code_of(text)] == name
    assert code_of("2a") is code_of("") is code_of("nop") is None
    assert len({*NAMES}) == len(NAMES) == len(CODES)


@given(
    st.lists(st.integers(1, len(NAMES) - 1), max_size=40),
    st.sampled_from(["get", "all", "set+delete", "head", "rule"]),
)
def test_what_a_rule_keeps_and_leaves_is_everything(codes, text):
    rule = Rule(text)
    kept = rule.kept(np.array(codes, np.uint8))
    assert rule.taken + sum(rule.left.values()) == len(codes)
    assert int(kept.sum()) == rule.taken
    reads = {CODES[n] for n in ("get", "gets", "read")}
    if text == "get":
        assert kept.tolist() == [c in reads for c in codes]


@given(
    st.lists(
        st.tuples(st.integers(0, 3), st.sampled_from([0, 0, 5, 7]), st.booleans()), min_size=1, max_size=30
    )
)
def test_sizes_of_reads_that_missed(rows):
    from olearn.traces._kernels import last_sizes, next_sizes

    items, sizes, reads = (np.array(c) for c in zip(*rows))
    items, sizes = items.astype(np.int32), sizes.astype(np.int64)
    last_sizes(items, sizes, reads, np.zeros(4, np.int64))
    next_sizes(items, sizes, reads, np.zeros(4, np.int64))
    assert sizes.tolist() == naive.known_sizes(rows)


def test_every_format_is_described_with_a_line():
    for name, reader in formats().items():
        assert reader.description, name
        assert reader.example, name
        assert "\n" not in reader.example, name


@pytest.mark.parametrize("name", sorted(SAMPLES))
def test_the_line_that_describes_a_text_format_is_one(name, tmp_path):
    """The example of a format without a header is read as that format."""
    reader = formats()[name]
    if not reader.text or name in ("csv", "cachelib-kv", "cachelib-block", "wiki-cdn", "lirs", "txt"):
        pytest.skip("a header comes first, or any line will do")
    path = put(tmp_path, "line" + reader.extensions[0], reader.example.encode() + b"\n")
    assert load(path, **({"operations": "all"} if reader.has_operations else {})).origin["format"] == name
