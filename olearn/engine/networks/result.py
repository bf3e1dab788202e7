"""What a replay of a network of caches returns."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from olearn.engine.game import Run
from olearn.engine.result import Result
from olearn.errors import unknown

#: What a curve can show.
CURVES = ("tacg", "ratio", "regret", "update_cost", "messages", "certificate")


class NetworkResult(Result):
    """The outcome of a replay of a network of caches; see :class:`olearn.engine.result.Result`."""

    GROUP = "network"
    ROUNDS = "requests"
    SUMMARY = (
        "policy",
        "requests",
        "tacg",
        "±",
        "optimum",
        "ratio",
        "update_cost",
        "messages",
        "regret",
        "bound",
        "certificate",
        "verdict",
        "kreq/s",
    )
    RUN_CURVES = {
        "reward": "gains",
        "updates": "updates",
        "messages": "messages",
        "certificate": "certificates",
    }
    BEST_CURVES = ("hindsight",)
    COMMAND = "olearn network"

    def _summary_row(self, policy: str, group: Any, runs: list[Run]) -> dict[str, Any]:
        from olearn.regret import band

        rows = [r.row for r in runs]

        def mean(name: str) -> float | None:
            values = [r[name] for r in rows if r.get(name) is not None]
            return float(np.mean(values)) if values else None

        spread = band(np.array([[r["tacg"]] for r in rows]))
        seconds = sum(r["seconds"] for r in rows)
        return {
            "policy": policy,
            "requests": rows[0]["requests"],
            "tacg": float(spread.mean[0]),
            "±": float(spread.high[0] - spread.mean[0]) if len(rows) > 1 else None,
            "optimum": rows[0]["optimum"],
            "ratio": mean("ratio"),
            "update_cost": mean("update_cost"),
            "messages": mean("messages"),
            "regret": mean("regret"),
            "bound": mean("bound"),
            "certificate": mean("certificate"),
            "verdict": self.judge(runs).word,
            "kreq/s": sum(r["requests"] for r in rows) / seconds / 1e3 if seconds > 0 else None,
        }

    def most(self, run: Run) -> float | None:
        """All that the comparator has."""
        value = run.row.get("hindsight")
        return None if value is None else float(run.row["psi"]) * float(value)

    def curve(self, policy: str, what: str = "ratio") -> np.ndarray:
        """A curve of every seed at the checkpoints: float64 of shape (S, K).

        Parameters
        ----------
        policy : str
            As in the rows.
        what : str
            ``tacg`` (gain a request so far), ``ratio`` (gain so far over that of the relaxed optimum of all
            requests on the same ones), ``regret`` (so far, against psi of it), ``update_cost``, ``messages``,
            ``certificate``.
        """
        if what not in CURVES:
            raise unknown("curve", what, CURVES)
        runs = self.find(policy)
        reached = min(r.reward.size for r in runs)
        points = self.checkpoints[:reached]
        if what in ("update_cost", "messages", "certificate"):
            name = "updates" if what == "update_cost" else what
            return np.array([r.curves.get(name, np.full(reached, np.nan))[:reached] for r in runs])
        gains = np.array([r.reward[:reached] for r in runs], dtype=np.float64)
        if what == "tacg":
            return gains / points
        best = self.best(self.group_of(runs[0])).curves["hindsight"][:reached]
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
        """The curves, and a map of the network with what each node holds."""
        yield name, partial(_draw, self, "draw")
        if any(run.row.get("placement") for run in self.runs):
            path = Path(name)
            yield f"{path.stem}-map{path.suffix}", partial(_draw, self, "draw_map")

    def plot(self, path: Any = None) -> Any:
        """Draw gain, regret, updates and messages over time; see :func:`olearn.plot.networks.draw`."""
        return _draw(self, "draw", path)

    def plot_map(self, path: Any = None) -> Any:
        """Draw the network with what each node holds; see :func:`olearn.plot.networks.draw_map`."""
        return _draw(self, "draw_map", path)


def _draw(result: NetworkResult, what: str, path: Any) -> Any:
    from olearn.plot import networks

    return getattr(networks, what)(result, path)
