"""``olearn optimum``: the best in hindsight, by comparator, with certificates."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import click

from olearn.cli._common import check_writable, err, print_json, print_table, to_csv, write_atomically
from olearn.cli._trace_file import read_as, reading_options

COLUMNS = ("comparator", "capacity", "value", "ratio", "upper_bound", "gap", "solver", "status", "seconds")
_BYTES = re.compile(r"\s*([0-9]+(?:\.[0-9]+)?(?:e\+?[0-9]+)?)\s*(%|[kmgt]?i?b)?\s*", re.IGNORECASE)


@click.command("optimum")
@click.argument("trace", required=False)
@click.option(
    "--capacity",
    "-c",
    "capacities",
    multiple=True,
    help="Items (1000) or a share (default 1%); with sizes bytes (64mb) or a share of all bytes; repeatable.",
)
@click.option(
    "--comparator",
    "-m",
    "comparators",
    multiple=True,
    help="Name, name:argument, several with commas, or all (default); see --list.",
)
@click.option(
    "--value",
    default="objects",
    show_default=True,
    help="A hit is worth: objects, bytes, cost (with sizes).",
)
@click.option("--format", "fmt", default=None, help="Trace format; by default recognised by content.")
@click.option("--columns", default=None, help="Columns of a CSV, such as item=3,size=2 (names or 1-based).")
@reading_options
@click.option("--limit", type=int, default=None, help="Only the first so many requests.")
@click.option("--time-limit", type=float, default=None, help="Seconds for a solver.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object and nothing else.")
@click.option("--csv", "csv_file", type=click.Path(dir_okay=False), help="Write the rows as CSV.")
@click.option("--list", "list_only", is_flag=True, help="List the comparators.")
def command(
    trace: str | None,
    capacities: Sequence[str],
    comparators: Sequence[str],
    value: str,
    fmt: str | None,
    columns: str | None,
    limit: int | None,
    time_limit: float | None,
    as_json: bool,
    csv_file: str | None,
    list_only: bool,
) -> None:
    r"""Compute the best in hindsight for TRACE, and the bound that certifies it.

    The value is attained; no decision of the comparator's class earns more than the upper bound, which
    is recomputed from dual variables. Conventions differ (a prefilled set pays no cold miss): each row
    says its own.

    Examples:

    \b
      olearn optimum twitter --capacity 1% --comparator static,fetch-charged,belady
      olearn optimum twitter -c 5% -m k-switch:10 -m sized --json
    """  # fmt: skip
    from olearn.optima.catalogue import ALL, ALL_SIZED, COMPARATORS, optimum, parse

    check_writable(csv_file)
    if list_only:
        rows = [
            {"comparator": n if c.argument is None else f"{n}:{c.argument}", "means": c.text,
             "capacity in": "bytes" if c.sized else "items"}
            for n, c in COMPARATORS.items()
        ]  # fmt: skip
        print_json({"comparators": rows}) if as_json else print_table(rows)
        return
    if trace is None:
        raise click.UsageError("give a trace: a file, or the name of a bundled one such as twitter")
    from olearn.cli._trace_file import load_trace
    from olearn.errors import SolverError, check_positive_int

    names = [n.strip() for text in comparators or ["all"] for n in text.split(",") if n.strip()]
    for name in names:
        if name != "all":
            parse(name)  # a wrong name is refused before the trace is read
    loaded = load_trace(trace, fmt, columns)
    if limit is not None:
        loaded = loaded[: check_positive_int("limit", limit)]
    from olearn._progress import Progress

    jobs = []
    for text in capacities or ["1%"]:
        for name in names:
            every = name == "all"
            more = ALL_SIZED if loaded.sizes is not None else ()
            for one in (*ALL, *more) if every else (name,):
                sized = parse(one)[0].sized
                jobs.append((one, every, _capacity(text, loaded, sized), value if sized else "objects"))
    rows = []
    with Progress(len(jobs), "optima", False if as_json else None) as bar:
        for one, every, capacity, unit in jobs:
            bar.advance(0, f"{one}, capacity {capacity:,}")
            try:
                best = optimum(loaded, capacity, one, value=unit, time_limit=time_limit)
                rows.append(_row(loaded, best, capacity, unit))
            except SolverError as error:
                if not every:
                    raise
                err.print(f"olearn: {error}", markup=False)
                rows.append(_failed(one, capacity, str(error)))
            bar.advance(1)
    told = {"name": loaded.name, "requests": len(loaded), "items": loaded.catalog_size, "digest": loaded.digest}
    told["origin"] = loaded.origin
    if csv_file:
        write_atomically(Path(csv_file), to_csv(rows))
    if as_json:
        print_json({"trace": told, "rows": rows})
        return
    click.echo(f"{loaded.name}: {len(loaded):,} requests, {loaded.catalog_size:,} items")
    click.echo(f"read as {read_as(loaded.origin)}")
    click.echo()
    print_table(rows, COLUMNS)
    click.echo()
    for convention in dict.fromkeys(r["convention"] for r in rows if r["convention"]):
        who = ", ".join(dict.fromkeys(r["comparator"] for r in rows if r["convention"] == convention))
        click.echo(f"{who}: {convention}")
    if csv_file:
        click.echo(f"wrote {csv_file}")


def _row(trace: Any, best: Any, capacity: float, value: str) -> dict[str, Any]:
    from olearn.optima.catalogue import worth

    weights = worth(trace, value)
    most = float(len(trace)) if weights is None else float(weights.sum())
    row = best.row(capacity)
    return {
        "comparator": row["comparator"], "convention": row["convention"], "capacity": capacity,
        "value": row["value"], "ratio": best.value / most if most else None,
        **{k: row[k] for k in ("upper_bound", "gap", "solver", "status", "seconds")},
    }  # fmt: skip


def _failed(name: str, capacity: float, sentence: str) -> dict[str, Any]:
    row: dict[str, Any] = {"comparator": name, "convention": "", "capacity": capacity}
    row |= dict.fromkeys(("value", "ratio", "upper_bound", "gap", "solver"))
    return {**row, "status": sentence, "seconds": None}


def _capacity(text: str, trace: Any, sized: bool) -> float:
    """Items for the comparators of unit size, bytes for those with sizes."""
    from olearn.engine.caching import parse_capacity
    from olearn.errors import ParameterError

    if not sized or trace.sizes is None:
        return parse_capacity(text, trace.catalog_size)
    match = _BYTES.fullmatch(text)
    if not match:
        raise ParameterError(
            f"capacity {text!r} is not understood; allowed: bytes (1000, 64mb) or a share (5%)"
        )
    number, unit = float(match.group(1)), (match.group(2) or "b").lower()
    if unit == "%":
        size = round(float(trace.item_sizes().sum()) * number / 100.0)
    else:
        base = 1024 if "i" in unit else 1000
        size = round(number * base ** "bkmgt".index(unit[0]))
    if size < 1:
        raise ParameterError(f"capacity must be at least 1 byte, got {text!r}")
    return size
