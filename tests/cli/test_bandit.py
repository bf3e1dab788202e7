"""``olearn bandit``: table, JSON, files, the picture, and one sentence for every mistake."""

import csv
import json

import numpy as np
import pytest
from click.testing import CliRunner

from olearn.cli import main

BASE = ["bandit", "--env", "bernoulli:0.1,0.5,0.9", "--horizon", "60", "--runs", "3"]


def olearn(*arguments):
    return CliRunner().invoke(main, [*map(str, arguments)], prog_name="olearn")


def test_table():
    result = olearn(*BASE, "--policy", "ucb1", "--policy", "ucb(alpha=1)")
    assert result.exit_code == 0, result.output
    assert "ucb(alpha=1)" in result.stdout
    assert "regret_mean" in result.stdout
    assert "Lai-Robbins 1.238 ln T" in result.stdout


def test_json_is_one_object_and_repeats():
    arguments = [*BASE, "--policy", "ucb1", "--policy", "exp3", "--seed", "5", "--json"]
    first, second = olearn(*arguments), olearn(*arguments)
    got = json.loads(first.stdout)
    assert set(got) == {"manifest", "rows"}
    assert [row["policy"] for row in got["rows"]] == ["ucb1", "exp3"]
    row = got["rows"][0]
    assert (row["horizon"], row["runs"]) == (60, 3)
    assert row["regret_mean"] > 0
    assert row["regret_stderr"] >= 0
    assert row["bound"] > row["regret_mean"]
    assert row["steps_per_second"] > 0
    assert got["manifest"]["minimax_lower"] == pytest.approx(np.sqrt(180) / 20)
    for a, b in zip(got["rows"], json.loads(second.stdout)["rows"], strict=True):
        assert a["regret_mean"] == b["regret_mean"]


def test_files(tmp_path):
    table = tmp_path / "t" / "rows.csv"
    result = olearn(*BASE, "--policy", "ucb1", "--csv", table, "--out", tmp_path / "o")
    assert result.exit_code == 0, result.output
    rows = list(csv.DictReader(table.open()))
    assert rows[0]["policy"] == "ucb1"
    curves = list(csv.DictReader((tmp_path / "o" / "bandit_curves.csv").open()))
    assert int(curves[-1]["round"]) == 60
    low, mean, high = (float(curves[-1][f"regret_{k}"]) for k in ("low", "mean", "high"))
    assert low <= mean <= high
    assert mean == pytest.approx(float(rows[0]["regret_mean"]))
    assert json.loads((tmp_path / "o" / "bandit.json").read_text())["rows"][0]["policy"] == "ucb1"
    assert (tmp_path / "o" / "bandit.png").read_bytes()[:4] == b"\x89PNG"
    assert "Lai" not in result.stderr


def test_sets_of_arms():
    result = olearn(*BASE, "--policy", "cucb(m=2)", "--policy", "osmd(m=2, regulariser=tsallis)", "--json")
    assert result.exit_code == 0, result.output
    got = json.loads(result.stdout)
    assert got["manifest"]["set_size"] == 2
    assert "best fixed set of 2 arms" in got["manifest"]["regret"]
    assert all(row["regret_mean"] > 0 for row in got["rows"])


def test_phases_show_the_regret_to_the_best_arm_of_each(tmp_path):
    env = "bernoulli:0.9,0.1/0.1,0.9@30"
    arguments = ["bandit", "--env", env, "--horizon", 60, "--runs", 3, "--policy", "ucb1", "--out", tmp_path]
    result = olearn(*arguments)
    assert result.exit_code == 0, result.output
    assert "regret_dynamic" in result.stdout
    assert "regret_dynamic" not in olearn(*BASE, "--policy", "ucb1").stdout
    row = json.loads((tmp_path / "bandit.json").read_text())["rows"][0]
    curves = list(csv.DictReader((tmp_path / "bandit_curves.csv").open()))
    assert float(curves[-1]["regret_mean"]) == pytest.approx(row["regret_dynamic"])
    assert row["regret_dynamic"] > row["regret_mean"]


def test_a_matrix_is_played_to_its_end(tmp_path):
    np.save(tmp_path / "r.npy", np.random.default_rng(0).random((37, 3)))
    arguments = ["bandit", "--env", f"matrix:{tmp_path / 'r.npy'}", "--policy", "exp3", "--runs", 2]
    got = json.loads(olearn(*arguments, "--json").stdout)
    assert got["rows"][0]["horizon"] == 37
    assert got["manifest"]["lai_robbins"] is None
    result = olearn(*arguments, "--horizon", 38)
    assert result.exit_code == 2
    assert "at most the 37 rows" in result.stderr


def test_no_plot(tmp_path):
    assert olearn(*BASE, "--policy", "ucb1", "--out", tmp_path, "--no-plot").exit_code == 0
    assert not (tmp_path / "bandit.png").exists()
    assert (tmp_path / "bandit.json").exists()


def test_picture_of_every_kind_of_environment(tmp_path):
    from olearn.engine.bandits import simulate
    from olearn.environments import adaptive, bernoulli, gaussian, matrix
    from olearn.learners.bandits import UCB1
    from olearn.plot.bandit import draw

    games = [
        (bernoulli([0.4, 0.6]), 1, {"Lai-Robbins: 2.47 ln t", "minimax lower bound", "ucb1"}),
        (gaussian([0.0, 1.0]), 3, {"Lai-Robbins: 2 ln t", "minimax lower bound", "ucb1"}),
        (bernoulli([[0.4, 0.6], [0.6, 0.4]], [10]), 3, {"ucb1"}),
        (matrix(np.zeros((40, 2))), 3, {"minimax lower bound", "ucb1"}),
        (adaptive("punish-leader", 1), 2, {"ucb1"}),
    ]
    for env, runs, labels in games:
        figure = draw(simulate(env, [UCB1(env.arms)], 40, runs=runs), tmp_path / "p.png")
        right = figure.axes[1]
        assert {t.get_text().split("\n")[0] for t in right.get_legend().get_texts()} == labels
        assert right.get_xscale() == "log"
        assert (tmp_path / "p.png").stat().st_size > 10_000


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--policy", "ucb2"], "unknown bandit policy 'ucb2' (did you mean 'ucb'?)"),
        (["--policy", "ucb(alfa=2)"], "ucb has no parameter 'alfa' (did you mean 'alpha'?); known: alpha"),
        (["--policy", "ucb1(x=2)"], "ucb1 has no parameter 'x'; known: none"),
        (["--policy", "ucb(alpha=-1)"], "alpha must be"),
        (["--policy", "linucb"], "linucb needs contexts, which no ENV here has"),
        (["--policy", "fkm"], "fkm needs a convex set"),
        (["--policy", "ucb1", "--policy", "cucb(m=2)"], "sets of one size, got sizes [1, 2]"),
        (["--policy", "cucb(m=4)"], "m must be at most the 3 arms"),
        (["--policy", "ucb(4)"], "parameter=value"),
        (
            ["--policy", "ucb1", "--env", "bernuli:0.1"],
            "unknown environment 'bernuli' (did you mean 'bernoulli'?)",
        ),
        (["--policy", "exp3", "--env", "gaussian:0,1"], "exp3 needs rewards in [0, 1]"),
        (["--policy", "ucb1", "--horizon", "0"], "horizon must be"),
        (["--policy", "ucb1", "--runs", "0"], "runs must be"),
        (["--policy", "ucb1", "--seed", "-1"], "seed must be"),
    ],
)
def test_mistakes_are_one_sentence_and_exit_code_2(arguments, said):
    result = olearn(*BASE, *arguments)
    assert result.exit_code == 2
    assert said in result.stderr
    assert result.stdout == ""
    assert len(result.stderr.strip().splitlines()) == 1


def test_a_policy_given_twice_is_refused():
    result = olearn(*BASE, "--policy", "ucb1", "--policy", "moss", "--policy", "ucb1")
    assert result.exit_code == 2
    assert "policy 'ucb1' is given twice" in result.stderr
