"""Networks of caches for the machine: a request that walks until it meets a copy, the weight saved."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from olearn._rng import generator
from olearn.engine.game import Ask, Block, Cell, Column, Comparators, Game, Outcome, Play, Run
from olearn.engine.networks.result import NetworkResult
from olearn.errors import ParameterError
from olearn.regret.invariants import Breach
from olearn.traces.networks.model import Network

COLUMNS = (
    Column("policy", "text", "", "name and parameters as asked for"),
    Column("requests", "int", "requests", "served"),
    Column("tacg", "float", "weight", "time-averaged caching gain: saved a request, both ways"),
    Column("optimum", "float", "weight", "relaxed optimum by the rates of the demands, a request, both ways"),
    Column("ratio", "float", "", "tacg over optimum"),
    Column("update_cost", "float", "pairs", "(node, item) pairs new since the last monitoring instant, summed"),
    Column("messages", "float", "hops", "of requests, answers and control messages"),
    Column("regret", "float", "weight", "of the comparator that the bound names: psi * hindsight - gain"),
    Column("bound", "float", "weight", "on that regret, for the visits or gradients of this run"),
    Column("network", "text"),
    Column("parameters", "json", "", "tunable parameters with the values in use"),
    Column("seed", "int", "", "of the policy's randomness; empty for a deterministic policy"),
    Column("tacg_by_rates", "float", "weight", "the same where the cost without caches is the expected one"),
    Column("gain", "float", "weight", "saved over all requests, both ways"),
    Column("hindsight", "float", "weight", "relaxed optimum of the requests that came, over all, both ways"),
    Column(
        "psi", "float", "", "1, 1 - 1/e or 1/2: the share of the optimum that bound and certificate are about"
    ),
    Column("certificate", "float", "weight", "what the run itself proves about the same regret"),
    Column("regret_over_bound", "float"),
    Column("looks", "int", "", "monitoring instants"),
    Column("placement", "json", "", "node -> items at the end, where these are 4,000 at most"),
    Column("randomised", "bool"),
    Column("fractional", "bool"),
    Column("offline", "bool"),
    Column("seconds", "float", "s", "in compiled code, looks included"),
    Column("requests_per_second", "float", "1/s"),
    Column("complete", "bool"),
    Column("bound_details", "json"),
    Column("violated", "json", "", "assumptions of the bound that the replay does not meet"),
)

#: Looks are fewer where a look means drawing from more than so many (place, item) pairs.
DRAWN = 1_000_000
FEWER = 100


@dataclass
class NetworkPlay(Play):
    """A run, and what its nodes held when they were last looked at."""

    held: np.ndarray = field(default_factory=lambda: np.empty(0, dtype=np.int64))
    over: int = 0
    looks: int = 0


class NetworkGame(Game):
    """Policies on one network of caches.

    Parameters
    ----------
    network : Network
    demands : int32 array, `times` : float64 array
        Checked.
    horizon : int
        Requests that default parameters are tuned for.
    monitor : float
        Monitoring instants per unit of time, on average.
    optimum : bool
        Whether relaxed optima are solved for.
    title : str
        What the requests are called.
    """

    name = "networks"
    columns = COLUMNS
    code = (__file__,)
    looks = True

    def __init__(self, network: Network, demands: np.ndarray, times: np.ndarray, horizon: int,
                 monitor: float, optimum: bool, title: str) -> None:  # fmt: skip
        self.network = network
        self.demands = demands
        self.times = times
        self.horizon = horizon
        self.optimum = optimum
        self.title = title
        span = float(times[-1])
        places = int(network.capacity.sum()) * network.items
        self.monitor = monitor if places <= DRAWN or not span else min(monitor, FEWER / span)
        draw = generator(0, 74)
        instants = np.sort(draw.random(draw.poisson(self.monitor * span)) * span)
        #: Requests before which contents are looked at.
        self.cuts = np.searchsorted(times, instants)
        digest = hashlib.blake2b(digest_size=16)
        for part in (demands, times, network.weights, network.edges, network.capacity, network.source,
                     network.item, network.rate, network.start, network.path):  # fmt: skip
            digest.update(np.ascontiguousarray(part).tobytes())
        digest.update(repr(self.monitor).encode())
        self._digest = digest.hexdigest()

    @property
    def rounds(self) -> int:
        return len(self.demands)

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
        assert cell.choice is not None
        policy = cell.choice.build(network=self.network, horizon=self.horizon, seed=cell.seed)
        policy.validate()
        policy.parameters()
        if policy.network is not self.network:
            raise ParameterError(f"{cell.label} was made for another network ({policy.network.name})")
        return policy

    # -- a run -------------------------------------------------------------------------------------
    def begin(self, cell: Cell, longest: int) -> NetworkPlay:
        policy = self._build(cell)
        policy.reset()
        out = {name: np.zeros(longest) for name in ("reward", "updates", "messages")}
        policy.serve(self.demands[:0], self.times[:0], out["reward"][:0], out["messages"][:0])
        return NetworkPlay(policy, out, held=policy.held())

    def blocks(self, play: Play, size: int) -> Iterator[Block]:
        for start in range(0, self.rounds, size):
            yield Block(start, min(start + size, self.rounds))

    def serve(self, play: Play, block: Block, low: int, high: int) -> None:
        assert isinstance(play, NetworkPlay)
        play.out["updates"][low:high] = 0.0
        first, last = block.start + low, block.start + high
        inside = self.cuts[np.searchsorted(self.cuts, first + 1) : np.searchsorted(self.cuts, last + 1)]
        for stop in [*inside.tolist(), None]:
            end = last if stop is None else stop
            part = slice(first - block.start, end - block.start)
            play.policy.serve(
                self.demands[first:end],
                self.times[first:end],
                play.out["reward"][part],
                play.out["messages"][part],
            )
            play.out["reward"][part] *= 2.0
            if stop is not None:
                self._monitor(play, end - 1 - block.start)
            first = end

    def _monitor(self, play: NetworkPlay, at: int) -> None:
        now = play.policy.held()
        play.out["updates"][at] += float(np.setdiff1d(now, play.held, assume_unique=True).size)
        counts = np.bincount(now // self.network.items, minlength=self.network.nodes)
        play.over = max(play.over, int((counts - self.network.capacity).max(initial=0)))
        play.held = now
        play.looks += 1

    def look(self, play: Play) -> dict[str, float]:
        bound, proved = play.policy.bound(play.served), play.policy.certificate()
        return {
            "bound": math.nan if bound is None else 2 * bound.value,
            "certificate": math.nan if proved is None else 2 * proved,
        }

    def invariants(self, play: Play, done: bool) -> Iterable[Breach]:
        from olearn.regret.invariants import within

        assert isinstance(play, NetworkPlay)
        full = 2 * float(self.network.upstream.max(initial=0.0))
        breaches = within(play.out["reward"][: play.filled], 0.0, full * (1 + 1e-12), "gains of a request")
        breaches += within([float(play.over)], -math.inf, 0.0, "items held above a node's capacity")
        return breaches

    def finish(self, cell: Cell, play: Play, points: np.ndarray, curves: dict[str, np.ndarray],
               totals: dict[str, float], complete: bool) -> Run:  # fmt: skip
        assert isinstance(play, NetworkPlay)
        policy, served = play.policy, play.served
        full = 2 * self.network.upstream[self.network.start[:-1]]
        rates = float(self.network.rate.sum())
        expected = 2 * self.network.total / rates if rates else math.nan
        gain = totals["reward"]
        bound = policy.bound(served) if complete else None
        proved = policy.certificate() if complete else None
        drawn = curves.pop("bound", None)
        certified = curves.pop("certificate", None)
        if bound is not None:
            bound = bound._replace(value=2 * bound.value)
        kept = {name: curves[name] for name in ("reward", "updates", "messages")}
        if certified is not None and np.isfinite(certified).all():
            kept["certificate"] = certified
        row: dict[str, Any] = {
            "policy": policy.name,
            "requests": served,
            "tacg": gain / served,
            "optimum": None,
            "ratio": None,
            "update_cost": totals["updates"],
            "messages": totals["messages"],
            "regret": None,
            "bound": bound.value if bound else None,
            "network": self.network.name,
            "parameters": policy.parameters(),
            "seed": policy.seed if policy.randomised else None,
            "tacg_by_rates": gain / served + expected - float(full[self.demands[:served]].mean()),
            "gain": gain,
            "psi": policy.psi,
            "certificate": None if proved is None else 2 * proved,
            "looks": play.looks,
            "placement": self._placement(policy) if complete else None,
            "randomised": bool(policy.randomised),
            "fractional": bool(policy.fractional),
            "offline": bool(policy.offline),
            "seconds": play.seconds,
            "requests_per_second": served / play.seconds if play.seconds > 0 else math.nan,
            "complete": complete,
            "bound_details": {**bound._asdict(), "assumptions": list(bound.assumptions)} if bound else None,
            "violated": [],
        }
        known = drawn is not None and bound is not None and np.isfinite(drawn).all()
        return Run(row, kept, bound, drawn if known else None)

    def _placement(self, policy: Any) -> dict[str, list[int]] | None:
        held = policy.held()
        if held.size > 4000:
            return None
        node, item = np.divmod(held, self.network.items)
        return {str(v): item[node == v].tolist() for v in np.unique(node).tolist()}

    # -- hindsight ---------------------------------------------------------------------------------
    def comparators(self, cell: Cell, points: np.ndarray) -> Outcome:
        if not self.optimum:
            return Outcome(
                [], Comparators({"hindsight": np.full(points.size, math.nan)}, told={"optimum": None})
            )
        from olearn.geometry.networks.gain import relaxed_gain
        from olearn.optima.networks import relaxed

        net = self.network
        counts = np.bincount(self.demands, minlength=net.demands).astype(np.float64)
        certificates = []
        rates = net.rate.sum() or 1.0
        same = bool(net.rate.any()) and np.allclose(counts / counts.sum(), net.rate / rates, rtol=1e-12)
        came = np.flatnonzero(counts)
        best = relaxed(net.subset(came, counts[came]))
        certificates.append(_certificate(net, best, 2.0, "the requests that came, over all"))
        by_rates = None
        if same or not net.rate.any():
            by_rates = 2 * best.value / counts.sum()
        else:
            found = relaxed(net)
            scale = 2 / float(net.rate.sum())
            by_rates = scale * found.value
            certificates.append(_certificate(net, found, scale, "the rates of the demands, a request"))
        one = np.ones(1)
        each = np.zeros(net.demands)
        for d in came.tolist():
            part = slice(net.start[d], net.start[d + 1])
            ends = np.array([0, part.stop - part.start])
            item, path, upstream = net.item[d : d + 1], net.path[part], net.upstream[part]
            each[d] = relaxed_gain(item, one, ends, path, upstream, best.placement)
        curve = 2 * np.cumsum(each[self.demands])[points - 1]
        return Outcome([], Comparators({"hindsight": curve}, certificates, {"optimum": by_rates}))

    def measure(self, cell: Cell, run: Run, best: Comparators | None, points: np.ndarray) -> Iterable[Breach]:
        row = run.row
        k = run.reward.size - 1
        value = float(best.curves["hindsight"][k]) if best is not None and k >= 0 else math.nan
        known = math.isfinite(value)
        row["hindsight"] = value if known else None
        row["optimum"] = best.told.get("optimum") if best is not None else None
        row["ratio"] = row["tacg"] / row["optimum"] if row["optimum"] else None
        row["regret"] = row["psi"] * value - row["gain"] if known else None
        bound = row.get("bound")
        row["regret_over_bound"] = row["regret"] / bound if bound and known else None
        if known and bound and row["psi"] == 0.5 and row["regret"] > bound:
            # That bound is about whole placements, which may lie below the relaxed optimum, but the best is at
            # least 1 - 1/e of it: only a regret that is too large even then breaks the promise.
            run.judged = row["psi"] * (1.0 - math.exp(-1.0)) * value - row["gain"]
        return ()

    # -- the result --------------------------------------------------------------------------------
    def manifest(self) -> dict[str, Any]:
        net = self.network
        return {
            "trace": {
                "name": f"{net.name}, {self.title}",
                "digest": self.digest,
                "requests": self.rounds,
                "time": float(self.times[-1]),
            },
            "network": {
                "name": net.name,
                "nodes": net.nodes,
                "edges": net.edges.tolist(),
                "capacity": net.capacity.tolist(),
                "items": net.items,
                "demands": net.demands,
                "positions": net.published.get("positions"),
                "labels": net.published.get("labels"),
                "servers": np.unique(net.source).tolist(),
                "queries": np.unique(net.path[net.start[:-1]]).tolist(),
            },
            "monitor": self.monitor,
            "horizon": self.horizon,
            "regret": "psi times the relaxed optimum of the requests that came, minus the gain",
        }

    def result(self, manifest: dict[str, Any], runs: list[Run], points: np.ndarray,
               comparators: dict[Any, Comparators]) -> NetworkResult:  # fmt: skip
        return NetworkResult(manifest, runs, points, comparators)


def _certificate(net: Network, best: Any, scale: float, of: str) -> dict[str, Any]:
    """A relaxed optimum as a row."""
    return {
        "network": net.name,
        "comparator": "relaxed optimum",
        "value": scale * best.value,
        "upper_bound": scale * best.bound,
        "gap": scale * max(0.0, best.bound - best.value),
        "convention": of,
        "solver": "HiGHS",
        "screened": best.screened,
    }
