"""The adversary of LRU: all items in turn, again and again.

With C = N - 1 places, LRU (and FIFO) always holds every item but the one that comes next: no hit at
all, while any static set of C items hits C requests of C + 1. Deterministic; the seed decides only
which key stands where in the cycle.

References
----------
.. [1] D. Sleator and R. Tarjan, "Amortized efficiency of list update and paging rules", CACM 28(2),
   1985.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from olearn._rng import generator
from olearn.traces._trace import Trace
from olearn.traces.synthetic._finish import check_counts, finish


def cyclic(requests: int, items: int, seed: int = 0, *, sizes: Any = None) -> Trace:
    """All items in turn: LRU with ``items - 1`` places (or fewer) has no hit.

    Parameters
    ----------
    requests, items : int
        Number of requests and length of the cycle.
    seed : int
        Order of the keys in the cycle.
    sizes : array-like of shape (items,) or str, optional
        Size of each item by key, or a law of :func:`~olearn.traces.synthetic.item_sizes`.

    Examples
    --------
    >>> cyclic(7, 3).items.tolist()
    [0, 1, 2, 0, 1, 2, 0]
    """
    requests, items = check_counts(requests, items)
    order = generator(seed, 5).permutation(items).astype(np.int32)
    drawn = np.resize(order, requests)
    return finish(drawn, items, sizes, seed, f"cyclic({items})")
