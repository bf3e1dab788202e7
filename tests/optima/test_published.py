"""Optima that others have published: libCacheSim's exact counts, and the table of baselines by 4 digits."""

import csv
from collections import defaultdict

import numpy as np
import pytest

from olearn.optima import belady, belady_bypass, static_fetch_charged, static_prefilled
from olearn.traces import Trace, load

pytestmark = pytest.mark.jit_only

FILES = {
    "adaptsize_request": "caffeine_adaptsize/request.trace.xz",
    "cloudphysics": "libcachesim_cloudphysics/cloudPhysicsIO.oracleGeneral.bin",
    "cmu_cdn": "leadcache_cmu/CMU_dataset.csv",
    "lirs_gli": "caffeine_lirs/gli.trace.gz",
    "lirs_loop": "caffeine_lirs/loop.trace.gz",
    "lirs_multi1": "caffeine_lirs/multi1.trace.gz",
    "lirs_multi3": "caffeine_lirs/multi3.trace.gz",
    "lirs_ps": "caffeine_lirs/ps.trace.gz",
    "lirs_scan": "caffeine_lirs/scan.trace.gz",
    "mooncake_conversation": "mooncake/conversation_trace.jsonl",
    "movielens_small": "movielens_small/ratings.csv",
    "webcachesim_test": "webcachesim_test/test.tr",
}


@pytest.fixture(scope="module")
def golden(shared):
    counts = defaultdict(dict)
    with (shared / "golden/libcachesim.csv").open() as file:
        for row in csv.DictReader(file):
            if row["policy"] == "belady" and row["ignore_size"] == "1":
                counts[row["trace"]][int(row["cache_size_objects"])] = int(row["n_miss"])
    return counts


@pytest.mark.parametrize("name", FILES)
def test_belady_misses_are_libcachesims(shared, golden, name):
    more = {"sort": "time"} if name == "movielens_small" else {}
    trace = load(shared / "traces" / FILES[name], **more)
    assert golden[name]
    for capacity, misses in golden[name].items():
        best = belady(trace, capacity)
        assert len(trace) - best.value == misses
        assert best.gap == 0.0
        bypass = belady_bypass(trace, capacity)
        assert bypass.gap == 0.0
        assert bypass.value >= max(best.value, static_fetch_charged(trace, capacity).value)


@pytest.mark.parametrize(
    ("name", "capacity", "static", "bypass"),
    [
        ("cloudphysics", 489, 0.1542, 0.2074),
        ("cloudphysics", 4897, 0.3444, 0.3711),
        ("lirs_loop", 101, 0.0999, 0.0997),
        ("lirs_multi1", 260, 0.5209, 0.5274),
        ("lirs_multi3", 745, 0.5214, 0.5292),
        ("lirs_scan", 200, 0.1000, 0.0960),
    ],
)
def test_published_baselines(shared, name, capacity, static, bypass):
    """On loop and scan the prefilled static set beats MIN with bypass, which pays for cold misses."""
    trace = load(shared / "traces" / FILES[name])
    assert static_prefilled(trace, capacity).value / len(trace) == pytest.approx(static, abs=5.1e-5)
    assert belady_bypass(trace, capacity).value / len(trace) == pytest.approx(bypass, abs=5.1e-5)


def test_static_and_belady_cross(shared):
    trace = load(shared / "traces" / FILES["cloudphysics"])
    assert belady(trace, 24_487).value == 64_898
    assert static_prefilled(trace, 24_487).value == 85_947
    assert static_fetch_charged(trace, 24_487).value <= belady_bypass(trace, 24_487).value


def test_movielens_10k(shared):
    """OPT 2635 of the optimistic-caching study; Belady with bypass 0.3402."""
    items = np.load(shared / "traces/optimistic_caching/ml_trace_10k_mini.npy").ravel()[:10_000]
    trace = Trace.from_keys(items.astype(np.int64))
    assert static_prefilled(trace, 150).value == 2635
    assert belady_bypass(trace, 150).value / 10_000 == pytest.approx(0.3402, abs=5e-5)
