"""Static greedy on a network of caches: place the (node, item) that adds most, until nothing adds or fits.

The gain is monotone and submodular and the capacities are a partition matroid, so greedy earns at least half of
the best placement [1]_. Marginal gains only fall, so they are looked at again only when they surface in a heap
(lazy greedy [2]_). One look costs O(length of the paths through the node for that item).

References
----------
.. [1] M. Fisher, G. Nemhauser and L. Wolsey, "An analysis of approximations for maximizing submodular set
   functions II", Math. Prog. Study 8, 1978.
.. [2] M. Minoux, "Accelerated greedy algorithms for maximizing submodular set functions", 1978.
"""

from __future__ import annotations

import heapq

import numpy as np

from olearn.geometry.networks.gain import gain
from olearn.traces.networks.model import Network


def greedy(network: Network) -> tuple[float, np.ndarray]:
    """Gain (per unit of time, one way) and placement (float64 0/1, nodes x items) of static greedy.

    Ties go to the smaller node, then the smaller item.

    Examples
    --------
    >>> from olearn.traces.networks import build
    >>> line = build(3, [(0, 1, 2.0), (1, 2, 5.0)], [1, 1, 0], [2, 2], [(0, [0, 1, 2], 1.0), (1, [1, 2], 1.0)])
    >>> greedy(line)[0]
    12.0
    """
    through: dict[tuple[int, int], list[tuple[int, int]]] = {}
    for d in range(network.demands):
        for k in range(network.start[d], network.start[d + 1] - 1):
            v = int(network.path[k])
            if network.capacity[v]:
                through.setdefault((v, int(network.item[d])), []).append((d, k))
    # What the rest of its path still costs each demand: the weight up to its first copy, from the server.
    saved = np.zeros(network.demands)

    def adds(cell: tuple[int, int]) -> float:
        return sum(float(network.rate[d]) * max(0.0, network.upstream[k] - saved[d]) for d, k in through[cell])

    heap = [(-adds(cell), cell) for cell in through]
    heapq.heapify(heap)
    y = np.zeros((network.nodes, network.items))
    left = network.capacity.copy()
    while heap:
        _, cell = heapq.heappop(heap)
        if not left[cell[0]]:
            continue
        now = (-adds(cell), cell)
        if heap and heap[0] < now:
            heapq.heappush(heap, now)
        elif now[0] < 0.0:
            y[cell] = 1.0
            left[cell[0]] -= 1
            for d, k in through[cell]:
                saved[d] = max(saved[d], network.upstream[k])
    return float(gain(network.item, network.rate, network.start, network.path, network.upstream, y)), y
