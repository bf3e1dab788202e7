"""Rows that are not like the others say so in the table itself."""

import numpy as np

import olearn
from olearn.engine.game import Run
from olearn.traces import Trace

TRACE = Trace.from_keys(np.random.default_rng(1).zipf(1.3, 4000) % 300)


def test_fractional_soft_and_prefilled_rows_are_marked():
    result = olearn.replay(TRACE, ["lru", "ogb", "ogd", "ftpl"], capacity=20, seeds=2)
    rows, columns = result.shown()
    assert columns[:2] == ["policy", "mark"]
    marks = {row["policy"]: row["mark"] for row in rows}
    assert marks["lru"] is None
    assert marks["belady"] is None
    assert marks["ogb"] == "sp"
    assert marks["ogd"] == "fp"
    assert marks["ftpl"] == marks["static"] == "p"
    legend = result.legend()
    peak = max(r["peak_occupancy"] for r in result.rows if r["policy"] == "ogb")
    assert f"(ogb {peak:.0f} of 20)" in next(line for line in legend if line.startswith("s:"))
    assert "ogd 20" in next(line for line in legend if line.startswith("p:"))
    assert "expectation" in next(line for line in legend if line.startswith("f:"))


def test_interrupted_rows_are_marked():
    result = olearn.replay(TRACE, ["lru"], capacity=20)
    run = result.runs[0]
    result.runs[0] = Run({**run.row, "complete": False, "requests": 1000}, run.curves)
    assert result.shown()[0][0]["mark"] == "i"
    assert any("(lru 1,000 of 4,000)" in line for line in result.legend())


def test_no_column_where_all_rows_are_alike():
    result = olearn.replay(TRACE, ["lru", "lfu"], capacity=20, offline=False)
    assert "mark" not in result.shown()[1]
    assert result.legend() == []


def test_a_static_set_above_belady_is_explained():
    """A short trace over many items: what starts in place beats everything that has to be fetched."""
    trace = Trace.from_keys(np.arange(200))
    legend = olearn.replay(trace, ["lru"], capacity=50).legend()
    assert any("from an empty cache the best static set has" in line for line in legend)
