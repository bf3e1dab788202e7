"""Kernels of the experts that weigh by regret: RM, RM+, Squint, Prod, ML-Prod, KT experts; one step for all.

Each keeps for every expert the sum R of its instantaneous regrets ``r = <x, loss> - loss`` (in units of the
range of the losses), some also the sum V of their squares, and a log-weight. Potentials are computed in the
log domain, so nothing overflows however long the run.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np

from olearn._jit import kernel
from olearn.learners._feed import MATRIX, record, respond
from olearn.learners._numeric import dot, exp_neg, total

RM, RM_PLUS, SQUINT, PROD, ML_PROD, KT = range(6)

_HALF_LOG_PI = 0.5 * math.log(math.pi)
_NODES, _WEIGHTS = np.polynomial.legendre.leggauss(16)
_NODES, _WEIGHTS = 0.25 * (_NODES + 1.0), 0.25 * _WEIGHTS  # on [0, 1/2]


class State(NamedTuple):
    """Regret-based weights over n experts."""

    x: np.ndarray  # float64 (n,): the weights
    regret: np.ndarray  # float64 (n,): R
    square: np.ndarray  # float64 (n,): V
    log_weight: np.ndarray  # float64 (n,): Prod, ML-Prod: ln w; KT: ln wealth
    prior: np.ndarray  # float64 (n,)
    work: np.ndarray  # float64 (n,)
    rounds: np.ndarray  # int64 (1,)
    kind: int
    rate: float  # Prod
    low: float
    span: float


def init(prior: np.ndarray, kind: int, low: float, span: float, rate: float = 0.0) -> State:
    """Weights at the prior; losses lie in [low, low + span]."""
    n = prior.size
    x = prior / prior.sum()
    R, V, log_weight, work = (np.zeros(n) for _ in range(4))
    rounds = np.zeros(1, np.int64)
    return State(x.copy(), R, V, log_weight, x, work, rounds, kind, float(rate), float(low), float(span))


@kernel
def step(state, g):
    """One round: the loss <g, x> of the weights, then the weights of the next round."""
    kind, span = state.kind, state.span
    x, R, V, lw, work, prior = state.x, state.regret, state.square, state.log_weight, state.work, state.prior
    n = x.size
    loss = dot(x, g)
    state.rounds[0] += 1
    scale = 1.0 / span
    for i in range(n):
        work[i] = (loss - g[i]) * scale
    if kind == RM:
        for i in range(n):
            R[i] += work[i]
            x[i] = max(R[i], 0.0)
    elif kind == RM_PLUS:
        for i in range(n):
            R[i] = max(R[i] + work[i], 0.0)
            x[i] = R[i]
    elif kind == SQUINT:
        for i in range(n):
            R[i] += work[i]
            V[i] += work[i] * work[i]
            work[i] = math.log(prior[i]) + log_evidence(R[i], V[i])
        _soften(work, x)
    elif kind == PROD:
        for i in range(n):
            lw[i] += math.log1p(-state.rate * (g[i] - state.low) * scale)
            work[i] = lw[i]
        _soften(work, x)
    elif kind == ML_PROD:
        top = math.log(n)
        for i in range(n):
            before = min(0.5, math.sqrt(top / (1.0 + V[i])))
            V[i] += work[i] * work[i]
            after = min(0.5, math.sqrt(top / (1.0 + V[i])))
            if n > 1:
                lw[i] = (lw[i] + math.log1p(before * work[i])) * (after / before)
                work[i] = lw[i] + math.log(after)
        if n > 1:
            _soften(work, x)
    else:
        _bet(state)
    if kind <= RM_PLUS or kind == KT:
        s = total(x)
        if s > 0.0:
            inverse = 1.0 / s
            for i in range(n):
                x[i] *= inverse
        else:
            for i in range(n):
                x[i] = prior[i]
    return loss


@kernel
def _soften(work, x):
    """x proportional to exp(work)."""
    top = -np.inf
    for i in range(work.size):
        top = max(top, work[i])
    for i in range(work.size):
        x[i] = exp_neg(work[i] - top)
    inverse = 1.0 / total(x)
    for i in range(work.size):
        x[i] *= inverse


@kernel
def _bet(state):
    """KT coin betting: each expert bets the fraction S/t of its wealth on having positive regret."""
    x, S, lw, work, prior = state.x, state.regret, state.log_weight, state.work, state.prior
    t = state.rounds[0]
    top = -np.inf
    for i in range(x.size):
        r = work[i]
        if S[i] <= 0.0:  # a bet of 0 or less plays nothing: only gains count
            r = max(r, 0.0)
        lw[i] += math.log1p(r * S[i] / t)
        S[i] += r
        if S[i] > 0.0:
            top = max(top, lw[i])
    for i in range(x.size):
        x[i] = prior[i] * S[i] * exp_neg(lw[i] - top) if S[i] > 0.0 else 0.0


@kernel
def log_evidence(R, V):
    """Logarithm of the integral of ``exp(eta R - eta^2 V)`` over eta in [0, 1/2] (Squint, improper prior)."""
    if abs(R) <= 4.0 and V <= 4.0:
        s = 0.0
        for j in range(_NODES.size):
            eta = _NODES[j]
            s += _WEIGHTS[j] * math.exp(eta * R - eta * eta * V)
        return math.log(s)
    if V < 1e-9:
        if R > 0.0:
            return 0.5 * R + math.log1p(-math.exp(-0.5 * R)) - math.log(R)
        return math.log1p(-math.exp(0.5 * R)) - math.log(-R)
    root = math.sqrt(V)
    a = 0.5 * R / root
    b = a - 0.5 * root
    spread = 0.5 * R - 0.25 * V  # a^2 - b^2
    front = _HALF_LOG_PI - math.log(2.0 * root)
    if b > 0.0:
        return front + spread + math.log(_erfcx(b) - math.exp(-spread) * _erfcx(a))
    if a < 0.0:
        return front + math.log(_erfcx(-a) - math.exp(spread) * _erfcx(-b))
    return front + a * a + math.log(math.erf(a) - math.erf(b))


@kernel
def _erfcx(x):
    """``exp(x^2) erfc(x)`` for x >= 0; beyond 20 the asymptotic series, exact to 1e-15 there."""
    if x < 20.0:
        return math.exp(x * x) * math.erfc(x)
    q = 0.5 / (x * x)
    return (1.0 - q * (1.0 - 3.0 * q * (1.0 - 5.0 * q * (1.0 - 7.0 * q)))) / (x * math.sqrt(math.pi))


@kernel
def run(state, feed, losses, iterates, gradients):
    """`losses.size` rounds against a feed; iterates and gradients are recorded if they have rows."""
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
