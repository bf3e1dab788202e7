"""``olearn demo``: the main job on the bundled real trace."""

from __future__ import annotations

import click

from olearn.cli._run import Common, common_options
from olearn.cli.replay import run

POLICIES = ("experts", "lru", "lfu", "ftpl", "ogb", "ogd", "omd")


@click.command("demo")
@common_options("replay.png", seeds=5, out="olearn-demo")
def command(common: Common) -> None:
    r"""Replay the bundled trace (Twitter cluster 52, 250,000 requests) under seven policies.

    Prints the table and writes rows, curves and the picture. The same as

    \b
      olearn replay twitter -p experts -p lru -p lfu -p ftpl -p ogb -p ogd -p omd -c 1% --seeds 5
    """
    run("twitter", POLICIES, ("1%",), common, picture="replay.png")
