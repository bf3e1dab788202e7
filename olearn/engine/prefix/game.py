"""Prefix caches for the machine: a prompt, the tokens saved, the most that could have been."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

import numpy as np

from olearn.engine.game import Ask, Block, Cell, Column, Comparators, Game, Outcome, Play, Run
from olearn.engine.prefix.by_block import ByBlock
from olearn.engine.prefix.result import PrefixResult
from olearn.regret.invariants import Breach

COLUMNS = (
    Column("policy", "text", "", "name and parameters as asked for"),
    Column("parameters", "json", "", "tunable parameters with the values in use"),
    Column("capacity", "int", "blocks"),
    Column("capacity_bytes", "float", "B", "of the named model"),
    Column("seed", "int", "", "of the policy's randomness; empty for a deterministic policy"),
    Column("requests", "int", "requests", "served, warm-up included"),
    Column("measured", "int", "requests", "served after the warm-up"),
    Column("tokens", "float", "tokens", "of the prompts measured"),
    Column("hit_tokens", "float", "tokens", "saved: in the leading blocks held, measured requests"),
    Column("token_hit_ratio", "float", "", "hit_tokens over tokens"),
    Column("block_hit_ratio", "float", "", "leading blocks held over blocks, measured requests"),
    Column("request_hit_ratio", "float", "", "mean over measured requests of the share of its tokens saved"),
    Column("optimum", "float", "tokens", "the most that any cache of this capacity saves"),
    Column("upper_bound", "float", "tokens", "what the certificate proves about it"),
    Column("ratio", "float", "", "hit_tokens over optimum"),
    Column("regret", "float", "tokens", "static_optimum minus hit_tokens"),
    Column("static_optimum", "float", "tokens", "of the best fixed set of blocks, held from the start"),
    Column("written", "float", "blocks"),
    Column("evicted", "float", "blocks"),
    Column("peak_occupancy", "float", "blocks"),
    Column("unlimited", "float", "tokens", "saved by a cache that keeps everything"),
    Column("randomised", "bool"),
    Column("offline", "bool"),
    Column("seconds", "float", "s", "in compiled code"),
    Column("blocks_per_second", "float", "1/s"),
    Column("complete", "bool"),
)


class PrefixGame(Game):
    """Policies on chains.

    Parameters
    ----------
    chains : ChainTrace
    capacities : sequence of int
        Blocks.
    horizon : int
    warm_up : int
        Requests at the start that count for nothing.
    model, precision : str
        What capacities in bytes were worked out with.
    """

    name = "prefix"
    columns = COLUMNS
    code = (__file__,)

    def __init__(
        self,
        chains: Any,
        capacities: Sequence[int],
        horizon: int,
        warm_up: int,
        model: str | None,
        precision: str,
    ) -> None:
        self.chains = chains
        self.capacities = list(capacities)
        self.horizon = horizon
        self.warm_up = warm_up
        self.model = model
        self.precision = precision
        self._sums = np.concatenate([[0], np.cumsum(chains.tokens)])

    @property
    def rounds(self) -> int:
        return len(self.chains)

    @property
    def digest(self) -> str:
        return str(self.chains.digest)

    def cells(self, ask: Ask) -> list[Cell]:
        cells = []
        for capacity in self.capacities:
            options = {"capacity": capacity, "horizon": self.horizon, "warm_up": self.warm_up}
            cells.append(Cell(capacity, options))
            for choice in ask.choices:
                for seed in ask.seeds:
                    cell = Cell(capacity, options, choice, seed)
                    cells.append(cell)
                    if not self._build(cell).randomised:
                        break
        return cells

    def _build(self, cell: Cell) -> Any:
        choice = cell.choice
        assert choice is not None
        chains = self.chains
        if getattr(choice.factory, "game", "caching") != "prefix":
            policy = choice.build(
                capacity=min(cell.group, chains.catalog_size),
                catalog_size=chains.catalog_size,
                horizon=chains.blocks.size,
                seed=cell.seed,
                **({"requests": chains.blocks} if getattr(choice.factory, "offline", False) else {}),
            )
            policy.validate()
            return ByBlock(policy)
        ahead = getattr(choice.factory, "offline", False)
        more = {"chains": (chains.starts, chains.blocks)} if ahead else {}
        policy = choice.build(
            capacity=cell.group, parents=chains.parents, horizon=self.horizon, seed=cell.seed, **more
        )
        policy.validate()
        policy.parameters()
        return policy

    # -- a run -------------------------------------------------------------------------------------
    def begin(self, cell: Cell, longest: int) -> Play:
        policy = self._build(cell)
        if not isinstance(policy, ByBlock):
            nothing = np.zeros(1, np.int64), np.empty(0, np.int32), np.empty(0, np.int32)
            type(policy).run(policy.state, *nothing)  # compile, or load, outside the clock
        return Play(policy, {name: np.empty(longest) for name in ("reward", "blocks", "share")})

    def blocks(self, play: Play, size: int) -> Iterator[Block]:
        for start in range(0, self.rounds, size):
            stop = min(start + size, self.rounds)
            yield Block(start, stop)

    def serve(self, play: Play, block: Block, low: int, high: int) -> None:
        chains, policy = self.chains, play.policy
        first, last = block.start + low, block.start + high
        begin = int(chains.starts[first])
        starts = chains.starts[first : last + 1] - begin
        ids = chains.blocks[begin : chains.starts[last]]
        hits = np.empty(last - first, np.int32)
        if isinstance(policy, ByBlock):
            policy.serve(starts, ids, hits)
        else:
            type(policy).run(policy.state, starts, ids, hits)
        counted = np.arange(first, last) >= self.warm_up
        edges = chains.starts[first:last]
        saved = self._sums[edges + hits] - self._sums[edges]
        asked = self._sums[chains.starts[first + 1 : last + 1]] - self._sums[edges]
        play.out["reward"][low:high] = saved * counted
        play.out["blocks"][low:high] = hits * counted
        play.out["share"][low:high] = (
            np.divide(saved, asked, out=np.zeros(saved.size), where=asked > 0) * counted
        )

    def invariants(self, play: Play, done: bool) -> Iterable[Breach]:
        from olearn.regret.invariants import within

        breaches = within(play.out["share"][: play.filled], 0.0, 1.0, "shares of tokens saved")
        capacity = play.policy.policy.capacity if isinstance(play.policy, ByBlock) else play.policy.capacity
        soft = isinstance(play.policy, ByBlock) and play.policy.policy.soft_capacity
        if not soft:
            breaches += within([play.policy.stats["peak_occupancy"]], 0.0, capacity, "the occupancy")
        return breaches

    def finish(self, cell: Cell, play: Play, points: np.ndarray, curves: dict[str, np.ndarray],
               totals: dict[str, float], complete: bool) -> Run:  # fmt: skip
        policy, served = play.policy, play.served
        measured = max(0, served - self.warm_up)
        starts = self.chains.starts
        begin, end = int(starts[min(self.warm_up, served)]), int(starts[served])
        tokens = float(self._sums[end] - self._sums[begin])
        row: dict[str, Any] = {
            "policy": policy.name,
            "parameters": policy.parameters(),
            "capacity": cell.group,
            "capacity_bytes": self._bytes(cell.group),
            "seed": policy.seed if policy.randomised else None,
            "requests": served,
            "measured": measured,
            "tokens": tokens,
            "hit_tokens": totals["reward"],
            "token_hit_ratio": totals["reward"] / tokens if tokens else math.nan,
            "block_hit_ratio": totals["blocks"] / (end - begin) if end > begin else math.nan,
            "request_hit_ratio": totals["share"] / measured if measured else math.nan,
            **{k: policy.stats[k] for k in ("written", "evicted", "peak_occupancy")},
            "randomised": bool(policy.randomised),
            "offline": bool(policy.offline),
            "seconds": play.seconds,
            "blocks_per_second": float(starts[served]) / play.seconds if play.seconds > 0 else math.nan,
            "complete": complete,
        }
        return Run(row, {"reward": curves["reward"]})

    def _bytes(self, blocks: int) -> float | None:
        if self.model is None:
            return None
        from olearn.traces.llm.models import bytes_per_token

        return float(blocks * self.chains.block_tokens * bytes_per_token(self.model, self.precision))

    # -- hindsight ---------------------------------------------------------------------------------
    def comparators(self, cell: Cell, points: np.ndarray) -> Outcome:
        from olearn.optima.llm import prefix_optimum

        chains, capacity = self.chains, cell.group
        best = prefix_optimum(
            chains.starts,
            chains.blocks,
            capacity,
            chains.tokens,
            catalog_size=chains.catalog_size,
            warm_up=self.warm_up,
        )
        counted = np.repeat(np.arange(len(chains)) >= self.warm_up, np.diff(chains.starts))
        worth = chains.tokens * counted
        sums = np.bincount(chains.blocks, weights=worth, minlength=chains.catalog_size)
        # No block is asked for more often than its parent: the set of largest sums is closed under prefixes
        # but for partial blocks, whose ties are broken towards the beginning.
        inside = np.zeros(chains.catalog_size, np.bool_)
        inside[np.lexsort((np.arange(sums.size), -sums))[:capacity]] = True
        first = np.zeros(chains.blocks.size, np.bool_)
        first[np.unique(chains.blocks, return_index=True)[1]] = True
        told = {
            "static": float(sums[inside].sum()),
            "unlimited": float(worth[~first].sum()),
        }
        edges = chains.starts[points]
        curves = {
            "optimum": np.concatenate([[0.0], np.cumsum(best.allocation * worth)])[edges],
            "static": np.concatenate([[0.0], np.cumsum(inside[chains.blocks] * worth)])[edges],
        }
        certificates = [{"capacity": capacity, **best.row()}]
        return Outcome([], Comparators(curves, certificates, told))

    def measure(self, cell: Cell, run: Run, best: Comparators | None, points: np.ndarray) -> Iterable[Breach]:
        row = run.row
        k = run.reward.size - 1
        for name, column in (("optimum", "optimum"), ("static", "static_optimum")):
            row[column] = float(best.curves[name][k]) if best is not None and k >= 0 else None
        row["upper_bound"] = (
            best.certificates[0]["upper_bound"] if best is not None and row["complete"] else None
        )
        row["unlimited"] = best.told["unlimited"] if best is not None and row["complete"] else None
        row["ratio"] = row["hit_tokens"] / row["optimum"] if row["optimum"] else None
        row["regret"] = None if row["static_optimum"] is None else row["static_optimum"] - row["hit_tokens"]
        if row["upper_bound"] is None:
            return ()
        from olearn.regret import invariants

        excess = row["peak_occupancy"] / cell.group
        extra = row.get("prefilled", 0.0)
        return invariants.ceiling(row["hit_tokens"], row["upper_bound"], extra, 0.0, max(1.0, excess))

    # -- the result --------------------------------------------------------------------------------
    def manifest(self) -> dict[str, Any]:
        chains = self.chains
        return {
            "trace": {
                "name": chains.name,
                "digest": self.digest,
                "requests": len(chains),
                "blocks": int(chains.blocks.size),
                "distinct_blocks": chains.catalog_size,
                "block_tokens": chains.block_tokens,
                "notes": chains.notes,
            },
            "horizon": self.horizon,
            "warm_up": self.warm_up,
            "capacities": self.capacities,
            "model": self.model,
            "precision": self.precision if self.model else None,
            "token_hit_ratio": "tokens of the leading blocks held over all tokens of the measured prompts",
        }

    def result(self, manifest: dict[str, Any], runs: list[Run], points: np.ndarray,
               comparators: dict[Any, Comparators]) -> PrefixResult:  # fmt: skip
        return PrefixResult(manifest, runs, points, comparators)
