"""``olearn replay``: one trace, many policies, capacities and seeds."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import click

from olearn.cli._common import check_writable, err, print_json, print_table, to_csv, write_atomically

DEFAULT_POLICIES = ("lru", "lfu", "ftpl", "ogb")


@click.command("replay")
@click.argument("trace")
@click.option(
    "--policy", "-p", "policies", multiple=True, help="Name or name(parameter=value); may be repeated."
)
@click.option(
    "--capacity",
    "-c",
    "capacities",
    multiple=True,
    help="Items (1000) or a share (default 1%); may be repeated.",
)
@click.option("--seeds", "-s", default=1, show_default=True, help="Number of seeds for randomised policies.")
@click.option("--format", "fmt", default=None, help="Trace format; by default recognised by content.")
@click.option("--columns", default=None, help="Columns of a CSV, such as item=3,time=1 (names or 1-based).")
@click.option("--limit", type=int, default=None, help="Replay only the first so many requests.")
@click.option("--horizon", type=int, default=None, help="Requests that default parameters are tuned for.")
@click.option("--checkpoints", default=200, show_default=True, help="Points of the curves.")
@click.option("--offline/--no-offline", default=True, help="Add the rows static, belady, belady-bypass.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object and nothing else.")
@click.option("--csv", "csv_file", type=click.Path(dir_okay=False), help="Write the rows as CSV.")
@click.option("--out", type=click.Path(file_okay=False), help="Folder for rows, curves, result and pictures.")
@click.option("--plot/--no-plot", default=True, help="Draw the picture (into --out, else ./olearn-replay.png).")
@click.option("--progress/--no-progress", default=None, help="Show a progress bar (default: on a terminal).")
def command(
    trace: str,
    policies: Sequence[str],
    capacities: Sequence[str],
    seeds: int,
    fmt: str | None,
    columns: str | None,
    limit: int | None,
    horizon: int | None,
    checkpoints: int,
    offline: bool,
    as_json: bool,
    csv_file: str | None,
    out: str | None,
    plot: bool,
    progress: bool | None,
) -> None:
    r"""Replay TRACE and say how far each policy is from the best in hindsight.

    TRACE is a file in any known format (`olearn trace formats`), or the name of a bundled trace, such as
    twitter.

    Examples:

    \b
      olearn replay twitter --policy lru --policy "ogb(eta=0.01)" --capacity 1% --capacity 500
      olearn replay requests.csv.zst -p lru -p ftpl -p ogb -c 5% --seeds 5 --out results
      olearn replay twitter -p ogb -c 1% --json
    """
    run(
        trace,
        policies or DEFAULT_POLICIES,
        capacities,
        seeds=seeds,
        fmt=fmt,
        columns=columns,
        limit=limit,
        horizon=horizon,
        checkpoints=checkpoints,
        offline=offline,
        as_json=as_json,
        csv_file=csv_file,
        out=out,
        picture="olearn-replay.png" if plot else None,
        progress=progress,
    )


def run(
    trace: str,
    policies: Sequence[str],
    capacities: Sequence[str],
    *,
    seeds: int,
    fmt: str | None = None,
    columns: str | None = None,
    limit: int | None = None,
    horizon: int | None = None,
    checkpoints: int = 200,
    offline: bool = True,
    as_json: bool = False,
    csv_file: str | None = None,
    out: str | None = None,
    picture: str | None = None,
    progress: bool | None = None,
) -> Any:
    """Load, replay, print and write; shared by ``replay`` and ``demo``. Returns the result."""
    from olearn.cli._trace_file import load_trace
    from olearn.engine import replay
    from olearn.errors import check_positive_int

    check_writable(csv_file, out)
    loaded = load_trace(trace, fmt, columns)
    if limit is not None:
        loaded = loaded[: check_positive_int("limit", limit)]
    folder = Path(out) if out else None
    result = replay(
        loaded,
        list(policies),
        list(capacities) or None,
        seeds,
        horizon=horizon,
        checkpoints=checkpoints,
        offline=offline,
        progress=progress,
        store=folder / "runs" if folder else None,
    )
    if result.manifest["restored_runs"]:
        err.print(f"took {result.manifest['restored_runs']} finished runs from {folder}/runs")
    written = _write(result, folder, csv_file, picture if not as_json or folder else None)
    if as_json:
        data = result.to_dict()
        print_json({k: data[k] for k in ("manifest", "rows", "optima")})
    else:
        _print(result, written)
    if not result.complete:
        raise click.exceptions.Exit(130)
    return result


def _print(result: Any, written: Sequence[Path]) -> None:
    told = result.manifest["trace"]
    click.echo(f"{told['name']}: {told['requests']:,} requests, {told['items']:,} items")
    click.echo()
    click.echo(str(result))
    if any(row["±"] is not None for row in result.summary()):
        click.echo("±: half-width of the 95 % confidence interval of the hit ratio over seeds")
    click.echo()
    chosen, verdicts = _parameters(result), result.verdicts()
    if chosen:
        click.echo("parameters: " + "; ".join(chosen))
    for sentence in verdicts:
        click.echo(f"bound of {sentence}")
    if chosen or verdicts:
        click.echo()
    columns = ("comparator", "capacity", "value", "upper_bound", "gap", "convention")
    print_table(result.optima_rows(), columns, title="optima (hits) and the bound that certifies each:")
    for path in written:
        click.echo(f"wrote {path}")


def _parameters(result: Any) -> list[str]:
    """The parameters in use, once per policy and capacity."""
    several = len(result.comparators) > 1
    texts = []
    for policy, capacity, runs in result.groups():
        values = ", ".join(f"{k}={_short(v)}" for k, v in runs[0].row["parameters"].items())
        if values:
            at = f" at capacity {capacity}" if several else ""
            texts.append(f"{policy.split('(')[0]} {values}{at}")
    return texts


def _short(value: Any) -> str:
    return f"{value:.4g}" if isinstance(value, float) else str(value)


def _write(result: Any, folder: Path | None, csv_file: str | None, picture: str | None) -> list[Path]:
    """Write what was asked for, each file whole or not at all."""
    written: list[Path] = []
    if csv_file:
        write_atomically(Path(csv_file), to_csv(_flat(result.rows)))
        written.append(Path(csv_file))
    if folder is not None and result.runs:
        write_atomically(folder / "rows.csv", to_csv(_flat(result.rows)))
        write_atomically(folder / "curves.csv", to_csv(result.curve_rows()))
        result.save(folder / "result.json")
        written += [folder / "rows.csv", folder / "curves.csv", folder / "result.json"]
    if picture is not None and result.runs:
        from olearn.plot.replay import draw

        capacities = list(result.comparators)
        for capacity in capacities:
            stem, ending = Path(picture).stem, Path(picture).suffix
            name = f"{stem}-{capacity}{ending}" if len(capacities) > 1 else picture
            path = folder / name if folder else Path(name)
            draw(result, path, capacity)
            written.append(path)
    return written


def _flat(rows: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    """Rows for a CSV: parameters as text, the parts of a bound left to the JSON."""
    return [
        {
            **{k: v for k, v in row.items() if k not in ("parameters", "bound_details")},
            "parameters": "; ".join(f"{k}={v}" for k, v in row["parameters"].items()),
        }
        for row in rows
    ]
