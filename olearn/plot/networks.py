"""The pictures of networks of caches: gain, regret, updates, messages over time; a map of what nodes hold."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from olearn.plot._style import figure, look, save, style


def draw(result: Any, path: str | Path | None = None) -> Any:
    """Draw a replay of a network of caches.

    From above: gain a request between checkpoints, the relaxed optimum of the requests that came in grey;
    regret so far against the share of it that each policy's bound is about, bounds dotted where they fit, what
    the run itself certifies dashed thin; (node, item) pairs that were new at monitoring instants so far;
    messages so far.

    Parameters
    ----------
    result : NetworkResult
    path : path, optional
        Where to write the picture; its ending says the format.

    Returns
    -------
    matplotlib.figure.Figure
    """
    told = result.manifest["trace"]
    points = result.checkpoints
    group = next(iter(result.hindsight), None)
    best = result.best(group).curves["hindsight"]
    with style():
        fig = figure(figsize=(8.8, 10.5))
        gain, regret, updates, messages = fig.subplots(4, 1, sharex=True)
        if np.isfinite(best).any():
            gain.plot(points, _between(best[None], points)[0], color="#666666", linewidth=1.3,
                      label="relaxed optimum\n(offline)")  # fmt: skip
        top, lowest, lines, far = 1.0, 0.0, [], []
        for k, (name, _, runs) in enumerate(result.groups()):
            how = look(k)
            label = f"{name} ({len(runs)} seeds)" if len(runs) > 1 else name
            reached = min(r.reward.size for r in runs)
            each = _between(np.array([r.reward[:reached] for r in runs]), points[:reached])
            _line(gain, points, each, how, label)
            if np.isfinite(best).any():
                curve = result.curve(name, "regret")
                _line(regret, points, curve, how, label)
                top, lowest = max(top, float(curve.max())), min(lowest, float(curve.min()))
            _line(updates, points, result.curve(name, "update_cost"), how, label)
            _line(messages, points, result.curve(name, "messages") / 1e3, how, label)
            lines.append((name, runs, how["color"]))
        for name, runs, colour in lines:
            for curve, what, width, dashes in (
                (runs[0].bound_curve, "bound", 1.2, ":"),
                (runs[0].curves.get("certificate"), "certificate", 0.9, "--"),
            ):
                if curve is None or not curve.size or not np.isfinite(best).any():
                    continue
                if curve[-1] <= 4 * top:
                    regret.plot(points[: curve.size], curve, color=colour, linewidth=width, linestyle=dashes,
                                label=f"{what} of {name}")  # fmt: skip
                    top = max(top, float(curve[-1]))
                else:
                    far.append(f"{what} of {name}: {curve[-1]:.3g} at the end, not drawn")
        if far:
            regret.annotate("\n".join(far), (0.01, 0.97), xycoords="axes fraction", fontsize=7, va="top")
        gain.set_title(f"{told['name']}: {told['requests']:,} requests", loc="left")
        gain.set_ylabel("gain a request\n(weight, both ways)")
        highest = max((float(np.nanmax(line.get_ydata())) for line in gain.get_lines()), default=1.0)
        gain.set_ylim(0.0, 1.12 * max(highest, 1e-12))  # bands of few seeds may go beyond
        gain.legend(loc="upper left", bbox_to_anchor=(1.01, 1.0), borderaxespad=0)
        regret.axhline(0, color="black", linewidth=0.8)
        regret.set_ylim(max(1.1 * lowest, -1.5 * top) - 0.02 * top, 1.15 * top)
        regret.set_ylabel("regret so far\n(of the bound's share)")
        if regret.get_legend_handles_labels()[0]:
            handles = [(h, t) for h, t in zip(*regret.get_legend_handles_labels(), strict=True) if " of " in t]
            if handles:
                regret.legend(*zip(*handles, strict=True), loc="upper left", bbox_to_anchor=(1.01, 1.0),
                              borderaxespad=0)  # fmt: skip
        updates.set_ylabel("update cost so far\n(new pairs)")
        messages.set_ylabel("messages so far\n(thousand hops)")
        messages.set_xlabel("requests served")
        if path is not None:
            save(fig, path)
    return fig


def draw_map(result: Any, path: str | Path | None = None) -> Any:
    """Draw the network, a panel a policy: what each node holds at the end of the first seed's run.

    A circle is a node with capacity, its size the capacity; its colour says how many of the items it holds the
    network holds nowhere else (dark: all of them). A square is a designated server, a ring a query node.
    Beside a node stand up to six of its items, where there is room.

    Parameters
    ----------
    result : NetworkResult
    path : path, optional

    Returns
    -------
    matplotlib.figure.Figure
    """
    net = result.manifest["network"]
    where = _positions(net)
    shown = [(name, runs[0].row) for name, _, runs in result.groups() if runs[0].row.get("placement")]
    columns = min(3, max(1, len(shown)))
    rows = max(1, -(-len(shown) // columns))
    with style():
        fig = figure(figsize=(5.6 * columns, 5.0 * rows))
        axes = np.atleast_1d(fig.subplots(rows, columns, squeeze=False)).ravel()
        for ax in axes:
            ax.set_axis_off()
        capacity = np.array(net["capacity"], dtype=np.float64)
        servers, queries = set(net["servers"]), net["queries"]
        for ax, (name, row) in zip(axes, shown, strict=False):
            held = {int(v): items for v, items in row["placement"].items()}
            copies: dict[int, int] = {}
            for items in held.values():
                for i in items:
                    copies[i] = copies.get(i, 0) + 1
            for a, b in net["edges"]:
                ax.plot(*zip(where[a], where[b], strict=True), color="#cccccc", linewidth=0.8, zorder=1)
            ax.scatter(where[queries, 0], where[queries, 1], s=190, facecolors="none", edgecolors="#d95f02",
                       linewidths=1.4, zorder=2)  # fmt: skip
            for at, mark in (
                (sorted(servers), "s"),
                ([v for v in range(net["nodes"]) if v not in servers], "o"),
            ):
                if not at:
                    continue
                alone = [np.mean([copies[i] == 1 for i in held[v]]) if held.get(v) else 0.0 for v in at]
                size = 20 + 90 * np.sqrt(capacity[at] / max(1.0, capacity.max()))
                points = ax.scatter(where[at, 0], where[at, 1], s=size, c=alone, cmap="viridis_r", vmin=0,
                                    vmax=1, marker=mark, edgecolors="k", linewidths=0.4, zorder=3)  # fmt: skip
            if net["nodes"] <= 36:
                for v, items in held.items():
                    text = " ".join(map(str, items[:6])) + (" …" if len(items) > 6 else "")
                    ax.annotate(
                        text, where[v], xytext=(5, 5), textcoords="offset points", fontsize=6.5, zorder=4
                    )
            ratio = "" if row.get("ratio") is None else f", ratio {row['ratio']:.3f}"
            ax.set_title(f"{name}{ratio}; {len(copies)} items in {sum(map(len, held.values()))} places",
                         fontsize=8, loc="left")  # fmt: skip
            fig.colorbar(points, ax=ax, shrink=0.6, label="share of its items held nowhere else")
        fig.suptitle(
            f"{net['name']}: what each node holds at the end (squares serve some item, rings are query nodes)",
            fontsize=10,
        )
        if path is not None:
            save(fig, path)
    return fig


def _between(sums: np.ndarray, points: np.ndarray) -> np.ndarray:
    """Means a request between checkpoints, over a tenth of the run at a time so that they can be read."""
    wide = max(1, points.size // 25)
    before = np.maximum(np.arange(points.size) - wide, -1)
    low = np.where(before >= 0, sums[:, before], 0.0)
    start = np.where(before >= 0, points[before], 0)
    return np.asarray((sums - low) / (points - start))


def _line(ax: Any, points: np.ndarray, values: np.ndarray, how: dict[str, Any], label: str) -> None:
    from olearn.regret import band

    found = band(values)
    x = points[: found.mean.size]
    ax.plot(x, found.mean, label=label, marker="o" if x.size == 1 else None, **how)
    if np.isfinite(found.low).all() and len(values) > 1:
        ax.fill_between(x, found.low, found.high, color=how["color"], alpha=0.18, linewidth=0)


def _positions(net: dict[str, Any]) -> np.ndarray:
    """Where to draw the nodes: their coordinates if the network has them, else a layout."""
    if net.get("positions"):
        return np.array(net["positions"], dtype=np.float64)
    import networkx

    graph = networkx.Graph()
    graph.add_nodes_from(range(net["nodes"]))
    graph.add_edges_from(map(tuple, net["edges"]))
    placed = (
        networkx.kamada_kawai_layout(graph) if net["nodes"] <= 150 else networkx.spring_layout(graph, seed=1)
    )
    return np.array([placed[v] for v in range(net["nodes"])])
