"""The replay of tables of arms: comparators, regret, feedback, seeds, labels, sentences."""

import numpy as np
import pytest

from olearn.engine.offloading import replay_offloading
from olearn.engine.offloading.arms import default_policies, replay_arms
from olearn.errors import OlearnError
from olearn.plot.arms import draw
from olearn.policies.offloading.linucb_routing import LinUCBRouting
from olearn.policies.offloading.mdinference import MDInference
from olearn.policies.offloading.server_tsallis_inf import ServerTsallisINF
from olearn.policies.offloading.splitee import SplitEE
from olearn.policies.offloading.uee_ucb import UEEUCB
from olearn.traces.offloading.arm_recipes import ARM_RECIPES, build_arms
from olearn.traces.offloading.exits import ExitTable, synthetic_exits
from olearn.traces.offloading.routing import catalogue_routing, synthetic_routing
from olearn.traces.offloading.servers import poisson_arrivals


def test_costs_and_regret_are_the_losses_of_the_choice():
    table = synthetic_exits(400, exits=4, seed=1)
    result = replay_arms(table, ["splitee"], checkpoints=7)
    policy = SplitEE.for_table(table)
    losses, choice = policy.losses(table), policy.play(table, np.arange(400)).choice
    row = result.rows[0]
    got = losses[np.arange(400), choice]
    assert row["cost"] == pytest.approx(got.mean())
    assert row["regret"] == pytest.approx(got.sum() - losses.sum(axis=0).min())
    assert row["cost_best_arm"] == pytest.approx(losses.mean(axis=0).min())
    assert row["cost_clairvoyant"] == pytest.approx(losses.min(axis=1).mean())
    assert (row["cost_first"], row["cost_last"]) == pytest.approx(losses.mean(axis=0)[[0, -1]])
    assert row["accuracy"] == pytest.approx(
        table["correct"][np.arange(400), policy.answered_at(table, choice)].mean()
    )
    curve = result.curves["splitee"]
    assert curve["samples"][-1] == 400
    assert curve["regret"][0, -1] == pytest.approx(row["regret"])
    for k, n in enumerate(curve["samples"]):
        assert curve["regret"][0, k] == pytest.approx(got[:n].sum() - losses[:n].sum(axis=0).min())
    names = [r["policy"] for r in result.comparators]
    assert names == ["always exit0", "always exit1", "always exit2", "always exit3", "best arm", "clairvoyant"]


def test_dispatch_by_kind():
    table = synthetic_exits(100, exits=3, seed=2)
    a, b = (f(table, ["splitee"]).rows[0] for f in (replay_offloading, replay_arms))
    assert {k: v for k, v in a.items() if k != "samples_per_second"} == {
        k: v for k, v in b.items() if k != "samples_per_second"
    }


def test_per_context():
    table = synthetic_routing(500, contexts=3, seed=3)
    row = replay_arms(table, ["linucb-routing"], cost=0.3).rows[0]
    losses = table.losses(0.3)
    want = sum(losses[table["context"] == c].sum(axis=0).min() for c in range(3)) / 500
    assert row["cost_best_per_context"] == pytest.approx(want)


def test_seeds_and_objects():
    table = synthetic_routing(300, seed=4)
    result = replay_arms(table, ["lints-routing", "linucb-routing"], seeds=[3, 5])
    assert [(r["policy"], r["seed"]) for r in result.rows] == [
        ("lints-routing", 3),
        ("lints-routing", 5),
        ("linucb-routing", 3),
    ]
    again = replay_arms(table, ["lints-routing"], seeds=[5]).rows[0]
    assert again["cost"] == result.rows[1]["cost"]
    assert len(result.summary()) == 2
    exits = synthetic_exits(200, exits=3, seed=4)
    policy = SplitEE.for_table(exits, threshold=0.6)
    policy.decide()
    by_object = replay_arms(exits, [policy]).rows[0]
    assert by_object["cost"] == replay_arms(exits, ["splitee(threshold=0.6)"]).rows[0]["cost"]
    assert policy.state.clock[0] == 1.0  # the caller's object is left alone


def test_the_cost_option():
    table = synthetic_exits(200, exits=3, seed=5)
    low, high = (replay_arms(table, ["splitee"], cost=c).rows[0]["cost"] for c in (0.0, 1.0))
    assert low < high
    own = replay_arms(table.with_costs(offload_cost=1.0), ["splitee"]).rows[0]["cost"]
    assert own == high
    with pytest.raises(OlearnError, match="cost has no meaning on a table of servers"):
        replay_arms(poisson_arrivals(20, 1.0), ["server-exp3-ix"], cost=0.1)


def test_noise_misleads_but_is_not_counted():
    table = synthetic_routing(4000, seed=6)
    clean = replay_arms(table, ["linucb-routing(width=0.1)"], cost=0.2).rows[0]
    noisy = replay_arms(table, ["linucb-routing(width=0.1)"], cost=0.2, feedback="chosen+noisy(0.4)").rows[0]
    assert noisy["cost"] > clean["cost"]
    assert noisy["cost_best_arm"] == clean["cost_best_arm"]


def test_a_bound_that_says_nothing_is_called_that():
    table = synthetic_exits(500, exits=4, seed=7)
    result = replay_arms(table, ["splitee(exploration=3)", "splitee"])
    assert [row["verdict"] for row in result.rows] == ["vacuous", "none declared"]
    assert len(result.notes) == 1
    assert "bound vacuous: it says nothing before" in result.notes[0]
    for options, why in (
        ({"feedback": "chosen+delayed(3)"}, "late or noisy"),
        ({"objective": "error"}, "which the policy does not learn from"),
    ):
        other = replay_arms(table, ["splitee(exploration=3)"], **options)
        assert other.rows[0]["bound"] is None
        assert other.rows[0]["verdict"] == "not applicable"
        assert why in other.notes[0]


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda t: replay_arms(t, []), "give at least one policy"),
        (lambda t: replay_arms(t, ["splitee", "splitee"]), "'splitee' is given twice"),
        (lambda t: replay_arms(t, ["splite"]), "unknown policy 'splite' (did you mean 'splitee'?)"),
        (
            lambda t: replay_arms(t, ["splitee(treshold=0.5)"]),
            "has no parameter 'treshold' (did you mean 'threshold'?)",
        ),
        (
            lambda t: replay_arms(t, ["ans"]),
            "ans plays on tables of kind splits, but this table is of kind exits",
        ),
        (lambda t: replay_arms(t, ["hil-f"]), "hil-f plays on tables of kind binary"),
        (lambda t: replay_arms(t, [3]), "plays on tables of kind no kind"),
        (lambda t: replay_arms(t, ["splitee-s"], feedback="chosen"), "splitee-s needs 'earlier' feedback"),
        (lambda t: replay_arms(t, ["splitee-s(final=seen)"], feedback="earlier"), "needs 'full' feedback"),
        (lambda t: replay_arms(t, ["splitee"], feedback="terminal"), "splitee needs 'chosen' feedback"),
        (
            lambda t: replay_arms(t, ["splitee"], feedback="full+noisy(0.1)"),
            "noise flips right and wrong answers",
        ),
        (
            lambda t: replay_arms(t, ["splitee"], objective="delay"),
            "objective must be one of confidence, error",
        ),
        (lambda t: replay_arms(t, ["splitee"], objective="luck"), "unknown objective 'luck'"),
        (lambda t: replay_arms(t, ["splitee"], remote="truth"), "unknown option 'remote'"),
        (lambda t: replay_arms(t, ["splitee"], seeds=0), "seeds must be a whole number of at least 1"),
        (lambda t: replay_arms(t, ["splitee"], seeds="x"), "seeds must be a whole number"),
        (
            lambda t: replay_arms(t, ["splitee"], budget="money:0.2"),
            "on splitee is on rate or energy, got 'money'",
        ),
        (
            lambda t: replay_arms(t, ["uee-ucb"], budget="energy:0.05"),
            "allows 0.05 a sample (cost of the exits run), but 'exit0', which uses least, takes 0.1",
        ),
        (
            lambda t: replay_arms(t, ["ucbee(branch=7)"]),
            "branch must be an exit before the last, 0 .. 2, got 7",
        ),
        (lambda t: replay_arms(t[:5], ["splitee"], cost=-1), "cost must be a finite number in [0"),
        (lambda t: replay_arms(ExitTable([[0.5, 0.6]]), ["uee-ucb"]), "uee-ucb needs the column 'prediction'"),
        (
            lambda t: replay_arms(ExitTable([[0.5, 0.6]]), ["splitee"], objective="error"),
            "needs the column 'correct'",
        ),
        (lambda t: replay_arms(object(), ["splitee"]), "expected a table of exits, splits, routing or servers"),
        (lambda t: replay_arms(catalogue_routing(9)[:3], ["splitee"]), "this table is of kind routing"),
    ],
)
def test_sentences(call, words):
    with pytest.raises(OlearnError) as error:
        call(synthetic_exits(20, exits=4, seed=8))
    assert words in str(error.value)
    assert "\n" not in str(error.value)


def test_policies_refuse_tables_of_another_size():
    """Kernels do not check indices, so the sizes are checked before."""
    exits, routes = synthetic_exits(20, exits=4), synthetic_routing(20, features=2)
    for policy, table, words in (
        (SplitEE([0.1, 0.2]), exits, "splitee was made for 2 exits, but the table has 4"),
        (UEEUCB([0.1, 0.2]), exits, "made for 2 exits"),
        (LinUCBRouting(2, 9), routes, "made for 9 features, but the table has 3"),
        (LinUCBRouting(3, 3), routes, "made for 3 models"),
        (ServerTsallisINF(2), poisson_arrivals(20, 1.0), "made for 2 servers"),
        (MDInference([0.5] * 2, [1.0] * 2, [0.0] * 2), catalogue_routing(5), "made for 2 models"),
    ):
        with pytest.raises(OlearnError, match=words):
            replay_arms(table, [policy])


def test_a_slice_keeps_its_domains():
    table = synthetic_routing(100, contexts=4, features=0, seed=9)
    assert table[:3].router_features().shape == (3, 4)


def test_ways_to_count_costs_are_kept_apart():
    """Two policies that count alike share comparators; where ways differ, each is labelled."""
    table = synthetic_exits(300, exits=3, seed=10)
    alike = replay_arms(table, ["splitee", "splitee-s"])
    assert [r["policy"] for r in alike.comparators][-2:] == ["best arm", "clairvoyant"]
    apart = replay_arms(table, ["splitee", "ucbee"])
    names = [r["policy"] for r in apart.comparators]
    assert "best arm (splitee)" in names
    assert "best arm (ucbee)" in names
    assert set(apart.manifest["policies"][1]["arm_costs"]) == {f"threshold {t / 10:g}" for t in range(0, 11, 2)}
    assert all("accuracy" in r for r in apart.comparators if r["policy"].startswith("always"))


def test_default_policies_fit_the_table():
    assert default_policies(synthetic_exits(10)) == ["i-splitee", "splitee", "splitee-s", "ucbee", "uee-ucb"]
    assert "uee-ucb" not in default_policies(ExitTable([[0.5, 0.6]]))
    assert default_policies(synthetic_routing(10)) == ["lints-routing", "linucb-routing"]
    assert "mdinference" in default_policies(catalogue_routing(10))
    assert default_policies(poisson_arrivals(10, 1.0)) == ["server-exp3-ix", "server-tsallis-inf"]


@pytest.mark.parametrize("recipe", list(ARM_RECIPES))
def test_recipes_replay_and_draw(recipe, tmp_path):
    table = build_arms(recipe, samples=60, seed=1)
    if table.kind != "servers":
        assert len(table) == 60
    assert build_arms(recipe, samples=60, seed=1) == table
    options = {"budget": "rate:0.3"} if recipe == "routing" else {}
    result = replay_arms(table, default_policies(table), seeds=2, **options)
    draw(result, tmp_path / "arms.png")
    assert (tmp_path / "arms.png").stat().st_size > 10_000
    with pytest.raises(OlearnError, match="unknown recipe 'digit-exits'"):
        build_arms("digit-exits")


def test_one_sample():
    for table, policy in (
        (synthetic_exits(1, exits=3), "splitee"),
        (synthetic_routing(1), "linucb-routing"),
        (poisson_arrivals(1, 1.0), "server-tsallis-inf"),
    ):
        row = replay_arms(table, [policy]).rows[0]
        assert row["samples"] == 1
