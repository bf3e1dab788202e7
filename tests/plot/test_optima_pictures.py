"""The pictures of comparators hold the numbers they are given."""

import numpy as np

from olearn.optima import price_of_fairness
from olearn.plot.optima import fairness, waterfall


def test_waterfall_bars_end_at_the_miss_ratio(tmp_path):
    shares = {"compulsory": 0.2, "capacity misses": 0.1, "static": 0.15, "left over": 0.05}
    rows = [{"policy": "lru", "capacity": 10, **shares}, {"policy": "ogb", "capacity": 20, **shares}]
    fig = waterfall(rows, tmp_path / "w.png")
    assert (tmp_path / "w.png").stat().st_size > 5000
    axes = fig.axes[0]
    assert [t.get_text() for t in axes.get_yticklabels()] == ["lru, C=10", "ogb, C=20"]
    widths = np.array([p.get_width() for p in axes.patches]).reshape(5, 2)
    np.testing.assert_allclose(widths.sum(axis=0), 1.0)
    np.testing.assert_allclose(widths[:4].sum(axis=0), 0.5)


def test_price_of_fairness(tmp_path):
    rows = price_of_fairness([[10, 0], [0, 1]], 1, [0, 1, float("inf")])
    fig = fairness(rows, tmp_path / "f.png")
    drawn = fig.axes[0].lines[0].get_ydata()
    np.testing.assert_allclose(drawn, [100 * r["price"] for r in rows])
    assert [t.get_text() for t in fig.axes[0].get_xticklabels()] == ["0", "1", "max-min"]
