"""The picture of inference delivery: gain over time, regret with bounds, models loaded."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from olearn.plot._style import figure, look, save, style


def draw(result: Any, path: str | Path | None = None) -> Any:
    """Draw a replay of inference delivery.

    Above: gain a slot between checkpoints, the relaxed optimum in grey. Middle: regret so far against the
    comparator that each policy's bound names, with declared bounds dotted where they fit (worst-case bounds
    are often far above: then it is said), and what a run itself certifies dashed thin. Below: models loaded
    so far.

    Parameters
    ----------
    result : DeliveryResult
    path : path, optional
        Where to write the picture; its ending says the format.

    Returns
    -------
    matplotlib.figure.Figure
    """
    told = result.manifest["trace"]
    points = result.checkpoints
    with style():
        fig = figure(figsize=(8.4, 9.0))
        gain, regret, updates = fig.subplots(3, 1, sharex=True)
        group = next(iter(result.hindsight), None)
        best = result.best(group).curves["optimum"]
        if np.isfinite(best).any():
            steady = np.diff(best, prepend=0.0) / np.diff(points, prepend=0)
            gain.plot(points, steady, color="#666666", linewidth=1.3, label="relaxed optimum (offline)")
        highest = lowest = 0.0
        bounds = []
        for k, (name, _, runs) in enumerate(result.groups()):
            how = look(k)
            label = f"{name} ({len(runs)} seeds)" if len(runs) > 1 else name
            _line(gain, points, result.band(name, "gain_per_slot"), how, label)
            band = result.band(name, "regret")
            if np.isfinite(band.mean).all():
                _line(regret, points, band, how, label)
                highest, lowest = max(highest, float(band.mean.max())), min(lowest, float(band.mean.min()))
            _line(updates, points, result.band(name, "model_updates"), how, label)
            if runs[0].bound_curve is not None:
                bounds.append((name, runs[0].bound_curve, how["color"]))
        gain.set_ylabel("gain (ms saved a slot)")
        gain.set_title(f"{told['name']}: {told['slots']:,} slots, {told['requests']:,.0f} requests", loc="left")
        gain.legend(loc="upper left", bbox_to_anchor=(1.01, 1.0), borderaxespad=0)
        top = max(highest, 1.0)
        far = []
        for name, curve, colour in bounds:
            if curve[-1] <= 5 * top:
                how = {"color": colour, "linewidth": 1.2, "linestyle": ":"}
                regret.plot(points[: curve.size], curve, label=f"bound of {name}", **how)
                top = max(top, float(curve[-1]))
            else:
                far.append(f"bound of {name}: {curve[-1]:.3g} at the end, not drawn")
        if far:
            regret.annotate("\n".join(far), (0.01, 0.98), xycoords="axes fraction", fontsize=8, va="top")
        regret.axhline(0, color="black", linewidth=0.8)
        regret.set_ylim(max(1.08 * lowest, -1.2 * top) - 0.02 * top, 1.15 * top)
        regret.set_ylabel("regret so far (ms, to the\nrelaxed optimum or its 1-1/e)")
        updates.set_ylabel("models loaded so far")
        updates.set_xlabel("slots served")
        if path is not None:
            save(fig, path)
    return fig


def _line(ax: Any, points: np.ndarray, band: Any, how: dict[str, Any], label: str) -> None:
    x = points[: band.mean.size]
    ax.plot(x, band.mean, label=label, marker="o" if x.size == 1 else None, **how)
    if np.isfinite(band.low).all():
        ax.fill_between(x, band.low, band.high, color=how["color"], alpha=0.18, linewidth=0)
