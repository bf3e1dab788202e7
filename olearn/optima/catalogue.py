"""The comparators of a caching trace by name, as the command line and reports ask for them.

>>> from olearn.traces import Trace
>>> trace = Trace.from_keys([0, 1, 0, 2, 0, 1])
>>> optimum(trace, 2, "k-switch:1").value
5.0
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

from olearn import optima
from olearn.errors import NotSupportedError, ParameterError, unknown
from olearn.optima._optimum import Optimum


class Comparator(NamedTuple):
    """What a name stands for."""

    #: ``solve(trace, capacity, argument, value, time_limit) -> Optimum``.
    solve: Callable[..., Optimum]
    #: What stands after the colon, or None: ``k-switch:K``.
    argument: str | None
    #: Whether the capacity is in units of size.
    sized: bool
    text: str


def _unit(name: str) -> Callable[..., Optimum]:
    def run(trace: Any, capacity: int, argument: Any, value: str, time_limit: float | None) -> Optimum:
        return getattr(optima, name)(trace.items, capacity, catalog_size=trace.catalog_size)

    return run


def _with(name: str, cast: Callable[[str], Any], limited: bool = False) -> Callable[..., Optimum]:
    def run(trace: Any, capacity: int, argument: Any, value: str, time_limit: float | None) -> Optimum:
        more = {"time_limit": time_limit} if limited else {}
        function = getattr(optima, name)
        return function(trace.items, capacity, cast(argument), catalog_size=trace.catalog_size, **more)

    return run


def _sized(name: str, limited: bool = False, **fixed: Any) -> Callable[..., Optimum]:
    def run(trace: Any, capacity: float, argument: Any, value: str, time_limit: float | None) -> Optimum:
        more = {**fixed, "time_limit": time_limit} if limited else dict(fixed)
        return getattr(optima, name)(
            trace.items, capacity, sizes_of(trace), worth(trace, value), catalog_size=trace.catalog_size, **more
        )

    return run


COMPARATORS = {
    "static": Comparator(_unit("static_prefilled"), None, False, "best set, held from the start for free"),
    "fetch-charged": Comparator(
        _unit("static_fetch_charged"), None, False, "best set, each item a miss at its first request"
    ),
    "fetch-cost": Comparator(
        _with("static_with_fetch_cost", float), "F", False, "best set when holding an item costs F once"
    ),
    "belady": Comparator(_unit("belady"), None, False, "MIN: every missed item is inserted"),
    "belady-bypass": Comparator(_unit("belady_bypass"), None, False, "MIN when a missed item may be bypassed"),
    "k-switch": Comparator(_with("k_switch", int), "K", False, "best with at most K changes of the set"),
    "per-window": Comparator(
        _with("best_per_window", int), "W", False, "best set of each window of W requests, changed for free"
    ),
    "movement-budget": Comparator(
        _with("movement_budget", int, True), "B", False, "best sequence with at most B insertions"
    ),
    "switching-cost": Comparator(
        _with("switching_cost", float, True), "C", False, "best sequence when an insertion costs C hits"
    ),
    "static-sized": Comparator(_sized("static_sized", True), None, True, "best set of whole items (0/1)"),
    "static-sized-fractional": Comparator(
        _sized("static_sized_fractional"), None, True, "the same with one item split"
    ),
    "static-sized-greedy": Comparator(_sized("static_sized_greedy"), None, True, "greedy set, value per size"),
    "belady-sized": Comparator(_sized("belady_sized"), None, True, "Belady's rule by bytes (not optimal)"),
    "interval-lp": Comparator(
        _sized("interval_lp", True), None, True, "flow bound on all caches that start empty"
    ),
    "sized": Comparator(_sized("sized", True), None, True, "a schedule that fits, and a certified bound"),
}
#: What "all" stands for, without and with sizes in the trace.
ALL = ("static", "fetch-charged", "belady", "belady-bypass", "k-switch:10")
ALL_SIZED = ("static-sized", "static-sized-fractional", "belady-sized", "sized")
#: What a hit may be worth.
VALUES = ("objects", "bytes", "cost")


def parse(name: str) -> tuple[Comparator, str | None]:
    """The comparator of a name such as ``"k-switch:10"`` and its argument."""
    head, colon, argument = name.partition(":")
    if head not in COMPARATORS:
        known = [n if c.argument is None else f"{n}:{c.argument}" for n, c in COMPARATORS.items()]
        raise unknown("comparator", name, [*known, "all"])
    comparator = COMPARATORS[head]
    if (comparator.argument is None) == bool(colon):
        wanted = head if comparator.argument is None else f"{head}:{comparator.argument}"
        raise ParameterError(f"comparator {name!r} is written {wanted}")
    return comparator, argument or None


def optimum(
    trace: Any,
    capacity: float,
    comparator: str = "static",
    *,
    value: str = "objects",
    time_limit: float | None = None,
) -> Optimum:
    """One comparator of one trace.

    Parameters
    ----------
    trace : Trace
    capacity : float
        Items, or units of size (bytes) for the comparators with sizes.
    comparator : str
        A name of :data:`COMPARATORS`, with its argument: ``"k-switch:10"``.
    value : {"objects", "bytes", "cost"}
        What a hit is worth, for the comparators with sizes: 1, the item's size, or the request's cost.
    time_limit : float, optional
        Seconds for a solver.
    """
    found, argument = parse(comparator)
    if value not in VALUES:
        raise unknown("value of a hit", value, VALUES)
    if not found.sized and value != "objects":
        raise NotSupportedError(f"{comparator} counts hits; value={value!r} goes with the comparators by size")
    try:
        return found.solve(trace, capacity, argument, value, time_limit)
    except ValueError as error:
        if isinstance(error, ParameterError):
            raise
        raise ParameterError(f"comparator {comparator!r}: {argument!r} is not a number") from None


def sizes_of(trace: Any) -> np.ndarray:
    """Size of each item (at its first request), float64 (N,); 1 where the trace has no sizes."""
    return trace.item_sizes().astype(np.float64)


def worth(trace: Any, value: str) -> np.ndarray | None:
    """What a hit at each request is worth, float64 (T,), or None for 1."""
    if value == "bytes":
        return sizes_of(trace)[trace.items]
    if value == "cost":
        if trace.costs is None:
            raise NotSupportedError("value='cost' needs a trace with a cost column")
        return trace.costs
    return None
