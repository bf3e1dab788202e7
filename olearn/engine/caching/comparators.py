"""What caches are measured against: the optima of one capacity, certified, and the offline rows."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np

from olearn.engine.game import Cell, Comparators, Outcome, Run

#: Requests looked up at once.
PIECE = 1 << 20


def outcome(trace: Any, cell: Cell, points: np.ndarray) -> Outcome:
    """The comparators of one capacity and the offline rows that ``cell.options["offline"]`` names."""
    from olearn import optima

    n, capacity = cell.options["catalog_size"], cell.options["capacity"]
    offline: Sequence[str] = cell.options["offline"]
    items, total = trace.items, len(trace)

    def prefixes() -> list[np.ndarray]:
        """The static optimum of every prefix, prefilled and fetch-charged."""
        return [
            optima.static_prefix(items, capacity, catalog_size=n, checkpoints=points, fetch_cost=f)
            for f in (0, 1)
        ]

    # Kernels release the interpreter: the prefix curves are computed beside everything else.
    pool = ThreadPoolExecutor(1)
    beside = pool.submit(prefixes)
    static = optima.static_prefilled(items, capacity, catalog_size=n)
    charged = optima.static_fetch_charged(items, capacity, catalog_size=n)
    inside: np.ndarray = np.zeros(n, np.bool_)
    inside[static.allocation] = True
    sizes = trace.sizes
    whole = volume(trace)
    curves: dict[str, np.ndarray] = {}
    bytes_hit: dict[str, float] = {}

    def note(name: str, hits: np.ndarray) -> None:
        """Keep of the hits what rows and curves need, so that they need not be held all at once."""
        curves[name] = _at(hits, points)
        bytes_hit[name] = float(sizes[hits].sum(dtype=np.float64)) if whole else 0.0

    note("static", _held(inside, items))
    certificates = [static.row(capacity), charged.row(capacity)]
    seconds = {"static": static.seconds}
    if "belady" in offline or "belady-bypass" in offline:
        for name, solve in (("belady", optima.belady), ("belady-bypass", optima.belady_bypass)):
            solve(items[:1], 1)  # compile, or load, outside the clock
            best_possible = solve(items, capacity, catalog_size=n)
            note(name, np.asarray(best_possible.allocation))
            certificates.append(best_possible.row(capacity))
            seconds[name] = best_possible.seconds
    prefix, prefix_charged = beside.result()
    pool.shutdown()
    drawn = {"static_prefix": prefix, "static_prefix_fetch_charged": prefix_charged}
    best = Comparators({**drawn, "static_final": curves["static"]}, certificates)
    runs = []
    for name in offline:
        earned = float(curves[name][-1])
        misses = 0.0 if name == "static" else total - earned
        row: dict[str, Any] = {
            "policy": name,
            "parameters": {},
            "capacity": capacity,
            "seed": None,
            "requests": total,
            "reward": earned,
            "hit_ratio": earned / total,
            "byte_hit_ratio": bytes_hit[name] / whole if whole else None,
            "randomised": False,
            "fractional": False,
            "offline": True,
            "prefilled": float(capacity if name == "static" else 0),
            "fetched": misses if name != "belady-bypass" else None,
            "fetched_other": 0.0,
            "evicted": None,
            "occupancy": None,
            "peak_occupancy": float(capacity),
            "seconds": seconds[name],
            "requests_per_second": total / seconds[name],
            "complete": True,
            "bound": None,
            "bound_details": None,
            "violated": [],
        }
        runs.append(Run(row, {"reward": curves[name]}))
    return Outcome(runs, best)


def volume(trace: Any) -> float:
    """Bytes requested in all; 0 where there are no sizes."""
    return 0.0 if trace.sizes is None else float(trace.sizes.sum(dtype=np.float64))


def _held(inside: np.ndarray, items: np.ndarray) -> np.ndarray:
    """Whether each request is for an item of the set: bool (T,).

    In pieces, because NumPy turns an index into 64-bit integers, a copy of all of it.
    """
    hits = np.empty(items.size, np.bool_)
    for start in range(0, items.size, PIECE):
        hits[start : start + PIECE] = inside[items[start : start + PIECE]]
    return hits


def _at(hits: np.ndarray, points: np.ndarray) -> np.ndarray:
    """Cumulated hits at the checkpoints, float64 (K,)."""
    starts = [0, *points[:-1].tolist()]
    windows = [np.count_nonzero(hits[a:b]) for a, b in zip(starts, points.tolist())]
    return np.cumsum(windows, dtype=np.float64)
