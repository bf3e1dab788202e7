"""Kernels of the exponential-weights family: Hedge, AdaHedge, fixed share; one step for all rates.

State: cumulative losses (the truth, in the log domain) and the weights. With a fixed rate and ``rate * |loss|
<= 0.1`` a round multiplies the weights by a polynomial exponential, which is 6 times faster than exponentials
of the sums. They are not normalised there, since what they add up to divides the loss as well: 1024 rounds
change the sum by no more than e^51. Then the weights are computed afresh from the sums, so errors do not pile
up and an expert that is far behind can come back: its weight may be flushed to 0 meanwhile, but within 1024
rounds it can't grow by more than a factor of e^103 beyond 1e-250.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np

from olearn._jit import kernel
from olearn.learners._feed import MATRIX, record, respond
from olearn.learners._numeric import SMALL, dot, dot_and_total, exp_neg, exp_small, largest, total

FIXED, ANYTIME, ADAPTIVE = range(3)
_REFRESH = 1024
_FLUSH = 1e-250

#: Largest loss of the multiplicative form: times e^51 it must be finite.
_LARGEST = 1e280

#: Cells of ``cells``: the rate in use; AdaHedge's mixability gap so far; the loss of a round on its way out.
RATE, GAP, LOSS = range(3)


class State(NamedTuple):
    """Exponential weights over n experts."""

    x: np.ndarray  # float64 (n,): the weights
    sums: np.ndarray  # float64 (n,): cumulative losses (minus their smallest at the last refresh)
    log_prior: np.ndarray  # float64 (n,)
    last: np.ndarray  # float64 (n,): the hint: the losses of the last round; 0 without hints
    work: np.ndarray  # float64 (n,); in the multiplicative form the weights before normalising
    scratch: np.ndarray  # float64 (2, n // 4)
    rounds: np.ndarray  # int64 (1,)
    cells: np.ndarray  # float64 (3,)
    mode: int
    fast: bool
    hinted: bool
    share: float
    span: float
    middle: float  # of the range of the losses: a shift of all exponents that normalising takes out


def init(
    prior: np.ndarray,
    mode: int,
    rate: float,
    low: float,
    span: float,
    share: float = 0.0,
    hinted: bool = False,
) -> State:
    """Weights at the prior; losses lie in [low, low + span]."""
    n = prior.size
    with np.errstate(divide="ignore"):
        log_prior = np.log(prior)
    fast = mode == FIXED and not hinted and share == 0.0 and rate * span <= 2.0 * SMALL
    fast = fast and abs(low) + span < _LARGEST
    x = prior / prior.sum()
    state = State(
        x,
        np.zeros(n),
        log_prior - log_prior.max(),
        np.zeros(n),
        x.copy(),
        np.zeros((2, n // 4)),
        np.zeros(1, np.int64),
        np.array([rate, 0.0, 0.0]),
        mode,
        bool(fast),
        bool(hinted),
        float(share),
        float(span),
        float(low + 0.5 * span),
    )
    return state


@kernel
def refresh(state):
    """The weights from the cumulative losses, in the log domain."""
    x, sums, prior, last = state.x, state.sums, state.log_prior, state.last
    rate = state.cells[RATE]
    n = x.size
    if rate == np.inf:  # follow the leaders, in the proportions of the prior
        least = np.inf
        for i in range(n):
            if prior[i] > -np.inf:
                least = min(least, sums[i] + last[i])
        for i in range(n):
            x[i] = math.exp(prior[i]) if sums[i] + last[i] == least else 0.0
    else:
        for i in range(n):
            x[i] = prior[i] - rate * (sums[i] + last[i])
        top = largest(x)
        for i in range(n):
            x[i] = exp_neg(x[i] - top)
    if state.fast:
        for i in range(n):
            if x[i] < _FLUSH:
                x[i] = 0.0
    inverse = 1.0 / total(x)
    for i in range(n):
        x[i] *= inverse


@kernel
def _renew(state):
    """Shift the sums to a least one of 0, and the weights from them."""
    sums = state.sums
    least = sums[0]
    for i in range(1, sums.size):
        least = min(least, sums[i])
    for i in range(sums.size):
        sums[i] -= least
    refresh(state)


@kernel
def _multiply(state, data, losses):
    """Rounds of the multiplicative form on the rows of a matrix."""
    x, w, sums, scratch = state.x, state.work, state.sums, state.scratch
    rate, middle = state.cells[RATE], state.middle
    n = x.size
    for t in range(losses.size):
        g = data[t]
        loss, weight = dot_and_total(w, g, scratch)
        losses[t] = loss / weight
        for i in range(n):
            w[i] *= exp_small(rate * (middle - g[i]))
            sums[i] += g[i]
        state.rounds[0] += 1
        if state.rounds[0] % _REFRESH == 0:
            _renew(state)
            for i in range(n):
                w[i] = x[i]
    inverse = 1.0 / total(w)
    for i in range(n):
        x[i] = w[i] * inverse


@kernel(inline=True)
def step(state, g):
    """One round: the loss <g, x> of the weights, then the weights of the next round."""
    x, sums = state.x, state.sums
    n = x.size
    if state.fast:
        _multiply(state, g.reshape((1, n)), state.cells[LOSS:])
        return state.cells[LOSS]
    loss = dot(x, g)
    state.rounds[0] += 1
    rate = state.cells[RATE]
    if state.share > 0.0:
        work = state.work
        for i in range(n):
            work[i] = -g[i]
        least = -largest(work)
        for i in range(n):
            x[i] *= exp_neg(-rate * (g[i] - least))
        scale = (1.0 - state.share) / total(x)
        even = state.share / n
        for i in range(n):
            x[i] = x[i] * scale + even
        return loss
    if state.mode == ADAPTIVE:
        _adapt(state, g, loss)
    else:
        for i in range(n):
            sums[i] += g[i]
        if state.mode == ANYTIME:
            state.cells[RATE] = math.sqrt(8.0 * math.log(max(n, 2)) / (state.rounds[0] + 1)) / state.span
    if state.hinted:
        for i in range(n):
            state.last[i] = g[i]
    refresh(state)
    return loss


@kernel
def _adapt(state, g, loss):
    """AdaHedge: add the round's mixability gap, and set the rate to ln N / (gap so far)."""
    x, sums, cells, work = state.x, state.sums, state.cells, state.work
    rate = cells[RATE]
    n = x.size
    for i in range(n):
        work[i] = -g[i] if x[i] > 0.0 else -np.inf
    least = -largest(work)
    mix = least
    if rate < np.inf:
        for i in range(n):  # an expert whose weight underflowed to 0 may have a loss below `least`
            work[i] = exp_neg(-rate * max(g[i] - least, 0.0))
        mix -= math.log(dot(x, work)) / rate
    for i in range(n):
        sums[i] += g[i]
    cells[GAP] += max(0.0, loss - mix)
    cells[RATE] = math.log(n) / cells[GAP] if cells[GAP] > 0.0 and n > 1 else np.inf


@kernel
def run(state, feed, losses, iterates, gradients):
    """`losses.size` rounds against a feed; iterates and gradients are recorded if they have rows."""
    if state.fast and feed.kind == MATRIX and iterates.shape[0] == 0 and gradients.shape[0] == 0:
        _multiply(state, feed.data, losses)
        return
    for t in range(losses.size):
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
