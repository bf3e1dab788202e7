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

Rounding. The others pay what rho really moves by, ``fl(rho + tau) - rho``, and j receives what they and the
dropped coordinates paid; where j gets exactly 1 instead, the difference is counted as debt. So the sum of x
is kept, up to the debt, to one rounding of a number below 1 + ``REBASE`` a request. At every rebase (rho
passed ``REBASE``, ``RENEW`` requests went by, or the debt passed ``DRIFT`` of the capacity) rho goes back to
0 and all positive coordinates move by the same amount, so that the sum is the capacity again: an exact
re-normalisation. Between two of them the sum is off by at most ``RENEW`` roundings (1e-8) and the debt.

No sentinel lies within reach of a rounded value: x of a coordinate that rounds to -5e-15 counts as 0, and
:data:`ABSENT` and :data:`NONE` are -1.

Cost of a rebase: O(positive coordinates). rho grows by ``REBASE`` only after ``REBASE`` requests for each
positive coordinate, so that is O(1) amortised. Memory: 32 bytes per coordinate.

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

#: rho is brought back to 0 and the sum to the capacity when rho passes this, or after so many requests ...
REBASE = 4.0
RENEW = 1 << 24
#: ... or when rounding lost this share of the capacity.
DRIFT = 1e-9

#: ``value`` of a coordinate that is 0 and in no queue; what `_drop` returns when nothing is small enough.
#: Both are compared for, never a sign: x + rho and x are at least 0, up to rounding.
ABSENT = -1.0
NONE = -1.0

#: A coordinate set to 1 reads 1 up to the rounding of x + rho: from here on it counts as 1.
FULL = 1.0 - 2.0**-48

#: Places in ``cells``.
POSITIVE, HEAD, WAITING, HEAPED, MOVES = range(5)
#: Places in ``rho``.
RHO, SHIFTED, CAPACITY, DEBT, GAINED, SQUARES = range(6)


class Projection(NamedTuple):
    """The fractional state. ``value`` is x + rho, or -1 where x = 0."""

    value: np.ndarray  # float64 (N,)
    # float64 (6,): rho; what rebasing subtracted since the owner of other keys last looked; the capacity;
    # mass that rounding lost; what coordinates gained in all, and the sum of its squares (for bounds)
    rho: np.ndarray
    # int64 (5,): positive coordinates, ring's head, ring's length, heap's size, requests that moved x
    cells: np.ndarray
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
        np.array([0.0, 0.0, capacity, 0.0, 0.0, 0.0]),
        np.array([n, 0, n, 0, 0], np.int64),
        np.full(n, share),
        np.arange(n, dtype=np.int32),
        np.zeros(n),
        np.zeros(n, np.int32),
    )


def grow(p: Projection, catalog_size: int) -> Projection:
    """The same point in a larger space; the coordinates added are 0."""
    old, n = p.value.size, catalog_size
    order = (p.cells[HEAD] + np.arange(old)) % old  # straighten the ring
    value = np.full(n, ABSENT)
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
    """x_item, in [0, 1]; NaN if it is NaN, which no clipping may hide."""
    x = p.value[item] - p.rho[0]
    if x <= 0.0:
        return 0.0
    return 1.0 if x > 1.0 else x


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
        return NONE
    return _drop(p, limit, safe)


@kernel
def _drop(p, limit, safe):
    """Remove the smallest positive coordinate if its value is at most `limit`; never the one named `safe`.

    Returns its x, at least 0, or `NONE`. Stale keys met on the way are refreshed. The key of `safe` can equal
    the limit (the coordinate is on its way to a larger value): it is set just above it.
    """
    value, cells = p.value, p.cells
    ring_keys, ring_items, heap_keys, heap_items = p.ring_keys, p.ring_items, p.heap_keys, p.heap_items
    dropped = NONE
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
                    dropped = max(key - p.rho[0], 0.0)
                    value[item] = ABSENT
                    searching = False
        elif heaped and heap_keys[0] <= limit:
            item = heap_items[0]
            key = value[item]
            if item == safe and key <= limit:
                key = np.nextafter(limit, np.inf)
            if key > heap_keys[0]:
                lazyheap.replace_top(heap_keys, heap_items, cells[HEAPED], key, item)
            else:
                dropped = max(key - p.rho[0], 0.0)
                value[item] = ABSENT
                cells[HEAPED] = lazyheap.pop(heap_keys, heap_items, cells[HEAPED])
                searching = False
        else:
            searching = False
    return dropped


@kernel
def _enqueue(p, item, key):
    """Add a coordinate to the ring, or to the heap if the ring ends with a larger key.

    That can only be where keys do not grow: the uniform start of a catalogue that grew, a step that shrinks.
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
    rho = p.rho[RHO]
    x = fraction(p, item)
    if x >= FULL:
        return x
    value, cells = p.value, p.cells
    if value[item] == ABSENT:  # not in the queue (x may round to 0 for one that still is)
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
        while dropped != NONE:
            paid += dropped
            others -= 1
            if others > 0:
                tau = max(0.0, (owed - paid) / others)
                dropped = _drop_smallest(p, rho + min(tau, gap), item)
            else:  # all of the mass is on this coordinate
                tau = max(tau, dropped)
                dropped = NONE
    capped = gap >= 0.0 and tau <= gap
    if not capped:
        tau = max(0.0, (eta - paid) / (others + 1))
        dropped = _drop_smallest(p, rho + tau, item) if others > 0 else NONE
        while dropped != NONE:
            paid += dropped
            others -= 1
            tau = max(0.0, (eta - paid) / (others + 1))
            dropped = _drop_smallest(p, rho + tau, item) if others > 0 else NONE
    cells[POSITIVE] = others + 1
    moved = rho + tau
    given = paid + others * (moved - rho)
    new = 1.0
    if not capped:
        new = min(1.0, x + given)
    p.rho[DEBT] += x + given - new  # exactly 1 was due, but the others pay in whole roundings of rho
    value[item] = moved + new
    p.rho[RHO] = moved
    p.rho[GAINED] += new - x
    p.rho[SQUARES] += (new - x) * (new - x)
    cells[MOVES] += 1
    if moved > REBASE or (cells[MOVES] & (RENEW - 1)) == 0 or abs(p.rho[DEBT]) > DRIFT * p.rho[CAPACITY]:
        rebase(p)
    return new


@kernel
def rebase(p):
    """Set rho to 0 and the sum of x to the capacity again. O(positive coordinates).

    Every positive coordinate is in the ring or in the heap, once. All of them move by the same amount, so
    their order and the staleness of keys stay as they are.
    """
    value, cells, rho = p.value, p.cells, p.rho[RHO]
    total = 0.0
    place = cells[HEAD]
    for _ in range(cells[WAITING]):
        total += max(0.0, min(1.0, value[p.ring_items[place]] - rho))
        place = place + 1 if place + 1 < p.ring_items.size else 0
    for k in range(cells[HEAPED]):
        total += max(0.0, min(1.0, value[p.heap_items[k]] - rho))
    shift = rho - (p.rho[CAPACITY] - total) / cells[POSITIVE]
    place = cells[HEAD]
    for _ in range(cells[WAITING]):
        item = p.ring_items[place]
        value[item] = max(0.0, value[item] - shift)
        p.ring_keys[place] -= shift
        place = place + 1 if place + 1 < p.ring_items.size else 0
    for k in range(cells[HEAPED]):
        item = p.heap_items[k]
        value[item] = max(0.0, value[item] - shift)
        p.heap_keys[k] -= shift
    p.rho[RHO] = 0.0
    p.rho[DEBT] = 0.0
    p.rho[SHIFTED] += shift
