"""The picture of a bandit experiment: regret with bands, and what nobody can beat."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from olearn.plot._style import figure, look, save, style
from olearn.regret.bands import band

if TYPE_CHECKING:
    from olearn.engine.bandits import BanditReplay


def draw(result: BanditReplay, path: str | Path | None = None) -> Any:
    """Draw the regret of every policy over time, once on a linear and once on a logarithmic axis of rounds.

    Where the means change the regret is that to the best arm of each phase.

    Each curve is the mean over runs with a 95 % band. On the logarithmic axis regret of order ln t is a
    straight line; the Lai-Robbins line c ln t has the slope that no consistent policy stays below for ever
    (it bounds the growth, not the height, so a good curve may run beneath it and parallel). The dotted
    curve is the minimax lower bound: some environment of this kind forces every policy above it, not
    necessarily this one.

    Parameters
    ----------
    result : BanditReplay
    path : path, optional
        Where to write the picture; its ending says the format.

    Returns
    -------
    matplotlib.figure.Figure
    """
    t = result.checkpoints
    with style():
        fig = figure(figsize=(10.5, 4.6))
        left, right = fig.subplots(1, 2, sharey=True)
        top = 0.0
        for k, row in enumerate(result.rows):
            curves = band(result.headline(row))
            top = max(top, float(curves.mean.max()), float(curves.high[-1]))
            for axis in (left, right):
                axis.plot(t, curves.mean, label=row.label, **look(k))
                if result.runs > 1:
                    axis.fill_between(
                        t, curves.low, curves.high, color=look(k)["color"], alpha=0.18, linewidth=0
                    )
        _floors(result, (left, right), t)
        left.set_xlim(0, result.horizon)
        right.set_xscale("log")
        right.set_xlim(max(1, result.horizon / 1e4) if result.horizon > 1 else 0.5, max(2, result.horizon))
        left.set_ylim(top=1.08 * max(top, 1.0))
        if min(float(result.headline(r).mean(axis=0).min()) for r in result.rows) >= 0.0:
            left.set_ylim(bottom=0)
        kind = "pseudo-regret" if result.environment.stochastic else "regret"
        left.set_ylabel(f"{kind} to the best arm of each phase" if result.environment.breaks.size else kind)
        for axis in (left, right):
            axis.set_xlabel("round")
        count = "1 run" if result.runs == 1 else f"{result.runs:,} runs, mean and 95 % band"
        fig.suptitle(f"{_title(result)}: {count}", x=0.01, ha="left", fontsize=11)
        right.set_title("the same, logarithmic rounds", loc="left", fontsize=10)
        right.legend(loc="upper left", bbox_to_anchor=(1.01, 1.0), borderaxespad=0)
        if path is not None:
            save(fig, path)
    return fig


def _floors(result: BanditReplay, axes: Any, t: np.ndarray) -> None:
    """The Lai-Robbins line and the minimax lower bound."""
    constant, lower = result.lai_robbins(), result.minimax_lower()
    for axis in axes:
        if constant:
            label = f"Lai-Robbins: {constant:.3g} ln t\n(asymptotic: a slope, not a floor)"
            axis.plot(
                t, constant * np.log(t), color="#555555", linestyle=(0, (6, 3)), linewidth=1.2, label=label
            )
        if lower:
            curve = lower * np.sqrt(t / result.horizon)
            label = "minimax lower bound\n(worst case: of some environment,\nnot of this one)"
            axis.plot(t, curve, color="#555555", linestyle=":", linewidth=1.4, label=label)


def _title(result: BanditReplay) -> str:
    env = result.environment
    what = f"{env.kind}, {env.arms} arms"
    if env.breaks.size:
        what += f", {env.breaks.size + 1} phases"
    return what if result.m == 1 else f"{what}, sets of {result.m}"
