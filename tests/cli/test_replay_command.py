"""The command line of the caching game, driven as a user would."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from click.testing import CliRunner

from olearn import registry
from olearn.cli import main


@pytest.fixture
def run(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)

    def invoke(*arguments, code=0):
        outcome = CliRunner().invoke(main, [str(a) for a in arguments])
        if outcome.exception is not None and not isinstance(outcome.exception, SystemExit):
            raise outcome.exception
        assert outcome.exit_code == code, outcome.output
        return outcome

    return invoke


@pytest.fixture
def file(tmp_path):
    path = tmp_path / "trace.txt"
    path.write_text("".join(f"k{(i * i) % 13}\n" for i in range(500)))
    return path


def test_table_and_picture(run, file, tmp_path):
    out = run("replay", file, "-p", "lru", "-p", "ogb(eta=0.1)", "-c", "2", "-c", "50%", "--seeds", "2").stdout
    assert "ogb(eta=0.1)" in out
    assert "belady-bypass" in out
    assert "upper_bound" in out
    assert "ogb eta=0.1 at capacity 2" in out
    pictures = sorted(p.name for p in tmp_path.glob("*.png"))
    assert len(pictures) == 2
    assert all((tmp_path / p).read_bytes()[:4] == b"\x89PNG" for p in pictures)


def test_json_is_one_object_and_nothing_else(run, file, tmp_path):
    outcome = run("replay", file, "-p", "lru", "-p", "ogb", "-c", "3", "--json")
    data = json.loads(outcome.stdout)
    assert {"manifest", "rows"} <= set(data)
    row = data["rows"][1]
    for key in ("policy", "capacity", "seed", "requests", "reward", "hit_ratio", "static_optimum", "regret"):
        assert key in row, key
    for key in ("bound", "requests_per_second"):
        assert key in row, key
    assert data["manifest"]["trace"]["requests"] == 500
    assert not list(tmp_path.glob("*.png"))


def test_files(run, file, tmp_path):
    run("replay", file, "-p", "lru", "-c", "3", "--csv", "rows.csv", "--out", "results", "--no-plot")
    assert (tmp_path / "rows.csv").read_text().splitlines()[0].startswith("policy,capacity,seed")
    assert sorted(p.name for p in (tmp_path / "results").iterdir()) == [
        "curves.csv",
        "result.json",
        "rows.csv",
        "runs",
    ]
    again = run("replay", file, "-p", "lru", "-p", "fifo", "-c", "3", "--out", "results", "--no-plot")
    assert "took 1 finished runs" in again.stderr


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["-p", "lruu"], "did you mean 'lru'"),
        (["-p", "ogb(et=1)"], "did you mean 'eta'"),
        (["-p", "ogb(eta=0)"], "eta must be"),
        (["-c", "0"], "at least 1 item"),
        (["-c", "-5"], "is not understood"),
        (["-c", "14"], "at most the catalogue of 7 items"),
        (["-c", "5 %%"], "is not understood"),
        (["--seeds", "0"], "seeds must be"),
        (["--limit", "0"], "limit must be"),
        (["--horizon", "-1"], "horizon must be"),
        (["--format", "oraclegenral"], "oracleGeneral"),
        (["--columns", "item"], "columns are written"),
    ],
)
def test_bad_arguments_get_one_sentence(run, file, tmp_path, arguments, said):
    outcome = run("replay", file, *arguments, "--out", "results", code=2)
    assert said in outcome.stderr
    assert outcome.stdout == ""
    assert len(outcome.stderr.strip().splitlines()) == 1
    assert not (tmp_path / "results").exists()


@pytest.mark.parametrize(
    ("content", "said"),
    [(None, "no"), (b"", "empty"), (b"\x00\x01\x02\x03\xff" * 7, "format"), (b"\xfd7zXZ\x00garbage", "")],
)
def test_bad_files_get_one_sentence(run, tmp_path, content, said):
    path = tmp_path / "bad.bin"
    if content is not None:
        path.write_bytes(content)
    outcome = run("replay", path, "-p", "lru", "-c", "2", code=2)
    assert said in outcome.stderr.lower()
    assert len(outcome.stderr.strip().splitlines()) == 1


def test_another_command_into_the_same_folder_adds_rows(run, file, tmp_path):
    common = (file, "-c", "3", "--out", "results", "--no-plot")
    run("replay", *common, "-p", "lru", "-p", "ogb", "--seeds", "2")
    again = run("replay", *common, "-p", "fifo", "-p", "ogb", "--seeds", "3")
    assert "results held" in again.stderr
    assert "lru" in again.stderr
    data = json.loads((tmp_path / "results" / "result.json").read_text())
    told = [(r["policy"], r["seed"]) for r in data["rows"] if not r["offline"]]
    assert sorted(told, key=str) == [("fifo", None), ("lru", None), ("ogb", 0), ("ogb", 1), ("ogb", 2)]
    assert [part["policies"] for part in data["manifest"]["parts"]] == [["lru", "ogb"], ["fifo", "ogb"]]
    assert {r["started"] for r in data["rows"]} == {part["started"] for part in data["manifest"]["parts"]}
    assert "\nlru " in again.stdout
    for more in (["--limit", "400"], ["--checkpoints", "7"], ["--horizon", "9"], ["--catalog", "99"]):
        refused = run("replay", *common, "-p", "lru", *more, code=2)
        assert "results holds a result of" in refused.stderr
    assert json.loads((tmp_path / "results" / "result.json").read_text()) == data
    (tmp_path / "results" / "result.json").write_text("{")
    assert "it will be replaced" in run("replay", *common, "-p", "lru").stderr


def test_nothing_is_written_over_the_input(run, file, tmp_path):
    (tmp_path / "results").mkdir()
    for name, options in (
        ("t.csv", ["--csv", "t.csv"]),
        ("results/rows.csv", ["--out", "results"]),
        ("olearn-replay.png", []),
    ):
        path = tmp_path / name
        path.write_bytes(file.read_bytes())
        outcome = run("replay", path, "-p", "lru", "-c", "3", *options, code=2)
        assert "it is the input" in outcome.stderr
        assert path.read_bytes() == file.read_bytes()


def test_a_picture_that_fails_does_not_take_the_table_with_it(run, file, tmp_path, monkeypatch):
    import olearn.plot.replay

    def fail(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(olearn.plot.replay, "draw", fail)
    outcome = run("replay", file, "-p", "lru", "-c", "3", "--out", "results", "--csv", "rows.csv", code=2)
    assert "belady-bypass" in outcome.stdout
    assert "No space left on device" in outcome.stderr
    assert (tmp_path / "rows.csv").exists()
    assert (tmp_path / "results" / "result.json").exists()


def test_an_existing_result_survives_a_failure(run, file, tmp_path):
    run("replay", file, "-p", "lru", "-c", "3", "--out", "results", "--no-plot")
    before = (tmp_path / "results" / "result.json").read_bytes()
    run("replay", file, "-p", "lru", "-c", "99", "--out", "results", "--no-plot", code=2)
    assert (tmp_path / "results" / "result.json").read_bytes() == before


def test_unknown_command_names_the_nearest(run):
    outcome = run("reply", code=2)
    assert "did you mean 'replay'" in outcome.stderr


def test_policies(run):
    table = run("policies", "--game", "caching").stdout
    for name in registry.names("caching"):
        assert name in table
    told = run("policies", "ogd").stdout
    assert "every sequence" in told
    assert "C (1 - C/N) / (2 eta) + eta T / 2" in told
    data = json.loads(run("policies", "ogd", "--json").stdout)
    assert data["policies"][0]["bound_example"]["value"] == pytest.approx(99_498.7, rel=1e-4)
    assert "did you mean 'belady'" in run("policies", "belaydy", code=2).stderr


@pytest.mark.jit_only
def test_demo(run, tmp_path):
    out = run("demo", "--seeds", "2", "--out", "here").stdout
    assert "twitter: 250,000 requests" in out
    for name in ("lru", "lfu", "ftpl", "ogb", "static", "belady"):
        assert f"\n{name} " in out
    assert (tmp_path / "here" / "replay.png").stat().st_size > 10_000


@pytest.mark.jit_only
@pytest.mark.skipif(sys.platform == "win32", reason="POSIX signals")
def test_ctrl_c_prints_what_there_is(tmp_path):
    """A real process, a real signal: 30 M requests of ogd take several seconds; the signal comes earlier."""
    script = Path(tmp_path) / "go.py"
    script.write_text(
        "import numpy as np, sys\n"
        "from olearn import traces\n"
        "t = traces.synthetic.zipf(3_000_000, 300_000, alpha=0.8, seed=1)\n"
        "traces.save(t, 'big.npz')\n"
    )
    subprocess.run([sys.executable, str(script)], cwd=tmp_path, check=True)
    command = [sys.executable, "-m", "olearn", "replay", "big.npz", "-p", "lru", "-c", "10%", "--no-offline"]
    for k in range(40):
        command += ["-p", f"ogd(eta={0.01 + k / 1000})"]
    process = subprocess.Popen(
        [*command, "--out", "results", "--no-plot"],
        cwd=tmp_path,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "COLUMNS": "200"},
    )
    runs = tmp_path / "results" / "runs"
    deadline = time.monotonic() + 120
    while not (runs.is_dir() and len(list(runs.rglob("part-*.parquet"))) >= 2) and time.monotonic() < deadline:
        time.sleep(0.05)
    process.send_signal(signal.SIGINT)
    out, error = process.communicate(timeout=60)
    assert process.returncode == 130, error
    assert "Traceback" not in error
    assert "lru" in out
    saved = json.loads((tmp_path / "results" / "result.json").read_text())
    assert saved["manifest"]["complete"] is False
    assert saved["rows"][0]["policy"] == "lru"
    assert 2 <= len(saved["rows"]) < 41


def test_no_colour_and_no_progress_in_pipes(run, file):
    outcome = run("replay", file, "-p", "lru", "-c", "3", "--no-plot")
    assert "\x1b" not in outcome.stdout + outcome.stderr


def test_what_cannot_be_written_is_said_before_the_replay(run, file, tmp_path):
    (tmp_path / "taken").write_text("a file")
    for option, path in (("--csv", "taken/rows.csv"), ("--out", "taken/deeper")):
        outcome = run("replay", file, "-p", "lru", "-c", "3", option, path, code=2)
        assert f"can't write {path}" in outcome.stderr
        assert outcome.stdout == ""


@pytest.mark.skipif(not Path("/dev/full").is_char_device(), reason="Linux has it")
def test_a_full_disk_is_one_sentence_and_devices_stay_devices(file, tmp_path):
    command = [
        sys.executable,
        "-m",
        "olearn",
        "replay",
        str(file),
        "-p",
        "lru",
        "-c",
        "3",
        "--no-plot",
        "--csv",
    ]
    full = subprocess.run([*command, "/dev/full"], cwd=tmp_path, capture_output=True, text=True)
    assert full.returncode == 2
    said = full.stderr.replace("compiling ...\n", "")  # a cold run says so before
    assert said == "olearn: can't write /dev/full: No space left on device\n"
    assert Path("/dev/full").is_char_device()
    shown = subprocess.run([*command, "/dev/stdout"], cwd=tmp_path, capture_output=True, text=True)
    assert "\npolicy,capacity" in shown.stdout
    with open(tmp_path / "all.txt", "w") as file_:
        subprocess.run([*command, "/dev/stdout"], cwd=tmp_path, stdout=file_, check=True)
    text = (tmp_path / "all.txt").read_text()
    assert text.startswith("trace: 500 requests")  # the table stays, and the CSV follows it
    assert "\npolicy,capacity" in text


def test_a_link_keeps_pointing_where_it_points(run, file, tmp_path):
    (tmp_path / "link.csv").symlink_to("target.csv")
    run("replay", file, "-p", "lru", "-c", "3", "--no-plot", "--csv", "link.csv")
    assert (tmp_path / "link.csv").is_symlink()
    assert (tmp_path / "target.csv").read_text().startswith("policy,capacity")
