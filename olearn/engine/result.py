"""What a replay of any game returns: rows, curves at checkpoints, what was best in hindsight, a manifest.

A game subclasses :class:`Result` and says its columns and curves; tables, verdicts, bands, files, merging and
frames are here. :func:`load` reads any of them back.
"""

from __future__ import annotations

import html
import importlib
import json
import math
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, ClassVar, Self

import numpy as np

from olearn._table import cell, text_table
from olearn.engine.game import Comparators, Run
from olearn.engine.store import as_bound, plain
from olearn.errors import ParameterError, TraceError, unknown

#: What a letter in the table's column of marks means: rows that are not like the others.
MARKS = {
    "f": "fractional: the reward is an expectation, no cache can hold fractions of items",
    "s": "soft capacity: it holds on average only; the most that was held",
    "p": "did not start empty; what it started with, for free",
    "i": "interrupted; what it has served",
}

#: Game -> its result: (module, class). Nothing is imported before it is asked for.
RESULTS = {
    "caching": ("olearn.engine.caching.result", "CachingResult"),
    "caching-bytes": ("olearn.engine.caching.result", "SizedResult"),
    "delivery": ("olearn.engine.delivery.result", "DeliveryResult"),
    "prefix": ("olearn.engine.prefix.result", "PrefixResult"),
    "moe": ("olearn.engine.moe.result", "MoEResult"),
    "networks": ("olearn.engine.networks.result", "NetworkResult"),
    "offloading": ("olearn.engine.offloading.result", "OffloadResult"),
}


class Result:
    """The outcome of a replay.

    Attributes
    ----------
    manifest : dict
        Versions, the stream and its digest, options, seeds, time; what it takes to repeat the replay.
    runs : list of Run
        One a policy, group (capacity ...) and seed, in the order in which they were asked for.
    checkpoints : ndarray of int64, shape (K,)
        Numbers of rounds at which the curves are recorded.
    hindsight : dict of group to Comparators
        What was best in hindsight, by group.
    """

    #: The columns of a row that hold the group and the number of rounds served.
    GROUP: ClassVar[str] = "capacity"
    ROUNDS: ClassVar[str] = "requests"
    #: Entries of the manifest that two results must share to be merged, beside game, stream, checkpoints.
    SAME: ClassVar[tuple[str, ...]] = ("horizon",)
    #: Columns of the short table that people read first.
    SUMMARY: ClassVar[tuple[str, ...]] = ()
    #: Curves of runs and of comparators that files keep, by their names there.
    RUN_CURVES: ClassVar[dict[str, str]] = {"reward": "rewards"}
    BEST_CURVES: ClassVar[tuple[str, ...]] = ()
    #: The command whose files these are.
    COMMAND: ClassVar[str] = "olearn replay"

    def __init__(
        self,
        manifest: dict[str, Any],
        runs: list[Run],
        checkpoints: np.ndarray,
        hindsight: dict[Any, Comparators],
    ) -> None:
        self.manifest = manifest
        self.runs = runs
        self.checkpoints = checkpoints
        self.hindsight = hindsight

    # -- what a game says --------------------------------------------------------------------------
    def _summary_row(self, policy: str, group: Any, runs: list[Run]) -> dict[str, Any]:
        raise NotImplementedError

    def pictures(self, name: str) -> Iterator[tuple[str, Any]]:
        """Names of picture files, made from the name of one, and what draws each into a path."""
        raise NotImplementedError

    def stream(self) -> dict[str, Any]:
        """Name, digest and length of what was replayed, as in the manifest."""
        found: dict[str, Any] = self.manifest["trace"]
        return found

    def curve_rows(self) -> list[dict[str, Any]]:
        """All curves as a long table: one row a run and checkpoint."""
        rows = []
        for run in self.runs:
            told = {k: run.row.get(k) for k in ("policy", self.GROUP, "seed") if k in run.row}
            for k, rounds in enumerate(self.points(run).tolist()):
                rows.append(told | {self.ROUNDS: rounds} | {n: float(c[k]) for n, c in run.curves.items()})
        return rows

    # -- tables ------------------------------------------------------------------------------------
    @property
    def rows(self) -> list[dict[str, Any]]:
        """One dict a run."""
        return [run.row for run in self.runs]

    @property
    def complete(self) -> bool:
        """Whether every run that was asked for went to its end."""
        return bool(self.manifest["complete"])

    def group_of(self, run: Run) -> Any:
        """The group of a run: a key of :attr:`hindsight`."""
        return run.row[self.GROUP]

    def groups(self) -> Iterator[tuple[str, Any, list[Run]]]:
        """(policy, group, runs over seeds), groups together, in the order of the runs."""
        keys = list(dict.fromkeys((self.group_of(r), r.row["policy"]) for r in self.runs))
        for group in dict.fromkeys(g for g, _ in keys):
            for policy in (p for g, p in keys if g == group):
                yield policy, group, self._of(policy, group)

    def _of(self, policy: str, group: Any) -> list[Run]:
        return [r for r in self.runs if r.row["policy"] == policy and self.group_of(r) == group]

    def longest(self, runs: list[Run]) -> list[Run]:
        """The runs that served most: after Ctrl-C, those of other lengths have no mean together."""
        most = max(run.row[self.ROUNDS] for run in runs)
        return [run for run in runs if run.row[self.ROUNDS] == most]

    def points(self, run: Run) -> np.ndarray:
        """The checkpoints that a run has reached."""
        return self.checkpoints[: next(iter(run.curves.values())).size]

    def summary(self) -> list[dict[str, Any]]:
        """One row a policy and group: means over seeds, half-widths of 95 % intervals."""
        return [self._summary_row(p, g, self.longest(runs)) for p, g, runs in self.groups()]

    def judge(self, runs: list[Run]) -> Any:
        """The verdict on the declared bound of one policy in one group, its assumptions checked."""
        from olearn.regret import Verdict, verdict

        runs = self.longest(runs)
        first = runs[0]
        regrets = np.array([_number(r.judged if r.judged is not None else r.row["regret"]) for r in runs])
        if first.bound is not None and not np.isfinite(regrets).all():
            return Verdict("undecided", math.nan, "undecided: interrupted before the optimum was known")
        violated = tuple(first.row.get("violated") or ())
        return verdict(
            regrets,
            first.bound,
            randomised=bool(first.row.get("randomised")),
            violated=violated,
            most=self.most(first),
            rounds=first.row[self.ROUNDS],
            rounds_are=self.ROUNDS,
        )

    def most(self, run: Run) -> float | None:
        """The most that a run's regret could be: a bound that is not below it is vacuous. None if not known."""
        return None

    def verdicts(self) -> list[str]:
        """One sentence for each policy that declares a bound: does its measured regret respect it?"""
        return [
            f"{policy}, {self.GROUP} {group}: {self.judge(runs).text}"
            for policy, group, runs in self.groups()
            if runs[0].bound is not None
        ]

    # -- curves ------------------------------------------------------------------------------------
    def best(self, group: Any) -> Comparators:
        """The comparators of a group; NaN where the replay was interrupted before it had them."""
        nothing = np.full(self.checkpoints.size, np.nan)
        return self.hindsight.get(group) or Comparators(dict.fromkeys(self.BEST_CURVES, nothing))

    def find(self, policy: str, group: Any = None) -> list[Run]:
        """The runs of a policy; the group may be left out if there is one only."""
        groups = list(dict.fromkeys([*self.hindsight, *(self.group_of(r) for r in self.runs)]))
        known = ", ".join(map(str, groups))
        if group is None:
            if len(groups) != 1:
                raise ParameterError(f"say which {self.GROUP}: {known}")
            group = groups[0]
        if group not in groups:
            raise ParameterError(f"no {self.GROUP} {group} in this result; it has {known}")
        runs = self._of(policy, group)
        if not runs:
            raise unknown("policy in this result", policy, dict.fromkeys(r.row["policy"] for r in self.runs))
        return runs

    # -- more of the same --------------------------------------------------------------------------
    def unlike(self, manifest: dict[str, Any], checkpoints: np.ndarray) -> str:
        """What this result is of, if rows of a replay with such a manifest can't stand beside its own.

        Empty if they can: same game, same stream, same options, same checkpoints.
        """
        mine, other = self.manifest, manifest
        for name in ("game", *self.SAME):
            if plain(mine.get(name)) != plain(other.get(name)):
                return f"{name} {mine.get(name)}, not {other.get(name)}"
        if self.stream()["digest"] != type(self).stream(_Told(manifest))["digest"]:  # type: ignore[arg-type]
            return f"another {self._stream_text()}"
        if not np.array_equal(self.checkpoints, checkpoints):
            return f"other checkpoints ({self.checkpoints.size} up to {self.checkpoints[-1]:,})"
        return ""

    def _stream_text(self) -> str:
        told = self.stream()
        return f"trace ({told['name']}, {told[self.ROUNDS]:,} {self.ROUNDS})"

    def merge(self, other: Self) -> Self:
        """The rows of both; of two rows for the same run that of `other`, unless it served less.

        Every row gets ``started``, the start of the replay that it comes from, and ``manifest["parts"]``
        lists these.

        Raises
        ------
        ParameterError
            If the replays are of other streams, options or checkpoints.
        """
        why = self.unlike(other.manifest, other.checkpoints)
        if why:
            raise ParameterError(f"results can't be merged: one is of {why}")
        found: dict[tuple[Any, ...], Run] = {}
        for result in (self, other):
            for run in result.runs:
                row = run.row
                row.setdefault("started", result.manifest["started"])
                name = (self.group_of(run), bool(row.get("offline")), row["policy"], row.get("seed"))
                if name not in found or row[self.ROUNDS] >= found[name].row[self.ROUNDS]:
                    found[name] = run
        groups = list(dict.fromkeys(name[0] for name in found))
        runs = [found[name] for g in groups for name in sorted(found, key=lambda n: n[1]) if name[0] == g]
        manifest = {
            **other.manifest,
            **self._joined(other),
            "seeds": sorted({*self.manifest["seeds"], *other.manifest["seeds"]}),
            "complete": all(run.row.get("complete", True) for run in runs) and other.complete,
            "parts": [part for r in (self, other) for part in r.manifest.get("parts", [r._part()])],
        }
        return type(self)(manifest, runs, self.checkpoints, {**self.hindsight, **other.hindsight})

    def _joined(self, other: Self) -> dict[str, Any]:
        """Entries of the manifest that a merge puts together."""
        return {}

    def _part(self) -> dict[str, Any]:
        """What one replay brought to a merged result."""
        policies = list(dict.fromkeys(row["policy"] for row in self.rows if not row.get("offline")))
        told = {name: self.manifest[name] for name in ("started", "seeds", "complete")}
        return {**told, "policies": policies, "rows": len(self.rows)}

    def __getitem__(self, policy: str) -> Self:
        """The part of the result that is of one policy; its offline rows and optima stay.

        Examples
        --------
        >>> import olearn
        >>> result = olearn.replay([1, 2, 1, 3] * 9, ["lru", "fifo"], 2)
        >>> [row["policy"] for row in result["lru"].rows if not row["offline"]]
        ['lru']
        """
        names = dict.fromkeys(run.row["policy"] for run in self.runs)
        if policy not in names:
            raise unknown("policy in this result", str(policy), names)
        runs = [r for r in self.runs if r.row["policy"] == policy or r.row.get("offline")]
        return type(self)(self.manifest, runs, self.checkpoints, self.hindsight)

    def to_frame(self, curves: bool = False) -> Any:
        """The same as :meth:`frame`, by the name that other libraries have."""
        return self.frame(curves)

    def _repr_html_(self) -> str:
        """The short table and its legend, for notebooks."""
        rows, columns = self.shown()
        head = "".join(f"<th>{html.escape(c)}</th>" for c in columns)
        body = ""
        for row in rows:
            body += "<tr>" + "".join(f"<td>{html.escape(cell(row.get(c)))}</td>" for c in columns) + "</tr>"
        legend = "".join(f"<div>{html.escape(line)}</div>" for line in self.legend())
        return f"<table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>{legend}"

    def frame(self, curves: bool = False) -> Any:
        """The rows (or the curves, long) as a pandas DataFrame, an optional dependency."""
        try:
            import pandas
        except ModuleNotFoundError:
            raise ParameterError("frame() needs pandas: pip install pandas") from None
        return pandas.DataFrame(self.curve_rows() if curves else self.rows)

    # -- files -------------------------------------------------------------------------------------
    def to_dict(self) -> dict[str, Any]:
        """Everything as plain types: ``{"manifest", "rows", "optima", "curves"}``."""
        own = {plural: [_listed(r.curves.get(n)) for r in self.runs] for n, plural in self.RUN_CURVES.items()}
        best = {str(group): found for group, found in self.hindsight.items()}
        drawn = {
            n: {group: found.curves[n].tolist() for group, found in best.items()} for n in self.BEST_CURVES
        }
        return {
            "manifest": self.manifest,
            "rows": self.rows,
            "optima": {group: found.certificates for group, found in best.items()},
            "curves": {
                "checkpoints": self.checkpoints.tolist(),
                **own,
                "bounds": [_listed(r.bound_curve) for r in self.runs],
                **drawn,
            },
        }

    def to_json(self) -> dict[str, Any]:
        """What the command prints as JSON: everything but the curves."""
        data = self.to_dict()
        return {k: data[k] for k in ("manifest", "rows", "optima")}

    def flat_rows(self) -> list[dict[str, Any]]:
        """Rows for a CSV: parameters as text, the parts of a bound left to the JSON."""
        out = []
        for row in self.rows:
            rest = {k: v for k, v in row.items() if k not in ("parameters", "bound_details")}
            if "parameters" in row:
                rest["parameters"] = "; ".join(f"{k}={v}" for k, v in row["parameters"].items())
            out.append(rest)
        return out

    def save(self, path: str | Path) -> Path:
        """Write the result as JSON, whole or not at all."""
        from olearn.traces._files import write_whole

        text = json.dumps(plain(self.to_dict()), allow_nan=False)
        return write_whole(path, lambda file: file.write(text.encode()), compress=False)

    @classmethod
    def load(cls, path: str | Path) -> Any:
        """Read what :meth:`save` wrote, of whatever game it is."""
        return load(path)

    @classmethod
    def from_dict(cls, data: dict[str, Any]) -> Self:
        """From what :meth:`to_dict` gave."""
        curves, runs = data["curves"], []
        for k, (row, drawn) in enumerate(zip(data["rows"], curves["bounds"], strict=True)):
            told = row.get("bound_details")
            own = {
                one: np.array(curves[plural][k], dtype=np.float64)
                for one, plural in cls.RUN_CURVES.items()
                if curves[plural][k] is not None
            }
            bound_curve = None if drawn is None else np.array(drawn, dtype=np.float64)
            runs.append(Run(row, own, as_bound(told) if told else None, bound_curve))
        by_text = {str(row[cls.GROUP]): row[cls.GROUP] for row in data["rows"]}
        hindsight = {
            by_text.get(group, int(group) if group.isdigit() else group): Comparators(
                {k: np.array(curves[k][group], dtype=np.float64) for k in cls.BEST_CURVES}, rows
            )
            for group, rows in data["optima"].items()
        }
        points = np.array(curves["checkpoints"], dtype=np.int64)
        result = cls(dict(data["manifest"]), runs, points, hindsight)
        result._check()
        return result

    def _check(self) -> None:
        """Refuse what a damaged file would give: KeyError for what is missing, ValueError for lengths."""
        self.manifest["complete"], self.stream()["name"]
        count = self.checkpoints.size
        for run in self.runs:
            group = self.group_of(run)
            if group not in self.hindsight and self.complete:
                raise ValueError(f"a run has {self.GROUP} {group}, for which there are no optima")
            if any(c.ndim != 1 or c.size > count for c in run.curves.values()):
                raise ValueError(f"a curve of {run.row['policy']} does not fit the {count} checkpoints")
        for group, best in self.hindsight.items():
            if any(c.shape != (count,) for c in best.curves.values()):
                raise ValueError(
                    f"an optimum's curve at {self.GROUP} {group} does not fit the {count} checkpoints"
                )
        self.summary()  # looks at what the tables show of every row

    # -- looking -----------------------------------------------------------------------------------
    def optima_rows(self) -> list[dict[str, Any]]:
        """The optima of every group, each with the bound that certifies it."""
        return [row for best in self.hindsight.values() for row in best.certificates]

    def marks(self, runs: list[Run]) -> dict[str, str]:
        """How the row of a policy is unlike the others: a letter, and what it says of these runs."""
        row = self.longest(runs)[0].row
        found = {}
        if row.get("fractional"):
            found["f"] = ""
        if not row.get("complete", True):
            planned = self.stream().get(self.ROUNDS)
            found["i"] = f"{row[self.ROUNDS]:,} of {planned:,}" if planned else f"{row[self.ROUNDS]:,}"
        return found

    def shown(self) -> tuple[list[dict[str, Any]], list[str]]:
        """Rows and columns of the short table; a column of marks stands where a row is unlike the others."""
        rows = self.summary()
        for row, (_, _, runs) in zip(rows, self.groups()):
            row["mark"] = "".join(self.marks(runs)) or None
        columns = [*self.SUMMARY[:1], "mark", *self.SUMMARY[1:]]
        return rows, [c for c in columns if any(r.get(c) is not None for r in rows)]

    def legend(self) -> list[str]:
        """What the marks of the table mean, a line each, with the rows that have them."""
        said: dict[str, list[str]] = {}
        several = len({self.group_of(run) for run in self.runs}) > 1
        for policy, group, runs in self.groups():
            for mark, text in self.marks(runs).items():
                name = f"{policy} at {self.GROUP} {group}" if several else policy
                said.setdefault(mark, []).append(f"{name} {text}".strip() if text else "")
        lines = []
        for mark, meaning in MARKS.items():
            if mark in said:
                who = "; ".join(dict.fromkeys(name for name in said[mark] if name))
                lines.append(f"{mark}: {meaning}" + (f" ({who})" if who else ""))
        return lines

    def __str__(self) -> str:
        return "\n".join([text_table(*self.shown()), *self.legend()])

    def __repr__(self) -> str:
        state = "" if self.complete else ", interrupted"
        return f"<Result: {len(self.runs)} runs of {self.stream()['name']}{state}>\n{self}"


class _Told:
    """A manifest where a result is expected."""

    def __init__(self, manifest: dict[str, Any]) -> None:
        self.manifest = manifest


def _number(value: Any) -> float:
    return math.nan if value is None else float(value)


def _listed(curve: np.ndarray | None) -> list[float] | None:
    return None if curve is None else curve.tolist()


def means(rows: Sequence[dict[str, Any]], names: Sequence[str]) -> dict[str, float]:
    """Means over runs of the columns that have values."""
    found = {}
    for name in names:
        values = [row[name] for row in rows if row.get(name) is not None]
        if values:
            found[name] = float(np.mean(values))
    return found


def load(path: str | Path) -> Any:
    """Read the result of any game that :meth:`Result.save` wrote.

    Raises
    ------
    TraceError
        With one sentence: there is no file, or it is not one of ours, or damaged.
    """
    command = Result.COMMAND
    try:
        data = json.loads(Path(path).read_text())
        game = data["manifest"].get("game", "caching")
        if game not in RESULTS:
            raise TraceError(f"{path} is a result of the game {game!r}, which this olearn does not know")
        module, name = RESULTS[game]
        kind = getattr(importlib.import_module(module), name)
        command = kind.COMMAND
        return kind.from_dict(data)
    except FileNotFoundError:
        raise TraceError(f"no result at {path}") from None
    except OSError as error:
        raise TraceError(f"{path} can't be read: {error.strerror}") from None
    except KeyError as error:
        raise TraceError(f"{path} is not a result of `{command}`: {error} is missing") from None
    except (AttributeError, TypeError, ValueError, IndexError) as error:
        if isinstance(error, TraceError):
            raise
        raise TraceError(f"{path} is not a result of `{command}`: {error}") from None
