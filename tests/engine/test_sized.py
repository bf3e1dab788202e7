"""The caching game in bytes: against a slow cache, golden counts, brute force, and what it refuses."""

import csv
import itertools
from collections import OrderedDict

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import olearn
from olearn.engine.caching.capacity import parse_bytes
from olearn.engine.caching.sized import smallest, static_prefixes
from olearn.errors import OlearnError
from olearn.traces import Trace


def slow_lru(items, sizes, capacity):
    """Hits, bytes hit and bytes fetched of LRU in bytes; a copy keeps the size that it came in with."""
    held, hits, earned, fetched = OrderedDict(), 0, 0, 0
    for item, size in zip(items, sizes, strict=True):
        if item in held:
            held.move_to_end(item)
            hits, earned = hits + 1, earned + size
        elif size <= capacity:
            while sum(held.values()) + size > capacity:
                held.popitem(last=False)
            held[item] = size
            fetched += size
    return hits, earned, fetched


@st.composite
def sized_traces(draw):
    n = draw(st.integers(1, 6))
    items = draw(st.lists(st.integers(0, n - 1), min_size=1, max_size=60))
    by_item = draw(st.lists(st.integers(1, 9), min_size=n, max_size=n))
    sizes = [by_item[i] for i in items]
    if draw(st.booleans()):  # sizes that change
        sizes = [s + draw(st.integers(0, 2)) for s in sizes]
    return items, sizes


@given(sized_traces(), st.integers(9, 30))
@settings(deadline=None, max_examples=40)
def test_rows_are_those_of_a_slow_cache(given_trace, capacity):
    items, sizes = given_trace
    trace = Trace.from_keys(items, sizes=sizes)
    result = olearn.replay(trace, ["lru", "gdsf"], capacity, unit="bytes", checkpoints=5)
    row = result.rows[0]
    hits, earned, fetched = slow_lru(items, sizes, capacity)
    assert (row["hits"], row["reward"], row["fetched_bytes"]) == (hits, earned, fetched)
    assert row["hit_ratio"] == hits / len(items)
    assert row["byte_hit_ratio"] == pytest.approx(earned / sum(sizes))
    assert result.curve("lru")[0][-1] == pytest.approx(earned / sum(sizes))
    assert result.curve("lru", what="hit_ratio")[0][-1] == hits / len(items)
    for row in result.rows:
        if not row["offline"]:
            assert row["reward"] <= row["sized_bound"] + 1e-9
            assert row["regret"] == row["static_optimum"] - row["reward"]
    least = smallest(trace)
    best = 0
    for chosen in itertools.product([0, 1], repeat=trace.catalog_size):
        if np.dot(chosen, least) <= capacity:
            best = max(best, sum(s for i, s in zip(trace.items, sizes, strict=True) if chosen[i]))
    assert result.rows[0]["static_optimum"] == best


@given(sized_traces(), st.integers(1, 30))
@settings(deadline=None, max_examples=40)
def test_static_prefixes_are_knapsacks_of_prefixes(given_trace, capacity):
    items, sizes = given_trace
    trace = Trace.from_keys(items, sizes=sizes)
    points = np.unique(np.array([1, max(1, len(items) // 2), len(items)]))
    weights = np.asarray(sizes, float)
    prefix, charged, exact = static_prefixes(trace.items, smallest(trace), weights, capacity, points)
    assert exact == points.size
    for k, t in enumerate(points):
        for got, fetch_charged in ((prefix[k], False), (charged[k], True)):
            best = olearn.optima.static_sized_fractional(
                trace.items[:t],
                capacity,
                smallest(trace),
                weights[:t],
                fetch_charged=fetch_charged,
                catalog_size=trace.catalog_size,
            )
            assert got == pytest.approx(best.value)


@pytest.mark.jit_only
@pytest.mark.parametrize("policy", ["lru", "fifo", "sieve", "arc", "lfu-in-cache"])
def test_golden_counts_in_bytes(shared, policy):
    """Misses of an independent simulator with sizes, through the whole of replay."""
    theirs = {"lfu-in-cache": "lfu"}.get(policy, policy)
    with (shared / "golden" / "libcachesim.csv").open() as file:
        rows = [
            r
            for r in csv.DictReader(file)
            if (r["trace"], r["policy"], r["ignore_size"]) == ("cloudphysics", theirs, "0")
        ]
    if not rows:
        pytest.skip(f"no sized counts of {theirs} here")
    trace = olearn.load_trace(
        shared / "traces" / "libcachesim_cloudphysics" / "cloudPhysicsIO.oracleGeneral.bin"
    )
    capacities = [int(r["cache_size_bytes"]) for r in rows]
    result = olearn.replay(trace, policy, capacities, unit="bytes", offline=False)
    found = {r["capacity"]: (r["requests"] - r["hits"], r["reward"]) for r in result.rows}
    for r in rows:
        misses, earned = found[int(r["cache_size_bytes"])]
        assert misses == int(r["n_miss"]), r
        assert earned == int(r["n_req_byte"]) - int(r["n_miss_byte"]), r


def test_results_survive_files_and_merge(tmp_path):
    trace = olearn.load_trace("twitter")[:5000]
    first = olearn.replay(trace, "lru", "2kb", store=tmp_path / "kept")
    again = olearn.replay(trace, "lru", "2kb", store=tmp_path / "kept")
    assert again.manifest["restored_runs"] >= 1
    first.save(tmp_path / "out")
    loaded = type(first).load(tmp_path / "out")
    assert loaded.rows[0]["byte_hit_ratio"] == first.rows[0]["byte_hit_ratio"]
    assert np.allclose(loaded.curve("lru"), first.curve("lru"))
    both = first.merge(olearn.replay(trace, "gdsf", "2kb"))
    assert {r["policy"] for r in both.rows} >= {"lru", "gdsf"}
    with pytest.raises(OlearnError, match=r"game|unit"):
        first.merge(olearn.replay(trace, "lru", 100))


def test_the_picture_counts_bytes(tmp_path):
    result = olearn.replay(olearn.load_trace("twitter")[:5000], ["lru", "gdsf"], "4kb")
    figure = result.plot(tmp_path / "p.png")
    assert figure.axes[0].get_ylabel() == "byte hit ratio so far"
    assert "bytes" in figure.axes[1].get_ylabel()
    assert "4,000 bytes" in figure.axes[0].get_title(loc="left")


@pytest.mark.parametrize(
    ("capacity", "more", "said"),
    [
        ("64xb", {"unit": "bytes"}, "not understood"),
        (0, {"unit": "bytes"}, "at least 1 byte"),
        (1.5, {"unit": "bytes"}, "whole number of bytes"),
        (5, {"unit": "bytes"}, "below the smallest item's 10"),
        (50, {"unit": "lines"}, "unit"),
        ("9999999999999999999gb", {}, "at most 2\\^62 bytes"),
    ],
)
def test_what_it_refuses(capacity, more, said):
    trace = Trace.from_keys([0, 1, 0, 2], sizes=[10, 20, 10, 30])
    with pytest.raises(OlearnError, match=said):
        olearn.replay(trace, "lru", capacity, **more)


def test_refusals_of_policies_and_traces():
    trace = Trace.from_keys([0, 1, 0, 2], sizes=[10, 20, 10, 30])
    with pytest.raises(OlearnError, match="ftpl can't count bytes: leave it out"):
        olearn.replay(trace, "ftpl", "50b")
    with pytest.raises(OlearnError, match="the trace has none"):
        olearn.replay([1, 2, 1], "lru", "50b")


@given(st.integers(1, 10**6), st.sampled_from(["b", "kb", "MB", "gib", "TiB"]))
def test_units(number, unit):
    base = 1024 if "i" in unit.lower() else 1000
    power = {"b": 0, "k": 1, "m": 2, "g": 3, "t": 4}[unit[0].lower()]
    assert parse_bytes(f"{number}{unit}", 1) == number * base**power


def test_the_regret_command_says_that_it_counts_bytes(tmp_path):
    from click.testing import CliRunner

    from olearn.cli import main

    run = CliRunner().invoke
    out = str(tmp_path / "run")
    done = run(
        main, ["replay", "twitter", "--limit", "5000", "-p", "lru", "-c", "4kb", "--out", out, "--no-plot"]
    )
    assert done.exit_code == 0
    assert "capacity in bytes" in done.stdout
    told = run(main, ["regret", out])
    assert told.exit_code == 0
    assert "regrets count bytes" in told.stdout
    refused = run(main, ["regret", out, "--trace", "twitter"])
    assert refused.exit_code == 2


def test_a_policy_of_more_than_63_bits():
    from olearn.policies.caching import LRU

    with pytest.raises(OlearnError, match="at most 2"):
        LRU(2**63, 5, unit="bytes").request(1, 1)
    assert not LRU(2**62, 5, unit="bytes").request(1, 2**40)
