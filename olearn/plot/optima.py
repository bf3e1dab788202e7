"""Pictures of comparators: misses by cause, regret against several comparators, the price of fairness."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from olearn.plot._style import COLOURS, figure, look, save, style

_CAUSES = (
    ("compulsory", "compulsory: first requests", "#BBBBBB"),
    ("capacity misses", "capacity: no policy of this size avoids them", "#7F7F7F"),
    ("left over", "left over: only a comparator that moves gets them", COLOURS[5]),
    ("static", "policy: the best static set would have had them", COLOURS[1]),
)
_AGAINST = (
    ("regret_prefix", "best static set of the prefix"),
    ("regret", "best static set of the whole trace"),
    ("regret_fetch_charged", "best static set, fetch-charged"),
)


def waterfall(causes: Sequence[Mapping[str, Any]], path: str | Path | None = None) -> Any:
    """Where the misses of each policy come from, as stacked shares of the requests.

    Parameters
    ----------
    causes : sequence of mappings
        One a policy: ``policy``, ``capacity``, and the shares ``compulsory``, ``capacity misses``, ``static``
        and ``left over``. A negative share (a policy that started full) is drawn as nothing.
    path : path, optional

    Returns
    -------
    matplotlib Figure

    Examples
    --------
    >>> row = {"policy": "lru", "capacity": 10, "compulsory": 0.2, "capacity misses": 0.1}
    >>> fig = waterfall([row | {"static": 0.15, "left over": 0.05}])
    >>> fig.axes[0].get_xlabel()
    'share of the requests'
    """
    several = len({row["capacity"] for row in causes}) > 1
    labels = [f"{r['policy']}, C={r['capacity']:,}" if several else str(r["policy"]) for r in causes]
    with style():
        fig = figure(figsize=(8.4, 1.9 + 0.42 * len(causes)))
        axes = fig.subplots()
        left = np.zeros(len(causes))
        for key, label, colour in _CAUSES:
            width = np.maximum([float(r[key]) for r in causes], 0.0)
            axes.barh(labels, width, left=left, height=0.62, color=colour, label=label)
            for k, w in enumerate(width):
                if w >= 0.04:
                    axes.text(left[k] + w / 2, k, f"{w:.1%}", ha="center", va="center", fontsize=8)
            left += width
        axes.barh(labels, np.maximum(1.0 - left, 0.0), left=left, height=0.62, color="#EDF4EC", label="hits")
        for k, edge in enumerate(left):
            if 1.0 - edge >= 0.04:
                axes.text((1.0 + edge) / 2, k, f"{1.0 - edge:.1%}", ha="center", va="center", fontsize=8)
        axes.set_xlim(0.0, 1.0)
        axes.invert_yaxis()
        axes.grid(False)
        axes.set_xlabel("share of the requests")
        axes.set_title("misses by cause", loc="left")
        fig.legend(loc="outside lower center", ncols=2)
    if path is not None:
        save(fig, path)
    return fig


def regret_curves(result: Any, capacity: int | None = None, path: str | Path | None = None) -> Any:
    """Regret over time of every online policy, one panel a comparator, 95 % bands over seeds.

    Parameters
    ----------
    result : Result
        A replay.
    capacity : int, optional
        By default the first.
    path : path, optional

    Returns
    -------
    matplotlib Figure
    """
    capacity = next(iter(result.comparators)) if capacity is None else capacity
    groups = [(p, runs) for p, c, runs in result.groups() if c == capacity and not runs[0].row["offline"]]
    with style():
        fig = figure(figsize=(11.0, 4.2))
        panels = fig.subplots(1, len(_AGAINST), sharey=True)
        for axes, (what, title) in zip(panels, _AGAINST):
            for k, (policy, _) in enumerate(groups):
                spread = result.band(policy, capacity, what)
                points = result.checkpoints[: spread.mean.size]
                axes.plot(points, spread.mean, label=policy, **look(k))
                if spread.replicates > 1:
                    axes.fill_between(points, spread.low, spread.high, color=look(k)["color"], alpha=0.18, lw=0)
            axes.axhline(0.0, color="#444444", linewidth=0.8)
            axes.set_title(title, loc="left", fontsize=10)
            axes.set_xlabel("requests")
        panels[0].set_ylabel("regret (hits)")
        trace = result.manifest["trace"]
        fig.suptitle(f"{trace['name']}, capacity {capacity:,}: regret against three comparators", fontsize=11)
        handles, labels = panels[0].get_legend_handles_labels()
        fig.legend(handles, labels, loc="outside lower center", ncols=min(6, max(1, len(labels))))
    if path is not None:
        save(fig, path)
    return fig


def fairness(rows: Sequence[Mapping[str, float]], path: str | Path | None = None) -> Any:
    """The price of fairness, and the total and least utility it buys.

    Parameters
    ----------
    rows : sequence of mappings
        What :func:`olearn.optima.price_of_fairness` returns: ``alpha``, ``total``, ``least``, ``price``.
    path : path, optional

    Returns
    -------
    matplotlib Figure

    Examples
    --------
    >>> from olearn.optima import price_of_fairness
    >>> fig = fairness(price_of_fairness([[10, 0], [0, 1]], 1, [0, 1, float("inf")]))
    >>> [axes.get_ylabel() for axes in fig.axes]
    ['price of fairness', 'utility']
    """
    names = ["max-min" if np.isinf(r["alpha"]) else f"{r['alpha']:g}" for r in rows]
    at = np.arange(len(rows))
    with style():
        fig = figure(figsize=(9.0, 3.8))
        price, utility = fig.subplots(1, 2)
        price.plot(at, [100.0 * r["price"] for r in rows], marker="o", color=COLOURS[1])
        price.set_ylabel("price of fairness")
        price.yaxis.set_major_formatter("{x:g} %")
        price.set_ylim(bottom=0.0)
        utility.plot(at, [r["total"] for r in rows], marker="o", label="total", **look(0))
        utility.plot(at, [r["least"] for r in rows], marker="s", label="worst-off agent", **look(1))
        utility.set_ylabel("utility")
        utility.set_ylim(bottom=0.0)
        utility.legend()
        for axes in (price, utility):
            axes.set_xticks(at, names)
            axes.set_xlabel("alpha (0: utilitarian, 1: proportional)")
    if path is not None:
        save(fig, path)
    return fig
