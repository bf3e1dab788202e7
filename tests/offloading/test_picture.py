"""Pictures of an offloading replay."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from olearn.engine.offloading import replay_offloading
from olearn.plot.offload import pareto
from olearn.traces.offloading import read_table


@given(st.lists(st.tuples(st.integers(0, 6), st.integers(0, 6)), min_size=1, max_size=12))
def test_pareto_is_what_no_point_beats(points):
    x, y = (np.array([p[k] for p in points], float) for k in (0, 1))
    front = {(x[i], y[i]) for i in pareto(x, y)}
    beaten = {
        (a, b) for a, b in zip(x, y) if any((c <= a and d >= b) and (c, d) != (a, b) for c, d in zip(x, y))
    }
    assert front == set(zip(x, y)) - beaten


def test_panels(tmp_path):
    part = read_table("digits")[:200]
    plain = replay_offloading(part, ["hil-f", "hi-lcb-lite"], cost=0.3, seeds=2, checkpoints=8)
    fig = plain.plot(tmp_path / "a.png")
    titles = [ax.get_title(loc="left") for ax in fig.axes]
    assert titles[0].startswith("regret (dotted: declared bound)")
    assert "threshold (offload below it)" in titles
    assert "accuracy bought by offloading" in titles
    assert (tmp_path / "a.png").stat().st_size > 10_000
    # the curve drawn is the curve of the result
    line = next(line for line in fig.axes[0].lines if line.get_label() == "hi-lcb-lite")
    np.testing.assert_allclose(line.get_ydata(), plain.curves["hi-lcb-lite"]["regret"].mean(axis=0))
    limited = replay_offloading(part, ["never"], cost=0.3, budget="rate:0.2", checkpoints=8)
    titles = [ax.get_title(loc="left") for ax in limited.plot().axes]
    assert any(t.startswith("used minus allowed") for t in titles)
