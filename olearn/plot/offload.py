"""Pictures of an offloading replay: regret and bound, the threshold's way, accuracy against cost, budget."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from olearn.plot._style import figure, look, save, style

_OWN = ("best threshold", "every threshold")


def draw(result: Any, path: str | Path | None = None) -> Any:
    """All pictures of a replay in one figure; those without data are left out.

    Parameters
    ----------
    result : OffloadResult
    path : path, optional
        Where to write the figure.

    Returns
    -------
    matplotlib.figure.Figure
    """
    if result.manifest["kind"] != "binary":
        from olearn.plot.arms import draw as draw_arms

        return draw_arms(result, path)
    panels = [draw_regret]
    if any(_has_threshold(result, p) for p in _policies(result)):
        panels.append(draw_thresholds)
    if "every threshold" in result.curves:
        panels.append(draw_plane)
    if result.manifest.get("budget"):
        panels.append(draw_budget)
    told = result.manifest
    with style():
        across = len(panels) if len(panels) < 4 else 2
        rows = -(-len(panels) // across)
        fig = figure(figsize=(5.6 * across, 4.3 * rows + 0.6))
        fig.suptitle(
            f"{told['table'] or 'table'}: {told['samples']:,} samples, cost {told['cost']:.3g}"
            + (f", budget {told['budget']}" if told.get("budget") else ""),
            x=0.01,
            ha="left",
        )
        axes = np.atleast_1d(fig.subplots(rows, across)).ravel()
        for ax, panel in zip(axes, panels):
            panel(result, ax)
        for ax in axes[len(panels) :]:
            ax.set_axis_off()
        handles, labels = axes[0].get_legend_handles_labels()
        fig.legend(handles, labels, loc="outside lower center", ncols=min(6, len(labels)))
        if path is not None:
            save(fig, path)
    return fig


def draw_regret(result: Any, ax: Any) -> None:
    """Regret so far against the best threshold of the samples so far; declared bounds dotted."""
    names = _policies(result)
    top = max(max(float(np.nanmax(np.mean(result.curves[p]["regret"], axis=0))) for p in names), 1.0)
    for k, name in enumerate(names):
        curve = result.curves[name]
        runs = curve["regret"]
        mean = runs.mean(axis=0)
        ax.plot(curve["samples"], mean, label=name, **look(k))
        if runs.shape[0] > 1:
            half = 1.96 * runs.std(axis=0, ddof=1) / np.sqrt(runs.shape[0])
            ax.fill_between(
                curve["samples"], mean - half, mean + half, color=look(k)["color"], alpha=0.18, linewidth=0
            )
        bound = _bound(result, name)
        if bound is not None and float(np.nanmax(bound)) < 6 * top:
            ax.plot(curve["samples"], bound, color=look(k)["color"], linewidth=1.2, linestyle=":")
    bounds = [b for b in (_bound(result, p) for p in names) if b is not None]
    others = [p for p in names if "bound" in result.curves[p] and _bound(result, p) is None]
    near = [float(np.nanmax(b)) for b in bounds if float(np.nanmax(b)) < 6 * top]
    highest = max([top, *near])
    ax.set_ylim(min(0.0, *(float(result.curves[p]["regret"].min()) for p in names)) * 1.05, 1.06 * highest)
    note = "regret (dotted: declared bound)" if near else "regret"
    if len(near) < len(bounds):
        note += "; far bounds not shown" if near else " (its bounds are far above)"
    if others:
        note += f"\nbound against another comparator, not drawn: {', '.join(others)}"
    ax.set_title(note, loc="left")
    rival = "best within budget" if result.manifest.get("budget") else "best threshold so far"
    ax.set_ylabel(f"cost above the {rival}")
    _samples(ax)


def _bound(result: Any, policy: str) -> np.ndarray | None:
    """The bound's curve, where it is a bound on the regret that is drawn."""
    bound: np.ndarray | None = result.curves[policy].get("bound")
    if bound is None or np.isnan(bound).all():
        return None
    rows = [r for r in result.rows if r["policy"] == policy]
    against = rows[0].get("comparator", "best fixed threshold")
    return bound if against == "best fixed threshold" else None


def draw_thresholds(result: Any, ax: Any) -> None:
    """The threshold in use over time, and the best one of the samples so far (thin black)."""
    best = result.curves["best threshold"]
    ax.step(best["samples"], best["threshold"], where="post", color="black", linewidth=1.0)
    for k, name in enumerate(_policies(result)):
        if _has_threshold(result, name):
            curve = result.curves[name]
            ax.plot(curve["samples"], np.nanmean(curve["threshold"], axis=0), **look(k))
    ax.annotate(
        "black: best threshold of the samples so far",
        (0.98, 0.03),
        xycoords="axes fraction",
        ha="right",
        fontsize=8,
    )
    ax.set_ylim(-0.02, 1.02)
    ax.set_title("threshold (offload below it)", loc="left")
    ax.set_ylabel("confidence")
    _samples(ax)


def draw_plane(result: Any, ax: Any) -> None:
    """Accuracy against what offloading cost: every fixed threshold, their Pareto front, the policies."""
    sweep = result.curves["every threshold"]
    x, y = sweep["price_paid"], sweep["accuracy"]
    ax.plot(x, y, color="#999999", linewidth=1.0)
    front = pareto(x, y)
    ax.plot(x[front], y[front], color="black", linewidth=1.6, drawstyle="default")
    for k, name in enumerate(_policies(result)):
        rows = [r for r in result.rows if r["policy"] == name]
        ax.plot(
            np.mean([r["price_paid"] for r in rows]),
            np.mean([r["accuracy"] for r in rows]),
            marker="osD^vPX*"[k % 8],
            color=look(k)["color"],
            markersize=7,
            linestyle="none",
            markeredgecolor="white",
            zorder=3,
        )
    for row in result.comparators:
        if row["policy"] == "best threshold":
            ax.plot(row["price_paid"], row["accuracy"], "o", mfc="none", mec="black", markersize=11, zorder=2)
    ax.annotate(
        "black: Pareto front of fixed thresholds; ring: the best one",
        (0.98, 0.03),
        xycoords="axes fraction",
        ha="right",
        fontsize=8,
    )
    ax.set_title("accuracy bought by offloading", loc="left")
    ax.set_xlabel("mean price paid for offloading, in wrong answers")
    ax.set_ylabel("accuracy")


def draw_budget(result: Any, ax: Any) -> None:
    """What was used above (or below) what the budget allowed by then."""
    allowed = result.curves["best threshold"]["allowed"]
    for k, name in enumerate(_policies(result)):
        curve = result.curves[name]
        ax.plot(curve["samples"], (curve["used"] - allowed).mean(axis=0), **look(k))
    ax.axhline(0.0, color="black", linewidth=0.8)
    ax.set_title("used minus allowed (above 0: violation)", loc="left")
    ax.set_ylabel(result.manifest.get("budget_unit") or "units of the budget")
    _samples(ax)


def pareto(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """Positions of the points that no other beats: less x, more y; in increasing order of x.

    Examples
    --------
    >>> pareto(np.array([0.0, 1.0, 2.0]), np.array([0.5, 0.4, 0.9])).tolist()
    [0, 2]
    """
    order = np.lexsort((-y, x))
    best = np.maximum.accumulate(y[order])
    first = np.concatenate([[True], best[1:] > best[:-1]])
    return order[first]


def _policies(result: Any) -> list[str]:
    return [name for name in result.curves if name not in _OWN]


def _has_threshold(result: Any, name: str) -> bool:
    curve = result.curves[name].get("threshold")
    return curve is not None and bool(np.isfinite(curve).all())


def _samples(ax: Any) -> None:
    ax.set_xlabel("samples")
    ax.xaxis.set_major_formatter(_thousands)


def _thousands(value: float, _: Any = None) -> str:
    if abs(value) >= 1e6:
        return f"{value / 1e6:g}M"
    return f"{value / 1e3:g}k" if abs(value) >= 1e3 else f"{value:g}"
