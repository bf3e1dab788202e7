"""What a replay of offloading policies returns: rows, curves, a manifest, and texts made of them."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Self

import numpy as np

from olearn.engine.choices import Choice
from olearn.engine.game import Column, Run
from olearn.engine.result import Result, means

#: Columns that are averaged over seeds in a summary.
_MEANS = (
    "cost",
    "expected_cost",
    "price_paid",
    "offload_rate",
    "accuracy",
    "regret",
    "samples_per_second",
    "used",
    "violation",
    "blocked",
)

COLUMNS = (
    Column("policy", "text", "", "name and parameters as asked for"),
    Column("samples", "int", "samples", "served"),
    Column("cost", "float", "wrong answers", "mean per sample"),
    Column("cost_never", "float", "wrong answers"),
    Column("cost_always", "float", "wrong answers"),
    Column("cost_best_threshold", "float", "wrong answers"),
    Column("cost_first", "float", "", "of always the first arm"),
    Column("cost_last", "float", "", "of always the last arm"),
    Column("cost_best_arm", "float"),
    Column("best_arm", "text"),
    Column("cost_best_per_context", "float"),
    Column("cost_best_within_budget", "float"),
    Column("cost_clairvoyant", "float"),
    Column("offload_rate", "float"),
    Column("accuracy", "float"),
    Column("regret", "float", "", "total cost above the best fixed choice in hindsight"),
    Column("bound", "float", "", "declared bound on the regret"),
    Column("samples_per_second", "float", "1/s"),
    Column("seed", "int"),
    Column("expected_cost", "float", "", "over the policy's last draw"),
    Column("price_paid", "float", "", "mean per sample"),
    Column("objective", "text"),
    Column("feedback", "text"),
    Column("comparator", "text", "", "what the bound is against"),
    Column("comparator_regret", "float", "", "regret against that"),
    Column("used", "float", "", "of the budget"),
    Column("violation", "float", "", "most by which use ever exceeded what was allowed by then"),
    Column("blocked", "float", "samples", "on which the budget forbade what was wanted"),
    Column("violated", "json", "", "why the bound says nothing about this run"),
    Column("complete", "bool"),
)


class Asked(Choice):
    """An offloading policy as it was asked for: a text, or a policy object."""

    def __init__(self, asked: Any, label: str | None = None) -> None:
        self.asked = asked
        self.label = label or (asked if isinstance(asked, str) else repr(asked))
        self._made: type | None = None

    def sources(self) -> list[Any]:
        return [self._made] if self._made else []


class OffloadResult(Result):
    """The outcome of a replay of offloading policies.

    Attributes
    ----------
    rows : list of dict
        One a policy and seed. Costs are means per sample, regrets totals.
    comparators : list of dict
        Rows of what the policies are measured against: never, always, best threshold, best threshold per
        context, clairvoyant (and the best within the budget), or the constant arms.
    curves : dict of str to dict of str to ndarray
        By policy: ``samples`` (K,) and, of shape (S, K), ``cost`` (mean so far), ``regret`` (total so far,
        against the best threshold of the samples so far), ``threshold``, ``used``.
    manifest : dict
        What it takes to repeat the replay: versions, the table's digest, costs, feedback, budget, seeds.
    notes : list of str
        What a reader has to know, one sentence each: bounds that say nothing yet, assumptions not met.
    """

    GROUP = "policy"
    ROUNDS = "samples"
    SAME = ("kind", "cost", "objective", "remote", "false_negative", "false_positive", "feedback", "budget")
    RUN_CURVES = {"cost": "costs", "threshold": "thresholds", "arm": "arms", "used": "used"}
    COMMAND = "olearn offload"

    def stream(self) -> dict[str, Any]:
        told = self.manifest
        return {"name": told["table"] or told["kind"], "digest": told["digest"], "samples": told["samples"]}

    def _stream_text(self) -> str:
        told = self.stream()
        return f"table ({told['name']}, {told['samples']:,} samples)"

    def group_of(self, run: Run) -> Any:
        """Binary policies share their comparators; each policy over arms has its own."""
        return "all" if self.manifest["kind"] == "binary" else run.row["policy"]

    @property
    def comparators(self) -> list[dict[str, Any]]:
        """Rows of the comparators, those that several policies share once."""
        told = self.hindsight if self.manifest["kind"] == "binary" else self._rivals()
        suffix = len(told) > 1
        rows = []
        for label, best in told.items():
            for row in best.certificates:
                if suffix and row.get("inner"):
                    continue  # with several ways to count costs the table shows the ends and the best only
                own = {k: v for k, v in row.items() if k != "inner"}
                rows.append(own | {"policy": f"{row['policy']} ({label})"} if suffix else own)
        return rows

    def _rivals(self) -> dict[Any, Any]:
        """The comparators of policies over arms; policies that count costs alike share the first one's."""
        found: dict[str, tuple[Any, Any]] = {}
        for label, best in self.hindsight.items():
            found.setdefault(best.told["key"], (label, best))
        return dict(found.values())

    def judge(self, runs: list[Run]) -> Any:
        """As everywhere; a bound that could not be missed on this table is vacuous, whatever was measured."""
        from olearn.regret import Verdict

        row = self.longest(runs)[0].row
        if row.get("vacuous") and not row.get("violated"):
            return Verdict("vacuous", math.nan, f"vacuous: it says nothing {row['vacuous']}")
        return super().judge(runs)

    @property
    def notes(self) -> list[str]:
        """Verdicts on bounds, bounds that say nothing, what the table does not say; one sentence each."""
        if "notes" in self.manifest:
            return list(self.manifest["notes"])
        found = []
        for policy, _, runs in self.groups():
            first = self.longest(runs)[0]
            if first.bound is None:
                continue
            against = first.row.get("comparator", "best fixed threshold")
            same = against == "best fixed threshold" or self.manifest["kind"] != "binary"
            found.append(
                f"{policy}: bound {self.judge(runs).text}" + ("." if same else f", against the {against}.")
            )
        return found + list(self.manifest.get("remarks", []))

    @property
    def curves(self) -> dict[str, dict[str, np.ndarray]]:
        """Curves by policy, and of what they are measured against."""
        found: dict[str, dict[str, np.ndarray]] = {}
        for policy, group, every in self.groups():
            runs = self.longest(every)
            best, points = self.best(group), self.points(runs[0])
            own = {name: np.stack([r.curves[name] for r in runs]) for name in runs[0].curves}
            total = own.pop("cost")
            rival = (
                best.curves["rival"][: points.size] if "rival" in best.curves else np.full(points.size, np.nan)
            )
            found[policy] = {"samples": points, "cost": total / points, "regret": total - rival, **own}
            if not self.manifest.get("budget"):
                found[policy].pop("used", None)
            if runs[0].bound_curve is not None:
                found[policy]["bound"] = runs[0].bound_curve
        binary = self.manifest["kind"] == "binary"
        rivals = self.hindsight if binary else self._rivals()
        for label, best in rivals.items():
            name = "best threshold" if binary else "best arm" + (f" ({label})" if len(rivals) > 1 else "")
            points = self.checkpoints
            found[name] = {"samples": points, "cost": best.curves["best_cost"] / points}
            for key in ("best_threshold", "best_arm", "allowed"):
                if key in best.curves:
                    found[name][key.removeprefix("best_")] = best.curves[key]
            if "sweep" in best.told:
                found["every threshold"] = {k: np.array(v) for k, v in best.told["sweep"].items()}
        return found

    def settle(self) -> Self:
        """Write the verdicts into the rows."""
        for _, _, runs in self.groups():
            word = self.judge(runs).word
            for run in runs:
                run.row["verdict"] = word
        return self

    def _summary_row(self, policy: str, group: Any, runs: list[Run]) -> dict[str, Any]:
        rows = [run.row for run in runs]
        merged = {**rows[0], **means(rows, _MEANS), "seeds": len(rows)}
        merged.pop("seed", None)
        for key in ("cost", "regret"):
            values = [r[key] for r in rows if r.get(key) is not None]
            if len(values) > 1:
                merged[f"{key}_se"] = float(np.std(values, ddof=1) / math.sqrt(len(values)))
        return merged

    def row(self, policy: str) -> dict[str, Any]:
        """The summary row of one policy (its label in the rows), or of a comparator."""
        for row in [*self.summary(), *self.comparators]:
            if row["policy"] == policy:
                return row
        from olearn.errors import unknown

        raise unknown("policy in this result", policy, [r["policy"] for r in [*self.rows, *self.comparators]])

    def flat_rows(self) -> list[dict[str, Any]]:
        return [{k: v for k, v in row.items() if k not in ("violated", "vacuous")} for row in self.rows]

    def curve_rows(self) -> list[dict[str, Any]]:
        """The curves as one row a policy and checkpoint, means over seeds."""
        rows = []
        for name, curve in self.curves.items():
            if "samples" in curve:
                mean = {k: v.mean(axis=0) if v.ndim == 2 else v for k, v in curve.items()}
                for k in range(mean["samples"].size):
                    rows.append({"policy": name, **{c: v[k] for c, v in mean.items()}})
        return rows

    def to_dict(self) -> dict[str, Any]:
        return {**super().to_dict(), "notes": self.notes}

    def to_json(self) -> dict[str, Any]:
        return {"manifest": {**self.manifest, "notes": self.notes}, "rows": self.rows}

    def pictures(self, name: str) -> Iterator[tuple[str, Any]]:
        yield name, self.plot

    def plot(self, path: str | Path | None = None) -> Any:
        """Draw regret, thresholds, accuracy against cost, budget; see :func:`olearn.plot.offload.draw`."""
        from olearn.plot.offload import draw

        return draw(self, path)

    def __str__(self) -> str:
        from olearn._table import text_table

        columns = ["policy", "cost", "offload_rate", "accuracy", "regret", "bound"]
        text = text_table([*self.summary(), *self.comparators], columns)
        return "\n".join([text, *self.notes])


def vacuous(
    bound: float, most: float, until: Callable[[], int | None], against: str, samples: int, horizon: int | None
) -> str:
    """From when on a bound says something, if it says nothing here; empty if it does."""
    if bound < most:
        return ""
    first = until()
    when = "at any horizon" if first is None else f"before {first:,} samples"
    if first is not None and first <= samples:
        when = f"with these parameters (tuned for {horizon or 0:,} samples)"
    return f"{when}: {bound:,.0f} here, and {against} {most:,.0f}"
