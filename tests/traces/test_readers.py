"""Every format: recognised, read, compressed, wrong; discovery of readers."""

import bz2
import contextlib
import gzip
import lzma
import struct

import numpy as np
import pytest
import zstandard
from hypothesis import given
from hypothesis import strategies as st

from olearn.errors import OlearnError, ParameterError, TraceError, UnknownNameError
from olearn.traces import Trace, formats, load, readers

from .samples import FORCED, SAMPLES, VSCSI2, lcs

_BAD_TIME = SAMPLES["accesslog"].data.replace(b"10/Oct/2000:20", b"40/Oct/2000:20")
COMPRESSORS = {"gz": gzip.compress, "xz": lzma.compress, "zst": zstandard.ZstdCompressor().compress}


def put(folder, name, data):
    path = folder / name
    path.write_bytes(data)
    return path


def check(trace, sample):
    assert trace.keys[trace.items].tolist() == sample.keys
    for column, expected in ((trace.sizes, sample.sizes), (trace.times, sample.times)):
        assert (None if column is None else column.tolist()) == expected


def test_every_format_has_a_sample():
    assert set(formats()) == set(SAMPLES) | FORCED


@pytest.mark.parametrize("format", SAMPLES)
def test_recognised_and_read(format, tmp_path):
    sample = SAMPLES[format]
    path = put(tmp_path, sample.name, sample.data)
    assert readers.recognise(readers.Source(path))[0] == format
    check(load(path), sample)
    check(load(path, format=format.upper()), sample)
    assert load(path).name == sample.name.partition(".")[0]
    assert load(path).source == str(path)


@pytest.mark.parametrize("format", SAMPLES)
@pytest.mark.parametrize("compression", COMPRESSORS)
def test_compression_is_seen_by_content_not_by_name(format, compression, tmp_path):
    sample = SAMPLES[format]
    data = COMPRESSORS[compression](sample.data)
    check(load(put(tmp_path, sample.name, data)), sample)
    check(load(put(tmp_path, f"{sample.name}.{compression}", data)), sample)
    with pytest.raises(TraceError, match=r"truncated: the \w+ stream stops|corrupt|fits no known|empty once"):
        load(put(tmp_path, sample.name, data[: len(data) - 5]), format=format)


@pytest.mark.parametrize("compression", COMPRESSORS)
def test_several_compressed_frames_in_one_file(compression, tmp_path):
    compress = COMPRESSORS[compression]
    path = put(tmp_path, "ids.txt", compress(b"5\n6\n") + compress(b"5\n7\n"))
    assert load(path).items.tolist() == [0, 1, 0, 2]


@pytest.mark.parametrize("compression", COMPRESSORS)
def test_long_compressed_files_and_their_truncation(compression, tmp_path):
    rng = np.random.default_rng(1)
    ids = rng.integers(0, 1 << 40, 60_000)
    data = COMPRESSORS[compression](b"".join(b"%d\n" % i for i in ids.tolist()))
    assert load(put(tmp_path, "a.txt", data)).keys[:3].tolist() == ids[:3].tolist()
    with pytest.raises(TraceError, match=rf"truncated: the {compression} stream stops after \d+ plain bytes"):
        load(put(tmp_path, "a.txt", data[: len(data) // 2]))
    broken = bytearray(data)
    broken[len(data) // 2 :] = rng.bytes(len(data) - len(data) // 2)
    with pytest.raises(TraceError, match=r"stream (stops )?after \d+ plain bytes|line \d+|not UTF-8"):
        load(put(tmp_path, "a.txt", bytes(broken)))


def test_compressions_that_are_not_read_are_named(tmp_path):
    lz4 = b"\x04\x22\x4d\x18\x64\x40\xa7\x00\x00\x00\x00"  # an empty frame
    for name, data in (("bz2", bz2.compress(b"1\n2\n" * 99)), ("lz4", lz4)):
        with pytest.raises(TraceError, match=f"is compressed with {name}, olearn reads gz, xz and zst"):
            load(put(tmp_path, "t.txt", data))


def test_vscsi_version_2(tmp_path):
    check(load(put(tmp_path, "w", VSCSI2.data)), VSCSI2)


@pytest.mark.parametrize(
    ("version", "size"), [(1, 24), (2, 28), (3, 36), (4, 40), (5, 44), (6, 52), (7, 68), (8, 100)]
)
def test_versions_of_lcs(version, size, tmp_path):
    data = lcs(version)
    assert len(data) == 8192 + 4 * size
    check(load(put(tmp_path, "w", data)), SAMPLES["lcs"])
    with pytest.raises(TraceError, match=f"the record at byte {8192 + 3 * size} has {size - 1} of its {size}"):
        load(put(tmp_path, "w", data[:-1]))


def test_access_log_with_queries(tmp_path):
    trace = load(put(tmp_path, "a.log", SAMPLES["accesslog"].data), query=True)
    assert trace.keys.tolist() == ["/a.png?x=1", "/b", "/a.png"]


@pytest.mark.parametrize(
    ("data", "options", "keys", "sizes", "times"),
    [
        (b"# time, object, size\n0, 13053225291711363978, 7\n", {}, [13053225291711363978], [7], [0]),
        (b"id;bytes\na;3\nb;4\n", {}, ["a", "b"], [3, 4], None),
        (b"key\tts\na\t3.5\nb\t4\n", {}, ["a", "b"], None, [3.5, 4]),
        (b'url,size\n"a,b",3\n"c ""d""",4\n', {}, ["a,b", 'c "d"'], [3, 4], None),
        (b"0,x,5\n1,y,6\n", {}, ["x", "y"], [5, 6], [0, 1]),
        (b"0,8\n1,7\n", {}, [8, 7], None, [0, 1]),
        (b"9,x,5\n1,y,6\n", {"columns": {"item": 2}}, ["x", "y"], None, None),
        (b"9,x,5\n1,y,6\n", {"columns": "item=2,size=3"}, ["x", "y"], [5, 6], None),
        (b"a,b\nx,5\ny,6\n", {"columns": "item=b", "header": True}, [5, 6], None, None),
        (b"a,b\nx,5\ny,6\n", {"columns": "item=1", "header": False}, ["a", "x", "y"], None, None),
        (b"time,id\n2,x\n1,y\n2,z\n1,w\n", {"sort": True}, ["y", "w", "x", "z"], None, [1, 1, 2, 2]),
        (b"userId,movieId,rating,timestamp\n1,5,4.0,9\n1,6,4.0,8\n", {}, [6, 5], None, [8, 9]),
        (b"x_y,z\n1,2\n", {"columns": "item=X-Y"}, [1], None, None),
        (b"id:size\na:1\nb:2\n", {"delimiter": ":"}, ["a", "b"], [1, 2], None),
        (b"id,size\n14719 88,1\n5,2\n1471988,3\n", {}, [1471988, 5, 1471988], [1, 2, 3], None),
        (b"id,size\n007,1\n7,2\n", {}, ["007", "7"], [1, 2], None),
        (b"id,size\n-3,1\n18446744073709551615,2\n", {}, ["-3", "18446744073709551615"], [1, 2], None),
        (b"id,time\na,2023-11-16 18:15:46.6805900\nb,2023-11-16 18:15:47\n", {}, ["a", "b"], None,
         [1700158546.68059, 1700158547.0]),
        (b"id,time\na,2023-11-16T18:15:46+01:00\nb,2023-11-16T18:15:47+01:00\n", {}, ["a", "b"], None,
         [1700154946, 1700154947]),
        (b"id,size\r\na,1\r\n\r\nb,2\r\n", {}, ["a", "b"], [1, 2], None),
        (b"\xef\xbb\xbfid,size\na,1\nb,2", {}, ["a", "b"], [1, 2], None),
        (b"# made by x\n# in 2020\nid,size\na,1\nb,2\n", {}, ["a", "b"], [1, 2], None),
        (b"\n\nid,size\na,1\nb,2\n", {}, ["a", "b"], [1, 2], None),
        (b"id,size\na,1.0\nb,2e3\n", {}, ["a", "b"], [1, 2000], None),
        (b"item\n5\n6\n", {}, [5, 6], None, None),
    ],
)  # fmt: skip
def test_shapes_of_csv(data, options, keys, sizes, times, tmp_path):
    trace = load(put(tmp_path, "t.csv", data), **options)
    assert trace.keys[trace.items].tolist() == keys
    assert (None if trace.sizes is None else trace.sizes.tolist()) == sizes
    assert (None if trace.times is None else trace.times.tolist()) == times


def test_csv_costs(tmp_path):
    assert load(put(tmp_path, "t.csv", SAMPLES["csv"].data)).costs.tolist() == [1.0, 2.0, 1.0]


def test_a_type_that_changes_after_the_sampled_lines(tmp_path):
    numbers = b"".join(b"%d,%d\n" % (k % 1000, k % 7) for k in range(20_000))
    trace = load(put(tmp_path, "t.csv", b"id,size\n" + numbers + b"late,1\n"))
    assert trace.keys[trace.items[-1]] == "late"
    assert trace.keys[0] == "0"
    with pytest.raises(TraceError, match="line 20002: expected 2 fields, got 3"):
        load(put(tmp_path, "t.csv", b"id,size\n" + numbers + b"late,1,2\n"))
    with pytest.raises(TraceError, match="line 20002: size must be a number, got 'x'"):
        load(put(tmp_path, "t.csv", b"id,size\n" + numbers + b"5,x\n"))
    spaced = b"".join(b"%d %d 1\n" % (k, k % 7) for k in range(20_000))
    assert len(load(put(tmp_path, "t.tr", spaced + b"20001  5   1\n"))) == 20_001


@pytest.mark.parametrize(
    ("format", "data", "sentence"),
    [
        (None, b"", "is empty (0 bytes)"),
        (None, gzip.compress(b"", mtime=0), "is empty once decompressed (gz)"),
        (None, b"just some words\nof a letter, say\n", "format; give format= one of: accesslog, alibaba-block"),
        (None, b"\x80\xff\xfe\x00" * 100, "fits no known trace format"),
        (None, b"10 3 0 0\n5\x1f 2 0 ", "broken: "),
        ("csv", b'id,size\na,1\nb,{"\'}\r6\n', "broken: line "),
        ("csv", b"id,size\n", "holds a header and no request"),
        ("csv", b"id,size\na,1\nb\n", "line 3: expected 2 fields, got 1"),
        ("csv", b"id,size\na,1\n\n\nb,x\n", "line 5: size must be a number, got 'x'"),
        ("csv", b"id,size\na,1\nb,\n", "line 3: no size"),
        ("csv", b"id,size\na,1\n ,2\n", "line 3: no item"),
        ("csv", b"id,size\na,1\nb,-2\n", "line 3: sizes must be at least 0, got -2"),
        ("csv", b"id,size\na,1\nb,2.5\n", "line 3: sizes must be whole numbers below 2^63, got 2.5"),
        ("csv", b"id,size\na,1\nb,nan\n", "line 3: size"),
        ("csv", b"id,cost\na,1\nb,-1e3\n", "line 3: costs must be at least 0, got -1000.0"),
        ("csv", b"id,time\na,2\nb,-1\n", "line 3: times must be at least 0, got -1"),
        ("csv", b"id,time\na,2020-01-01\nb,2020-13-01\n", "time"),
        ("csv", b"id,size\na,1\n\xff\xfe,2\n", "line 3: not UTF-8 text"),
        ("csv", b"u,v\n1,2\n3,4\n", "which column is the item? give the format (olearn trace formats)"),
        ("csv", b"9,x,5\n1,y,6\n", "No header says; give the format (olearn trace formats), or columns"),
        ("csv", b"\x00\x01\x02", "byte 0: not a text file"),
        ("txt", b"\n\n", "holds no request"),
        ("txt", b"\x00\x01\n\xff\xff\n", "line 2: not UTF-8"),
        ("lirs", b"*\n*\n", "holds no request"),
        ("arc", b"1 2 0 0\n1 x 0 1\n", "line 2: "),
        ("arc", b"1 2 0 0\n1 0 0 1\n", "line 2: expected 'start blocks 0 number', got '1 0 0 1'"),
        ("arc", b"1 2 0 0\n1 99999999999 0 1\n", "line 2: expected"),
        ("arc", b"1 2 0 0\n1 2 0\n", "line 2: expected 4 fields, got 3"),
        ("webcachesim", b"1 2\n", "line 1: expected at least 3 fields"),
        ("webcachesim", b"1 2 3\n2 5 -3\n", "line 2: sizes must be at least 0, got -3"),
        ("webcachesim", b"1 2 3\n2 5\n", "line 2: expected 3 fields, got 2"),
        ("accesslog", SAMPLES["accesslog"].data + b"broken\n", "line 5: not in the Common or Combined"),
        ("accesslog", _BAD_TIME, "line 4: not a time: '40/Oct/2000:20:55:40 +0000'"),
        ("mooncake", b'{"timestamp": 0, "hash_ids": [1]}\n{"timestamp": 1}\n', "line 2: not a JSON object"),
        ("mooncake", b'{"hash_ids": [1]}\n{"hash_ids": ["x"]}\n', "line 2: 'hash_ids' must be a list"),
        ("mooncake", b'{"timestamp": -1, "hash_ids": [1]}\n', "line 1: 'timestamp' must be at least 0, got -1"),
        ("mooncake", b'{"hash_ids": [1]}\n{"hash_ids": [1\n', "line 2: not a JSON object"),
        ("mooncake", b'{"hash_ids": []}\n', "holds no request"),
        ("oracleGeneral", SAMPLES["oracleGeneral"].data[:-5], "the record at byte 72 has 19 of its 24 bytes"),
        ("oracleGeneral", b"id,size\n" * 20, "byte 0: not a possible record"),
        ("vscsi", SAMPLES["vscsi"].data[:-1], "truncated: the record at byte 128 has 31 of its 32 bytes"),
        ("vscsi", SAMPLES["vscsi"].data[:64] + b"\0" * 64, "byte 64: not a possible record"),
        ("vscsi", b"text is no record, or is it, or is it not", "byte 0: neither a vscsi record"),
        ("lcs", SAMPLES["lcs"].data[:8000], "truncated: the header has 8000 of its 8192 bytes"),
        ("lcs", b"\1" * 9000, "byte 0: not the header of an lcs trace"),
        ("lcs", SAMPLES["lcs"].data[:8190] + b"xx", "byte 8184: the header does not end with its magic"),
        ("lcs", SAMPLES["lcs"].data[:8192], "holds no request"),
        ("lcs", SAMPLES["lcs"].data[:8] + b"\x63" + SAMPLES["lcs"].data[9:], "byte 8: version 99 of lcs"),
        ("lcs", SAMPLES["lcs"].data[:-2] + b"\x80\x80", "byte 8300: not a possible record of 36 bytes"),
        ("cache2k", b"\0\0\0\1\0\0", "truncated: the record at byte 4 has 2 of its 4 bytes"),
        ("corda", b"\0" * 13, "truncated: the record at byte 8 has 5 of its 8 bytes"),
        ("npz", SAMPLES["npz"].data[:200], "corrupt or truncated npz"),
        ("npy", SAMPLES["npy"].data[:-3], "corrupt or truncated npy"),
        ("npz", b"no zip at all", "corrupt or truncated npz"),
    ],
)  # fmt: skip
def test_bad_files_are_one_sentence_with_the_place(format, data, sentence, tmp_path):
    path = put(tmp_path, "broken", data)
    with pytest.raises(TraceError) as caught:
        load(path, format)
    assert str(caught.value).startswith(str(path))
    assert sentence in str(caught.value)
    assert "\n" not in str(caught.value)


def test_options_name_the_format(tmp_path):
    path = put(tmp_path, "t.tr", b"1 100 10\n2 101 20\n")
    assert load(path).keys.tolist() == [100, 101]
    assert load(path, columns="item=3").keys.tolist() == [10, 20]


def test_lines_longer_than_the_head(tmp_path):
    ids = list(range(20_000))
    line = (f'{{"timestamp": 3, "hash_ids": {ids}}}\n').encode()
    assert load(put(tmp_path, "a.jsonl", line * 2)).counts().tolist() == [2] * 20_000


def test_a_wrong_format_names_the_likely_one(tmp_path):
    path = put(tmp_path, "x", SAMPLES["vscsi"].data)
    with pytest.raises(TraceError, match=r"\(read as oracleGeneral; it looks like vscsi\)"):
        load(path, "oracleGeneral")


def test_missing_files_folders_and_names(tmp_path):
    with pytest.raises(TraceError, match="no trace file"):
        load(tmp_path / "nothing.csv")
    with pytest.raises(TraceError, match="is a folder"):
        load(tmp_path)
    with pytest.raises(UnknownNameError, match=r"format 'oracelGeneral' \(did you mean 'oracleGeneral'"):
        load(tmp_path / "nothing.csv", "oracelGeneral")


def test_options_are_checked(tmp_path):
    path = put(tmp_path, "t.csv", b"id,size\na,1\n")
    for options, sentence in (
        ({"colums": "item=1"}, "no option 'colums' (did you mean 'columns'?)"),
        ({"columns": "item"}, "are written item=3,time=1"),
        ({"columns": "item="}, "are written item=3,time=1"),
        ({"columns": "size=2"}, "must name the item"),
        ({"columns": "itm=2"}, "unknown column role 'itm' (did you mean 'item'?)"),
        ({"columns": "item=3"}, "between 1 and 2, got 3"),
        ({"columns": "item=siez"}, "no column 'siez' for item (did you mean 'size'?)"),
        ({"delimiter": "::"}, "one ASCII character"),
        ({"sort": True}, "can't be sorted by time"),
        ({"columns": "item=size2", "header": False}, "must be a position"),
    ):
        with pytest.raises(OlearnError) as caught:
            load(path, **options)
        assert sentence in str(caught.value)
    with pytest.raises(ParameterError, match="its options: none"):
        load(put(tmp_path, "t.txt", b"1\n2\n"), "txt", columns="item=1")


@pytest.mark.parametrize("format", SAMPLES)
@given(data=st.data())
def test_damaged_bytes_raise_nothing_but_olearns_errors(format, data, tmp_path_factory):
    good = SAMPLES[format].data
    start = data.draw(st.integers(0, len(good)))
    end = data.draw(st.integers(start, min(len(good), start + 8)))
    damaged = good[:start] + data.draw(st.binary(max_size=6)) + good[end:]
    path = tmp_path_factory.mktemp("damaged") / SAMPLES[format].name
    path.write_bytes(damaged)
    for forced in (None, format):
        with contextlib.suppress(OlearnError):
            assert len(load(path, forced)) > 0


def test_a_reader_is_added_by_adding_a_file(tmp_path, monkeypatch):
    (tmp_path / "upside.py").write_text(
        "from olearn.traces import Trace\n"
        "from olearn.traces.readers import Reader\n"
        "class Upside(Reader):\n"
        "    name, extensions, description = 'upside', ('.up',), 'the last request first'\n"
        "    def sniff(self, head, path): return 0.99 * self.named(path)\n"
        "    def read(self, source): return Trace.from_keys(source.read().split()[::-1])\n"
    )
    monkeypatch.setattr(readers, "__path__", [*readers.__path__, str(tmp_path)])
    formats.cache_clear()
    try:
        assert load(put(tmp_path, "x.up", b"a\nb\n")).keys.tolist() == [b"b", b"a"]
    finally:
        formats.cache_clear()


def test_readers_of_other_packages(monkeypatch, tmp_path):
    class Entry:
        value = "somewhere:Broken"

        def __init__(self, thing):
            self.thing = thing

        def load(self):
            if isinstance(self.thing, Exception):
                raise self.thing
            return self.thing

    class Theirs(readers.Reader):
        name, extensions, description = "theirs", (".theirs",), "for the test"

        def sniff(self, head, path):
            return 0.99 if head.startswith(b"theirs") else 0.0

        def read(self, source, scale=1):
            return Trace.from_keys([scale, scale])

    monkeypatch.setattr(readers, "entry_points", lambda group: [Entry(Theirs), Entry(ImportError("gone"))])
    formats.cache_clear()
    try:
        with pytest.warns(UserWarning, match="somewhere:Broken of another package can't be loaded: gone"):
            assert "theirs" in formats()
        assert load(put(tmp_path, "x", b"theirs!"), scale=4).keys.tolist() == [4]
    finally:
        formats.cache_clear()


def test_binary_records_longer_than_one_piece(tmp_path):
    count = (1 << 16) + 100
    ids = np.arange(count) % 1000
    record = np.zeros(count, [("t", "<u4"), ("id", "<u8"), ("sz", "<u4"), ("nx", "<i8")])
    record["id"], record["sz"], record["nx"] = ids, 1, -1
    record["t"] = np.arange(count) // 60_000
    data = record.tobytes()
    expected = Trace.from_keys(ids, record["sz"], record["t"]).digest
    assert load(put(tmp_path, "a", data)).digest == expected
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("olearn.traces._intern.MANY", 1000)
        assert load(put(tmp_path, "a", data)).digest == expected
    assert load(put(tmp_path, "a", COMPRESSORS["zst"](data))).digest == expected
    broken = data[: 24 * (count - 10)] + struct.pack("<IQIq", 1, 1, 1, -7) + data[24 * (count - 9) :]
    with pytest.raises(TraceError, match=f"byte {24 * (count - 10)}: not a possible record"):
        load(put(tmp_path, "a", broken))
