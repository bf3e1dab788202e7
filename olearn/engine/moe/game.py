"""Expert caches for the machine: a batch of experts needed together, hits, the most there could have been."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

import numpy as np

from olearn.engine.game import Ask, Block, Cell, Column, Comparators, Game, Outcome, Play, Run
from olearn.engine.moe.result import MoEResult
from olearn.errors import ParameterError
from olearn.regret.invariants import Breach

COLUMNS = (
    Column("policy", "text", "", "name and parameters as asked for"),
    Column("parameters", "json", "", "tunable parameters with the values in use"),
    Column("capacity", "int", "experts", "of each layer's cache, or of the one shared"),
    Column("seed", "int", "", "of the policy's randomness; empty for a deterministic policy"),
    Column("batches", "int", "batches", "served"),
    Column("requests", "int", "experts", "asked for in these batches"),
    Column("reward", "float", "hits"),
    Column("hit_ratio", "float", "", "hits over experts asked for"),
    Column("batch_hit_ratio", "float", "", "batches that found all their experts"),
    Column("loaded", "float", "experts", "prefetched ones included"),
    Column("prefetched", "float", "experts"),
    Column("prefetched_used", "float", "experts", "of these, used before they left"),
    Column("optimum", "float", "hits", "the most of any cache that loads what is asked for, when it is"),
    Column("upper_bound", "float", "hits", "what the certificate proves about it"),
    Column("optimum_bypass", "float", "hits", "the same where experts may be used without being kept"),
    Column("static_optimum", "float", "hits", "of the best fixed experts, held from the start"),
    Column("static_fetch_charged", "float", "hits", "the same, each loaded once"),
    Column("compulsory", "float", "misses", "first uses"),
    Column("ratio", "float", "", "hits over optimum"),
    Column("regret", "float", "hits", "static_optimum minus reward"),
    Column("randomised", "bool"),
    Column("reads_ahead", "bool", "", "a predictor that is told the future"),
    Column("seconds", "float", "s", "in compiled code"),
    Column("requests_per_second", "float", "1/s"),
    Column("complete", "bool"),
)


class MoEGame(Game):
    """Policies on a routing stream.

    Parameters
    ----------
    stream : BatchTrace
    capacities : sequence of int
        Slots.
    horizon : int
    shared : bool
        One cache for all layers.
    """

    name = "moe"
    rounds_are = "batches"
    columns = COLUMNS
    code = (__file__,)

    def __init__(self, stream: Any, capacities: Sequence[int], horizon: int, shared: bool) -> None:
        self.stream = stream
        self.capacities = list(capacities)
        self.horizon = horizon
        self.shared = shared
        self.layers = (np.arange(stream.catalog_size) // stream.experts).astype(np.int32)
        self.groups = np.zeros_like(self.layers) if shared else self.layers

    @property
    def rounds(self) -> int:
        return len(self.stream)

    @property
    def digest(self) -> str:
        return str(self.stream.digest)

    def cells(self, ask: Ask) -> list[Cell]:
        from olearn.policies.moe._base import check_batches

        cells = []
        for capacity in self.capacities:
            check_batches(self.groups, capacity, self.stream.starts, self.stream.items)
            options = {"capacity": capacity, "horizon": self.horizon, "shared": self.shared}
            cells.append(Cell(capacity, options))
            for choice in ask.choices:
                for seed in ask.seeds:
                    cell = Cell(capacity, options, choice, seed)
                    cells.append(cell)
                    policy = self._build(cell)
                    if not (policy.randomised or getattr(policy, "reads_ahead", False)):
                        break
        return cells

    def _build(self, cell: Cell) -> Any:
        choice, more = cell.choice, {}
        assert choice is not None
        known = getattr(choice.factory, "__init__", choice.factory)
        names = getattr(getattr(known, "__code__", None), "co_varnames", ())
        if "layers" in names:
            more["layers"] = self.layers
        if "batches" in names:
            more["batches"] = (self.stream.starts, self.stream.items)
        policy = choice.build(
            capacity=cell.group, groups=self.groups, horizon=self.horizon, seed=cell.seed, **more
        )
        policy.validate()
        policy.parameters()
        if policy.capacity != cell.group:
            raise ParameterError(f"{cell.label} was made for capacity {policy.capacity}, not {cell.group}")
        return policy

    # -- a run -------------------------------------------------------------------------------------
    def begin(self, cell: Cell, longest: int) -> Play:
        policy = self._build(cell)
        type(policy).run(policy.state, np.zeros(1, np.int64), np.empty(0, np.int32), np.empty(0, np.bool_))
        return Play(
            policy, {"reward": np.empty(longest), "asked": np.empty(longest), "whole": np.empty(longest)}
        )

    def blocks(self, play: Play, size: int) -> Iterator[Block]:
        for start in range(0, self.rounds, size):
            yield Block(start, min(start + size, self.rounds))

    def serve(self, play: Play, block: Block, low: int, high: int) -> None:
        stream = self.stream
        first, last = block.start + low, block.start + high
        begin = int(stream.starts[first])
        starts = stream.starts[first : last + 1] - begin
        hits = np.empty(int(starts[-1]), np.bool_)
        type(play.policy).run(play.policy.state, starts, stream.items[begin : begin + hits.size], hits)
        sums = np.concatenate([[0], np.cumsum(hits)])
        found = sums[starts[1:]] - sums[starts[:-1]]
        asked = np.diff(starts)
        play.out["reward"][low:high] = found
        play.out["asked"][low:high] = asked
        play.out["whole"][low:high] = found == asked

    def invariants(self, play: Play, done: bool) -> Iterable[Breach]:
        from olearn.regret.invariants import within

        hits, asked = play.out["reward"][: play.filled], play.out["asked"][: play.filled]
        slots = play.policy.state.slots
        held = np.bincount(self.groups[slots.held == 1], minlength=1)
        return [
            *within(hits - asked, -math.inf, 0.0, "hits beyond what was asked"),
            *within(held, 0.0, play.policy.capacity, "the occupancy"),
        ]

    def finish(self, cell: Cell, play: Play, points: np.ndarray, curves: dict[str, np.ndarray],
               totals: dict[str, float], complete: bool) -> Run:  # fmt: skip
        policy, served = play.policy, play.served
        asked = totals["asked"]
        stats = policy.stats
        row: dict[str, Any] = {
            "policy": policy.name,
            "parameters": policy.parameters(),
            "capacity": cell.group,
            "seed": policy.seed if policy.randomised or getattr(policy, "reads_ahead", False) else None,
            "batches": served,
            "requests": int(asked),
            "reward": totals["reward"],
            "hit_ratio": totals["reward"] / asked if asked else math.nan,
            "batch_hit_ratio": totals["whole"] / served,
            "loaded": stats["loaded"],
            "prefetched": stats.get("prefetched"),
            "prefetched_used": stats.get("prefetched_used"),
            "randomised": bool(policy.randomised),
            "reads_ahead": bool(getattr(policy, "reads_ahead", False)),
            "seconds": play.seconds,
            "requests_per_second": asked / play.seconds if play.seconds > 0 else math.nan,
            "complete": complete,
        }
        return Run(row, {"reward": curves["reward"]})

    # -- hindsight ---------------------------------------------------------------------------------
    def comparators(self, cell: Cell, points: np.ndarray) -> Outcome:
        """The optima of each cache, added up."""
        stream, capacity = self.stream, cell.group
        whole = {"forced": 0.0, "bypass": 0.0, "bound": 0.0, "bypass_bound": 0.0, "static": 0.0}
        hits: np.ndarray = np.zeros(stream.items.size, np.bool_)
        inside: np.ndarray = np.zeros(stream.catalog_size, np.bool_)
        counts = np.bincount(stream.items, minlength=stream.catalog_size)
        of_batch = np.repeat(np.arange(len(stream)), np.diff(stream.starts))
        certificates: list[dict[str, Any]] = []
        from olearn.optima.llm import batched_min

        for g in range(int(self.groups.max(initial=0)) + 1):
            mine = self.groups[stream.items] == g
            sizes = np.bincount(of_batch[mine], minlength=len(stream))
            starts = np.concatenate([[0], np.cumsum(sizes)])
            for forced, value, bound in ((True, "forced", "bound"), (False, "bypass", "bypass_bound")):
                best = batched_min(
                    starts, stream.items[mine], capacity, catalog_size=stream.catalog_size, forced=forced
                )
                whole[value] += best.value
                whole[bound] += best.upper_bound
                if forced:
                    hits[mine] = best.allocation
            own = np.flatnonzero(self.groups == g)
            leaders = own[np.lexsort((own, -counts[own]))[:capacity]]
            inside[leaders] = True
        whole["static"] = float(counts[inside].sum())
        names = ("batched-min", "batched-min, bypass")
        for name, value, bound in zip(names, ("forced", "bypass"), ("bound", "bypass_bound")):
            certificates.append(
                {
                    "comparator": name,
                    "convention": "a batch's experts are all in the cache while it is served"
                    if value == "forced"
                    else "experts may be used without being kept",
                    "capacity": capacity,
                    "value": whole[value],
                    "upper_bound": whole[bound],
                    "gap": whole[bound] - whole[value],
                    "solver": "Belady's rule",
                    "status": "optimal" if whole[bound] == whole[value] else "bounded",
                }
            )
        first: np.ndarray = np.zeros(stream.items.size, np.bool_)
        first[np.unique(stream.items, return_index=True)[1]] = True
        edges = stream.starts[points]
        fixed = inside[stream.items]
        curves = {
            "optimum": np.concatenate([[0.0], np.cumsum(hits)])[edges],
            "static": np.concatenate([[0.0], np.cumsum(fixed)])[edges],
            "static_fetch_charged": np.concatenate([[0.0], np.cumsum(fixed & ~first)])[edges],
        }
        told = {**whole, "compulsory": float(first.sum())}
        return Outcome([], Comparators(curves, certificates, told))

    def measure(self, cell: Cell, run: Run, best: Comparators | None, points: np.ndarray) -> Iterable[Breach]:
        row = run.row
        k = run.reward.size - 1
        for name, column in (
            ("optimum", "optimum"),
            ("static", "static_optimum"),
            ("static_fetch_charged", "static_fetch_charged"),
        ):
            row[column] = float(best.curves[name][k]) if best is not None and k >= 0 else None
        done = best is not None and row["complete"]
        for name, column in (
            ("bound", "upper_bound"),
            ("bypass", "optimum_bypass"),
            ("compulsory", "compulsory"),
        ):
            row[column] = best.told[name] if best is not None and done else None
        row["ratio"] = row["reward"] / row["optimum"] if row["optimum"] else None
        row["regret"] = None if row["static_optimum"] is None else row["static_optimum"] - row["reward"]
        if row["upper_bound"] is None:
            return ()
        from olearn.regret import invariants

        return invariants.ceiling(row["reward"], row["upper_bound"], 0.0, row["prefetched"] or 0.0)

    # -- the result --------------------------------------------------------------------------------
    def manifest(self) -> dict[str, Any]:
        stream = self.stream
        return {
            "trace": {
                "name": stream.name,
                "digest": self.digest,
                "batches": len(stream),
                "requests": int(stream.items.size),
                "layers": int(stream.layer_names.size),
                "experts": stream.experts,
                "notes": stream.notes,
            },
            "shared": self.shared,
            "horizon": self.horizon,
            "capacities": self.capacities,
            "hit": "an expert that is held when its batch arrives",
        }

    def result(self, manifest: dict[str, Any], runs: list[Run], points: np.ndarray,
               comparators: dict[Any, Comparators]) -> MoEResult:  # fmt: skip
        return MoEResult(manifest, runs, points, comparators)
