"""Small inputs as people have them, each with what is right; and what is said about them.

The contents of the files are those of the shared cases; they stand here too, so that the tests do not
depend on a folder that is not part of the project.
"""

import json

import numpy as np
import pytest
from click.testing import CliRunner

import olearn
from olearn.cli import main
from olearn.errors import NotSupportedError, ParameterError, TraceError
from olearn.traces import load
from olearn.traces._store import write_store
from olearn.traces.operations import CODES, NAMES

TWITTER = b'0,abc,12,4,3,get,0\n0,"k,1",4,4,3,get,0\n1,abc,12,4,3,set,3600\n2,abc,12,4,3,get,0\n'
KV = b"""key,op,size,op_count,key_size
1668757755,SET,82,1,40
1668757755,GET,0,1,40
1668757805,SET,208,1,63
1668757805,GET,0,3,63
1665498006,GET,104,2,64
1665498006,DELETE,0,1,64
1668757755,GET,82,1,40
"""
IBM = b"""# timestamp (ms), op type [Put:0, Get:1, Delete:2, Head: 3, Copy: 4], object id, object size (byte)
0,1,A,8371
103,1,B,31
159,1,C,3668
315,1,D,15572
418,0,B,62
529,1,F,7621
881,2,A,0
956,1,A,8371
1026,1,B,62
"""
MSR = b"""128166372003061629,usr,0,Read,7014609920,24576,41286
128166372016382155,usr,0,Read,7014609920,4096,700
128166372026382245,usr,1,Write,2517696512,4096,1963
"""
LSM = b"1.5,1,1,5,10,100,1\n1.55,1,1,4,10,100,1\n1.6,1,1,6,10,100,1\n1.65,1,1,4,10,101,1\n1.7,1,1,7,10,102,1\n"
LSM += b"1.75,1,1,4,10,101,1\n"
BURST = b"Timestamp,Model,Request tokens,Response tokens,Total tokens,Log Type\n"
BURST += b"5,ChatGPT,472,18,490,Conversation log\n"


def put(folder, name, data):
    path = folder / name
    path.write_bytes(data)
    return path


def requests(trace):
    return trace.keys[trace.items].tolist()


def names(trace):
    return [NAMES[code] for code in trace.operations]


def test_twitter(tmp_path):
    path = put(tmp_path, "twitter.csv", TWITTER)
    trace = load(path)
    assert requests(trace) == ["abc", "k,1", "abc"]
    assert (trace.sizes.tolist(), trace.times.tolist()) == ([16, 8, 16], [0, 0, 2])
    assert trace.origin["format"] == "twitter"
    assert trace.origin["operations"] == "get"
    assert "operations: get (reads are requests); left out: 1 set" in trace.notes
    full = load(path, operations="rule")
    assert (requests(full), names(full)) == (["abc", "k,1", "abc", "abc"], ["get", "get", "set", "get"])
    assert full.ttl.tolist() == [0, 0, 3600, 0]
    assert len(load(path, operations="all")) == len(load(path, operations="get+set")) == 4
    assert requests(load(path, operations="set")) == ["abc"]
    result = olearn.replay(trace, "lru", capacity=2, offline=False)
    assert result.rows[0]["reward"] == 1


def test_cachelib_key_value(tmp_path):
    path = put(tmp_path, "kv.csv", KV)
    trace = load(path)
    assert requests(trace) == [1668757755, *[1668757805] * 3, *[1665498006] * 2, 1668757755]
    assert trace.sizes.tolist() == [82, 208, 208, 208, 104, 104, 82]  # a read of size 0 takes the size known
    full = load(path, operations="rule")
    assert names(full) == ["set", "get", "set", "get", "get", "get", "get", "get", "delete", "get"]
    # or, where none is known before, the next one
    late = b"key,op,size,op_count\n7,GET,0,1\n7,GET,50,1\n8,GET,0,1\n7,SET,60,1\n7,GET,0,2\n"
    assert load(put(tmp_path, "late.csv", late)).sizes.tolist() == [50, 50, 0, 60, 60]


def test_a_row_that_counts_no_operation_is_left_out(tmp_path):
    trace = load(put(tmp_path, "kv.csv", KV + b"7,GET,5,0,1\n"))
    assert (len(trace), 7 in trace.keys) == (7, False)
    assert "some rows count 0 operations and are left out" in trace.notes


def test_a_header_of_msr(tmp_path):
    head = b"Timestamp,Hostname,DiskNumber,Type,Offset,Size,ResponseTime\n"
    assert requests(load(put(tmp_path, "h.csv", head + MSR))) == requests(load(put(tmp_path, "m.csv", MSR)))


def test_ibm_object_store(tmp_path):
    trace = load(put(tmp_path, "ibm.csv", IBM))
    assert trace.origin["format"] == "ibm-object-store"
    assert requests(trace) == ["A", "B", "C", "D", "F", "A", "B"]
    assert trace.sizes.tolist() == [8371, 31, 3668, 15572, 7621, 8371, 62]
    assert "left out: 1 set, 1 delete" in trace.notes[0]
    # without the comment nothing says what the codes are: the format or the columns are asked for
    bare = put(tmp_path, "bare.csv", IBM.split(b"\n", 1)[1])
    with pytest.raises(TraceError, match="which column is the item"):
        load(bare)
    assert requests(load(bare, "ibm-object-store")) == requests(trace)
    assert len(load(bare, columns="item=3,size=4,time=1")) == 9


def test_msr_cambridge(tmp_path):
    path = put(tmp_path, "msr.csv", MSR)
    trace = load(path)
    # 24,576 bytes from 1,024 behind a block's start touch seven blocks, 4,096 bytes two
    first = 7014609920 // 4096
    assert requests(trace) == [
        *(f"usr.0:{first + k}" for k in range(7)),
        f"usr.0:{first}",
        f"usr.0:{first + 1}",
    ]
    assert set(trace.sizes.tolist()) == {4096}
    assert len(load(path, operations="all")) == 10
    assert len(load(path, block="8kb")) == 4 + 2
    whole = load(path, block="none")
    assert (requests(whole), whole.sizes.tolist()) == (["usr.0:7014609920"] * 2, [24576, 4096])
    assert "are split into" in load(path).notes[0]
    with pytest.raises(ParameterError, match="a block is written 4096, 4kb"):
        load(path, block="x")


def test_columns_of_a_log_structured_store(tmp_path):
    trace = load(put(tmp_path, "lsm.txt", LSM), columns="item=6")
    assert olearn.replay(trace, "lru", capacity=3, offline=False).rows[0]["reward"] == 3
    same = load(tmp_path / "lsm.txt", columns="obj-id-col=6,time-col=1,delimiter=,,has-header=false")
    assert same.items.tolist() == trace.items.tolist()


def test_arrivals_are_not_a_cache_trace(tmp_path):
    with pytest.raises(TraceError, match="is an arrival trace of language-model requests"):
        load(put(tmp_path, "burst.csv", BURST))


@pytest.mark.parametrize("name", ["twitter.csv", "kv.csv", "ibm.csv", "msr.csv", "moe.jsonl", "qwen.jsonl"])
def test_the_shared_cases_are_read(shared, name):
    counts = {"twitter": 3, "kv": 7, "ibm": 7, "msr": 9, "moe": 12, "qwen": 13}
    trace = load(shared / "cases" / name)
    assert len(trace) == counts[name.split(".")[0]]
    assert trace.notes


def test_flattened_language_model_traces_say_what_gets_lost(shared):
    moe, qwen = (load(shared / "cases" / name) for name in ("moe.jsonl", "qwen.jsonl"))
    assert requests(moe)[:4] == ["0:3", "0:7", "1:3", "1:5"]
    assert "6 batches of experts needed together are flattened" in moe.notes[0]
    assert requests(qwen)[:6] == [1089, 1090, 1091, 6326, 13148, 1089]
    assert qwen.times[-1] == 63.5
    assert "3 requests for chains of blocks are flattened" in qwen.notes[0]


@pytest.mark.parametrize(
    ("data", "options", "sentence"),
    [
        (TWITTER.replace(b"get", b"7"), {"format": "twitter"}, "not in the format twitter: a line looks like"),
        (
            TWITTER * 9999 + b"0,a,1,1,1,sat,0\n",
            {},
            "line 39997: unknown operation 'sat'; known: get, gets, set",
        ),
        (TWITTER * 9999 + b"0,a,1,1,1,set,-1\n", {}, "line 39997: ttl must be at least 0, got -1"),
        (TWITTER.replace(b"set", b"sat"), {}, "line 3: unknown operation 'sat'; known: get, gets, set"),
        (MSR.replace(b"Write", b"Trim"), {}, "line 3: unknown operation 'Trim'"),
        (IBM.replace(b"881,2,", b"881,7,"), {}, "line 8: unknown operation '7'; known: 0, 1, 2, 3, 4"),
        (KV + b"7,GET,5,-1,1\n", {}, "line 9: counts of operations must be at least 0, got -1"),
        (
            KV,
            {"operations": "gett"},
            "operations are get, all, rule or names joined by +, got 'gett' (did you mean",
        ),
        (KV, {"operations": "incr"}, "has no request under operations=incr: it holds get, set, delete only"),
        (MSR, {"block": "1kbb"}, "a block is written"),
        (MSR.replace(b"4096", b"99999999999999999999"), {"format": "msr"}, "line 2: "),
        (b"a\nb\n", {"operations": "get"}, "'txt' has no option 'operations'"),
    ],
)
def test_mistakes(data, options, sentence, tmp_path):
    from olearn.errors import OlearnError

    with pytest.raises(OlearnError) as caught:
        load(put(tmp_path, "x.csv", data), **options)
    assert sentence in str(caught.value)


def test_an_engine_that_plays_reads_alone_says_so(tmp_path):
    trace = load(put(tmp_path, "twitter.csv", TWITTER), operations="rule")
    with pytest.raises(NotSupportedError, match="writes and deletes are not played here"):
        olearn.replay(trace, "lru", capacity=2)
    assert trace[1:].operations.tolist() == [CODES["get"], CODES["set"], CODES["get"]]


@pytest.mark.parametrize("name", ["t.npz", "store"])
def test_a_trace_saved_with_its_operations_gives_its_reads(name, tmp_path):
    path = put(tmp_path, "twitter.csv", TWITTER)
    full = load(path, operations="rule")
    if name == "store":
        write_store(full, tmp_path / name)
    else:
        full.save(tmp_path / name)
    assert load(tmp_path / name).digest == full.digest
    reads = load(tmp_path / name, operations="get")
    assert reads.digest == load(path).digest
    assert reads.notes[0] == "operations: get (reads are requests); left out: 1 set"
    with pytest.raises(TraceError, match=f"{name}: has no request under operations=head"):
        load(tmp_path / name, operations="head")
    with pytest.raises(ParameterError, match="has no option 'block'"):
        load(tmp_path / name, block="4kb")
    done = run("replay", tmp_path / name, "-p", "lru", "-c", 1, "--no-plot", "--operations", "get")
    assert "3 requests, 2 items" in done.stdout


# -- identity of keys ----------------------------------------------------------------------------------
@pytest.mark.parametrize("odd", [b"007", b"0x7", b"+7", b"-0", b"00"])
@pytest.mark.parametrize("place", ["first", "within 64 KiB", "behind 64 KiB", "last"])
@pytest.mark.parametrize("name", ["ids.txt", "ids.csv", "ids.tr"])
def test_a_keys_identity_never_depends_on_its_position(odd, place, name, tmp_path):
    lines = [b"7", b"0", *(b"%d" % (k % 50) for k in range(30_000))]
    lines.insert({"first": 0, "within 64 KiB": 500, "behind 64 KiB": 25_000, "last": len(lines)}[place], odd)
    form = {"ids.txt": b"%s\n", "ids.csv": b"1,%s,5\n", "ids.tr": b"1 %s 5\n"}[name]
    trace = load(put(tmp_path, name, b"".join(form % line for line in lines)))
    assert trace.catalog_size == 51
    assert requests(trace) == [line.decode() for line in lines]


def test_blanks_inside_ids_are_removed_and_counted(tmp_path):
    trace = load(put(tmp_path, "t.csv", b"id,size\n14719 88,1\n5,2\n1471988,3\n14 71988,4\n7,1\n8,1\n"))
    assert requests(trace) == [1471988, 5, 1471988, 1471988, 7, 8]
    assert "2 ids have blanks inside, which were removed; 2 of them are then the same as another" in trace.notes


# -- what is said --------------------------------------------------------------------------------------
def test_sizes_that_change_and_rows_re_ordered(tmp_path):
    path = put(tmp_path, "t.csv", b"time,id,size\n5,a,1\n3,b,2\n7,a,4\n6,c,1\n")
    trace = load(path, sort=True)
    assert requests(trace) == ["b", "a", "c", "a"]
    assert trace.notes == (
        "4 of 4 rows were re-ordered by time",
        "items that change their size: 1 (at 1 requests); where one size an item is needed, the first is kept",
    )
    unsorted = load(path)
    assert any(note.startswith("times go back at 2 requests") for note in unsorted.notes)
    from olearn.traces import describe

    assert all(gap >= 0 for gap in describe(unsorted).interarrival_time.values())


def test_lines_of_a_log_that_hold_no_request(tmp_path):
    line = '1.1.1.1 - - [10/Oct/2000:13:55:36 -0700] "{}" 200 5\n'
    wanted = [
        "GET /a b.html HTTP/1.1",
        "M-SEARCH * HTTP/1.1",
        "-",
        "GET /a%20b.html HTTP/1.0",
        "\\x16\\x03",
        "get /x",
    ]
    trace = load(put(tmp_path, "a.log", "".join(map(line.format, wanted)).encode()))
    assert requests(trace) == ["/a b.html", "*", "/a%20b.html", "/x"]
    assert trace.notes[0] == "2 of 6 lines hold no request (broken or timed out) and are skipped"


@pytest.mark.parametrize("digits", [19, 5000])
def test_numbers_of_a_log_that_no_one_can_mean(digits, tmp_path):
    line = '1.1.1.1 - - [10/Oct/2000:13:55:36 -0700] "GET /a HTTP/1.1" 200 ' + "9" * digits + "\n"
    with pytest.raises(TraceError, match="line 1: the bytes sent must be below 10"):
        load(put(tmp_path, "a.log", line.encode()))


# -- recognition ---------------------------------------------------------------------------------------
def test_arc_files_whose_third_field_is_not_zero(tmp_path):
    data = b"110765 64 1 0\n110829 3 -2 1\n3 1 0 2\n"
    trace = load(put(tmp_path, "P6.lis", data))
    assert (len(trace), trace.origin["format"]) == (68, "arc")
    with pytest.raises(TraceError, match=r"give the format \(.*arc.*\), or columns, as item=NAME"):
        load(put(tmp_path, "P6.csv", data))


def test_candidates_are_named_for_binary_files(tmp_path):
    rng = np.random.default_rng(1)
    path = put(tmp_path, "x", rng.integers(0, 2**62, 100).astype(">i8").tobytes())
    with pytest.raises(TraceError, match=r"it may be corda or cache2k|it may be cache2k or corda"):
        load(path)


def test_ids_with_blanks_are_lines(tmp_path):
    trace = load(put(tmp_path, "songs.txt", b"let it be\nhelp\nlet it be\nyesterday\n"))
    assert requests(trace) == ["let it be", "help", "let it be", "yesterday"]
    assert trace.notes == ("ids contain blanks: every line is one id",)
    with pytest.raises(TraceError, match=r"which column is the item\? No header says; give the format \(txt\)"):
        load(put(tmp_path, "pairs.txt", b"help me\nlove you\nhelp me\n"))


# -- the command line ----------------------------------------------------------------------------------
def run(*words):
    return CliRunner().invoke(main, [str(word) for word in words])


def test_commands_say_what_was_read(tmp_path):
    path = put(tmp_path, "kv.csv", KV)
    said = "kv: operations: get (reads are requests); left out: 2 set, 1 delete"
    done = run("replay", path, "-p", "lru", "-c", 2, "--no-plot", "--json")
    manifest = json.loads(done.stdout)["manifest"]
    assert manifest["trace"]["origin"]["format"] == "cachelib-kv"
    assert said.removeprefix("kv: ") in manifest["trace"]["origin"]["notes"]
    assert said in done.stderr
    done = run("optimum", path, "-c", 2, "-m", "static")
    assert "read as cachelib-kv, item = 1, operation = 2, size = 3, count = 4" in done.stdout
    assert said in done.stderr
    done = run("trace", "info", path)
    assert "read as                     cachelib-kv, item = 1" in done.stdout
    done = run("replay", path, "-p", "lru", "-c", 2, "--no-plot", "--operations", "all", "--no-offline")
    assert "kv: 10 requests, 3 items" in done.stdout
    done = run("replay", path, "-p", "lru", "--operations", "rule")
    assert (done.exit_code, done.stderr.count("\n")) == (2, 1)


def test_formats_shows_a_line_of_each():
    done = run("trace", "formats")
    for text in ("twitter", "0,abc,12,4,3,get,0", "REST.PUT.OBJECT", "struct <IQIq"):
        assert text in done.stdout


def test_conversions_say_what_they_leave_out(tmp_path):
    source = put(tmp_path, "t.csv", b"time,id,size,cost\n0.5,a,3,1\n1,b,4,2\n")
    done = run("trace", "convert", source, tmp_path / "t.txt")
    assert done.stderr == "txt has no place for sizes, times, costs: left out\n"
    done = run("trace", "convert", source, tmp_path / "t.oracleGeneral", "--json")
    lost = ["costs", "fractions of times", "text keys (ids from 0 stand for them)"]
    assert json.loads(done.stdout)["left_out"] == lost
    done = run(
        "trace", "convert", put(tmp_path, "twitter.csv", TWITTER), tmp_path / "w.csv", "--operations", "rule"
    )
    assert (done.exit_code, (tmp_path / "w.csv").read_text().splitlines()[0]) == (
        0,
        "time,item,size,operation,ttl",
    )
    again = load(tmp_path / "w.csv", operations="rule")
    assert again.digest == load(tmp_path / "twitter.csv", operations="rule").digest
