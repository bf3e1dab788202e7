"""Replay of the caching game: policies x capacities x seeds over one loaded trace."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np

from olearn.engine.caching.capacity import in_bytes, parse_bytes, parse_capacity
from olearn.engine.caching.game import OFFLINE, CachingGame
from olearn.engine.caching.result import CachingResult, SizedResult
from olearn.engine.caching.sized import SizedGame, smallest
from olearn.engine.choices import as_list, as_seeds, choices, spaced
from olearn.engine.game import Ask
from olearn.engine.machine import Plan, plan
from olearn.errors import NotSupportedError, ParameterError, check_int, check_positive_int, unknown

__all__ = [
    "OFFLINE",
    "CachingGame",
    "CachingResult",
    "SizedGame",
    "SizedResult",
    "parse_capacity",
    "prepare",
    "replay",
]


def replay(
    trace: Any,
    policies: Any = ("lru", "lfu", "ftpl", "ogb"),
    capacity: Any = None,
    seeds: int | Iterable[int] = 1,
    *,
    horizon: int | None = None,
    checkpoints: int = 200,
    offline: bool = True,
    progress: bool | None = None,
    store: str | Path | None = None,
    jobs: int | None = 1,
    catalog: int | None = None,
    unit: str | None = None,
) -> CachingResult:
    """Replay a trace against caching policies and measure their regret.

    Parameters
    ----------
    trace : Trace, path, str, or what Trace.from_keys takes
        The requests, in order: a trace, a file or the name of a bundled trace (as for
        :func:`olearn.load_trace`), or the keys themselves.
    policies : str, type, callable, a sequence of these, or a dict from labels to these
        Names such as ``"lru"`` or ``"ogb(eta=0.01)"``, subclasses of ``CachingPolicy``, or callables that
        take ``capacity, catalog_size, horizon, seed`` by keyword and return a policy. A dict gives each a
        label of its own: ``{"mine": make}``.
    capacity : int, float, str, or a sequence of these
        Whole numbers of items, or shares of the catalogue such as ``"5%"``; by default 1 % of the
        catalogue, at least one item.
    seeds : int or iterable of int
        How many seeds (0, 1, ...), or which. Deterministic policies run once.
    horizon : int, optional
        Number of requests that default parameters are tuned for; by default the length of the trace.
    checkpoints : int
        Number of points of the curves, equally spaced over the trace.
    offline : bool
        Whether to add the offline rows ``static``, ``belady`` and ``belady-bypass``.
    progress : bool, optional
        Whether to show a progress bar; by default only on a terminal, after a second.
    store : path, optional
        Folder in which every finished run is kept as it ends. A later call with the same trace, policy,
        parameters, capacity, seed and code takes the run from there instead of repeating it.
    jobs : int, optional
        Runs and optima at once, on threads over the one trace; None for the cores of the process. The
        numbers are the same for any.
    catalog : int, optional
        Number of items that policies know of, at least those of the trace, which is the default. Shares
        of the catalogue are shares of it.
    unit : {"items", "bytes"}, optional
        What capacities count. By default bytes where one is written in bytes (``"64mb"``), else items. In
        bytes a request earns the bytes of its item; the trace must have sizes, and the policies must be able
        to count bytes (``"sizes"`` among their `capabilities`). Shares are then shares of the footprint, the
        sum of each item's smallest size.

    Returns
    -------
    CachingResult
        Ctrl-C ends the replay early, and the result holds what there is: ``result.complete`` is false,
        and the run that was interrupted stands with the requests it has served.

    Raises
    ------
    OlearnError
        With one sentence, before anything runs: an unknown policy or parameter, a capacity that is not
        understood, below 1 or above the catalogue.

    Examples
    --------
    >>> import olearn
    >>> trace = olearn.traces.Trace.from_keys([1, 2, 1, 3, 1, 2] * 50)
    >>> result = olearn.replay(trace, ["lru", "ogd"], capacity=2)
    >>> [(r["policy"], r["reward"], r["static_optimum"]) for r in result.rows[:1]]
    [('lru', 198.0, 250.0)]
    """
    result: CachingResult = prepare(
        trace,
        policies,
        capacity,
        seeds,
        horizon=horizon,
        checkpoints=checkpoints,
        offline=offline,
        progress=progress,
        store=store,
        jobs=jobs,
        catalog=catalog,
        unit=unit,
    )()
    return result


def prepare(
    trace: Any,
    policies: Any,
    capacity: Any = None,
    seeds: int | Iterable[int] = 1,
    *,
    horizon: int | None = None,
    checkpoints: int = 200,
    offline: bool = True,
    catalog: int | None = None,
    unit: str | None = None,
    **how: Any,
) -> Plan:
    """What :func:`replay` will run, every parameter checked."""
    trace = as_trace(trace)
    found = choices(policies)
    seed_list = as_seeds(seeds)
    planned = len(trace) if horizon is None else check_positive_int("horizon", horizon)
    points = spaced(len(trace), checkpoints)
    n = trace.catalog_size if catalog is None else check_int("catalog", catalog, trace.catalog_size)
    asked = ["1%"] if capacity is None else as_list(capacity)
    if not asked:
        raise ParameterError("give at least one capacity")
    if unit is None:
        unit = "bytes" if any(in_bytes(c) for c in asked) else "items"
    if unit not in ("items", "bytes"):
        raise unknown("unit", str(unit), ("items", "bytes"))
    kind = CachingGame
    if unit == "items":
        if capacity is None:
            asked = [max(1, round(n / 100))]
        capacities = list(dict.fromkeys(parse_capacity(c, n) for c in asked))
    else:
        kind = SizedGame
        capacities = _capacities_in_bytes(trace, asked)
    game = kind(trace, capacities, planned, n, offline)
    return plan(game, Ask(found, seed_list), points, **how)


def _capacities_in_bytes(trace: Any, asked: list[Any]) -> list[int]:
    """Capacities in bytes, each able to hold something."""
    if trace.sizes is None:
        raise ParameterError(
            "a capacity in bytes needs sizes, and the trace has none: count items (--unit items)"
        )
    if not hasattr(trace, "next_use"):
        raise NotSupportedError("a trace on disk is replayed in items: load it into memory to count bytes")
    by_item = smallest(trace)
    footprint = int(by_item.sum())
    capacities = list(dict.fromkeys(parse_bytes(c, footprint) for c in asked))
    least = int(by_item[np.unique(trace.items)].min())
    for capacity in capacities:
        if capacity < least:
            raise ParameterError(f"the capacity of {capacity:,} bytes is below the smallest item's {least:,}")
    return capacities


def as_trace(trace: Any) -> Any:
    """A trace: as it is, loaded, or made of keys."""
    from olearn.traces import Trace, load

    if isinstance(trace, (str, Path)):
        return load(trace)
    if getattr(trace, "operations", None) is not None:
        raise NotSupportedError(
            "writes and deletes are not played here: load the trace with operations='get', or name the requests"
        )
    return trace if isinstance(trace, Trace) or hasattr(trace, "blocks") else Trace.from_keys(trace)
