"""The adversary of LFU: two groups that are always level or one request apart.

The 2C items fall into two groups of C. A phase requests every item of one group once, then every item
of the other once; a fair coin says which group is first. Before a phase all counts are equal; after
its first half the group just requested leads by one each.

A cache of C places under perfect LFU (counts are kept for ever; the requested item is always inserted,
or inserted if its count is no smaller) then holds exactly the leading group: each of its items was in
the cache or entered it at the expense of a smaller count. So the second half of every phase is C
misses, whatever the rule for ties. In the first half at most the items of that group that were held
since the last phase are hits; the two groups together hold C places and the coin is independent of
who holds how many, so C/2 hits are expected at most. LFU's hit ratio is at most 1/4 in expectation,
while either group as a static set hits 1/2 of each phase: the regret is at least T/4 in expectation.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from olearn._rng import generator
from olearn.errors import ParameterError
from olearn.traces._trace import Trace
from olearn.traces.synthetic._finish import check_counts, finish


def alternating(requests: int, items: int, seed: int = 0, *, sizes: Any = None) -> Trace:
    """Two groups in turn, so that LFU with ``items / 2`` places holds the one not asked for.

    Parameters
    ----------
    requests : int
        Number of requests; the last phase is cut.
    items : int
        Items of both groups together: an even number, 2C.
    seed : int
        The coins.
    sizes : array-like of shape (items,) or str, optional
        Size of each item by key, or a law of :func:`~olearn.traces.synthetic.item_sizes`.

    Returns
    -------
    Trace
        Keys 0 to C-1 are one group, C to 2C-1 the other.

    Examples
    --------
    >>> trace = alternating(16, 4, seed=2)
    >>> trace.keys[trace.items].tolist()
    [2, 3, 0, 1, 2, 3, 0, 1, 0, 1, 2, 3, 0, 1, 2, 3]
    """
    requests, items = check_counts(requests, items, least_items=2)
    if items % 2:
        raise ParameterError(f"items must be even, half for each group, got {items}")
    phases = -(-requests // items)
    first = generator(seed, 6).integers(0, 2, phases).astype(np.int32) * np.int32(items // 2)
    # Adding C modulo 2C swaps the groups; the first half of 0 .. 2C-1 is one of them.
    drawn = (np.arange(items, dtype=np.int32)[None, :] + first[:, None]) % np.int32(items)
    return finish(drawn.ravel()[:requests].copy(), items, sizes, seed, f"alternating({items})")
