"""``olearn trace build``: make an offloading table from two classifiers, predictions out of fold."""

from __future__ import annotations

from pathlib import Path

import click


@click.command("build")
@click.argument("recipe")
@click.option("--out", "-o", type=click.Path(dir_okay=False), help="File to write (.npz, .csv, .parquet).")
@click.option("--samples", type=int, default=None, help="Bootstrap to so many samples (mnist1d: draw so many).")
@click.option("--seed", default=0, show_default=True, help="Seed of the folds and the resampling.")
@click.option("--folds", default=5, show_default=True, help="Folds of the out-of-fold predictions.")
def build(recipe: str, out: str | None, samples: int | None, seed: int, folds: int) -> None:
    """Build the offloading table RECIPE: digits, digits-logistic, digits-bayes, breast-cancer, wine, mnist1d.

    Needs scikit-learn (the extra "offload").

    Examples:

    \b
      olearn trace build digits --out digits.npz
      olearn trace build mnist1d --samples 5000 --out mnist1d.parquet
    """  # noqa: D301
    from olearn.traces.offloading.build import build as make

    table = make(recipe, samples=samples, seed=seed, folds=folds)
    path = table.save(Path(out) if out else Path(f"{recipe}.npz"))
    click.echo(
        f"{table.name}: {len(table):,} samples, local model {table.local_accuracy:.2%} right, "
        f"remote {table.remote_accuracy:.2%}, {table.levels.size:,} distinct confidences"
    )
    click.echo(f"wrote {path}")
