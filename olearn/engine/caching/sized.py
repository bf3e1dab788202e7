"""The caching game in bytes: a request earns the bytes of its item if that is held, the capacity counts bytes.

Everything that is not said here is as in :mod:`olearn.engine.caching.game`. Where an item's size changes over
the trace, a cache keeps the size that the copy came in with, and comparators count every item by its smallest
size: their upper bounds hold all the same, and ``size_changes`` says how often it mattered.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, ClassVar

import numpy as np

from olearn.engine.caching import comparators as hindsight
from olearn.engine.caching import game as unit_game
from olearn.engine.caching.game import COLUMNS, CachingGame, CachingPlay
from olearn.engine.caching.result import SizedResult
from olearn.engine.game import Block, Cell, Column, Comparators, Outcome, Play, Run
from olearn.errors import NotSupportedError
from olearn.regret.invariants import Breach

#: The offline rows that stand in every table.
OFFLINE: tuple[str, ...] = ("static-sized", "belady-sized", "sized")
#: Up to so many reuse intervals the schedule's bound comes from an LP, beyond from subgradient steps.
LP_INTERVALS = 20_000
#: Items times checkpoints up to which the static optimum of every prefix is computed.
PREFIX_WORK = 20_000_000

_UNITS = {
    "reward": "bytes", "static_optimum": "bytes", "static_fetch_charged": "bytes", "regret": "bytes",
    "regret_fetch_charged": "bytes", "bound": "bytes", "capacity": "bytes",
}  # fmt: skip
SIZED_COLUMNS = (
    *(c._replace(unit=_UNITS.get(c.name, c.unit)) for c in COLUMNS if not c.name.startswith("belady")),
    Column("hits", "float", "hits", "requests that were hits"),
    Column("bytes", "float", "bytes", "held at the end"),
    Column("peak_bytes", "float", "bytes", "held at most"),
    Column("fetched_bytes", "float", "bytes", "brought in"),
    Column("size_changes", "float", "requests", "whose size was not that of the copy held"),
    Column("too_large", "float", "requests", "misses of items larger than the cache"),
    Column("belady_sized", "float", "bytes", "of Belady's rule by bytes"),
    Column("sized_optimum", "float", "bytes", "of the best schedule found"),
    Column("sized_bound", "float", "bytes", "certified: no cache that fetches on demand has more"),
)


class SizedGame(CachingGame):
    """Caches on a trace with sizes; parameters as for :class:`CachingGame`, capacities in bytes."""

    name = "caching-bytes"
    columns = SIZED_COLUMNS
    code: ClassVar[tuple[str, ...]] = (__file__, unit_game.__file__, hindsight.__file__)
    unit = "bytes"
    rows_offline = OFFLINE

    def _build(self, cell: Cell) -> Any:
        try:
            return super()._build(cell)
        except NotSupportedError as error:
            if "count bytes" not in str(error):
                raise
            raise NotSupportedError(
                f"{cell.label} can't count bytes: leave it out, or count items (--unit items, unit='items')"
            ) from None

    # -- a run -------------------------------------------------------------------------------------
    def begin(self, cell: Cell, longest: int) -> CachingPlay:
        policy, fresh = self._fresh(cell)
        kind = type(policy)
        sizes = self.stream.sizes
        policy._widen(policy.state, int(sizes.max(initial=0)))
        out = {"hits": np.empty(longest, np.bool_), "reward": np.empty(longest, np.float64)}
        play = CachingPlay(policy, out, kind=kind, held_before=policy.stats["occupancy"], fresh=fresh)
        kind.run_sized(policy.state, np.empty(0, np.int32), np.empty(0, np.int64), out["hits"][:0])
        return play

    def serve(self, play: Play, block: Block, low: int, high: int) -> None:
        items, sizes = block.data
        hits = play.out["hits"][low:high]
        weights = np.ascontiguousarray(sizes[low:high], dtype=np.int64)
        play.kind.run_sized(play.policy.state, items[low:high], weights, hits)  # type: ignore[attr-defined]
        np.multiply(hits, weights, out=play.out["reward"][low:high], dtype=np.float64)

    def invariants(self, play: Play, done: bool) -> Iterable[Breach]:
        from olearn.regret import invariants

        assert isinstance(play, CachingPlay)
        policy, told = play.policy, play.policy.stats
        broken = []
        for what in ("bytes", "peak_bytes"):
            broken += invariants.occupancy(told[what], policy.capacity, policy.name, what)
        moved = (told["fetched"], told["fetched_other"], told["evicted"])
        return broken + invariants.flow(told["occupancy"], play.held_before, *moved, policy.name)

    def finish(self, cell: Cell, play: Play, points: np.ndarray, curves: dict[str, np.ndarray],
               totals: dict[str, float], complete: bool) -> Run:  # fmt: skip
        hits = totals | {"reward": totals["hits"], "bytes": totals["reward"]}
        run = super().finish(cell, play, points, curves | {"reward": curves["hits"]}, hits, complete)
        row = run.row | {"hits": totals["hits"], "reward": totals["reward"]}
        return Run(row, {"reward": curves["reward"], "hits": curves["hits"]}, run.bound, run.bound_curve)

    # -- hindsight ---------------------------------------------------------------------------------
    def comparators(self, cell: Cell, points: np.ndarray) -> Outcome:
        return outcome(self.stream, cell, points)

    def measure(self, cell: Cell, run: Run, best: Comparators | None, points: np.ndarray) -> Iterable[Breach]:
        row, certificates = run.row, best.certificates if best is not None else []
        self._against_static(row, run, best)
        for column, name, what in (
            ("belady_sized", "belady-sized", "value"),
            ("sized_optimum", "sized", "value"),
            ("sized_bound", "sized", "upper_bound"),
        ):
            found = [o[what] for o in certificates if o["comparator"] == name]
            row[column] = found[0] if found and row["complete"] else None
        if row["sized_bound"] is None or cell.choice is None:
            return ()
        from olearn.regret import invariants

        return invariants.ceiling(row["reward"], row["sized_bound"], 0.0, 0.0, 1.0)

    # -- the result --------------------------------------------------------------------------------
    def manifest(self) -> dict[str, Any]:
        told = super().manifest()
        changing = int(np.count_nonzero(self.stream.sizes != smallest(self.stream)[self.stream.items]))
        text = "bytes" + (
            f"; {changing:,} requests are larger than their item at its smallest" if changing else ""
        )
        costs = "; the trace's costs are not used" if self.stream.costs is not None else ""
        return told | {
            "unit": "bytes",
            "capacity_unit": text,
            "reward": f"the bytes of a request that is a hit{costs}",
            "regret": "bytes hit of the best static set (prefilled) of the requests served, minus the reward",
            "footprint": int(smallest(self.stream).sum()),
        }

    def result(self, manifest: dict[str, Any], runs: list[Run], points: np.ndarray,
               comparators: dict[Any, Comparators]) -> SizedResult:  # fmt: skip
        return SizedResult(manifest, runs, points, comparators)


def smallest(trace: Any) -> np.ndarray:
    """The smallest size of each item, int64 (N,); 0 for one that is never requested."""
    most = np.iinfo(np.int64).max
    found: np.ndarray = np.full(trace.catalog_size, most, np.int64)
    np.minimum.at(found, trace.items, np.asarray(trace.sizes, np.int64))
    found[found == most] = 0
    return found


def outcome(trace: Any, cell: Cell, points: np.ndarray) -> Outcome:
    """The comparators of one capacity in bytes, and the offline rows that the cell names."""
    from olearn import optima

    n, capacity = cell.options["catalog_size"], cell.options["capacity"]
    offline = cell.options["offline"]
    items, total = trace.items, len(trace)
    weights = np.asarray(trace.sizes, np.float64)
    space = np.zeros(n, np.int64)
    space[: trace.catalog_size] = smallest(trace)
    static = optima.static_sized(items, capacity, space, weights, catalog_size=n)
    charged = optima.static_sized(items, capacity, space, weights, catalog_size=n, fetch_charged=True)
    inside: np.ndarray = np.zeros(n, np.bool_)
    inside[static.allocation] = True
    found = {"static-sized": (static, inside[items])}
    if "belady-sized" in offline or "sized" in offline:
        quick = optima.belady_sized(items, capacity, space, weights, catalog_size=n)
        method = "lp" if total - np.unique(items).size <= LP_INTERVALS else "prices"
        best = optima.sized(items, capacity, space, weights, method=method, catalog_size=n)
        found |= {"belady-sized": (quick, quick.allocation), "sized": (best, best.allocation)}
    certificates = [static.row(capacity), charged.row(capacity)]
    certificates += [o.row(capacity) for name, (o, _) in found.items() if name != "static-sized"]
    volume = np.cumsum(weights)[points - 1]
    prefix, prefix_charged, exact = static_prefixes(items, space, weights, capacity, points)
    prefix[-1], prefix_charged[-1] = static.value, charged.value  # whole sets, where it counts
    curves = {
        "static_prefix": prefix,
        "static_prefix_fetch_charged": prefix_charged,
        "static_final": np.cumsum(weights * inside[items])[points - 1],
        "volume": volume,
    }
    told = {"static_prefix": f"best fractions of items, at {exact} of {points.size} checkpoints; lines between"}
    runs = []
    for name in offline:
        solved, hits = found[name]
        earned, count = np.cumsum(weights * hits)[points - 1], np.cumsum(hits, dtype=np.float64)[points - 1]
        row: dict[str, Any] = {
            "policy": name,
            "parameters": {},
            "capacity": capacity,
            "seed": None,
            "requests": total,
            "reward": float(earned[-1]),
            "hits": float(count[-1]),
            "hit_ratio": float(count[-1]) / total,
            "byte_hit_ratio": float(earned[-1] / volume[-1]) if volume[-1] else None,
            "randomised": False,
            "fractional": False,
            "offline": True,
            "prefilled": float(static.allocation.size if name == "static-sized" else 0),
            "fetched": None,
            "fetched_other": 0.0,
            "evicted": None,
            "occupancy": None,
            "peak_occupancy": None,
            "fetched_bytes": 0.0 if name == "static-sized" else None,
            "seconds": solved.seconds,
            "requests_per_second": total / solved.seconds,
            "complete": True,
            "bound": None,
            "bound_details": None,
            "violated": [],
        }
        runs.append(Run(row, {"reward": earned, "hits": count}))
    return Outcome(runs, Comparators(curves, certificates, told))


def static_prefixes(
    items: np.ndarray, space: np.ndarray, weights: np.ndarray, capacity: int, points: np.ndarray
) -> tuple[np.ndarray, np.ndarray, int]:
    """The best fractions of items of each prefix, prefilled and fetch-charged, and at how many points.

    Sorting the catalogue at each checkpoint is too much for large ones: then only at some, with straight
    lines between.
    """
    from olearn.optima.knapsack import dantzig

    chosen = np.arange(points.size)
    if space.size * points.size > PREFIX_WORK:
        some = max(10, PREFIX_WORK // space.size)
        chosen = np.unique(np.linspace(0, points.size - 1, min(some, points.size)).astype(int))
    first = np.zeros(items.size, np.bool_)
    first[np.unique(items, return_index=True)[1]] = True
    fits = space <= capacity
    earned, start = [], 0
    value, repeated = np.zeros(space.size), np.zeros(space.size)
    for k in chosen:
        part = slice(start, int(points[k]))
        start = part.stop
        value += np.bincount(items[part], weights[part], space.size)
        repeated += np.bincount(items[part], weights[part] * ~first[part], space.size)
        both = []
        for v in (value, repeated):
            worth = np.where(fits, v, 0.0)
            both.append(float(worth @ dantzig(worth, space.astype(np.float64), capacity)[0]))
        earned.append(both)
    at = np.array(earned)
    lines = [np.interp(points, points[chosen], at[:, j]) for j in (0, 1)]
    return lines[0], lines[1], chosen.size
