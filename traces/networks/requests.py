"""How requests arrive: Poisson processes of the demands, or a trace of items sent to random query nodes."""

from __future__ import annotations

import numpy as np

from olearn._rng import generator
from olearn.errors import TraceError, check_real
from olearn.traces.networks.model import Network


def poisson(network: Network, time: float, seed: int = 0) -> np.ndarray:
    """Demands in order of arrival (int32) when each is a Poisson process of its rate for `time` units of time.

    Raises
    ------
    TraceError
        All rates are 0.

    Examples
    --------
    >>> from olearn.traces.networks import build
    >>> line = build(2, [(0, 1, 2.0)], [1, 0], [1], [(0, [0, 1], 5.0)])
    >>> poisson(line, 100.0, seed=1).dtype
    dtype('int32')
    """
    time = check_real("time", time, 0.0)
    total = float(network.rate.sum())
    if not total > 0.0:
        raise TraceError("every rate is 0, so nothing is ever requested")
    draw = generator(seed, 71)
    steps = np.cumsum(network.rate) / total
    chosen = np.searchsorted(steps, draw.random(draw.poisson(total * time)), side="right")
    return np.minimum(chosen, network.demands - 1).astype(np.int32)


def sent(network: Network, items: np.ndarray, seed: int = 0) -> np.ndarray:
    """Demands (int32) when each item of a trace goes to one of the query nodes, drawn uniformly.

    Parameters
    ----------
    items : array of int
        In order of request.

    Raises
    ------
    TraceError
        An item is asked for that some query node has no demand for.
    """
    queries = np.unique(network.path[network.start[:-1]])
    table = np.full((network.items, len(queries)), -1, dtype=np.int32)
    where = np.searchsorted(queries, network.path[network.start[:-1]])
    table[network.item, where] = np.arange(network.demands, dtype=np.int32)
    items = np.asarray(items, dtype=np.int64)
    if len(items) and not (items.min() >= 0 and items.max() < network.items):
        raise TraceError(f"the trace asks for item {int(items.max())}, known items: 0..{network.items - 1}")
    lacking = np.flatnonzero((table[items] < 0).any(axis=1))
    if len(lacking):
        item = int(items[lacking[0]])
        raise TraceError(
            f"request {int(lacking[0])} is for item {item}, which some query node has no demand for"
        )
    return table[items, generator(seed, 72).integers(len(queries), size=len(items))]
