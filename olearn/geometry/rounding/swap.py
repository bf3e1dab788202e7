"""Swap rounding on a partition matroid: pick k_p items of every part p.

The fractions are first written as a mixture of sets, one for each gap between the breakpoints of a comb
that slides over all parts together (at most n+1 sets, marginals exact). Then the sets are merged one
after the other: while the current set, of weight w, and the next, of weight v, differ, an item i of the
first and an item j of the second, of the same part, compete: i wins with probability ``w/(w+v)`` [1]_.

Guarantees: marginals exactly x; every part gets its sum, rounded down or up if it is not whole; negative
correlation, across parts as well; ``E f(z) >= F(x)`` for monotone submodular f with multilinear
extension F, with Chernoff-type concentration [1]_ (both are stated by the source and rest on its proofs).

Cost: O(n) for each set of the mixture, so up to O(n^2); two work vectors.

References
----------
.. [1] C. Chekuri, J. Vondrak and R. Zenklusen, "Dependent randomized rounding via exchange properties
   of combinatorial structures", FOCS 2010.

Examples
--------
>>> draw = Swap(seed=1, parts=[2, 3])
>>> z = draw.round([0.5, 0.5, 0.5, 0.75, 0.75])
>>> int(z[:2].sum()), int(z[2:].sum())
(1, 2)
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from olearn._jit import kernel
from olearn._rng import new_state, uniform
from olearn.errors import ParameterError, check_positive_int
from olearn.geometry.rounding._base import Rounding
from olearn.geometry.rounding.madow import madow


@kernel
def _sift(a, root, size):
    """Restore the heap order below `root`."""
    node = root
    for _ in range(64):
        child = 2 * node + 1
        if child >= size:
            break
        if child + 1 < size and a[child + 1] > a[child]:
            child += 1
        if a[node] >= a[child]:
            break
        a[node], a[child] = a[child], a[node]
        node = child


@kernel
def _sort(a):
    """Heapsort, in place: no memory, O(n log n) always."""
    n = a.size
    for root in range(n // 2 - 1, -1, -1):
        _sift(a, root, n)
    for size in range(n - 1, 0, -1):
        a[0], a[size] = a[size], a[0]
        _sift(a, 0, size)


@kernel
def swap(state, x, starts, cuts, other, chosen):
    """Swap rounding of `x` on the parts ``starts[p]:starts[p+1]``.

    Parameters
    ----------
    state : uint64 array, shape (4,)
        Generator.
    x : float64 array, shape (n,)
        Fractions in [0, 1].
    starts : int64 array, shape (P+1,)
        First item of every part, and n.
    cuts : float64 array, shape (n+1,)
        Workspace.
    other : uint8 array, shape (n,)
        Workspace.
    chosen : uint8 array, shape (n,)
        Receives 1 for the items chosen, else 0.

    Returns
    -------
    int
        The number chosen.

    Examples
    --------
    >>> chosen = np.empty(4, np.uint8)
    >>> starts = np.array([0, 2, 4])
    >>> x = np.array([0.5, 0.5, 0.25, 0.75])
    >>> int(swap(new_state(1), x, starts, np.empty(5), np.empty(4, np.uint8), chosen))
    2
    """
    n = x.size
    for p in range(starts.size - 1):
        along = 0.0
        for i in range(starts[p], starts[p + 1]):
            along += x[i]
            along -= np.floor(along)
            # a whole sum up to rounding is whole: no sliver of a set between 0 and 1e-13
            cuts[i] = 0.0 if along > 1.0 - 1e-12 or along < 1e-12 else along
    cuts[n] = 1.0
    _sort(cuts)
    weight = 0.0
    before = 0.0
    for m in range(n + 1):
        width = cuts[m] - before
        if width <= 1e-12 and cuts[m] < 1.0:
            continue
        offset = 0.5 * (before + cuts[m])
        before = cuts[m]
        if width <= 0.0:
            continue
        for p in range(starts.size - 1):
            low, high = starts[p], starts[p + 1]
            if weight == 0.0:
                madow(x[low:high], offset, chosen[low:high])
                continue
            madow(x[low:high], offset, other[low:high])
            i = low
            j = low
            for _ in range(high - low):
                while i < high and (chosen[i] == 0 or other[i] == 1):
                    i += 1
                while j < high and (other[j] == 0 or chosen[j] == 1):
                    j += 1
                if i == high and j == high:
                    break
                # i against j; one that has no partner competes against an empty place
                if uniform(state) * (weight + width) >= weight:
                    if i < high:
                        chosen[i] = 0
                    if j < high:
                        chosen[j] = 1
                i = min(i + 1, high)
                j = min(j + 1, high)
        weight += width
    count = 0
    for i in range(n):
        count += chosen[i]
    return count


class Swap(Rounding):
    """Swap rounding on consecutive parts.

    Parameters
    ----------
    seed : int
    parts : sequence of int, optional
        The number of items of every part; default: one part.

    Examples
    --------
    >>> int(Swap(seed=0).round([0.5, 0.5, 1.0]).sum())
    2
    """

    size = "exact"
    negative_correlation = True
    movement = "unrelated to the total variation: every draw is fresh"

    def __init__(self, seed: int = 0, parts: Sequence[int] | None = None) -> None:
        super().__init__(seed)
        self.parts = None if parts is None else tuple(check_positive_int("parts", n) for n in parts)
        self._state = new_state(self.seed)

    def _round(self, x: np.ndarray, chosen: np.ndarray) -> None:
        parts = (x.size,) if self.parts is None else self.parts
        if sum(parts) != x.size:
            raise ParameterError(
                f"x must have {sum(parts)} numbers, one for each item of the parts, got {x.size}"
            )
        starts = np.concatenate([[0], np.cumsum(parts)]).astype(np.int64)
        swap(self._state, x, starts, np.empty(x.size + 1), np.empty(x.size, np.uint8), chosen)
