"""The caching game for the machine: a request, a hit, an occupancy, the best static set."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from olearn.engine.caching import comparators as hindsight
from olearn.engine.caching.result import CachingResult
from olearn.engine.game import Ask, Block, Cell, Column, Comparators, Game, Outcome, Play, Run
from olearn.errors import ParameterError
from olearn.regret.invariants import Breach

#: The offline rows that stand in every table.
OFFLINE: tuple[str, ...] = ("static", "belady", "belady-bypass")

COLUMNS: tuple[Column, ...] = (
    Column("policy", "text", "", "name and parameters as asked for"),
    Column("parameters", "json", "", "tunable parameters with the values in use"),
    Column("capacity", "int", "items", "C"),
    Column("seed", "int", "", "of the policy's randomness; empty for a deterministic policy"),
    Column("requests", "int", "requests", "served"),
    Column("reward", "float", "hits", "earned"),
    Column("hit_ratio", "float", "", "reward over requests"),
    Column("byte_hit_ratio", "float", "", "share of the bytes requested that were hit"),
    Column("randomised", "bool"),
    Column("fractional", "bool"),
    Column("soft_capacity", "bool", "", "the capacity holds on average only"),
    Column("offline", "bool"),
    Column("prefilled", "float", "items", "held before the first request"),
    Column("fetched", "float", "items", "requested items that were fetched"),
    Column("fetched_other", "float", "items", "other items that were fetched"),
    Column("evicted", "float", "items"),
    Column("occupancy", "float", "items", "at the end"),
    Column("peak_occupancy", "float", "items"),
    Column("seconds", "float", "s", "in compiled code"),
    Column("requests_per_second", "float", "1/s"),
    Column("complete", "bool"),
    Column("static_optimum", "float", "hits", "of the best static set of the requests served, prefilled"),
    Column("static_fetch_charged", "float", "hits", "the same, fetch-charged"),
    Column("belady", "float", "hits", "of Belady's MIN"),
    Column("belady_bypass", "float", "hits", "of MIN that need not insert"),
    Column("regret", "float", "hits", "static_optimum minus reward"),
    Column("regret_fetch_charged", "float", "hits"),
    Column("bound", "float", "hits", "declared bound on the regret"),
    Column("regret_over_bound", "float"),
    Column("bound_details", "json"),
    Column("violated", "json", "", "assumptions of the bound that the replay does not meet"),
)


@dataclass
class CachingPlay(Play):
    """A caching policy's run, and what it was when it began."""

    kind: Any = None
    held_before: float = 0.0
    fresh: bool = True


class CachingGame(Game):
    """Caches on a trace.

    Parameters
    ----------
    stream : Trace or the like
        Has ``catalog_size``, ``digest``, ``name``, ``source``, a length, ``blocks(size)`` that yields
        ``(start, items, sizes or None)``, and for comparators ``items``.
    capacities : sequence of int
    horizon : int
        Requests that default parameters are tuned for.
    catalog_size : int
        At least that of the stream.
    offline : bool
        Whether the offline rows are made.
    """

    name = "caching"
    columns = COLUMNS
    code: ClassVar[tuple[str, ...]] = (__file__, hindsight.__file__)
    #: What capacities count, and the rows that hindsight gives.
    unit = "items"
    rows_offline: tuple[str, ...] = OFFLINE

    def __init__(
        self, stream: Any, capacities: Sequence[int], horizon: int, catalog_size: int, offline: bool
    ) -> None:
        self.stream = stream
        self.capacities = list(capacities)
        self.horizon = horizon
        self.catalog_size = catalog_size
        self.offline = offline
        self._asked: frozenset[str] = frozenset()

    @property
    def rounds(self) -> int:
        return len(self.stream)

    @property
    def digest(self) -> str:
        return str(self.stream.digest)

    def cells(self, ask: Ask) -> list[Cell]:
        self._asked = frozenset(choice.label for choice in ask.choices)
        cells = []
        for capacity in self.capacities:
            options: dict[str, Any] = {
                "capacity": capacity,
                "horizon": self.horizon,
                "catalog_size": self.catalog_size,
            }
            if self.unit != "items":
                options["unit"] = self.unit
            rows = [name for name in self.rows_offline if self.offline and name not in self._asked]
            cells.append(Cell(capacity, {**options, "offline": rows}))
            for choice in ask.choices:
                for seed in ask.seeds:
                    cell = Cell(capacity, options, choice, seed)
                    cells.append(cell)
                    if not self._build(cell).randomised:  # refuses bad parameters now, not after an hour
                        break
        return cells

    def _build(self, cell: Cell) -> Any:
        choice, more = cell.choice, {}
        assert choice is not None
        if getattr(choice.factory, "offline", False):
            more["requests"] = self.stream.items
        if self.unit != "items":
            more["unit"] = self.unit
        policy = choice.build(
            capacity=cell.group,
            catalog_size=self.catalog_size,
            horizon=self.horizon,
            seed=cell.seed,
            **more,
        )
        policy.validate()
        policy.parameters()
        if policy.catalog_size < self.stream.catalog_size:  # kernels do not check ids
            raise ParameterError(
                f"{cell.label} was made for {policy.catalog_size:,} items, the trace has "
                f"{self.stream.catalog_size:,}"
            )
        return policy

    # -- a run -------------------------------------------------------------------------------------
    def _fresh(self, cell: Cell) -> tuple[Any, bool]:
        """The policy of a cell, and whether it has served nothing yet."""
        policy = self._build(cell)
        if policy._state is None:
            return policy, True
        policy = policy.copy()  # an object that a factory hands out: it may be another run's too
        return policy, _untouched(policy)

    def begin(self, cell: Cell, longest: int) -> CachingPlay:
        policy, fresh = self._fresh(cell)
        kind = type(policy)
        reward: np.ndarray = np.empty(longest, np.float64 if kind.fractional else np.bool_)
        out = {"reward": reward}
        if self.stream.sizes is not None:
            out["bytes"] = np.empty(longest, np.float64)
        play = CachingPlay(policy, out, kind=kind, held_before=policy.stats["occupancy"], fresh=fresh)
        kind.run(policy.state, np.empty(0, np.int32), reward[:0])  # compile, or load, outside the clock
        return play

    def blocks(self, play: Play, size: int) -> Iterator[Block]:
        return blocks(self.stream, size)

    def serve(self, play: Play, block: Block, low: int, high: int) -> None:
        items, sizes = block.data
        reward = play.out["reward"][low:high]
        play.kind.run(play.policy.state, items[low:high], reward)  # type: ignore[attr-defined]
        if sizes is not None:
            np.multiply(reward, sizes[low:high], out=play.out["bytes"][low:high], dtype=np.float64)

    def invariants(self, play: Play, done: bool) -> Iterable[Breach]:
        from olearn.regret import invariants

        policy = play.policy
        assert isinstance(play, CachingPlay)
        reward = play.out["reward"]
        every = done or invariants.affordable(policy.catalog_size, reward.size)
        return invariants.caching(
            # The rewards of the last chunk were checked with it.
            reward[: play.filled] if policy.fractional and not done else reward[:0],
            capacity=policy.capacity,
            fractions=policy.fractions() if policy.fractional and every else None,
            soft_capacity=policy.soft_capacity,
            stats=policy.stats,
            prefilled=play.held_before,
        )

    def finish(self, cell: Cell, play: Play, points: np.ndarray, curves: dict[str, np.ndarray],
               totals: dict[str, float], complete: bool) -> Run:  # fmt: skip
        policy, served = play.policy, play.served
        assert isinstance(play, CachingPlay)
        earned, seconds = totals["reward"], play.seconds
        volume = hindsight.volume(self.stream) if complete else 0.0
        row: dict[str, Any] = {
            "policy": policy.name,
            "parameters": policy.parameters(),
            "capacity": cell.group,
            "seed": policy.seed if policy.randomised else None,
            "requests": served,
            "reward": earned,
            "hit_ratio": earned / served,
            "byte_hit_ratio": totals["bytes"] / volume if volume else None,
            "randomised": bool(policy.randomised),
            "fractional": bool(policy.fractional),
            "soft_capacity": bool(policy.soft_capacity),
            "offline": bool(policy.offline),
            "prefilled": play.held_before,
            **policy.stats,
            "seconds": seconds,
            "requests_per_second": served / seconds if seconds > 0 else float("nan"),
            "complete": complete,
        }
        bound = policy.bound(served)
        row["bound"] = bound.value if bound else None
        row["bound_details"] = {**bound._asdict(), "assumptions": list(bound.assumptions)} if bound else None
        row["violated"] = self._violated(policy, cell, served, play.fresh) if bound else []
        drawn = None if bound is None else np.array([policy.bound(int(t)).value for t in points])
        return Run(row, {"reward": curves["reward"]}, bound, drawn)

    def _violated(self, policy: Any, cell: Cell, served: int, fresh: bool) -> list[str]:
        """Assumptions of the policy's bound that this replay does not meet; the facts are the replay's."""
        from olearn.regret import RunFacts, violations

        # A replay serves one request at a time and a hit is worth 1, whatever the trace says of costs.
        facts = RunFacts(served, 1, 1, 1.0, cell.group, self.catalog_size)
        broken = list(violations(RunFacts(**policy.assumes()), facts))
        if not fresh:
            broken.append("requests that the policy had served before the replay")
        return broken

    # -- hindsight ---------------------------------------------------------------------------------
    def comparators(self, cell: Cell, points: np.ndarray) -> Outcome:
        return hindsight.outcome(self.stream, cell, points)

    def measure(self, cell: Cell, run: Run, best: Comparators | None, points: np.ndarray) -> Iterable[Breach]:
        row = run.row
        self._against_static(row, run, best)
        certificates = best.certificates if best is not None else []
        for name in ("belady", "belady-bypass"):
            found = [o["value"] for o in certificates if o["comparator"] == name]
            row[name.replace("-", "_")] = found[0] if found and row["complete"] else None
        most = [o["upper_bound"] for o in certificates if o["comparator"] == "belady-bypass"]
        if not most or cell.choice is None:
            return ()
        from olearn.regret import invariants

        excess = row["peak_occupancy"] / cell.group if row["peak_occupancy"] else 1.0
        return invariants.ceiling(row["reward"], most[0], row["prefilled"], row["fetched_other"] or 0.0, excess)

    @staticmethod
    def _against_static(row: dict[str, Any], run: Run, best: Comparators | None) -> None:
        """The best static set of the requests served, and the regret against it."""
        k = run.reward.size - 1
        nan = float("nan")
        for column, name in (("static_optimum", "prefix"), ("static_fetch_charged", "prefix_fetch_charged")):
            row[column] = float(getattr(best, name)[k]) if best is not None and k >= 0 else nan
        row["regret"] = row["static_optimum"] - row["reward"]
        row["regret_fetch_charged"] = row["static_fetch_charged"] - row["reward"]
        bound = row.get("bound")
        row["regret_over_bound"] = row["regret"] / bound if bound is not None and bound > 0 else None

    # -- the result --------------------------------------------------------------------------------
    def manifest(self) -> dict[str, Any]:
        trace = self.stream
        return {
            "trace": {
                "name": trace.name,
                "source": str(trace.source) if trace.source is not None else None,
                "digest": trace.digest,
                "requests": len(trace),
                "items": trace.catalog_size,
                "origin": dict(getattr(trace, "origin", {})),
            },
            "horizon": self.horizon,
            "catalog_size": self.catalog_size,
            "capacities": self.capacities,
            "reward": "1 for a hit, the fraction held for a fractional policy"
            + ("; the trace's costs are not used" if trace.costs is not None else ""),
            "capacity_unit": "items"
            + ("; the trace's sizes enter byte_hit_ratio alone" if trace.sizes is not None else ""),
            "regret": "reward of the best static set (prefilled) of the requests served, minus the reward",
        }

    def result(self, manifest: dict[str, Any], runs: list[Run], points: np.ndarray,
               comparators: dict[Any, Comparators]) -> CachingResult:  # fmt: skip
        return CachingResult(manifest, runs, points, comparators)


def blocks(stream: Any, size: int) -> Iterator[Block]:
    """The requests of a stream in blocks: its own, or slices of a trace in memory."""
    if hasattr(stream, "blocks"):
        for start, items, sizes in stream.blocks(size):
            yield Block(start, start + items.size, (items, sizes))
        return
    items, sizes = stream.items, stream.sizes
    for start in range(0, items.size, size):
        stop = min(start + size, items.size)
        yield Block(start, stop, (items[start:stop], None if sizes is None else sizes[start:stop]))


def _untouched(policy: Any) -> bool:
    """Whether a policy's state is the one it starts with."""
    fresh = policy.copy()
    fresh.reset()
    return _same(policy.state, fresh.state)


def _same(a: Any, b: Any) -> bool:
    if isinstance(a, tuple):
        return all(_same(x, y) for x, y in zip(a, b, strict=True))
    return bool(np.array_equal(a, b, equal_nan=np.asarray(a).dtype.kind == "f"))
