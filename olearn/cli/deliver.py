"""``olearn deliver``: models on the nodes of a network, requests that climb towards a repository."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import click

from olearn.cli._common import err, print_table
from olearn.cli._run import Common, common_options, deliver
from olearn.errors import ParameterError

PICTURE = "olearn-deliver.png"


@click.command("deliver")
@click.argument("network", required=False)
@click.option(
    "--policy", "-p", "policies", multiple=True, help="Name or name(parameter=value); may be repeated."
)
@click.option("--topology", default=None, help="tree7 (default), isp36, path3; instead of a file.")
@click.option("--catalogue", default=None, help="yolov4 (default), yolov4-all, mdinference.")
@click.option("--tasks", type=int, default=None, help="Tasks, each with the catalogue's models (default 20).")
@click.option("--alpha", type=float, default=None, help="Milliseconds per unit of accuracy (default 100).")
@click.option("--limit", type=float, default=None, help="Requests a slot that a model serves (default: any).")
@click.option("--split", default=None, help="How request types share a bounded model: proportional, own.")
@click.option("--slots", type=int, default=None, help="Slots (default 300).")
@click.option("--rate", type=float, default=None, help="Requests a slot, task and entry, on average (60).")
@click.option(
    "--requests",
    default=None,
    help="zipf:1.2 (default), sliding:1.2 or sliding:1.2:30 (slots between moves), or a CSV of arrival times.",
)
@click.option("--demand-seed", type=int, default=0, show_default=True, help="Seed of the demand.")
@click.option("--horizon", type=int, default=None, help="Slots that default parameters are tuned for.")
@click.option("--optimum/--no-optimum", default=True, help="Solve for the relaxed optimum.")
@common_options(PICTURE)
def command(
    network: str | None,
    policies: Sequence[str],
    topology: str | None,
    catalogue: str | None,
    tasks: int | None,
    alpha: float | None,
    limit: float | None,
    split: str | None,
    slots: int | None,
    rate: float | None,
    requests: str | None,
    demand_seed: int,
    horizon: int | None,
    optimum: bool,
    common: Common,
) -> None:
    r"""Serve requests for models placed on a network, and say how far each policy is from the relaxed optimum.

    NETWORK is a JSON file (see docs/delivery.md); without one, --topology and --catalogue make a network.

    Examples:

    \b
      olearn deliver --topology tree7 --catalogue yolov4 -p "infida(eta=0.05)" -p olag
      olearn deliver -p "infida(eta=0.05,residual=none)" --requests sliding:1.2:30 --seeds 5 --out results
      olearn deliver network.json -p olag -p static-greedy --json
    """
    from olearn.engine.delivery import DEFAULT_POLICIES, prepare
    from olearn.errors import check_positive_int
    from olearn.traces.delivery import build, load_network

    common.check(PICTURE)
    given = {"topology": topology, "catalogue": catalogue, "tasks": tasks, "limit": limit, "split": split}
    rates = own = None
    if network is not None:
        made = [f"--{name}" for name, value in given.items() if value is not None]
        if made or alpha is not None:
            option = (made or ["--alpha"])[0]
            raise ParameterError(f"{option} makes a network, but the file {network} is one already")
        net, rates, own = load_network(network)
    else:
        more: dict[str, Any] = {"limit": limit}
        for name, value in (("tasks", tasks), ("alpha", alpha), ("split", split)):
            if value is not None:
                more[name] = value
        net = build(topology or "tree7", catalogue or "yolov4", **more)
    count = None if slots is None else check_positive_int("slots", slots)
    demand, title = _demand(net, requests, count, rate, demand_seed, rates, own)
    plan = prepare(
        net,
        demand,
        list(policies) or DEFAULT_POLICIES,
        common.seeds,
        horizon=horizon,
        checkpoints=common.checkpoints,
        optimum=optimum,
        name=title,
        progress=common.progress,
        store=common.store,
        jobs=common.jobs,
    )
    deliver(common, plan, _print, picture=PICTURE, source=network)


def _demand(
    net: Any, requests: str | None, slots: int | None, rate: float | None, seed: int, rates: Any, own: Any
) -> tuple[Any, str]:
    """The demand and what it is called."""
    from olearn.traces.delivery import arrivals_demand, poisson_demand, rates_demand, sliding_demand
    from olearn.traces.delivery.arrivals import load_arrivals

    if requests is None and own is not None:
        if rate is not None:
            raise ParameterError("--rate makes a demand, but the file has one already (--requests replaces it)")
        return (own if slots is None else own[:slots]), "its own demand"
    if requests is None and rates is not None:
        if rate is not None:
            raise ParameterError("--rate makes a demand, but the file has rates (--requests replaces them)")
        return rates_demand(net, rates, slots or 300, seed=seed), f"Poisson at its own rates, seed {seed}"
    kind, _, rest = (requests or "zipf:1.2").partition(":")
    mean = 60.0 if rate is None else rate
    if kind == "zipf":
        alpha = _float("zipf", rest or "1.2")
        return poisson_demand(net, slots or 300, mean, alpha, seed=seed), f"Zipf {alpha:g}, seed {seed}"
    if kind == "sliding":
        first, _, period = rest.partition(":")
        alpha = _float("sliding", first or "1.2")
        moved = int(_float("sliding", period or "30"))
        found = sliding_demand(net, slots or 300, mean, alpha, moved, seed=seed)
        return found, f"Zipf {alpha:g} sliding every {moved} slots, seed {seed}"
    if rate is not None:
        raise ParameterError("--rate does not go with a trace of arrivals, which has its own")
    assert requests is not None
    times = load_arrivals(requests)
    err.print(f"{requests}: {times.size:,} arrival times over {times[-1]:,.0f} s; nothing else of it is used")
    return arrivals_demand(net, times, slots or 300, seed=seed), f"arrivals of {requests}, seed {seed}"


def _float(what: str, text: str) -> float:
    try:
        return float(text)
    except ValueError:
        raise ParameterError(f"--requests {what} takes a number after the colon, got {text!r}") from None


def _print(result: Any) -> None:
    told, net = result.manifest["trace"], result.manifest["network"]
    click.echo(f"{told['name']}: {told['slots']:,} slots, {told['requests']:,.0f} requests")
    click.echo(
        f"{len(net['nodes'])} nodes, {net['models']} models for {net['tasks']} tasks, "
        f"{net['request_types']} request types, alpha {net['alpha']:g} ms per unit of accuracy"
    )
    click.echo()
    click.echo(str(result))
    click.echo()
    click.echo("gain: ms saved against serving from the repositories alone; ratio: to the optimum's gain;")
    click.echo("certificate: what the run proves about the regret of the policy's fractions, in ms")
    if any(row["peak_budget"] > 1 + 1e-9 for row in result.summary()):
        click.echo("peak_budget above 1: the rounding keeps the budget on average only")
    if any(run.row["fractional"] for run in result.runs):
        click.echo("residual=none serves with fractions of models, which no network can hold: an upper line")
    for sentence in result.verdicts():
        click.echo(f"bound of {sentence}")
    click.echo()
    columns = ("comparator", "value", "upper_bound", "gap", "convention")
    print_table(result.optima_rows(), columns, title="optimum (ms) and the bound that certifies it:")
