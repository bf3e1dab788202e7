"""``olearn demo``: the main job on the bundled real trace."""

from __future__ import annotations

import click

from olearn.cli.replay import run

POLICIES = ("lru", "lfu", "ftpl", "ogb", "ogd", "omd")


@click.command("demo")
@click.option("--out", default="olearn-demo", show_default=True, type=click.Path(file_okay=False))
@click.option("--seeds", "-s", default=5, show_default=True, help="Number of seeds for randomised policies.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object and nothing else.")
def command(out: str, seeds: int, as_json: bool) -> None:
    r"""Replay the bundled trace (Twitter cluster 52, 250,000 requests) under six policies.

    Prints the table and writes rows, curves and the picture. The same as

    \b
      olearn replay twitter -p lru -p lfu -p ftpl -p ogb -p ogd -p omd -c 1% --seeds 5 --out olearn-demo
    """
    run("twitter", POLICIES, ("1%",), seeds=seeds, as_json=as_json, out=out, picture="replay.png")
