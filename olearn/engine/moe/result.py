"""What a replay of expert caches returns, and its diagnosis: a bad policy, or too small a cache?"""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from typing import Any

import numpy as np

from olearn.engine.game import Run
from olearn.engine.result import Result
from olearn.errors import ParameterError, unknown

CURVES = ("hits", "regret", "ratio")


class MoEResult(Result):
    """The outcome of a replay of expert caches; see :class:`olearn.engine.result.Result`."""

    ROUNDS = "batches"
    SAME = ("horizon", "shared")
    SUMMARY = (
        "policy",
        "capacity",
        "hit_ratio",
        "±",
        "batch_hit",
        "of optimum",
        "loads/expert",
        "prefetch used",
        "diagnosis",
        "Mreq/s",
    )
    RUN_CURVES = {"reward": "hits"}
    BEST_CURVES = ("optimum", "static", "static_fetch_charged")
    COMMAND = "olearn moe"
    TOTAL = "requests"
    UNIT = "slots"

    def _summary_row(self, policy: str, group: Any, runs: list[Run]) -> dict[str, Any]:
        from olearn.regret import band

        rows = [r.row for r in runs]

        def mean(name: str) -> float | None:
            values = [r[name] for r in rows if r.get(name) is not None]
            return float(np.mean(values)) if values else None

        spread = band(np.array([[r["hit_ratio"]] for r in rows]))
        loaded, ahead, used = mean("loaded"), mean("prefetched"), mean("prefetched_used")
        rate = mean("requests_per_second")
        told = self._diagnose(policy, group) if rows[0].get("upper_bound") is not None else None
        return {
            "policy": policy,
            "capacity": group,
            "hit_ratio": float(spread.mean[0]),
            "±": float(spread.high[0] - spread.mean[0]) if len(rows) > 1 else None,
            "batch_hit": mean("batch_hit_ratio"),
            "of optimum": mean("ratio"),
            "loads/expert": None if loaded is None else loaded / max(rows[0]["requests"], 1),
            "prefetch used": used / ahead if ahead and used is not None else None,
            "diagnosis": None if told is None else told.word,
            "Mreq/s": None if rate is None else rate / 1e6,
        }

    def diagnosis(self, policy: str, capacity: int | None = None) -> Any:
        """Whose fault the misses are: see :func:`olearn.regret.from_counts`.

        Raises
        ------
        ParameterError
            The run was interrupted: its optimum is not known.
        """
        run = self.find(policy, capacity)[0]
        if run.row.get("upper_bound") is None:
            raise ParameterError(f"{policy}: interrupted before its optimum was known")
        return self._diagnose(policy, self.group_of(run))

    def _diagnose(self, policy: str, group: Any) -> Any:
        from olearn.regret import from_counts

        rows = [r.row for r in self._of(policy, group)]
        first = rows[0]
        total = first["requests"]
        others: dict[str, float] = {}
        for name, g, runs in self.groups():
            same = [r.row for r in runs if r.row["requests"] == total]
            # what is loaded before it is asked for is another game
            if g == group and name != policy and same and not any(r.get("prefetched") for r in same):
                others[name] = total - float(np.mean([r["reward"] for r in same]))
        misses = total - float(np.mean([r["reward"] for r in rows]))
        return from_counts(
            total,
            misses,
            first["compulsory"],
            total - first["optimum"],
            total - first["static_fetch_charged"],
            others,
        )

    def curve(self, policy: str, capacity: int | None = None, what: str = "hits") -> np.ndarray:
        """A curve of every seed at the checkpoints, float64 (S, K): ``hits``, ``regret`` or ``ratio``."""
        if what not in CURVES:
            raise unknown("curve", what, CURVES)
        runs = self.find(policy, capacity)
        reached = min(r.reward.size for r in runs)
        hits = np.array([r.reward[:reached] for r in runs], dtype=np.float64)
        best = self.best(self.group_of(runs[0]))
        if what == "hits":
            return hits
        if what == "regret":
            return best.curves["static"][:reached] - hits
        with np.errstate(divide="ignore", invalid="ignore"):
            return hits / best.curves["optimum"][:reached]

    def band(self, policy: str, capacity: int | None = None, what: str = "hits", level: float = 0.95) -> Any:
        """Mean of a curve over seeds with its confidence band, see :func:`olearn.regret.band`."""
        from olearn.regret import band

        return band(self.curve(policy, capacity, what), level)

    def pictures(self, name: str) -> Iterator[tuple[str, Any]]:
        """The picture of the replay."""
        yield name, partial(_draw, self)

    def plot(self, path: Any = None) -> Any:
        """Draw hit ratio against capacity, or hits over time; see :func:`olearn.plot.llm.draw`."""
        return _draw(self, path)


def _draw(result: MoEResult, path: Any) -> Any:
    from olearn.plot.llm import draw

    return draw(result, path, "hit_ratio", "hits", "hits")
