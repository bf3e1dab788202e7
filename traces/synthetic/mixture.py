"""A mixture: every request comes from one of several traces, drawn with fixed chances.

Each part keeps its own order; only how they interleave is random. With disjoint catalogues the parts'
items are different items; with a shared one, equal keys are one item.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from olearn._rng import new_state
from olearn.errors import NotSupportedError, ParameterError, check_positive_int
from olearn.traces._trace import Trace
from olearn.traces.synthetic._draw import draw


def mixture(
    parts: Sequence[Trace],
    weights: Any = None,
    requests: int | None = None,
    seed: int = 0,
    *,
    shared: bool = False,
) -> Trace:
    """Interleave traces at random.

    Parameters
    ----------
    parts : sequence of Trace
        The traces, each read from its start in its own order.
    weights : array-like of shape (len(parts),), optional
        Chance of each part, scaled to sum 1; equal by default.
    requests : int, optional
        Number of requests; by default all until the part whose turn it is has no more.
    seed : int
    shared : bool
        Whether equal keys in different parts are one item. Otherwise whole-number keys of a part are
        counted on from the largest of the part before, and other keys become ``"k:key"``.

    Returns
    -------
    Trace
        With sizes if all parts have them; without times, which would not be in order.

    Raises
    ------
    ParameterError
        Bad weights, or a part that runs out before `requests`.
    NotSupportedError
        Some parts have sizes or costs and some have none.

    Examples
    --------
    >>> from olearn.traces.synthetic import cyclic
    >>> trace = mixture([cyclic(50, 2), cyclic(50, 3)], [0.5, 0.5], seed=1)
    >>> trace.catalog_size, sorted(trace.keys.tolist())
    (5, [0, 1, 2, 3, 4])
    """
    parts = list(parts)
    if not parts or not all(isinstance(part, Trace) for part in parts):
        raise ParameterError("parts must be at least one Trace")
    chances = np.ones(len(parts)) if weights is None else np.asarray(weights, dtype=np.float64)
    if (
        chances.shape != (len(parts),)
        or not np.isfinite(chances).all()
        or chances.min() < 0
        or not chances.sum()
    ):
        raise ParameterError(
            f"weights must be {len(parts)} finite numbers of at least 0, not all 0, got {weights!r}"
        )
    wanted = sum(map(len, parts)) if requests is None else check_positive_int("requests", requests)
    turns = draw(new_state(seed), chances, wanted)
    wanted = _until_exhausted(turns, parts, requests)
    turns = turns[:wanted]

    used = [int(np.count_nonzero(turns == k)) for k in range(len(parts))]
    keys, numbers = _joint_keys(parts, shared)
    column = np.empty(wanted, dtype=np.int32)
    for k, part in enumerate(parts):
        column[turns == k] = numbers[k][part.items[: used[k]]]
    columns = {name: _merged(name, parts, turns, used) for name in ("sizes", "costs")}
    trace = Trace.from_keys(column, columns["sizes"], None, columns["costs"], "mixture", source="synthetic")
    return Trace(
        trace.items, keys[trace.keys], trace.sizes, None, trace.costs, name="mixture", source="synthetic"
    )


def _until_exhausted(turns: np.ndarray, parts: list[Trace], requests: int | None) -> int:
    """How many turns there are before a part is asked for more than it has."""
    stop = turns.size
    for k, part in enumerate(parts):
        own = np.flatnonzero(turns == k)
        if own.size > len(part):
            if requests is not None:
                raise ParameterError(
                    f"part {k} ({part.name}) has {len(part)} requests and the mixture takes {own.size}"
                )
            stop = min(stop, int(own[len(part)]))
    return stop


def _joint_keys(parts: list[Trace], shared: bool) -> tuple[np.ndarray, list[np.ndarray]]:
    """Keys of the joint catalogue, and for each part the joint number of its items."""
    lists: list[list[Any]] = [part.keys.tolist() for part in parts]
    if not shared and all(p.keys.dtype != object and p.keys.min() >= 0 for p in parts):
        offset = 0
        for k, keys in enumerate(lists):
            lists[k] = [key + offset for key in keys]
            offset = max(lists[k]) + 1
    elif not shared:
        lists = [[f"{k}:{key}" for key in keys] for k, keys in enumerate(lists)]
    known: dict[Any, int] = {}
    numbers = [np.array([known.setdefault(key, len(known)) for key in keys], np.int32) for keys in lists]
    return Trace.from_keys(list(known)).keys, numbers


def _merged(name: str, parts: list[Trace], turns: np.ndarray, used: list[int]) -> np.ndarray | None:
    columns = [getattr(part, name) for part in parts]
    if all(c is None for c in columns):
        return None
    if any(c is None for c in columns):
        raise NotSupportedError(f"all parts of a mixture need {name}, or none of them")
    merged = np.empty(turns.size, dtype=columns[0].dtype)
    for k, column in enumerate(columns):
        merged[turns == k] = column[: used[k]]
    return merged
