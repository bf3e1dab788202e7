"""The comparison over capacities: its answer is that of its rows, and the LRU curve is exact."""

import json

import numpy as np
import pytest
from click.testing import CliRunner

import olearn
from olearn.cli import main
from olearn.engine.caching.compare import capacities, compare
from olearn.engine.result import load
from olearn.errors import OlearnError
from olearn.traces import Trace

TRACE = Trace.from_keys(np.random.default_rng(1).zipf(1.2, 6000) % 400)


def test_ranges_of_capacities():
    assert capacities("1%:100%:3", 1000) == [10, 100, 1000]
    assert capacities(["10", "5%,1%", 7], 1000) == [7, 10, 50]
    assert capacities("0.01%:1%:2", 1000) == [1, 10]
    for text, sentence in (
        ("5%:1%:3", "goes up"),
        ("1:2:3:4", "from:to:how many"),
        ("1%:2%:x", "the number of capacities in a range must be a whole number"),
        ("many", "not understood"),
    ):
        with pytest.raises(OlearnError, match=sentence):
            capacities(text, 1000)


def test_the_answer_is_that_of_the_rows():
    result = compare(TRACE, "none", "5,20,80", policies=["lru", "sieve", "ogb", "ogd", "ftpl"], jobs=2)
    for row in result.answer():
        own = [r for r in result.rows if r["capacity"] == row["capacity"]]
        able = {r["policy"]: r["hit_ratio"] for r in own if r["policy"] in ("lru", "sieve", "ftpl")}
        assert row["hit_ratio"] == max(able.values())
        assert able[row["best"]] == row["hit_ratio"]
        assert row["best_with_guarantee"] == "ftpl"
        belady = next(r["hit_ratio"] for r in own if r["policy"] == "belady")
        assert row["belady_leaves"] == pytest.approx(100 * (belady - row["hit_ratio"]))
    assert result.smallest(0.0)["capacity"] == 5
    assert result.smallest(1.1) is None


def test_the_lru_curve_is_lru_at_every_capacity():
    result = compare(TRACE, "none", "5,50", policies=["lru"])
    x, y = result.lru_curve()
    for capacity in (1, 5, 50, 137, TRACE.catalog_size):
        hits = olearn.replay(TRACE, ["lru"], capacity=capacity, offline=False).rows[0]["hit_ratio"]
        assert y[capacity - 1] == pytest.approx(hits, abs=1e-12)
    assert x[0] == 1


def test_every_family_is_deployable_or_marked():
    rows, columns = compare(TRACE, "all", "20").shown()
    assert rows[0]["policy"] not in ("belady", "static")
    assert {"ogd", "ogb", "experts", "arc", "lirs"} <= {r["policy"] for r in rows}
    assert columns[-1] == "mean gap"
    assert all(r["mean gap"] >= -1e-9 for r in rows if r["mark"] is None)


def test_command(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)

    def run(*words):
        return CliRunner().invoke(main, ["compare", *words], catch_exceptions=False)

    got = run(
        "twitter", "--limit", "5000", "-p", "lru", "-p", "sieve", "-c", "1%,5%", "--now", "2%", "--out", "out"
    )
    assert got.exit_code == 0
    assert "the answer" in got.output
    assert "LRU with" in got.output
    assert (tmp_path / "out" / "olearn-compare.png").stat().st_size > 10_000
    assert len(load(tmp_path / "out" / "result.json").rows) == 3 * 5
    got = run("twitter", "--limit", "5000", "-p", "lru", "-c", "1%", "--json", "--no-plot")
    assert {r["policy"] for r in json.loads(got.stdout)["rows"]} == {"lru", "static", "belady", "belady-bypass"}
    for words, sentence in (
        (["twitter", "--family", "classic"], "unknown family 'classic' (did you mean 'classics'?)"),
        (["twitter", "--family", "none"], "give a family or at least one policy"),
        (["twitter", "-p", "belady"], "reads the future"),
        (["twitter", "-c", "0%"], "capacity"),
    ):
        got = run(*words, "--no-plot")
        assert got.exit_code == 2
        assert sentence in got.output
