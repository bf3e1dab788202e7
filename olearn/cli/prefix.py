"""``olearn prefix``: prefix caches of language models."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import click

from olearn.cli._common import err, print_table
from olearn.cli._run import Common, common_options, deliver

PICTURE = "olearn-prefix.png"


@click.command("prefix")
@click.argument("trace")
@click.option(
    "--policy", "-p", "policies", multiple=True, help="Name or name(parameter=value); may be repeated."
)
@click.option(
    "--capacity",
    "-c",
    "capacities",
    multiple=True,
    help="Blocks (2000), a share (5%, the default), with --model a size (40gb); may be repeated.",
)
@click.option("--model", default=None, help="Model whose keys and values are kept, for capacities in bytes.")
@click.option("--precision", default="bf16", show_default=True, help="Number format of keys and values.")
@click.option(
    "--warm-up", default="0", show_default=True, help="Requests, or a share (50%), that count for nothing."
)
@click.option("--block-tokens", type=int, default=None, help="Tokens of a block (default: from the file).")
@click.option("--horizon", type=int, default=None, help="Requests that default parameters are tuned for.")
@common_options(PICTURE)
def command(
    trace: str,
    policies: Sequence[str],
    capacities: Sequence[str],
    model: str | None,
    precision: str,
    warm_up: str,
    block_tokens: int | None,
    horizon: int | None,
    common: Common,
) -> None:
    r"""Replay prompts against prefix caches and say how many tokens each policy saves, of how many at most.

    TRACE holds a JSON object a line with hash_ids and input_length (Mooncake, Qwen-Bailian). A request hits the
    blocks of its prompt that are held before the first one that is not.

    Examples:

    \b
      olearn prefix conversation_trace.jsonl -p lru -p lfu -p ftpl -c 2000 -c 10000 --warm-up 50%
      olearn prefix qwen.jsonl --model llama-3.1-70b -c 40gb -c 80gb -c 160gb --out results
    """
    from olearn.engine.prefix import DEFAULT_POLICIES, prepare
    from olearn.traces.llm import ChainTrace

    common.check(PICTURE)
    chains = ChainTrace.load(trace, block_tokens)
    for note in chains.notes:
        err.print(f"{trace}: {note}", markup=False)
    plan = prepare(
        chains,
        list(policies) or DEFAULT_POLICIES,
        list(capacities) or None,
        common.seeds,
        model=model,
        precision=precision,
        warm_up=warm_up,
        horizon=horizon,
        checkpoints=common.checkpoints,
        progress=common.progress,
        store=common.store,
        jobs=common.jobs,
    )
    deliver(common, plan, _print, picture=PICTURE, source=trace)


def _print(result: Any) -> None:
    told = result.manifest["trace"]
    click.echo(
        f"{told['name']}: {told['requests']:,} requests, {told['blocks']:,} blocks of "
        f"{told['block_tokens']} tokens, {told['distinct_blocks']:,} distinct"
    )
    warm, model = result.manifest["warm_up"], result.manifest["model"]
    if warm:
        click.echo(f"the first {warm:,} requests fill the cache and are not measured")
    if model:
        sizes = {r["capacity"]: r["capacity_bytes"] for r in result.rows}
        texts = ", ".join(f"{c:,} blocks = {b / 1e9:.1f} GB" for c, b in sizes.items())
        click.echo(f"{model}, {result.manifest['precision']}: {texts}")
    click.echo()
    click.echo(str(result))
    click.echo()
    click.echo("token_hit: tokens of the leading blocks held / all tokens; block_hit: the same in blocks;")
    click.echo(
        "request_hit: mean over requests of the share of its tokens; of optimum: tokens saved / most there is"
    )
    rows = [r for r in result.rows if r.get("unlimited") is not None]
    if rows:
        share = rows[0]["unlimited"] / rows[0]["tokens"] if rows[0]["tokens"] else 0.0
        click.echo(f"a cache that keeps everything would have {share:.4f}")
    click.echo()
    columns = ("comparator", "capacity", "value", "upper_bound", "gap", "convention")
    print_table(result.optima_rows(), columns, title="optimum (tokens) and the bound that certifies it:")
