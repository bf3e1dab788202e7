"""Exponential weights over thresholds, exact: one suffix multiplied a round, one suffix summed, O(log n).

In hierarchical inference a round moves the weights of all thresholds above the confidence by one
factor and of all the others by another, and what is asked for is the share of weight above a
confidence. So the weights (one an interval between neighbouring confidences) are the leaves of a
complete binary tree in which an inner node keeps only the *odds* right : left of its two subtrees.

* Share above leaf i: from the root to the leaf, adding the right share wherever the path goes left.
* Multiply the leaves after i by f: from the leaf to the root. With F the factor by which the
  subtree on the path has grown (1 at the leaf), a node with odds o whose left child is on the path
  gets o f/F, and F <- (F + f o) / (1 + o); one whose right child is on it gets o F, and
  F <- (1 + F o) / (1 + o).

F is an average of 1 and f, so nothing overflows whatever the horizon: there is no global scale that
would need renormalising. The odds themselves leave the range of a double only after losses that
differ by 700/eta; they are kept as (mantissa, exponent of 2**256), which no run can exceed.

Both walks are as long as the tree is deep: n = 1000 leaves cost 10 steps.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np

from olearn._jit import kernel

_BIG = 2.0**256
_SMALL = 2.0**-256


class Tree(NamedTuple):
    """Odds of every inner node of one tree, or of several of the same shape one after the other.

    Node 1 is the root, the children of v are 2v and 2v+1; tree number c starts at ``c * size``.
    """

    odds: np.ndarray  # float64 (trees * size,)
    exponent: np.ndarray  # int32 (trees * size,): the odds are odds * 2**(256 exponent)
    size: int  # leaves, a power of 2
    leaves: int  # leaves in use
    depth: int


def new_tree(weights: np.ndarray, trees: int = 1) -> Tree:
    """Trees over positive `weights`, float64 of shape (n,)."""
    n = weights.size
    depth = max(int(n - 1).bit_length(), 1)
    size = 1 << depth
    total = np.zeros(2 * size)
    total[size : size + n] = weights
    tree = Tree(np.zeros(trees * size), np.zeros(trees * size, np.int32), size, n, depth)
    for c in range(trees):
        refill(tree, c * size, total)
    return tree


@kernel
def refill(tree, base, total):
    """Set the odds from leaf weights in ``total[size:]``; `total` is float64 (2 * size,)."""
    for v in range(tree.size - 1, 0, -1):
        left = total[2 * v]
        right = total[2 * v + 1]
        total[v] = left + right
        # padding lies on the right, so a left child is empty only where the right one is too
        tree.odds[base + v] = right / left if left > 0.0 else 0.0
        tree.exponent[base + v] = 0


@kernel(inline=True)
def share_from(tree, base, first):
    """The share of weight on leaves `first`, `first` + 1, ...; `first` in 0..leaves."""
    if first <= 0:
        return 1.0
    if first >= tree.leaves:
        return 0.0
    leaf = tree.size + first - 1  # sum over the leaves after this one
    share = 0.0
    mass = 1.0
    for level in range(tree.depth - 1, -1, -1):
        node = base + (leaf >> (level + 1))
        right = (leaf >> level) & 1
        odds = tree.odds[node]
        e = tree.exponent[node]
        if e == 0:
            part = 1.0 / (1.0 + odds)
            if right == 1:
                mass *= odds * part
            else:
                share += mass * (odds * part)
                mass *= part
        elif (e > 0) != (right == 1):  # all of the mass is off the path
            if right == 0:
                share += mass
            mass = 0.0
    return min(share, 1.0)


@kernel(inline=True)
def multiply_from(tree, base, first, factor):
    """Multiply the weights of leaves `first`, `first` + 1, ... by `factor` > 0, relative to the others."""
    if first <= 0 or first >= tree.leaves:
        return
    leaf = tree.size + first - 1
    grown = 1.0
    for _ in range(tree.depth):
        right = leaf & 1
        leaf >>= 1
        node = base + leaf
        odds = tree.odds[node]
        e = tree.exponent[node]
        if right == 1:
            new = odds * grown
            if e == 0:
                grown = (1.0 + new) / (1.0 + odds)
            elif e < 0:
                grown = 1.0
        else:
            new = odds * (factor / grown)
            if e == 0:
                grown = (grown + factor * odds) / (1.0 + odds)
            elif e > 0:
                grown = factor
        # a mantissa of 1 or more where the exponent is positive, of 1 or less where it is negative:
        # so a positive exponent means odds above 2**256
        if e >= 0 and new > _BIG:
            new *= _SMALL
            tree.exponent[node] = e + 1
        elif (e > 0 and new < 1.0) or (e <= 0 and 0.0 < new < _SMALL):
            new *= _BIG
            tree.exponent[node] = e - 1
        elif e < 0 and new > 1.0:
            new *= _SMALL
            tree.exponent[node] = e + 1
        tree.odds[node] = new


@kernel
def quantile(tree, base, q):
    """The first leaf at which the share of weight up to and including it reaches `q` in [0, 1]."""
    node = 1
    wanted = q
    for _ in range(tree.depth):
        odds = tree.odds[base + node]
        e = tree.exponent[base + node]
        left = 1.0 / (1.0 + odds)
        if e > 0:
            left = 0.0
        elif e < 0:
            left = 1.0
        if wanted <= left or odds == 0.0:
            wanted = min(1.0, wanted / max(left, 1e-300))
            node = 2 * node
        else:
            wanted = (wanted - left) / max(1.0 - left, 1e-300)
            node = 2 * node + 1
    return min(node - tree.size, tree.leaves - 1)


@kernel(inline=True)
def factor(rate, loss):
    """exp(-rate * loss), kept within what one step of the tree can take."""
    return math.exp(max(-150.0, min(150.0, -rate * loss)))
