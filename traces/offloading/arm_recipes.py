"""Ready-made tables of arms by name: ``olearn trace build NAME``."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from olearn.errors import unknown


def _digits_exits(samples: int | None, seed: int) -> Any:
    from olearn.traces.offloading.exits import digits_exits

    table = digits_exits(seed=seed)
    return table if samples is None else table.resample(samples, seed)


def _synthetic_exits(samples: int | None, seed: int) -> Any:
    from olearn.traces.offloading.exits import synthetic_exits

    return synthetic_exits(10_000 if samples is None else samples, seed=seed)


def _routing(samples: int | None, seed: int) -> Any:
    from olearn.traces.offloading.routing import synthetic_routing

    return synthetic_routing(10_000 if samples is None else samples, contexts=4, features=4, seed=seed)


def _mdinference(samples: int | None, seed: int) -> Any:
    from olearn.traces.offloading.routing import catalogue_routing

    return catalogue_routing(10_000 if samples is None else samples, seed=seed)


def _servers(samples: int | None, seed: int) -> Any:
    from olearn.traces.offloading.servers import poisson_arrivals

    return poisson_arrivals(20_000 if samples is None else samples, 6.0, bursts=6, seed=seed)


#: Name -> maker, called with the number of samples (None: the usual one) and a seed.
ARM_RECIPES: dict[str, Callable[[int | None, int], Any]] = {
    "digits-exits": _digits_exits,
    "synthetic-exits": _synthetic_exits,
    "routing": _routing,
    "mdinference": _mdinference,
    "servers": _servers,
}


def build_arms(recipe: str, samples: int | None = None, seed: int = 0) -> Any:
    """Build a table of arms by name.

    Examples
    --------
    >>> build_arms("routing", samples=5)
    <RoutingTable synthetic-routing: 5 samples, correct, price, features, context>
    """
    if recipe not in ARM_RECIPES:
        raise unknown("recipe", recipe, ARM_RECIPES)
    return ARM_RECIPES[recipe](samples, seed)
