"""The k-th largest of n numbers, in place and without sorting.

Hoare's quickselect with the median of three as pivot: O(n) in the mean, O(n^2) at worst.

References
----------
.. [1] C. A. R. Hoare, "Algorithm 65: find", Communications of the ACM 4(7), 1961.

Examples
--------
>>> import numpy as np
>>> float(kth_largest(np.array([3.0, 1.0, 2.0, 5.0]), 2))
3.0
"""

from __future__ import annotations

from olearn._jit import kernel


@kernel
def kth_largest(a, k):
    """The k-th largest of `a` (k from 1 to n); reorders `a`, float64 (n,). Finite numbers only."""
    low, high, place = 0, a.size - 1, k - 1
    while low < high:
        middle = (low + high) >> 1
        x, y, z = a[low], a[middle], a[high]
        pivot = max(min(x, y), min(max(x, y), z))
        i, j = low, high
        while i <= j:
            while a[i] > pivot:
                i += 1
            while a[j] < pivot:
                j -= 1
            if i <= j:
                a[i], a[j] = a[j], a[i]
                i += 1
                j -= 1
        if place <= j:
            high = j
        elif place >= i:
            low = i
        else:
            low = high = place
    return a[place]
