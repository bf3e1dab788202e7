"""The picture of a regret growth: regret over the horizon on logarithmic axes, with the fitted power law."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from olearn.plot._style import figure, look, save, style

if TYPE_CHECKING:
    from olearn.learners.growth import Growth


def draw(growth: Growth | Sequence[Growth], path: str | Path | None = None) -> Any:
    """Draw growths: the mean of each horizon, every run as a faint dot, the fit, the declared bound.

    Parameters
    ----------
    growth : Growth or sequence of Growth
        From :func:`olearn.regret_growth`.
    path : path, optional
        Where to write the picture; its ending says the format.

    Returns
    -------
    matplotlib.figure.Figure
    """
    rows: list[Any] = [growth] if hasattr(growth, "horizons") else list(growth)
    with style():
        fig = figure(figsize=(6.4, 4.4))
        axis = fig.subplots()
        for k, row in enumerate(rows):
            colour = look(k)["color"]
            T, means = row.horizons, row.regrets.mean(axis=1)
            label = f"{row.policy} vs {row.adversary}"
            if np.isfinite(row.exponent):
                label += f": $T^{{{row.exponent:.2f}}}$ [{row.low:.2f}, {row.high:.2f}]"
                axis.plot(T, row.constant * T**row.exponent, **look(k))
            shown = means > 0.0
            axis.plot(T[shown], means[shown], "o", color=colour, markersize=5, label=label)
            for s in range(row.regrets.shape[1]):
                positive = row.regrets[:, s] > 0.0
                axis.plot(T[positive], row.regrets[positive, s], ".", color=colour, alpha=0.15, markersize=4)
            if np.isfinite(row.bounds).all():
                axis.plot(T, row.bounds, color=colour, linestyle=":", linewidth=1.0)
        axis.set_xscale("log")
        axis.set_yscale("log")
        axis.set_xlabel("horizon (rounds)")
        axis.set_ylabel("regret (dotted: declared bound)")
        axis.legend()
        if path is not None:
            save(fig, path)
    return fig
