"""Binary offloading for the machine: a sample is answered locally or sent on.

A sample answered locally costs 1 if the answer is wrong; an offloaded one costs its price beta (plus 1 if
the remote answer is wrong, where ``remote="counted"``). The regret is the total cost minus that of the best
fixed threshold in hindsight (with a budget: of the best mixture of thresholds that keeps within it),
beside which stand never, always, the best threshold per context and the clairvoyant.
"""

from __future__ import annotations

import inspect
import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

from olearn.engine.game import Ask, Block, Cell, Comparators, Game, Outcome, Play, Run
from olearn.engine.offloading.budgets import BudgetSpec
from olearn.engine.offloading.losses import Losses
from olearn.engine.offloading.result import COLUMNS, OffloadResult, vacuous
from olearn.engine.offloading.rivals import regret_of_bound
from olearn.errors import NotSupportedError
from olearn.feedback import Feedback
from olearn.policies.offloading._base import BinaryPolicy
from olearn.policies.offloading._game import (
    ANSWER_0,
    ANSWER_1,
    EXPLORE,
    OFFLOAD,
    REVEALS_CODE,
    Arrival,
    Budget,
    Record,
    Stream,
    no_budget,
)
from olearn.registry import find, make, parse_spec
from olearn.regret.invariants import Breach, within

#: Up to so many samples the speed is that of one call over all of them.
SHORT = 100_000
#: The one group of the comparators.
ALL = "all"


@dataclass
class BinaryPlay(Play):
    """A run: what the kernel reads, and what it has written."""

    feedback: Any = None
    stream: Any = None
    arrival: Any = None
    budget: Any = None
    record: Any = None
    clock: float | None = None
    violation: float = 0.0
    used: float = 0.0


class BinaryGame(Game):
    """Policies on a binary table.

    Parameters
    ----------
    losses : Losses
    feedback : Feedback or None
        None for what each policy needs.
    budget : BudgetSpec or None
    """

    name = "offloading"
    rounds_are = "samples"
    columns = COLUMNS
    looks = True
    code = (__file__,)

    def __init__(self, losses: Losses, feedback: Feedback | None, budget: BudgetSpec | None) -> None:
        self.losses, self.feedback, self.rule = losses, feedback, budget
        self.usage = np.ones(losses.samples) if budget is None else budget.usage(losses.table, losses.price)
        self.described: dict[str, dict[str, Any]] = {}

    @property
    def rounds(self) -> int:
        return self.losses.samples

    @property
    def digest(self) -> str:
        return str(self.losses.table.digest())

    def options(self) -> dict[str, Any]:
        """The game's options, plain."""
        losses = self.losses
        constant = bool((losses.price == losses.price[0]).all())
        return {
            "cost": float(losses.price[0] if constant else losses.price.mean()),
            "remote": losses.remote,
            "false_negative": losses.fn,
            "false_positive": losses.fp,
            "feedback": None if self.feedback is None else str(self.feedback),
            "budget": None if self.rule is None else str(self.rule),
        }

    def cells(self, ask: Ask) -> list[Cell]:
        options = self.options()
        cells = [Cell(ALL, options)]
        for choice in ask.choices:
            for seed in ask.seeds:
                cell = Cell(ALL, options, choice, seed)
                policy, fb = self._build(cell, len(ask.seeds))
                cells.append(cell)
                told = {"policy": choice.label, "name": policy.name, "feedback": str(fb), **policy.parameters()}
                self.described.setdefault(choice.label, told)
                if not policy.randomised and (self.feedback is None or self.feedback.noise == 0.0):
                    break
        self._several = len(ask.seeds)
        return cells

    def depends(self, cell: Cell, points: np.ndarray) -> Any:
        told = self.described.get(cell.label)
        return [cell.label, told, dict(cell.options), cell.seed, self._several > 1]

    def _build(self, cell: Cell, seeds: int) -> tuple[BinaryPolicy, Feedback]:
        """The policy of a cell, checked against the table, and the feedback it gets."""
        losses, choice = self.losses, cell.choice
        assert choice is not None
        table, policy, seed = losses.table, choice.asked, cell.seed
        if isinstance(policy, str):
            common: dict[str, Any] = {
                "horizon": losses.samples,
                "levels": table.levels,
                "contexts": table.contexts,
                "cost": float(losses.price.max()),
                "false_negative": losses.fn,
                "false_positive": losses.fp,
                "seed": seed,
            }
            one = make("offloading", policy, **_taken(policy, common))
        else:
            one = policy.copy() if isinstance(policy, BinaryPolicy) else policy
            if isinstance(one, BinaryPolicy):
                one.seed = seed if seeds > 1 else one.seed
                if one.levels is None:
                    one.levels = table.levels
                one.reset()
        _check_kind(one)
        one.check_table(table)
        for column in one.columns:
            if column == "scores of two classes":
                if losses.label is None:
                    raise NotSupportedError(f"{one.name} needs a table with scores of two classes")
            else:
                table.need(column, one.name)
        one.fit(table, losses.local_loss, losses.offload_loss)
        one.validate()
        choice.made(one)
        fb = self.feedback if self.feedback is not None else Feedback(one.needs)
        fb.require(one)
        if fb.reveals not in REVEALS_CODE:
            raise NotSupportedError(
                f"feedback {fb.reveals!r} has no meaning for binary offloading; known: "
                + ", ".join(REVEALS_CODE)
            )
        return one, fb

    # -- a run -------------------------------------------------------------------------------------
    def begin(self, cell: Cell, longest: int) -> BinaryPlay:
        policy, fb = self._build(cell, self._several)
        losses, T = self.losses, self.losses.samples
        budget, use, _ = self._budget()
        stream = losses.stream(fb.flips(T, policy.seed), use)
        own = policy.confidences()
        if own.size != losses.table.levels.size or not np.array_equal(own, losses.table.levels):
            at = np.searchsorted(own, stream.confidence, side="right") - 1
            stream = stream._replace(cell=np.maximum(at, 0).astype(np.int32))
        names = ("cost", "offloaded", "right", "paid", "expected", "answers", "used")
        out = {name: np.zeros(longest) for name in names}
        play = BinaryPlay(policy, out, feedback=fb, stream=stream, budget=budget)
        self._fresh(play, fb.arrived(T))
        _warm(policy, budget)
        if T <= SHORT:  # calls between checkpoints would take longer than the samples: time one call instead
            spare = BinaryPlay(policy.copy(), feedback=fb, stream=stream, budget=self._budget()[0])
            self._fresh(spare, play.arrival.arrived)
            self._call(spare, 0, T)
            play.clock = spare.clock
        return play

    def _budget(self) -> tuple[Budget, np.ndarray, float]:
        return (no_budget(), self.usage, 1.0) if self.rule is None else self.rule.make(self.usage)

    @staticmethod
    def _fresh(play: BinaryPlay, arrived: np.ndarray) -> None:
        T = arrived.size
        play.arrival = Arrival(arrived, REVEALS_CODE[play.feedback.reveals], np.zeros(1, np.int64))
        play.record = Record(np.zeros(T, np.uint8), np.zeros(T), np.zeros(T))

    @staticmethod
    def _call(play: BinaryPlay, low: int, high: int) -> None:
        policy = play.policy
        started = time.perf_counter()
        type(policy).run(policy.state, play.stream, play.arrival, play.budget, play.record, low, high)
        play.clock = time.perf_counter() - started

    def blocks(self, play: Play, size: int) -> Iterator[Block]:
        for start in range(0, self.rounds, size):
            yield Block(start, min(start + size, self.rounds))

    def serve(self, play: Play, block: Block, low: int, high: int) -> None:
        assert isinstance(play, BinaryPlay)
        begin, end = block.start + low, block.start + high
        before = play.clock
        self._call(play, begin, end)
        if self.rounds <= SHORT:
            play.clock = before
        losses, part = self.losses, slice(begin, end)
        decision, chance = play.record.decision[part], play.record.chance[part]
        sent = (decision == OFFLOAD) | (decision == EXPLORE)
        local_loss, right = losses.local(decision, begin, end)
        out = {name: values[low:high] for name, values in play.out.items()}
        out["cost"][:] = np.where(sent, losses.offload_loss[part], local_loss)
        out["offloaded"][:] = sent
        out["right"][:] = losses.answered(sent, right, begin)
        out["paid"][:] = np.where(sent, losses.price[part], 0.0)
        # the expectation over the last draw; where the answer is its own class, over the class drawn too
        out["expected"][:] = chance * losses.offload_loss[part] + (1.0 - chance) * losses.local_loss[part]
        out["answers"][:] = (decision == ANSWER_0) | (decision == ANSWER_1)
        out["used"][:] = np.where(sent, self.usage[part], 0.0)
        if self.rule is not None:
            used = play.used + np.cumsum(out["used"])
            over = used - self.rule.allowed(np.arange(begin + 1, end + 1), self.rounds)
            play.violation = max(play.violation, float(over.max()))
            play.used = float(used[-1])

    def look(self, play: Play) -> dict[str, float]:
        now = play.policy.threshold(0)
        return {"threshold": np.nan if now is None else now}

    def invariants(self, play: Play, done: bool) -> Iterable[Breach]:
        assert isinstance(play, BinaryPlay)
        losses = self.losses
        most = float(max(losses.offload_loss.max(), losses.local_loss.max(), losses.fn, losses.fp))
        chance = play.record.chance[play.served - play.filled : play.served]
        return [
            *within(play.out["cost"][: play.filled], 0.0, most, "costs"),
            *within(chance, 0.0, 1.0, "chances of offloading"),
        ]

    def finish(self, cell: Cell, play: Play, points: np.ndarray, curves: dict[str, np.ndarray],
               totals: dict[str, float], complete: bool) -> Run:  # fmt: skip
        assert isinstance(play, BinaryPlay)
        policy, losses, n = play.policy, self.losses, play.served
        unmet = self._unmet(policy, play.feedback)
        seconds = play.clock if self.rounds <= SHORT and play.clock else play.seconds
        row: dict[str, Any] = {
            "policy": cell.label,
            "samples": n,
            "cost": totals["cost"] / n,
            "cost_never": None,
            "cost_always": None,
            "cost_best_threshold": None,
            "cost_best_per_context": None,
            "cost_clairvoyant": None,
            "offload_rate": totals["offloaded"] / n,
            "accuracy": totals["right"] / n,
            "regret": None,
            "bound": None,
            "samples_per_second": self.rounds / max(seconds, 1e-9),
            "seed": policy.seed,
            "expected_cost": None if totals["answers"] else totals["expected"] / n,
            "price_paid": totals["paid"] / n,
            "feedback": str(play.feedback),
        }
        bound = policy.bound_of_run(n) or policy.bound(n)
        applies = bound is not None and not unmet
        run = Run(row, {k: curves[k] for k in ("cost", "offloaded", "threshold", "used")}, bound)
        if applies:
            row["bound"] = bound.value
            run.bound_curve = policy.bound_curve(points)
            sent = np.isin(play.record.decision, (OFFLOAD, EXPLORE))
            if complete:
                rival, regret = regret_of_bound(bound, policy, losses, totals["cost"], sent)
                row["comparator"], row["comparator_regret"] = rival, regret
        row["violated"] = [unmet] if unmet else []
        # over the samples too if the bound is in expectation over them, so one deterministic run is one seed
        row["randomised"] = policy.randomised or (bound is not None and "over the samples" in bound.comparator)
        row["complete"] = complete
        if self.rule is not None:
            row |= {
                "cost_best_within_budget": None,
                "used": totals["used"],
                "violation": play.violation,
                "blocked": float(play.budget.level[2]),
            }
        if applies and complete:
            most = max(float(losses.price.max()), 1.0 - float(losses.price.min()))
            row["vacuous"] = vacuous(
                bound.value,
                n * most,
                lambda: policy.bound_vacuous_until(most),
                "no rule loses more than",
                n,
                policy.horizon,
            )
        return run

    def _unmet(self, policy: BinaryPolicy, fb: Feedback) -> str:
        """Why a declared bound says nothing about this run; empty if it does."""
        losses = self.losses
        if self.rule is not None:
            return "a budget"
        if fb.delay or fb.batch > 1 or fb.noise:
            return f"feedback that is late or noisy ({fb})"
        if float(losses.offload_loss.max()) > 1.0:
            return "losses above 1 (a cost above 1, or remote errors that count)"
        if losses.remote_loss.any() and not policy.bounds_remote_errors:
            return "remote errors that count"
        for name, value in (("false_negative", losses.fn), ("false_positive", losses.fp)):
            if getattr(policy, name, value) != value:
                return f"{name} {value:g}, tuned for {getattr(policy, name):g}"
        if policy.bound(losses.samples) is not None and policy.bound_of_run(losses.samples) is None:
            return f"{losses.samples:,} samples, tuned for {policy.horizon or 0:,}"
        return policy.bound_unmet(losses.table, losses.local_loss, losses.offload_loss)

    # -- hindsight ---------------------------------------------------------------------------------
    def comparators(self, cell: Cell, points: np.ndarray) -> Outcome:
        losses, rule = self.losses, self.rule
        rows, best = losses.comparators(rule, self.usage)
        cost, threshold = losses.prefix_best(points)
        curves = {"best_cost": cost, "best_threshold": threshold}
        if rule is not None:
            curves["allowed"] = rule.allowed(points, losses.samples)
        curves["rival"] = cost if rule is None else points * best["best within budget"]
        told = {"best": best, "sweep": {k: v.tolist() for k, v in losses.sweep().items()}}
        return Outcome([], Comparators(curves, rows, told))

    def measure(self, cell: Cell, run: Run, best: Comparators | None, points: np.ndarray) -> Iterable[Breach]:
        row = run.row
        run.judged = row.get("comparator_regret")
        if best is None:
            return
        known = best.told["best"]
        for name in ("never", "always", "best threshold", "clairvoyant"):
            row[f"cost_{name.replace(' ', '_')}"] = known[name]
        row["cost_best_per_context"] = known.get("best threshold per context")
        if self.rule is not None:
            row["cost_best_within_budget"] = known["best within budget"]
        total = float(run.curves["cost"][-1])
        row["regret"] = total - float(best.curves["rival"][run.curves["cost"].size - 1])
        if row["complete"]:
            total, n = row["cost"] * row["samples"], row["samples"]
            row["regret"] = total - n * known["best threshold" if self.rule is None else "best within budget"]
            # a policy that answers a class of its own may be right where both models are wrong
            if row["expected_cost"] is not None and row["cost"] < known["clairvoyant"] - 1e-9:
                yield Breach("cost must be at least the clairvoyant's", row["cost"])

    # -- the result --------------------------------------------------------------------------------
    def manifest(self) -> dict[str, Any]:
        table, rule, n = self.losses.table, self.rule, self.losses.samples
        return {
            "table": table.name,
            "kind": table.kind,
            "digest": self.digest,
            "provenance": dict(table.provenance),
            "origin": dict(table.origin),
            "samples": n,
            "levels": int(table.levels.size),
            "contexts": table.contexts,
            **self.options(),
            "budget_allows": None if rule is None else float(rule.allowed(n, n)),
            "budget_unit": None if rule is None else rule.unit,
            "policies": list(self.described.values()),
        }

    def result(self, manifest: dict[str, Any], runs: list[Run], points: np.ndarray,
               comparators: dict[Any, Comparators]) -> OffloadResult:  # fmt: skip
        manifest["comparators"] = [row for best in comparators.values() for row in best.certificates]
        return OffloadResult(manifest, runs, points, comparators).settle()


def _check_kind(policy: Any) -> None:
    cls = policy if isinstance(policy, type) else type(policy)
    if not issubclass(cls, BinaryPolicy):
        kinds = ", ".join(getattr(policy, "kinds", ())) or "unknown"
        name = getattr(policy, "name", repr(policy))
        raise NotSupportedError(f"{name} plays on tables of kind {kinds}, but this table is of kind binary")


def _taken(spec: str, values: dict[str, Any]) -> dict[str, Any]:
    """The common parameters that the policy's constructor takes."""
    name, given = parse_spec(spec)
    cls = find("offloading", name)
    if not issubclass(cls, BinaryPolicy):
        _check_kind(cls)
    taken = inspect.signature(cls.__init__).parameters
    return {k: v for k, v in values.items() if k in taken and k not in given}


def _warm(policy: BinaryPolicy, budget: Budget) -> None:
    """Compile or load the kernel outside the timing: run it over no samples."""
    empty = np.zeros(0)
    ints = np.zeros(0, np.int32)
    stream = Stream(empty, ints, ints, empty, empty, empty, empty, empty)
    arrival = Arrival(np.zeros(0, np.int64), 0, np.zeros(1, np.int64))
    type(policy).run(policy.state, stream, arrival, budget, Record(np.zeros(0, np.uint8), empty, empty), 0, 0)
