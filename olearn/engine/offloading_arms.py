"""Replay a table of arms (exits, split points, models, servers) through policies: costs, regret, bounds.

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

from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np

from olearn._progress import Progress
from olearn._version import __version__
from olearn.engine.budgets import BudgetSpec, parse_budget
from olearn.engine.offload_result import OffloadResult
from olearn.errors import NotSupportedError, ParameterError, check_int, check_real, unknown
from olearn.feedback import Feedback
from olearn.feedback import feedback as read_feedback
from olearn.optima import best_arm, clairvoyant
from olearn.policies.offloading._arms import OBJECTIVES, ArmsPolicy, Plays
from olearn.policies.offloading._game import BLOCKS
from olearn.policies.offloading._limits import Limits
from olearn.policies.offloading._limits import limits as new_limits
from olearn.registry import check_parameters, classes, find, parse_spec
from olearn.regret import verdict

#: Up to this many arms each constant arm gets a row of its own; beyond it the first, the last and the best.
ROWS = 12


def replay_arms(
    table: Any,
    policies: Sequence[str | ArmsPolicy],
    *,
    cost: float | None = None,
    objective: str | None = None,
    feedback: str | Feedback | None = None,
    budget: str | BudgetSpec | None = None,
    seeds: int | Iterable[int] = 1,
    checkpoints: int = 100,
    **unknown_options: Any,
) -> OffloadResult:
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
        A limit (:mod:`olearn.engine.budgets`) on what a policy's arms use. ``rate:`` limits the share of
        samples sent on (exits), frames not wholly on the device, prompts not sent to the cheapest model,
        requests not sent to the nearest server; further resources are ``energy`` (exits: the cost of
        running and of offloading), ``device`` and ``upload`` (splits: ms, MB), ``money`` (models, servers).
    seeds : int or iterable of int
        Number of seeds (0, 1, ...) or the seeds; a deterministic policy runs once.
    checkpoints : int
        Points of the curves.

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
    for name in unknown_options:
        raise unknown("option", name, ("cost", "objective", "feedback", "budget", "seeds", "checkpoints"))
    if objective is not None and objective not in OBJECTIVES:
        raise unknown("objective", str(objective), OBJECTIVES)
    table = _priced(table, cost)
    rule = parse_budget(budget)
    model = None if feedback is None else read_feedback(feedback)
    if model is not None and model.noise and table.kind != "routing":
        raise NotSupportedError(
            f"noise flips right and wrong answers; on a table of {table.kind} none are revealed"
        )
    seed_list = _seeds(seeds)
    plans = [_plan(p, table, model, rule, cost, objective, seed_list) for p in policies]
    if not plans:
        raise ParameterError("give at least one policy")
    labels = [plan[0] for plan in plans]
    for label in labels:
        if labels.count(label) > 1:
            raise ParameterError(f"policy {label!r} is asked for twice")

    rows: list[dict[str, Any]] = []
    rivals: dict[bytes, tuple[str, _Hindsight, ArmsPolicy]] = {}
    curves: dict[str, dict[str, np.ndarray]] = {}
    notes: list[str] = []
    described: list[dict[str, Any]] = []
    with Progress(len(table) * sum(len(runs) for _, runs, _ in plans), "replaying") as progress:
        for label, runs, fb in plans:
            hindsight = _Hindsight(runs[0], table, objective, rule, checkpoints)
            collected: dict[str, list[np.ndarray]] = {}
            for policy in runs:
                plays = _play(policy, table, fb, hindsight.account)
                row, curve = hindsight.judge(label, policy, plays, fb)
                rows.append(row)
                for key, values in curve.items():
                    collected.setdefault(key, []).append(values)
                progress.advance(len(table))
            curves[label] = {"samples": hindsight.points} | {k: np.stack(v) for k, v in collected.items()}
            rivals.setdefault(hindsight.key, (label, hindsight, runs[0]))
            notes += hindsight.judged(label, runs, rows[-len(runs) :], fb)
            described.append(
                {"policy": label, "name": runs[0].name, "feedback": str(fb), **runs[0].parameters()}
                | {"loss": runs[0].counts(objective)}
                | ({} if hindsight.account is None else {"budget_unit": hindsight.account.usage.unit})
                | {"arm_costs": dict(zip(hindsight.names, hindsight.means.tolist(), strict=True))}
            )
    strong = getattr(table, "unit_priced", None)
    if strong is not None and any(float(p.get("trade", 0.0)) > 0.0 for p in described):
        better = table.models[strong]
        notes.append(f"The table has no prices: an answer of {better}, the better model, costs 1.")
    comparators: list[dict[str, Any]] = []
    for label, hindsight, policy in rivals.values():  # policies that count costs alike share them
        suffix = f" ({label})" if len(rivals) > 1 else ""
        comparators += hindsight.rows(policy, suffix)
        curves[f"best arm{suffix}"] = hindsight.curve()
    manifest = {
        "olearn": __version__,
        "table": table.name,
        "kind": table.kind,
        "digest": table.digest(),
        "provenance": dict(table.provenance),
        "samples": len(table),
        "arms": list(table.arms),
        "cost": cost,
        "objective": objective,
        "feedback": None if model is None else str(model),
        "budget": None if rule is None else str(rule),
        "budget_allows": None if rule is None else float(rule.allowed(rows[0]["samples"], rows[0]["samples"])),
        "seeds": seed_list,
        "policies": described,
    }
    return OffloadResult(rows, comparators, curves, manifest, notes)


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


def _seeds(seeds: int | Iterable[int]) -> list[int]:
    if isinstance(seeds, (int, np.integer)) and not isinstance(seeds, bool):
        return list(range(check_int("seeds", seeds, minimum=1)))
    if isinstance(seeds, (str, bytes)) or not isinstance(seeds, Iterable):
        raise ParameterError(f"seeds must be a number of seeds or a list of them, got {seeds!r}")
    found = [check_int("seed", s, minimum=0) for s in seeds]
    if not found:
        raise ParameterError("seeds must not be empty")
    return found


def _plan(
    policy: str | ArmsPolicy,
    table: Any,
    model: Feedback | None,
    rule: BudgetSpec | None,
    cost: float | None,
    objective: str | None,
    seeds: list[int],
) -> tuple[str, list[ArmsPolicy], Feedback]:
    """Label, one policy a seed, and the feedback it gets."""
    runs: list[ArmsPolicy] = []
    for seed in seeds:
        if isinstance(policy, str):
            one = _make(policy, table, cost, seed)
        else:
            if not isinstance(policy, ArmsPolicy):
                raise _wrong_kind(policy, table)
            one = policy.copy()
            one.seed = seed if len(seeds) > 1 else one.seed
            one.reset()
        one.validate()
        one.check_kind(table)
        if rule is not None and one.unlimited:
            raise NotSupportedError(f"{one.name} takes no budget: {one.unlimited}")
        runs.append(one)
        if not one.randomised and (model is None or model.noise == 0.0):
            break
    fb = model if model is not None else Feedback(runs[0].needs)
    fb.require(runs[0])
    return (policy if isinstance(policy, str) else repr(policy)), runs, fb


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


def _play(policy: ArmsPolicy, table: Any, fb: Feedback, account: _Account | None) -> Plays:
    n = len(table)
    options: dict[str, Any] = {}
    if table.kind == "routing":
        options["flips"] = fb.flips(n, policy.seed)
    _warm(policy, table, options)
    if account is None:
        return policy.play(table, fb.arrived(n), **options)
    bounds, unit = account.limits()
    plays = policy.play(table, fb.arrived(n), limits=bounds, **options)
    assert plays.spent is not None
    used = account.used(plays.spent, unit)
    return plays._replace(
        spent=used, violation=account.violation(used), blocked=float(bounds.budget.level[BLOCKS])
    )


def _warm(policy: ArmsPolicy, table: Any, options: dict[str, Any]) -> None:
    """Compile or load the kernels outside the timing: a few samples through a copy."""
    few = 4 if table.kind != "servers" else int(table.ours[0]) + 1
    part = table[: min(few, len(table))]
    cut: dict[str, Any] = {k: v[: len(part)] if isinstance(v, np.ndarray) else v for k, v in options.items()}
    policy.copy().play(part, np.arange(len(part), dtype=np.int64), **cut)


class _Hindsight:
    """What the arms of a policy cost on a table, and what was best."""

    def __init__(
        self, policy: ArmsPolicy, table: Any, objective: str | None, rule: BudgetSpec | None, checkpoints: int
    ) -> None:
        self.table, self.rule = table, rule
        self.objective = policy.objective if objective is None else objective
        self.own = self.objective == policy.objective
        self.losses = policy.losses(table, objective)
        self.names = policy.arm_names(table)
        self.samples = self.losses.shape[0]
        count = min(check_int("checkpoints", checkpoints, minimum=1), self.samples)
        self.points = np.unique(np.linspace(0, self.samples, count + 1)[1:].astype(np.int64))
        self.starts = np.concatenate([[0], self.points[:-1]])
        self.prefix = np.cumsum(np.add.reduceat(self.losses, self.starts, axis=0), axis=0)
        self.means = self.prefix[-1] / self.samples
        self.best = int(best_arm(self.losses).allocation)
        self.clairvoyant = float(clairvoyant(self.losses).value) / self.samples
        context = table.get("context")
        self.per_context: float | None = None
        if context is not None:
            sums = np.zeros((int(context.max()) + 1, self.losses.shape[1]))
            np.add.at(sums, context, self.losses)
            self.per_context = float(sums.min(axis=1).sum()) / self.samples
        self.within: float | None = None
        self.account: _Account | None = None
        self.rival = self.prefix.min(axis=1)  # what the comparator of the regret lost so far
        if rule is not None:
            self._limit(_Account(policy, table, rule, self.samples))
        self.key = repr(self.names).encode() + self.means.round(12).tobytes()

    def _limit(self, account: _Account) -> None:
        """Compare with the best lottery within the budget."""
        use = account.usage.use
        if use.shape[0] == 1:
            used = np.repeat(use, self.points.size, axis=0)
        else:
            used = np.cumsum(np.add.reduceat(use, self.starts, axis=0), axis=0) / self.points[:, None]
        rate = account.rule.rate(self.samples)
        least = int(used[-1].argmin())
        if used[-1, least] > rate:
            raise ParameterError(
                f"budget {account.rule} allows {rate:g} a sample ({account.usage.unit}), but "
                f"{self.names[least]!r}, which uses least, takes {used[-1, least]:.4g}"
            )
        for k, n in enumerate(self.points):
            self.rival[k] = n * best_mix(self.prefix[k] / n, used[k], rate)
        self.account = account
        self.within = float(self.rival[-1]) / self.samples

    def judge(
        self, label: str, policy: ArmsPolicy, plays: Plays, fb: Feedback
    ) -> tuple[dict[str, Any], dict[str, Any]]:
        """The row of a run and its curves."""
        n = self.samples
        loss = self.losses[np.arange(n), plays.choice] if plays.loss is None else plays.loss
        total = np.cumsum(loss)
        bound = None if self._unmet(fb) else policy.arm_bound(n, self.means)
        row: dict[str, Any] = {
            "policy": label,
            "samples": n,
            "cost": float(total[-1]) / n,
            "cost_first": float(self.means[0]),
            "cost_last": float(self.means[-1]),
            "cost_best_arm": float(self.means[self.best]),
            "best_arm": self.names[self.best],
            "cost_clairvoyant": self.clairvoyant,
            "offload_rate": self._offload_rate(policy, plays.choice),
            "accuracy": self._accuracy(policy, plays.choice),
            "regret": float(total[-1] - self.rival[-1]),
            "bound": None if bound is None else bound.value,
            "samples_per_second": n / max(plays.seconds, 1e-9),
            "seed": policy.seed,
            "objective": self.objective,
            "feedback": str(fb),
        }
        curve: dict[str, Any] = {
            "cost": total[self.points - 1] / self.points,
            "regret": total[self.points - 1] - self.rival,
            "arm": np.add.reduceat(plays.choice.astype(np.float64), self.starts) / (self.points - self.starts),
        }
        if self.per_context is not None:
            row["cost_best_per_context"] = self.per_context
        if bound is not None:
            curve["bound"] = self._bound_curve(policy)
        if self.rule is not None and plays.spent is not None:
            row |= {
                "used": float(plays.spent.sum()),
                "violation": plays.violation,
                "blocked": plays.blocked,
                "cost_best_within_budget": self.within,
            }
            curve["used"] = np.cumsum(plays.spent)[self.points - 1]
        return row, curve

    def _bound_curve(self, policy: ArmsPolicy) -> np.ndarray:
        values = [policy.arm_bound(int(n), self.means) for n in self.points]
        return np.array([np.nan if b is None else b.value for b in values])

    def _unmet(self, fb: Feedback) -> str:
        """Why a declared bound says nothing about a run; empty if it does."""
        if self.rule is not None:
            return "a budget"
        if fb.delay or fb.batch > 1 or fb.noise:
            return f"feedback that is late or noisy ({fb})"
        return "" if self.own else f"objective {self.objective!r}, which the policy does not learn from"

    def _offload_rate(self, policy: ArmsPolicy, choice: np.ndarray) -> float | None:
        """Share of samples sent on: offloaded, cut before the end, not to the cheapest or nearest."""
        table = self.table
        if table.kind == "exits":
            return float(policy.offloaded(table, choice).mean())
        if table.kind == "splits":
            return float((choice < table.points - 1).mean())
        if table.kind == "servers":
            return float((choice != int(np.argmin(table.network()))).mean())
        if table.kind == "routing" and ("price" in table or len(table.models) == 2):
            return float((choice != int(np.argmin(table.relative_price().mean(axis=0)))).mean())
        return None

    def _accuracy(self, policy: ArmsPolicy, choice: np.ndarray) -> float | None:
        table = self.table
        rows = np.arange(choice.size)
        if table.kind == "exits" and "correct" in table:
            return float(table["correct"][rows, policy.answered_at(table, choice)].mean())
        if table.kind == "routing":
            return float(table["correct"][rows, choice].mean())
        return None

    def rows(self, policy: ArmsPolicy, suffix: str) -> list[dict[str, Any]]:
        """Rows of the comparators; a table of several ways to count costs shows the ends and the best only."""
        shown = set(range(len(self.names))) if len(self.names) <= ROWS else {0, self.best, len(self.names) - 1}
        if suffix:
            shown = {0, len(self.names) - 1}
        found = []
        for k in [*sorted(shown), self.best]:
            row = self._row(f"always {self.names[k]}{suffix}", self.means[k])
            choice = np.full(self.samples, k, np.int32)
            row["offload_rate"] = self._offload_rate(policy, choice)
            row["accuracy"] = self._accuracy(policy, choice)
            found.append(row)
        found[-1] |= {"policy": f"best arm{suffix}", "best_arm": self.names[self.best]}
        if self.per_context is not None:
            found.append(self._row(f"best arm per context{suffix}", self.per_context))
        if self.within is not None:
            found.append(self._row(f"best mix within budget{suffix}", self.within))
        found.append(self._row(f"clairvoyant{suffix}", self.clairvoyant))
        return found

    def _row(self, name: str, cost: float) -> dict[str, Any]:
        return {"policy": name, "samples": self.samples, "cost": float(cost), "objective": self.objective}

    def curve(self) -> dict[str, np.ndarray]:
        """The best arm of the samples so far."""
        found = {
            "samples": self.points,
            "cost": self.prefix.min(axis=1) / self.points,
            "arm": self.prefix.argmin(axis=1).astype(np.float64),
        }
        if self.rule is not None:
            found["allowed"] = self.rule.allowed(self.points, self.samples)
        return found

    def judged(self, label: str, runs: list[ArmsPolicy], rows: list[dict[str, Any]], fb: Feedback) -> list[str]:
        """Write the verdict on the declared bound into the rows of a policy; sentences on it."""
        bound = runs[0].arm_bound(self.samples, self.means)
        unmet = self._unmet(fb)
        # over the samples too if the bound is in expectation, so one deterministic run is one seed
        found = verdict(
            [row["regret"] for row in rows], bound, randomised=True, violated=(unmet,) if unmet else ()
        )
        for row in rows:
            row["verdict"] = found.word
        if bound is None:
            return []
        told = [f"{label}: bound {found.text}."]
        most = float(np.ptp(self.means))
        if not unmet and bound.value >= self.samples * most:
            until = self._vacuous_until(runs[0], most)
            when = "at any horizon" if until is None else f"before {until:,} samples"
            here = f"{bound.value:,.0f} here, and the worst arm loses {self.samples * most:,.0f}"
            told.append(f"{label}: its bound says nothing {when}: {here}.")
        return told

    def _vacuous_until(self, policy: ArmsPolicy, most: float) -> int | None:
        """The first horizon at which the bound is below what the worst constant arm loses."""

        def vacuous(samples: int) -> bool:
            bound = policy.arm_bound(samples, self.means)
            return bound is None or not bound.value < most * samples

        high = 2
        while vacuous(high):
            high *= 2
            if high > 2**60:
                return None
        low = high // 2
        while high - low > 1:
            middle = (low + high) // 2
            low, high = (middle, high) if vacuous(middle) else (low, middle)
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
