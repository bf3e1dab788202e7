"""Pictures of language-model caches: hit ratio against capacity, and over time at one capacity."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from olearn.plot._style import figure, look, save, style


def draw(result: Any, path: str | Path | None, ratio: str, curve: str, unit: str) -> Any:
    """Hit ratio against capacity where there are several, else what was earned over time.

    Parameters
    ----------
    result : Result
        Of prefix or expert caches.
    path : path or None
        Where to write the picture; its ending says the format.
    ratio, curve : str
        The column and the curve to draw.
    unit : str
        Of the curve.

    Returns
    -------
    matplotlib.figure.Figure
    """
    told = result.manifest["trace"]
    capacities = list(dict.fromkeys(run.row["capacity"] for run in result.runs))
    with style():
        fig = figure(figsize=(8.2, 4.8))
        axis = fig.subplots()
        if len(capacities) > 1:
            _against_capacity(result, axis, sorted(capacities), ratio)
        else:
            _over_time(result, axis, curve, unit)
        axis.set_title(f"{told['name']}: {told['requests']:,} requests", loc="left")
        axis.set_ylim(bottom=0)
        axis.legend(loc="upper left", bbox_to_anchor=(1.01, 1.0), borderaxespad=0)
        if path is not None:
            save(fig, path)
    return fig


def _against_capacity(result: Any, axis: Any, capacities: list[int], ratio: str) -> None:
    per = {c: next(r.row for r in result.runs if r.row["capacity"] == c) for c in capacities}
    most = [(c, per[c]["upper_bound"] / per[c][result.TOTAL]) for c in capacities if per[c].get("upper_bound")]
    if most:
        axis.plot(
            *zip(*most), color="#666666", linewidth=1.3, marker=".", label="the most there is (certified)"
        )
    for k, policy in enumerate(dict.fromkeys(run.row["policy"] for run in result.runs)):
        values = [
            (
                c,
                float(
                    np.mean(
                        [
                            r.row[ratio]
                            for r in result.runs
                            if r.row["policy"] == policy and r.row["capacity"] == c
                        ]
                    )
                ),
            )
            for c in capacities
            if any(r.row["policy"] == policy and r.row["capacity"] == c for r in result.runs)
        ]
        axis.plot(*zip(*values), marker="o", markersize=3.5, label=policy, **look(k))
    axis.set_xscale("log")
    axis.set_xlabel(f"capacity ({result.UNIT})")
    axis.set_ylabel(ratio.replace("_", " "))


def _over_time(result: Any, axis: Any, curve: str, unit: str) -> None:
    group = next((run.row["capacity"] for run in result.runs), None)
    points = result.checkpoints
    best = result.best(group).curves["optimum"]
    if np.isfinite(best).any():
        axis.plot(points, best, color="#666666", linewidth=1.3, label="the most there is (offline)")
    for k, (policy, _, _) in enumerate(result.groups()):
        band = result.band(policy, group, curve)
        x = points[: band.mean.size]
        axis.plot(x, band.mean, label=policy, **look(k))
        if np.isfinite(band.low).all():
            axis.fill_between(x, band.low, band.high, color=look(k)["color"], alpha=0.18, linewidth=0)
    axis.set_xlabel("requests served")
    axis.set_ylabel(f"{unit} saved so far, capacity {group:,}")
