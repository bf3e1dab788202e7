"""What a replay of prefix caches returns."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from typing import Any

import numpy as np

from olearn.engine.game import Run
from olearn.engine.result import Result
from olearn.errors import unknown

CURVES = ("hit_tokens", "regret", "ratio")


class PrefixResult(Result):
    """The outcome of a replay of prefix caches; see :class:`olearn.engine.result.Result`."""

    SAME = ("horizon", "warm_up")
    SUMMARY = (
        "policy",
        "capacity",
        "token_hit",
        "±",
        "block_hit",
        "request_hit",
        "of optimum",
        "written/block",
        "Mblocks/s",
    )
    RUN_CURVES = {"reward": "hit_tokens"}
    BEST_CURVES = ("optimum", "static")
    COMMAND = "olearn prefix"
    #: For pictures: what a ratio is of, and the unit of a capacity.
    TOTAL = "tokens"
    UNIT = "blocks"

    def _summary_row(self, policy: str, group: Any, runs: list[Run]) -> dict[str, Any]:
        from olearn.regret import band

        rows = [r.row for r in runs]

        def mean(name: str) -> float | None:
            values = [r[name] for r in rows if r.get(name) is not None]
            return float(np.mean(values)) if values else None

        spread = band(np.array([[r["token_hit_ratio"]] for r in rows]))
        seconds = sum(r["seconds"] for r in rows)
        blocks = self.manifest["trace"]["blocks"]
        written, rate = mean("written"), mean("blocks_per_second")
        return {
            "policy": policy + (" (offline)" if rows[0]["offline"] else ""),
            "capacity": group,
            "token_hit": float(spread.mean[0]),
            "±": float(spread.high[0] - spread.mean[0]) if len(rows) > 1 else None,
            "block_hit": mean("block_hit_ratio"),
            "request_hit": mean("request_hit_ratio"),
            "of optimum": mean("ratio"),
            "written/block": None if written is None else written / blocks,
            "Mblocks/s": None if rate is None or not seconds else rate / 1e6,
        }

    def curve(self, policy: str, capacity: int | None = None, what: str = "hit_tokens") -> np.ndarray:
        """A curve of every seed at the checkpoints, float64 (S, K): ``hit_tokens``, ``regret`` or ``ratio``."""
        if what not in CURVES:
            raise unknown("curve", what, CURVES)
        runs = self.find(policy, capacity)
        reached = min(r.reward.size for r in runs)
        saved = np.array([r.reward[:reached] for r in runs], dtype=np.float64)
        best = self.best(self.group_of(runs[0]))
        if what == "hit_tokens":
            return saved
        if what == "regret":
            return best.curves["static"][:reached] - saved
        with np.errstate(divide="ignore", invalid="ignore"):
            return saved / best.curves["optimum"][:reached]

    def band(
        self, policy: str, capacity: int | None = None, what: str = "hit_tokens", level: float = 0.95
    ) -> Any:
        """Mean of a curve over seeds with its confidence band, see :func:`olearn.regret.band`."""
        from olearn.regret import band

        return band(self.curve(policy, capacity, what), level)

    def pictures(self, name: str) -> Iterator[tuple[str, Any]]:
        """The picture of the replay."""
        yield name, partial(_draw, self)

    def plot(self, path: Any = None) -> Any:
        """Draw token hit ratio against capacity, or over time; see :func:`olearn.plot.llm.draw`."""
        return _draw(self, path)


def _draw(result: PrefixResult, path: Any) -> Any:
    from olearn.plot.llm import draw

    return draw(result, path, "token_hit_ratio", "hit_tokens", "tokens")
