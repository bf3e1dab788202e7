"""Inference delivery on the machine, and its command."""

import json

import numpy as np
import pytest
from click.testing import CliRunner

from olearn.cli import main
from olearn.engine.delivery import deliver
from olearn.engine.result import load
from olearn.environments.delivery import GAIN
from olearn.errors import OlearnError
from olearn.policies.delivery import INFIDA
from olearn.traces.delivery import build, poisson_demand, save_network

NET = build("path3", tasks=4)
DEMAND = poisson_demand(NET, slots=60, seed=3)


def test_rows_are_what_the_policy_does_alone():
    asked = ["infida(eta=0.05, residual=bernoulli)", "static-greedy"]
    result = deliver(NET, DEMAND, asked, seeds=2, checkpoints=7)
    for seed in (0, 1):
        row = result.rows[seed]
        rows = INFIDA(NET, 60, eta=0.05, residual="bernoulli", peak=DEMAND.max(), seed=seed).serve(DEMAND)
        assert row["gain"] == pytest.approx(rows[:, GAIN].sum(), rel=1e-12)
        assert row["latency"] == pytest.approx(rows[:, 2].sum() / DEMAND.sum())
        assert row["psi"] == pytest.approx(1 - 1 / np.e)
        assert row["regret"] == pytest.approx(row["psi"] * row["optimum"] - row["gain"])
        assert row["certificate"] > 0
    assert result.rows[2]["offline"]
    assert result.rows[2]["ratio"] <= 1 + 1e-9
    assert result.optima_rows()[0]["status"] == "optimal"
    assert len(result.verdicts()) == 1


def test_jobs_and_chunks_change_nothing_and_files_come_back(tmp_path, monkeypatch):
    one = deliver(NET, DEMAND, ["infida(eta=0.05)", "olag", "cheapest"], seeds=3, jobs=1)
    two = deliver(NET, DEMAND, ["infida(eta=0.05)", "olag", "cheapest"], seeds=3, jobs=4)
    times = ("seconds", "slots_per_second")
    assert [{k: v for k, v in r.items() if k not in times} for r in one.rows] == [
        {k: v for k, v in r.items() if k not in times} for r in two.rows
    ]
    again = load(one.save(tmp_path / "result.json"))
    assert [r["gain"] for r in again.rows] == [r["gain"] for r in one.rows]
    assert np.array_equal(again.curve("olag", "gain"), one.curve("olag", "gain"))
    one.plot(tmp_path / "picture.png")
    assert (tmp_path / "picture.png").stat().st_size > 10_000


def run(*words):
    return CliRunner().invoke(main, ["deliver", *map(str, words)], catch_exceptions=False)


def test_command_prints_one_json_object(tmp_path):
    got = run("--topology", "path3", "--catalogue", "yolov4", "--tasks", 3, "--slots", 40, "-p",
    "infida(eta=0.05)",
              "-p", "olag", "--json", "--no-plot")  # fmt: skip
    assert got.exit_code == 0
    data = json.loads(got.stdout)
    wanted = {"policy", "slots", "gain", "optimum", "ratio", "latency", "inaccuracy", "model_updates", "bound"}
    assert wanted <= set(data["rows"][0])
    assert data["rows"][0]["slots"] == 40


def test_command_resumes_and_keeps_its_folder(tmp_path):
    words = ("--topology", "path3", "--tasks", 3, "--slots", 40, "-p", "olag", "--out", tmp_path / "out")
    first, second = run(*words), run(*words)
    assert first.exit_code == second.exit_code == 0
    assert "took 1 finished runs" in second.output
    written = {p.name for p in (tmp_path / "out").iterdir()}
    assert {"rows.csv", "curves.csv", "result.json", "olearn-deliver.png"} <= written


def test_command_on_a_file_with_and_without_a_demand(tmp_path):
    path = save_network(NET, tmp_path / "net.json", DEMAND)
    got = run(path, "-p", "olag", "--json", "--no-plot")
    direct = deliver(NET, DEMAND, ["olag"])
    assert json.loads(got.stdout)["rows"][0]["gain"] == pytest.approx(direct.rows[0]["gain"])
    bare = save_network(NET, tmp_path / "bare.json")
    (tmp_path / "load.csv").write_text("Timestamp,Model\n5,a\n45,b\n118,c\n")
    got = run(bare, "-p", "olag", "--requests", tmp_path / "load.csv", "--slots", 4, "--json", "--no-plot")
    assert json.loads(got.stdout)["rows"][0]["requests"] == 3


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (["--topology", "tree8"], "unknown topology 'tree8' (did you mean 'tree7'?)"),
        (["--catalogue", "yolo"], "unknown catalogue 'yolo'"),
        (["-p", "infinda"], "unknown policy 'infinda' (did you mean 'infida'?)"),
        (["-p", "infida(eta=-1)"], "eta must be a finite number in (0, inf)"),
        (["-p", "infida(epsilon=1)"], "has no parameter 'epsilon'"),
        (["--requests", "zipf:x"], "--requests zipf takes a number after the colon, got 'x'"),
        (["--requests", "nothing.csv"], "no trace file 'nothing.csv'"),
        (["--slots", "0"], "slots must be a whole number of at least 1, got 0"),
        (["nothing.json"], "nothing.json can't be read"),
    ],
)
def test_mistakes_get_one_sentence_and_code_2(words, sentence, monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    got = run(*words, "--no-plot")
    assert got.exit_code == 2
    assert sentence in got.output
    assert "Traceback" not in got.output


def test_a_policy_of_another_network_is_refused():
    other = build("path3", tasks=4)
    with pytest.raises(OlearnError, match="was made for another network"):
        deliver(NET, DEMAND, {"mine": lambda network, **common: INFIDA(other, eta=0.1)})
