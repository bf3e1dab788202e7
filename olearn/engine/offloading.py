"""Replay an offloading table through policies: costs, comparators, regret, bounds, budgets.

A sample answered locally costs 1 if the answer is wrong; an offloaded one costs its price beta (plus 1 if
the remote answer is wrong, where ``remote="counted"``). The regret is the total cost minus that of the best
fixed threshold in hindsight (with a budget: of the best mixture of thresholds that keeps within it),
beside which stand never, always, the best threshold per context and the clairvoyant.

Examples
--------
>>> from olearn.traces.offloading import read_table
>>> result = replay_offloading(read_table("digits"), ["hil-f", "never"], cost=0.3)
>>> row = result.row("never")
>>> round(row["cost"], 3), round(row["cost_best_threshold"], 3)
(0.231, 0.164)
"""

from __future__ import annotations

import os
import time
from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np

from olearn import optima
from olearn._progress import Progress
from olearn._version import __version__
from olearn.engine.budgets import BudgetSpec, parse_budget
from olearn.engine.offload_result import OffloadResult
from olearn.engine.offloading_rivals import regret_of_bound
from olearn.errors import NotSupportedError, ParameterError, check_int, check_real, unknown
from olearn.feedback import Feedback
from olearn.feedback import feedback as read_feedback
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
from olearn.registry import make
from olearn.regret import verdict

#: How remote answers count.
REMOTE = ("truth", "counted")
_OPTIONS = (
    "cost",
    "feedback",
    "budget",
    "seeds",
    "remote",
    "false_negative",
    "false_positive",
    "checkpoints",
)
#: Up to so many samples the speed is that of one call over all of them.
_SHORT = 100_000


def replay_offloading(table: Any, policies: Sequence[Any], **options: Any) -> OffloadResult:
    """Replay a table of any kind, given as such, as a file or by a bundled name.

    See :func:`replay_binary` for the options of binary offloading and
    :func:`olearn.engine.offloading_arms.replay_arms` for those of exits, splits, models and servers.
    """
    if isinstance(table, (str, os.PathLike)):
        from olearn.traces.offloading import read_table

        table = read_table(os.fspath(table))
    if table.kind == "binary":
        return replay_binary(table, policies, **options)
    from olearn.engine.offloading_arms import replay_arms

    result: OffloadResult = replay_arms(table, policies, **options)
    return result


def replay_binary(
    table: Any,
    policies: Sequence[str | BinaryPolicy],
    *,
    cost: float | None = None,
    feedback: str | Feedback | None = None,
    budget: str | BudgetSpec | None = None,
    seeds: int | Iterable[int] = 1,
    remote: str = "truth",
    false_negative: float = 1.0,
    false_positive: float = 1.0,
    checkpoints: int = 100,
    **unknown_options: Any,
) -> OffloadResult:
    """Replay a binary table through policies.

    Parameters
    ----------
    table : OffloadTable
    policies : sequence of str or BinaryPolicy
        Names or ``name(parameter=value)``; a policy object is replayed from its initial state.
    cost : float, optional
        Price of offloading a sample, in units of a wrong answer; default: the table's column cost.
    feedback : str or Feedback, optional
        What is revealed and when (:mod:`olearn.feedback`); default: to each policy what it needs.
    budget : str or BudgetSpec, optional
        A limit on offloading (:mod:`olearn.engine.budgets`).
    seeds : int or iterable of int
        Number of seeds (0, 1, ...) or the seeds; a deterministic policy runs once.
    remote : {"truth", "counted"}
        Whether the remote answer is taken as the truth, as the papers do, or its errors count.
    false_negative, false_positive : float
        Cost in (0, 1] of a wrong local answer when the class is 1, or 0; other than 1 only for two classes.
    checkpoints : int
        Points of the curves.

    Returns
    -------
    OffloadResult

    Raises
    ------
    NotSupportedError
        A policy needs feedback, a column or a kind of table that is not there.
    """
    for name in unknown_options:
        raise unknown("option", name, _OPTIONS)
    game = _Game(table, cost, remote, false_negative, false_positive)
    rule = parse_budget(budget)
    model = None if feedback is None else read_feedback(feedback)
    seed_list = _seeds(seeds)
    points = _checkpoints(game.samples, check_int("checkpoints", checkpoints, minimum=1))
    usage = np.ones(game.samples) if rule is None else rule.usage(table, game.price)
    comparators, best = game.comparators(rule, usage)
    prefix_cost, prefix_threshold = game.prefix_best(points)
    rival = prefix_cost if rule is None else points * best["best within budget"]

    plans = [_plan(p, game, model, seed_list) for p in policies]
    if not plans:
        raise ParameterError("give at least one policy")
    labels = [label for label, _, _ in plans]
    for label in labels:
        if labels.count(label) > 1:
            raise ParameterError(f"policy {label!r} is asked for twice")

    rows: list[dict[str, Any]] = []
    curves: dict[str, dict[str, np.ndarray]] = {}
    notes: list[str] = []
    described = []
    total = sum(len(runs) for _, runs, _ in plans) * game.samples
    with Progress(total, "replaying") as progress:
        for label, runs, fb in plans:
            collected: dict[str, list[np.ndarray]] = {}
            for policy in runs:
                outcome = _run(policy, game, fb, rule, usage, points)
                row = _row(label, policy, game, fb, rule, best, outcome)
                rows.append(row)
                curve = {
                    "cost": outcome["cumulative"] / points,
                    "regret": outcome["cumulative"] - rival,
                    "threshold": outcome["threshold"],
                    "offloaded": outcome["offloaded"],
                }
                if rule is not None:
                    curve["used"] = outcome["used"]
                for key, values in curve.items():
                    collected.setdefault(key, []).append(values)
                progress.advance(game.samples)
            curves[label] = {"samples": points} | {k: np.stack(v) for k, v in collected.items()}
            if rows[-1]["bound"] is not None:
                curves[label]["bound"] = runs[0].bound_curve(points)
            notes += _judged(label, runs, rows[-len(runs) :], game, fb, rule)
            described.append(
                {"policy": label, "name": runs[0].name, "feedback": str(fb), **runs[0].parameters()}
            )
    curves_best = {"samples": points, "cost": prefix_cost / points, "threshold": prefix_threshold}
    if rule is not None:
        curves_best["allowed"] = rule.allowed(points, game.samples)
    curves["best threshold"] = curves_best
    curves["every threshold"] = game.sweep()
    manifest = {
        "olearn": __version__,
        "table": table.name,
        "kind": table.kind,
        "digest": table.digest(),
        "provenance": dict(table.provenance),
        "samples": game.samples,
        "levels": int(table.levels.size),
        "contexts": table.contexts,
        "cost": float(game.price[0] if (game.price == game.price[0]).all() else game.price.mean()),
        "remote": remote,
        "false_negative": game.fn,
        "false_positive": game.fp,
        "feedback": None if model is None else str(model),
        "budget": None if rule is None else str(rule),
        "budget_allows": None if rule is None else float(rule.allowed(game.samples, game.samples)),
        "budget_unit": None if rule is None else rule.unit,
        "seeds": seed_list,
        "policies": described,
        "comparators": comparators,
    }
    return OffloadResult(rows, comparators, curves, manifest, notes)


class _Game:
    """A table with its losses."""

    def __init__(self, table: Any, cost: float | None, remote: str, fn: float, fp: float) -> None:
        if getattr(table, "kind", None) != "binary":
            raise NotSupportedError(f"binary offloading needs a table of kind 'binary', got {table!r}")
        if remote not in REMOTE:
            raise unknown("way to count remote answers", str(remote), REMOTE)
        self.table, self.remote = table, remote
        self.samples = len(table)
        self.fn = check_real("false_negative", fn, 0.0, 1.0, open_low=True)
        self.fp = check_real("false_positive", fp, 0.0, 1.0, open_low=True)
        if cost is not None:
            self.price = np.full(self.samples, check_real("cost", cost, 0.0))
        elif "cost" in table:
            self.price = np.ascontiguousarray(table["cost"])
        else:
            raise ParameterError(
                "give cost, the price of offloading (--cost) in units of a wrong answer: "
                "the table has no column 'cost'"
            )
        self.right = table["local_correct"].astype(np.float64)
        remote_right = table.get("remote_correct")
        self.remote_right = None if remote_right is None else remote_right.astype(np.float64)
        if remote == "counted":
            table.need("remote_correct", "counting the remote errors")
        self.remote_loss = np.zeros(self.samples)
        if remote == "counted" and self.remote_right is not None:
            self.remote_loss = 1.0 - self.remote_right
        self.score, self.label = self._binary_score()
        self.local_loss = (1.0 - self.right) * self._weights()
        self.offload_loss = self.price + self.remote_loss

    def _binary_score(self) -> tuple[np.ndarray, np.ndarray | None]:
        scores = self.table.get("scores")
        if scores is None or scores.shape[1] != 2:
            return np.zeros(self.samples), None
        score = np.ascontiguousarray(scores[:, 1])
        said = scores.argmax(axis=1)
        return score, np.where(self.right == 1.0, said, 1 - said)

    def _weights(self) -> np.ndarray:
        if self.fn == 1.0 and self.fp == 1.0:
            return np.ones(self.samples)
        if self.label is None:
            raise NotSupportedError("false_negative and false_positive need a table with scores of two classes")
        return np.where(self.label == 1, self.fn, self.fp)

    def comparators(
        self, rule: BudgetSpec | None, usage: np.ndarray
    ) -> tuple[list[dict[str, Any]], dict[str, float]]:
        """Rows of the comparators and their mean costs by name."""
        T = self.samples
        confidence = self.table["confidence"]
        theta = optima.best_threshold(confidence, self.local_loss, self.offload_loss)
        context = self.table.get("context")
        chosen = [
            ("never", np.zeros(T, bool)),
            ("always", np.ones(T, bool)),
            ("best threshold", confidence < theta.allocation),
        ]
        if context is not None:
            each = optima.best_threshold_per_context(confidence, self.local_loss, self.offload_loss, context)
            chosen.append(("best threshold per context", confidence < each.allocation[context]))
        chosen.append(("clairvoyant", self.offload_loss < self.local_loss))
        rows = [self._comparator(name, offload) for name, offload in chosen]
        for row in rows:
            if row["policy"] == "best threshold":
                row["threshold"] = float(theta.allocation)
        best = {row["policy"]: row["cost"] for row in rows}
        if rule is not None:
            total = optima.best_mixed(
                confidence,
                self.local_loss,
                self.offload_loss,
                resources=usage[None, :],
                budgets=np.array([rule.rate(T) * T]),
            ).value
            best["best within budget"] = total / T
            rows.append({"policy": "best within budget", "samples": T, "cost": total / T})
        return rows, best

    def _comparator(self, name: str, offload: np.ndarray) -> dict[str, Any]:
        loss = np.where(offload, self.offload_loss, self.local_loss)
        return {
            "policy": name,
            "samples": self.samples,
            "cost": float(loss.mean()),
            "offload_rate": float(offload.mean()),
            "price_paid": float(np.where(offload, self.price, 0.0).mean()),
            "accuracy": self.accuracy(offload, self.right),
        }

    def accuracy(self, offloaded: np.ndarray, local_right: np.ndarray) -> float:
        """Share of right answers; the remote model is right where the table does not say."""
        remote = np.ones(self.samples) if self.remote_right is None else self.remote_right
        return float(np.where(offloaded, remote, local_right).mean())

    def sweep(self, most: int = 400) -> dict[str, np.ndarray]:
        """Offload rate, accuracy, cost and price paid of at most `most` fixed thresholds, increasing."""
        table, n = self.table, self.table.levels.size
        remote = np.ones(self.samples) if self.remote_right is None else self.remote_right
        columns = (np.ones(self.samples), remote - self.right, self.offload_loss - self.local_loss, self.price)
        sums = [np.bincount(table.cells, weights=c, minlength=n) for c in columns]
        total = [np.concatenate([[0.0], np.cumsum(s)]) / self.samples for s in sums]
        keep = np.unique(np.linspace(0, n, min(n + 1, most)).astype(np.int64))
        return {
            "threshold": np.append(table.levels, 1.0)[keep],
            "offload_rate": total[0][keep],
            "accuracy": self.right.mean() + total[1][keep],
            "cost": self.local_loss.mean() + total[2][keep],
            "price_paid": total[3][keep],
        }

    def prefix_best(self, points: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Total cost and value of the best threshold of the first n samples, for each n of `points`."""
        levels, cells = self.table.levels, self.table.cells
        gain = np.zeros(levels.size)
        edges = np.append(levels, np.inf)
        local = 0.0
        cost, theta = np.empty(points.size), np.empty(points.size)
        begin = 0
        for k, end in enumerate(points):
            part = slice(begin, int(end))
            local += float(self.local_loss[part].sum())
            change = self.offload_loss[part] - self.local_loss[part]
            gain += np.bincount(cells[part], weights=change, minlength=levels.size)
            total = np.concatenate([[0.0], np.cumsum(gain)])
            at = int(total.argmin())
            cost[k] = local + total[at]
            theta[k] = edges[at] if at < levels.size else 1.0
            if at == 0:
                theta[k] = 0.0
            begin = int(end)
        return cost, theta

    def stream(self, flips: np.ndarray, use: np.ndarray) -> Stream:
        wrong = self.local_loss
        if flips.any():
            weight = self._weights()
            wrong = np.where(flips, weight - wrong, wrong)
        T = self.samples
        context = self.table.get("context")
        return Stream(
            np.ascontiguousarray(self.table["confidence"]).copy(),
            self.table.cells.copy(),
            np.zeros(T, np.int32) if context is None else context.copy(),
            self.score.copy(),
            self.price.copy(),
            np.array(wrong, dtype=np.float64),
            self.remote_loss.copy(),
            np.array(use, dtype=np.float64),
        )


def _seeds(seeds: int | Iterable[int]) -> list[int]:
    if isinstance(seeds, (int, np.integer)) and not isinstance(seeds, bool):
        return list(range(check_int("seeds", seeds, minimum=1)))
    if isinstance(seeds, (str, bytes)) or not isinstance(seeds, Iterable):
        raise ParameterError(f"seeds must be a number of seeds or a list of them, got {seeds!r}")
    found = [check_int("seed", s, minimum=0) for s in seeds]
    if not found:
        raise ParameterError("seeds must not be empty")
    return found


def _checkpoints(samples: int, count: int) -> np.ndarray:
    return np.unique(np.linspace(0, samples, min(count, samples) + 1)[1:].astype(np.int64))


def _plan(
    policy: str | BinaryPolicy, game: _Game, model: Feedback | None, seeds: list[int]
) -> tuple[str, list[BinaryPolicy], Feedback]:
    """Label, one policy a seed, and the feedback it gets."""
    table = game.table
    runs: list[BinaryPolicy] = []
    for seed in seeds:
        if isinstance(policy, str):
            one = make(
                "offloading",
                policy,
                **_common(
                    policy,
                    horizon=game.samples,
                    levels=table.levels,
                    contexts=table.contexts,
                    cost=float(game.price.max()),
                    false_negative=game.fn,
                    false_positive=game.fp,
                    seed=seed,
                ),
            )
        else:
            one = policy.copy() if isinstance(policy, BinaryPolicy) else policy
            if isinstance(one, BinaryPolicy):
                one.seed = seed if len(seeds) > 1 else one.seed
                if one.levels is None:
                    one.levels = table.levels
                one.reset()
        _check_kind(one)
        one.check_table(table)
        for column in one.columns:
            if column == "scores of two classes":
                if game.label is None:
                    raise NotSupportedError(f"{one.name} needs a table with scores of two classes")
            else:
                table.need(column, one.name)
        one.fit(table, game.local_loss, game.offload_loss)
        one.validate()
        runs.append(one)
        if not one.randomised and (model is None or model.noise == 0.0):
            break
    fb = model if model is not None else Feedback(runs[0].needs)
    fb.require(runs[0])
    if fb.reveals not in REVEALS_CODE:
        raise NotSupportedError(
            f"feedback {fb.reveals!r} has no meaning for binary offloading; known: {', '.join(REVEALS_CODE)}"
        )
    return (policy if isinstance(policy, str) else repr(policy)), runs, fb


def _check_kind(policy: Any) -> None:
    cls = policy if isinstance(policy, type) else type(policy)
    if not issubclass(cls, BinaryPolicy):
        kinds = ", ".join(getattr(policy, "kinds", ())) or "unknown"
        name = getattr(policy, "name", repr(policy))
        raise NotSupportedError(f"{name} plays on tables of kind {kinds}, but this table is of kind binary")


def _common(spec: str, **values: Any) -> dict[str, Any]:
    """The common parameters that the policy's constructor takes."""
    import inspect

    from olearn.registry import find, parse_spec

    name, given = parse_spec(spec)
    cls = find("offloading", name)
    if not issubclass(cls, BinaryPolicy):
        _check_kind(cls)
    taken = inspect.signature(cls.__init__).parameters
    return {k: v for k, v in values.items() if k in taken and k not in given}


def _run(
    policy: BinaryPolicy,
    game: _Game,
    fb: Feedback,
    rule: BudgetSpec | None,
    usage: np.ndarray,
    points: np.ndarray,
) -> dict[str, Any]:
    T = game.samples
    flips = fb.flips(T, policy.seed)
    budget, use, unit = (no_budget(), usage, 1.0) if rule is None else rule.make(usage)
    stream = game.stream(flips, use)
    own = policy.confidences()
    if own.size != game.table.levels.size or not np.array_equal(own, game.table.levels):
        at = np.searchsorted(own, stream.confidence, side="right") - 1
        stream = stream._replace(cell=np.maximum(at, 0).astype(np.int32))
    arrived = fb.arrived(T)
    _warm(policy, budget)
    seconds = None
    if T <= _SHORT:
        # in a short run the calls between checkpoints take longer than the samples: time one call instead
        spare = no_budget() if rule is None else rule.make(usage)[0]
        seconds = _loop(policy.copy(), stream, arrived, fb, spare, points[-1:])[2]
    record, threshold, took = _loop(policy, stream, arrived, fb, budget, points)
    seconds = took if seconds is None else seconds

    decision = record.decision
    offloaded = (decision == OFFLOAD) | (decision == EXPLORE)
    local_loss, local_right = _local(game, decision)
    loss = np.where(offloaded, game.offload_loss, local_loss)
    # the expectation over the last draw; where the answer is its own class, over the class drawn too
    expected = record.chance * game.offload_loss + (1.0 - record.chance) * game.local_loss
    answers = bool(((decision == ANSWER_0) | (decision == ANSWER_1)).any())
    used = np.cumsum(np.where(offloaded, usage, 0.0))
    return {
        "loss": loss,
        "sent": offloaded,
        "offloaded": np.cumsum(offloaded)[points - 1],
        "offload_rate": float(offloaded.mean()),
        "price_paid": float(np.where(offloaded, game.price, 0.0).mean()),
        "accuracy": game.accuracy(offloaded, local_right),
        "expected_cost": None if answers else float(expected.mean()),
        "cumulative": np.cumsum(loss)[points - 1],
        "total": float(loss.sum()),
        "threshold": threshold,
        "used": used[points - 1],
        "violation": 0.0 if rule is None else _violation(rule, used, unit),
        "blocked": float(budget.level[2]),
        "seconds": seconds,
    }


def _loop(
    policy: BinaryPolicy, stream: Stream, arrived: np.ndarray, fb: Feedback, budget: Budget, points: np.ndarray
) -> tuple[Record, np.ndarray, float]:
    """Play the samples from checkpoint to checkpoint: record, threshold at each, seconds in the kernel."""
    T = arrived.size
    arrival = Arrival(arrived, REVEALS_CODE[fb.reveals], np.zeros(1, np.int64))
    record = Record(np.zeros(T, np.uint8), np.zeros(T), np.zeros(T))
    run, state = type(policy).run, policy.state
    threshold = np.full(points.size, np.nan)
    seconds = 0.0
    begin = 0
    for k, end in enumerate(points):
        started = time.perf_counter()
        run(state, stream, arrival, budget, record, begin, int(end))
        seconds += time.perf_counter() - started
        now = policy.threshold(0)
        threshold[k] = np.nan if now is None else now
        begin = int(end)
    return record, threshold, seconds


def _violation(rule: BudgetSpec, used: np.ndarray, unit: float) -> float:
    """The most by which what was used ever exceeded what was allowed by then."""
    n = np.arange(1, used.size + 1)
    return float(max(0.0, (used - rule.allowed(n, used.size)).max()))


def _local(game: _Game, decision: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Loss and correctness of the local answers, a policy's own class where it gave one."""
    zero, one = decision == ANSWER_0, decision == ANSWER_1
    if game.label is None or not (zero.any() or one.any()):
        return game.local_loss, game.right
    loss, right = game.local_loss.copy(), game.right.copy()
    for said, value in ((zero, 0), (one, 1)):
        good = game.label[said] == value
        right[said] = good
        loss[said] = np.where(good, 0.0, game.fn if value == 0 else game.fp)
    return loss, right


def _warm(policy: BinaryPolicy, budget: Budget) -> None:
    """Compile or load the kernel outside the timing: run it over no samples."""
    empty = np.zeros(0)
    ints = np.zeros(0, np.int32)
    stream = Stream(empty, ints, ints, empty, empty, empty, empty, empty)
    arrival = Arrival(np.zeros(0, np.int64), 0, np.zeros(1, np.int64))
    type(policy).run(policy.state, stream, arrival, budget, Record(np.zeros(0, np.uint8), empty, empty), 0, 0)


def _row(
    label: str,
    policy: BinaryPolicy,
    game: _Game,
    fb: Feedback,
    rule: BudgetSpec | None,
    best: dict[str, float],
    outcome: dict[str, Any],
) -> dict[str, Any]:
    T = game.samples
    bound = None if _unmet(policy, game, fb, rule) else policy.bound_of_run(T)
    row: dict[str, Any] = {
        "policy": label,
        "samples": T,
        "cost": outcome["total"] / T,
        "cost_never": best["never"],
        "cost_always": best["always"],
        "cost_best_threshold": best["best threshold"],
        "cost_best_per_context": best.get("best threshold per context"),
        "cost_clairvoyant": best["clairvoyant"],
        "offload_rate": outcome["offload_rate"],
        "accuracy": outcome["accuracy"],
        "regret": outcome["total"] - T * best["best threshold" if rule is None else "best within budget"],
        "bound": None if bound is None else bound.value,
        "samples_per_second": T / max(outcome["seconds"], 1e-9),
        "seed": policy.seed,
        "expected_cost": outcome["expected_cost"],
        "price_paid": outcome["price_paid"],
        "feedback": str(fb),
    }
    if bound is not None:
        row["comparator"], row["comparator_regret"] = regret_of_bound(
            bound, policy, game, outcome["total"], outcome["sent"]
        )
    if rule is not None:
        row["cost_best_within_budget"] = best["best within budget"]
        row["used"] = float(outcome["used"][-1])
        row["violation"] = outcome["violation"]
        row["blocked"] = outcome["blocked"]
    return row


def _unmet(policy: BinaryPolicy, game: _Game, fb: Feedback, rule: BudgetSpec | None) -> str:
    """Why a declared bound says nothing about this run; empty if it does."""
    if rule is not None:
        return "a budget"
    if fb.delay or fb.batch > 1 or fb.noise:
        return f"feedback that is late or noisy ({fb})"
    if float(game.offload_loss.max()) > 1.0:
        return "losses above 1 (a cost above 1, or remote errors that count)"
    if game.remote_loss.any() and not policy.bounds_remote_errors:
        return "remote errors that count"
    for name, value in (("false_negative", game.fn), ("false_positive", game.fp)):
        if getattr(policy, name, value) != value:
            return f"{name} {value:g}, tuned for {getattr(policy, name):g}"
    if policy.bound(game.samples) is not None and policy.bound_of_run(game.samples) is None:
        return f"{game.samples:,} samples, tuned for {policy.horizon or 0:,}"
    return policy.bound_unmet(game.table, game.local_loss, game.offload_loss)


def _judged(
    label: str,
    runs: list[BinaryPolicy],
    rows: list[dict[str, Any]],
    game: _Game,
    fb: Feedback,
    rule: BudgetSpec | None,
) -> list[str]:
    """Write the verdict on the declared bound into the rows; sentences on it."""
    T = game.samples
    bound = runs[0].bound_of_run(T) or runs[0].bound(T)
    unmet = _unmet(runs[0], game, fb, rule)
    found = verdict(
        [row.get("comparator_regret", row["regret"]) for row in rows],
        bound,
        # over the samples too if the bound is in expectation over them, so one deterministic run is one seed
        randomised=runs[0].randomised or (bound is not None and "over the samples" in bound.comparator),
        violated=(unmet,) if unmet else (),
    )
    for row in rows:
        row["verdict"] = found.word
    if bound is None:
        return []
    against = rows[0].get("comparator", "best fixed threshold")
    told = [
        f"{label}: bound {found.text}"
        + ("." if against == "best fixed threshold" else f", against the {against}.")
    ]
    most = max(float(game.price.max()), 1.0 - float(game.price.min()))
    if not unmet and bound.value >= T * most:
        until = runs[0].bound_vacuous_until(most)
        when = "at any horizon" if until is None else f"before {until:,} samples"
        if until is not None and until <= T:
            when = f"with these parameters (tuned for {runs[0].horizon or 0:,} samples)"
        here = f"{bound.value:,.0f} here, and no rule loses more than {T * most:,.0f}"
        told.append(f"{label}: its bound says nothing {when}: {here}.")
    return told
