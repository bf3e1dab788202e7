"""``olearn trace build``: make an offloading table from two classifiers, predictions out of fold."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

#: What the arms of a kind of table are called.
ARMS = {"exits": "exits", "splits": "split points", "routing": "models", "servers": "servers"}


@click.command("build")
@click.argument("recipe")
@click.option("--out", "-o", type=click.Path(dir_okay=False), help="File to write (.npz, .csv, .parquet).")
@click.option("--samples", type=int, default=None, help="Bootstrap to so many samples (mnist1d: draw so many).")
@click.option("--shift", default=None, help="Move the distribution: drift, label or calibration.")
@click.option("--shape", default="linear", show_default=True, help="How it moves: linear, abrupt, periodic.")
@click.option("--seed", default=0, show_default=True, help="Seed of the folds and the resampling.")
@click.option("--folds", default=5, show_default=True, help="Folds of the out-of-fold predictions.")
@click.option("--device", type=click.Path(dir_okay=False), help="splits: stats file of the device.")
@click.option("--server", type=click.Path(dir_okay=False), help="splits: stats file of the server.")
@click.option("--model", help="splits: the network, e.g. mobilenet.")
@click.option("--tokens", type=int, default=5000, show_default=True, help="moe: tokens.")
@click.option("--layers", type=int, default=16, show_default=True, help="moe: layers with experts.")
@click.option("--experts", type=int, default=64, show_default=True, help="moe: experts of a layer.")
@click.option(
    "--top", type=int, default=8, show_default=True, help="moe: experts that a token needs in a layer."
)
@click.option("--link", default="20:20", show_default=True, help="splits: latency in ms : rate in Mbit/s.")
def build(
    recipe: str,
    out: str | None,
    samples: int | None,
    shift: str | None,
    shape: str,
    seed: int,
    folds: int,
    device: str | None,
    server: str | None,
    model: str | None,
    link: str,
    tokens: int,
    layers: int,
    experts: int,
    top: int,
) -> None:
    """Build the offloading table RECIPE: digits, digits-logistic, digits-bayes, breast-cancer, wine, mnist1d.

    Those need scikit-learn (the extra "offload"). Tables of arms: digits-exits (scikit-learn too),
    synthetic-exits, routing, mdinference, servers, and splits, from two measured machines in the layout of
    Scission's stats files. And moe, a routing stream of a mixture-of-experts model for `olearn moe`.

    Examples:

    \b
      olearn trace build digits --out digits.npz
      olearn trace build mnist1d --samples 5000 --out mnist1d.parquet
      olearn trace build digits --shift calibration --shape abrupt --samples 50000
      olearn trace build splits --device pi-stats.csv --server gpu-stats.csv --model mobilenet --link 20:10
    """  # noqa: D301
    from olearn.errors import NotSupportedError, unknown
    from olearn.traces.offloading.arm_recipes import ARM_RECIPES

    if recipe == "moe":
        from olearn.traces.llm.routing import routing_stream

        stream = routing_stream(tokens, layers, experts, top, seed=seed)
        written = stream.save(Path(out) if out else Path("moe.jsonl"))
        click.echo(f"{stream.name}: {len(stream):,} batches, {stream.items.size:,} experts asked for")
        click.echo(f"wrote {written}")
        return
    if recipe == "splits" or recipe in ARM_RECIPES:
        if shift is not None:
            raise NotSupportedError(f"--shift moves tables of a local and a remote model, not {recipe}")
        table = _splits(device, server, model, link, samples, seed) if recipe == "splits" else None
        table = ARM_RECIPES[recipe](samples, seed) if table is None else table
        path = table.save(Path(out) if out else Path(f"{recipe}.npz"))
        click.echo(f"{table.name}: {len(table):,} samples, {len(table.arms)} {ARMS[table.kind]}")
        click.echo(f"wrote {path}")
        return
    from olearn.traces.offloading.build import RECIPES
    from olearn.traces.offloading.build import build as make
    from olearn.traces.offloading.shift import shifted

    if recipe not in RECIPES:
        raise unknown("recipe", recipe, [*RECIPES, *ARM_RECIPES, "splits", "moe"])
    if shift is None:
        table = make(recipe, samples=samples, seed=seed, folds=folds)
    else:
        table = shifted(make(recipe, seed=seed, folds=folds), shift, samples, shape=shape, seed=seed)
    path = table.save(Path(out) if out else Path(f"{recipe}.npz"))
    click.echo(
        f"{table.name}: {len(table):,} samples, local model {table.local_accuracy:.2%} right, "
        f"remote {table.remote_accuracy:.2%}, {table.levels.size:,} distinct confidences"
    )
    click.echo(f"wrote {path}")


def _splits(
    device: str | None, server: str | None, model: str | None, link: str, samples: int | None, seed: int
) -> Any:
    from olearn.errors import ParameterError
    from olearn.traces.offloading.splits import splits_from_stats

    if device is None or server is None or model is None:
        raise ParameterError("splits needs --device, --server and --model")
    latency, _, rate = link.partition(":")
    try:
        pair = (float(latency), float(rate))
    except ValueError:
        raise ParameterError(f"--link is written latency:rate, e.g. 20:10, got {link!r}") from None
    return splits_from_stats(device, server, model, pair, samples=samples or 10_000, seed=seed)
