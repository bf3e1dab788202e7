"""Traces longer than memory: blocks, stores, samples while reading, catalogues that grow in bounded memory."""

import json
import os
import pickle
import subprocess
import sys

import numpy as np
import pyarrow as pa
import pytest
from click.testing import CliRunner
from hypothesis import given
from hypothesis import strategies as st

import olearn
from olearn.cli import main
from olearn.errors import NotSupportedError, OlearnError, TraceError
from olearn.traces import Trace, bundled, describe, load
from olearn.traces._intern import Interner, TextInterner
from olearn.traces._store import StoredTrace, StoreWriter, convert_to_store, open_store, write_store

from ..naive import traces as naive
from .samples import SAMPLES


def put(folder, name, data):
    path = folder / name
    path.write_bytes(data)
    return path


def same(one, two):
    assert one.digest == two.digest
    assert np.array_equal(one.items, two.items)
    assert one.keys.tolist() == two.keys.tolist()
    for name in ("sizes", "times", "costs", "operations", "ttl"):
        a, b = getattr(one, name), getattr(two, name)
        assert (a is None) == (b is None)
        assert a is None or (np.array_equal(a, b) and a.dtype == b.dtype)


@pytest.mark.parametrize("format", SAMPLES)
def test_a_store_holds_what_memory_holds(format, tmp_path):
    sample = SAMPLES[format]
    path = put(tmp_path, sample.name, sample.data)
    trace = load(path)
    made = convert_to_store(path, tmp_path / "store")
    assert isinstance(made, StoredTrace)
    same(made, trace)
    same(load(tmp_path / "store"), trace)
    assert load(tmp_path / "store").notes == trace.notes
    assert load(tmp_path / "store").name == trace.name
    same(load(path, on_disk=True), trace)


def test_wide_values_widen_the_columns_of_a_store(tmp_path):
    lines = [b"%d,%d,%d\n" % (k, k % 9, 5) for k in range(300_000)]
    lines[-1] = b"%d,3,%d\n" % (2**40, 2**35)
    for name, last in (("a.csv", lines[-1]), ("b.csv", b"300000.5,3,6\n"), ("c.csv", b"300001,007,6\n")):
        path = put(tmp_path, name, b"time,id,size\n" + b"".join(lines[:-1]) + last)
        same(convert_to_store(path, tmp_path / f"{name}.store"), load(path))
    assert load(tmp_path / "a.csv.store").sizes.dtype == np.int64
    assert load(tmp_path / "b.csv.store").times.dtype == np.float64
    assert load(tmp_path / "c.csv.store").keys[-1] == "007"


def test_everything_that_takes_a_trace_takes_a_stored_one(tmp_path):
    trace = bundled()[:20_000]
    write_store(trace, tmp_path / "store")
    stored = load(tmp_path / "store")
    same(stored, trace)
    assert np.array_equal(stored.next_use(), trace.next_use())
    assert np.array_equal(stored.counts(), trace.counts())
    assert np.array_equal(stored.item_sizes(), trace.item_sizes())
    same(stored[100:5000], trace[100:5000])
    same(stored.sample(0.1, 3), trace.sample(0.1, 3))
    assert json.dumps(describe(stored).as_dict(), default=str) == json.dumps(
        describe(trace).as_dict(), default=str
    )
    for policies in (["lru", "ogb"],):
        one, two = (olearn.replay(t, policies, capacity=100) for t in (stored, trace))
        assert [row["reward"] for row in one.rows] == [row["reward"] for row in two.rows]
    same(load(stored.save(tmp_path / "again.npz")), trace)
    stored.items[0] = 7  # goes nowhere
    assert load(tmp_path / "store").items[0] == trace.items[0]


def test_a_stored_trace_travels_to_other_processes(tmp_path):
    path = put(tmp_path, "t.csv", b"id,size\na,1\nb,2\na,1\n")
    made = convert_to_store(path, tmp_path / "store")
    for trace in (made, load(path, on_disk=True)):
        sent = pickle.dumps(trace)
        copy = pickle.loads(sent)
        same(copy, trace)
        assert (copy.name, copy.notes, copy.origin) == (trace.name, trace.notes, trace.origin)
    assert isinstance(pickle.loads(pickle.dumps(made)), StoredTrace)


@given(
    items=st.lists(st.integers(0, 8), min_size=1, max_size=60),
    size=st.integers(1, 70),
)
def test_next_uses_block_by_block_from_the_end(items, size):
    trace = Trace.from_keys(items)
    blocks = list(trace.next_use_blocks(size))
    assert [start for start, _ in blocks] == sorted((start for start, _ in blocks), reverse=True)
    joined = np.concatenate([nexts for _, nexts in reversed(blocks)])
    assert joined.tolist() == naive.next_use(trace.items.tolist())
    assert np.concatenate([part for _, part, _ in trace.blocks(size)]).tolist() == trace.items.tolist()


def test_blocks_of_a_store_are_read_not_mapped(tmp_path):
    trace = Trace.from_keys(np.arange(50_000) % 777, sizes=np.arange(50_000) % 777 + 1)
    write_store(trace, tmp_path / "store")
    stored = load(tmp_path / "store")
    starts = []
    for start, items, sizes in stored.blocks(1000):
        starts.append(start)
        assert np.array_equal(items, trace.items[start : start + 1000])
        assert np.array_equal(sizes, trace.sizes[start : start + 1000])
        assert items.flags.writeable
        assert not isinstance(items.base, np.memmap)
    assert starts == list(range(0, 50_000, 1000))


# -- broken stores -------------------------------------------------------------------------------------
def store(folder):
    write_store(Trace.from_keys(["a", "b", "a"], sizes=[1, 2, 1]), folder / "s")
    return folder / "s"


def cut(path):
    os.truncate(path, path.stat().st_size - 1)


@pytest.mark.parametrize(
    ("harm", "sentence"),
    [
        (lambda s: cut(s / "items.i4"), "has 11 bytes where the store says 12"),
        (lambda s: (s / "sizes.i4").unlink(), "a part of the store can't be read"),
        (lambda s: (s / "trace.json").write_text("{"), "trace.json of the store can't be read"),
        (lambda s: (s / "trace.json").write_text("[]"), "trace.json of the store can't be read"),
        (lambda s: (s / "items.i4").write_bytes(b"\xff" * 12), "an id is not between 0 and 1"),
        (lambda s: (s / "items.i4").write_bytes(b"\x09\0\0\0" * 3), "an id is not between 0 and 1"),
        (lambda s: (s / "key_bytes.u1").write_bytes(b"a"), "the keys of the store are damaged"),
        (
            lambda s: (s / "trace.json").write_text((s / "trace.json").read_text().replace('n": 1', 'n": 9')),
            "a store of version 9; this olearn reads up to 1",
        ),
    ],
)  # fmt: skip
def test_a_damaged_store_is_one_sentence(harm, sentence, tmp_path):
    folder = store(tmp_path)
    harm(folder)
    with pytest.raises(TraceError) as caught:
        load(folder).keys  # noqa: B018 - texts are decoded when they are asked for
    assert sentence in str(caught.value)
    assert str(folder) in str(caught.value)


def test_an_unfinished_store_is_no_store(tmp_path):
    writer = StoreWriter(tmp_path / "s")
    writer.add(np.array([0, 1], np.int32), {})
    assert not (tmp_path / "s").exists()
    writer.abandon()
    assert list(tmp_path.iterdir()) == []
    with pytest.raises(TraceError, match="is a folder, not a trace file"):
        load(tmp_path)
    with pytest.raises(TraceError, match="is not the folder of a store"):
        load(tmp_path, "store")
    path = put(tmp_path, "bad.csv", b"id,size\n" + b"a,1\n" * 9000 + b"b,x\n")
    with pytest.raises(TraceError, match="line 9002: size must be a number"):
        convert_to_store(path, tmp_path / "s")
    assert [p.name for p in tmp_path.iterdir()] == ["bad.csv"]


def test_a_store_is_not_replaced_unasked(tmp_path):
    folder = store(tmp_path)
    with pytest.raises(OlearnError, match="exists; --force replaces it"):
        write_store(Trace.from_keys([1]), folder)
    write_store(Trace.from_keys([5]), folder, force=True)
    assert load(folder).keys.tolist() == [5]
    (tmp_path / "mine").mkdir()
    put(tmp_path / "mine", "thesis.txt", b"")
    with pytest.raises(OlearnError, match="exists, and is not a store"):
        write_store(Trace.from_keys([1]), tmp_path / "mine", force=True)
    with pytest.raises(NotSupportedError, match="only traces with integer or string keys"):
        write_store(Trace.from_keys([(1, 2)]), tmp_path / "tuples")
    assert sorted(p.name for p in tmp_path.iterdir()) == ["mine", "s"]


def test_the_command_line_makes_stores(tmp_path):
    path = put(tmp_path, "ids.txt", b"".join(b"%d\n" % (k % 99) for k in range(5000)))
    done = CliRunner().invoke(
        main, ["trace", "convert", str(path), str(tmp_path / "s"), "--to", "store", "--json"]
    )
    assert done.exit_code == 0, done.output
    told = json.loads(done.stdout)
    assert (told["format"], told["requests"], told["items"]) == ("store", 5000, 99)
    assert told["digest"] == load(path).digest
    again = CliRunner().invoke(main, ["trace", "convert", str(path), str(tmp_path / "s"), "--to", "store"])
    assert (again.exit_code, again.stderr.count("\n")) == (2, 1)
    for where in (tmp_path / "s", path):
        words = ["replay", str(where), "-p", "lru", "-c", "10", "--no-plot", "--json"]
        words += ["--on-disk"] if where == path else []
        done = CliRunner().invoke(main, words)
        assert json.loads(done.stdout)["manifest"]["trace"]["digest"] == told["digest"]


# -- samples -------------------------------------------------------------------------------------------
@pytest.mark.parametrize("format", SAMPLES)
def test_a_sample_while_reading_is_the_sample_of_what_is_read(format, tmp_path):
    sample = SAMPLES[format]
    path = put(tmp_path, sample.name, sample.data)
    whole = load(path)
    for seed in range(6):
        try:
            expected = whole.sample(0.6, seed)
        except TraceError:
            with pytest.raises(TraceError, match=r"in the sample|none of"):
                load(path, sample=0.6, sample_seed=seed)
            continue
        same(load(path, sample=0.6, sample_seed=seed), expected)
    same(load(path, sample=1.0), whole)


def test_a_sample_keeps_the_same_keys_in_every_format(tmp_path):
    ids = np.random.default_rng(1).integers(0, 5000, 20_000)
    text = put(tmp_path, "a.txt", b"".join(b"%d\n" % i for i in ids.tolist()))
    odd = put(tmp_path, "b.txt", b"".join(b"%d\n" % i for i in ids.tolist()) + b"007\n")
    np.save(tmp_path / "c.npy", ids)
    kept = [set(map(str, load(p, sample=0.1).keys.tolist())) for p in (text, odd, tmp_path / "c.npy")]
    assert kept[0] == kept[2] == kept[1] - {"007"}
    # Hoeffding: off by more than 150 of 5,000 with a chance below 2 exp(-2 150^2 / 5,000) = 3e-4
    assert abs(len(kept[0]) - 500) < 150


# -- growing catalogues --------------------------------------------------------------------------------
def test_a_catalogue_takes_at_most_forty_bytes_an_item():
    rng = np.random.default_rng(2)
    ints, texts = Interner(np.int64), TextInterner()
    most = {"ints": 0.0, "texts": 0.0}
    for _ in range(30):
        keys = rng.integers(-(2**62), 2**62, 1 << 15)
        ints.add(keys)
        texts.add(pa.array([f"{k:x}"[:8].rjust(8, "0") for k in (keys & 0xFFFFFFFF).tolist()]))
        if ints.count > 100_000:
            most["ints"] = max(most["ints"], ints.nbytes / ints.count)
            own = 1.25 * 8  # the bytes of the texts themselves, with the room that is kept
            most["texts"] = max(most["texts"], texts.nbytes / texts.count - own)
    assert ints.count == 30 << 15
    assert most["ints"] <= 40, most
    assert most["texts"] <= 41, most


@given(st.lists(st.text(max_size=6), min_size=1, max_size=80), st.integers(1, 90))
def test_interning_texts_equals_its_naive_twin(texts, piece):
    interner = TextInterner()
    found = [interner.add(pa.array(texts[s : s + piece], pa.string())) for s in range(0, len(texts), piece)]
    items, distinct = naive.intern(texts)
    assert np.concatenate(found).tolist() == items
    assert interner.keys().tolist() == distinct


def test_equal_hashes_are_settled_by_the_texts(monkeypatch):
    from olearn.traces import _kernels

    def constant(data, ends, hashes):
        hashes[:] = 7

    monkeypatch.setattr(_kernels, "hash_texts", constant)
    interner = TextInterner()
    texts = [f"k{k % 50}" for k in range(3000)]
    assert interner.add(pa.array(texts)).tolist() == naive.intern(texts)[0]


@pytest.mark.parametrize("kind", ["texts", "ints"])
def test_a_long_file_is_interned_on_the_way(kind, tmp_path, monkeypatch):
    lines = [b"u%d\n" % (k * k % 997) if kind == "texts" else b"%d\n" % (k * k % 997) for k in range(900_000)]
    path = put(tmp_path, "ids.txt", b"".join(lines))
    short = load(path)
    monkeypatch.setattr("olearn.traces._intern.MANY", 1000)
    same(load(path), short)


MEASURE = """
import resource, sys, numba, pyarrow, pyarrow.csv
from olearn.traces import Trace, load
from olearn.traces._store import convert_to_store
import olearn.traces._kernels, olearn.engine.caching, numpy as np
convert_to_store(sys.argv[1], sys.argv[2] + ".small")
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
trace = convert_to_store(sys.argv[3], sys.argv[2])
total = sum(int(items.sum()) for _, items, _ in trace.blocks())
print(len(trace), resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before)
"""


@pytest.mark.jit_only
def test_a_conversion_takes_the_memory_of_its_catalogue(tmp_path):
    """12 M requests of 1,000 items: 48 MB of ids and 96 MB of keys that are never in memory at once."""
    ids = (np.arange(12_000_000) * 7919 % 1000).astype(np.int64)
    np.save(tmp_path / "big.npy", ids)
    np.save(tmp_path / "small.npy", ids[:1_000_000])
    words = [sys.executable, "-c", MEASURE, tmp_path / "small.npy", tmp_path / "store", tmp_path / "big.npy"]
    done = subprocess.run(words, capture_output=True, text=True, check=True)
    length, grown = map(int, done.stdout.split())
    assert length == 12_000_000
    assert grown < 60_000, "KiB"
    assert open_store(tmp_path / "store").catalog_size == 1000
