"""``olearn offload``: replay an offloading table through policies, beside the best in hindsight."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import click

from olearn.cli._run import Common, common_options, deliver

DEFAULT_POLICIES = ("hil-f", "hil-n", "hi-lcb-lite")
PICTURE = "olearn-offload.png"
#: Columns of the printed table, those that have a value.
_COLUMNS = (
    "policy",
    "samples",
    "cost",
    "cost_se",
    "offload_rate",
    "accuracy",
    "regret",
    "bound",
    "used",
    "violation",
    "threshold",
    "best_arm",
    "samples_per_second",
)


@click.command("offload")
@click.argument("table")
@click.option(
    "--policy", "-p", "policies", multiple=True, help="Name or name(parameter=value); may be repeated."
)
@click.option("--cost", "-b", type=float, default=None, help="Price of offloading a sample, in wrong answers.")
@click.option(
    "--feedback", default=None, help="full, offloaded, accepted, +delayed(d), +batched(b), +noisy(p)."
)
@click.option(
    "--budget",
    default=None,
    help="rate:0.2, energy:2, money:0.1, device:50, upload:0.2, bucket:0.1:10 or knapsack:500.",
)
@click.option(
    "--remote", default="truth", show_default=True, help="Count remote errors (counted) or not (truth)."
)
@click.option(
    "--columns", default=None, help="Names in the file: confidence=p,local_correct=ok; others are ignored."
)
@click.option("--samples", type=int, default=None, help="Bootstrap the table to so many samples first.")
@click.option("--resample-seed", default=0, show_default=True, help="Seed of --samples.")
@click.option("--set", "settings", multiple=True, help="name=value: a further option of this kind of table.")
@common_options(PICTURE)
def command(
    table: str,
    policies: Sequence[str],
    cost: float | None,
    feedback: str | None,
    budget: str | None,
    remote: str,
    columns: str | None,
    samples: int | None,
    resample_seed: int,
    settings: Sequence[str],
    common: Common,
) -> None:
    """Replay TABLE and say how far each policy is from the best threshold in hindsight.

    TABLE is a .csv, .parquet or .npz file with the columns confidence, local_correct (and remote_correct,
    cost, context, ...), or the name of a bundled table: digits. A table of exits, split points, models or
    servers works as well: without --policy, all policies that fit it are played.

    Examples:

    \b
      olearn offload digits --policy hil-f --policy hi-lcb-lite --cost 0.3
      olearn offload digits -p hil-n -p hi-lcb -b 0.3 --samples 100000 --feedback offloaded
      olearn offload digits -p hil-f -b 0.1 --budget rate:0.2 --out results
    """  # noqa: D301
    from olearn.engine.offloading import prepare
    from olearn.traces.offloading import read_table

    common.check(PICTURE)
    loaded = read_table(table, _columns(columns))
    if samples is not None:
        loaded = loaded.resample(samples, resample_seed)
    options = _settings(settings)
    for name, value in (("cost", cost), ("feedback", feedback), ("budget", budget)):
        if value is not None:
            options[name] = value
    if loaded.kind == "binary":
        options["remote"] = remote
    plan = prepare(
        loaded,
        list(policies) or _defaults(loaded, budget is not None),
        seeds=common.seeds,
        checkpoints=common.checkpoints,
        jobs=common.jobs,
        progress=common.progress,
        store=common.store,
        **options,
    )
    deliver(common, plan, lambda result: _show(loaded, result), picture=PICTURE, source=table)


def _columns(text: str | None) -> dict[str, str] | None:
    from olearn.errors import ParameterError

    if text is None:
        return None
    pairs = [part.split("=", 1) for part in text.split(",")]
    if not all(len(pair) == 2 and pair[0].strip() and pair[1].strip() for pair in pairs):
        raise ParameterError(f"--columns takes column=name in the file, ..., got {text!r}")
    return {column.strip(): name.strip() for column, name in pairs}


def _settings(texts: Sequence[str]) -> dict[str, Any]:
    from olearn.errors import ParameterError
    from olearn.registry import parse_spec

    found: dict[str, Any] = {}
    for text in texts:
        if "=" not in text:
            raise ParameterError(f"--set takes name=value, got {text!r}")
        found |= parse_spec(f"set({text})")[1]
    return found


def _defaults(table: Any, limited: bool) -> list[str]:
    if table.kind == "binary":
        return list(DEFAULT_POLICIES)
    from olearn.engine.offloading.arms import default_policies
    from olearn.registry import find

    return [name for name in default_policies(table) if not (limited and find("offloading", name).unlimited)]


def _show(table: Any, result: Any) -> None:
    from olearn._table import text_table
    from olearn.cli._trace_file import table_read_as

    told = result.manifest
    line = f"{told['table'] or 'table'}: {told['samples']:,} samples"
    if told["kind"] == "servers":
        line += f", {result.rows[0]['samples']:,} of them ours"
    if told.get("cost") is not None:
        line += f", cost {told['cost']:.4g}"
    if told["kind"] == "binary":
        line += f", local model {table.local_accuracy:.2%} right"
        if "remote_correct" in table:
            line += f", remote {table.remote_accuracy:.2%}"
    click.echo(line)
    click.echo(f"read as {table_read_as(table)}")
    click.echo()
    rows = [*result.summary(), *result.comparators]
    columns = [c for c in _COLUMNS if any(r.get(c) is not None for r in rows)]
    more = [c for c in rows[0] if c.startswith("cost_best_") and c not in columns and told["kind"] != "binary"]
    click.echo(text_table(rows, [*columns, *more]))
    click.echo()
    rival = "the best mixture of thresholds within the budget" if told.get("budget") else "the best threshold"
    if told["kind"] != "binary":
        rival = "the best lottery within the budget" if told.get("budget") else "the best fixed choice"
    losses = _losses(told)
    for loss, names in losses.items():
        who = f" of {', '.join(names)}" if len(losses) > 1 else ""
        click.echo(f"cost{who}: mean per sample, {loss}.")
    click.echo(f"regret: total cost above {rival} in hindsight.")
    for unit in _units(told):
        click.echo(f"used: {unit}; {told['budget']} allows {told['budget_allows']:,.6g} in all.")
    for note in result.notes:
        click.echo(note)


def _losses(told: dict[str, Any]) -> dict[str, list[str]]:
    """What costs count, and for which policies."""
    if told["kind"] == "binary":
        return {"in wrong answers": []}
    found: dict[str, list[str]] = {}
    for policy in told["policies"]:
        found.setdefault(policy["loss"], []).append(policy["policy"])
    return found


def _units(told: dict[str, Any]) -> list[str]:
    """The units of the budget; policies may use different things."""
    if not told.get("budget"):
        return []
    if told["kind"] == "binary":
        return [told["budget_unit"]]
    return list(dict.fromkeys(p["budget_unit"] for p in told["policies"]))
