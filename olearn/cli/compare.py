"""``olearn compare``: which policy, at which capacity, and how much is left to gain."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import click

from olearn.cli._common import print_table
from olearn.cli._run import Common, common_options, deliver
from olearn.cli._trace_file import reading_options

PICTURE = "olearn-compare.png"


@click.command("compare")
@click.argument("trace")
@click.option("--family", default=None, help="classics (default), no-regret, all, or none (with --policy).")
@click.option("--policy", "-p", "policies", multiple=True, help="A further policy; may be repeated.")
@click.option(
    "--capacity",
    "-c",
    "capacities",
    multiple=True,
    help="1000, 5%, a list 1%,5%, a range 0.1%:30%:12 (default 0.1%:30%:8); may be repeated.",
)
@click.option("--now", default=None, help="Capacity of the cache of today: marked, and the one to beat.")
@click.option("--format", "fmt", default=None, help="Trace format; by default recognised by content.")
@click.option("--columns", default=None, help="Columns of a CSV, such as item=3,time=1 (names or 1-based).")
@reading_options
@click.option("--limit", type=int, default=None, help="Only the first so many requests.")
@common_options(PICTURE, checkpoints=50)
def command(
    trace: str,
    family: str | None,
    policies: Sequence[str],
    capacities: Sequence[str],
    now: str | None,
    fmt: str | None,
    columns: str | None,
    limit: int | None,
    common: Common,
) -> None:
    r"""Compare policies on TRACE over capacities: the best at each, and how much is left to gain.

    Examples:

    \b
      olearn compare twitter -c 1%,5%
      olearn compare requests.csv.zst --family all -c 0.1%:30%:12 --now 2% --out results
      olearn compare twitter --family none -p lru -p sieve -p experts --json
    """
    from olearn.cli._trace_file import load_trace
    from olearn.engine.caching.capacity import parse_capacity
    from olearn.engine.caching.compare import DEFAULT_RANGE, prepare
    from olearn.errors import check_positive_int

    common.check(PICTURE)
    loaded = load_trace(trace, fmt, columns)
    if limit is not None:
        loaded = loaded[: check_positive_int("limit", limit)]
    asked = list(capacities) or [DEFAULT_RANGE]
    today = None if now is None else parse_capacity(now, loaded.catalog_size)
    plan = prepare(
        loaded,
        family or ("none" if policies else "classics"),
        [*asked, *([] if today is None else [str(today)])],
        common.seeds,
        policies=policies,
        checkpoints=common.checkpoints,
        progress=common.progress,
        store=common.store,
        jobs=common.jobs,
    )
    deliver(common, plan, lambda result: _print(result, today), picture=PICTURE, source=trace)


def _print(result: Any, now: int | None) -> None:
    result.manifest["now"] = now
    told = result.manifest["trace"]
    click.echo(f"{told['name']}: {told['requests']:,} requests, {told['items']:,} items")
    click.echo()
    columns = (
        *("capacity", "best", "hit_ratio", "belady_leaves", "static_leaves"),
        *("best_with_guarantee", "its_hit_ratio"),
    )
    print_table(result.answer(), columns, title="the answer (leaves: points of hit ratio):")
    curve = result.lru_curve()
    if now is not None and curve is not None:
        today = float(curve[1][now - 1])
        row = result.smallest(today)
        if row is not None:
            click.echo(
                f"LRU with {now:,} items has {today:.4f}; {row['best']} has {row['hit_ratio']:.4f} with "
                f"{row['capacity']:,}"
            )
    click.echo()
    click.echo(str(result))
    click.echo(
        "columns: hit ratio at each capacity; mean gap: points to belady-bypass, the most of any cache that"
    )
    click.echo("starts empty, over all capacities compared; guarantee: the policy declares a regret bound")
