"""What a replay returns: one row per policy x capacity x seed, curves at checkpoints, a manifest."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from olearn._table import text_table
from olearn.engine.game import Comparators, Run
from olearn.engine.store import as_bound
from olearn.engine.store import plain as _plain
from olearn.errors import ParameterError, TraceError, unknown

#: Columns of the short table that people read first.
SUMMARY = (
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
#: Curves of the comparators.
STATIC = ("static_prefix", "static_prefix_fetch_charged", "static_final")
#: What a curve can show.
CURVES = ("hit_ratio", "window_hit_ratio", "reward", "regret", "regret_prefix", "regret_fetch_charged")


def longest(runs: list[Run]) -> list[Run]:
    """The runs that served most: after Ctrl-C, those of other lengths have no mean together."""
    most = max(run.row["requests"] for run in runs)
    return [run for run in runs if run.row["requests"] == most]


class Result:
    """The outcome of a replay.

    Attributes
    ----------
    manifest : dict
        Versions, trace and its digest, horizon, parameters, seeds, checkpoints, time.
    runs : list of Run
        In the order in which they were asked for.
    checkpoints : ndarray of int64, shape (K,)
        Numbers of requests at which the curves are recorded.
    comparators : dict of int to Comparators
        By capacity.
    """

    #: Entries of the manifest that two results must share to be merged.
    SAME = ("horizon", "catalog_size")

    def __init__(
        self,
        manifest: dict[str, Any],
        runs: list[Run],
        checkpoints: np.ndarray,
        comparators: dict[int, Comparators],
    ) -> None:
        self.manifest = manifest
        self.runs = runs
        self.checkpoints = checkpoints
        self.comparators = comparators

    # -- tables ------------------------------------------------------------------------------------
    @property
    def rows(self) -> list[dict[str, Any]]:
        """One dict per policy x capacity x seed."""
        return [run.row for run in self.runs]

    @property
    def complete(self) -> bool:
        """Whether every run that was asked for went through the whole trace."""
        return bool(self.manifest["complete"])

    def groups(self) -> Iterator[tuple[str, int, list[Run]]]:
        """(policy, capacity, runs over seeds), capacities together, in the order of the runs."""
        keys = list(dict.fromkeys((r.row["capacity"], r.row["policy"]) for r in self.runs))
        for capacity in dict.fromkeys(c for c, _ in keys):
            for policy in (p for c, p in keys if c == capacity):
                yield policy, capacity, self._of(policy, capacity)

    def _of(self, policy: str, capacity: int) -> list[Run]:
        return [r for r in self.runs if r.row["policy"] == policy and r.row["capacity"] == capacity]

    def summary(self) -> list[dict[str, Any]]:
        """One row per policy and capacity: means over seeds, half-widths of 95 % intervals."""
        return [self._summary_row(policy, capacity, runs) for policy, capacity, runs in self.groups()]

    def _summary_row(self, policy: str, capacity: int, runs: list[Run]) -> dict[str, Any]:
        from olearn.regret import band

        runs = longest(runs)
        rows = [r.row for r in runs]
        ratios = np.array([[r["hit_ratio"]] for r in rows])
        spread = band(ratios)
        regrets = np.array([math.nan if r["regret"] is None else r["regret"] for r in rows])
        judged = self._judge(runs)
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

    def _judge(self, runs: list[Run]) -> Any:
        """The verdict on the declared bound of one policy at one capacity, its assumptions checked."""
        from olearn.regret import Verdict, verdict

        runs = longest(runs)
        first = runs[0]
        regrets = np.array([math.nan if r.row["regret"] is None else r.row["regret"] for r in runs])
        if first.bound is not None and not np.isfinite(regrets).all():
            return Verdict("undecided", math.nan, "undecided: interrupted before the optimum was known")
        violated = tuple(first.row["violated"])
        return verdict(regrets, first.bound, randomised=first.row["randomised"], violated=violated)

    def verdicts(self) -> list[str]:
        """One sentence for each policy that declares a bound: does its measured regret respect it?"""
        sentences = []
        for policy, capacity, runs in self.groups():
            if runs[0].bound is not None:
                told = self._judge(runs)
                sentences.append(f"{policy}, capacity {capacity}: {told.text}")
        return sentences

    # -- curves ------------------------------------------------------------------------------------
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
        if what not in CURVES:
            raise unknown("curve", what, CURVES)
        capacities = list(dict.fromkeys([*self.comparators, *(r.row["capacity"] for r in self.runs)]))
        if capacity is None:
            if len(capacities) != 1:
                raise ParameterError(f"say which capacity: {', '.join(map(str, capacities))}")
            capacity = capacities[0]
        if capacity not in capacities:
            raise ParameterError(
                f"no capacity {capacity} in this result; it has {', '.join(map(str, capacities))}"
            )
        runs = self._of(policy, capacity)
        if not runs:
            raise unknown("policy in this result", policy, dict.fromkeys(r.row["policy"] for r in self.runs))
        reached = min(r.reward.size for r in runs)
        reward = np.array([r.reward[:reached] for r in runs], dtype=np.float64)
        points = self.checkpoints[:reached]
        best = self._best(capacity)
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

    def _best(self, capacity: int) -> Comparators:
        """The optima of a capacity; NaN where the replay was interrupted before it had them."""
        nothing = np.full(self.checkpoints.size, np.nan)
        return self.comparators.get(capacity) or Comparators(dict.fromkeys(STATIC, nothing))

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
            best = self._best(run.row["capacity"])
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

    # -- more of the same --------------------------------------------------------------------------
    def unlike(self, manifest: dict[str, Any], checkpoints: np.ndarray) -> str:
        """What a replay with this manifest and these checkpoints is of, if its rows can't stand beside these.

        Empty if they can: same game, same stream, same horizon, same checkpoints.
        """
        mine, other = self.manifest, manifest
        for name in ("game", *self.SAME):
            if mine.get(name) != other.get(name):
                return f"{name} {mine.get(name)}, not {other.get(name)}"
        if mine["trace"]["digest"] != other["trace"]["digest"]:
            told = mine["trace"]
            return f"another trace ({told['name']}, {told['requests']:,} requests)"
        if not np.array_equal(self.checkpoints, checkpoints):
            return f"other checkpoints ({self.checkpoints.size} up to {self.checkpoints[-1]:,})"
        return ""

    def merge(self, other: Result) -> Result:
        """The rows of both; of two rows for the same run that of `other`, unless it served less.

        Every row gets ``started``, the start of the replay that it comes from, and ``manifest["parts"]``
        lists these.

        Raises
        ------
        ParameterError
            If the replays are of other traces, horizons or checkpoints.
        """
        why = self.unlike(other.manifest, other.checkpoints)
        if why:
            raise ParameterError(f"results can't be merged: one is of {why}")
        found: dict[tuple[Any, ...], Run] = {}
        for result in (self, other):
            for run in result.runs:
                run.row.setdefault("started", result.manifest["started"])
                row = run.row
                name = (row["capacity"], row["offline"], row["policy"], row["seed"])
                if name not in found or row["requests"] >= found[name].row["requests"]:
                    found[name] = run
        capacities = list(dict.fromkeys(name[0] for name in found))
        runs = [found[name] for c in capacities for name in sorted(found, key=lambda n: n[1]) if name[0] == c]
        parts = [part for r in (self, other) for part in r.manifest.get("parts", [_part(r)])]
        manifest = {
            **other.manifest,
            "capacities": sorted({*self.manifest["capacities"], *other.manifest["capacities"]}),
            "seeds": sorted({*self.manifest["seeds"], *other.manifest["seeds"]}),
            "complete": all(run.row["complete"] for run in runs) and other.complete,
            "parts": parts,
        }
        return type(self)(manifest, runs, self.checkpoints, {**self.comparators, **other.comparators})

    # -- files -------------------------------------------------------------------------------------
    def to_json(self) -> dict[str, Any]:
        """What the command prints as JSON: everything but the curves."""
        data = self.to_dict()
        return {k: data[k] for k in ("manifest", "rows", "optima")}

    def flat_rows(self) -> list[dict[str, Any]]:
        """Rows for a CSV: parameters as text, the parts of a bound left to the JSON."""
        return [
            {
                **{k: v for k, v in row.items() if k not in ("parameters", "bound_details")},
                "parameters": "; ".join(f"{k}={v}" for k, v in row["parameters"].items()),
            }
            for row in self.rows
        ]

    def pictures(self, name: str) -> Iterator[tuple[str, Any]]:
        """Names of picture files, from that of one, and what draws each."""
        from functools import partial

        stem, dot, ending = name.rpartition(".")
        capacities = list(dict.fromkeys(run.row["capacity"] for run in self.runs))
        for capacity in capacities:
            several = len(capacities) > 1
            yield f"{stem}-{capacity}{dot}{ending}" if several else name, partial(self.plot, capacity=capacity)

    def to_dict(self) -> dict[str, Any]:
        """Everything as plain types: ``{"manifest", "rows", "optima", "curves"}``."""
        return {
            "manifest": self.manifest,
            "rows": self.rows,
            "optima": {str(c): best.certificates for c, best in self.comparators.items()},
            "curves": {
                "checkpoints": self.checkpoints.tolist(),
                "rewards": [run.reward.tolist() for run in self.runs],
                "bounds": [None if r.bound_curve is None else r.bound_curve.tolist() for r in self.runs],
                **{k: {str(c): b.curves[k].tolist() for c, b in self.comparators.items()} for k in STATIC},
            },
        }

    def save(self, path: str | Path) -> Path:
        """Write the result as JSON, whole or not at all."""
        from olearn.traces._files import write_whole

        text = json.dumps(_plain(self.to_dict()), allow_nan=False)
        return write_whole(path, lambda file: file.write(text.encode()), compress=False)

    @classmethod
    def load(cls, path: str | Path) -> Result:
        """Read what :meth:`save` wrote."""
        try:
            data = json.loads(Path(path).read_text())
            curves = data["curves"]
            runs = []
            for row, reward, drawn in zip(data["rows"], curves["rewards"], curves["bounds"], strict=True):
                told = row.get("bound_details")
                bound = as_bound(told) if told else None
                curve = None if drawn is None else np.array(drawn, dtype=np.float64)
                runs.append(Run(row, {"reward": np.array(reward, dtype=np.float64)}, bound, curve))
            comparators = {
                int(c): Comparators({k: np.array(curves[k][c]) for k in STATIC}, rows)
                for c, rows in data["optima"].items()
            }
            points = np.array(curves["checkpoints"], dtype=np.int64)
            result = cls(dict(data["manifest"]), runs, points, comparators)
            result._check()
        except FileNotFoundError:
            raise TraceError(f"no result at {path}") from None
        except OSError as error:
            raise TraceError(f"{path} can't be read: {error.strerror}") from None
        except KeyError as error:
            raise TraceError(f"{path} is not a result of `olearn replay`: {error} is missing") from None
        except (AttributeError, TypeError, ValueError) as error:
            raise TraceError(f"{path} is not a result of `olearn replay`: {error}") from None
        return result

    def _check(self) -> None:
        """Refuse what a damaged file would give: KeyError for what is missing, ValueError for lengths."""
        self.manifest["complete"], self.manifest["trace"]["name"]
        count = self.checkpoints.size
        for run in self.runs:
            if run.row["capacity"] not in self.comparators and self.complete:
                raise ValueError(f"a run has capacity {run.row['capacity']}, for which there are no optima")
            if run.reward.ndim != 1 or run.reward.size > count:
                raise ValueError(f"a curve of {run.row['policy']} does not fit the {count} checkpoints")
        for capacity, best in self.comparators.items():
            if any(c.shape != (count,) for c in (best.prefix, best.prefix_fetch_charged, best.final)):
                raise ValueError(
                    f"an optimum's curve at capacity {capacity} does not fit the {count} checkpoints"
                )
        self.summary()  # looks at what the tables show of every row

    # -- looking -----------------------------------------------------------------------------------
    def optima_rows(self) -> list[dict[str, Any]]:
        """The optima of every capacity, each with the upper bound that certifies it."""
        return [row for best in self.comparators.values() for row in best.certificates]

    def plot(self, path: str | Path | None = None, capacity: int | None = None) -> Any:
        """Draw hit ratio and regret over time; see :func:`olearn.plot.replay.draw`."""
        from olearn.plot.replay import draw

        return draw(self, path, capacity)

    def __str__(self) -> str:
        rows = self.summary()
        columns = [c for c in SUMMARY if any(r[c] is not None for r in rows)]
        return text_table(rows, columns)

    def __repr__(self) -> str:
        state = "" if self.complete else ", interrupted"
        return f"<Result: {len(self.runs)} runs of {self.manifest['trace']['name']}{state}>\n{self}"


def _part(result: Result) -> dict[str, Any]:
    """What one replay brought to a merged result."""
    policies = list(dict.fromkeys(row["policy"] for row in result.rows if not row["offline"]))
    told = {name: result.manifest[name] for name in ("started", "capacities", "seeds", "complete")}
    return {**told, "policies": policies, "rows": len(result.rows)}


def load(path: str | Path) -> Any:
    """Read the result of any game that :meth:`Result.save` wrote."""
    return Result.load(path)
