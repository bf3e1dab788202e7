"""The picture of a replay: hit ratio over time, and regret over time with bounds and guide."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from olearn.errors import ParameterError
from olearn.plot._style import BOUND, FAR, figure, look, save, style


def draw(result: Any, path: str | Path | None = None, capacity: int | None = None) -> Any:
    """Draw a replay at one capacity.

    Above: cumulative hit ratio over the requests served, mean over seeds with a 95 % band; Belady and the best
    static set, prefilled and from an empty cache, are drawn thin and grey. Below: regret against the best
    static set of the prefix, with each declared bound dotted in the policy's colour (one that is far above
    everything is told in words), and a sqrt(t) guide through the largest regret: a curve that bends like
    the guide is no-regret, one that rises like a line is not.

    Parameters
    ----------
    result : Result
    path : path, optional
        Where to write the picture; its ending says the format.
    capacity : int, optional
        Which capacity; by default the first.

    Returns
    -------
    matplotlib.figure.Figure
    """
    if capacity is None:
        capacity = next(iter(result.comparators))
    elif capacity not in result.comparators:
        known = ", ".join(map(str, result.comparators))
        raise ParameterError(f"no capacity {capacity} in this result; it has {known}")
    names = [(p, runs) for p, c, runs in result.groups() if c == capacity and runs[0].reward.size]
    points = result.checkpoints
    trace = result.manifest["trace"]
    with style():
        fig = figure(figsize=(8.0, 8.2))
        upper, lower = fig.subplots(2, 1, sharex=True)
        online = [(p, runs) for p, runs in names if not runs[0].row["offline"]]
        offline = [(p, runs) for p, runs in names if runs[0].row["offline"]]
        greys = {"static": (0, (5, 2)), "belady": "-", "belady-bypass": (0, (9, 3))}
        greys |= {"static-sized": greys["static"], "belady-sized": "-", "sized": greys["belady-bypass"]}
        for name, _ in offline:
            curve = result.curve(name, capacity, result.MAIN)[0]
            upper.plot(
                points[: curve.size],
                curve,
                color="#666666",
                linewidth=1.3,
                linestyle=greys.get(name, "-"),
                marker=_dot(curve),
                label=f"{name} (offline{_START.get(name, '')})",
            )
        charged = result.best(capacity).curves.get("static_prefix_fetch_charged")
        if (
            any(name.startswith("static") for name, _ in offline)
            and charged is not None
            and np.isfinite(charged).any()
        ):
            upper.plot(
                points,
                charged / np.maximum(result.scale(capacity), 1.0),
                color="#666666",
                linewidth=1.0,
                linestyle=(0, (2, 1, 6, 1)),
                marker=_dot(points),
                label="best static set so far\n(offline, from an empty cache)",
            )
        for k, (name, runs) in enumerate(online):
            _line(upper, points, result.band(name, capacity, result.MAIN), look(k), _label(name, runs))
        upper.set_ylabel(f"{result.MAIN.replace('_', ' ')} so far")
        upper.set_title(
            f"{trace['name']}: {trace['requests']:,} requests, {trace['items']:,} items, capacity {capacity:,}"
            + (" bytes" if result.manifest.get("unit") == "bytes" else ""),
            loc="left",
        )
        upper.set_ylim(bottom=0)
        if names:  # matplotlib warns of a legend without entries
            upper.legend(loc="upper left", bbox_to_anchor=(1.01, 1.0), borderaxespad=0)

        highest = 0.0
        lowest = 0.0
        for k, (name, runs) in enumerate(online):
            band = result.band(name, capacity, "regret_prefix")
            _line(lower, points, band, look(k), _label(name, runs))
            highest = max(highest, float(np.max(band.mean)))
            lowest = min(lowest, float(np.min(band.mean)))
        top = highest
        drawn, far = _bounds(online, max(highest, -lowest, 1.0))
        for n, (k, bound) in enumerate(drawn):
            note = None if n else "declared bound\n(dotted, same colour)"
            how = {"color": look(k)["color"], "linewidth": 1.2, "linestyle": BOUND}
            lower.plot(points[: bound.size], bound, label=note, marker=_dot(bound, "x"), **how)
            top = max(top, float(bound[-1]))
        if far:
            lower.annotate("\n".join(far), (0.01, 0.98), xycoords="axes fraction", fontsize=8, va="top")
        if highest > 0:
            guide = highest * np.sqrt(points / points[-1])
            lower.plot(points, guide, color="#999999", linewidth=1.0, label=r"$\sqrt{t}$ guide")
        # A policy far better than the static set must not squeeze the others into a line.
        lower.set_ylim(max(lowest * 1.05, -1.2 * max(top, 1.0)), 1.08 * max(top, 1.0))
        if lowest < -1.2 * max(top, 1.0):
            lower.annotate(
                "▼ negative: better than any static set", (0.01, 0.02), xycoords="axes fraction", fontsize=8
            )
        lower.axhline(0, color="black", linewidth=0.8)
        lower.set_ylabel(f"regret so far ({result.WHAT} lost to the\nbest static set of the same requests)")
        lower.set_xlabel("requests served")
        lower.xaxis.set_major_formatter(_thousands)
        lower.yaxis.set_major_formatter(_thousands)
        if online:
            lower.legend(loc="upper left", bbox_to_anchor=(1.01, 1.0), borderaxespad=0)
        if path is not None:
            save(fig, path)
    return fig


#: What an offline row starts with.
_START = {
    "static-sized": ", prefilled",
    "belady-sized": ", from an empty cache",
    "sized": ", best schedule found",
    "static": ", prefilled",
    "belady": ", from an empty cache",
    "belady-bypass": ", from an empty cache",
}


def _bounds(online: list[Any], scale: float) -> tuple[list[tuple[int, np.ndarray]], list[str]]:
    """The bound curves to draw, by number of their policy, and what is said of those too far above `scale`."""
    drawn, far = [], []
    for k, (name, runs) in enumerate(online):
        bound = runs[0].bound_curve
        if bound is None or not np.isfinite(bound[-1]):
            continue
        if bound[-1] <= FAR * scale:
            drawn.append((k, bound))
        else:
            far.append(f"bound of {name}: {bound[-1]:,.3g} at the end, not drawn")
    return drawn, far


def _line(ax: Any, points: np.ndarray, band: Any, how: dict[str, Any], label: str) -> None:
    x = points[: band.mean.size]
    ax.plot(x, band.mean, label=label, marker=_dot(x), **how)
    if np.isfinite(band.low).all():
        ax.fill_between(x, band.low, band.high, color=how["color"], alpha=0.18, linewidth=0)


def _dot(x: np.ndarray, marker: str = "o") -> str | None:
    """A marker where a line of one point would not be seen."""
    return marker if x.size == 1 else None


def _label(name: str, runs: list[Any]) -> str:
    return f"{name} ({len(runs)} seeds)" if len(runs) > 1 else name


def _thousands(value: float, _: Any = None) -> str:
    if abs(value) >= 1e6:
        return f"{value / 1e6:g}M"
    return f"{value / 1e3:g}k" if abs(value) >= 1e3 else f"{value:g}"
