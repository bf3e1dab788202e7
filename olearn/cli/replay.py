"""``olearn replay``: one trace, many policies, capacities and seeds."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import click

from olearn.cli._common import print_table
from olearn.cli._run import Common, common_options, deliver
from olearn.cli._trace_file import read_as, reading_options

PICTURE = "olearn-replay.png"
DEFAULT_POLICIES = ("experts", "lru", "lfu", "ftpl", "ogb")
SIZED_POLICIES = ("experts", "lru", "s3-fifo", "gdsf", "lfu")


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
    help="Items (1000), a share (default 1%) or bytes (64mb); may be repeated.",
)
@click.option(
    "--unit",
    type=click.Choice(["items", "bytes"]),
    default=None,
    help="What capacities count; by default bytes where one is given in bytes, else items.",
)
@click.option("--format", "fmt", default=None, help="Trace format; by default recognised by content.")
@click.option("--columns", default=None, help="Columns of a CSV, such as item=3,time=1 (names or 1-based).")
@reading_options
@click.option("--limit", type=int, default=None, help="Replay only the first so many requests.")
@click.option("--horizon", type=int, default=None, help="Requests that default parameters are tuned for.")
@click.option("--catalog", type=int, default=None, help="Items that policies know of (default: the trace's).")
@click.option("--offline/--no-offline", default=True, help="Add the rows static, belady, belady-bypass.")
@common_options(PICTURE)
def command(
    trace: str,
    policies: Sequence[str],
    capacities: Sequence[str],
    unit: str | None,
    fmt: str | None,
    columns: str | None,
    limit: int | None,
    horizon: int | None,
    catalog: int | None,
    offline: bool,
    common: Common,
) -> None:
    r"""Replay TRACE and say how far each policy is from the best in hindsight.

    TRACE is a file in any known format (`olearn trace formats`), or the name of a bundled trace, such as
    twitter.

    Examples:

    \b
      olearn replay twitter --policy lru --policy "ogb(eta=0.01)" --capacity 1% --capacity 500
      olearn replay requests.csv.zst -p lru -p ftpl -p ogb -c 5% --seeds 5 --out results
      olearn replay twitter -p lru -p gdsf -c 64kb -c 1mb
      olearn replay twitter -p ogb -c 1% --json
    """
    run(
        trace,
        policies or (SIZED_POLICIES if _counts_bytes(unit, capacities) else DEFAULT_POLICIES),
        capacities,
        common,
        unit=unit,
        fmt=fmt,
        columns=columns,
        limit=limit,
        horizon=horizon,
        catalog=catalog,
        offline=offline,
    )


def _counts_bytes(unit: str | None, capacities: Sequence[str]) -> bool:
    from olearn.engine.caching.capacity import in_bytes

    return unit == "bytes" or (unit is None and any(in_bytes(c) for c in capacities))


def run(
    trace: str,
    policies: Sequence[str],
    capacities: Sequence[str],
    common: Common,
    *,
    picture: str = PICTURE,
    fmt: str | None = None,
    columns: str | None = None,
    limit: int | None = None,
    **options: Any,
) -> Any:
    """Load, replay, print and write; shared by ``replay`` and ``demo``. Returns the result."""
    from olearn.cli._trace_file import load_trace
    from olearn.engine.caching import prepare
    from olearn.errors import check_positive_int

    common.check(picture)
    loaded = load_trace(trace, fmt, columns, unused=("costs", "ttl"))
    if limit is not None:
        loaded = loaded[: check_positive_int("limit", limit)]
    plan = prepare(
        loaded,
        list(policies),
        list(capacities) or None,
        common.seeds,
        checkpoints=common.checkpoints,
        progress=common.progress,
        store=common.store,
        jobs=common.jobs,
        **options,
    )
    return deliver(common, plan, _print, picture=picture, source=trace)


def _print(result: Any) -> None:
    told = result.manifest["trace"]
    click.echo(f"{told['name']}: {told['requests']:,} requests, {told['items']:,} items")
    if told.get("origin"):
        click.echo(f"read as {read_as(told['origin'])}")
    click.echo(f"capacity in {result.manifest['capacity_unit']}")
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
    print_table(
        result.optima_rows(), columns, title=f"optima ({result.WHAT}) and the bound that certifies each:"
    )


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
