"""``olearn network``: what each node of a network of caches holds, against the relaxed optimum."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import click

from olearn.cli._common import print_table
from olearn.cli._run import Common, common_options, deliver
from olearn.errors import ParameterError

PICTURE = "olearn-network.png"


@click.command("network")
@click.argument("instance", required=False)
@click.option(
    "--policy", "-p", "policies", multiple=True, help="Name or name(parameter=value); may be repeated."
)
@click.option(
    "--topology",
    default=None,
    help="geant, abilene, dtelekom, path:N, tree:B:H, hypercube:D, erdos-renyi:N:P, star:N, bipartite:U:C:D, "
    "or a name of the Topology Zoo or SNDlib; instead of a file.",
)
@click.option("--items", type=int, default=None, help="Items of a made network (default 1,000).")
@click.option("--capacity", type=int, default=None, help="Items that each node of it holds (default 10).")
@click.option("--queries", type=int, default=None, help="Nodes of it where requests enter (default: all).")
@click.option("--network-seed", type=int, default=None, help="Seed of its weights and servers (default 0).")
@click.option(
    "--requests",
    default=None,
    help="zipf:0.8 (the default for a made network), poisson:TIME (by the rates of a file), or a file of "
    "items, one a line.",
)
@click.option("--count", type=int, default=None, help="Requests of zipf (default 100,000).")
@click.option("--request-seed", type=int, default=0, show_default=True, help="Seed of the requests.")
@click.option(
    "--monitor", type=float, default=1.0, show_default=True, help="Looks at contents per unit of time, mean."
)
@click.option("--horizon", type=int, default=None, help="Requests that default parameters are tuned for.")
@click.option("--optimum/--no-optimum", default=True, help="Solve for the relaxed optimum.")
@common_options(PICTURE)
def command(
    instance: str | None,
    policies: Sequence[str],
    topology: str | None,
    items: int | None,
    capacity: int | None,
    queries: int | None,
    network_seed: int | None,
    requests: str | None,
    count: int | None,
    request_seed: int,
    monitor: float,
    horizon: int | None,
    optimum: bool,
    common: Common,
) -> None:
    r"""Serve requests on a network of caches, and say how far each policy is from the relaxed optimum.

    INSTANCE is a JSON file (see docs/networks.md); without one, --topology makes a network.

    Examples:

    \b
      olearn network geant.json -p "tgonline(eta=0.0005)" -p "pga(gamma=1)" -p "ewma-greedy(beta=0.05)" -p lru
      olearn network --topology geant --items 10000 --requests zipf:0.8 -p lru -p "tgonline(eta=0.0005)"
      olearn network geant.json -p "tgonline(coupled=true)" --seeds 5 --out results
    """
    from olearn.engine.networks import DEFAULT_POLICIES, prepare

    common.check(PICTURE)
    given = {"topology": topology, "items": items, "capacity": capacity, "queries": queries,
             "network-seed": network_seed}  # fmt: skip
    if instance is not None:
        made = [f"--{name}" for name, value in given.items() if value is not None]
        if made:
            raise ParameterError(f"{made[0]} makes a network, but the file {instance} is one already")
        if count is not None and not (requests or "").startswith("zipf"):
            raise ParameterError("--count goes with --requests zipf:ALPHA")
        net, asked, times, title = _of_file(instance, requests, count, request_seed)
    else:
        from olearn.traces.networks.topologies import made_network

        made_of = {"items": items, "capacity": capacity, "queries": queries, "seed": network_seed}
        made_of["count"] = count
        net, asked, times, title = made_network(
            topology or "geant",
            requests or "zipf:0.8",
            request_seed=request_seed,
            **{name: value for name, value in made_of.items() if value is not None},
        )
    plan = prepare(
        net,
        list(policies) or DEFAULT_POLICIES,
        common.seeds,
        requests=asked,
        times=times,
        monitor=monitor,
        horizon=horizon,
        checkpoints=common.checkpoints,
        optimum=optimum,
        name=title,
        progress=common.progress,
        store=common.store,
        jobs=common.jobs,
    )
    deliver(common, plan, _print, picture=PICTURE, source=instance)


def _of_file(instance: str, requests: str | None, count: int | None, seed: int) -> tuple[Any, Any, Any, str]:
    """The network of a file, its requests, their times, and what they are called."""
    from pathlib import Path

    import numpy as np

    from olearn.errors import check_real
    from olearn.traces.networks import load_network, own_requests, poisson_times, read_items, sent

    net = load_network(instance)
    if requests is None:
        return net, *own_requests(net, Path(instance).parent, seed)
    kind, _, rest = requests.partition(":")
    if kind == "poisson":
        span = check_real("--requests poisson", rest or "100", 0.0, open_low=True)
        demands, times = poisson_times(net, span, seed)
        return net, demands, times, f"Poisson for {span:g} units of time, seed {seed}"
    if kind == "zipf":
        from olearn.traces.networks.topologies import zipf_items

        alpha = check_real("--requests zipf", rest or "0.8", 0.0)
        demands = sent(net, zipf_items(net.items, alpha, count or 100_000, seed), seed)
        title = f"Zipf {alpha:g}, seed {seed}"
    else:
        demands = sent(net, read_items(requests), seed)
        title = f"items of {requests}"
    rate = float(net.rate.sum()) or demands.size / 100
    return net, demands, np.arange(1, demands.size + 1) / rate, title


def _print(result: Any) -> None:
    told, net = result.manifest["trace"], result.manifest["network"]
    click.echo(f"{told['name']}: {told['requests']:,} requests in {told['time']:,.4g} units of time")
    click.echo(
        f"{net['nodes']} nodes, {len(net['edges'])} edges, {sum(net['capacity']):,} places, "
        f"{net['items']:,} items, "
        f"{net['demands']:,} demands"
    )
    click.echo()
    click.echo(str(result))
    click.echo()
    click.echo("tacg: time-averaged caching gain, weight saved a request, both ways;")
    click.echo("optimum: of the relaxation, by the demands' rates; messages: hops;")
    click.echo("update_cost: (node, item) pairs new since the last monitoring instant;")
    click.echo("regret: psi times the relaxed optimum of the requests that came, minus the gain;")
    click.echo("psi, the share of the optimum that the bound is about: " + ", ".join(_shares(result)))
    for sentence in result.verdicts():
        click.echo(f"bound of {sentence}")
    click.echo()
    columns = ("comparator", "value", "upper_bound", "gap", "convention")
    print_table(result.optima_rows(), columns, title="optimum and the bound that certifies it:")


def _shares(result: Any) -> list[str]:
    rows = {row["policy"]: row["psi"] for row in result.rows}
    return [f"{policy} {psi:.3g}" for policy, psi in rows.items()]
