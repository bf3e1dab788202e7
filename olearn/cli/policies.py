"""``olearn policies``: what there is, and what each promises."""

from __future__ import annotations

import inspect
from typing import Any

import click

from olearn.cli._common import print_json, print_table

#: The example for which bounds are printed.
EXAMPLE = {"capacity": 1000, "catalog_size": 100_000, "horizon": 10_000_000}

#: Class attributes that qualify a policy, and how the table says so.
KINDS = (("fractional", "fractional"), ("soft_capacity", "soft capacity"))


@click.command("policies")
@click.argument("name", required=False)
@click.option("--game", default=None, help="caching or offloading; by default all.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object and nothing else.")
def command(name: str | None, game: str | None, as_json: bool) -> None:
    """List the policies, or tell everything about one: rule, parameters, regret bound, reference."""
    from olearn import registry
    from olearn.errors import unknown

    games = (game,) if game else registry.GAMES
    found = [(g, n, c) for g in games for n, c in registry.classes(g).items()]
    if name is None:
        rows = [_row(g, n, c) for g, n, c in found]
        if as_json:
            print_json({"policies": rows})
        else:
            print_table(rows, ("game", "policy", "kind", "draws", "bound", "parameters", "rule"))
            click.echo("\n`olearn policies NAME` tells rule, bound and reference of one.")
        return
    chosen = [(g, n, c) for g, n, c in found if n == name.lower()]
    if not chosen:
        raise unknown("policy", name, [n for _, n, _ in found])
    if as_json:
        print_json({"policies": [_row(g, n, c) | {"bound_example": _bound(c)} for g, n, c in chosen]})
        return
    for g, n, c in chosen:
        _describe(g, n, c)


def _row(game: str, name: str, policy: Any) -> dict[str, Any]:
    kind = "offline" if getattr(policy, "offline", False) else "online"
    return {
        "game": game,
        "policy": name,
        "kind": ", ".join([kind, *(w for a, w in KINDS if getattr(policy, a, False))]),
        "draws": "random" if getattr(policy, "randomised", False) else "",
        "bound": _guarantee(policy),
        "parameters": ", ".join(_parameters(policy)) or "",
        "rule": policy.rule,
        "reference": policy.reference,
    }


def _parameters(policy: Any) -> list[str]:
    def default(p: inspect.Parameter) -> str:
        if p.default is inspect.Parameter.empty:
            return ""
        return "=auto" if p.default is None else f"={p.default}"

    return [f"{n}{default(p)}" for n, p in policy.tunable().items()]


def _bound(policy: Any) -> dict[str, Any] | None:
    """The bound of the example, or None where there is none or the game has no such example."""
    if getattr(policy, "offline", False):
        return None
    try:
        bound = policy(**EXAMPLE).bound()
    except TypeError:
        return None
    return None if bound is None else bound._asdict()


def _guarantee(policy: Any) -> str:
    bound = _bound(policy)
    if bound is not None:
        return str(bound["guarantee"])
    if getattr(policy, "offline", False):
        return ""
    # A game whose bounds need more than the example: say whether the policy declares one at all.
    owner = next(c for c in policy.__mro__ if "bound" in c.__dict__)
    return "none" if owner.__module__.endswith("._base") else "declared"


def _describe(game: str, name: str, policy: Any) -> None:
    click.echo(f"{name} ({game})\n")
    click.echo(inspect.cleandoc(policy.__doc__ or "").split("\nExamples\n")[0].rstrip())
    click.echo(f"\nRule       {policy.rule}")
    click.echo(f"Parameters {', '.join(_parameters(policy)) or 'none'}")
    bound = _bound(policy)
    if bound is not None:
        at = ", ".join(f"{k} {v:,}" for k, v in EXAMPLE.items())
        click.echo(f"Bound      {bound['formula']}  against the {bound['comparator']}, {bound['guarantee']}")
        for assumption in bound["assumptions"]:
            click.echo(f"           if {assumption}")
        click.echo(f"           = {bound['value']:,.0f} for {at}")
        click.echo(f"           {bound['source']}")
    elif _guarantee(policy) == "declared":
        click.echo("Bound      declared; its value depends on the table that is played, see above")
    elif not getattr(policy, "offline", False):
        click.echo("Bound      none declared")
    click.echo(f"Reference  {policy.reference}")
