"""Caching gain of a placement: multilinear extension, concave relaxation and its supergradient.

A demand of rate r for item i follows path v_0, ..., v_K (v_K the server) over edges of weight w_0, ..., w_{K-1}
(edge k leaves v_k). With y[v, i] in [0, 1],

    gain     G(y) = sum_d r sum_k w_k (1 - prod_{j <= k} (1 - y[v_j, i])),
    relaxed  L(y) = sum_d r sum_k w_k min(1, sum_{j <= k} y[v_j, i]).

On whole placements both are the exact gain; between them (1 - 1/e) L <= G <= L [1]_. All count one way.
O(nodes on the paths), no allocation.

References
----------
.. [1] S. Ioannidis and E. Yeh, "Adaptive caching networks with optimality guarantees", SIGMETRICS 2016.
"""

from __future__ import annotations

from olearn._jit import kernel


@kernel
def gain(item, rate, start, path, upstream, y):
    """Multilinear gain of `y` (float64, nodes x items) per unit of time; exact where `y` is whole."""
    total = 0.0
    for d in range(len(item)):
        absent = 1.0
        saved = 0.0
        for k in range(start[d], start[d + 1] - 1):
            absent *= 1.0 - y[path[k], item[d]]
            saved += (upstream[k] - upstream[k + 1]) * (1.0 - absent)
        total += rate[d] * saved
    return total


@kernel
def relaxed_gain(item, rate, start, path, upstream, y):
    """Concave relaxation of the gain at `y` (float64, nodes x items), per unit of time."""
    total = 0.0
    for d in range(len(item)):
        held = 0.0
        saved = 0.0
        for k in range(start[d], start[d + 1] - 1):
            held += y[path[k], item[d]]
            saved += (upstream[k] - upstream[k + 1]) * min(1.0, held)
        total += rate[d] * saved
    return total


@kernel
def supergradient(item, rate, start, path, upstream, y, slack, out):
    """Add a supergradient of the relaxation at `y` >= 0 to `out` (float64, nodes x items); returns 0.

    An edge whose sum is at most ``1 + slack`` still counts. With slack 0 this is a supergradient at every y,
    also at the kink (where both slopes are valid); a positive slack is for sums of 1 that carry rounding.
    """
    for d in range(len(item)):
        stop = start[d]
        held = y[path[stop], item[d]]
        # Sums only grow along the path, so the edges that count are the first ones.
        while stop < start[d + 1] - 1 and held <= 1.0 + slack:
            stop += 1
            held += y[path[stop], item[d]]
        for k in range(start[d], stop):
            out[path[k], item[d]] += rate[d] * (upstream[k] - upstream[stop])
    return 0
