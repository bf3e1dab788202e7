"""The best whole placement of a tiny network of caches, by trying all."""

from __future__ import annotations

import itertools
import math

import numpy as np

from olearn.errors import ParameterError
from olearn.geometry.networks.gain import gain
from olearn.traces.networks.model import Network

#: More placements than this are refused.
LIMIT = 200_000


def brute_force(network: Network) -> tuple[float, np.ndarray]:
    """Best gain (per unit of time, one way) and a placement (float64 0/1, nodes x items) that earns it.

    Raises
    ------
    ParameterError
        There are more than 200,000 placements.

    Examples
    --------
    >>> from olearn.traces.networks import build
    >>> line = build(3, [(0, 1, 2.0), (1, 2, 5.0)], [1, 1, 0], [2, 2], [(0, [0, 1, 2], 1.0), (1, [1, 2], 1.0)])
    >>> brute_force(line)[0]
    12.0
    """
    caches = np.flatnonzero(network.capacity)
    count = math.prod(math.comb(network.items, int(network.capacity[v])) for v in caches)
    if count > LIMIT:
        raise ParameterError(f"brute force tries every placement: {count:,} here, allowed {LIMIT:,}")
    choices = [itertools.combinations(range(network.items), int(network.capacity[v])) for v in caches]
    best, best_y = -1.0, np.zeros((network.nodes, network.items))
    for held in itertools.product(*choices):
        y = np.zeros((network.nodes, network.items))
        for v, some in zip(caches, held, strict=True):
            y[v, list(some)] = 1.0
        value = gain(network.item, network.rate, network.start, network.path, network.upstream, y)
        if value > best:
            best, best_y = float(value), y
    return best, best_y
