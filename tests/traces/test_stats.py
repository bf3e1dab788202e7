"""Statistics of a trace against their definitions, and LRU's golden misses from reuse distances."""

import csv
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from naive import traces as naive
from olearn.errors import ParameterError
from olearn.traces import Trace, bundled, describe, load, synthetic
from olearn.traces.stats import QUANTILES, reuse_distances, zipf_exponent

from .test_real_traces import FILES

ITEMS = st.one_of(
    st.lists(st.integers(0, 5), min_size=1, max_size=60),
    st.integers(1, 60).flatmap(lambda n: st.lists(st.integers(0, n), min_size=100, max_size=300)),
)


@given(ITEMS)
def test_reuse_distances_equal_their_naive_twin(items):
    trace = Trace.from_keys(items)
    assert reuse_distances(trace).tolist() == naive.reuse_distance(items)


@given(ITEMS, st.integers(1, 70))
def test_working_set_equals_its_naive_twin(items, window):
    summary = describe(Trace.from_keys(items), window)
    assert summary.working_set.tolist() == naive.working_set(items, window)
    first = [items.index(i) for i in dict.fromkeys(items)]
    assert summary.new_items.tolist() == [
        sum(s <= t < s + window for t in first) for s in range(0, len(items), window)
    ]


@given(ITEMS)
def test_numbers_equal_their_definitions(items):
    sizes = [2 * i + 1 for i in items]
    times = [3 * t for t in range(len(items))]
    summary = describe(Trace.from_keys(items, sizes, times))
    distinct = set(items)
    assert (summary.requests, summary.items) == (len(items), len(distinct))
    assert summary.one_hit_wonders == sum(items.count(i) == 1 for i in distinct)
    assert summary.footprint_bytes == sum(2 * i + 1 for i in distinct)
    assert summary.total_bytes == sum(sizes)
    gaps = [n - t for t, n in enumerate(naive.next_use(items)) if n < len(items)]
    distances = [d for d in naive.reuse_distance(items) if d >= 0]
    for name, share in QUANTILES.items():
        if not gaps:
            assert summary.reuse_distance == summary.interarrival_requests == {}
            break
        # the smallest value with at least that share of the sample at or below it
        assert summary.interarrival_requests[name] == smallest(gaps, share)
        assert summary.interarrival_time[name] == 3 * smallest(gaps, share)
        assert summary.reuse_distance[name] == smallest(distances, share)


def smallest(values, share):
    return next(v for v in sorted(values) if sum(w <= v for w in values) >= share * len(values) - 1e-9)


def test_without_sizes_and_times():
    summary = describe(Trace.from_keys([1, 2, 1]))
    assert (summary.footprint_bytes, summary.total_bytes, summary.interarrival_time) == (None, None, {})
    assert summary.as_dict()["items"] == 2
    with pytest.raises(ParameterError, match="window must be"):
        describe(Trace.from_keys([1]), 0)


@pytest.mark.parametrize("alpha", [0.0, 0.4, 0.8, 1.0, 1.7])
def test_exponent_of_exact_zipf_counts(alpha):
    counts = 1e9 * np.arange(1, 2001) ** -alpha
    assert zipf_exponent(np.random.default_rng(0).permutation(counts)) == pytest.approx(alpha, abs=1e-6)


def test_exponent_is_the_maximiser_of_the_likelihood():
    counts = np.array([50, 3, 3, 20, 1, 1, 1, 9])
    ranked = np.sort(counts)[::-1]
    ranks = np.arange(1, 9)

    def likelihood(alpha):
        return -alpha * (ranked * np.log(ranks)).sum() - ranked.sum() * np.log((ranks**-alpha).sum())

    grid = np.linspace(0, 5, 50_001)
    best = grid[np.argmax([likelihood(a) for a in grid])]
    assert zipf_exponent(counts) == pytest.approx(best, abs=1e-4)


@pytest.mark.parametrize(("counts", "expected"), [([5], None), ([3, 3, 3], 0.0), ([10**15, 1], 49.8289)])
def test_extreme_exponents(counts, expected):
    found = zipf_exponent(np.array(counts))
    assert found == (expected if expected is None else pytest.approx(expected, abs=1e-3))


@pytest.mark.jit_only
def test_exponent_of_a_zipf_trace():
    trace = synthetic.zipf(400_000, 1_000, 0.9, seed=2)
    # standard error of the estimate: 1/sqrt(T Var(ln rank)) = 0.001; 6 of them
    assert zipf_exponent(trace.counts()) == pytest.approx(0.9, abs=0.006)


@pytest.mark.jit_only
def test_lru_misses_of_every_shared_trace_follow_from_reuse_distances(shared):
    """LRU with C places hits exactly the requests whose reuse distance is below C."""
    with open(shared / "golden/libcachesim.csv", newline="") as file:
        rows = [r for r in csv.DictReader(file) if r["policy"] == "lru" and r["ignore_size"] == "1"]
    assert {r["trace"] for r in rows} == set(FILES)
    distances = {name: reuse_distances(load(shared / "traces" / FILES[name])) for name in FILES}
    for row in rows:
        d = distances[row["trace"]]
        misses = np.count_nonzero((d < 0) | (d >= int(row["cache_size_objects"])))
        assert misses == int(row["n_miss"]), row


@pytest.mark.jit_only
def test_the_bundled_trace():
    summary = describe(bundled())
    assert (summary.requests, summary.items, summary.one_hit_wonders) == (250_000, 47_198, 23_040)
    assert (summary.footprint_bytes, summary.total_bytes) == (9_805_434, 51_881_527)
    assert summary.working_set.size == 100
    assert summary.new_items.sum() == 47_198


@given(
    st.lists(st.tuples(st.integers(0, 3), st.integers(0, 50)), min_size=1, max_size=30),
)
def test_gaps_in_time_are_those_of_the_order_of_time(rows):
    items, times = (np.array(column) for column in zip(*rows))
    found = describe(Trace.from_keys(items, times=times)).interarrival_time
    gaps = [b - a for i in set(items) for a, b in pairwise(sorted(times[items == i]))]
    assert all(gap >= 0 for gap in found.values())
    assert found.get("median") == (np.quantile(gaps, 0.5, method="inverted_cdf") if gaps else None)
