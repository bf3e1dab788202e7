r"""Exact Euclidean projection onto the capped simplex when a gradient touches one coordinate.

The set is X = {0 <= x <= 1, sum x = C}. A gradient step on coordinate j, then the projection, gives
``x_j <- min(1, x_j + eta - tau)`` and ``x_i <- max(0, x_i - tau)`` for the others: everybody pays the
same tau. So one number rho collects all the taus, coordinate i is stored as ``value_i = x_i + rho``,
and only coordinates that reach 0 need attention. They are met in order of ``value``, through a queue.

Finding tau. Say that P are the positive coordinates other than j, and g = x_j + eta - 1.

* Coordinate j ends at 1 exactly if the tau that takes 1 - x_j from P is at most g. Coordinates with
  x_i <= min(tau, g) vanish in either case, so they may be dropped while this is being decided.
* Otherwise tau takes eta from P and j together, and coordinates with x_i <= tau vanish.

The queue has two parts. A coordinate that was 0 enters with value rho + min(1, eta); rho only grows,
so these keys come in increasing order and a ring is enough. (Where they do not, after the catalogue
grew, the heap takes them.) A key that surfaces and is smaller than
the coordinate's value (it was requested since) moves to a heap. Each update adds at most one key, so
the cost is O(log N) amortised, and O(1) for coordinates requested once.

rho is subtracted from everything whenever it passes ``REBASE``, so that values keep 14 digits for
ever. Memory: 32 bytes per coordinate.

References
----------
.. [1] D. Carra and G. Neglia, "An online gradient-based caching policy with logarithmic complexity
   and regret guarantees", 2024 (arXiv 2405.01263): the lazy projection. The order of the two cases
   above, the ring and the rebasing are this module's.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from olearn._jit import kernel
from olearn.geometry import lazyheap

#: rho is brought back to 0 when it passes this.
REBASE = 64.0

#: Places in ``cells``.
POSITIVE, HEAD, WAITING, HEAPED = range(4)


class Projection(NamedTuple):
    """The fractional state. ``value`` is x + rho, or -1 where x = 0."""

    value: np.ndarray  # float64 (N,)
    rho: np.ndarray  # float64 (2,): rho, and what the last rebasing subtracted (for keys kept elsewhere)
    cells: np.ndarray  # int64 (4,): positive coordinates, ring's head, ring's length, heap's size
    ring_keys: np.ndarray  # float64 (N,)
    ring_items: np.ndarray  # int32 (N,)
    heap_keys: np.ndarray  # float64 (N,)
    heap_items: np.ndarray  # int32 (N,)


def new(capacity: int, catalog_size: int) -> Projection:
    """The uniform point x = C/N, the centre of the set."""
    n = catalog_size
    share = capacity / n
    return Projection(
        np.full(n, share),
        np.zeros(2),
        np.array([n, 0, n, 0], np.int64),
        np.full(n, share),
        np.arange(n, dtype=np.int32),
        np.zeros(n),
        np.zeros(n, np.int32),
    )


def grow(p: Projection, catalog_size: int) -> Projection:
    """The same point in a larger space; the coordinates added are 0."""
    old, n = p.value.size, catalog_size
    order = (p.cells[HEAD] + np.arange(old)) % old  # straighten the ring
    value = np.full(n, -1.0)
    value[:old] = p.value
    cells = p.cells.copy()
    cells[HEAD] = 0
    pad = n - old
    return Projection(
        value,
        p.rho.copy(),
        cells,
        np.concatenate([p.ring_keys[order], np.zeros(pad)]),
        np.concatenate([p.ring_items[order], np.zeros(pad, np.int32)]),
        np.concatenate([p.heap_keys, np.zeros(pad)]),
        np.concatenate([p.heap_items, np.zeros(pad, np.int32)]),
    )


@kernel(inline=True)
def fraction(p, item):
    """x_item."""
    v = p.value[item] - p.rho[0]
    return min(v, 1.0) if v > 0.0 else 0.0


@kernel(inline=True)
def _least(p):
    """A lower bound of the smallest positive value: what heads the ring or the heap."""
    cells = p.cells
    least = np.inf
    if cells[WAITING] > 0:
        least = p.ring_keys[cells[HEAD]]
    if cells[HEAPED] > 0 and p.heap_keys[0] < least:
        least = p.heap_keys[0]
    return least


@kernel(inline=True)
def _drop_smallest(p, limit, safe):
    """Most requests drop nothing: look before the call."""
    if _least(p) > limit:
        return -1.0
    return _drop(p, limit, safe)


@kernel
def _drop(p, limit, safe):
    """Remove the smallest positive coordinate if its value is at most `limit`; never the one named `safe`.

    Returns its x, or -1 if there is none that small. Stale keys met on the way are refreshed. The key of
    `safe` can equal the limit (the coordinate is on its way to a larger value): it is set just above it.
    """
    value, cells = p.value, p.cells
    ring_keys, ring_items, heap_keys, heap_items = p.ring_keys, p.ring_items, p.heap_keys, p.heap_items
    dropped = -1.0
    searching = True
    while searching:
        waiting = cells[WAITING] > 0
        heaped = cells[HEAPED] > 0
        head = cells[HEAD]
        if waiting and (not heaped or ring_keys[head] <= heap_keys[0]):
            old = ring_keys[head]
            if old > limit:
                searching = False
            else:
                item = ring_items[head]
                cells[HEAD] = head + 1 if head + 1 < ring_items.size else 0
                cells[WAITING] -= 1
                key = value[item]
                if item == safe and key <= limit:
                    key = np.nextafter(limit, np.inf)
                if key > old:
                    cells[HEAPED] = lazyheap.push(heap_keys, heap_items, cells[HEAPED], key, item)
                else:
                    dropped = key - p.rho[0]
                    value[item] = -1.0
                    searching = False
        elif heaped and heap_keys[0] <= limit:
            item = heap_items[0]
            key = value[item]
            if item == safe and key <= limit:
                key = np.nextafter(limit, np.inf)
            if key > heap_keys[0]:
                lazyheap.replace_top(heap_keys, heap_items, cells[HEAPED], key, item)
            else:
                dropped = key - p.rho[0]
                value[item] = -1.0
                cells[HEAPED] = lazyheap.pop(heap_keys, heap_items, cells[HEAPED])
                searching = False
        else:
            searching = False
    return dropped


@kernel
def _enqueue(p, item, key):
    """Add a coordinate to the ring, or to the heap if the ring ends with a larger key.

    That can only be while the keys of the uniform start are ahead of rho + eta: after the catalogue grew.
    """
    cells, ring_keys, ring_items = p.cells, p.ring_keys, p.ring_items
    tail = cells[HEAD] + cells[WAITING]
    if tail >= ring_items.size:
        tail -= ring_items.size
    last = tail - 1 if tail > 0 else ring_items.size - 1
    if cells[WAITING] > 0 and ring_keys[last] > key:
        cells[HEAPED] = lazyheap.push(p.heap_keys, p.heap_items, cells[HEAPED], key, item)
    else:
        ring_keys[tail] = key
        ring_items[tail] = item
        cells[WAITING] += 1


@kernel
def ascend(p, item, eta):
    """Add `eta` > 0 to one coordinate and project; returns the coordinate's new x."""
    rho = p.rho[0]
    x = fraction(p, item)
    if x >= 1.0:
        return 1.0
    value, cells = p.value, p.cells
    if value[item] < 0.0:  # not in the queue (x may round to 0 for one that still is)
        _enqueue(p, item, rho + min(1.0, eta))
        cells[POSITIVE] += 1
    # While tau is sought, the coordinate's value is a lower bound of what it will be, so that a key
    # refreshed now is never too large.
    value[item] = rho + min(1.0, x + eta)
    others = cells[POSITIVE] - 1
    gap = x + eta - 1.0
    paid = 0.0  # what the dropped coordinates have given up
    tau = 0.0
    if gap >= 0.0 and others > 0:
        owed = 1.0 - x
        tau = owed / others
        dropped = _drop_smallest(p, rho + min(tau, gap), item)
        while dropped >= 0.0:
            paid += dropped
            others -= 1
            if others > 0:
                tau = (owed - paid) / others
                dropped = _drop_smallest(p, rho + min(tau, gap), item)
            else:  # all of the mass is on this coordinate
                tau = dropped
                dropped = -1.0
    if gap >= 0.0 and tau <= gap:
        new = 1.0
    else:
        tau = (eta - paid) / (others + 1)
        dropped = _drop_smallest(p, rho + tau, item) if others > 0 else -1.0
        while dropped >= 0.0:
            paid += dropped
            others -= 1
            tau = (eta - paid) / (others + 1)
            dropped = _drop_smallest(p, rho + tau, item) if others > 0 else -1.0
        new = x + eta - tau
    cells[POSITIVE] = others + 1
    rho += tau
    value[item] = rho + new
    p.rho[0] = rho
    if rho > REBASE:
        rebase(p)
    return new


@kernel
def rebase(p):
    """Subtract rho from every value and key and set it to 0. O(N), once in REBASE / tau updates."""
    rho = p.rho[0]
    for i in range(p.value.size):
        if p.value[i] >= 0.0:
            p.value[i] -= rho
    for i in range(p.ring_keys.size):
        p.ring_keys[i] -= rho
    for i in range(p.cells[HEAPED]):
        p.heap_keys[i] -= rho
    p.rho[0] = 0.0
    p.rho[1] = rho
