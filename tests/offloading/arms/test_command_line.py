"""Tables of arms on the command line: built, replayed, drawn, refused in one sentence."""

import json

import pytest
from click.testing import CliRunner

from olearn.cli import main
from olearn.cli._common import Main
from olearn.cli.trace_build import build
from olearn.traces.offloading.arm_recipes import build_arms
from olearn.traces.offloading.splits import SplitTable

STATS = """tiny
layers,0,1,2
flops,0,400,50
params,0,10,5
output,1.0,0.5,0.01
times,{times}

block details:
0,InputLayer
1,Conv2D
2,Dense
"""


def olearn(*words):
    result = CliRunner().invoke(main, [str(w) for w in words], catch_exceptions=False)
    return result.exit_code, result.output


def trace_build(*words):
    group = Main("olearn")
    group.add_command(build)
    result = CliRunner().invoke(group, ["build", *map(str, words)], catch_exceptions=False)
    return result.exit_code, result.output


@pytest.fixture
def table(tmp_path):
    def make(recipe, ending="npz"):
        if recipe == "splits":
            made = SplitTable([0.0, 9.0, 20.0], [[30.0, 8.0, 0.0]] * 90, [[1.0, 1.0], [0.2, 1.0], [0.0, 0.0]])
        else:
            made = build_arms(recipe, samples=90, seed=1)
        return made.save(tmp_path / f"{recipe}.{ending}")

    return make


@pytest.mark.parametrize(
    ("recipe", "budget", "unit"),
    [
        ("synthetic-exits", "rate:0.3", "samples that go on to the end"),
        ("splits", "device:10", "ms of work on the device"),
        ("routing", "bucket:0.2:3", "prompts not sent to the cheapest model"),
        ("servers", "money:0.4", "money"),
    ],
)
def test_budgets_say_what_is_used(recipe, budget, unit, table, tmp_path):
    code, text = olearn("offload", table(recipe), "--budget", budget, "--out", tmp_path / "out")
    assert code == 0
    assert f"used: {unit}; {budget} allows " in text
    assert "regret: total cost above the best lottery within the budget in hindsight" in text
    rows = (tmp_path / "out" / "rows.csv").read_text().splitlines()[0].split(",")
    assert {"used", "violation", "blocked", "cost_best_within_budget"} <= set(rows)
    assert (tmp_path / "out" / "olearn-offload.png").stat().st_size > 10_000


@pytest.mark.parametrize("recipe", ["synthetic-exits", "splits", "routing", "mdinference", "servers"])
def test_every_kind_is_replayed_by_what_fits(recipe, table, tmp_path):
    code, text = olearn("offload", table(recipe), "--out", tmp_path / "out")
    assert code == 0
    assert "best arm" in text
    assert "clairvoyant" in text
    assert "regret: total cost above the best fixed choice in hindsight" in text
    assert {p.name for p in (tmp_path / "out").iterdir()} == {
        "rows.csv",
        "curves.csv",
        "result.json",
        "olearn-offload.png",
        "runs",
    }


def test_rows_as_json(table):
    code, text = olearn("offload", table("synthetic-exits"), "-p", "splitee", "-p", "ucbee", "--json")
    assert code == 0
    rows = json.loads(text)["rows"]
    assert [row["policy"] for row in rows] == ["splitee", "ucbee"]
    assert list(rows[0])[:8] == [
        "policy",
        "samples",
        "cost",
        "cost_first",
        "cost_last",
        "cost_best_arm",
        "best_arm",
        "cost_clairvoyant",
    ]


def test_options_reach_the_replay(table):
    file = table("routing", "parquet")
    code, text = olearn("offload", file, "-p", "linucb-routing", "--budget", "rate:0.2", "--no-plot")
    assert code == 0
    assert "best mix within budget" in text
    assert "above the best lottery within the budget" in text
    code, text = olearn(
        "offload",
        table("synthetic-exits"),
        "-p",
        "splitee",
        "--set",
        "objective=error",
        "--json",
        "--samples",
        "50",
    )
    row = json.loads(text)["rows"][0]
    assert (row["objective"], row["samples"]) == ("error", 50)


@pytest.mark.parametrize(
    ("recipe", "words", "sentence"),
    [
        (
            "servers",
            ["-p", "splitee"],
            "splitee plays on tables of kind exits, but this table is of kind servers",
        ),
        ("synthetic-exits", ["-p", "splitee-s", "--feedback", "chosen"], "splitee-s needs 'earlier' feedback"),
        ("synthetic-exits", ["-p", "hil-f"], "hil-f plays on tables of kind binary"),
        ("synthetic-exits", ["-p", "splitee", "--set", "foo=1"], "unknown option 'foo'"),
        ("splits", ["-p", "ans", "--cost", "0.3"], "cost has no meaning on a table of splits"),
        ("routing", ["-p", "mdinference"], "mdinference needs the models' profile"),
    ],
)
def test_refused_in_one_sentence(recipe, words, sentence, table):
    code, text = olearn("offload", table(recipe), *words)
    assert code == 2
    assert sentence in text
    assert text.count("\n") == 1


def test_build(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert trace_build("routing", "--samples", 40)[1].startswith("synthetic-routing: 40 samples, 2 models")
    for name, times in (("device", "1,20,5"), ("server", "0.1,2,0.5")):
        (tmp_path / name).write_text(STATS.format(times=times))
    split = ["splits", "--device", "device", "--server", "server", "--model", "tiny", "--samples", 30]
    code, text = trace_build(*split, "--link", "5:100")
    assert code == 0
    assert "30 samples, 3 split points" in text
    assert olearn("offload", "splits.npz", "--no-plot")[0] == 0
    for words, sentence in (
        (["splits"], "splits needs --device, --server and --model"),
        ([*split, "--link", "5"], "--link is written latency:rate, e.g. 20:10, got '5'"),
        (["digit-exits"], "unknown recipe 'digit-exits' (did you mean 'digits-exits'?)"),
    ):
        code, text = trace_build(*words)
        assert code == 2
        assert sentence in text
