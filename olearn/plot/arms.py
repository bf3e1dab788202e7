"""Pictures of a replay over arms: regret and bound, the arms chosen, accuracy against cost, budget."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from olearn.plot._style import figure, look, save, style

_MARKERS = "osD^vPX*"


def draw(result: Any, path: str | Path | None = None) -> Any:
    """All pictures of a replay in one figure; those without data are left out.

    Parameters
    ----------
    result : OffloadResult
        Of :func:`olearn.engine.offloading.arms.replay_arms`.
    path : path, optional
        Where to write the figure.

    Returns
    -------
    matplotlib.figure.Figure
    """
    told = result.manifest
    panels = [draw_regret, draw_choices]
    if any(row.get("accuracy") is not None for row in result.rows):
        panels.append(draw_plane)
    if told.get("budget"):
        panels.append(draw_budget)
    with style():
        across = 3 if len(panels) == 3 else 2
        rows = -(-len(panels) // across)
        fig = figure(figsize=(5.75 * across, 4.3 * rows + 0.5))
        title = f"{told['table'] or told['kind']}: {told['samples']:,} samples"
        if told["kind"] == "servers":
            title += f", {result.rows[0]['samples']:,} of them ours"
        if told.get("budget"):
            title += f", budget {told['budget']}"
        fig.suptitle(title, x=0.01, ha="left")
        axes = np.atleast_1d(fig.subplots(rows, across)).ravel()
        for ax, panel in zip(axes, panels, strict=False):
            panel(result, ax)
        for ax in axes[len(panels) :]:
            ax.set_axis_off()
        handles, labels = axes[0].get_legend_handles_labels()
        fig.legend(handles, labels, loc="outside lower center", ncols=min(4, len(labels)))
        if path is not None:
            save(fig, path)
    return fig


def draw_regret(result: Any, ax: Any) -> None:
    """Regret so far against the best arm of the samples so far; declared bounds dotted."""
    names = _policies(result)
    means = {name: result.curves[name]["regret"].mean(axis=0) for name in names}
    top = max(1.0, *(float(m.max()) for m in means.values()))
    bounds = {n: result.curves[n]["bound"].mean(axis=0) for n in names if "bound" in result.curves[n]}
    for k, name in enumerate(names):
        samples, runs = result.curves[name]["samples"], result.curves[name]["regret"]
        ax.plot(samples, means[name], label=name, **look(k))
        if runs.shape[0] > 1:
            half = 1.96 * runs.std(axis=0, ddof=1) / np.sqrt(runs.shape[0])
            low, high = means[name] - half, means[name] + half
            ax.fill_between(samples, low, high, color=look(k)["color"], alpha=0.18, linewidth=0)
        if name in bounds:
            ax.plot(samples, bounds[name], color=look(k)["color"], linewidth=1.2, linestyle=":")
    near = [float(np.nanmax(b)) for b in bounds.values() if float(np.nanmax(b)) < 6 * top]
    low = min(0.0, *(float(m.min()) for m in means.values()))
    ax.set_ylim(1.05 * low, 1.06 * max([top, *near]))
    note = "regret (dotted: declared bound)" if bounds else "regret"
    if len(near) < len(bounds):
        note += "; bounds off the scale are not shown"
    ax.set_title(note, loc="left")
    rival = "best lottery within the budget" if result.manifest.get("budget") else "best arm so far"
    ms = ", ms" if result.manifest["kind"] == "splits" else ""
    ax.set_ylabel(f"cost above the {rival}{ms}")
    _samples(ax)


def draw_choices(result: Any, ax: Any) -> None:
    """The mean position of the arms chosen over time, and the best arm so far (thin black)."""
    names = _policies(result)
    for name, curve in result.curves.items():
        if name.startswith("best arm"):
            ax.step(curve["samples"], curve["arm"], where="post", color="black", linewidth=1.0)
    for k, name in enumerate(names):
        ax.plot(result.curves[name]["samples"], result.curves[name]["arm"].mean(axis=0), **look(k))
    arms = result.manifest["arms"]
    if len(arms) <= 8 and all(len(p["arm_costs"]) == len(arms) for p in result.manifest["policies"]):
        ax.set_yticks(range(len(arms)), arms)
    else:
        ax.set_ylabel("number of the arm, from 0")
    limited = ", no budget" if result.manifest.get("budget") else ""
    ax.set_title(f"arm chosen, mean position (black: best so far{limited})", loc="left")
    _samples(ax)


def draw_plane(result: Any, ax: Any) -> None:
    """Accuracy against cost: the constant arms (grey) and the policies."""
    costs = [row["cost"] for row in [*result.comparators, *result.rows]]
    near = 0.15 * (max(costs) - min(costs))
    named: list[tuple[str, float]] = []
    for row in result.comparators:
        if row.get("accuracy") is not None and row["policy"].startswith("always "):
            ax.plot(row["cost"], row["accuracy"], "o", color="#999999", markersize=5)
            name = row["policy"].removeprefix("always ").split(" (")[0]
            if any(name == other and abs(row["cost"] - cost) < near for other, cost in named):
                continue  # the same arm, counted in another way, would be written over it
            named.append((name, row["cost"]))
            ax.annotate(name, (row["cost"], row["accuracy"]), (4, -9), textcoords="offset points", fontsize=7)
    for k, name in enumerate(_policies(result)):
        rows = [r for r in result.rows if r["policy"] == name and r.get("accuracy") is not None]
        if rows:
            cost, accuracy = (float(np.mean([r[key] for r in rows])) for key in ("cost", "accuracy"))
            marker = _MARKERS[k % len(_MARKERS)]
            ax.plot(cost, accuracy, marker, color=look(k)["color"], markersize=8, markeredgecolor="white")
    ax.set_title("accuracy and cost (grey: constant arms)", loc="left")
    losses = {p["loss"] for p in result.manifest["policies"]}
    ax.set_xlabel("mean cost per sample" + (f": {losses.pop()}" if len(losses) == 1 else ""))
    ax.set_ylabel("accuracy")


def draw_budget(result: Any, ax: Any) -> None:
    """What was used above (or below) what the budget allowed by then."""
    allowed = next(c["allowed"] for n, c in result.curves.items() if n.startswith("best arm"))
    for k, name in enumerate(_policies(result)):
        curve = result.curves[name]
        ax.plot(curve["samples"], (curve["used"] - allowed).mean(axis=0), **look(k))
    ax.axhline(0.0, color="black", linewidth=0.8)
    ax.set_title("used minus allowed (above 0: violation)", loc="left")
    units = {p["budget_unit"] for p in result.manifest["policies"]}
    ax.set_ylabel(units.pop() if len(units) == 1 else "units of the budget")
    _samples(ax)


def _policies(result: Any) -> list[str]:
    return [name for name in result.curves if not name.startswith("best arm")]


def _samples(ax: Any) -> None:
    ax.set_xlabel("samples")
    ax.xaxis.set_major_formatter(_thousands)


def _thousands(value: float, _: Any = None) -> str:
    if abs(value) >= 1e6:
        return f"{value / 1e6:g}M"
    return f"{value / 1e3:g}k" if abs(value) >= 1e3 else f"{value:g}"
