"""Offloading under budgets: the best distribution over thresholds in each context.

With a budget on what is offloaded, a fixed threshold is no longer the natural comparator: tossing a coin
between two thresholds fills the budget exactly. Let q_k(theta) be the probability of threshold theta in
context k (drawn once, or afresh for every sample: the expectation is the same). The least expected loss is

    min sum_k sum_theta q_k(theta) L_k(theta)
    subject to  sum_k sum_theta q_k(theta) U_jk(theta) <= b_j for each resource j,   q_k a distribution,

with L the total loss of a threshold (:func:`~olearn.optima.thresholds.threshold_curve`) and U_j what it
uses of resource j. "Never offload" uses nothing, so the problem is feasible for all b >= 0.

*One resource*: only the lower convex envelope of the points (U, L) of each context matters. Starting from
"never", walk the edges of all envelopes in order of the loss they save per unit used until the budget is
spent; the last edge is walked in part, so at most one context mixes, between two thresholds. Exact,
O(T log T). *Several resources*: a linear program, HiGHS.

Certificate: for any prices lambda >= 0, sum_k min_theta (L_k + <lambda, U_k>) - <lambda, b> is a lower bound.
It is recomputed over *all* thresholds, from the price of the last edge or from HiGHS's duals.
"""

from __future__ import annotations

import time
from typing import Any, NamedTuple

import numpy as np

from olearn.errors import ParameterError, check_real
from olearn.optima._optimum import Optimum, finish
from olearn.optima.thresholds import check_samples, context_groups, threshold_curve


class Mixture(NamedTuple):
    """A distribution over thresholds for each context, what it uses, and the prices that prove it best."""

    #: For each context the thresholds that are used, and their probabilities (float64 arrays).
    thresholds: list[np.ndarray]
    probabilities: list[np.ndarray]
    #: Expected use of each resource, and its price in units of loss; float64 (J,).
    use: np.ndarray
    prices: np.ndarray


def best_mixed(
    confidence: Any,
    local_loss: Any,
    offload_loss: Any,
    *,
    context: Any = None,
    rate: float | None = None,
    resources: Any = None,
    budgets: Any = None,
    time_limit: float | None = None,
) -> Optimum:
    """The least expected loss of a mixture of thresholds (per context) within budgets.

    Parameters
    ----------
    confidence, local_loss, offload_loss : array_like of float, shape (T,)
    context : array_like of int, shape (T,), optional
        Contexts 0 .. K-1; default: one context.
    rate : float, optional
        Share of the samples that may be offloaded, in [0, 1]: one resource with use 1 and budget rate * T.
    resources : array_like, shape (J, T) or (T,), optional
        What offloading each sample takes of each resource, at least 0 (energy, bytes, seconds ...).
    budgets : array_like, shape (J,), optional
        Totals, at least 0; needed with `resources`.

    Returns
    -------
    Optimum
        `allocation`: :class:`Mixture`. ``sense="min"``: `upper_bound` bounds the loss from below.

    Examples
    --------
    >>> best = best_mixed([0.1, 0.2, 0.8, 0.9], [1, 1, 0, 0], [0, 0, 0, 0], rate=0.25)
    >>> best.value, best.allocation.thresholds[0].tolist(), best.allocation.probabilities[0].tolist()
    (1.0, [-inf, 0.8], [0.5, 0.5])
    """
    started = time.perf_counter()
    p, local, offload = check_samples(confidence, local_loss, offload_loss)
    use, limits = _resources(rate, resources, budgets, p.size)
    groups = [np.arange(p.size)] if context is None else context_groups(context, p.size)
    cells = [_cell(p[g], local[g], offload[g], use[:, g]) for g in groups]
    if limits.size == 1:
        mixture = _envelopes(cells, float(limits[0]))
        solver = "convex envelopes"
    else:
        mixture = _program(cells, limits, time_limit)
        solver = "HiGHS"
    value = 0.0
    for (thresholds, losses, _), chosen, q in zip(cells, mixture.thresholds, mixture.probabilities):
        value += float(losses[np.searchsorted(thresholds, chosen)] @ q)
    bound = sum(float((losses + mixture.prices @ used).min()) for _, losses, used in cells)
    bound -= float(mixture.prices @ limits)
    named = f"{limits.size} budget{'s' if limits.size > 1 else ''} kept in expectation"
    convention = f"offload below a drawn threshold; {named}; losses are totals"
    unit = max(abs(value), float(np.abs(local).max()), float(np.abs(offload).max()), 1e-300)
    return finish(
        value, mixture, bound, "best mixed policy", convention, solver, started,
        sense="min", tolerance=1e-7, unit=unit,
    )  # fmt: skip


def _resources(rate: Any, resources: Any, budgets: Any, length: int) -> tuple[np.ndarray, np.ndarray]:
    """Use (J, T) and limits (J,); the offload rate comes first."""
    use, limits = [], []
    if rate is not None:
        use.append(np.ones(length))
        limits.append(check_real("rate", rate, 0.0, 1.0) * length)
    if (resources is None) != (budgets is None):
        raise ParameterError("give resources and budgets together")
    if resources is not None:
        rows = np.atleast_2d(np.asarray(resources, dtype=np.float64))
        totals = np.atleast_1d(np.asarray(budgets, dtype=np.float64))
        if rows.ndim != 2 or rows.shape != (totals.size, length):
            raise ParameterError(
                f"resources must have shape (budgets, samples) = ({totals.size}, {length}), got {rows.shape}"
            )
        for name, a in (("resources", rows), ("budgets", totals)):
            if not (np.isfinite(a).all() and (a >= 0.0).all()):
                raise ParameterError(f"{name} must be finite and at least 0")
        use.extend(rows)
        limits.extend(totals.tolist())
    if not limits:
        raise ParameterError("give a budget: rate, or resources with budgets")
    return np.array(use), np.array(limits)


def _cell(
    p: np.ndarray, local: np.ndarray, offload: np.ndarray, use: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Thresholds (D+1,), their losses (D+1,) and uses (J, D+1) in one context."""
    if p.size == 0:
        return np.array([-np.inf]), np.zeros(1), np.zeros((use.shape[0], 1))
    thresholds, losses = threshold_curve(p, local, offload)
    zero = np.zeros(p.size)
    uses = np.array([threshold_curve(p, zero, row)[1] for row in use])
    return thresholds, losses, uses


def _envelope(use: np.ndarray, loss: np.ndarray) -> np.ndarray:
    """Indices of the lower convex envelope of points with non-decreasing use, while the loss falls."""
    hull: list[int] = []
    for k in np.lexsort((loss, use)):
        if hull and loss[k] >= loss[hull[-1]]:
            continue
        while len(hull) > 1:
            a, b = hull[-2], hull[-1]
            if (loss[b] - loss[a]) * (use[k] - use[b]) >= (loss[k] - loss[b]) * (use[b] - use[a]):
                hull.pop()
            else:
                break
        if len(hull) == 1 and use[k] <= use[hull[0]]:
            hull.pop()
        hull.append(int(k))
    return np.array(hull)


def _envelopes(cells: list[Any], budget: float) -> Mixture:
    """Walk the edges of all envelopes, steepest first, until the budget is spent."""
    hulls = [_envelope(used[0], losses) for _, losses, used in cells]
    at = [0] * len(cells)
    part: tuple[int, float] | None = None  # (context, share of its next edge)
    edges = []
    spent = 0.0
    for k, (hull, (_, losses, used)) in enumerate(zip(hulls, cells)):
        spent += float(used[0][hull[0]])
        saved, cost = -np.diff(losses[hull]), np.diff(used[0][hull])
        edges += [(-s / c, k, float(c)) for s, c in zip(saved.tolist(), cost.tolist())]
    price = 0.0
    for slope, k, cost in sorted(edges):
        if spent + cost <= budget:
            spent += cost
            at[k] += 1
            continue
        price = -slope
        part = (k, (budget - spent) / cost)
        break
    thresholds, probabilities, total = [], [], 0.0
    for k, (hull, (values, _, used)) in enumerate(zip(hulls, cells)):
        here = int(hull[at[k]])
        if part is not None and part[0] == k and part[1] > 0.0:
            ahead = int(hull[at[k] + 1])
            pair = sorted([(values[here], 1.0 - part[1], here), (values[ahead], part[1], ahead)])
            thresholds.append(np.array([v for v, _, _ in pair]))
            probabilities.append(np.array([q for _, q, _ in pair]))
            total += sum(q * float(used[0][i]) for _, q, i in pair)
        else:
            thresholds.append(values[[here]])
            probabilities.append(np.ones(1))
            total += float(used[0][here])
    return Mixture(thresholds, probabilities, np.array([total]), np.array([price]))


def _program(cells: list[Any], limits: np.ndarray, time_limit: float | None) -> Mixture:
    """The linear program over all thresholds of all contexts."""
    from scipy import sparse

    from olearn.optima._solve import cvxpy, solve

    cp = cvxpy()
    loss = np.concatenate([c[1] for c in cells])
    used = np.concatenate([c[2] for c in cells], axis=1)
    width = [c[0].size for c in cells]
    owner = np.repeat(np.arange(len(cells)), width)
    sums = sparse.csr_matrix((np.ones(loss.size), (owner, np.arange(loss.size))), shape=(len(cells), loss.size))
    unit = np.maximum(used.max(axis=1), 1e-300)
    scale = float(np.abs(loss).max()) or 1.0
    q = cp.Variable(loss.size, nonneg=True)
    room = (used / unit[:, None]) @ q <= limits / unit
    solve(
        cp.Problem(cp.Minimize((loss / scale) @ q), [sums @ q == 1, room]),
        "best mixed policy",
        time_limit=time_limit,
    )
    prices = np.maximum(np.atleast_1d(np.asarray(room.dual_value, dtype=np.float64)), 0.0) * scale / unit
    weights = np.maximum(q.value, 0.0)
    thresholds, probabilities = [], []
    for (values, _, _), piece in zip(cells, np.split(weights, np.cumsum(width)[:-1])):
        keep = piece > 1e-12
        thresholds.append(values[keep])
        probabilities.append(piece[keep] / piece[keep].sum())
    return Mixture(thresholds, probabilities, used @ weights, prices)
