"""A run is judged by the bound of the parameters it ran with, against the comparator that bound names."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from olearn import optima, registry
from olearn.engine.offloading import replay_offloading
from olearn.errors import ParameterError
from olearn.policies.offloading._base import BinaryPolicy
from olearn.policies.offloading.exp4 import EXP4
from olearn.policies.offloading.hedge_hi_restart import HedgeHIRestart
from olearn.policies.offloading.hi_lcb_lite import HILCBLite
from olearn.policies.offloading.hil_f import HILF
from olearn.policies.offloading.hil_n import HILN
from olearn.policies.offloading.online_cascade import OnlineCascade
from olearn.traces.offloading import OffloadTable, read_table


def samples(T, seed=0, levels=8, contexts=1, scores=False):
    rng = np.random.default_rng(seed)
    p = rng.integers(1, levels + 1, T) / (levels + 1)
    more = {"context": rng.integers(0, contexts, T)} if contexts > 1 else {}
    if scores:
        one = rng.integers(0, 64, T) / 64
        more["scores"] = np.column_stack([1 - one, one])
        p = np.maximum(one, 1 - one)
    return OffloadTable(p, rng.random(T) < p, np.ones(T), **more)


@pytest.mark.parametrize("make", [EXP4, OnlineCascade])
def test_too_few_contexts_are_refused_not_a_crash(make):
    table = samples(500, contexts=3)
    with pytest.raises(ParameterError, match="was made for 1 context, but the table has 3; give contexts=3"):
        replay_offloading(table, [make(horizon=5000)], cost=0.3)
    assert replay_offloading(table, [make(horizon=5000, contexts=3)], cost=0.3).rows[0]["samples"] == 500


@pytest.mark.parametrize(
    "name", [n for n, c in registry.classes("offloading").items() if issubclass(c, BinaryPolicy)]
)
def test_every_policy_object_plays_or_says_what_it_was_made_for(name):
    # the kind: sizes that an object was built with against those of the table, for all registered policies
    table = samples(300, contexts=5, scores=True)
    made = registry.find("offloading", name)(horizon=300, cost=0.3)
    if made.contextual:
        with pytest.raises(ParameterError, match="contexts=5"):
            replay_offloading(table, [made], cost=0.3)
    else:
        assert replay_offloading(table, [made], cost=0.3).rows[0]["samples"] == 300


def test_scores_outside_the_unit_interval_are_refused():
    with pytest.raises(ParameterError, match="score"):
        registry.make("offloading", "h2t2", horizon=10).decide(0.5, 0.1, score=-3.0)


@pytest.mark.parametrize(
    "policy", [HILN(horizon=10), HILF(horizon=10**12), HILF(horizon=10), HILN(horizon=10**9)]
)
def test_the_bound_is_that_of_the_rates_in_use(policy):
    table = samples(20_000)
    result = replay_offloading(table, [policy], cost=0.3)
    row, curve = result.rows[0], result.curves[repr(policy)]["bound"]
    assert row["bound"] == curve[-1]  # the picture shows the table's number
    policy.levels = table.levels
    c, T, eta = policy.complexity(), 20_000, policy.rate()
    if isinstance(policy, HILN):
        eps = policy.exploration()
        assert row["bound"] == pytest.approx(eps * T + c / eta + eta * T / (2 * eps))
    else:
        assert row["bound"] == pytest.approx(c / eta + eta * T / 8)
    assert row["bound"] > policy.bound(T).value
    assert row["bound"] > row["regret"]
    assert row["comparator_regret"] <= row["bound"]
    if row["bound"] > 20_000 * 0.7:
        assert row["verdict"] == "vacuous"
        assert "with these parameters (tuned for" in result.notes[0]


def test_a_restart_away_from_its_horizon_is_not_judged():
    table = samples(2000)
    row = replay_offloading(table, [HedgeHIRestart(horizon=500)], cost=0.3)
    assert row.rows[0]["verdict"] == "not applicable"
    assert row.rows[0]["bound"] is None
    assert "2,000 samples, tuned for 500" in row.notes[0]
    assert replay_offloading(table, [HedgeHIRestart(horizon=2000)], cost=0.3).rows[0]["bound"] is not None


def test_an_object_takes_the_levels_of_the_table():
    rng = np.random.default_rng(3)
    T = 6000
    sure = rng.random(T) < 0.5
    table = OffloadTable(np.where(sure, 0.9999, 0.9991), np.where(sure, 1.0, 0.0), np.ones(T))
    row = replay_offloading(table, [HILF(horizon=T)], cost=0.5).rows[0]
    assert row["regret"] <= row["bound"]
    assert row["verdict"] != "exceeded"
    # levels that were asked for stay, and the bound is judged against what they can express
    coarse = replay_offloading(table, [HILF(horizon=T, levels=1024)], cost=0.5)
    row = coarse.rows[0]
    assert row["regret"] > 1000 > row["bound"] >= row["comparator_regret"]
    assert row["comparator"] == "best fixed threshold of its 1,024 levels"
    assert "of its 1,024 levels" in coarse.notes[0]


def test_remote_errors_that_count_are_outside_most_bounds():
    rng = np.random.default_rng(0)
    table = OffloadTable(rng.integers(1, 9, 1000) / 9, rng.random(1000) < 0.6, rng.random(1000) < 0.8)
    rows = replay_offloading(table, ["hil-n", "hil-f", "exp4"], cost=0.0, remote="counted").rows
    assert [r["verdict"] == "not applicable" for r in rows] == [True, False, True]


def test_bounds_of_a_grid_and_of_contexts_are_judged():
    table = samples(3000, contexts=3)
    local, offload = 1.0 - table["local_correct"], np.full(3000, 0.3)
    rows = replay_offloading(table, ["exp4", "exp4(grid=none)", "hil-f(grid=5)"], cost=0.3, seeds=2).rows
    assert all(r["verdict"] != "not applicable" for r in rows)
    each = optima.best_threshold_per_context(table["confidence"], local, offload, table["context"])
    assert rows[2]["comparator"] == "best threshold per context"
    assert rows[2]["comparator_regret"] == pytest.approx(rows[2]["cost"] * 3000 - each.value)
    points = (np.arange(5) + 0.5) / 5
    by_hand = min(np.where(table["confidence"] < x, offload, local).sum() for x in points)
    assert rows[4]["comparator_regret"] == pytest.approx(rows[4]["cost"] * 3000 - by_hand)


def test_the_bound_of_h2t2_is_judged_against_the_best_pair():
    table = samples(2000, scores=True)
    row = replay_offloading(table, ["h2t2(steps=8)"], cost=0.2, false_negative=1.0, false_positive=0.5).rows[0]
    score = table["scores"][:, 1]
    said = table["scores"].argmax(axis=1)
    label = np.where(table["local_correct"] == 1, said, 1 - said)
    best = np.inf
    for lo, hi in itertools.combinations_with_replacement(range(9), 2):
        step = np.minimum((score * 8).astype(int), 7)
        zero, one = step < lo, step >= hi
        loss = np.where(zero, 1.0 * (label == 1), np.where(one, 0.5 * (label == 0), 0.2))
        best = min(best, loss.sum())
    assert row["comparator"] == "best pair of thresholds of the grid"
    assert row["comparator_regret"] == pytest.approx(row["cost"] * 2000 - best)
    other = registry.make("offloading", "h2t2", horizon=2000, steps=8)
    got = replay_offloading(table, [other], cost=0.2, false_positive=0.5)
    assert "false_positive 0.5, tuned for 1" in got.notes[0]


def test_the_bound_of_hi_lcb_is_judged_in_expectation():
    rng = np.random.default_rng(1)
    T, wrong = 20_000, np.array([0.7, 0.1])
    at = rng.integers(0, 2, T)
    table = OffloadTable(np.array([0.2, 0.8])[at], rng.random(T) >= wrong[at], np.ones(T))
    gaps = [-0.4, 0.2]  # cost .3 less the chance of an error
    found = replay_offloading(table, [HILCBLite(horizon=T, bins=2, gaps=gaps)], cost=0.3)
    row = found.rows[0]
    assert row["bound"] is not None
    assert 0.0 <= row["comparator_regret"] <= row["bound"]
    # offloads in bin 1 lose .2 each, samples kept in bin 0 lose .4 each: nothing else counts
    assert row["comparator_regret"] == pytest.approx(0.2 * round(row["comparator_regret"] / 0.2), abs=1e-6)
    false = replay_offloading(table, [HILCBLite(horizon=T, bins=2, gaps=[-0.4, 0.4])], cost=0.3)
    assert false.rows[0]["verdict"] == "not applicable"
    assert "a gap of 0.196 in bin 1" in false.notes[0]
    assert "given as 0.4" in false.notes[0]


@settings(max_examples=60, deadline=None)
@given(st.data())
def test_grid_pair_and_bins_are_what_enumeration_finds(data):
    T = data.draw(st.integers(1, 7))
    loss = st.lists(st.sampled_from([0.0, 0.25, 0.5, 1.0]), min_size=T, max_size=T)
    a, b, c = (np.array(data.draw(loss)) for _ in range(3))
    m = data.draw(st.integers(1, 4))
    group = np.array(data.draw(st.lists(st.integers(0, m), min_size=T, max_size=T)))
    context = np.array(data.draw(st.lists(st.integers(0, 2), min_size=T, max_size=T)))
    totals = [np.where(group <= j, b, a).sum() for j in range(m)]
    best = optima.best_of_grid(group, m, a, b)
    assert best.value == pytest.approx(min(totals))
    assert best.gap == 0.0
    each = sum(
        min(np.where(group <= j, b, a)[context == k].sum() for j in range(m)) for k in range(context.max() + 1)
    )
    assert optima.best_of_grid(group, m, a, b, context).value == pytest.approx(each)
    score = np.array(data.draw(st.lists(st.sampled_from([0.0, 0.3, 0.5, 0.7, 1.0]), min_size=T, max_size=T)))
    step = np.minimum((score * m).astype(int), m - 1)
    pairs = {
        (lo, hi): np.where(step < lo, a, np.where(step >= hi, b, c)).sum()
        for lo in range(m + 1)
        for hi in range(lo, m + 1)
    }
    found = optima.best_pair(score, m, a, b, c)
    assert found.value == pytest.approx(min(pairs.values())) == pytest.approx(pairs[found.allocation])
    gaps = a[:2] - b[:2] if T > 1 else np.array([0.0, 0.25])
    bins = context % gaps.size
    rules = [
        gaps[bins][np.array(rule)[bins]].sum() for rule in itertools.product([False, True], repeat=gaps.size)
    ]
    assert optima.best_rule_on_bins(bins, gaps).value == pytest.approx(min(rules))


def test_the_bundled_table_names_every_comparator():
    # a bound whose comparator nobody computes is an error in the engine: every policy is asked
    table = read_table("digits")[:300]
    names = [n for n, c in registry.classes("offloading").items() if issubclass(c, BinaryPolicy)]
    names = [n for n in names if "scores of two classes" not in registry.find("offloading", n).columns]
    for row in replay_offloading(table, names, cost=0.3).rows:
        assert (row["bound"] is None) == ("comparator_regret" not in row)
