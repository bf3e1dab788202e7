r"""The relaxed optimum of inference delivery: the best fixed fractions of models, a linear program.

With entries j (a type asked for :math:`r_j` times in :math:`w_j` slots) and f the requests that options take,

.. math:: \max_{y, f} \sum_j w_j \Big( base_j - \sum_o \gamma_o f_{jo} \Big) \quad
   \sum_o f_{jo} = r_j,\; 0 \le f_{jo} \le l_{jo}\, y_o,\; 0 \le y \le 1,\; \sum_m s_m y_{vm} \le b_v .

It bounds the best placement of whole models from above, and it is what INFIDA's regret is measured against
(times 1 - 1/e for whole models).

Certificate, by weak duality: for any prices :math:`\nu_j` (what a request of entry j may cost at the
margin) the gain of every y is at most

.. math:: \sum_j w_j (base_j - \nu_j r_j) + \sum_j w_j \sum_{o\,pinned} l_{jo} [\nu_j - \gamma_o]_+
   + \sum_v \max_{y_v} \sum_m y_{vm} \sum_{j, o = (v,m)} w_j l_{jo} [\nu_j - \gamma_o]_+ ,

the last term a fractional knapsack for each node (Dantzig). The solver proposes the prices; the bound is
computed here (:func:`price_bound`) and holds for any.

Cost: an LP with one variable for each entry and option; 300 slots of 80 types take a second or two.

References
----------
.. [1] T. Si Salem, G. Castellano, G. Neglia, F. Pianese and A. Araldo, "Toward inference delivery
   networks: distributing machine learning with optimality guarantees", IEEE/ACM ToN 32(1), 2024.
"""

from __future__ import annotations

import time
from typing import Any

import numpy as np

from olearn.environments.delivery import Delivery
from olearn.environments.delivery_merged import Entries, merge, total_gain
from olearn.optima._optimum import Optimum, finish
from olearn.optima._solve import cvxpy, solve


def relaxed(network: Delivery, demand: Any, *, time_limit: float | None = None) -> Optimum:
    """The best fixed fractions in hindsight.

    Parameters
    ----------
    network : Delivery
    demand : array_like, shape (T, R)
    time_limit : float, optional
        Seconds for the solver.

    Returns
    -------
    Optimum
        `value` in ms saved over all slots; `allocation`: fractions, float64 (V, M); `dual`: a price for
        each entry.

    Raises
    ------
    SolverError
        The solver is missing, failed, or stopped at the limit.

    Examples
    --------
    >>> from olearn.traces.delivery import build, poisson_demand
    >>> net = build("path3", tasks=2)
    >>> best = relaxed(net, poisson_demand(net, slots=5, seed=1))
    >>> best.status, best.allocation.shape
    ('optimal', (3, 10))
    """
    started = time.perf_counter()
    entries = merge(network, network.check_demand(demand))
    y, prices = _solve(network, entries, time_limit)
    return finish(
        float(total_gain(entries, y)),
        y.reshape(len(network.nodes), -1),
        price_bound(network, entries, prices),
        "relaxed",
        "fixed fractions of models within the budgets, serving greedily",
        "HiGHS",
        started,
        tolerance=1e-7,
        dual=prices,
    )


def price_bound(network: Delivery, entries: Entries, prices: np.ndarray) -> float:
    """What the prices prove about the gain of every fractions y; any prices are valid."""
    counts = np.diff(entries.start)
    nu = np.repeat(prices, counts)
    weight = np.repeat(entries.weight, counts)
    saved = weight * entries.takes * np.maximum(nu - entries.cost, 0.0)
    bound = float((entries.weight * (entries.base - prices * entries.requests)).sum())
    pinned = entries.place < 0
    bound += float(saved[pinned].sum())
    worth = np.bincount(entries.place[~pinned], weights=saved[~pinned], minlength=network.places)
    models = network.size.size
    for v in range(len(network.nodes)):
        mine = worth[v * models : (v + 1) * models]
        inside = np.flatnonzero(mine > 0.0)
        left = network.budget[v]
        for m in inside[np.argsort(-mine[inside] / network.size[inside], kind="stable")]:
            part = min(1.0, left / network.size[m])
            bound += float(part * mine[m])
            left -= part * network.size[m]
            if left <= 0.0:
                break
    return bound


def _solve(network: Delivery, entries: Entries, time_limit: float | None) -> tuple[np.ndarray, np.ndarray]:
    """The LP: fractions (V M,), pinned places at 1, and the price of a request of each entry."""
    import scipy.sparse as sp

    cp = cvxpy()
    j, o = entries.weight.size, entries.place.size
    places = np.unique(entries.place[entries.place >= 0])
    y = network.placement()
    if j == 0 or places.size == 0:
        last = np.maximum(entries.start[1:] - 1, 0)
        return y, entries.cost[last] if j else np.empty(0)
    # In units that keep the numbers near 1: requests of an entry as shares of it.
    of = np.repeat(np.arange(j), np.diff(entries.start))
    share = entries.takes / entries.requests[of]
    scale = float(entries.cost.max()) or 1.0
    rate = entries.weight[of] * entries.requests[of] * entries.cost / scale
    unit = float(rate.max()) or 1.0
    free = np.flatnonzero(entries.place >= 0)
    column = np.searchsorted(places, entries.place[free])
    serves = sp.csr_matrix((np.ones(o), (of, np.arange(o))), shape=(j, o))
    pick = sp.csr_matrix((np.ones(free.size), (np.arange(free.size), free)), shape=(free.size, o))
    hold = sp.csr_matrix((share[free], (np.arange(free.size), column)), shape=(free.size, places.size))
    models = network.size.size
    room = sp.csr_matrix(
        (network.size[places % models], (places // models, np.arange(places.size))),
        shape=(len(network.nodes), places.size),
    )
    used = np.flatnonzero(np.diff(room.indptr))
    f = cp.Variable(o, bounds=[0.0, share])
    x = cp.Variable(places.size, bounds=[0.0, 1.0])
    everything = serves @ f == np.ones(j)
    problem = cp.Problem(
        cp.Minimize((rate / unit) @ f),
        [everything, pick @ f <= hold @ x, room[used] @ x <= network.budget[used]],
    )
    solve(problem, "relaxed", time_limit=time_limit)
    fractions = np.clip(np.asarray(x.value), 0.0, 1.0)
    y[places] = _within(network, places, fractions)
    prices = -np.asarray(everything.dual_value) * unit * scale / (entries.weight * entries.requests)
    return y, prices


def _within(network: Delivery, places: np.ndarray, fractions: np.ndarray) -> np.ndarray:
    """The solver's fractions, scaled down where its tolerance lets a node be too full."""
    models = network.size.size
    used = np.bincount(
        places // models, weights=fractions * network.size[places % models], minlength=len(network.nodes)
    )
    with np.errstate(divide="ignore", invalid="ignore"):
        factor = np.where(used > network.budget, network.budget / used, 1.0)
    return fractions * factor[places // models]
