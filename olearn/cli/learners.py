"""``olearn learners [NAME]``: the learners, and what one of them does and promises."""

from __future__ import annotations

import inspect
from typing import Any

import click

from olearn.cli._common import out, print_json, print_table
from olearn.errors import OlearnError
from olearn.learners.catalogue import get_learner, learners


def summary(name: str) -> dict[str, Any]:
    """What the catalogue says about a learner, as a flat dict."""
    cls = get_learner(name)
    row: dict[str, Any] = {
        "learner": name,
        "feedback": cls.feedback or "-",
        "randomised": bool(cls.randomised),
        "rule": cls.rule,
        "tuning": cls.tuning,
        "reference": cls.reference,
        "class": f"{cls.__module__}.{cls.__qualname__}",
    }
    row |= _promise(cls)
    return row


def _promise(cls: Any) -> dict[str, Any]:
    """The bound of the class's example: formula, value, comparator, guarantee, assumptions, source."""
    try:
        learner = cls.example()
        own = getattr(learner, "horizon", None)
        bound = learner.bound() if own is not None else learner.bound(10_000)
    except (NotImplementedError, OlearnError):
        return {"bound": None}
    if bound is None:
        return {"bound": None}
    return {
        "bound": bound.formula,
        "bound_value": bound.value,
        "example": repr(learner),
        "comparator": bound.comparator,
        "guarantee": bound.guarantee,
        "assumptions": list(bound.assumptions),
        "source": bound.source,
    }


@click.command("learners")
@click.argument("name", required=False)
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def command(name: str | None, as_json: bool) -> None:
    r"""List the learners (convex optimisation, experts, bandits), or say all about one.

    \b
    Examples:
      olearn learners
      olearn learners hedge
      olearn learners ogd --json
    """
    if name is None:
        rows = [summary(n) for n in learners()]
        if as_json:
            print_json(rows)
            return
        for row in rows:
            row["bounded"] = row["bound"] is not None
        print_table(rows, ["learner", "feedback", "randomised", "bounded", "rule"])
        return
    row = summary(name)
    if as_json:
        print_json({**row, "parameters": _parameters(name)})
        return
    cls = get_learner(name)
    out.print(f"{name}: {(inspect.getdoc(cls) or '').split(chr(10))[0]}", markup=False)
    for key in ("class", "feedback", "rule", "tuning", "reference"):
        out.print(f"  {key + ':':<12}{row[key]}", markup=False)
    for key in ("bound", "comparator", "guarantee", "source", "example"):
        if row.get(key):
            text = f"{row[key]}"
            if key == "example":
                text += f" -> {row['bound_value']:.6g}"
            out.print(f"  {key + ':':<12}{text}", markup=False)
    for assumption in row.get("assumptions", ()):
        out.print(f"  {'if:':<12}{assumption}", markup=False)
    out.print(f"  {'parameters:':<12}{', '.join(_parameters(name))}", markup=False)


def _parameters(name: str) -> list[str]:
    """The constructor's parameters with their defaults."""
    signature = inspect.signature(get_learner(name).__init__)
    return [str(p).split(":")[0] + _default(p) for n, p in signature.parameters.items() if n != "self"]


def _default(parameter: inspect.Parameter) -> str:
    return "" if parameter.default is inspect.Parameter.empty else f"={parameter.default!r}"
