"""The engineer's question: which policy, at which capacity, and how much is left to gain.

A comparison is a replay of a family of policies over a range of capacities, read for an answer: per
capacity the best policy that can be deployed, the best with a guarantee, and what Belady and the best
static set leave; and the smallest capacity at which some policy has what the cache of today has.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from olearn.engine.caching.capacity import parse_capacity
from olearn.engine.caching.game import CachingGame
from olearn.engine.caching.result import CachingResult
from olearn.engine.choices import as_list, as_seeds, choices, spaced
from olearn.engine.game import Ask, Comparators, Run
from olearn.engine.machine import Plan, plan
from olearn.errors import NotSupportedError, ParameterError, check_positive_int, unknown

#: The policies of a family; experts stands in each.
FAMILIES: dict[str, tuple[str, ...]] = {
    "classics": (
        *("experts", "fifo", "lru", "clock", "sieve", "s3-fifo", "2q", "slru", "arc", "lirs"),
        *("w-tinylfu", "lfu-in-cache", "lfu", "random"),
    ),
    "no-regret": ("experts", "ftpl", "ogb", "ogd", "omd"),
}
FAMILIES["all"] = tuple(dict.fromkeys([*FAMILIES["classics"], *FAMILIES["no-regret"]]))
DEFAULT_RANGE = "0.1%:30%:8"


def capacities(asked: Any, catalog_size: int) -> list[int]:
    """Capacities in increasing order, from lists such as ``"1%,5%"`` and ranges such as ``"0.1%:30%:12"``.

    Examples
    --------
    >>> capacities("1%:100%:3", 1000), capacities(["10", "5%,1%"], 1000)
    ([10, 100, 1000], [10, 50])
    """
    found: set[int] = set()
    for one in as_list(asked):
        for text in str(one).split(",") if isinstance(one, str) else [one]:
            parts = str(text).split(":")
            if len(parts) == 1:
                found.add(parse_capacity(text, catalog_size))
                continue
            if len(parts) > 3:
                raise ParameterError(
                    f"a range of capacities is from:to:how many, such as 0.1%:30%:12, got {text!r}"
                )
            low, high = (max(1, _rounded(p, catalog_size)) for p in parts[:2])
            count = _count(parts[2]) if len(parts) == 3 else 8
            if low > high:
                raise ParameterError(f"a range of capacities goes up, got {text!r}")
            found.update(round(float(c)) for c in np.geomspace(low, high, count))
    return sorted(found)


def _count(text: str) -> int:
    return check_positive_int(
        "the number of capacities in a range", int(text) if text.strip().isdigit() else text
    )


def _rounded(text: str, catalog_size: int) -> int:
    """A capacity at the end of a range: a share of less than one item is one item."""
    stripped = text.strip()
    if stripped.endswith("%"):
        try:
            share = float(stripped[:-1])
        except ValueError:
            share = -1.0
        if 0.0 < share / 100 * catalog_size < 1.0:
            return 1
    return parse_capacity(stripped, catalog_size)


class ComparisonGame(CachingGame):
    """A replay that is read for an answer."""

    def result(self, manifest: dict[str, Any], runs: list[Run], points: np.ndarray,
               comparators: dict[Any, Comparators]) -> Comparison:  # fmt: skip
        found = Comparison(manifest, runs, points, comparators)
        found.trace = self.stream
        return found


class Comparison(CachingResult):
    """Policies over capacities; rows as of a replay."""

    COMMAND = "olearn compare"
    #: The trace, for the exact LRU curve; None in a result that was read from a file.
    trace: Any = None

    def table(self) -> list[dict[str, Any]]:
        """One row a capacity and policy, best first: hit ratio, and points that Belady has more."""
        rows = []
        for policy, capacity, runs in self.groups():
            first = runs[0].row
            ratio = float(np.mean([r.row["hit_ratio"] for r in self.longest(runs)]))
            best = first.get("belady_bypass")
            rows.append(
                {
                    "capacity": capacity,
                    "policy": policy,
                    "mark": "".join(self.marks(runs)) or None,
                    "hit_ratio": ratio,
                    "gap": None if best is None else 100 * (best / first["requests"] - ratio),
                    "guarantee": None if first["offline"] else ("yes" if first["bound"] is not None else "no"),
                    "offline": first["offline"],
                }
            )
        rows.sort(key=lambda r: (r["capacity"], r["offline"], -r["hit_ratio"]))
        return rows

    def answer(self) -> list[dict[str, Any]]:
        """Per capacity: the best deployable policy, the best with a guarantee, and what is left to gain.

        Deployable: whole items, a hard capacity, no knowledge of the future. Gaps in points of hit ratio.
        """
        found = []
        table = self.table()
        for capacity in sorted({r["capacity"] for r in table}):
            own = [r for r in table if r["capacity"] == capacity]
            able = [r for r in own if not r["offline"] and not set(r["mark"] or "") & {"f", "s"}]
            sure = [r for r in able if r["guarantee"] == "yes"]
            ceiling = {r["policy"]: r["hit_ratio"] for r in own if r["offline"]}
            if not able:
                continue
            best = max(able, key=lambda r: r["hit_ratio"])
            safe = max(sure, key=lambda r: r["hit_ratio"]) if sure else None
            row = {"capacity": capacity, "best": best["policy"], "hit_ratio": best["hit_ratio"]}
            for name in ("belady", "static"):
                row[f"{name}_leaves"] = 100 * (ceiling[name] - best["hit_ratio"]) if name in ceiling else None
            row["best_with_guarantee"] = None if safe is None else safe["policy"]
            row["its_hit_ratio"] = None if safe is None else safe["hit_ratio"]
            found.append(row)
        return found

    def smallest(self, ratio: float) -> dict[str, Any] | None:
        """The smallest capacity of the comparison at which a deployable policy has at least this hit ratio."""
        for row in self.answer():
            if row["hit_ratio"] >= ratio - 1e-12:
                return row
        return None

    def lru_curve(self) -> tuple[np.ndarray, np.ndarray] | None:
        """The exact LRU curve: capacities 1 .. N and hit ratios, from reuse distances in one pass."""
        if self.trace is None or not hasattr(self.trace, "items"):
            return None
        from olearn.traces.stats import reuse_distances

        distances = reuse_distances(self.trace)
        distances = distances[distances >= 0]
        hits = np.cumsum(np.bincount(distances, minlength=self.trace.catalog_size))[: self.trace.catalog_size]
        return np.arange(1, hits.size + 1), hits / len(self.trace)

    def marks(self, runs: list[Run]) -> dict[str, str]:
        return dict.fromkeys(super().marks(runs), "")  # the letters; the numbers are in the rows

    def shown(self) -> tuple[list[dict[str, Any]], list[str]]:
        """A row a policy, best first, a column a capacity (at most eight), and the mean gap to Belady."""
        table = self.table()
        sizes = sorted({r["capacity"] for r in table})
        if len(sizes) > 8:
            sizes = [sizes[round(k * (len(sizes) - 1) / 7)] for k in range(8)]
        by_policy: dict[str, dict[str, Any]] = {}
        gaps: dict[str, list[float]] = {}
        for r in table:
            row = by_policy.setdefault(
                r["policy"], {"policy": r["policy"], "mark": r["mark"], "guarantee": r["guarantee"]}
            )
            if r["capacity"] in sizes:
                row[f"{r['capacity']:,}"] = f"{r['hit_ratio']:.4f}"
            if r["gap"] is not None:
                gaps.setdefault(r["policy"], []).append(r["gap"])
        for name, row in by_policy.items():
            row["mean gap"] = float(np.mean(gaps[name])) if name in gaps else None
        offline = {r["policy"] for r in table if r["offline"]}
        nothing = float("inf")
        rows = sorted(
            by_policy.values(),
            key=lambda r: (r["policy"] in offline, nothing if r["mean gap"] is None else r["mean gap"]),
        )
        return rows, ["policy", "mark", "guarantee", *(f"{c:,}" for c in sizes), "mean gap"]

    def pictures(self, name: str) -> Iterator[tuple[str, Any]]:
        """Hit ratio against capacity."""
        yield name, partial(_draw, self)

    def plot(self, path: Any = None, capacity: int | None = None) -> Any:
        """Draw hit ratio against capacity; see :func:`olearn.plot.compare.draw`."""
        return _draw(self, path)


def _draw(result: Comparison, path: Any) -> Any:
    from olearn.plot.compare import draw

    return draw(result, path)


def compare(
    trace: Any,
    family: str = "classics",
    capacity: Any = DEFAULT_RANGE,
    seeds: int | Iterable[int] = 1,
    *,
    policies: Any = (),
    checkpoints: int = 50,
    progress: bool | None = None,
    store: str | Path | None = None,
    jobs: int | None = None,
) -> Comparison:
    """Compare a family of policies over a range of capacities.

    Parameters
    ----------
    trace : Trace, path, str, or keys
        As for :func:`olearn.replay`.
    family : {"classics", "no-regret", "all", "none"}
    capacity : str, int, or a sequence of these
        ``"0.1%:30%:12"`` (from, to, how many), ``"1%,5%"``, 1000.
    seeds : int or iterable of int
    policies : sequence of str
        Further policies.
    checkpoints, progress, store
        As for :func:`olearn.replay`.
    jobs : int, optional
        By default the cores of the process.

    Returns
    -------
    Comparison

    Examples
    --------
    >>> import olearn
    >>> trace = olearn.load_trace("twitter")[:20_000]
    >>> found = compare(trace, "none", "1%,10%", policies=["lru", "sieve"])
    >>> [row["best"] for row in found.answer()]
    ['sieve', 'sieve']
    """
    result: Comparison = prepare(
        trace,
        family,
        capacity,
        seeds,
        policies=policies,
        checkpoints=checkpoints,
        progress=progress,
        store=store,
        jobs=jobs,
    )()
    return result


def prepare(
    trace: Any,
    family: str = "classics",
    capacity: Any = DEFAULT_RANGE,
    seeds: int | Iterable[int] = 1,
    *,
    policies: Sequence[Any] = (),
    checkpoints: int = 50,
    **how: Any,
) -> Plan:
    """What :func:`compare` will run, every parameter checked."""
    from olearn.engine.caching import as_trace

    if family not in (*FAMILIES, "none"):
        raise unknown("family", str(family), [*FAMILIES, "none"])
    loaded = as_trace(trace)
    asked = [*dict.fromkeys([*FAMILIES.get(family, ()), *as_list(policies)])]
    if not asked:
        raise ParameterError("give a family or at least one policy")
    found = choices(asked)
    for choice in found:
        if getattr(choice.factory, "offline", False):
            raise NotSupportedError(f"{choice.label} reads the future: it stands in every comparison as it is")
    sizes = capacities(capacity, loaded.catalog_size)
    game = ComparisonGame(loaded, sizes, len(loaded), loaded.catalog_size, True)
    return plan(game, Ask(found, as_seeds(seeds)), spaced(len(loaded), checkpoints), **how)
