"""A set of positions below n with its maximum: bits in a tree of 64-bit words.

Level 0 has one bit for each position; a bit of level k+1 says whether a word of level k is not
zero. A test touches one word, a change or the maximum at most ceil(log64 n) words (five for n = 20
million), and a change stops at the first level that does not notice. Memory is n/8 bytes and 1/63
of that: 2.5 MB for 20 million positions.

What it is for: Belady's rule evicts the item whose next use is furthest. Next uses are *distinct*
positions of the trace, so the priority queue is a set of positions, and a request at t is a hit
exactly if t itself is in the set.

The levels lie one after the other in `words` (uint64); level k starts at ``offsets[k]`` and the
last entry of `offsets` (int64) is the length of `words`.

Examples
--------
>>> words, offsets = bitmap_new(1000)
>>> for i in (3, 997, 64):
...     bitmap_set(words, offsets, i)
>>> int(bitmap_max(words, offsets)), bool(bitmap_has(words, 64)), bool(bitmap_has(words, 65))
(997, True, False)
>>> bitmap_clear(words, offsets, 997)
>>> int(bitmap_max(words, offsets))
64
"""

from __future__ import annotations

import numpy as np

from olearn._jit import kernel
from olearn.errors import check_positive_int

_0, _1, _2, _4, _8, _16, _32, _58, _63 = (np.uint64(k) for k in (0, 1, 2, 4, 8, 16, 32, 58, 63))

# A de Bruijn sequence: its top six bits, after a multiplication by 2^(k+1) - 1, name k.
_DE_BRUIJN = np.uint64(0x03F79D71B4CB0A89)


def _table() -> np.ndarray:
    top = np.empty(64, np.int64)
    for k in range(64):
        top[(((1 << (k + 1)) - 1) * int(_DE_BRUIJN) & (2**64 - 1)) >> 58] = k
    return top


_TOP_BIT = _table()


def bitmap_new(n: int) -> tuple[np.ndarray, np.ndarray]:
    """An empty set over the positions 0 .. n-1.

    Parameters
    ----------
    n : int
        Number of positions, at least 1.

    Returns
    -------
    words : ndarray of uint64
        All levels, the finest first.
    offsets : ndarray of int64, shape (levels + 1,)
        Where each level starts, and the total length.
    """
    n = check_positive_int("n", n)
    starts = [0]
    width = n
    while width > 1 or len(starts) == 1:
        width = (width + 63) // 64
        starts.append(starts[-1] + width)
    return np.zeros(starts[-1], np.uint64), np.array(starts, np.int64)


@kernel(inline=True)
def top_bit(word):
    """Index of the highest set bit of a uint64 that is not zero."""
    word |= word >> _1
    word |= word >> _2
    word |= word >> _4
    word |= word >> _8
    word |= word >> _16
    word |= word >> _32
    return _TOP_BIT[np.int64((word * _DE_BRUIJN) >> _58)]


@kernel(inline=True)
def bitmap_has(words, i):
    """Whether position `i` is in the set."""
    return ((words[i >> 6] >> np.uint64(i & 63)) & _1) != _0


@kernel(inline=True)
def bitmap_set(words, offsets, i):
    """Add position `i`; nothing happens if it is there."""
    for level in range(offsets.size - 1):
        at = offsets[level] + (i >> 6)
        before = words[at]
        words[at] = before | (_1 << np.uint64(i & 63))
        if before != _0:  # the levels above know of this word
            return
        i = i >> 6


@kernel(inline=True)
def bitmap_clear(words, offsets, i):
    """Remove position `i`; nothing happens if it is not there."""
    for level in range(offsets.size - 1):
        at = offsets[level] + (i >> 6)
        words[at] &= ~(_1 << np.uint64(i & 63))
        if words[at] != _0:
            return
        i = i >> 6


@kernel(inline=True)
def bitmap_max(words, offsets):
    """The largest position in the set, or -1 if it is empty (int64)."""
    level = offsets.size - 2
    word = words[offsets[level]]
    if word == _0:
        return np.int64(-1)
    at = np.int64(top_bit(word))
    while level > 0:
        level -= 1
        at = (at << 6) + top_bit(words[offsets[level] + at])
    return at
