"""How often each item is requested, without a copy of the trace."""

from __future__ import annotations

import numpy as np

#: Requests counted at a time: ``bincount`` turns its input into 64-bit integers, a copy of all of it.
PIECE = 1 << 22


def count(items: np.ndarray, catalog_size: int) -> np.ndarray:
    """Number of requests of each item, int64 of shape (N,).

    Parameters
    ----------
    items : ndarray of int32, shape (T,)
        Ids between 0 and `catalog_size` - 1.
    catalog_size : int

    Examples
    --------
    >>> count(np.array([0, 1, 0, 2], np.int32), 4).tolist()
    [2, 1, 1, 0]
    """
    counts = np.zeros(catalog_size, np.int64)
    for start in range(0, items.size, PIECE):
        counts += np.bincount(items[start : start + PIECE], minlength=catalog_size)
    return counts
