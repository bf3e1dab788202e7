"""Inference delivery for the machine: a slot of requests, the ms saved, the relaxed optimum."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

from olearn.engine.delivery.result import DeliveryResult
from olearn.engine.game import Ask, Block, Cell, Column, Comparators, Game, Outcome, Play, Run
from olearn.environments.delivery import COLUMNS as MEASURES
from olearn.environments.delivery import GAIN, OVER, Delivery
from olearn.errors import ParameterError
from olearn.regret.invariants import Breach

#: Channels that are summed over slots.
SUMMED = tuple(m for m in MEASURES if m not in ("gain", "over"))

COLUMNS = (
    Column("policy", "text", "", "name and parameters as asked for"),
    Column("parameters", "json", "", "tunable parameters with the values in use"),
    Column("network", "text"),
    Column("seed", "int", "", "of the policy's randomness; empty for a deterministic policy"),
    Column("slots", "int", "slots", "served"),
    Column("requests", "float", "requests", "served"),
    Column("gain", "float", "ms", "saved over all requests, against serving from the repositories alone"),
    Column("gain_per_request", "float", "ms"),
    Column("optimum", "float", "ms", "gain of the relaxed optimum over the same slots"),
    Column("ratio", "float", "", "gain over optimum"),
    Column("latency", "float", "ms", "mean of a request: round trips and inference"),
    Column("inaccuracy", "float", "", "mean of 1 - accuracy of the model that answers"),
    Column("model_updates", "float", "models", "loaded"),
    Column("megabytes", "float", "MB", "their size"),
    Column("messages", "float", "hops", "of control packets, up and down"),
    Column("peak_budget", "float", "", "largest use of a node's budget, 1 = full"),
    Column("regret", "float", "ms", "of the comparator that the bound names: psi * optimum - gain"),
    Column("psi", "float", "", "1, or 1 - 1/e where the bound is for rounded placements"),
    Column("bound", "float", "ms", "declared bound on the regret"),
    Column("certificate", "float", "ms", "what the run proves about the regret of the policy's fractions"),
    Column("regret_over_bound", "float"),
    Column("randomised", "bool"),
    Column("fractional", "bool"),
    Column("offline", "bool"),
    Column("seconds", "float", "s", "in compiled code"),
    Column("slots_per_second", "float", "1/s"),
    Column("complete", "bool"),
    Column("bound_details", "json"),
    Column("violated", "json", "", "assumptions of the bound that the replay does not meet"),
)


#: What the ways to share a bounded model mean.
_SPLITS = {
    "proportional": "a model's capacity goes to the types that reach it in proportion to the slot's requests",
    "own": "every request type may use the whole capacity of a bounded model",
}


@dataclass
class DeliveryPlay(Play):
    """A run, and the fullest that a node has been."""

    peak: float = 0.0


class DeliveryGame(Game):
    """Policies on one network.

    Parameters
    ----------
    network : Delivery
    demand : ndarray of float64, shape (T, R)
        Checked.
    horizon : int
        Slots that default parameters are tuned for.
    optimum : bool
        Whether the relaxed optimum is solved for.
    title : str
        What the demand is called.
    """

    name = "delivery"
    rounds_are = "slots"
    columns = COLUMNS
    code = (__file__,)

    def __init__(self, network: Delivery, demand: np.ndarray, horizon: int, optimum: bool, title: str) -> None:
        self.network = network
        self.demand = demand
        self.horizon = horizon
        self.optimum = optimum
        self.title = title
        if demand.shape[0] == 0:
            raise ParameterError("a demand needs at least one slot, got none")
        digest = hashlib.blake2b(digest_size=16)
        for part in (demand, *network.options[:8], network.size, network.budget, network.open):
            digest.update(np.ascontiguousarray(part).tobytes())
        digest.update(network.split.encode())
        self._digest = digest.hexdigest()

    @property
    def rounds(self) -> int:
        return self.demand.shape[0]

    @property
    def digest(self) -> str:
        return self._digest

    def cells(self, ask: Ask) -> list[Cell]:
        options = {"horizon": self.horizon, "optimum": self.optimum}
        cells = [Cell(self.network.name, options)]
        for choice in ask.choices:
            for seed in ask.seeds:
                cell = Cell(self.network.name, options, choice, seed)
                cells.append(cell)
                if not self._build(cell).randomised:
                    break
        return cells

    def _build(self, cell: Cell) -> Any:
        choice, more = cell.choice, {}
        assert choice is not None
        if getattr(choice.factory, "offline", False):
            more["demand"] = self.demand
        policy = choice.build(
            network=self.network,
            horizon=self.horizon,
            peak=float(self.demand.max(initial=0.0)) or 1.0,
            seed=cell.seed,
            **more,
        )
        policy.validate()
        policy.parameters()
        if policy.network is not self.network:
            raise ParameterError(f"{cell.label} was made for another network ({policy.network.name})")
        return policy

    # -- a run -------------------------------------------------------------------------------------
    def begin(self, cell: Cell, longest: int) -> DeliveryPlay:
        policy = self._build(cell)
        # Scratch of the network's options is written while serving: each run has its own.
        policy.network = _own(self.network)
        policy.reset()
        out: dict[str, np.ndarray] = {"reward": np.empty(longest)}
        out |= {name: np.empty(longest) for name in SUMMED}
        play = DeliveryPlay(policy, out)
        type(policy).run(policy.state, policy.network.options, self.demand[:0], np.empty((0, len(MEASURES))))
        return play

    def blocks(self, play: Play, size: int) -> Iterator[Block]:
        for start in range(0, self.rounds, size):
            stop = min(start + size, self.rounds)
            yield Block(start, stop, self.demand[start:stop])

    def serve(self, play: Play, block: Block, low: int, high: int) -> None:
        policy = play.policy
        rows = np.zeros((high - low, len(MEASURES)))
        type(policy).run(policy.state, policy.network.options, block.data[low:high], rows)
        play.out["reward"][low:high] = rows[:, GAIN]
        for name in SUMMED:
            play.out[name][low:high] = rows[:, MEASURES.index(name)]
        play.peak = max(play.peak, float(rows[:, OVER].max(initial=0.0)))  # type: ignore[attr-defined]

    def invariants(self, play: Play, done: bool) -> Iterable[Breach]:
        from olearn.regret.invariants import finite, within

        assert isinstance(play, DeliveryPlay)
        gains = play.out["reward"][: play.filled]
        costs = play.out["cost"][: play.filled]
        scale = float(np.abs(costs).max(initial=1.0))
        breaches = within(gains / scale, 0.0, math.inf, "gains, in units of the largest cost")
        breaches = breaches or finite(costs, "costs")
        if getattr(play.policy, "residual", "fill") not in ("bernoulli", "coupled"):
            breaches += within([play.peak], 0.0, 1.0, "the use of a budget")
        return breaches

    def finish(self, cell: Cell, play: Play, points: np.ndarray, curves: dict[str, np.ndarray],
               totals: dict[str, float], complete: bool) -> Run:  # fmt: skip
        policy, served = play.policy, play.served
        assert isinstance(play, DeliveryPlay)
        requests = totals["requests"]
        per = requests if requests > 0 else math.nan
        row: dict[str, Any] = {
            "policy": policy.name,
            "parameters": policy.parameters(),
            "network": self.network.name,
            "seed": policy.seed if policy.randomised else None,
            "slots": served,
            "requests": requests,
            "gain": totals["reward"],
            "gain_per_request": totals["reward"] / per,
            "latency": totals["latency"] / per,
            "inaccuracy": totals["inaccuracy"] / per,
            "model_updates": totals["updates"],
            "megabytes": totals["megabytes"],
            "messages": totals["messages"],
            "peak_budget": play.peak,
            "randomised": bool(policy.randomised),
            "fractional": bool(policy.fractional),
            "offline": bool(policy.offline),
            "seconds": play.seconds,
            "slots_per_second": served / play.seconds if play.seconds > 0 else math.nan,
            "complete": complete,
        }
        bound = policy.bound(served)
        row["bound"] = bound.value if bound else None
        row["bound_details"] = {**bound._asdict(), "assumptions": list(bound.assumptions)} if bound else None
        row["psi"] = 1.0 if bound is None or "1/e" not in bound.comparator else 1.0 - math.exp(-1.0)
        row["violated"] = []
        row["certificate"] = (
            policy.diameter / policy.eta + totals["certificate"] if hasattr(policy, "certificate") else None
        )
        drawn = None if bound is None else np.array([policy.bound(int(t)).value for t in points])
        kept = {name: curves[name] for name in ("reward", "updates", "messages")}
        return Run(row, kept, bound, drawn)

    # -- hindsight ---------------------------------------------------------------------------------
    def comparators(self, cell: Cell, points: np.ndarray) -> Outcome:
        if not self.optimum:
            return Outcome([], Comparators({"optimum": np.full(points.size, math.nan)}))
        from olearn.environments.delivery import serve, spread_load
        from olearn.optima.delivery import relaxed

        best = relaxed(self.network, self.demand)
        network = _own(self.network)
        y = np.ascontiguousarray(best.allocation).reshape(-1)
        gains = np.empty(self.rounds)
        row = np.empty(len(MEASURES))
        for t in range(self.rounds):
            spread_load(network.options, self.demand[t])
            serve(network.options, self.demand[t], y, row)
            gains[t] = row[GAIN]
        curve = np.cumsum(gains)[points - 1]
        certificate = {"network": self.network.name, **best.row()}
        return Outcome([], Comparators({"optimum": curve}, [certificate]))

    def measure(self, cell: Cell, run: Run, best: Comparators | None, points: np.ndarray) -> Iterable[Breach]:
        row = run.row
        k = run.reward.size - 1
        value = float(best.curves["optimum"][k]) if best is not None and k >= 0 else math.nan
        row["optimum"] = None if math.isnan(value) else value
        row["ratio"] = row["gain"] / value if value > 0 else None
        row["regret"] = row["psi"] * value - row["gain"]
        bound = row.get("bound")
        row["regret_over_bound"] = row["regret"] / bound if bound else None
        return ()

    # -- the result --------------------------------------------------------------------------------
    def manifest(self) -> dict[str, Any]:
        network = self.network
        return {
            "trace": {
                "name": f"{network.name}, {self.title}",
                "digest": self.digest,
                "slots": self.rounds,
                "requests": float(self.demand.sum()),
            },
            "network": {
                "name": network.name,
                "nodes": list(network.nodes),
                "models": len(network.models),
                "tasks": int(network.task.max()) + 1,
                "request_types": len(network.types),
                "alpha": network.alpha,
                "split": network.split,
                "split_means": _SPLITS[network.split],
            },
            "horizon": self.horizon,
            "regret": "psi times the gain of the best fixed fractions of models, minus the gain",
        }

    def result(self, manifest: dict[str, Any], runs: list[Run], points: np.ndarray,
               comparators: dict[Any, Comparators]) -> DeliveryResult:  # fmt: skip
        return DeliveryResult(manifest, runs, points, comparators)


def _own(network: Delivery) -> Delivery:
    """The same network with a workspace of its own."""
    import copy

    own = copy.copy(network)
    own.options = network.options._replace(load=np.zeros_like(network.options.load))
    return own
