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
from olearn.geometry.region import EUCLIDEAN, Region, dual, mirror, project
from olearn.learners._feed import MATRIX, record, respond
from olearn.learners._numeric import dot

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


@kernel
def begin(state):
    """The dual vector of the start; the step size before the first round."""
    state.cells[ETA] = state.rate
    if state.schedule == NORM:
        state.cells[ETA] = state.rate / math.sqrt(state.offset) if state.offset > 0.0 else 0.0
    if state.method == OMD and state.keep:
        dual(state.region, state.geometry, state.centre, state.theta)


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
def step(state, g):
    """One round: the loss <g, x> of the play, then the play of the next round."""
    x, cells = state.x, state.cells
    d = x.size
    loss = dot(x, g)
    state.rounds[0] += 1
    t = state.rounds[0]
    if state.schedule == SQRT:
        cells[ETA] = state.rate / math.sqrt(t + (1.0 if state.method == FTRL else 0.0))
    elif state.schedule == STRONG:
        cells[ETA] = state.rate / t
    elif state.schedule == NORM:
        cells[SQUARES] += _squared_norm(state, g)
        squares = state.offset + cells[SQUARES]
        cells[ETA] = state.rate / math.sqrt(squares) if squares > 0.0 else 0.0
    eta = cells[ETA]
    if state.method == OMD:
        _descend(state, g, eta)
    else:
        theta = state.theta
        for i in range(d):
            theta[i] += g[i]
        if state.method == PROXIMAL and eta > 0.0:
            sigma = 1.0 / eta - cells[SIGMA]
            cells[SIGMA] = 1.0 / eta
            for i in range(d):
                theta[i] -= sigma * x[i]
    if state.hinting == LAST:
        for i in range(d):
            state.hint[i] = g[i]
    elif state.hinting == GIVEN:
        for i in range(d):
            state.hint[i] = 0.0
    if state.method != OMD or state.hinting != NO_HINT:
        foresee(state)
    return loss


@kernel
def _descend(state, g, eta):
    """Mirror descent step from z (or x, without hints), in place."""
    z = state.x if state.hinting == NO_HINT else state.z
    work, region = state.work, state.region
    d = z.size
    if state.geometry == EUCLIDEAN:
        for i in range(d):
            work[i] = z[i] - eta * g[i]
        project(region, work, z)
    elif state.keep:
        theta = state.theta
        for i in range(d):
            theta[i] += eta * g[i]
        if state.rounds[0] % _RECENTRE == 0:  # a simplex does not see a shift; sums must not lose digits
            for b in range(region.kinds.size):
                least = np.inf
                for i in range(region.starts[b], region.starts[b + 1]):
                    least = min(least, theta[i])
                for i in range(region.starts[b], region.starts[b + 1]):
                    theta[i] -= least
                region.nu[b] = np.nan
        mirror(region, state.geometry, theta, z)
    else:
        for i in range(d):
            z[i] = max(z[i], 1e-300)
        dual(region, state.geometry, z, work)
        for i in range(d):
            work[i] += eta * g[i]
        mirror(region, state.geometry, work, z)


@kernel
def foresee(state):
    """The play from the state and the hint."""
    x, z, theta, hint, work = state.x, state.z, state.theta, state.hint, state.work
    eta = state.cells[ETA]
    d = x.size
    if state.method == OMD:
        if state.geometry == EUCLIDEAN:
            for i in range(d):
                work[i] = z[i] - eta * hint[i]
            project(state.region, work, x)
            return
        if state.keep:
            for i in range(d):
                work[i] = theta[i]
        else:
            for i in range(d):
                z[i] = max(z[i], 1e-300)
            dual(state.region, state.geometry, z, work)
        for i in range(d):
            work[i] += eta * hint[i]
        mirror(state.region, state.geometry, work, x)
        return
    if state.method == PROXIMAL and state.cells[SIGMA] == 0.0:  # only zero gradients so far
        return
    for i in range(d):
        work[i] = eta * (theta[i] + hint[i])
    if state.method == FTRL and state.geometry == EUCLIDEAN:
        for i in range(d):
            work[i] -= state.centre[i]
    mirror(state.region, state.geometry, work, x)


@kernel
def give(state, hint):
    """Set the hint of the coming round and the play that follows from it."""
    for i in range(hint.size):
        state.hint[i] = hint[i]
    foresee(state)


@kernel
def run(state, feed, losses, iterates, gradients):
    """`losses.size` rounds against a feed; iterates and gradients are recorded if they have rows."""
    for t in range(losses.size):
        if t < state.hints.shape[0]:
            give(state, state.hints[t])
        value = 0.0
        if feed.kind == MATRIX:
            g = feed.data[t]
        else:
            value = respond(feed, t, state.x)
            g = feed.gradient
        record(iterates, t, state.x)
        record(gradients, t, g)
        linear = step(state, g)
        losses[t] = linear if feed.kind == MATRIX else value
