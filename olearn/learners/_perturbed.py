"""Kernels of the experts that follow one expert at a time: FTPL, follow the lazy leader, shrinking dartboard.

The play is one expert, drawn for the coming round when the last one ends; ``x`` is the vertex of the simplex.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np

from olearn import _rng
from olearn._jit import kernel
from olearn.learners._feed import MATRIX, record, respond
from olearn.learners._numeric import exp_neg

GUMBEL, GAUSSIAN, EXPONENTIAL, LAZY, DARTBOARD = range(5)


class State(NamedTuple):
    """One expert out of n."""

    x: np.ndarray  # float64 (n,): the vertex
    sums: np.ndarray  # float64 (n,): cumulative losses
    noise: np.ndarray  # float64 (n,): lazy leader: the grid's offset; FTPL drawn once: the noise
    work: np.ndarray  # float64 (n,)
    rounds: np.ndarray  # int64 (1,)
    choice: np.ndarray  # int64 (2,): the expert played, number of switches so far
    rng: np.ndarray  # uint64 (4,)
    kind: int
    scale: float  # size of the noise; spacing of the grid; dartboard: the rate
    redraw: bool
    low: float  # the least possible loss: the sums are above it, or the grid would be crossed for nothing


def init(n: int, kind: int, scale: float, seed: int, redraw: bool = True, low: float = 0.0) -> State:
    """No losses yet; the first expert is drawn."""
    state = State(
        np.zeros(n),
        np.zeros(n),
        np.zeros(n),
        np.zeros(n),
        np.zeros(1, np.int64),
        np.zeros(2, np.int64),
        _rng.new_state(seed),
        kind,
        float(scale),
        bool(redraw),
        float(low),
    )
    begin(state)
    return state


@kernel
def begin(state):
    """Draw what is drawn once, and the first expert."""
    n = state.x.size
    if state.kind == DARTBOARD:
        first = _rng.below(state.rng, n)
    else:
        if state.kind == LAZY or not state.redraw:
            for i in range(n):
                state.noise[i] = _draw(state)
        first = _leader(state)
    state.choice[0] = first
    state.x[first] = 1.0


@kernel
def _draw(state):
    kind = state.kind
    if kind == GUMBEL:
        return state.scale * _rng.gumbel(state.rng)
    if kind == GAUSSIAN:
        return state.scale * _rng.normal(state.rng)
    if kind == EXPONENTIAL:
        return state.scale * _rng.exponential(state.rng)
    return state.scale * _rng.uniform(state.rng)


@kernel
def _leader(state):
    """The expert whose perturbed cumulative loss is least."""
    sums, noise, scale = state.sums, state.noise, state.scale
    best, value = 0, np.inf
    for i in range(sums.size):
        if state.kind == LAZY:  # the grid point in [s, s + scale)
            v = noise[i] + scale * math.ceil((sums[i] - noise[i]) / scale)
        elif state.redraw:
            v = sums[i] - _draw(state)
        else:
            v = sums[i] - noise[i]
        if v < value:
            best, value = i, v
    return best


@kernel
def step(state, g):
    """One round: the loss of the expert played, then the expert of the next round."""
    sums = state.sums
    n = sums.size
    current = state.choice[0]
    loss = g[current]
    state.rounds[0] += 1
    for i in range(n):
        sums[i] += g[i] - state.low
    if state.kind == DARTBOARD:
        after = current
        if _rng.uniform(state.rng) >= math.exp(-state.scale * (loss - state.low)):
            least = np.inf
            for i in range(n):
                least = min(least, sums[i])
            total = 0.0
            for i in range(n):
                state.work[i] = exp_neg(-state.scale * (sums[i] - least))
                total += state.work[i]
            after = _rng.categorical(state.rng, state.work, total)
    else:
        after = _leader(state)
    if after != current:
        state.x[current] = 0.0
        state.x[after] = 1.0
        state.choice[0] = after
        state.choice[1] += 1
    return loss


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
