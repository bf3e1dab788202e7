"""What a replay of inference delivery returns."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from typing import Any

import numpy as np

from olearn.engine.game import Run
from olearn.engine.result import Result
from olearn.errors import unknown

#: What a curve can show.
CURVES = ("gain", "gain_per_slot", "ratio", "regret", "model_updates", "messages")


class DeliveryResult(Result):
    """The outcome of a replay of inference delivery; see :class:`olearn.engine.result.Result`."""

    GROUP = "network"
    ROUNDS = "slots"
    SUMMARY = (
        "policy",
        "gain/request",
        "±",
        "ratio",
        "latency",
        "inaccuracy",
        "model_updates",
        "messages/slot",
        "peak_budget",
        "regret",
        "bound",
        "certificate",
        "verdict",
        "slots/s",
    )
    RUN_CURVES = {"reward": "gains", "updates": "model_updates", "messages": "messages"}
    BEST_CURVES = ("optimum",)
    COMMAND = "olearn deliver"

    def _summary_row(self, policy: str, group: Any, runs: list[Run]) -> dict[str, Any]:
        from olearn.regret import band

        rows = [r.row for r in runs]

        def mean(name: str) -> float | None:
            values = [r[name] for r in rows if r.get(name) is not None]
            return float(np.mean(values)) if values else None

        spread = band(np.array([[r["gain_per_request"]] for r in rows]))
        seconds = sum(r["seconds"] for r in rows)
        judged = self.judge(runs)
        slots = rows[0]["slots"]
        messages = mean("messages")
        return {
            "policy": policy,
            "gain/request": float(spread.mean[0]),
            "±": float(spread.high[0] - spread.mean[0]) if len(rows) > 1 else None,
            "ratio": mean("ratio"),
            "latency": mean("latency"),
            "inaccuracy": mean("inaccuracy"),
            "model_updates": mean("model_updates"),
            "messages/slot": None if messages is None else messages / slots,
            "peak_budget": max(r["peak_budget"] for r in rows),
            "regret": mean("regret"),
            "bound": rows[0]["bound"],
            "certificate": mean("certificate"),
            "verdict": "offline" if rows[0]["offline"] else judged.word,
            "slots/s": sum(r["slots"] for r in rows) / seconds if seconds > 0 else None,
        }

    def most(self, run: Run) -> float | None:
        """All that the comparator has."""
        value = run.row.get("optimum")
        return None if value is None else float(run.row["psi"]) * float(value)

    def curve(self, policy: str, what: str = "ratio") -> np.ndarray:
        """A curve of every seed at the checkpoints: float64 of shape (S, K).

        Parameters
        ----------
        policy : str
            As in the rows.
        what : str
            ``gain`` (ms so far), ``gain_per_slot`` (between checkpoints), ``ratio`` (to the relaxed optimum
            so far), ``regret`` (against it), ``model_updates``, ``messages``.
        """
        if what not in CURVES:
            raise unknown("curve", what, CURVES)
        runs = self.find(policy)
        reached = min(r.reward.size for r in runs)
        points = self.checkpoints[:reached]
        best = self.best(self.group_of(runs[0])).curves["optimum"][:reached]
        if what in ("model_updates", "messages"):
            name = "updates" if what == "model_updates" else what
            return np.array([r.curves[name][:reached] for r in runs])
        gains = np.array([r.reward[:reached] for r in runs], dtype=np.float64)
        if what == "gain":
            return gains
        if what == "gain_per_slot":
            return np.diff(gains, prepend=0.0) / np.diff(points, prepend=0)
        if what == "ratio":
            with np.errstate(divide="ignore", invalid="ignore"):
                return gains / best
        psi = np.array([[r.row["psi"]] for r in runs])
        return psi * best - gains

    def band(self, policy: str, what: str = "ratio", level: float = 0.95) -> Any:
        """Mean of a curve over seeds with its confidence band, see :func:`olearn.regret.band`."""
        from olearn.regret import band

        return band(self.curve(policy, what), level)

    def pictures(self, name: str) -> Iterator[tuple[str, Any]]:
        """The picture of the replay."""
        yield name, partial(_draw, self)

    def plot(self, path: Any = None) -> Any:
        """Draw gain, regret and model updates over time; see :func:`olearn.plot.delivery.draw`."""
        return _draw(self, path)


def _draw(result: DeliveryResult, path: Any) -> Any:
    from olearn.plot.delivery import draw

    return draw(result, path)
