"""The classics against exact miss counts of an independent simulator, unit sizes and bytes, on real traces."""

import csv
import functools
import heapq

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
    "gdsf": "gdsf",
    "lfu": "lfu-in-cache",
    "s3fifo": "s3-fifo",
    "sieve": "sieve",
    "slru": "slru",
    "twoq": "2q",
}
#: The one row of 744 that differs, by 6 misses of 5,358: the simulator lets items leave for one exactly as
#: large as the small queue, and then refuses it. The paper never evicts for an item that does not enter.
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
@pytest.mark.parametrize("name", FILES)
def test_lirs_is_the_papers(shared, name):
    """Half of the rows are exact, the others within .11 % of the requests (.32 % in bytes).

    Where they differ, the simulator departs from the paper in two ways, seen from its contents after each
    request: a hit on a resident HIR item outside the stack evicts the front of a full queue (paper: the item
    moves to its end, and that is all), and with the stack at its limit it holds one item more than fit.
    """
    trace = _load(shared, name)
    for row in _rows(shared, name, {"lirs"}):
        difference = _misses(trace, row, "lirs") - int(row["n_miss"])
        assert abs(difference) <= (0.0011 if row["ignore_size"] == "1" else 0.0032) * len(trace), row


def _compounding(items, sizes, capacity):
    """Misses of LFU-DA if a hit added L, in place of 1, to an item's priority."""
    value, last, size, heap, age, used, misses = {}, {}, {}, [], 0, 0, 0
    for t, (i, s) in enumerate(zip(items.tolist(), sizes.tolist(), strict=True)):
        if i in size:
            value[i] += age
        else:
            misses += 1
            if s > capacity:
                continue
            while used + s > capacity:
                key, when, victim = heapq.heappop(heap)
                if victim in size and last[victim] == when:
                    age = key
                    used -= size.pop(victim)
            value[i], size[i] = age + 1, s
            used += s
        last[i] = t
        heapq.heappush(heap, (value[i], t, i))
    return misses


@pytest.mark.jit_only
def test_lfu_da_is_the_papers(shared):
    """The simulator's priorities compound: K grows by L at every hit; the paper's is K = F + L.

    With that single change its counts come out: 7 of 8 exactly, the other by 2 (numbers beyond 64 bits).
    """
    trace = _load(shared, "cloudphysics")
    rows = _rows(shared, "cloudphysics", {"lfuda"})
    assert len(rows) == 8
    for row in rows:
        capacity, told = int(row["cache_size_bytes"]), int(row["n_miss"])
        assert abs(_compounding(trace.items, trace.sizes, capacity) - told) <= 2
        assert -0.044 < (_misses(trace, row, "lfu-da") - told) / len(trace) < 0.007


@pytest.mark.jit_only
@pytest.mark.parametrize(("policy", "noise", "beyond"), [("lecar", 0.03, 3), ("hyperbolic", 0.005, 0)])
def test_randomised_policies_are_within_the_noise(shared, policy, noise, beyond):
    """Misses within 3 % of the requests (LeCaR, 90 of 93 rows) and .5 %: the noise of the simulator's own.

    Hyperbolic in items only: in bytes the simulator does not divide by the size, as the paper does for
    objects of different sizes. (Without the division the naive twin has 8981 of 8981, 6528 of 6531, 5303 of
    5310 misses on webcachesim_test.)
    """
    off = 0
    for name in FILES:
        trace = _load(shared, name)
        for row in _rows(shared, name, {policy}):
            if policy == "lecar" or row["ignore_size"] == "1":
                off += abs(_misses(trace, row, policy) - int(row["n_miss"])) > noise * len(trace)
    assert off <= beyond


@pytest.mark.jit_only
@pytest.mark.parametrize("name", FILES)
def test_w_tinylfu_is_the_papers(shared, name):
    """At most 6 % of the requests more misses than the simulator, often far fewer.

    The main cache of the paper is protected and probation (80 % and 20 %), its counts are exact here. The
    simulator's has four equal segments, counts by hashes, and no window, hence no hit at all, below 100 items.
    """
    trace = _load(shared, name)
    for row in _rows(shared, name, {"wtinylfu"}):
        assert _misses(trace, row, "w-tinylfu") - int(row["n_miss"]) <= 0.06 * len(trace), row
