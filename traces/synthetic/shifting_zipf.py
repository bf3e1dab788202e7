"""Zipf popularity whose ranks change hands at the end of every period.

Within a period, requests are independent and Zipf over the ranks. At its end the ranks are dealt out
anew: ``permute`` draws a uniform permutation of all items (abrupt change), ``rotate`` gives every
item the rank `shift` places further down, the last ones coming to the top (drift: yesterday's top
items fall a little). Cost: O(1) a request plus O(N) a period.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from olearn._rng import generator, new_state
from olearn.errors import check_int, check_positive_int, check_real, unknown
from olearn.traces._trace import Trace
from olearn.traces.synthetic._draw import draw
from olearn.traces.synthetic._finish import check_counts, finish
from olearn.traces.synthetic.zipf import weights

CHANGES = ("permute", "rotate")


def shifting_zipf(
    requests: int,
    items: int,
    alpha: float = 0.8,
    seed: int = 0,
    *,
    period: int = 10_000,
    change: str = "permute",
    shift: int = 1,
    sizes: Any = None,
) -> Trace:
    """Zipf requests whose popularity changes every `period` requests.

    Parameters
    ----------
    requests, items : int
        Number of requests and size of the catalogue.
    alpha : float
        Exponent, at least 0.
    seed : int
    period : int
        Requests between two changes.
    change : {"permute", "rotate"}
        What happens to the ranks.
    shift : int
        With ``rotate``, how many ranks every item falls.
    sizes : array-like of shape (items,) or str, optional
        Size of each item by key, or a law of :func:`~olearn.traces.synthetic.item_sizes`.

    Returns
    -------
    Trace
        The key of an item is its rank, from 0, in the first period.

    Examples
    --------
    >>> trace = shifting_zipf(2_000, 50, alpha=1.2, seed=0, period=1_000, change="rotate", shift=7)
    >>> [int(part.keys[part.counts().argmax()]) for part in (trace[:1000], trace[1000:])]
    [0, 43]
    """
    requests, items = check_counts(requests, items)
    alpha = check_real("alpha", alpha, 0.0)
    period = check_positive_int("period", period)
    shift = check_int("shift", shift, minimum=0)
    if change not in CHANGES:
        raise unknown("change of ranks", change, CHANGES)
    drawn = draw(new_state(seed), weights(items, alpha), requests)
    random = generator(seed, 2)
    for number, start in enumerate(range(period, requests, period), 1):
        part = drawn[start : start + period]
        if change == "permute":
            part[:] = random.permutation(items).astype(np.int32)[part]
        else:  # the item of rank r is now the one that had rank r - shift
            part[:] = (part.astype(np.int64) - number * shift) % items
    return finish(drawn, items, sizes, seed, f"shifting_zipf({alpha:g})")
