"""The next position of the same item, for everything that looks ahead in a trace."""

from __future__ import annotations

import numpy as np

from olearn._jit import kernel


@kernel
def fill_next_use(items, last, nexts):
    """One pass backwards: `last` (N,) starts at T everywhere, `nexts` (T,) is filled."""
    for back in range(items.size):
        t = items.size - 1 - back
        nexts[t] = last[items[t]]
        last[items[t]] = t


def next_use(items: np.ndarray, catalog_size: int) -> np.ndarray:
    """Position of the next request of the same item, T where there is none.

    Parameters
    ----------
    items : ndarray of int32, shape (T,)
        Ids between 0 and `catalog_size` - 1.
    catalog_size : int

    Returns
    -------
    ndarray of int32, shape (T,)

    Examples
    --------
    >>> next_use(np.array([0, 1, 0, 2], np.int32), 3).tolist()
    [2, 4, 4, 4]
    """
    nexts = np.empty(items.size, np.int32)
    fill_next_use(items, np.full(catalog_size, items.size, np.int32), nexts)
    return nexts
