"""The real traces: requests as in the golden table, encodings of one trace against each other.

`shared` skips where the traces are not at hand; the bundled one is always tested.
"""

import csv
import os

import numpy as np
import pytest

from olearn.errors import UnknownNameError
from olearn.traces import Trace, bundled, load
from olearn.traces.data import BUNDLED

CLOUD = "libcachesim_cloudphysics/cloudPhysicsIO"
FILES = {
    "cloudphysics": f"{CLOUD}.oracleGeneral.bin",
    **{f"lirs_{n}": f"caffeine_lirs/{n}.trace.gz" for n in ("gli", "loop", "multi1", "multi3", "ps", "scan")},
    "webcachesim_test": "webcachesim_test/test.tr",
    "adaptsize_request": "caffeine_adaptsize/request.trace.xz",
    "cmu_cdn": "leadcache_cmu/CMU_dataset.csv",
    "movielens_small": "movielens_small/ratings.csv",
    "mooncake_conversation": "mooncake/conversation_trace.jsonl",
}


def rows(shared):
    with open(shared / "golden/libcachesim.csv", newline="") as file:
        yield from csv.DictReader(file)


def test_requests_of_every_shared_trace_equal_the_golden_table(shared):
    golden = {row["trace"]: int(row["n_req"]) for row in rows(shared)}
    assert set(golden) == set(FILES)
    assert {name: len(load(shared / "traces" / FILES[name])) for name in golden} == golden


def test_four_encodings_of_one_trace_agree(shared):
    """The txt has no newline after its last id (113,871 newlines, 113,872 requests), the csv a header;
    vscsi has times in microseconds, csv and oracleGeneral in whole seconds. In 13,671 records the size
    differs: oracleGeneral repeats the size of the block's first request, csv and vscsi have each one's.
    """
    binary, text, table, block = (
        load(shared / "traces" / f"{CLOUD}.{e}") for e in ("oracleGeneral.bin", "txt", "csv", "vscsi")
    )
    assert (len(binary), binary.catalog_size) == (113_872, 48_974)
    for other in (text, table, block):
        assert np.array_equal(binary.items, other.items)
        assert np.array_equal(binary.keys, other.keys)
    assert text.sizes is None
    assert np.array_equal(table.sizes, block.sizes)
    assert (binary.sizes != table.sizes).sum() == 13_671
    assert np.array_equal(binary.sizes, table.item_sizes()[table.items])
    assert np.array_equal(binary.times, table.times)
    assert np.array_equal(binary.times, block.times // 1_000_000)


def test_the_next_request_in_the_file_is_the_one_computed(shared):
    """The shipped file has `next_access_vtime` as the 1-based ordinal, -1 where there is none."""
    path = shared / "traces" / f"{CLOUD}.oracleGeneral.bin"
    stored = np.fromfile(path, [("t", "<u4"), ("id", "<u8"), ("sz", "<u4"), ("nx", "<i8")])["nx"]
    trace = load(path)
    nexts = trace.next_use().astype(np.int64)
    assert np.array_equal(stored, np.where(nexts == len(trace), -1, nexts + 1))


def test_ids_with_a_blank_inside_are_mended(shared):
    trace = load(shared / "traces" / FILES["cmu_cdn"])
    raw = (shared / "traces" / FILES["cmu_cdn"]).read_text().splitlines()[1:]
    ids = [line.split(",")[1] for line in raw]
    assert sum(" " in i.strip() for i in ids) == 2915
    assert trace.keys[trace.items].tolist() == [int(i.replace(" ", "")) for i in ids]


def test_movielens_is_ordered_by_time(shared):
    trace = load(shared / "traces" / FILES["movielens_small"])
    raw = np.loadtxt(shared / "traces" / FILES["movielens_small"], delimiter=",", skiprows=1)
    order = np.argsort(raw[:, 3], kind="stable")
    assert np.array_equal(trace.keys[trace.items], raw[order, 1].astype(np.int64))
    assert (np.diff(trace.times) >= 0).all()


def test_the_arc_trace_expands(shared):
    import zstandard

    trace = load(shared / "traces/arc/OLTP.lis.zst")
    with open(shared / "traces/arc/OLTP.lis.zst", "rb") as file:
        lines = zstandard.ZstdDecompressor().stream_reader(file).read().splitlines()
    expected = [b for s, n, *_ in map(bytes.split, lines[:5000]) for b in range(int(s), int(s) + int(n))]
    assert trace.keys[trace.items[: len(expected)]].tolist() == expected
    assert len(trace) == sum(int(line.split()[1]) for line in lines) == 914_145


def test_other_shared_formats(shared):
    traces = shared / "traces"
    web = load(traces / "cache2k/web07.trace.xz")
    assert (len(web), web.catalog_size, web.keys[:3].tolist()) == (76_118, 20_484, [0, 1, 2])
    blocks = load(traces / "cachelib_samples/block_traces_1.csv", operations="all")
    assert (len(blocks), blocks.keys[0]) == (1023, "12ce23eaa5534a38-9e05ce05bc10d4d0")
    assert (blocks.sizes[0], blocks.times[0]) == (8_388_608, 1_702_511_878)
    ratings = load(traces / "optimistic_caching/ml_trace_10k_mini.npy")
    assert len(ratings) == 20_000


def test_the_bundled_trace(tmp_path):
    trace = load("twitter")
    assert trace.digest == bundled().digest
    assert (len(trace), trace.catalog_size, trace.name) == (250_000, 47_198, "twitter")
    assert trace.digest == "76ad1a18407b4e9b01fb2f305c34c6f9"
    assert trace.keys.dtype == np.uint64
    assert int(trace.sizes.sum()) == 51_881_527
    with pytest.raises(UnknownNameError, match="unknown bundled trace"):
        bundled("facebook")


def test_the_bundled_trace_is_the_shared_csv(shared):
    assert load(shared / "traces/twitter_cluster52_250k.csv.xz").digest == bundled().digest


def test_every_bundled_file_is_small_and_attributed():
    import olearn.traces.data

    folder = os.path.dirname(olearn.traces.data.__file__)
    with open(os.path.join(folder, "README.md")) as file:
        readme = file.read()
    for name in BUNDLED.values():
        assert os.path.getsize(os.path.join(folder, name)) < 1_500_000
        assert name in readme
    assert bundled().digest in readme
    assert "Creative Commons Attribution 4.0" in readme


def test_a_file_of_that_name_comes_before_the_bundled_trace(tmp_path, monkeypatch):
    (tmp_path / "twitter").write_text("1\n2\n")
    monkeypatch.chdir(tmp_path)
    assert len(load("twitter")) == 2


def test_writers_round_trip(tmp_path):
    from olearn.traces import save

    trace = bundled()
    for name in ("a.csv", "a.npz", "a.oracleGeneral.bin"):
        assert load(save(trace, tmp_path / name)).digest == trace.digest
    plain = Trace(trace.items, trace.keys)
    assert load(save(trace, tmp_path / "a.txt")).digest == plain.digest
