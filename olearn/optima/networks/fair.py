"""Fair placements on a network of caches: query nodes are agents, relaxed gains their utilities.

An alpha-fair placement maximises sum_p f(u_p), f(u) = u^(1-alpha)/(1-alpha), log u for alpha = 1, over
fractional placements; u_p is the relaxed gain per unit of time of the demands that start at query node p. Nash
bargaining with disagreement utilities d maximises sum_p log(u_p - d_p), and is proportional fairness (alpha =
1) where d = 0. The price of fairness is the share of the largest total gain that a fair placement gives up.

Certificate: the objective F is concave in u and u concave in the placement, so for every placement y and the
weights theta = grad F(u(y)),

    max F <= F(u(y)) + max over y' of theta . u(y') - theta . u(y),

and the maximum is a relaxed optimum with rates theta_p r_d, whose dual bound our code recomputes: nothing of
the solver is trusted. It is first order in the error of y, which is good to about 1e-8.

References
----------
.. [1] J. Mo and J. Walrand, "Fair end-to-end window-based congestion control", IEEE/ACM ToN 8(5), 2000.
.. [2] T. Si Salem, G. Iosifidis and G. Neglia, "Enabling long-term fairness in dynamic resource allocation",
   SIGMETRICS 2023.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from olearn.errors import ParameterError, check_real
from olearn.geometry.networks.oracle import cells
from olearn.optima._solve import cvxpy, solve
from olearn.optima.networks.relaxed import relaxed
from olearn.traces.networks.model import Network


class Fair(NamedTuple):
    """A fair placement."""

    value: float  #: sum of f over agents
    bound: float  #: no placement has more
    agents: np.ndarray  #: query nodes, int64 (P,)
    utilities: np.ndarray  #: relaxed gain of each, per unit of time, one way, float64 (P,)
    placement: np.ndarray  #: float64 (nodes, items)


def utilities(network: Network, placement: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Query nodes (int64 (P,)) and the relaxed gain of each (float64 (P,)) for a placement (nodes x items)."""
    demand = np.repeat(np.arange(network.demands), np.diff(network.start))
    inner = np.ones(len(network.path), dtype=bool)
    inner[network.start[1:] - 1] = False
    held = np.where(inner, placement[network.path, network.item[demand]], 0.0)
    sums = np.cumsum(held)
    sums -= np.repeat(sums[network.start[:-1]] - held[network.start[:-1]], np.diff(network.start))
    edge = np.zeros(len(network.path))
    edge[:-1] = network.upstream[:-1] - network.upstream[1:]
    edge[~inner] = 0.0
    gains = network.rate * np.add.reduceat(edge * np.minimum(1.0, sums), network.start[:-1])
    agents, group = np.unique(network.path[network.start[:-1]], return_inverse=True)
    return agents, np.bincount(group, gains, agents.size)


def alpha_fair(network: Network, alpha: float = 1.0) -> Fair:
    """The alpha-fair placement.

    Parameters
    ----------
    network : Network
        Every query node must be able to save something.
    alpha : float
        At least 0; 0 is the relaxed optimum.

    Examples
    --------
    >>> from olearn.traces.networks import build
    >>> two = build(3, [(0, 2, 1.0), (1, 2, 1.0)], [0, 0, 1], [2, 2], [(0, [0, 2], 1.0), (1, [1, 2], 1.0)])
    >>> star = build(
    ...     4, [(0, 2, 0.0), (1, 2, 0.0), (2, 3, 1.0)], [0, 0, 1, 0], [3, 3],
    ...     [(0, [0, 2, 3], 9.0), (1, [1, 2, 3], 1.0)],
    ... )
    >>> alpha_fair(star, 1.0).utilities.round(3).tolist(), alpha_fair(star, 0.0).utilities.tolist()
    ([4.5, 0.5], [9.0, 0.0])
    """
    alpha = check_real("alpha", alpha, 0.0)
    if alpha == 0.0:
        best = relaxed(network)
        agents, found = utilities(network, best.placement)
        return Fair(float(found.sum()), best.bound, agents, found, best.placement)
    return _solved(network, alpha, None)


def nash_bargaining(network: Network, disagreement: Any) -> Fair:
    """The placement that maximises the product of gains over what agents have where nothing is agreed.

    Parameters
    ----------
    network : Network
    disagreement : array_like of float, shape (P,)
        Utility of each query node (sorted) without an agreement; some placement must exceed all.

    Raises
    ------
    ParameterError
        No placement exceeds them.
    """
    agents = np.unique(network.path[network.start[:-1]])
    floor = np.asarray(disagreement, dtype=np.float64)
    if floor.shape != agents.shape or not np.isfinite(floor).all():
        raise ParameterError(
            f"disagreement must be {agents.size} finite numbers, one a query node, got {floor!r:.60}"
        )
    return _solved(network, 1.0, floor)


def price_of_fairness(network: Network, alpha: float = 1.0) -> float:
    """The share of the largest total relaxed gain that the alpha-fair placement gives up."""
    most = relaxed(network).value
    return 1.0 - float(alpha_fair(network, alpha).utilities.sum()) / most if most > 0.0 else 0.0


def _solved(network: Network, alpha: float, floor: np.ndarray | None) -> Fair:
    from scipy import sparse

    net = network.merged()
    where = cells(net)
    agents, group = np.unique(net.path[net.start[:-1]], return_inverse=True)
    rows: list[int] = []
    columns: list[int] = []
    weight: list[float] = []
    owner: list[int] = []
    for d in range(net.demands):
        seen: list[int] = []
        for k in range(net.start[d], net.start[d + 1] - 1):
            if where.of[k] >= 0:
                seen.append(int(where.of[k]))
            saved = float(net.rate[d] * (net.upstream[k] - net.upstream[k + 1]))
            if seen and saved > 0.0:
                rows += [len(weight)] * len(seen)
                columns += seen
                weight.append(saved)
                owner.append(int(group[d]))
    lacking = np.setdiff1d(np.arange(agents.size), owner)
    if lacking.size:
        raise ParameterError(
            f"query node {agents[lacking[0]]} can't save anything, so no placement is fair to it"
        )
    count = where.node.size
    covers = sparse.csr_array((np.ones(len(rows)), (rows, columns)), shape=(len(weight), count))
    places = sparse.csr_array((np.ones(count), (where.node, np.arange(count))), shape=(net.nodes, count))
    scale = float(np.bincount(owner, weight, agents.size).max())
    adds = sparse.csr_array(
        (np.array(weight) / scale, (owner, np.arange(len(weight)))), shape=(agents.size, len(weight))
    )
    cp = cvxpy()
    y, t = cp.Variable(count, bounds=[0, 1]), cp.Variable(len(weight), bounds=[0, 1])
    u = adds @ t - (0.0 if floor is None else floor / scale)
    aim = cp.sum(cp.log(u)) if alpha == 1.0 else cp.sum(cp.power(u, 1.0 - alpha)) / (1.0 - alpha)
    fits = [t <= covers @ y, places @ y <= net.capacity.astype(float)]
    solve(cp.Problem(cp.Maximize(aim), fits), f"alpha-fair:{alpha:g}", solver="CLARABEL")
    found = np.clip(y.value, 0.0, 1.0)
    load = places @ found
    found *= np.where(load > net.capacity, net.capacity / np.maximum(load, 1e-300), 1.0)[where.node]
    placement = np.zeros((net.nodes, net.items))
    placement[where.node, where.item] = found
    _, have = utilities(net, placement)
    above = have - (0.0 if floor is None else floor)
    if (above <= 0.0).any():
        worst = int(np.argmin(above))
        raise ParameterError(
            f"no placement found that gives query node {agents[worst]} more than {have[worst]:g}"
        )
    value = float(np.log(above).sum() if alpha == 1.0 else (above ** (1.0 - alpha)).sum() / (1.0 - alpha))
    theta = above**-alpha
    best = relaxed(net.subset(np.arange(net.demands), net.rate * theta[group]))
    return Fair(value, value + best.bound - float(theta @ have), agents, have, placement)
