"""The picture that answers the engineer's question: hit ratio against capacity."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from olearn.plot._style import figure, look, save, style

#: So many policies have a colour; the others are drawn thin and grey.
COLOURED = 8


def draw(result: Any, path: str | Path | None = None, now: int | None = None) -> Any:
    """Hit ratio of every policy over the capacities compared, under Belady's ceiling, with the exact LRU curve.

    Parameters
    ----------
    result : Comparison
    path : path, optional
        Where to write the picture; its ending says the format.
    now : int, optional
        A capacity to mark.

    Returns
    -------
    matplotlib.figure.Figure
    """
    told = result.manifest["trace"]
    table = result.table()
    capacities = sorted({row["capacity"] for row in table})
    curves: dict[str, list[tuple[int, float]]] = {}
    for row in table:
        curves.setdefault(row["policy"], []).append((row["capacity"], row["hit_ratio"]))
    offline = {row["policy"] for row in table if row["offline"]}
    mean = {name: float(np.mean([y for _, y in points])) for name, points in curves.items()}
    online = sorted((n for n in curves if n not in offline), key=lambda n: -mean[n])
    coloured = list(dict.fromkeys([*[n for n in ("experts",) if n in online], *online]))[:COLOURED]
    now = now if now is not None else result.manifest.get("now")
    with style():
        fig = figure(figsize=(9.0, 5.6))
        axis = fig.subplots()
        for name, dashes in (("belady", "-"), ("static", (0, (5, 2)))):
            if name in curves:
                label = "belady (most there is)" if name == "belady" else "best static set (prefilled)"
                axis.plot(
                    *zip(*sorted(curves[name])), color="#666666", linewidth=1.3, linestyle=dashes, label=label
                )
        exact = result.lru_curve()
        if exact is not None:
            x, y = exact
            inside = (x >= capacities[0]) & (x <= capacities[-1])
            axis.plot(
                x[inside],
                y[inside],
                color="#BBBBBB",
                linewidth=3.5,
                label="LRU, every capacity (exact)",
                zorder=1,
            )
        for k, name in enumerate(coloured):
            axis.plot(*zip(*sorted(curves[name])), marker="o", markersize=3.5, label=name, **look(k))
        for n, name in enumerate(m for m in online if m not in coloured):
            rest = None if n else "other policies"
            axis.plot(*zip(*sorted(curves[name])), color="#CCCCCC", linewidth=0.8, label=rest, zorder=0)
        if now is not None:
            axis.axvline(now, color="black", linewidth=0.9)
            axis.annotate(f" {now:,}", (now, 0.01), xycoords=("data", "axes fraction"), fontsize=8)
        axis.set_xscale("log")
        axis.set_ylim(bottom=0)
        axis.set_xlabel(f"capacity (items, of {told['items']:,})")
        axis.set_ylabel("hit ratio")
        axis.set_title(f"{told['name']}: {told['requests']:,} requests", loc="left")
        axis.legend(loc="upper left", bbox_to_anchor=(1.01, 1.0), borderaxespad=0)
        if path is not None:
            save(fig, path)
    return fig
