"""The relaxed optimum of a network of caches: a linear program, with a dual bound recomputed by our code.

    max  sum_d r_d sum_k w_k t_dk   with  t_dk <= sum_{j <= k} y[v_j, i],  t_dk <= 1,  sum_i y[v, i] <= c_v.

Its value lies above the gain of every placement, fractional or whole, and (1 - 1/e) of it below the best whole
one [1]_. Demands of equal item and path are merged, nodes without capacity hold nothing, edges behind the same
caches are one row.

Items are screened exactly: an item left out is certainly absent at every node v whose price (the dual of its
capacity) is at least S(v, i) = the sum of rate x weight to the server over the demands for i through v, because
the dual solution that prices its rows at their weights then leaves it no positive reduced cost. So the program
is solved with the items of largest S, and grown until no item left out can pay a price; the bound carries over.

References
----------
.. [1] S. Ioannidis and E. Yeh, "Adaptive caching networks with optimality guarantees", SIGMETRICS 2016.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from olearn.geometry.networks.gain import relaxed_gain
from olearn.optima._solve import cvxpy, linear_bound, solve
from olearn.traces.networks.model import Network

#: Items that the first program holds; smaller networks are solved at once.
SCREENED = 1000


class Relaxed(NamedTuple):
    """The relaxed optimum: per unit of time, one way."""

    value: float  #: recomputed from the placement, not taken from the solver
    bound: float  #: proved by the duals; no placement earns more
    placement: np.ndarray  #: float64 of shape (nodes, items)
    prices: np.ndarray  #: float64 of shape (nodes,): worth of one more place
    screened: int  #: items that the last program held


def relaxed(network: Network, *, time_limit: float | None = None) -> Relaxed:
    """Solve the relaxation with HiGHS.

    Parameters
    ----------
    network : Network
    time_limit : float, optional
        Seconds for each program.

    Raises
    ------
    SolverError
        HiGHS is missing, failed or stopped at the limit.

    Examples
    --------
    >>> from olearn.traces.networks import build
    >>> line = build(3, [(0, 1, 2.0), (1, 2, 5.0)], [1, 1, 0], [2, 2], [(0, [0, 1, 2], 1.0), (1, [1, 2], 1.0)])
    >>> best = relaxed(line)
    >>> round(best.value, 6), round(best.bound, 6)
    (12.0, 12.0)
    """
    net = network.merged()
    inner = np.ones(len(net.path), dtype=bool)
    inner[net.start[1:] - 1] = False  # the server needs no place
    demand = np.repeat(np.arange(net.demands), np.diff(net.start))
    cells = net.path[inner] * net.items + net.item[demand[inner]]
    saved = (net.rate[demand] * net.upstream)[inner]
    worth = np.bincount(cells, saved, net.nodes * net.items).reshape(net.nodes, net.items)
    worth[net.capacity == 0] = 0.0
    best = worth.max(axis=0)
    kept = np.zeros(net.items, dtype=bool)
    kept[np.argsort(-best, kind="stable")[:SCREENED]] = True
    for _ in range(net.items + 1):  # each pass adds an item or is the last
        placement, prices, bound = _program(net, kept, time_limit)
        open_ = (~kept) & (worth > prices[:, None]).any(axis=0) & (best > 0.0)
        if not open_.any():
            break
        kept |= open_
    value = float(relaxed_gain(net.item, net.rate, net.start, net.path, net.upstream, placement))
    return Relaxed(value, bound, placement, prices, int(kept.sum()))


def _program(net: Network, kept: np.ndarray, limit: float | None) -> tuple[np.ndarray, np.ndarray, float]:
    """Solve over the items kept: placement (nodes, items), prices (nodes,), and what the duals prove."""
    from scipy import sparse

    part = net.subset(np.flatnonzero(kept[net.item]))
    cells: dict[tuple[int, int], int] = {}
    rows: list[int] = []
    columns: list[int] = []
    gains: list[float] = []
    for d in range(part.demands):
        low, high, i = part.start[d], part.start[d + 1], int(part.item[d])
        held: list[int] = []
        for k in range(low, high - 1):
            v = int(part.path[k])
            saved = float(part.rate[d] * (part.upstream[k] - part.upstream[k + 1]))
            if part.capacity[v] > 0:
                held.append(cells.setdefault((v, i), len(cells)))
                gains.append(0.0)
                rows += [len(gains) - 1] * len(held)
                columns += held
            if held:
                gains[-1] += saved
    placement = np.zeros((net.nodes, net.items))
    prices = np.zeros(net.nodes)
    if not cells:
        return placement, prices, 0.0
    weight = np.array(gains)
    at = np.array(list(cells), dtype=np.int64)
    covers = sparse.csr_array((np.ones(len(rows)), (rows, columns)), shape=(len(weight), len(at)))
    places = sparse.csr_array((np.ones(len(at)), (at[:, 0], np.arange(len(at)))), shape=(net.nodes, len(at)))
    limits = net.capacity.astype(np.float64)
    cp = cvxpy()
    y, t = cp.Variable(len(at), bounds=[0, 1]), cp.Variable(len(weight), bounds=[0, 1])
    covered, fits = t - covers @ y <= 0, places @ y <= limits
    # Weights over six orders of magnitude would meet the solver's absolute tolerances: scale to a largest of 1.
    scale = float(weight.max()) or 1.0
    solve(
        cp.Problem(cp.Maximize((weight / scale) @ t), [covered, fits]), "the relaxed optimum", time_limit=limit
    )
    whole = np.clip(y.value, 0.0, 1.0)
    load = places @ whole
    shrink = np.where(load > limits, limits / np.maximum(load, 1e-300), 1.0)  # feasible to the last bit
    placement[at[:, 0], at[:, 1]] = whole * shrink[at[:, 0]]
    prices = np.maximum(fits.dual_value * scale, 0.0)
    tolls = np.concatenate([covered.dual_value * scale, prices])
    below = sparse.block_array([[-covers, sparse.eye_array(len(weight))], [places, None]], format="csr")
    bound = linear_bound(
        np.concatenate([np.zeros(len(at)), weight]), np.ones(len(at) + len(weight)),
        below=below, limits=np.concatenate([np.zeros(len(weight)), limits]), tolls=tolls,
    )  # fmt: skip
    return placement, prices, bound
