"""What a replay of caches returns: one row per policy x capacity x seed, curves at checkpoints, a manifest."""

from __future__ import annotations

import math
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any, ClassVar, Self

import numpy as np

from olearn.engine.game import Comparators, Run
from olearn.engine.result import Result
from olearn.errors import unknown

#: What a curve can show.
CURVES = ("hit_ratio", "window_hit_ratio", "reward", "regret", "regret_prefix", "regret_fetch_charged")


class CachingResult(Result):
    """The outcome of a replay of caches; see :class:`olearn.engine.result.Result` for what all share."""

    SAME: ClassVar[tuple[str, ...]] = ("horizon", "catalog_size")
    #: The curve that people look at first, and what regret counts.
    MAIN = "hit_ratio"
    CURVES: tuple[str, ...] = CURVES
    WHAT = "hits"
    SUMMARY: ClassVar[tuple[str, ...]] = (
        "policy",
        "capacity",
        "hit_ratio",
        "±",
        "regret",
        "bound",
        "regret/bound",
        "verdict",
        "fetches/request",
        "Mreq/s",
    )
    BEST_CURVES: ClassVar[tuple[str, ...]] = ("static_prefix", "static_prefix_fetch_charged", "static_final")

    @property
    def comparators(self) -> dict[int, Comparators]:
        """The optima by capacity."""
        return self.hindsight

    def _summary_row(self, policy: str, capacity: int, runs: list[Run]) -> dict[str, Any]:
        from olearn.regret import band

        rows = [r.row for r in runs]
        ratios = np.array([[r["hit_ratio"]] for r in rows])
        spread = band(ratios)
        regrets = np.array([math.nan if r["regret"] is None else r["regret"] for r in rows])
        judged = self.judge(runs)
        seconds = sum(r["seconds"] for r in rows)
        requests = sum(r["requests"] for r in rows)
        fetched = [r["fetched"] + r["fetched_other"] for r in rows if r["fetched"] is not None]
        return {
            "policy": policy,
            "capacity": capacity,
            "seeds": len(rows),
            "hit_ratio": float(spread.mean[0]),
            "±": float(spread.high[0] - spread.mean[0]) if len(rows) > 1 else None,
            "regret": float(regrets.mean()),
            "bound": rows[0]["bound"],
            "regret/bound": judged.ratio,
            "verdict": "offline" if rows[0]["offline"] else judged.word,
            "fetches/request": sum(fetched) / requests if requests and fetched else None,
            "Mreq/s": requests / seconds / 1e6 if seconds > 0 else None,
        }

    def most(self, run: Run) -> float | None:
        """All that the best static set has."""
        value = run.row.get("static_optimum")
        return None if value is None or math.isnan(value) else float(value)

    def marks(self, runs: list[Run]) -> dict[str, str]:
        """Beside what every game marks: soft capacities and caches that do not start empty."""
        found = super().marks(runs)
        rows = [run.row for run in runs]
        capacity = rows[0]["capacity"]
        peak = max((r["peak_occupancy"] for r in rows if r.get("peak_occupancy") is not None), default=0.0)
        if rows[0].get("soft_capacity"):
            found["s"] = f"{peak:,.0f} of {capacity:,}"
        started = max((r["prefilled"] for r in rows if r.get("prefilled") is not None), default=0.0)
        if started > 0:
            found["p"] = f"{started:,.0f}"
        return found

    def legend(self) -> list[str]:
        """Beside the marks: why a static set can stand above Belady, where it does."""
        lines = super().legend()
        for capacity in self.hindsight:
            row = next(
                (r for r in self.rows if r["capacity"] == capacity and r.get("belady") is not None), None
            )
            if row is not None and row["static_optimum"] > row["belady"]:
                lines.append(
                    f"capacity {capacity:,}: static starts with its items in place, worth "
                    f"{row['static_optimum']:,.0f} hits; from an empty cache the best static set has "
                    f"{row['static_fetch_charged']:,.0f}, belady {row['belady']:,.0f}"
                )
        return lines

    def scale(self, capacity: int) -> np.ndarray:
        """What the main curve is a share of: requests until each checkpoint."""
        return self.checkpoints

    def curve(self, policy: str, capacity: int | None = None, what: str = "hit_ratio") -> np.ndarray:
        """A curve of every seed at the checkpoints: float64 of shape (S, K).

        Parameters
        ----------
        policy : str
            As in the rows.
        capacity : int, optional
            May be left out if there is one only.
        what : str
            ``hit_ratio`` (cumulative), ``window_hit_ratio`` (between checkpoints), ``reward``, ``regret``
            (against the best static set of the whole trace), ``regret_prefix`` (against the best static
            set of each prefix) or ``regret_fetch_charged`` (the same, fetch-charged).
        """
        if what not in self.CURVES:
            raise unknown("curve", what, self.CURVES)
        runs = self.find(policy, capacity)
        reached = min(r.reward.size for r in runs)
        reward = np.array([r.reward[:reached] for r in runs], dtype=np.float64)
        points = self.checkpoints[:reached]
        best = self.best(self.group_of(runs[0]))
        if what == "reward":
            return reward
        if what == "hit_ratio":
            return reward / points
        if what == "window_hit_ratio":
            return np.diff(reward, prepend=0.0) / np.diff(points, prepend=0)
        if what == "regret":
            return best.final[:reached] - reward
        optimum = best.prefix if what == "regret_prefix" else best.prefix_fetch_charged
        return optimum[:reached] - reward

    def band(
        self, policy: str, capacity: int | None = None, what: str = "hit_ratio", level: float = 0.95
    ) -> Any:
        """Mean of a curve over seeds with its confidence band, see :func:`olearn.regret.band`."""
        from olearn.regret import band

        return band(self.curve(policy, capacity, what), level)

    def curve_rows(self) -> list[dict[str, Any]]:
        """All curves as a long table: one row per policy, capacity, seed and checkpoint."""
        rows = []
        for run in self.runs:
            best = self.best(run.row["capacity"])
            points = self.checkpoints[: run.reward.size]
            window = np.diff(run.reward, prepend=0.0) / np.diff(points, prepend=0)
            for k, requests in enumerate(points.tolist()):
                rows.append(
                    {
                        "policy": run.row["policy"],
                        "capacity": run.row["capacity"],
                        "seed": run.row["seed"],
                        "requests": requests,
                        "reward": float(run.reward[k]),
                        "hit_ratio": float(run.reward[k] / requests),
                        "window_hit_ratio": float(window[k]),
                        "static_prefix": float(best.prefix[k]),
                        "static_final": float(best.final[k]),
                        "regret": float(best.final[k] - run.reward[k]),
                        "regret_prefix": float(best.prefix[k] - run.reward[k]),
                        "regret_fetch_charged": float(best.prefix_fetch_charged[k] - run.reward[k]),
                    }
                )
        return rows

    def pictures(self, name: str) -> Iterator[tuple[str, Any]]:
        """Names of picture files, made from the name of one, and what draws each into a path."""
        stem, dot, ending = name.rpartition(".")
        capacities = list(dict.fromkeys(run.row["capacity"] for run in self.runs))
        for capacity in capacities:
            own = f"{stem}-{capacity}{dot}{ending}" if len(capacities) > 1 else name
            yield own, partial(self.plot, capacity=capacity)

    def _joined(self, other: Self) -> dict[str, Any]:
        return {"capacities": sorted({*self.manifest["capacities"], *other.manifest["capacities"]})}

    def _part(self) -> dict[str, Any]:
        return {**super()._part(), "capacities": self.manifest["capacities"]}

    def plot(self, path: str | Path | None = None, capacity: int | None = None) -> Any:
        """Draw hit ratio and regret over time; see :func:`olearn.plot.replay.draw`."""
        from olearn.plot.replay import draw

        return draw(self, path, capacity)


class SizedResult(CachingResult):
    """The outcome of a replay in bytes: rewards, optima and regrets are bytes."""

    SAME = ("horizon", "catalog_size", "unit")
    MAIN = "byte_hit_ratio"
    CURVES = ("byte_hit_ratio", *CURVES)
    WHAT = "bytes hit"
    RUN_CURVES: ClassVar[dict[str, str]] = {"reward": "rewards", "hits": "hits"}
    BEST_CURVES = (*CachingResult.BEST_CURVES, "volume")
    SUMMARY = (
        *("policy", "capacity", "hit_ratio", "byte_hit_ratio", "±", "regret", "bound", "verdict"),
        *("bytes_fetched", "size_changes", "Mreq/s"),
    )

    def _summary_row(self, policy: str, capacity: int, runs: list[Run]) -> dict[str, Any]:
        from olearn.regret import band

        row = super()._summary_row(policy, capacity, runs)
        rows = [r.row for r in runs]
        known = [r["byte_hit_ratio"] for r in rows if r.get("byte_hit_ratio") is not None]
        row["byte_hit_ratio"] = sum(known) / len(known) if known else None
        spread = band(np.array([[x] for x in known])) if len(known) > 1 else None
        row["±"] = None if spread is None else float(spread.high[0] - spread.mean[0])
        for column, name in (("bytes_fetched", "fetched_bytes"), ("size_changes", "size_changes")):
            told = [r[name] for r in rows if r.get(name) is not None]
            row[column] = sum(told) / len(told) if told else None
        return row

    def legend(self) -> list[str]:
        return Result.legend(self)

    def scale(self, capacity: int) -> np.ndarray:
        """Bytes requested until each checkpoint."""
        return self.best(capacity).curves["volume"]

    def curve(self, policy: str, capacity: int | None = None, what: str = "byte_hit_ratio") -> np.ndarray:
        """As for a replay in items; ``byte_hit_ratio`` and all but the hit ratios count bytes."""
        if what not in ("byte_hit_ratio", "hit_ratio", "window_hit_ratio"):
            return super().curve(policy, capacity, what)
        runs = self.find(policy, capacity)
        reached = min(r.reward.size for r in runs)
        points = self.checkpoints[:reached]
        if what == "byte_hit_ratio":
            volume = self.scale(self.group_of(runs[0]))[:reached]
            return np.array([r.reward[:reached] for r in runs]) / np.maximum(volume, 1.0)
        hits = np.array([r.curves["hits"][:reached] for r in runs])
        if what == "hit_ratio":
            return hits / points
        return np.diff(hits, prepend=0.0) / np.diff(points, prepend=0)

    def curve_rows(self) -> list[dict[str, Any]]:
        rows = []
        for run in self.runs:
            best = self.best(run.row["capacity"])
            volume = best.curves.get("volume")
            for k, requests in enumerate(self.checkpoints[: run.reward.size].tolist()):
                row = {name: run.row[name] for name in ("policy", "capacity", "seed")}
                row |= {
                    "requests": requests,
                    "reward": float(run.reward[k]),
                    "hits": float(run.curves["hits"][k]),
                }
                row["hit_ratio"] = row["hits"] / requests
                row["byte_hit_ratio"] = None if volume is None else row["reward"] / max(1.0, float(volume[k]))
                row["static_prefix"], row["static_final"] = float(best.prefix[k]), float(best.final[k])
                row["regret"] = row["static_final"] - row["reward"]
                row["regret_prefix"] = row["static_prefix"] - row["reward"]
                row["regret_fetch_charged"] = float(best.prefix_fetch_charged[k]) - row["reward"]
                rows.append(row)
        return rows
