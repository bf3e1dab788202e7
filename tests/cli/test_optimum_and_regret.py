"""``olearn optimum`` and ``olearn regret``, driven as a user would."""

import csv
import json

import pytest
from click.testing import CliRunner

from olearn.cli import main
from olearn.optima import belady, k_switch, static_fetch_charged, static_prefilled


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


ITEMS = [(i * i + i // 7) % 13 for i in range(400)]


@pytest.fixture
def file(tmp_path):
    path = tmp_path / "trace.txt"
    path.write_text("".join(f"k{i}\n" for i in ITEMS))
    return path


@pytest.fixture
def sized_file(tmp_path):
    path = tmp_path / "sized.csv"
    path.write_text("item,size\n" + "".join(f"k{i},{i + 1}\n" for i in ITEMS))
    return path


def test_json_rows(run, file):
    told = json.loads(
        run("optimum", file, "-c", "3", "-m", "static,fetch-charged", "-m", "belady", "--json").stdout
    )
    assert told["trace"]["requests"] == 400
    rows = {r["comparator"]: r for r in told["rows"]}
    want = [
        "comparator",
        "convention",
        "capacity",
        "value",
        "upper_bound",
        "gap",
        "solver",
        "status",
        "seconds",
    ]
    assert set(want) <= set(rows["static"])
    assert rows["static"]["value"] == static_prefilled(ITEMS, 3).value
    assert rows["fetch-charged"]["value"] == static_fetch_charged(ITEMS, 3).value
    assert rows["belady"]["value"] == rows["belady"]["upper_bound"] == belady(ITEMS, 3).value


def test_table_csv_and_list(run, file, tmp_path):
    out = run("optimum", file, "-c", "2", "-c", "50%", "--csv", tmp_path / "o.csv").stdout
    assert "belady-bypass" in out
    assert "bypass: the cache starts empty" in out
    rows = list(csv.DictReader((tmp_path / "o.csv").open()))
    assert len(rows) == 10
    assert {r["status"] for r in rows} <= {"optimal", "bounded"}
    k = next(r for r in rows if r["comparator"] == "k-switch:10" and r["capacity"] == "2")
    assert float(k["value"]) == k_switch(ITEMS, 2, 10).value
    assert "k-switch:K" in run("optimum", "--list").stdout


def test_sizes_are_bytes(run, sized_file):
    args = ("optimum", sized_file, "-c", "20%", "--value", "bytes", "--json")
    rows = {r["comparator"]: r for r in json.loads(run(*args, "-m", "all", "-m", "interval-lp").stdout)["rows"]}
    assert rows["sized"]["capacity"] == 18
    assert rows["static"]["capacity"] == 3
    assert rows["sized"]["value"] <= rows["interval-lp"]["value"] + 1e-6
    assert rows["belady-sized"]["value"] <= rows["sized"]["value"]
    fraction, whole = rows["static-sized-fractional"], rows["static-sized"]
    assert fraction["value"] >= whole["value"]


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["-m", "k-swich:3"], "did you mean 'k-switch:K'"),
        (["-m", "static:3"], "is written static"),
        (["-m", "k-switch"], "is written k-switch:K"),
        (["-m", "k-switch:x"], "'x' is not a number"),
        (["-m", "static", "-c", "0"], "at least 1 item"),
        (["-m", "sized", "--value", "cost"], "cost column"),
        (["-m", "sized", "--value", "gold"], "value of a hit"),
        (["-m", "sized", "--time-limit", "-1"], "time_limit"),
    ],
)
def test_one_sentence_errors(run, sized_file, arguments, sentence):
    outcome = run("optimum", sized_file, "-c", "20%", *arguments, code=2)
    assert sentence in outcome.stderr
    assert outcome.stdout == ""
    assert len(outcome.stderr.strip().splitlines()) == 1


def test_regret_of_a_replay(run, file, tmp_path):
    run("replay", file, "-p", "lru", "-p", "ogb", "-c", "3", "-s", "3", "--no-plot", "--out", tmp_path / "run")
    out = run("regret", tmp_path / "run").stdout
    assert "working-set failure" in out or "policy failure" in out
    asked = ("-m", "static", "-m", "k-switch:2", "--trace", file, "--fetch-cost", "0.5", "--alpha", "0.5")
    out = run("regret", tmp_path / "run", *asked, "--json", "--out", tmp_path / "pictures").stdout
    told = json.loads(out)
    result = json.loads((tmp_path / "run/result.json").read_text())
    lru = next(r for r in result["rows"] if r["policy"] == "lru")
    rows = {(r["policy"], r["comparator"]): r for r in told["regret"]}
    assert rows["lru", "static"]["regret"] == static_prefilled(ITEMS, 3).value - lru["reward"]
    assert rows["lru", "static"]["verdict"] == "no bound declared"
    assert rows["ogb", "static"]["verdict"].split(":")[0] in ("holds", "undecided")
    assert rows["ogb", "static"]["seeds"] == 3
    assert rows["lru", "k-switch:2"]["regret"] >= rows["lru", "static"]["regret"]
    assert rows["lru", "0.5 x static"]["regret"] == 0.5 * static_prefilled(ITEMS, 3).value - lru["reward"]
    assert rows["lru", "static, 0.5 a fetch"]["regret"] == pytest.approx(
        rows["lru", "static"]["regret"] + 0.5 * lru["fetched"]
    )
    causes = {r["policy"]: r for r in told["misses"]}
    parts = ("compulsory", "capacity misses", "static", "left over")
    assert sum(causes["lru"][k] for k in parts) == pytest.approx(causes["lru"]["miss ratio"])
    assert {w["policy"] for w in told["worst_windows"]} == {"lru", "ogb"}
    assert all(w["regret"] >= rows[w["policy"], "static"]["regret"] - 1e-9 for w in told["worst_windows"])
    assert {p.name for p in (tmp_path / "pictures").iterdir()} == {"waterfall.png", "regret-3.png"}


def test_regret_reads_saved_json_and_refuses_the_rest(run, file, sized_file, tmp_path):
    saved = tmp_path / "saved.json"
    saved.write_text(run("replay", file, "-p", "lru", "-c", "3", "--json", "--no-plot").stdout)
    assert "lru" in run("regret", saved, "-m", "belady").stdout
    assert "no result at" in run("regret", tmp_path / "nothing", code=2).stderr
    assert "--trace" in run("regret", saved, "-m", "per-window:5", code=2).stderr
    assert "digests differ" in run("regret", saved, "--trace", sized_file, code=2).stderr
    saved.write_text("{}")
    assert "not a result" in run("regret", saved, code=2).stderr
    saved.write_text("{")
    assert "can't be read as JSON" in run("regret", saved, code=2).stderr


def test_regret_says_each_bound_once_and_what_plus_minus_is(run, file, tmp_path):
    run("replay", file, "-p", "ogb", "-c", "2", "-c", "3", "--seeds", "3", "--out", "r", "--no-plot")
    outcome = run("regret", "r")
    assert outcome.stdout.count("bound of ogb:") == 1
    assert "±: half-width of the 0.95 confidence interval over seeds" in outcome.stdout
    assert "unknown comparator 'statik'" in run("regret", "r", "-m", "statik", code=2).stderr
    assert "give the trace" in run("regret", "r", "-m", "k-switch:2", code=2).stderr


def test_regret_of_a_replay_without_offline_rows_or_interrupted_uses_what_there_is(tmp_path):
    keys = tmp_path / "t.txt"
    keys.write_text("".join(f"k{(i * i) % 13}\n" for i in range(500)))
    out = tmp_path / "run"
    line = [
        "replay",
        str(keys),
        "-p",
        "lru",
        "-p",
        "ogb",
        "-c",
        "3",
        "--seeds",
        "2",
        "--no-plot",
        "--out",
        str(out),
    ]
    assert CliRunner().invoke(main, [*line, "--no-offline"]).exit_code == 0
    done = CliRunner().invoke(main, ["regret", str(out)])
    assert done.exit_code == 0, done.output
    assert "not in the result of every run: belady, belady-bypass" in done.output
    asked = CliRunner().invoke(main, ["regret", str(out), "-m", "belady"])
    assert asked.exit_code == 2
    data = json.loads((out / "result.json").read_text())
    data["manifest"]["complete"] = False
    half = next(r for r in data["rows"] if r["policy"] == "ogb" and r["seed"] == 1)
    half.update(requests=100, reward=40.0, complete=False, static_optimum=None, regret=None)
    lru = next(r for r in data["rows"] if r["policy"] == "lru")
    lru.update(requests=100, reward=40.0, complete=False, static_optimum=50.0, regret=10.0)
    (out / "result.json").write_text(json.dumps(data))
    rows = json.loads(CliRunner().invoke(main, ["regret", str(out), "--json"]).stdout)["regret"]
    assert {(r["policy"], r["comparator"], r["seeds"], r["requests"]) for r in rows} == {
        ("lru", "static", 1, 100),
        ("lru", "fetch-charged", 1, 100),
        ("ogb", "static", 1, 500),
        ("ogb", "fetch-charged", 1, 500),
    }
    with_trace = CliRunner().invoke(main, ["regret", str(out), "-m", "belady", "--trace", str(keys), "--json"])
    assert with_trace.exit_code == 0, with_trace.output
    held = {r["policy"]: r for r in json.loads(with_trace.stdout)["regret"]}
    assert held["lru"]["regret"] < 100  # against the hundred requests that it has served
