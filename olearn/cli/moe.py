"""``olearn moe``: expert caches of mixture-of-experts models."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import click

from olearn.cli._common import err, print_table
from olearn.cli._run import Common, common_options, deliver

PICTURE = "olearn-moe.png"


@click.command("moe")
@click.argument("trace")
@click.option(
    "--policy", "-p", "policies", multiple=True, help="Name or name(parameter=value); may be repeated."
)
@click.option(
    "--capacity",
    "-c",
    "capacities",
    multiple=True,
    help="Slots (16) or a share (default 25%); may be repeated.",
)
@click.option("--shared/--per-layer", default=False, help="One cache for all layers (default: one a layer).")
@click.option("--experts", type=int, default=None, help="Experts of a layer (default: the largest id + 1).")
@click.option("--horizon", type=int, default=None, help="Batches that default parameters are tuned for.")
@common_options(PICTURE)
def command(
    trace: str,
    policies: Sequence[str],
    capacities: Sequence[str],
    shared: bool,
    experts: int | None,
    horizon: int | None,
    common: Common,
) -> None:
    r"""Replay a routing stream against expert caches: is the policy bad, or the cache too small?

    TRACE holds a JSON object a line with layer_idx and selected_ids (`olearn trace build moe` makes one).

    Examples:

    \b
      olearn trace build moe -o routing.jsonl --tokens 5000
      olearn moe routing.jsonl -p lru -p lfu -p pin-hottest -c 8 -c 16 -c 32
      olearn moe routing.jsonl -p "prefetch(predictor=oracle,accuracy=0.8)" -p lru --shared -c 25%
    """
    from olearn.engine.moe import DEFAULT_POLICIES, prepare
    from olearn.traces.llm import BatchTrace

    common.check(PICTURE)
    stream = BatchTrace.load(trace, experts)
    for note in stream.notes:
        err.print(f"{trace}: {note}", markup=False)
    plan = prepare(
        stream,
        list(policies) or DEFAULT_POLICIES,
        list(capacities) or None,
        common.seeds,
        shared=shared,
        horizon=horizon,
        checkpoints=common.checkpoints,
        progress=common.progress,
        store=common.store,
        jobs=common.jobs,
    )
    deliver(common, plan, _print, picture=PICTURE, source=trace)


def _print(result: Any) -> None:
    told = result.manifest["trace"]
    where = "one cache for all layers" if result.manifest["shared"] else "one cache a layer"
    click.echo(
        f"{told['name']}: {told['batches']:,} batches, {told['requests']:,} experts asked for, "
        f"{told['layers']} layers of {told['experts']}; {where}"
    )
    click.echo()
    click.echo(str(result))
    click.echo()
    click.echo("of optimum: hits / most of any cache that loads on demand (prefetching can exceed it)")
    for policy, capacity, runs in result.groups():
        if runs[0].row.get("upper_bound") is not None:
            click.echo(f"{policy}, capacity {capacity}: {result.diagnosis(policy, capacity).text}")
    click.echo()
    columns = ("comparator", "capacity", "value", "upper_bound", "gap", "convention")
    print_table(
        result.optima_rows(), columns, title="optimum (hits, all caches) and the bound that certifies it:"
    )
