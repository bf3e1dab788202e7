"""The classics against exact miss counts of an independent simulator, unit sizes and bytes, on real traces."""

import csv
import functools

import pytest

from olearn import registry, traces

FILES = {
    "cloudphysics": "libcachesim_cloudphysics/cloudPhysicsIO.oracleGeneral.bin",
    "cmu_cdn": "leadcache_cmu/CMU_dataset.csv",
    "movielens_small": "movielens_small/ratings.csv",
    "mooncake_conversation": "mooncake/conversation_trace.jsonl",
    "adaptsize_request": "caffeine_adaptsize/request.trace.xz",
    "webcachesim_test": "webcachesim_test/test.tr",
    **{f"lirs_{k}": f"caffeine_lirs/{k}.trace.gz" for k in ("gli", "loop", "multi1", "multi3", "ps", "scan")},
}
#: The simulator's name -> ours. Its lfu counts while an item is held only.
EXACT = {
    "arc": "arc",
    "clock": "clock",
    "lfu": "lfu-in-cache",
    "s3fifo": "s3-fifo",
    "sieve": "sieve",
    "slru": "slru",
    "twoq": "2q",
}
#: The one row of 651 that differs: 6 misses of 5,366. S3-FIFO in bytes depends on what of a
#: ghost's size is remembered.
EXCEPTION = ("webcachesim_test", "s3fifo", "0")


@functools.cache
def _load(folder, name):
    more = {"sort": "time"} if name == "movielens_small" else {}
    return traces.load(folder / "traces" / FILES[name], **more)


def _rows(shared, name, policies):
    with open(shared / "golden" / "libcachesim.csv") as file:
        return [r for r in csv.DictReader(file) if r["trace"] == name and r["policy"] in policies]


def _misses(trace, row, policy):
    kind = registry.find("caching", policy)
    if row["ignore_size"] == "1":
        cache = kind(min(int(row["cache_size_objects"]), trace.catalog_size), trace.catalog_size)
        return len(trace) - int(cache.request_many(trace.items).sum())
    cache = kind(int(row["cache_size_bytes"]), trace.catalog_size, unit="bytes")
    return len(trace) - int(cache.request_many(trace.items, trace.sizes).sum())


@pytest.mark.jit_only
@pytest.mark.parametrize("name", FILES)
def test_exact_miss_counts(shared, name):
    trace = _load(shared, name)
    rows = _rows(shared, name, EXACT)
    assert rows
    off = 0
    for row in rows:
        difference = _misses(trace, row, EXACT[row["policy"]]) - int(row["n_miss"])
        if (name, row["policy"], row["ignore_size"]) == EXCEPTION:
            off += difference != 0
            assert abs(difference) <= 6, row
        else:
            assert difference == 0, row
    assert off <= 1


@pytest.mark.jit_only
@pytest.mark.parametrize("name", ["cloudphysics", "lirs_multi3", "lirs_ps", "movielens_small", "lirs_loop"])
def test_lirs_is_the_papers(shared, name):
    """Half of the rows are exact; the others are off by what the paper leaves open (how much is remembered)."""
    trace = _load(shared, name)
    for row in _rows(shared, name, {"lirs"}):
        assert _misses(trace, row, "lirs") == pytest.approx(int(row["n_miss"]), rel=0.02), row
