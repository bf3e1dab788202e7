"""Offloading over arms for the machine: exits, split points, models, servers.

Every policy of :mod:`olearn.policies.offloading` that chooses among arms defines what each arm costs on each
sample (``policy.losses``). The regret is the policy's cost less that of the best constant arm in hindsight;
beside it stand every constant arm, the best arm per context where the table has contexts, and the
clairvoyant (which reads every outcome: regret against it is linear by construction). Under a budget the
regret is against the best fixed lottery over arms that keeps the budget on average.

Examples
--------
>>> from olearn.traces.offloading.exits import synthetic_exits
>>> result = replay_arms(synthetic_exits(2000, exits=4, seed=1), ["splitee", "ucbee"])
>>> [row["policy"] for row in result.rows], result.rows[0]["best_arm"]
(['splitee', 'ucbee'], 'exit3')
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from olearn.engine.choices import Choice, as_seeds, choices, spaced_below
from olearn.engine.game import Ask, Block, Cell, Comparators, Game, Outcome, Play, Run
from olearn.engine.machine import Plan, plan
from olearn.engine.offloading.budgets import BudgetSpec, parse_budget
from olearn.engine.offloading.result import COLUMNS, Asked, OffloadResult, vacuous
from olearn.errors import NotSupportedError, ParameterError, check_int, check_real, unknown
from olearn.feedback import Feedback
from olearn.feedback import feedback as read_feedback
from olearn.optima import best_arm, clairvoyant
from olearn.policies.offloading._arms import OBJECTIVES, ArmsPolicy
from olearn.policies.offloading._game import BLOCKS
from olearn.policies.offloading._limits import Limits
from olearn.policies.offloading._limits import limits as new_limits
from olearn.registry import check_parameters, classes, find, parse_spec
from olearn.regret.invariants import Breach, finite

#: Up to this many arms each constant arm gets a row of its own; beyond it the first, the last and the best.
ROWS = 12
OPTIONS = ("cost", "objective", "feedback", "budget", "seeds", "checkpoints", "jobs", "progress", "store")


def replay_arms(table: Any, policies: Sequence[str | ArmsPolicy], **options: Any) -> OffloadResult:
    """Replay a table of exits, split points, models or servers through policies.

    Parameters
    ----------
    table : ExitTable, SplitTable, RoutingTable or ServerTable
    policies : sequence of str or ArmsPolicy
        Names or ``name(parameter=value)``; sizes and known costs come from the table. A policy object is
        replayed from its initial state.
    cost : float, optional
        Exits: the cost of offloading, in place of the table's. Models: what the dearest model's price
        weighs against a right answer (``trade``), for policies that do not set it.
    objective : {"confidence", "error", "delay"}, optional
        What a sample's loss counts; default: to each policy its own. A bound is shown only for that.
    feedback : str or Feedback, optional
        What is revealed and when (:mod:`olearn.feedback`); default: to each policy what it needs.
    budget : str or BudgetSpec, optional
        A limit (:mod:`olearn.engine.offloading.budgets`) on what a policy's arms use. ``rate:`` limits the
        share of samples sent on (exits), frames not wholly on the device, prompts not sent to the cheapest
        model, requests not sent to the nearest server; further resources are ``energy`` (exits: the cost of
        running and of offloading), ``device`` and ``upload`` (splits: ms, MB), ``money`` (models, servers).
    seeds : int or iterable of int
        Number of seeds (0, 1, ...) or the seeds; a deterministic policy runs once.
    checkpoints : int
        Points of the curves.
    jobs, progress, store
        As of :func:`olearn.replay`.

    Returns
    -------
    OffloadResult
        Rows ``policy, samples, cost, cost_first, cost_last, cost_best_arm, best_arm, cost_clairvoyant,
        offload_rate, accuracy, regret, bound, samples_per_second, seed, objective, feedback, verdict``;
        where the table has contexts ``cost_best_per_context``; with a budget ``used, violation, blocked,
        cost_best_within_budget`` (``blocked``: samples on which it forbade what was wanted). Costs are means
        per sample, regrets totals.

    Raises
    ------
    NotSupportedError
        A policy needs feedback, a column or a kind of table that is not there.
    """
    result: OffloadResult = prepare_arms(table, policies, **options)()
    return result


def prepare_arms(
    table: Any,
    policies: Any,
    *,
    cost: float | None = None,
    objective: str | None = None,
    feedback: str | Feedback | None = None,
    budget: str | BudgetSpec | None = None,
    seeds: int | Iterable[int] = 1,
    checkpoints: int = 100,
    **how: Any,
) -> Plan:
    """What :func:`replay_arms` will run, every parameter checked."""
    for name in how:
        if name not in OPTIONS:
            raise unknown("option", name, OPTIONS)
    if objective is not None and objective not in OBJECTIVES:
        raise unknown("objective", str(objective), OBJECTIVES)
    table = _priced(table, cost)
    rule = parse_budget(budget)
    model = None if feedback is None else read_feedback(feedback)
    if model is not None and model.noise and table.kind != "routing":
        raise NotSupportedError(
            f"noise flips right and wrong answers; on a table of {table.kind} none are revealed"
        )
    game = ArmsGame(table, cost, objective, model, rule)
    points = spaced_below(game.rounds, check_int("checkpoints", checkpoints, minimum=1))
    return plan(game, Ask(choices(policies, Asked), as_seeds(seeds)), points, **how)


def default_policies(table: Any) -> list[str]:
    """Names of the policies that can play on the table with what it has, sorted."""
    found = []
    for name, cls in classes("offloading").items():
        if not issubclass(cls, ArmsPolicy) or table.kind not in cls.kinds:
            continue
        try:
            cls.for_table(table, len(table)).check_kind(table)
        except NotSupportedError:
            continue
        found.append(name)
    return found


def _priced(table: Any, cost: float | None) -> Any:
    """The table with the cost of offloading in place of its own, where that means something."""
    kind = getattr(table, "kind", None)
    if kind not in ("exits", "splits", "routing", "servers"):
        raise NotSupportedError(f"expected a table of exits, splits, routing or servers, got {table!r}")
    if cost is None or kind == "routing":
        return table
    if kind == "exits":
        return table.with_costs(offload_cost=check_real("cost", cost, 0.0))
    raise NotSupportedError(f"cost has no meaning on a table of {kind}: their losses are delays")


@dataclass
class ArmsPlay(Play):
    """A run, and what it did."""

    feedback: Any = None
    hindsight: Any = None
    plays: Any = None


class ArmsGame(Game):
    """Policies over the arms of a table.

    Parameters
    ----------
    table : ExitTable, SplitTable, RoutingTable or ServerTable
    cost, objective, feedback, budget
        As of :func:`replay_arms`.
    """

    name = "offloading"
    rounds_are = "samples"
    columns = COLUMNS
    whole = True
    code = (__file__,)

    def __init__(
        self, table: Any, cost: float | None, objective: str | None, feedback: Any, budget: BudgetSpec | None
    ) -> None:
        self.table, self.cost, self.objective = table, cost, objective
        self.feedback, self.rule = feedback, budget
        self.described: dict[str, dict[str, Any]] = {}
        self._several = 1
        self._known: dict[str, Hindsight] = {}
        self._choices: dict[str, Choice] = {}

    @property
    def rounds(self) -> int:
        return int(self.table.ours.size) if self.table.kind == "servers" else len(self.table)

    @property
    def digest(self) -> str:
        return str(self.table.digest())

    def cells(self, ask: Ask) -> list[Cell]:
        options = {
            "cost": self.cost,
            "objective": self.objective,
            "feedback": None if self.feedback is None else str(self.feedback),
            "budget": None if self.rule is None else str(self.rule),
        }
        self._several = len(ask.seeds)
        cells = []
        for choice in ask.choices:
            first, fb = self._build(choice, ask.seeds[0])
            hindsight = self._hindsight(choice.label, first)
            self.described[choice.label] = {
                **{"policy": choice.label, "name": first.name, "feedback": str(fb), **first.parameters()},
                "loss": first.counts(self.objective),
                **({} if hindsight.account is None else {"budget_unit": hindsight.account.usage.unit}),
                "arm_costs": dict(zip(hindsight.names, hindsight.means.tolist(), strict=True)),
            }
            once = not first.randomised and (self.feedback is None or self.feedback.noise == 0.0)
            # the comparators read what a policy counts as a loss, so they know the policy
            cells.append(Cell(choice.label, {**options, "of": choice.label}))
            cells += [Cell(choice.label, options, choice, seed) for seed in ask.seeds[: 1 if once else None]]
            self._choices[choice.label] = choice
        return cells

    def depends(self, cell: Cell, points: np.ndarray) -> Any:
        return [cell.group, self.described.get(cell.group), dict(cell.options), cell.seed, self._several > 1]

    def _build(self, choice: Choice, seed: int) -> tuple[ArmsPolicy, Feedback]:
        """The policy of a cell, checked against the table, and the feedback it gets."""
        asked = choice.asked
        if isinstance(asked, str):
            one = _make(asked, self.table, self.cost, seed)
        else:
            if not isinstance(asked, ArmsPolicy):
                raise _wrong_kind(asked, self.table)
            one = asked.copy()
            one.seed = seed if self._several > 1 else one.seed
            one.reset()
        one.validate()
        one.check_kind(self.table)
        if self.rule is not None and one.unlimited:
            raise NotSupportedError(f"{one.name} takes no budget: {one.unlimited}")
        choice.made(one)
        fb = self.feedback if self.feedback is not None else Feedback(one.needs)
        fb.require(one)
        return one, fb

    def _hindsight(self, label: str, policy: ArmsPolicy) -> Hindsight:
        """What the arms cost as this policy counts; computed once, and again where it was pickled."""
        known = self._known.get(label)
        if known is None:
            known = self._known[label] = Hindsight(policy, self.table, self.objective, self.rule)
        return known

    def __getstate__(self) -> dict[str, Any]:
        return {**self.__dict__, "_known": {}}

    # -- a run -------------------------------------------------------------------------------------
    def begin(self, cell: Cell, longest: int) -> ArmsPlay:
        policy, fb = self._build(cell.choice, cell.seed)  # type: ignore[arg-type]
        hindsight = self._hindsight(cell.label, policy)
        n = self.rounds
        out: dict[str, np.ndarray] = {"cost": np.zeros(n), "arm": np.zeros(n, np.int32)}
        if self.rule is not None:
            out["used"] = np.zeros(n)
        return ArmsPlay(policy, out, feedback=fb, hindsight=hindsight)

    def blocks(self, play: Play, size: int) -> Iterator[Block]:
        yield Block(0, self.rounds)  # a policy over arms plays the table in one call

    def serve(self, play: Play, block: Block, low: int, high: int) -> None:
        assert isinstance(play, ArmsPlay)
        policy, table, fb = play.policy, self.table, play.feedback
        options: dict[str, Any] = (
            {"flips": fb.flips(len(table), policy.seed)} if table.kind == "routing" else {}
        )
        _warm(policy, table, options)
        account = play.hindsight.account
        if account is None:
            plays = policy.play(table, fb.arrived(len(table)), **options)
        else:
            bounds, unit = account.limits()
            plays = policy.play(table, fb.arrived(len(table)), limits=bounds, **options)
            used = account.used(plays.spent, unit)
            blocked = float(bounds.budget.level[BLOCKS])
            plays = plays._replace(spent=used, violation=account.violation(used), blocked=blocked)
            play.out["used"][:] = used
        play.plays = plays
        losses = play.hindsight.losses
        play.out["cost"][:] = losses[np.arange(high), plays.choice] if plays.loss is None else plays.loss
        play.out["arm"][:] = plays.choice

    def invariants(self, play: Play, done: bool) -> Iterable[Breach]:
        return finite(play.out["cost"], "costs")

    def finish(self, cell: Cell, play: Play, points: np.ndarray, curves: dict[str, np.ndarray],
               totals: dict[str, float], complete: bool) -> Run:  # fmt: skip
        assert isinstance(play, ArmsPlay)
        policy, plays, h, n = play.policy, play.plays, play.hindsight, play.served
        bound = policy.arm_bound(n, h.means)
        unmet = self._unmet(policy, play.feedback)
        applies = bound is not None and not unmet
        row: dict[str, Any] = {
            "policy": cell.label,
            "samples": n,
            "cost": totals["cost"] / n,
            "cost_first": float(h.means[0]),
            "cost_last": float(h.means[-1]),
            "cost_best_arm": float(h.means[h.best]),
            "best_arm": h.names[h.best],
            "cost_clairvoyant": h.clairvoyant,
            "offload_rate": offload_rate(policy, self.table, plays.choice),
            "accuracy": self._accuracy(policy, plays.choice),
            "regret": None,
            "bound": bound.value if applies else None,
            "samples_per_second": n / max(plays.seconds, 1e-9),
            "seed": policy.seed,
            "objective": h.objective,
            "feedback": str(play.feedback),
        }
        if h.per_context is not None:
            row["cost_best_per_context"] = h.per_context
        if self.rule is not None:
            row |= {
                "used": totals["used"],
                "violation": plays.violation,
                "blocked": plays.blocked,
                "cost_best_within_budget": None,
            }
        width = np.diff(points, prepend=0)
        kept = {**curves, "arm": np.diff(curves["arm"], prepend=0.0) / width}
        run = Run(row, kept, bound)
        # over the samples too if the bound is in expectation, so one deterministic run is one seed
        row |= {"violated": [unmet] if unmet else [], "randomised": True, "complete": complete}
        if applies:
            values = [policy.arm_bound(int(k), h.means) for k in points]
            run.bound_curve = np.array([np.nan if b is None else b.value for b in values])
            most = float(np.ptp(h.means))
            until = lambda: _vacuous_until(policy, h.means, most)  # noqa: E731
            row["vacuous"] = vacuous(bound.value, n * most, until, "the worst arm loses", 0, None)
        return run

    def _unmet(self, policy: ArmsPolicy, fb: Feedback) -> str:
        """Why a declared bound says nothing about a run; empty if it does."""
        if self.rule is not None:
            return "a budget"
        if fb.delay or fb.batch > 1 or fb.noise:
            return f"feedback that is late or noisy ({fb})"
        if self.objective in (None, policy.objective):
            return ""
        return f"objective {self.objective!r}, which the policy does not learn from"

    def _accuracy(self, policy: ArmsPolicy, choice: np.ndarray) -> float | None:
        table = self.table
        rows = np.arange(choice.size)
        if table.kind == "exits" and "correct" in table:
            return float(table["correct"][rows, policy.answered_at(table, choice)].mean())
        if table.kind == "routing":
            return float(table["correct"][rows, choice].mean())
        return None

    # -- hindsight ---------------------------------------------------------------------------------
    def comparators(self, cell: Cell, points: np.ndarray) -> Outcome:
        policy, _ = self._build(self._choices[cell.group], cell.seed)
        return Outcome([], self._hindsight(cell.group, policy).found(self, policy, points))

    def measure(self, cell: Cell, run: Run, best: Comparators | None, points: np.ndarray) -> Iterable[Breach]:
        if best is None:
            return ()
        row = run.row
        row["regret"] = float(run.curves["cost"][-1] - best.curves["rival"][run.curves["cost"].size - 1])
        if row["complete"]:
            row["regret"] = row["cost"] * row["samples"] - float(best.curves["rival"][-1])
        if self.rule is not None:
            row["cost_best_within_budget"] = best.told["within"]
        return ()

    # -- the result --------------------------------------------------------------------------------
    def manifest(self) -> dict[str, Any]:
        table, rule = self.table, self.rule
        told = {
            "table": table.name,
            "kind": table.kind,
            "digest": self.digest,
            "provenance": dict(table.provenance),
            "origin": dict(table.origin),
            "samples": len(table),
            "arms": list(table.arms),
            "cost": self.cost,
            "objective": self.objective,
            "feedback": None if self.feedback is None else str(self.feedback),
            "budget": None if rule is None else str(rule),
            "budget_allows": None if rule is None else float(rule.allowed(self.rounds, self.rounds)),
            "policies": list(self.described.values()),
        }
        strong = getattr(table, "unit_priced", None)
        if strong is not None and any(float(p.get("trade", 0.0)) > 0.0 for p in self.described.values()):
            better = table.models[strong]
            told["remarks"] = [f"The table has no prices: an answer of {better}, the better model, costs 1."]
        return told

    def result(self, manifest: dict[str, Any], runs: list[Run], points: np.ndarray,
               comparators: dict[Any, Comparators]) -> OffloadResult:  # fmt: skip
        return OffloadResult(manifest, runs, points, comparators).settle()


def _make(text: str, table: Any, cost: float | None, seed: int) -> ArmsPolicy:
    name, parameters = parse_spec(text)
    cls = find("offloading", name)
    if not issubclass(cls, ArmsPolicy) or table.kind not in cls.kinds:
        raise _wrong_kind(cls, table)
    check_parameters(cls, parameters)
    if cost is not None and "trade" in cls.tunable():
        parameters.setdefault("trade", check_real("cost", cost, 0.0))
    found: ArmsPolicy = cls.for_table(table, len(table), seed=seed, **parameters)
    return found


def _wrong_kind(policy: Any, table: Any) -> NotSupportedError:
    kinds = " or ".join(getattr(policy, "kinds", ())) or "no kind"
    name = getattr(policy, "name", repr(policy))
    return NotSupportedError(f"{name} plays on tables of kind {kinds}, but this table is of kind {table.kind}")


class _Account:
    """A budget fitted to what a policy's arms use of its resource."""

    def __init__(self, policy: ArmsPolicy, table: Any, rule: BudgetSpec, samples: int) -> None:
        self.rule = rule
        self.usage = policy.usage(table, rule.use)
        self.floor = float(self.usage.use.min())  # what every sample takes anyway: a budget is on the rest
        self.samples = samples

    def limits(self) -> tuple[Limits, float]:
        """Limits at the start of a run, and their unit."""
        use, most = self.usage.use - self.floor, self.usage.most - self.floor
        largest = max(float(use.max()), float(most.max()))
        budget, _, unit = self.rule.above(self.floor, self.samples).make(np.full(self.samples, largest))
        return new_limits(budget, use / unit, most / unit), unit

    def used(self, spent: np.ndarray, unit: float) -> np.ndarray:
        """What each sample used, in the unit of the table."""
        return spent * unit + self.floor

    def violation(self, used: np.ndarray) -> float:
        """The most by which what was used ever exceeded what was allowed by then."""
        n = np.arange(1, used.size + 1)
        return float(max(0.0, (np.cumsum(used) - self.rule.allowed(n, used.size)).max()))


def _warm(policy: ArmsPolicy, table: Any, options: dict[str, Any]) -> None:
    """Compile or load the kernels outside the timing: a few samples through a copy."""
    few = 4 if table.kind != "servers" else int(table.ours[0]) + 1
    part = table[: min(few, len(table))]
    cut: dict[str, Any] = {k: v[: len(part)] if isinstance(v, np.ndarray) else v for k, v in options.items()}
    policy.copy().play(part, np.arange(len(part), dtype=np.int64), **cut)


class Hindsight:
    """What the arms of a policy cost on a table, and what was best."""

    def __init__(self, policy: ArmsPolicy, table: Any, objective: str | None, rule: BudgetSpec | None) -> None:
        self.rule = rule
        self.objective = policy.objective if objective is None else objective
        self.losses = policy.losses(table, objective)
        self.names = policy.arm_names(table)
        self.samples = self.losses.shape[0]
        self.means = self.losses.sum(axis=0) / self.samples
        self.best = int(best_arm(self.losses).allocation)
        self.clairvoyant = float(clairvoyant(self.losses).value) / self.samples
        context = table.get("context")
        self.per_context: float | None = None
        if context is not None:
            sums = np.zeros((int(context.max()) + 1, self.losses.shape[1]))
            np.add.at(sums, context, self.losses)
            self.per_context = float(sums.min(axis=1).sum()) / self.samples
        self.account = None if rule is None else _Account(policy, table, rule, self.samples)
        if self.account is not None:
            self._check_budget(self.account)

    def _check_budget(self, account: _Account) -> None:
        """Refuse a budget that no arm keeps."""
        used, rate = account.usage.use.mean(axis=0), account.rule.rate(self.samples)
        least = int(used.argmin())
        if used[least] > rate:
            raise ParameterError(
                f"budget {account.rule} allows {rate:g} a sample ({account.usage.unit}), but "
                f"{self.names[least]!r}, which uses least, takes {used[least]:.4g}"
            )

    def found(self, game: ArmsGame, policy: ArmsPolicy, points: np.ndarray) -> Comparators:
        """The comparators with their curves."""
        starts = np.concatenate([[0], points[:-1]])
        prefix = np.cumsum(np.add.reduceat(self.losses, starts, axis=0), axis=0)
        rival = prefix.min(axis=1)  # what the comparator of the regret lost so far
        curves = {"best_cost": rival.copy(), "best_arm": prefix.argmin(axis=1).astype(np.float64)}
        within = None
        if self.account is not None:  # the best lottery within the budget
            use, rate = self.account.usage.use, self.account.rule.rate(self.samples)
            if use.shape[0] == 1:
                used = np.repeat(use, points.size, axis=0)
            else:
                used = np.cumsum(np.add.reduceat(use, starts, axis=0), axis=0) / points[:, None]
            for k, n in enumerate(points):
                rival[k] = n * best_mix(prefix[k] / n, used[k], rate)
            within = float(rival[-1]) / self.samples
            curves["allowed"] = self.account.rule.allowed(points, self.samples)
        key = (repr(self.names).encode() + self.means.round(12).tobytes()).hex()
        rows = self._rows(game, policy, within)
        return Comparators({**curves, "rival": rival}, rows, {"key": key, "within": within})

    def _rows(self, game: ArmsGame, policy: ArmsPolicy, within: float | None) -> list[dict[str, Any]]:
        count = len(self.names)
        shown = set(range(count)) if count <= ROWS else {0, self.best, count - 1}
        rows = []
        for k in [*sorted(shown), self.best]:
            row = self._row(f"always {self.names[k]}", self.means[k])
            choice = np.full(self.samples, k, np.int32)
            row["offload_rate"] = offload_rate(policy, game.table, choice)
            row["accuracy"] = game._accuracy(policy, choice)
            row["inner"] = k not in (0, count - 1)
            rows.append(row)
        rows[-1] |= {"policy": "best arm", "best_arm": self.names[self.best], "inner": False}
        if self.per_context is not None:
            rows.append(self._row("best arm per context", self.per_context))
        if within is not None:
            rows.append(self._row("best mix within budget", within))
        rows.append(self._row("clairvoyant", self.clairvoyant))
        return rows

    def _row(self, name: str, cost: float) -> dict[str, Any]:
        return {"policy": name, "samples": self.samples, "cost": float(cost), "objective": self.objective}


def offload_rate(policy: ArmsPolicy, table: Any, choice: np.ndarray) -> float | None:
    """Share of samples sent on: offloaded, cut before the end, not to the cheapest or nearest."""
    if table.kind == "exits":
        return float(policy.offloaded(table, choice).mean())
    if table.kind == "splits":
        return float((choice < table.points - 1).mean())
    if table.kind == "servers":
        return float((choice != int(np.argmin(table.network()))).mean())
    if table.kind == "routing" and ("price" in table or len(table.models) == 2):
        return float((choice != int(np.argmin(table.relative_price().mean(axis=0)))).mean())
    return None


def _vacuous_until(policy: ArmsPolicy, means: np.ndarray, most: float) -> int | None:
    """The first horizon at which the bound is below what the worst constant arm loses."""

    def vacuous_at(samples: int) -> bool:
        bound = policy.arm_bound(samples, means)
        return bound is None or not bound.value < most * samples

    high = 2
    while vacuous_at(high):
        high *= 2
        if high > 2**60:
            return None
    low = high // 2
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (middle, high) if vacuous_at(middle) else (low, middle)
    return high


def best_mix(costs: np.ndarray, uses: np.ndarray, rate: float) -> float:
    """Least mean cost of a fixed lottery over arms whose mean use is at most `rate`; NaN if there is none.

    An optimal lottery of this linear programme with one budget mixes at most two arms.

    Examples
    --------
    >>> best_mix(np.array([0.5, 0.25]), np.array([0.0, 1.0]), 0.25)
    0.4375
    """
    low, high = np.flatnonzero(uses <= rate), np.flatnonzero(uses > rate)
    if not low.size:
        return float("nan")
    best = float(costs[low].min())
    if high.size:
        share = (rate - uses[low, None]) / (uses[high] - uses[low, None])
        best = min(best, float(((1.0 - share) * costs[low, None] + share * costs[high]).min()))
    return best
