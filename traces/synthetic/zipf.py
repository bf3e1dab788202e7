"""Independent requests with Zipf popularity, the stationary baseline.

Item of rank r = 1, 2, ..., N is requested with chance r^-alpha / sum_s s^-alpha, independently of
everything before (the independent reference model). Cost: O(N) set-up and O(1) a request (alias
table).
"""

from __future__ import annotations

from typing import Any

import numpy as np

from olearn._rng import new_state
from olearn.errors import check_real
from olearn.traces._trace import Trace
from olearn.traces.synthetic._draw import draw
from olearn.traces.synthetic._finish import check_counts, finish


def weights(items: int, alpha: float) -> np.ndarray:
    """Chances r^-alpha, r = 1 .. items, not normalised; float64 of shape (items,)."""
    return np.arange(1, items + 1, dtype=np.float64) ** -alpha


def zipf(requests: int, items: int, alpha: float = 0.8, seed: int = 0, *, sizes: Any = None) -> Trace:
    """Independent requests with Zipf popularity.

    Parameters
    ----------
    requests, items : int
        Number of requests T and size of the catalogue N; rarely, items are never requested and then
        not part of the trace.
    alpha : float
        Exponent, at least 0 (0 is uniform).
    seed : int
    sizes : array-like of shape (items,) or str, optional
        Size of each item by rank, or a law of :func:`~olearn.traces.synthetic.item_sizes`.

    Returns
    -------
    Trace
        The key of an item is its rank, from 0.

    Examples
    --------
    >>> trace = zipf(10_000, 100, alpha=1.0, seed=1)
    >>> len(trace), trace.catalog_size
    (10000, 100)
    >>> int(trace.keys[trace.counts().argmax()])
    0
    """
    requests, items = check_counts(requests, items)
    alpha = check_real("alpha", alpha, 0.0)
    drawn = draw(new_state(seed), weights(items, alpha), requests)
    return finish(drawn, items, sizes, seed, f"zipf({alpha:g})")
