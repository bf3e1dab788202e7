"""The kernel of exact reuse distances: a bitmap of last requests under a Fenwick tree.

Every item seen so far has one mark, at the position of its last request. The distance of a request
is the number of marks after its own. Marks are kept 64 to a word and only the words' counts are in
the tree, so that for 20 M requests the tree is 1.2 MB and stays in the processor's cache.

References
----------
.. [1] B. T. Bennett and V. J. Kruskal, "LRU stack processing", IBM J. Res. Dev. 19(4), 1975.
.. [2] P. M. Fenwick, "A new data structure for cumulative frequency tables", Software: Practice and
   Experience 24(3), 1994.
"""

from __future__ import annotations

import numpy as np

from olearn._jit import kernel

_ONE, _ALL = np.uint64(1), np.uint64(0xFFFFFFFFFFFFFFFF)
_1, _2, _4, _56, _63 = (np.uint64(k) for k in (1, 2, 4, 56, 63))
_M1, _M2 = np.uint64(0x5555555555555555), np.uint64(0x3333333333333333)
_M4, _H = np.uint64(0x0F0F0F0F0F0F0F0F), np.uint64(0x0101010101010101)


@kernel(inline=True)
def bits(word):
    """Number of ones in a 64-bit word."""
    word = word - ((word >> _1) & _M1)
    word = (word & _M2) + ((word >> _2) & _M2)
    word = (word + (word >> _4)) & _M4
    return np.int64((word * _H) >> _56)


@kernel
def fill_reuse_distances(items, last, words, tree, out):
    """Write the reuse distance of each request into `out`, -1 at an item's first request.

    `last` (int32, N) holds -1, `words` (uint64, T/64 rounded up) and `tree` (int32, one more) hold 0.
    """
    seen = 0
    for t in range(items.size):
        i = items[t]
        p = last[i]
        here = t >> 6
        if p < 0:
            seen += 1
            out[t] = -1
            k = here + 1
            while k < tree.size:
                tree[k] += 1
                k += k & -k
        else:
            w = p >> 6
            position = np.uint64(p & 63)
            before = bits(words[w] & (_ALL >> (_63 - position)))
            k = w
            while k > 0:
                before += tree[k]
                k &= k - 1
            out[t] = seen - before
            words[w] ^= _ONE << position
            # The mark moves from w to here; where the two paths up the tree meet, nothing changes.
            k = w + 1
            j = here + 1
            while k != j and (k < tree.size or j < tree.size):
                if k < j:
                    tree[k] -= 1
                    k += k & -k
                else:
                    tree[j] += 1
                    j += j & -j
        words[here] |= _ONE << np.uint64(t & 63)
        last[i] = t
