"""lru, fifo and belady against exact miss counts of an independent simulator, on real traces."""

import csv
import functools

import pytest

from olearn import traces
from olearn.policies.caching import FIFO, LRU, Belady

FILES = {
    "cloudphysics": "libcachesim_cloudphysics/cloudPhysicsIO.oracleGeneral.bin",
    "cmu_cdn": "leadcache_cmu/CMU_dataset.csv",
    "movielens_small": "movielens_small/ratings.csv",
    "mooncake_conversation": "mooncake/conversation_trace.jsonl",
    "adaptsize_request": "caffeine_adaptsize/request.trace.xz",
    "webcachesim_test": "webcachesim_test/test.tr",
    **{f"lirs_{k}": f"caffeine_lirs/{k}.trace.gz" for k in ("gli", "loop", "multi1", "multi3", "ps", "scan")},
}


@functools.cache
def _load(folder, name):
    more = {"sort": "time"} if name == "movielens_small" else {}
    return traces.load(folder / "traces" / FILES[name], **more)


@pytest.mark.jit_only
@pytest.mark.parametrize("name", FILES)
def test_exact_miss_counts(shared, name):
    trace = _load(shared, name)
    with open(shared / "golden" / "libcachesim.csv") as file:
        rows = [
            r
            for r in csv.DictReader(file)
            if r["trace"] == name and r["ignore_size"] == "1" and r["policy"] in ("lru", "fifo", "belady")
        ]
    assert rows
    for row in rows:
        capacity = min(int(row["cache_size_objects"]), trace.catalog_size)
        if row["policy"] == "belady":
            cache = Belady(capacity, trace.catalog_size, requests=trace.items)
        else:
            cache = {"lru": LRU, "fifo": FIFO}[row["policy"]](capacity, trace.catalog_size)
        hits = int(cache.request_many(trace.items).sum())
        assert len(trace) == int(row["n_req"])
        assert len(trace) - hits == int(row["n_miss"]), row
