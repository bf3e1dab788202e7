"""Isotonic regression by pooling adjacent violators, as a kernel."""

from __future__ import annotations

from olearn._jit import kernel


@kernel
def isotonic(right, count, block, estimate):
    """Weighted least-squares fit to right/count that does not decrease, into `estimate`; O(K).

    `right`, `count` (positive) and `estimate` are float64 of shape (K,), `block` (3, K) is scratch.
    """
    total, weight, width = block[0], block[1], block[2]
    blocks = 0
    for b in range(right.size):
        total[blocks] = right[b]
        weight[blocks] = count[b]
        width[blocks] = 1.0
        blocks += 1
        while blocks > 1 and total[blocks - 2] * weight[blocks - 1] >= total[blocks - 1] * weight[blocks - 2]:
            total[blocks - 2] += total[blocks - 1]
            weight[blocks - 2] += weight[blocks - 1]
            width[blocks - 2] += width[blocks - 1]
            blocks -= 1
    b = 0
    for k in range(blocks):
        for _ in range(int(width[k])):
            estimate[b] = total[k] / weight[k]
            b += 1
