"""``olearn regret``: the regret of finished replays, comparator by comparator, with bands and verdicts."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import click
import numpy as np

from olearn.cli._common import check_writable, print_json, print_table, to_csv, write_atomically
from olearn.cli._trace_file import read_as, reading_options

#: Comparator -> the column of a replay's rows that holds its value.
KNOWN = {
    "static": "static_optimum",
    "fetch-charged": "static_fetch_charged",
    "belady": "belady",
    "belady-bypass": "belady_bypass",
}


@click.command("regret")
@click.argument("results", nargs=-1, required=True)
@click.option(
    "--comparator",
    "-m",
    "comparators",
    multiple=True,
    help="static, fetch-charged, belady, belady-bypass; with --trace any of `olearn optimum --list`.",
)
@click.option("--trace", "trace_name", default=None, help="The trace, for other comparators and worst windows.")
@click.option("--format", "fmt", default=None, help="Trace format; by default recognised by content.")
@click.option("--columns", default=None, help="Columns of a CSV, such as item=3,time=1.")
@reading_options
@click.option("--level", default=0.95, show_default=True, help="Confidence of the intervals over seeds.")
@click.option("--fetch-cost", type=float, default=None, help="Add extended regret: hits that a fetch costs.")
@click.option("--alpha", type=float, default=None, help="Add alpha-regret against the static optimum.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object and nothing else.")
@click.option("--csv", "csv_file", type=click.Path(dir_okay=False), help="Write the regrets as CSV.")
@click.option("--out", type=click.Path(file_okay=False), help="Folder for the pictures.")
def command(
    results: Sequence[str],
    comparators: Sequence[str],
    trace_name: str | None,
    fmt: str | None,
    columns: str | None,
    level: float,
    fetch_cost: float | None,
    alpha: float | None,
    as_json: bool,
    csv_file: str | None,
    out: str | None,
) -> None:
    r"""Say how far the policies of RESULTS are from the best in hindsight, and why.

    RESULTS are what `olearn replay` wrote: a folder of --out, its result.json, or saved --json output.
    Three tables: regret by comparator with its verdict, the misses by cause (policy failure or working-set
    failure?), and with --trace the worst window between two checkpoints.

    Examples:

    \b
      olearn replay twitter -p lru -p ogb -c 1% --seeds 5 --out run
      olearn regret run
      olearn regret run -m static -m k-switch:10 --trace twitter --out pictures
    """  # fmt: skip
    from olearn.errors import OlearnError, check_real

    check_writable(csv_file, out)
    level = check_real("level", level, 0.0, 1.0, open_low=True, open_high=True)
    asked = [n.strip() for text in comparators for n in text.split(",") if n.strip()]
    absent: dict[str, None] = {}
    loaded = None
    if trace_name is not None:
        from olearn.cli._trace_file import load_trace

        loaded = load_trace(trace_name, fmt, columns, unused=("sizes", "costs", "ttl"))
    regrets: list[dict[str, Any]] = []
    causes: list[dict[str, Any]] = []
    windows: list[dict[str, Any]] = []
    for path in results:
        data = _read(path)
        in_bytes = data["manifest"].get("unit") == "bytes"
        if in_bytes and loaded is not None:
            raise OlearnError(f"{path} counts bytes, the comparators of --trace count items: leave --trace out")
        whole = None if loaded is None else _same_trace(loaded, data, path)
        for runs, rewards in _groups(data):
            trace = whole
            served = runs[0]["requests"]
            if trace is not None and served < len(trace):  # interrupted: held against what it has served
                trace = trace[:served]
            # nobody asked for what the replay left out, or what an interrupted run can't be held against
            names = asked or [n for n in KNOWN if trace is not None or runs[0].get(KNOWN[n]) is not None]
            absent |= dict.fromkeys(n for n in KNOWN if not asked and n not in names)
            regrets += _regrets(runs, names, trace, level, fetch_cost, alpha)
            causes += _causes(data, runs)
            windows += _windows(data, runs, rewards, trace)
    written = _pictures(Path(out), results, causes) if out else []
    if csv_file:
        flat = [{k: v for k, v in row.items() if k != "bound_details"} for row in regrets]
        write_atomically(Path(csv_file), to_csv(flat))
        written.append(Path(csv_file))
    if as_json:
        print_json({"regret": regrets, "misses": causes, "worst_windows": windows})
        return
    if loaded is not None:
        click.echo(f"{loaded.name}: read as {read_as(loaded.origin)}")
    shown = ("policy", "capacity", "seeds", "comparator", "regret", "±", "per request", "bound", "verdict")
    print_table(regrets, [c for c in shown if any(r.get(c) is not None for r in regrets)])
    if in_bytes:
        click.echo("regrets count bytes")
    elif absent:
        click.echo(f"not in the result of every run: {', '.join(absent)} (--trace adds them)")
    if any(r.get("±") is not None for r in regrets):
        click.echo(f"±: half-width of the {level:.4g} confidence interval over seeds")
    explained = []
    for row in regrets:
        told = row["bound_details"]
        if told:
            rests = "; ".join(told["assumptions"]) or "nothing"
            explained.append(
                f"bound of {row['policy']}: {told['formula']}, {told['guarantee']}; assumes {rests}"
            )
    for sentence in dict.fromkeys(explained):  # the same at every capacity
        click.echo(sentence)
    if causes:
        click.echo()
        shares = ("policy", "capacity", "miss ratio", "compulsory", "capacity misses", "static", "left over")
        print_table(causes, shares, title="misses by cause, as shares of the requests:")
        for row in causes:
            click.echo(f"{row['policy']}, capacity {row['capacity']}: {row['text']}")
    if windows:
        click.echo()
        print_table(windows, title="worst window between two checkpoints, against its best static set:")
    for file in written:
        click.echo(f"wrote {file}")


def _read(path: str) -> dict[str, Any]:
    """The JSON of a replay, from a file or a folder."""
    from olearn.errors import TraceError

    file = Path(path)
    if file.is_dir():
        file = file / "result.json"
    try:
        data = json.loads(file.read_text())
    except FileNotFoundError:
        raise TraceError(f"no result at {file}: write one with `olearn replay ... --out {path}`") from None
    except (OSError, ValueError) as error:
        raise TraceError(f"{file} can't be read as JSON: {error}") from None
    rows = data.get("rows") if isinstance(data, dict) else None
    need = ("policy", "capacity", "requests", "reward", "static_optimum")
    if not isinstance(rows, list) or not rows or "manifest" not in data or any(k not in rows[0] for k in need):
        raise TraceError(f"{file} is not a result of `olearn replay`: it needs a manifest and rows of runs")
    return data


def _same_trace(loaded: Any, data: dict[str, Any], path: str) -> Any:
    """The part of the trace that the replay served, or an error if it is another trace."""
    from olearn.errors import TraceError

    told = data["manifest"]["trace"]
    trace = loaded[: told["requests"]] if len(loaded) > told["requests"] else loaded
    if trace.digest != told["digest"]:
        raise TraceError(f"{path} was made from another trace than {loaded.name} (the digests differ)")
    return trace


def _groups(data: dict[str, Any]) -> list[tuple[list[dict[str, Any]], list[list[float]] | None]]:
    """Runs over seeds of each policy and capacity, with their rewards at checkpoints if they are there.

    Of an interrupted replay those seeds that served most: others have no mean with them.
    """
    curves = data.get("curves", {}).get("rewards")
    groups: dict[tuple[Any, ...], list[int]] = {}
    for k, row in enumerate(data["rows"]):
        if not row.get("offline"):
            groups.setdefault((row["capacity"], row["policy"]), []).append(k)
    for name, ks in groups.items():
        most = max(data["rows"][k]["requests"] for k in ks)
        groups[name] = [k for k in ks if data["rows"][k]["requests"] == most]
    return [
        ([data["rows"][k] for k in ks], None if curves is None else [curves[k] for k in ks])
        for ks in groups.values()
    ]


def _regrets(
    runs: list[dict[str, Any]],
    names: Sequence[str],
    trace: Any,
    level: float,
    fetch_cost: float | None,
    alpha: float | None,
) -> list[dict[str, Any]]:
    from olearn.bounds import Bound
    from olearn.errors import NotSupportedError
    from olearn.regret import alpha_regret, band, extended_regret, verdict

    first = runs[0]
    reward = np.array([r["reward"] for r in runs])
    told = first.get("bound_details")
    bound = Bound(**{**told, "assumptions": tuple(told["assumptions"])}) if told else None

    def row(name: str, values: np.ndarray, judged: Any = None) -> dict[str, Any]:
        spread = band(values[:, None], level)
        half = float(spread.high[0] - spread.mean[0])
        return {
            "policy": first["policy"],
            "capacity": first["capacity"],
            "seeds": len(runs),
            "requests": first["requests"],
            "comparator": name,
            "regret": float(spread.mean[0]),
            "±": None if np.isnan(half) else half,
            "per request": float(spread.mean[0]) / first["requests"],
            "bound": None if judged is None or bound is None else bound.value,
            "verdict": None if judged is None else judged.text,
            "bound_details": None if judged is None else told,
        }

    rows = []
    for name in names:
        if name in KNOWN and first.get(KNOWN[name]) is not None:
            best = np.array([r[KNOWN[name]] for r in runs])
        elif trace is not None:
            from olearn.optima.catalogue import optimum, parse

            if parse(name)[0].sized:
                raise NotSupportedError(f"{name} weighs sizes, the items of this replay have one size")
            best = np.full(reward.size, optimum(trace, first["capacity"], name).value)
        else:
            if name not in KNOWN:
                from olearn.optima.catalogue import parse

                parse(name)  # a name that doesn't exist needs no trace
            raise NotSupportedError(f"comparator {name!r} is not in the result: give the trace with --trace")
        judged = None
        if name == "static":
            judged = verdict(
                best - reward,
                bound,
                randomised=bool(first.get("randomised")),
                violated=tuple(first.get("violated") or ()),
                level=level,
                most=float(best.mean()),
                rounds=first["requests"],
            )
        rows.append(row(name, best - reward, judged))
    if first.get("static_optimum") is None:  # interrupted before the optimum was known
        return rows
    static = np.array([r["static_optimum"] for r in runs])
    if alpha is not None:
        rows.append(row(f"{alpha:g} x static", alpha_regret(static, reward, alpha)))
    if fetch_cost is not None:
        fetches = np.array([(r.get("fetched") or 0.0) + (r.get("fetched_other") or 0.0) for r in runs])
        rows.append(
            row(f"static, {fetch_cost:g} a fetch", extended_regret(static - reward, fetches, fetch_cost))
        )
    return rows


def _causes(data: dict[str, Any], runs: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """The misses of a policy by cause; needs Belady in the result and a run over the whole trace."""
    from olearn.regret import from_counts

    first, told = runs[0], data["manifest"]["trace"]
    if first.get("belady_bypass") is None or first["requests"] != told["requests"]:
        return []
    total = first["requests"]
    misses = total - float(np.mean([r["reward"] for r in runs]))
    least, fixed = total - first["belady_bypass"], total - first["static_fetch_charged"]
    d = from_counts(total, misses, told["items"], least, fixed, _others(data, first))
    return [
        {
            "policy": first["policy"],
            "capacity": first["capacity"],
            "miss ratio": d.misses / total,
            "compulsory": d.compulsory / total,
            "capacity misses": d.capacity / total,
            "static": d.static / total,
            "left over": d.left_over / total,
            "word": d.word,
            "text": d.text,
        }
    ]


def _others(data: dict[str, Any], first: dict[str, Any]) -> dict[str, float]:
    """Misses of the other policies at the same capacity that no cache's start or fetching ahead explains."""
    found: dict[str, list[float]] = {}
    for r in data["rows"]:
        same = r["capacity"] == first["capacity"] and r["requests"] == first["requests"]
        if same and r["policy"] != first["policy"] and not r.get("offline"):
            head_start = (r.get("prefilled") or 0.0) + (r.get("fetched_other") or 0.0)
            found.setdefault(r["policy"], []).append(r["requests"] - r["reward"] + head_start)
    return {name: float(np.mean(misses)) for name, misses in found.items()}


def _windows(
    data: dict[str, Any], runs: list[dict[str, Any]], rewards: list[list[float]] | None, trace: Any
) -> list[dict[str, Any]]:
    """The worst window between checkpoints of the mean reward over seeds."""
    from olearn.regret import checkpoint_windows

    if trace is None or rewards is None:
        return []
    marks = data["curves"]["checkpoints"]
    reached = min([*(len(r) for r in rewards), sum(mark <= runs[0]["requests"] for mark in marks)])
    if not reached:
        return []
    mean = np.array([r[:reached] for r in rewards]).mean(axis=0)
    points = marks[:reached]
    worst = checkpoint_windows(trace.items, mean, runs[0]["capacity"], points, catalog_size=trace.catalog_size)
    length = worst.stop - worst.start
    return [
        {
            "policy": runs[0]["policy"],
            "capacity": runs[0]["capacity"],
            "from": worst.start,
            "to": worst.stop,
            "hit ratio": worst.reward / length,
            "best static": worst.comparator / length,
            "regret": worst.regret,
        }
    ]


def _pictures(folder: Path, results: Sequence[str], causes: list[dict[str, Any]]) -> list[Path]:
    """The waterfall of all policies, and the regret curves of each result that has curves."""
    from olearn.engine.result import Result
    from olearn.plot.optima import regret_curves, waterfall

    written = []
    if causes:
        path = folder / "waterfall.png"
        waterfall(causes, path)
        written.append(path)
    for k, name in enumerate(results):
        file = Path(name) / "result.json" if Path(name).is_dir() else Path(name)
        if "curves" not in json.loads(file.read_text()):
            continue
        result = Result.load(file)
        for capacity in result.comparators:
            suffix = f"-{k + 1}" if len(results) > 1 else ""
            path = folder / f"regret-{capacity}{suffix}.png"
            regret_curves(result, capacity, path)
            written.append(path)
    return written
