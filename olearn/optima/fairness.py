"""Fair static allocations: one cache shared by agents with demands of their own.

Agent p has demand n_pi for item i; a shared fractional cache x in X = {0 <= x <= 1, sum x <= C} gives it
the utility u_p(x) = sum_i n_pi x_i. An alpha-fair allocation maximises sum_p f(u_p) with

    f(u) = u^(1-alpha) / (1-alpha),  alpha != 1;      f(u) = log u,  alpha = 1;      min_p u_p,  alpha = inf.

alpha = 0 is the utilitarian optimum (counting), alpha = 1 proportional fairness, which is the Nash
bargaining solution with disagreement point 0. With disagreement utilities d, Nash bargaining maximises
sum_p log(u_p - d_p). The price of fairness is (U - F) / U with U the utilitarian total and F the total
utility of the fair allocation.

**Certificate.** The objective F is concave, so for every feasible x

    max_X F <= F(x) + max_{y in X} <grad F(x), y - x>,

and the maximum of a linear function over X is the sum of its C largest positive entries: a bound from x
alone, nothing of the solver. For alpha = inf, weights theta on the agents with sum 1 give
min_p u_p(y) <= sum_p theta_p u_p(y) <= (the C largest entries of sum_p theta_p n_p); theta are the duals.

The bound is first order in the error of x. A solver's x is good to about 1e-8 in F, so the gap is of order
1e-6 and is reported.

References
----------
.. [1] J. Mo and J. Walrand, "Fair end-to-end window-based congestion control", IEEE/ACM ToN 8(5), 2000
   (alpha-fairness).
.. [2] J. F. Nash, "The bargaining problem", Econometrica 18(2), 1950.
.. [3] D. Bertsimas, V. F. Farias and N. Trichakis, "The price of fairness", Operations Research 59(1), 2011.
.. [4] T. Si Salem, G. Iosifidis and G. Neglia, "Enabling long-term fairness in dynamic resource
   allocation", SIGMETRICS 2023 (caches shared by agents).
"""

from __future__ import annotations

import math
import time
from typing import Any

import numpy as np

from olearn.errors import ParameterError, SolverError, check_positive_int, check_real
from olearn.optima._optimum import Optimum, finish
from olearn.optima._solve import cvxpy, solve
from olearn.optima.static import top_set, top_sum

SHARED = "prefilled: fractions of items, held for ever and shared by all agents"


def alpha_fair(demand: Any, capacity: int, alpha: float = 1.0, *, time_limit: float | None = None) -> Optimum:
    """The alpha-fair static allocation of a shared cache.

    Parameters
    ----------
    demand : array_like, shape (P, N)
        Requests (or value) of each item, by agent; each agent asks for something.
    capacity : int
    alpha : float
        At least 0, ``numpy.inf`` for max-min fairness.

    Returns
    -------
    Optimum
        `value` is the fair objective, `allocation` the fractions, float64 (N,).

    Examples
    --------
    >>> best = alpha_fair([[10, 0], [0, 1]], 1, alpha=1)
    >>> best.allocation.round(3).tolist(), alpha_fair([[10, 0], [0, 1]], 1, alpha=0).allocation.tolist()
    ([0.5, 0.5], [1.0, 0.0])
    """
    started = time.perf_counter()
    n, c = _demand(demand, capacity)
    a = _alpha(alpha)
    name = f"alpha-fair:{a:g}"
    if a == 0.0:
        x = np.zeros(n.shape[1])
        x[top_set(n.sum(axis=0), c)[0]] = 1.0
        return finish(float((n @ x).sum()), x, top_sum(n.sum(axis=0), c), name, SHARED, "counting", started)
    if math.isinf(a):
        return _max_min(n, c, name, started, time_limit)
    cp = cvxpy()
    scale = n.sum(axis=1).max()
    x = cp.Variable(n.shape[1], bounds=[0, 1])
    u = (n / scale) @ x
    total = cp.sum(cp.log(u)) if a == 1.0 else cp.sum(cp.power(u, 1.0 - a)) / (1.0 - a)
    solve(cp.Problem(cp.Maximize(total), [cp.sum(x) <= c]), name, solver="CLARABEL", time_limit=time_limit)
    point = _feasible(x.value, c)
    return _concave(n, c, point, a, np.zeros(n.shape[0]), name, SHARED, started)


def nash_bargaining(
    demand: Any, capacity: int, disagreement: Any, *, time_limit: float | None = None
) -> Optimum:
    """The Nash bargaining solution: the largest product of gains over the disagreement utilities.

    Parameters
    ----------
    demand, capacity
        As for :func:`alpha_fair`.
    disagreement : array_like, shape (P,)
        Utility of each agent if nothing is agreed, e.g. of a cache of its own of size C/P. All of them must
        be exceeded by one allocation.

    Returns
    -------
    Optimum
        `value` is the sum of the logarithms of the gains.

    Examples
    --------
    >>> nash_bargaining([[4, 0], [0, 4]], 1, [1.0, 0.0]).allocation.round(3).tolist()
    [0.625, 0.375]
    """
    started = time.perf_counter()
    n, c = _demand(demand, capacity)
    d = np.asarray(disagreement, dtype=np.float64)
    if d.shape != (n.shape[0],) or not np.isfinite(d).all():
        raise ParameterError(f"disagreement must be finite of shape ({n.shape[0]},), got shape {d.shape}")
    cp = cvxpy()
    scale = n.sum(axis=1).max()
    x = cp.Variable(n.shape[1], bounds=[0, 1])
    objective = cp.Maximize(cp.sum(cp.log((n / scale) @ x - d / scale)))
    try:
        solve(
            cp.Problem(objective, [cp.sum(x) <= c]), "nash-bargaining", solver="CLARABEL", time_limit=time_limit
        )
    except SolverError as error:
        if "infeasible" in str(error):
            raise ParameterError("no allocation gives every agent more than its disagreement utility") from None
        raise
    point = _feasible(x.value, c)
    if (n @ point <= d).any():
        raise ParameterError("no allocation gives every agent more than its disagreement utility")
    return _concave(n, c, point, 1.0, d, "nash-bargaining", SHARED, started)


def price_of_fairness(demand: Any, capacity: int, alphas: Any) -> list[dict[str, float]]:
    """What fairness costs in total utility, for each alpha.

    Returns
    -------
    list of dict
        Keys ``alpha``, ``total`` (total utility), ``least`` (the worst-off agent's utility), ``price`` in
        [0, 1], and ``gap`` of the fair optimum.

    Examples
    --------
    >>> [round(r["price"], 3) for r in price_of_fairness([[10, 0], [0, 1]], 1, [0, 1])]
    [0.0, 0.45]
    """
    n, c = _demand(demand, capacity)
    most = top_sum(n.sum(axis=0), c)
    rows = []
    for alpha in alphas:
        best = alpha_fair(n, c, alpha)
        u = n @ best.allocation
        rows.append(
            {
                "alpha": float(alpha),
                "total": float(u.sum()),
                "least": float(u.min()),
                "price": max(0.0, 1.0 - float(u.sum()) / most),
                "gap": best.gap,
            }
        )
    return rows


def _max_min(n: np.ndarray, c: int, name: str, started: float, time_limit: float | None) -> Optimum:
    cp = cvxpy()
    scale = n.sum(axis=1).max()
    x, least = cp.Variable(n.shape[1], bounds=[0, 1]), cp.Variable()
    floor = (n / scale) @ x >= least
    solve(cp.Problem(cp.Maximize(least), [floor, cp.sum(x) <= c]), name, time_limit=time_limit)
    point = _feasible(x.value, c)
    theta = np.maximum(np.asarray(floor.dual_value, dtype=np.float64).ravel(), 0.0)
    theta = theta / theta.sum() if theta.sum() > 0.0 else np.full(theta.size, 1.0 / theta.size)
    return finish(
        float((n @ point).min()),
        point,
        top_sum(theta @ n, c),
        name,
        SHARED,
        "HiGHS",
        started,
        tolerance=1e-7,
        dual=theta,
    )


def _concave(
    n: np.ndarray, c: int, x: np.ndarray, a: float, d: np.ndarray, name: str, convention: str, started: float
) -> Optimum:
    """Value and first-order bound of sum_p f(u_p - d_p) at x."""
    u = n @ x - d
    value = float(np.log(u).sum() if a == 1.0 else (u ** (1.0 - a)).sum() / (1.0 - a))
    slope = (u ** (-a)) @ n
    bound = value + max(0.0, top_sum(slope, c) - float(slope @ x))
    unit = max(1.0, abs(value)) if a == 1.0 else abs(value)  # a power may be far below 1
    status = "optimal within the gap" if bound - value <= 1e-4 * unit else "bounded"
    return finish(value, x, bound, name, convention, "Clarabel", started, status=status, unit=unit)


def _feasible(x: np.ndarray, c: int) -> np.ndarray:
    """The solver's point, put inside the set: clipped, and scaled down if it holds too much."""
    y = np.clip(x, 0.0, 1.0)
    total = y.sum()
    return y * (c / total) if total > c else y


def _demand(demand: Any, capacity: int) -> tuple[np.ndarray, int]:
    n = np.asarray(demand, dtype=np.float64)
    if n.ndim != 2 or n.size == 0:
        raise ParameterError(f"demand must have shape (agents, items), got {n.shape}")
    if not (np.isfinite(n).all() and (n >= 0.0).all()):
        raise ParameterError("demand must be finite and at least 0")
    if (n.sum(axis=1) == 0.0).any():
        idle = int(np.flatnonzero(n.sum(axis=1) == 0.0)[0])
        raise ParameterError(f"each agent must ask for something, agent {idle} asks for nothing")
    return n, check_positive_int("capacity", capacity)


def _alpha(alpha: float) -> float:
    if isinstance(alpha, float) and math.isinf(alpha) and alpha > 0:
        return alpha
    return check_real("alpha", alpha, 0.0)
