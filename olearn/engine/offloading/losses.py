"""A binary table with its losses, and what fixed rules would have lost on it."""

from __future__ import annotations

from typing import Any

import numpy as np

from olearn import optima
from olearn.engine.offloading.budgets import BudgetSpec
from olearn.errors import NotSupportedError, ParameterError, check_real, unknown
from olearn.policies.offloading._game import ANSWER_0, ANSWER_1, Stream

#: How remote answers count.
REMOTE = ("truth", "counted")


class Losses:
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
            "accuracy": float(self.answered(offload, self.right).mean()),
        }

    def answered(self, offloaded: np.ndarray, local_right: np.ndarray, low: int = 0) -> np.ndarray:
        """Which answers from sample `low` on are right (1.0); the remote is where the table does not say."""
        part = slice(low, low + offloaded.size)
        remote = np.ones(offloaded.size) if self.remote_right is None else self.remote_right[part]
        return np.asarray(np.where(offloaded, remote, local_right))

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

    def local(self, decision: np.ndarray, low: int, high: int) -> tuple[np.ndarray, np.ndarray]:
        """Loss and correctness of the local answers from `low` on, of its own class where it gave one."""
        zero, one = decision == ANSWER_0, decision == ANSWER_1
        loss, right = self.local_loss[low:high], self.right[low:high]
        if self.label is None or not (zero.any() or one.any()):
            return loss, right
        loss, right = loss.copy(), right.copy()
        for said, value in ((zero, 0), (one, 1)):
            good = self.label[low:high][said] == value
            right[said] = good
            loss[said] = np.where(good, 0.0, self.fn if value == 0 else self.fp)
        return loss, right
