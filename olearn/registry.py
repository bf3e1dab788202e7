"""Names of policies to classes, and texts such as ``ogb(eta=0.01)`` to names and parameters.

A policy is found by its name: ``hil-f`` is the class whose ``name`` is that, in the module ``hil_f``
of its game's folder. Nothing is listed twice. Policies of other packages are found through the
entry-point group ``olearn.policies``; the entry's name is the policy's name and its value the class.
"""

from __future__ import annotations

import ast
import functools
import importlib
import importlib.metadata
import importlib.util
import inspect
import pkgutil
import re
import warnings
from typing import Any

from olearn.errors import ParameterError, nearest, unknown

#: The games, each a folder of policies.
GAMES = ("caching", "offloading", "delivery", "networks", "prefix", "moe")
ENTRY_POINTS = "olearn.policies"

_SPEC = re.compile(r"^\s*([A-Za-z0-9][\w-]*)\s*(?:\((.*)\))?\s*$", re.S)


def parse_spec(text: str) -> tuple[str, dict[str, Any]]:
    """Split ``name(a=1, b=text)`` into the name and the parameters.

    Values are Python literals; a bare word is text, ``true``, ``false`` and ``none`` are what they say.

    Raises
    ------
    ParameterError
        If the text is not of that form.

    Examples
    --------
    >>> parse_spec("ogb(eta=0.01)")
    ('ogb', {'eta': 0.01})
    >>> parse_spec("hil-f(axis=rank, points=16)")
    ('hil-f', {'axis': 'rank', 'points': 16})
    """
    match = _SPEC.match(text)
    if not match:
        raise ParameterError(f"a policy is written name or name(parameter=value, ...), got {text!r}")
    name, inside = match.group(1).lower(), match.group(2)
    if not inside or not inside.strip():
        return name, {}
    try:
        call = ast.parse(f"f({inside})", mode="eval").body
        assert isinstance(call, ast.Call)
        if call.args or any(k.arg is None for k in call.keywords):
            raise ValueError
        parameters = {str(k.arg): _literal(k.value) for k in call.keywords}
    except (SyntaxError, ValueError, AssertionError):
        raise ParameterError(
            f"the parameters of {name!r} must be written parameter=value, ..., got ({inside})"
        ) from None
    return name, parameters


def _literal(node: ast.expr) -> Any:
    if isinstance(node, ast.Name):
        return {"true": True, "false": False, "none": None}.get(node.id.lower(), node.id)
    return ast.literal_eval(node)


@functools.cache
def classes(game: str) -> dict[str, type]:
    """All policies of a game by name: olearn's own, then those of other packages."""
    if game not in GAMES:
        raise unknown("game", game, GAMES)
    package = importlib.import_module(f"olearn.policies.{game}")
    found: dict[str, type] = {}
    for info in pkgutil.iter_modules(package.__path__):
        if not info.name.startswith("_"):
            found.update(_in_module(f"{package.__name__}.{info.name}"))
    for entry in importlib.metadata.entry_points(group=ENTRY_POINTS):
        try:
            policy = entry.load()
            lacks = [a for a in ("name", "rule", "reference", "tunable", "bound") if not hasattr(policy, a)]
            if lacks:
                raise TypeError(f"it has no {', '.join(lacks)}: is it a policy class?")
        except Exception as error:  # somebody else's package must not take ours down
            warnings.warn(f"the policy {entry.value} of another package can't be loaded: {error}", stacklevel=2)
            continue
        if getattr(policy, "game", "caching") == game:
            found.setdefault(entry.name.lower(), policy)
    return dict(sorted(found.items()))


def _in_module(path: str) -> dict[str, type]:
    module = importlib.import_module(path)
    members: list[tuple[str, Any]] = inspect.getmembers(module, inspect.isclass)
    return {
        c.name: c
        for _, c in members
        if c.__module__ == path and isinstance(getattr(c, "name", None), str) and c.name
    }


def names(game: str) -> list[str]:
    """Names of all policies of a game, sorted."""
    return list(classes(game))


def find(game: str, name: str) -> Any:
    """The class of a policy by its name; only its own module is imported.

    Raises
    ------
    UnknownNameError
        With the nearest name and all known ones.
    """
    name = name.lower()
    if game in GAMES and re.fullmatch(r"[a-z][a-z0-9-]*", name):
        path = f"olearn.policies.{game}.{name.replace('-', '_')}"
        try:
            exists = importlib.util.find_spec(path) is not None
        except ModuleNotFoundError:
            exists = False
        if exists and name in (own := _in_module(path)):
            return own[name]
    known = classes(game)
    if name not in known:
        raise unknown("policy", name, known)
    return known[name]


def check_parameters(policy: Any, parameters: dict[str, Any]) -> None:
    """Refuse a parameter that the policy does not have, with the nearest name that it does."""
    allowed = list(policy.tunable())
    for name in parameters:
        if name not in allowed:
            has = f"it has {', '.join(allowed)}" if allowed else "it has none"
            raise ParameterError(
                f"policy {policy.name!r} has no parameter {name!r}{nearest(name, allowed)}; {has}"
            )


def make(game: str, spec: str, **common: Any) -> Any:
    """Build a policy from a text such as ``ogb(eta=0.01)`` and the game's common parameters.

    Examples
    --------
    >>> make("caching", "lru", capacity=2, catalog_size=5)
    LRU(capacity=2, catalog_size=5)
    """
    name, parameters = parse_spec(spec)
    policy = find(game, name)
    check_parameters(policy, parameters)
    return policy(**common, **parameters)
