"""Replays: accounting, comparators, the reference table's rows, budgets, seeds."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.optimize import linprog

from olearn import registry
from olearn.engine.offloading import replay_offloading
from olearn.engine.offloading.budgets import BudgetSpec, parse_budget
from olearn.errors import NotSupportedError, OlearnError, ParameterError
from olearn.policies.offloading._base import BinaryPolicy
from olearn.policies.offloading.hil_f import HILF
from olearn.traces.offloading import OffloadTable, read_table
from olearn.traces.offloading.build import build


def every_policy():
    return [n for n, c in registry.classes("offloading").items() if issubclass(c, BinaryPolicy)]


@pytest.fixture(scope="module")
def digits():
    return read_table("digits")


def test_accounting_by_hand():
    table = OffloadTable([0.2, 0.9, 0.4, 0.9], [0, 1, 1, 0], [1, 1, 1, 0], context=[0, 0, 1, 1])
    result = replay_offloading(table, ["fixed-threshold(threshold=0.5)"], cost=0.3)
    row = result.rows[0]
    # offloaded: 1st and 3rd (.3 each); local: 2nd right, 4th wrong
    assert row["cost"] == pytest.approx((0.3 + 0 + 0.3 + 1) / 4)
    assert row["offload_rate"] == 0.5
    assert row["price_paid"] == pytest.approx(0.15)
    assert row["accuracy"] == pytest.approx(3 / 4)
    assert row["cost_never"] == 0.5
    assert row["cost_always"] == pytest.approx(0.3)
    # thresholds: never 2, below .4 1.3, below .9 1.6, all 1.2
    assert row["cost_best_threshold"] == pytest.approx(1.2 / 4)
    # context 0: threshold .9 costs .3; context 1: all .6
    assert row["cost_best_per_context"] == pytest.approx(0.9 / 4)
    assert row["cost_clairvoyant"] == pytest.approx(0.6 / 4)
    assert row["regret"] == pytest.approx(1.6 - 1.2)
    counted = replay_offloading(table, ["always"], cost=0.3, remote="counted").rows[0]
    assert counted["cost"] == pytest.approx((4 * 0.3 + 1) / 4)


def test_prefix_comparator_is_the_optimum_of_each_prefix(digits):
    from olearn import optima

    part = digits[:200]
    result = replay_offloading(part, ["hil-f"], cost=0.3, checkpoints=7)
    curve = result.curves["best threshold"]
    for n, cost in zip(curve["samples"], curve["cost"]):
        loss = 1.0 - part["local_correct"][:n]
        best = optima.best_threshold(part["confidence"][:n], loss, np.full(n, 0.3))
        assert cost * n == pytest.approx(best.value)
    assert result.curves["hil-f"]["regret"][0, -1] == pytest.approx(result.rows[0]["regret"])


def test_every_policy_runs_and_beats_no_law(digits):
    part = digits[:300]
    names = [n for n in every_policy() if n != "h2t2"]
    result = replay_offloading(part, names, cost=0.3, checkpoints=5)
    for row in result.rows:
        assert row["cost_clairvoyant"] - 1e-12 <= row["cost"] <= 1.0
        assert 0.0 <= row["offload_rate"] <= 1.0
        assert row["samples_per_second"] > 0
    assert {"never", "always", "best threshold", "clairvoyant"} <= {r["policy"] for r in result.comparators}
    by_name = {r["policy"]: r for r in result.rows}
    assert by_name["never"]["cost"] == result.row("best threshold")["cost"] or by_name["never"]["regret"] > 0


def test_one_seed_is_one_run(digits):
    part = digits[:200]
    first = replay_offloading(part, ["hil-n"], cost=0.3, seeds=[5, 6])
    again = replay_offloading(part, ["hil-f", "hil-n"], cost=0.3, seeds=[6])
    apart = ("samples_per_second", "verdict")  # a verdict is on all seeds together
    keep = lambda row: {k: v for k, v in row.items() if k not in apart}  # noqa: E731
    assert keep(first.rows[1]) == keep(again.rows[1])
    assert first.rows[0]["cost"] != first.rows[1]["cost"]
    policy = HILF(200, part.levels, seed=6)
    alone = replay_offloading(part, [policy], cost=0.3)
    assert alone.rows[0]["cost"] == again.rows[0]["cost"]


def test_one_at_a_time_is_the_loop(digits):
    part = digits[:150]
    for name in every_policy():
        if name in ("h2t2", "token-bucket"):
            continue
        policy = registry.make("offloading", name, horizon=150, levels=part.levels, cost=0.3, seed=1)
        done = replay_offloading(part, [policy], cost=0.3, checkpoints=1).rows[0]
        one = policy.copy()
        one.reset()
        offloaded = 0
        for p, right in zip(part["confidence"], part["local_correct"]):
            sent = one.decide(p, 0.3)
            offloaded += sent
            seen = sent if one.needs == "offloaded" else True
            one.feedback(local_wrong=not right if seen else None)
        assert offloaded / 150 == pytest.approx(done["offload_rate"]), name


# mean costs of an independent prototype on the same folds: HIL-F, HIL-N (10 seeds), HI-LCB-lite with 16 bins.
# The noise: a standard error of a mean cost is about .45 / sqrt(n), i.e. .011 (digits), .019 (breast cancer)
ROWS = {
    "digits": (0.3, 0.1677, 0.1980, 0.1824, 0.011),
    "digits-logistic": (0.1, 0.0492, 0.0639, 0.0728, 0.007),
    "digits-bayes": (0.1, 0.1280, 0.1372, 0.1000, 0.009),
    "breast-cancer": (0.3, 0.2398, 0.2778, 0.3000, 0.019),
}


@pytest.mark.jit_only
@pytest.mark.parametrize("recipe", ROWS)
def test_rows_of_the_reference_table(recipe):
    pytest.importorskip("sklearn")
    beta, hil_f, hil_n, lcb, within = ROWS[recipe]
    table = build(recipe)
    grid = "(grid=1024)" if recipe == "digits-bayes" else ""
    names = [f"hil-f{grid}", f"hil-n{grid}", "hi-lcb-lite"]
    result = replay_offloading(table, names, cost=beta, seeds=10)
    rows = {r["policy"]: r for r in result.summary()}
    assert rows[names[0]]["expected_cost"] == pytest.approx(hil_f, abs=within)
    assert rows[names[1]]["expected_cost"] == pytest.approx(hil_n, abs=within)
    assert rows["hi-lcb-lite"]["cost"] == pytest.approx(lcb, abs=within)


@pytest.mark.jit_only
def test_a_logarithmic_axis_rescues_the_over_confident_model():
    pytest.importorskip("sklearn")
    table = build("digits-bayes")
    assert np.mean(table["confidence"] > 0.999) > 0.85
    names = ["hil-f(grid=1024)", "hil-f(axis=log1m,grid=1024)", "hil-f(axis=log1m,grid=16)", "hil-f(axis=rank)"]
    result = replay_offloading(table, names, cost=0.1)
    cost = [result.row(n)["expected_cost"] for n in names]
    best = result.row("best threshold")["cost"]
    # the reference: .1280, .0726 and .0741 against an optimum of .0676
    assert cost[0] == pytest.approx(0.1280, abs=0.002)
    assert cost[1] == pytest.approx(0.0726, abs=0.002)
    assert cost[2] == pytest.approx(0.0741, abs=0.002)
    assert cost[3] < 0.08
    assert cost[1] - best < 0.1 * (cost[0] - best)


# -- budgets ------------------------------------------------------------------------------------------


def test_best_within_budget_is_the_linear_programme(digits):
    part = digits[:300]
    loss, cost, total = 1.0 - part["local_correct"], np.full(300, 0.1), 0.15 * 300
    thetas = [-np.inf, *part.levels[1:], np.inf]
    losses = [np.where(part["confidence"] < th, cost, loss).sum() for th in thetas]
    used = [(part["confidence"] < th).sum() for th in thetas]
    lp = linprog(losses, A_ub=[used], b_ub=[total], A_eq=[np.ones(len(thetas))], b_eq=[1.0])
    row = replay_offloading(part, ["never"], cost=0.1, budget="rate:0.15").rows[0]
    assert row["cost_best_within_budget"] * 300 == pytest.approx(lp.fun, abs=1e-7)


@pytest.mark.parametrize("name", ["always", "hil-f", "hi-lcb-lite", "calibrated-threshold"])
def test_no_policy_breaks_a_budget(digits, name):
    part = digits[:600]
    T = 600
    queue = replay_offloading(part, [name], cost=0.05, budget="rate:0.2")
    assert queue.rows[0]["used"] <= 0.2 * T + np.sqrt(T) + 1
    assert queue.rows[0]["violation"] <= np.sqrt(T) + 1
    bucket = replay_offloading(part, [name], cost=0.05, budget="bucket:0.1:5")
    assert bucket.rows[0]["violation"] == 0.0
    assert (np.diff(bucket.curves[name]["used"][0]) <= 0.1 * np.diff(bucket.curves[name]["samples"]) + 5).all()
    knapsack = replay_offloading(part, [name], cost=0.05, budget="knapsack:40")
    assert knapsack.rows[0]["used"] <= 40


def test_a_queue_buys_nearly_the_best_mixture(digits):
    many = digits.resample(20_000)
    result = replay_offloading(many, ["hi-lcb-lite"], cost=0.1, budget="rate:0.2")
    row = result.rows[0]
    assert row["offload_rate"] == pytest.approx(0.2, abs=0.01)
    assert row["cost"] < row["cost_best_within_budget"] + 0.01
    assert row["bound"] is None


def test_budget_on_another_column(digits):
    table = OffloadTable(
        digits["confidence"][:200],
        digits["local_correct"][:200],
        energy=np.linspace(1, 3, 200),
        cost=np.full(200, 0.1),
    )
    result = replay_offloading(table, ["always"], budget="energy:0.5")
    assert result.rows[0]["used"] <= 0.5 * 200 + 3 * (np.sqrt(200) + 1)
    money = replay_offloading(table, ["always"], budget="money:0.02")
    assert money.rows[0]["used"] <= 0.02 * 200 + 0.1 * (np.sqrt(200) + 1)
    with pytest.raises(NotSupportedError, match="a budget on tokens needs the column 'tokens'"):
        replay_offloading(table, ["always"], budget="tokens:5")


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("rat:0.2", "unknown budget 'rat' .did you mean 'rate'"),
        ("rate:x", "'x' is not a number"),
        ("rate:-1", "the limit of budget 'rate:-1' must be"),
        ("rate:1:2", "has 2 numbers"),
        ("queue(v=3)", "needs limit"),
        ("queue(limit=1,w=3)", "unknown parameter of the budget queue 'w'"),
        ("bucket(rate=1,use=gold)", "unknown resource 'gold'"),
    ],
)
def test_bad_budgets(text, sentence):
    with pytest.raises(OlearnError, match=sentence):
        parse_budget(text)


def test_budget_texts():
    assert parse_budget("queue(limit=0.2, v=50)") == BudgetSpec("queue", 0.2, v=50.0)
    assert parse_budget("bucket:0.1:5") == BudgetSpec("bucket", 0.1, depth=5.0)
    assert parse_budget(None) is None


# -- refusals -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        ({}, "give cost, the price of offloading"),
        ({"cost": -0.1}, "cost must be a finite number"),
        ({"cost": 0.3, "feedback": "offloaded"}, "hil-f needs 'full' feedback"),
        ({"cost": 0.3, "feedback": "earlier"}, "hil-f needs 'full' feedback"),
        ({"cost": 0.3, "remote": "maybe"}, "unknown way to count remote answers"),
        ({"cost": 0.3, "seeds": 0}, "seeds must be a whole number of at least 1"),
        ({"cost": 0.3, "seeds": "1"}, "seeds must be a whole number"),
        ({"cost": 0.3, "false_negative": 0.5}, "need a table with scores of two classes"),
    ],
)
def test_refusals(digits, options, sentence):
    with pytest.raises(OlearnError, match=sentence):
        replay_offloading(digits, ["hil-f"], **options)


def test_more_refusals(digits):
    with pytest.raises(NotSupportedError, match="h2t2 needs a table with scores of two classes"):
        replay_offloading(digits, ["h2t2"], cost=0.3)
    with pytest.raises(NotSupportedError, match="counting the remote errors needs the column 'remote_correct'"):
        replay_offloading(OffloadTable([0.5], [1]), ["never"], cost=0.3, remote="counted")
    with pytest.raises(ParameterError, match="give at least one policy"):
        replay_offloading(digits, [], cost=0.3)
    with pytest.raises(ParameterError, match="given twice"):
        replay_offloading(digits, ["never", "never"], cost=0.3)
    with pytest.raises(OlearnError, match=r"has no parameter 'ax'.*did you mean 'axis'"):
        replay_offloading(digits, ["hil-f(ax=rank)"], cost=0.3)
    with pytest.raises(OlearnError, match="unknown axis 'ranks'"):
        replay_offloading(digits, ["hil-f(axis=ranks)"], cost=0.3)


@pytest.mark.parametrize(
    ("spec", "sentence"),
    [
        ("hil-f(eta=0)", "eta must be"),
        ("hil-n(eps=2)", "eps must be"),
        ("hil-n(estimator=x)", "unknown estimator"),
        ("hi-lcb(alpha=0.5)", "alpha must be"),
        ("hi-lcb(bins=0)", "bins must be"),
        ("exp4(gamma=0)", "gamma must be"),
        ("calibrated-threshold(method=x)", "unknown method"),
        ("token-bucket(rate=0)", "rate must be"),
        ("token-bucket(depth=0.5)", "depth must be"),
        ("online-cascade(rate=0)", "rate must be"),
        ("hedge-hi(distinct=0)", "distinct must be"),
        ("hedge-hi-restart(learning=0)", "learning must be"),
        ("fixed-threshold(threshold=x)", "threshold must be"),
    ],
)
def test_bad_parameters(digits, spec, sentence):
    with pytest.raises(OlearnError, match=sentence):
        replay_offloading(digits[:20], [spec], cost=0.3)


def test_notes_say_what_a_bound_is_worth(digits):
    vacuous = replay_offloading(digits, ["hedge-hi"], cost=0.3)
    assert any("it says nothing before 2,9" in note for note in vacuous.notes)
    late = replay_offloading(digits, ["hil-f"], cost=0.3, feedback="full+delayed(10)")
    assert late.rows[0]["bound"] is None
    assert late.rows[0]["verdict"] == "not applicable"
    assert "not applicable because of feedback that is late" in late.notes[0]
    coarse = replay_offloading(digits, ["hil-f(grid=8)"], cost=0.3)
    assert "against the best threshold of the grid" in coarse.notes[0]
    fine = replay_offloading(digits, ["hil-f"], cost=0.3, seeds=3)
    assert {r["verdict"] for r in fine.rows} == {"holds"}
    assert replay_offloading(digits[:50], ["never"], cost=0.3).rows[0]["verdict"] == "none declared"


def test_noisy_answers_hurt_learning_not_counting(digits):
    many = digits.resample(20_000)
    clean = replay_offloading(many, ["hi-lcb-lite", "never"], cost=0.3)
    noisy = replay_offloading(many, ["hi-lcb-lite", "never"], cost=0.3, feedback="offloaded+noisy(0.3)")
    assert noisy.row("never")["cost"] == clean.row("never")["cost"]
    assert noisy.row("hi-lcb-lite")["cost"] > clean.row("hi-lcb-lite")["cost"] + 0.02


def test_two_classes_and_dear_misses():
    pytest.importorskip("sklearn")
    table = build("breast-cancer")
    result = replay_offloading(table, ["h2t2", "never"], cost=0.2, false_positive=0.5)
    label, wrong = table["label"], 1.0 - table["local_correct"]
    assert result.row("never")["cost"] == pytest.approx((wrong * np.where(label == 1, 1.0, 0.5)).mean())
    assert result.manifest["policies"][0]["false_positive"] == 0.5


@pytest.mark.parametrize("confidence", [[0.5], [0.0, 0.0], [1.0, 1.0, 1.0], [0.0, 1.0, 0.5, 1.0 - 1e-16]])
@pytest.mark.parametrize("budget", [None, "rate:0", "bucket:0.1:3", "knapsack:0"])
def test_degenerate_tables(confidence, budget):
    p = np.array(confidence)
    ones = np.ones(p.size, int)
    table = OffloadTable(p, ones, ones, scores=np.column_stack([1 - p, p]))
    for cost in (0.0, 1.0, 5.0):
        result = replay_offloading(table, [*every_policy(), "hil-n(grid=1)"], cost=cost, budget=budget)
        for row in result.rows:
            assert np.isfinite(row["cost"]), row["policy"]
            assert budget != "knapsack:0" or row["used"] == 0


def test_a_table_may_be_named(tmp_path):
    import olearn

    table = olearn.load_table("digits")
    named = olearn.replay_offloading("digits", ["never"], cost=0.3)
    assert named.rows[0]["cost"] == olearn.replay_offloading(table, ["never"], cost=0.3).rows[0]["cost"]
    file = table.save(tmp_path / "t.npz")
    assert olearn.replay_offloading(file, ["never"], cost=0.3).rows[0]["samples"] == len(table)
