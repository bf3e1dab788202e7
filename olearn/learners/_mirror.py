"""One step for mirror descent and follow-the-regularised-leader: any set, geometry, step size and hint.

The axes are small integers in the state, so that one compiled loop serves all combinations. Notation: psi the
mirror map of the geometry, X the set, eta_t the step size, m_t the hint (0 without hints).

* OMD: ``z_(t+1) = argmin_X eta_t <g_t, x> + B_psi(x; z_t)``, play ``x_t = argmin_X eta <m_t, x> + B_psi(x;
z_t)``; without
  hints x = z.
* FTRL: play ``argmin_X <G + m_t, x> + psi(x)/eta_t``, G the sum of the gradients; the Euclidean psi is
centred at the start.
* proximal FTRL (Euclidean): ``argmin_X <G + m_t, x> + sum_s (sigma_s/2) |x - x_s|^2`` with ``sum sigma_s =
1/eta_t``.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np

from olearn._jit import kernel
from olearn.geometry.region import BALL, EUCLIDEAN, SIMPLEX, Region, dual, mirror, project
from olearn.learners._feed import MATRIX, record, respond
from olearn.learners._numeric import dot, project_simplex_warm

OMD, FTRL, PROXIMAL = range(3)
FIXED, SQRT, NORM, STRONG = range(4)
NO_HINT, LAST, GIVEN = range(3)
#: Cells of ``cells``: step size in use, sum of squared norms of g - m, sum of sigma.
ETA, SQUARES, SIGMA = range(3)
_RECENTRE = 1024


class State(NamedTuple):
    """A point of a set and what the rule remembers."""

    x: np.ndarray  # float64 (d,): the play
    z: np.ndarray  # float64 (d,): the iterate behind it
    theta: np.ndarray  # float64 (d,): sum of gradients, or the dual vector of z
    hint: np.ndarray  # float64 (d,)
    work: np.ndarray  # float64 (d,)
    centre: np.ndarray  # float64 (d,): the start
    hints: np.ndarray  # float64 (T, d): hints given for a run, or (0, d)
    rounds: np.ndarray  # int64 (1,)
    cells: np.ndarray  # float64 (3,)
    region: Region
    method: int
    geometry: int
    schedule: int
    hinting: int
    keep: bool  # the dual vector is kept from round to round: sets of simplices, where psi is steep at 0
    rate: float  # eta, or the constant of the schedule
    offset: float  # FTRL with NORM: what is added to the sum of squares


#: What :func:`run` is to do.
BEGIN, GIVE, STEP = range(3)


@kernel
def _squared_norm(state, g):
    """Of g - hint, in the norm dual to the geometry: L2, or the largest entry."""
    hint = state.hint
    s = 0.0
    if state.geometry == EUCLIDEAN:
        for i in range(g.size):
            s += (g[i] - hint[i]) * (g[i] - hint[i])
        return s
    for i in range(g.size):
        s = max(s, abs(g[i] - hint[i]))
    return s * s


@kernel
def _recentre(state):
    """Shift each block of the dual vector to a least entry of 0: simplices do not see it, sums keep digits."""
    theta, work, region = state.theta, state.work, state.region
    for b in range(region.kinds.size):
        least = np.inf
        for i in range(region.starts[b], region.starts[b + 1]):
            least = min(least, theta[i])
        for i in range(region.starts[b], region.starts[b + 1]):
            theta[i] -= least
            work[i] = theta[i]
        region.nu[b] = np.nan


@kernel
def run(state, feed, losses, iterates, gradients, what):
    """Begin; take a row as the hint of the coming round; or play `losses.size` rounds against a feed.

    One function for all three, without a step of its own: each level of calls around the projections costs
    seconds of compilation, and passing the state to a step 30 ns a round. Iterates and gradients are recorded
    if they have rows.
    """
    x, theta, hint, work, cells = state.x, state.theta, state.hint, state.work, state.cells
    z = x if state.hinting == NO_HINT else state.z
    region, method, geometry, schedule = state.region, state.method, state.geometry, state.schedule
    d = x.size
    if what == BEGIN:
        cells[ETA] = state.rate
        if schedule == NORM:
            cells[ETA] = state.rate / math.sqrt(state.offset) if state.offset > 0.0 else 0.0
        if method == OMD and state.keep:
            dual(region, geometry, state.centre, theta)
        return
    for t in range(losses.size):
        for phase in range(2):
            doing = what
            value = 0.0
            if phase == 0:  # a hint of this round, if hints come with the run
                if what == GIVE or t >= state.hints.shape[0]:
                    continue
                doing = GIVE
                g = state.hints[t]
            elif feed.kind == MATRIX:
                g = feed.data[t]
            else:
                value = respond(feed, t, x)
                g = feed.gradient
            if doing == STEP:
                record(iterates, t, x)
                record(gradients, t, g)
            loss = dot(x, g)
            if doing == GIVE:
                for i in range(d):
                    hint[i] = g[i]
            else:
                state.rounds[0] += 1
                count = state.rounds[0]
                if schedule == SQRT:
                    cells[ETA] = state.rate / math.sqrt(count + (1.0 if method == FTRL else 0.0))
                elif schedule == STRONG:
                    cells[ETA] = state.rate / count
                elif schedule == NORM:
                    cells[SQUARES] += _squared_norm(state, g)
                    squares = state.offset + cells[SQUARES]
                    cells[ETA] = state.rate / math.sqrt(squares) if squares > 0.0 else 0.0
                eta = cells[ETA]
                if method != OMD:
                    for i in range(d):
                        theta[i] += g[i]
                    if method == PROXIMAL and eta > 0.0:
                        sigma = 1.0 / eta - cells[SIGMA]
                        cells[SIGMA] = 1.0 / eta
                        for i in range(d):
                            theta[i] -= sigma * x[i]
                elif geometry == EUCLIDEAN:
                    for i in range(d):
                        work[i] = z[i] - eta * g[i]
                elif state.keep:
                    for i in range(d):
                        theta[i] += eta * g[i]
                        work[i] = theta[i]
                    if count % _RECENTRE == 0:
                        _recentre(state)
                else:
                    for i in range(d):
                        z[i] = max(z[i], 1e-300)
                    dual(region, geometry, z, work)
                    for i in range(d):
                        work[i] += eta * g[i]
                if state.hinting == LAST:
                    for i in range(d):
                        hint[i] = g[i]
                elif state.hinting == GIVEN:
                    for i in range(d):
                        hint[i] = 0.0
            # The iterate z moves (mirror descent only), then the play is made from it or from the sums.
            for stage in range(2):
                eta = cells[ETA]
                if stage == 0:
                    if method != OMD or doing == GIVE:
                        continue
                else:
                    if method == OMD:
                        if state.hinting == NO_HINT:  # then z is x
                            break
                        if geometry == EUCLIDEAN:
                            for i in range(d):
                                work[i] = z[i] - eta * hint[i]
                        else:
                            if state.keep:
                                for i in range(d):
                                    work[i] = theta[i]
                            else:
                                for i in range(d):
                                    z[i] = max(z[i], 1e-300)
                                dual(region, geometry, z, work)
                            for i in range(d):
                                work[i] += eta * hint[i]
                    elif method == PROXIMAL and cells[SIGMA] == 0.0:  # only zero gradients so far
                        break
                    else:
                        sign = -1.0 if geometry == EUCLIDEAN else 1.0
                        for i in range(d):
                            work[i] = sign * eta * (theta[i] + hint[i])
                        if method == FTRL and geometry == EUCLIDEAN:
                            for i in range(d):
                                work[i] += state.centre[i]
                out = z if stage == 0 else x
                if geometry == EUCLIDEAN:
                    if region.kinds.size == 1 and region.kinds[0] == SIMPLEX:
                        region.tau[0] = project_simplex_warm(work, region.scales[0], out, region.tau[0])
                        if not np.isnan(region.tau[0]):
                            continue
                    elif region.kinds.size == 1 and region.kinds[0] == BALL:
                        radius = region.scales[0]
                        for i in range(d):
                            out[i] = work[i] - region.low[i]
                        squares = dot(out, out)
                        if squares < 1e300 and radius > 1e-150:  # else the careful kernel
                            factor = 1.0 if squares <= radius * radius else radius / math.sqrt(squares)
                            for i in range(d):
                                out[i] = region.low[i] + factor * out[i]
                            continue
                    project(region, work, out)
                else:
                    mirror(region, geometry, work, out)
            if doing == STEP:
                losses[t] = loss if feed.kind == MATRIX else value
