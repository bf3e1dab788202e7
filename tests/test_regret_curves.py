"""Regret curves equal their definitions; comparators keep their order."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from naive import regret as naive
from olearn import regret
from olearn.errors import ParameterError
from olearn.optima import static_prefilled

traces = st.lists(st.integers(0, 5), min_size=1, max_size=40)


@st.composite
def runs(draw):
    items = draw(traces)
    rewards = draw(st.lists(st.integers(0, 4), min_size=len(items), max_size=len(items)))
    return items, [r / 4 for r in rewards]


@given(runs(), st.integers(1, 6), st.data())
def test_static_curves(run, capacity, data):
    items, rewards = run
    points = sorted(data.draw(st.sets(st.integers(1, len(items)), min_size=1)))
    c = regret.static_curves(items, rewards, capacity, points)
    best = set(static_prefilled(items, capacity).allocation.tolist())
    for k, n in enumerate(points):
        assert c.reward[k] == sum(rewards[:n])
        assert c.prefix_regret[k] == naive.top(items[:n], capacity) - sum(rewards[:n])
        assert c.final_regret[k] == sum(i in best for i in items[:n]) - sum(rewards[:n])
    assert (c.prefix_regret >= c.final_regret).all()
    if points[-1] == len(items):
        assert c.prefix_regret[-1] == c.final_regret[-1]


@given(runs(), st.integers(1, 5), st.lists(st.integers(1, 9), min_size=6, max_size=6))
def test_weighted_curves(run, capacity, w):
    items, _ = run
    points = sorted({1, len(items)})
    rewards = np.zeros(len(items))
    c = regret.static_curves(items, rewards, capacity, points, catalog_size=6, weights=w)
    for k, n in enumerate(points):
        worth = sorted((w[i] * items[:n].count(i) for i in range(6)), reverse=True)
        assert c.prefix_optimum[k] == sum(worth[:capacity])


@given(runs(), st.integers(1, 5))
def test_worst_window_of_every_length(run, capacity):
    items, rewards = run
    lengths = list(range(1, len(items) + 1))
    r = regret.interval_regret(items, rewards, capacity, lengths)
    for k, length in enumerate(lengths):
        worst, start = naive.worst_window(items, rewards, capacity, length)
        assert r.worst[k] == pytest.approx(worst)
        assert r.starts[k] == start
    default = regret.interval_regret(items, rewards, capacity)
    assert default.lengths[0] == 1
    assert default.lengths[-1] == len(items)


@given(runs(), st.integers(1, 4), st.integers(1, 10))
def test_dynamic_is_at_least_static(run, capacity, window):
    items, rewards = run
    d = regret.dynamic_regret(items, rewards, capacity, window)
    s = regret.static_curves(items, rewards, capacity, d.checkpoints)
    assert (d.regret >= s.prefix_regret).all()
    expected = np.cumsum([naive.top(items[s : s + window], capacity) for s in range(0, len(items), window)])
    assert d.comparator.tolist() == expected.tolist()
    assert d.path_length[0] == 0
    assert (np.diff(d.path_length) >= 0).all()
    assert d.path_length[-1] <= 2 * capacity * (len(d.checkpoints) - 1)
    if window >= len(items):
        assert d.path_length[-1] == 0


def test_a_comparator_that_need_not_move_does_not():
    d = regret.dynamic_regret([0, 1, 1, 0, 0, 1], np.zeros(6), capacity=1, window=2)
    assert d.path_length.tolist() == [0, 0, 0]


@given(runs(), st.integers(1, 5))
def test_decomposition_adds_up(run, capacity):
    items, rewards = run
    d = regret.decompose(items, rewards, capacity)
    assert d.compulsory + d.capacity + d.static + d.left_over == pytest.approx(d.misses)
    assert d.compulsory == len(set(items))
    assert d.capacity >= 0
    assert d.static >= 0
    assert d.static_misses >= d.belady_misses
    if d.misses >= d.belady_misses:
        assert d.left_over >= 0
        assert d.word in ("working-set failure", "policy failure")
    else:
        assert d.word in ("better than demand paging", "no misses")


def test_loop_is_a_policy_failure_and_scan_a_working_set_failure():
    loop = list(range(5)) * 40
    d = regret.decompose(loop, np.zeros(200), capacity=4)  # LRU has no hit here
    assert d.word == "policy failure"
    assert d.static > 0.5 * d.misses
    scan = regret.decompose(list(range(200)), np.zeros(200), capacity=4)
    assert scan.word == "working-set failure"
    assert scan.compulsory == scan.misses == 200


def test_who_had_the_avoidable_misses_decides_and_first_requests_count_for_nobody():
    # 900 of 1000 missed, 800 of them first requests; 40 avoidable
    alone = regret.from_counts(1000, 900.0, 800.0, 860.0, 899.0)
    assert alone.word == "working-set failure"
    beside = regret.from_counts(1000, 900.0, 800.0, 860.0, 899.0, {"lfu": 880.0})
    assert beside.word == "policy failure"
    assert "lfu had 20 of these" in beside.text
    assert regret.from_counts(1000, 860.0, 800.0, 860.0, 899.0).word == "working-set failure"  # nothing to gain


def test_lru_on_multi3_is_a_policy_failure(shared):
    """At 5 % LRU has .266, LFU .431: the capacity is not what is wrong."""
    import olearn

    trace = olearn.load_trace(shared / "traces" / "caffeine_lirs" / "multi3.trace.gz")
    result = olearn.replay(trace, ["lru", "lfu"], capacity="5%")
    row = {r["policy"]: r for r in result.rows}
    assert row["lru"]["hit_ratio"] == pytest.approx(0.266, abs=5e-4)
    assert row["lfu"]["hit_ratio"] == pytest.approx(0.431, abs=5e-4)
    total = len(trace)
    d = regret.from_counts(
        total,
        total - row["lru"]["reward"],
        trace.catalog_size,
        total - row["lru"]["belady_bypass"],
        total - row["lru"]["static_fetch_charged"],
        {"lfu": total - row["lfu"]["reward"]},
    )
    assert d.word == "policy failure"


def test_small_functions():
    assert regret.alpha_regret(10.0, 4.0, alpha=0.5) == 1.0
    assert regret.extended_regret(np.array([1.0, 2.0]), np.array([3, 4]), 0.5).tolist() == [2.5, 4.0]
    assert regret.path_length([[0.0, 0.0], [3.0, 4.0]], norm=2) == 5.0


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: regret.static_curves([0, 1], [1.0], 1, [1]), r"rewards must have shape \(2,\)"),
        (lambda: regret.static_curves([0, 1], [1.0, np.nan], 1, [1]), "finite"),
        (lambda: regret.interval_regret([0, 1], [1, 1], 1, [3]), r"within 1 \.\. 2"),
        (lambda: regret.alpha_regret(1.0, 1.0, alpha=0.0), "alpha"),
        (lambda: regret.path_length([1.0, 2.0]), "shape"),
    ],
)
def test_one_sentence_errors(call, message):
    with pytest.raises(ParameterError, match=message):
        call()


@given(runs(), st.integers(1, 4), st.data())
def test_worst_window_between_checkpoints(run, capacity, data):
    items, rewards = run
    points = sorted(data.draw(st.sets(st.integers(1, len(items)), min_size=1)))
    cumulated = np.cumsum(rewards)[np.array(points) - 1]
    w = regret.checkpoint_windows(items, cumulated, capacity, points)
    edges = [0, *points]
    truth = max(
        naive.top(items[a:b], capacity) - sum(rewards[a:b]) for k, a in enumerate(edges) for b in edges[k + 1 :]
    )
    assert w.regret == pytest.approx(truth)
    assert w.regret == pytest.approx(
        naive.top(items[w.start : w.stop], capacity) - sum(rewards[w.start : w.stop])
    )
