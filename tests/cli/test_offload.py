"""``olearn offload`` and ``olearn trace build`` as a user types them."""

from __future__ import annotations

import csv
import json

import numpy as np
import pytest
from click.testing import CliRunner

from olearn.cli import main
from olearn.cli.trace_build import build
from olearn.traces.offloading import OffloadTable


def olearn(*words):
    return CliRunner().invoke(main, list(words))


@pytest.fixture
def table(tmp_path):
    rng = np.random.default_rng(0)
    p = rng.integers(1, 20, 200) / 20
    path = tmp_path / "t.csv"
    OffloadTable(p, rng.random(200) < p, np.ones(200), context=np.where(p > 0.5, "far", "near")).save(path)
    return str(path)


def test_a_table_beside_its_comparators(table):
    done = olearn("offload", table, "-p", "hil-f", "-p", "hi-lcb-lite", "--cost", "0.3", "--no-plot")
    assert done.exit_code == 0, done.output
    first = [line.split("  ")[0] for line in done.output.splitlines()]
    for name in (
        "hil-f",
        "hi-lcb-lite",
        "never",
        "always",
        "best threshold",
        "best threshold per context",
        "clairvoyant",
    ):
        assert name in first
    header = next(line for line in done.output.splitlines() if line.startswith("policy"))
    assert header.split()[:2] == ["policy", "samples"]
    assert {"cost", "offload_rate", "accuracy", "regret", "bound", "samples_per_second"} <= set(header.split())


def test_json_is_one_object_with_the_rows(table):
    done = olearn("offload", table, "-p", "hil-n", "--cost", "0.3", "--seeds", "2", "--json")
    assert done.exit_code == 0, done.output
    said = json.loads(done.stdout)
    assert set(said) == {"manifest", "rows"}
    assert [r["seed"] for r in said["rows"]] == [0, 1]
    wanted = (
        "policy samples cost cost_never cost_always cost_best_threshold cost_best_per_context cost_clairvoyant "
    )
    wanted += "offload_rate accuracy regret bound samples_per_second seed"
    assert list(said["rows"][0])[:14] == wanted.split()
    assert said["manifest"]["samples"] == 200
    assert {c["policy"] for c in said["manifest"]["comparators"]} >= {"never", "always", "clairvoyant"}


def test_files(table, tmp_path):
    out, rows = tmp_path / "out", tmp_path / "rows.csv"
    done = olearn(
        "offload",
        table,
        "-p",
        "hil-f",
        "-b",
        "0.1",
        "--budget",
        "rate:0.2",
        "--out",
        str(out),
        "--csv",
        str(rows),
    )
    assert done.exit_code == 0, done.output
    assert {p.name for p in out.iterdir()} == {
        "rows.csv",
        "curves.csv",
        "result.json",
        "olearn-offload.png",
        "runs",
    }
    assert (out / "olearn-offload.png").read_bytes().startswith(b"\x89PNG")
    with open(rows) as file:
        read = list(csv.DictReader(file))
    assert read[0]["policy"] == "hil-f"
    assert float(read[0]["violation"]) >= 0
    assert "best within budget" in done.output
    with open(out / "curves.csv") as file:
        assert {"samples", "regret", "used"} <= set(next(csv.reader(file)))


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (["digitz", "-b", "0.3"], "no table 'digitz' (did you mean 'digits'?)"),
        (["digits"], "give cost, the price of offloading"),
        (["digits", "-b", "-1"], "cost must be a finite number in [0, inf), got -1.0"),
        (["digits", "-b", "0.3", "-p", "hil-ff"], "unknown policy 'hil-ff' (did you mean 'hil-f'?)"),
        (["digits", "-b", "0.3", "-p", "hil-f", "--feedback", "offloaded"], "hil-f needs 'full' feedback"),
        (["digits", "-b", "0.3", "-p", "h2t2"], "h2t2 needs a table with scores of two classes"),
        (["digits", "-b", "0.3", "--budget", "rate"], "budget"),
        (["digits", "-b", "0.3", "-p", "splitee"], "splitee plays on tables of kind exits"),
        (["digits", "-b", "0.3", "--samples", "0"], "samples must be a whole number of at least 1"),
        (["digits", "-b", "0.3", "--set", "x"], "--set takes name=value"),
    ],
)
def test_mistakes_are_one_sentence_and_exit_code_2(words, sentence):
    done = olearn("offload", *words, "--no-plot")
    assert done.exit_code == 2
    assert sentence in done.stderr
    assert len(done.stderr.strip().splitlines()) == 1
    assert done.stdout == ""


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        (
            "confidence,local_correct\n0.5,1\n1.5,0\n",
            "confidence must be a probability between 0 and 1, got 1.5 in row 2",
        ),
        ("confidence,local_correct\n0.5,2\n", "local_correct must be 0 or 1, got 2. in row 1"),
        ("confidence,local_correct,cost\n0.5,1,-0.1\n", "cost must be at least 0, got -0.1 in row 1"),
        (
            "confidence,local_correct\n0.5,1\nnan,1\n",
            "column 'confidence' has no value in row 2",
        ),
        ("confidence\n0.5\n", "has the columns confidence, but a table needs"),
    ],
)
def test_bad_tables_are_one_sentence(tmp_path, text, sentence):
    path = tmp_path / "bad.csv"
    path.write_text(text)
    done = olearn("offload", str(path), "-b", "0.3", "--no-plot")
    assert done.exit_code == 2
    assert sentence in done.stderr
    assert len(done.stderr.strip().splitlines()) == 1


def test_names_of_columns(tmp_path):
    path = tmp_path / "log.csv"
    path.write_text("id,p,ok\na,0.5,1\nb,0.25,0\n")
    done = olearn(
        "offload",
        str(path),
        "-b",
        "0.3",
        "-p",
        "never",
        "--columns",
        "confidence=p,local_correct=ok",
        "--no-plot",
    )
    assert done.exit_code == 0, done.output
    done = olearn("offload", str(path), "-b", "0.3", "--columns", "confidence", "--no-plot")
    assert done.exit_code == 2
    assert "--columns takes column=name" in done.stderr


def test_the_help_keeps_its_lines():
    text = olearn("offload", "--help").output
    assert "\n    olearn offload digits -p hil-f -b 0.1 --budget rate:0.2 --out results\n" in text


def test_remote_errors_need_their_column(tmp_path):
    path = tmp_path / "local.csv"
    path.write_text("confidence,local_correct\n0.5,1\n0.6,0\n")
    assert olearn("offload", str(path), "-b", "0.3", "-p", "never", "--no-plot").exit_code == 0
    done = olearn("offload", str(path), "-b", "0.3", "-p", "never", "--remote", "counted", "--no-plot")
    assert done.exit_code == 2
    assert "counting the remote errors needs the column 'remote_correct'" in done.stderr


def test_build(tmp_path):
    pytest.importorskip("sklearn")
    path = tmp_path / "wine.npz"
    done = CliRunner().invoke(build, ["wine", "--out", str(path), "--samples", "50"])
    assert done.exit_code == 0, done.output
    assert "wine: 50 samples" in done.output
    again = olearn("offload", str(path), "-b", "0.2", "-p", "hil-f", "--no-plot")
    assert again.exit_code == 0, again.output


def test_build_a_table_that_moves(tmp_path):
    pytest.importorskip("sklearn")
    path = tmp_path / "moved.npz"
    words = ["wine", "--shift", "calibration", "--shape", "abrupt", "--samples", "80", "--out", str(path)]
    done = CliRunner().invoke(build, words)
    assert done.exit_code == 0, done.output
    assert "wine: 80 samples" in done.output
    refused = CliRunner().invoke(build, ["wine", "--shift", "drifts", "--out", str(path)])
    assert "unknown shift 'drifts' (did you mean 'drift'?)" in str(refused.exception)
