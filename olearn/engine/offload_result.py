"""What a replay of offloading policies returns: rows, curves, a manifest, and texts made of them."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

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


@dataclass
class OffloadResult:
    """The outcome of a replay.

    Attributes
    ----------
    rows : list of dict
        One a policy and seed. Costs are means per sample, regrets totals.
    comparators : list of dict
        Rows of what the policies are measured against: never, always, best threshold, best threshold per
        context, clairvoyant (and the best within the budget).
    curves : dict of str to dict of str to ndarray
        By policy: ``samples`` (K,) and, of shape (S, K), ``cost`` (mean so far), ``regret`` (total so far,
        against the best threshold of the samples so far), ``threshold``, ``used``.
    manifest : dict
        What it takes to repeat the replay: versions, the table's digest, costs, feedback, budget, seeds.
    notes : list of str
        What a reader has to know, one sentence each: bounds that say nothing yet, assumptions not met.
    """

    rows: list[dict[str, Any]]
    comparators: list[dict[str, Any]]
    curves: dict[str, dict[str, np.ndarray]]
    manifest: dict[str, Any]
    notes: list[str] = field(default_factory=list)

    def summary(self) -> list[dict[str, Any]]:
        """One row a policy: means over seeds, and the standard error of cost and regret."""
        groups: dict[str, list[dict[str, Any]]] = {}
        for row in self.rows:
            groups.setdefault(row["policy"], []).append(row)
        found = []
        for rows in groups.values():
            merged = dict(rows[0])
            for key in _MEANS:
                values = [r[key] for r in rows if r.get(key) is not None]
                if values:
                    merged[key] = float(np.mean(values))
            merged["seeds"] = len(rows)
            merged.pop("seed", None)
            for key in ("cost", "regret"):
                values = [r[key] for r in rows if r.get(key) is not None]
                if len(values) > 1:
                    merged[f"{key}_se"] = float(np.std(values, ddof=1) / math.sqrt(len(values)))
            found.append(merged)
        return found

    def row(self, policy: str) -> dict[str, Any]:
        """The summary row of one policy (its label in the rows), or of a comparator."""
        for row in [*self.summary(), *self.comparators]:
            if row["policy"] == policy:
                return row
        from olearn.errors import unknown

        raise unknown("policy in this result", policy, [r["policy"] for r in [*self.rows, *self.comparators]])

    def plot(self, path: str | Path | None = None) -> Any:
        """Draw regret, thresholds, accuracy against cost, budget; see :func:`olearn.plot.offload.draw`."""
        from olearn.plot.offload import draw

        return draw(self, path)

    def __str__(self) -> str:
        from olearn._table import text_table

        columns = ["policy", "cost", "offload_rate", "accuracy", "regret", "bound"]
        text = text_table([*self.summary(), *self.comparators], columns)
        return "\n".join([text, *self.notes])
