"""The best fixed point of a convex set for cumulated convex losses, given as cvxpy expressions.

The static comparator of online convex optimisation: min over x in X of sum_t loss_t(x).

**Certificate.** Let f be the objective and g a subgradient at the point x found. Convexity gives
f(y) >= f(x) + <g, y - x> for all y in X, so f(x) + min_{y in X} <g, y> - <g, x> is a lower bound. The
minimum of a linear function over X comes from `support`, the set's support function in closed form (the
sets of :mod:`olearn.geometry` have one); nothing is taken from the solver but x. At a kink one subgradient
may give a loose bound; the gap says how loose.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import numpy as np

from olearn.errors import ParameterError
from olearn.optima._optimum import Optimum, finish
from olearn.optima._solve import cvxpy, solve


def best_fixed_point(
    losses: Any,
    x: Any,
    constraints: Any = (),
    *,
    support: Callable[[np.ndarray], float] | None = None,
    solver: str = "CLARABEL",
    time_limit: float | None = None,
) -> Optimum:
    """The point with the least total loss.

    Parameters
    ----------
    losses : cvxpy expression or iterable of them
        Convex scalars in `x`; their sum is minimised.
    x : cvxpy.Variable
    constraints : iterable of cvxpy constraints
        The set X.
    support : callable, optional
        ``support(g) = max over y in X of <g, y>`` for g of the shape of `x`, e.g. the method of that name of
        a set in :mod:`olearn.geometry`. Without it there is no certificate: the bound is NaN and the status
        says so.
    solver : str
        cvxpy's name of the solver.

    Returns
    -------
    Optimum
        `allocation`: the point; ``sense="min"``, `upper_bound` bounds the loss from below.

    Examples
    --------
    >>> import cvxpy as cp
    >>> x = cp.Variable(2)
    >>> simplex = [x >= 0, cp.sum(x) == 1]
    >>> losses = [cp.sum_squares(x - [1, 0]), cp.sum_squares(x - [0, 1])]
    >>> best = best_fixed_point(losses, x, simplex, support=max)
    >>> best.allocation.round(3).tolist(), round(best.value, 4), best.gap < 1e-4
    ([0.5, 0.5], 1.0, True)
    """
    started = time.perf_counter()
    cp = cvxpy()
    terms = [losses] if isinstance(losses, cp.Expression) else list(losses)
    if not terms:
        raise ParameterError("losses must hold at least one expression")
    total = sum(terms[1:], terms[0])
    if not (isinstance(total, cp.Expression) and total.is_scalar() and total.is_convex()):
        raise ParameterError("losses must be scalars that cvxpy's rules prove convex")
    solve(
        cp.Problem(cp.Minimize(total), list(constraints)),
        "best fixed point",
        solver=solver,
        time_limit=time_limit,
    )
    point = np.array(x.value, dtype=np.float64)
    value = float(total.value)
    bound, status = float("nan"), "solver's optimum, not certified: give support, the set's support function"
    if support is not None:
        slope = total.grad.get(x)
        if slope is None:
            status = "solver's optimum, not certified: cvxpy has no subgradient at this point"
        else:
            g = np.asarray(slope.todense() if hasattr(slope, "todense") else slope, dtype=np.float64)
            g = g.reshape(point.shape, order="F")
            bound = value - float(support(-g)) - float((g * point).sum())
            bound = min(bound, value)  # x may lie outside X by the solver's tolerance
            status = "optimal within the gap" if value - bound <= 1e-4 * max(1.0, abs(value)) else "bounded"
    return finish(
        value, point, bound, "best fixed point", "one point of the set for all rounds", solver.capitalize(),
        started, status=status, sense="min",
    )  # fmt: skip
