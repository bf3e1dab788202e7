"""Pictures of a trace: popularity by rank, and the working set over time."""

from __future__ import annotations

from typing import Any

import numpy as np

from olearn.plot._style import COLOURS, figure, style
from olearn.traces._trace import Trace
from olearn.traces.stats import TraceStats, describe

#: Points that a curve over ranks keeps; more can't be seen.
_POINTS = 2_000


def draw_trace(trace: Trace, stats: TraceStats | None = None) -> Any:
    """Popularity (rank against requests, both logarithmic, with the fitted Zipf law) beside the working set.

    Parameters
    ----------
    trace : Trace
    stats : TraceStats, optional
        The answer of :func:`olearn.traces.describe`, if it is at hand.

    Returns
    -------
    matplotlib Figure

    Examples
    --------
    >>> from olearn.traces import synthetic
    >>> figure = draw_trace(synthetic.zipf(2_000, 100, seed=1))
    >>> [axes.get_xlabel() for axes in figure.axes]
    ['rank of the item', 'request']
    """
    stats = describe(trace) if stats is None else stats
    with style():
        fig = figure(figsize=(9.6, 3.8))
        popularity, working_set = fig.subplots(1, 2)
        fig.suptitle(f"{trace.name}: {len(trace):,} requests, {trace.catalog_size:,} items", fontsize=11)
        _popularity(popularity, trace, stats)
        _working_set(working_set, stats)
        return fig


def _popularity(axes: Any, trace: Trace, stats: TraceStats) -> None:
    ordered = np.sort(trace.counts())[::-1]
    shown = np.unique(np.geomspace(1, ordered.size, _POINTS).round().astype(np.int64))
    axes.loglog(shown, ordered[shown - 1], color=COLOURS[0], label="observed")
    if stats.skew is not None:
        ranks = np.arange(1, ordered.size + 1, dtype=np.float64)
        law = ranks**-stats.skew
        law *= ordered.sum() / law.sum()
        axes.loglog(
            shown,
            law[shown - 1],
            color=COLOURS[1],
            linestyle="--",
            linewidth=1.4,
            label=f"Zipf({stats.skew:.2f}), ML",
        )
        axes.set_ylim(bottom=max(min(law[-1], ordered[-1]) / 1.5, 1e-2))
    axes.set(title="popularity", xlabel="rank of the item", ylabel="requests")
    axes.legend(loc="upper right")


def _working_set(axes: Any, stats: TraceStats) -> None:
    # The last window may be shorter: its counts would look like a drop.
    full = stats.requests // stats.window if stats.requests >= stats.window else 1
    edges = np.arange(full + 1) * stats.window
    for values, colour, dashes, label in (
        (stats.working_set, COLOURS[0], "-", "distinct items"),
        (stats.new_items, COLOURS[1], "--", "new items"),
    ):
        axes.stairs(
            values[:full], edges, baseline=None, color=colour, linestyle=dashes, linewidth=1.4, label=label
        )
    axes.set(
        title=f"working set, windows of {stats.window:,} requests",
        xlabel="request",
        ylabel="items in the window",
    )
    axes.set_xlim(0, edges[-1])
    axes.set_ylim(0, 1.18 * max(1, int(stats.working_set[:full].max())))
    axes.xaxis.set_major_formatter(lambda value, _: f"{value:,.0f}")
    axes.yaxis.set_major_formatter(lambda value, _: f"{value:,.0f}")
    axes.xaxis.set_major_locator(_locator())
    axes.legend(loc="upper right", ncols=2)


def _locator() -> Any:
    from matplotlib.ticker import MaxNLocator

    return MaxNLocator(5, integer=True)
