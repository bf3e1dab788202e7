"""From drawn keys to a :class:`~olearn.traces.Trace`, with sizes if asked."""

from __future__ import annotations

from typing import Any

import numpy as np

from olearn.errors import ParameterError, check_positive_int
from olearn.traces._intern import MAX_REQUESTS
from olearn.traces._kernels import relabel
from olearn.traces._trace import Trace
from olearn.traces.synthetic.sizes import LAWS, item_sizes


def check_counts(requests: Any, items: Any, least_items: int = 1) -> tuple[int, int]:
    """The two numbers every generator takes, checked."""
    requests = check_positive_int("requests", requests)
    items = check_positive_int("items", items)
    for name, value in (("requests", requests), ("items", items)):
        if value > MAX_REQUESTS:
            raise ParameterError(f"{name} must be at most {MAX_REQUESTS}, got {value}")
    if items < least_items:
        raise ParameterError(f"items must be at least {least_items}, got {items}")
    return requests, items


def finish(
    drawn: np.ndarray, items: int, sizes: Any, seed: Any, name: str, times: np.ndarray | None = None
) -> Trace:
    """A trace whose keys are the drawn numbers (int32, changed in place).

    Items that are never drawn are not part of the trace.
    """
    by_key = _sizes_by_key(items, sizes, seed)
    order = np.empty(min(items, drawn.size), dtype=np.int32)
    count = relabel(drawn, np.full(items, -1, dtype=np.int32), order)
    keys = order[:count].astype(np.int64)
    column = None if by_key is None else by_key[keys][drawn]
    return Trace(drawn, keys, column, times, name=name, source="synthetic")


def _sizes_by_key(items: int, sizes: Any, seed: Any) -> np.ndarray | None:
    if sizes is None:
        return None
    if isinstance(sizes, str):
        return item_sizes(items, sizes, seed)
    by_key = np.asarray(sizes)
    if by_key.shape != (items,):
        raise ParameterError(
            f"sizes must be one of {', '.join(LAWS)} or one number an item ({items}), got shape {by_key.shape}"
        )
    return by_key
