"""Strongly adaptive online learning on a geometric cover: low regret on every interval.

Rule: for every k a base OGD lives on the intervals ``[i 2^k, (i+1) 2^k - 1]``, i = 1, 2, ... and starts
afresh at each; so about log2 t bases are alive in round t. Their weights start at ``eta_I = min(1/2,
1/sqrt|I|)`` and are multiplied by ``1 + eta_I r``, r the loss of the play minus that of the base, in units of
G D; the play is their weighted average.

Bound, on every interval of length tau inside T rounds, OGD bases with step ``D/(G sqrt|I|)``: ``(4/(√2 - 1))
D G sqrt(tau) + 40 ln(T + 1) D G sqrt(tau)``. The constant is the source's and is loose.

Cost: O(log t) projections a round. Memory: 32 d numbers.

References
----------
.. [1] A. Daniely, A. Gonen and S. Shalev-Shwartz, "Strongly adaptive online learning", ICML 2015, Theorem 1.

Examples
--------
>>> from olearn.geometry import Box
>>> learner = SAOL(Box(1, -1.0, 1.0))
>>> losses = learner.run([[1.0]] * 512 + [[-1.0]] * 512)
>>> bool(losses[512:].sum() < -300)  # the new best point, 1, is found soon
True
"""

from __future__ import annotations

import math
from typing import Any, NamedTuple, Self

import numpy as np

from olearn._jit import kernel
from olearn.bounds import Bound
from olearn.errors import check_positive_int, check_real
from olearn.geometry import FeasibleSet
from olearn.geometry.region import Region, project
from olearn.learners._domain import GRADIENTS, DomainLearner
from olearn.learners._feed import MATRIX, record, respond

_SLOTS = 32


class State(NamedTuple):
    """One slot for each length of interval."""

    x: np.ndarray  # float64 (d,): the play
    points: np.ndarray  # float64 (32, d)
    weights: np.ndarray  # float64 (32,); 0 where no interval is alive yet
    start: np.ndarray  # float64 (d,)
    work: np.ndarray  # float64 (d,)
    rounds: np.ndarray  # int64 (1,)
    region: Region
    width: float  # G D
    step_size: float  # D/G


@kernel
def arrange(state):
    """Start the intervals that begin in the coming round, and set the play."""
    x, points, w = state.x, state.points, state.weights
    t = state.rounds[0] + 1
    length = 1
    total = 0.0
    for k in range(w.size):
        if length <= t:
            if t % length == 0:
                w[k] = min(0.5, 1.0 / math.sqrt(length))
                row = points[k]
                for j in range(x.size):
                    row[j] = state.start[j]
            total += w[k]
        length *= 2
    x[:] = 0.0
    for k in range(w.size):
        if w[k] > 0.0:
            row = points[k]
            share = w[k] / total
            for j in range(x.size):
                x[j] += share * row[j]


@kernel
def step(state, g):
    x, points, w, work = state.x, state.points, state.weights, state.work
    loss = 0.0
    for j in range(x.size):
        loss += g[j] * x[j]
    length = 1
    for k in range(w.size):
        if w[k] > 0.0:
            row = points[k]
            own = 0.0
            for j in range(x.size):
                own += g[j] * row[j]
            r = min(1.0, max(-1.0, (loss - own) / state.width))
            w[k] *= 1.0 + min(0.5, 1.0 / math.sqrt(length)) * r
            eta = state.step_size / math.sqrt(length)
            for j in range(x.size):
                work[j] = row[j] - eta * g[j]
            project(state.region, work, row)
        length *= 2
    state.rounds[0] += 1
    arrange(state)
    return loss


@kernel
def run(state, feed, losses, iterates, gradients):
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


class SAOL(DomainLearner):
    """Strongly adaptive online learner over OGD.

    Parameters
    ----------
    domain : FeasibleSet
        A set of :mod:`olearn.geometry`.
    horizon : int, optional
        Rounds, used only as the default of :meth:`bound`; at most 2^31 rounds can be played.
    gradient_bound : float, default 1
        G: bound on the 2-norm of the gradients.
    """

    name = "saol"
    rule = "multiplicative weights over OGD restarted on a geometric cover of intervals"
    tuning = "bases D/(G sqrt|I|), weights eta_I = min(1/2, 1/sqrt|I|)"
    reference = "Daniely, Gonen and Shalev-Shwartz, ICML 2015"
    step, run_kernel = staticmethod(step), staticmethod(run)

    def __init__(self, domain: FeasibleSet, horizon: int | None = None, *, gradient_bound: float = 1.0) -> None:
        self.domain = domain
        self.horizon = horizon
        self.gradient_bound = gradient_bound

    @classmethod
    def example(cls) -> Self:
        from olearn.geometry import EuclideanBall

        return cls(EuclideanBall(10), horizon=10_000)

    def validate(self) -> None:
        super().validate()
        check_real("gradient_bound", self.gradient_bound, 0.0, open_low=True)

    def _init(self) -> State:
        D, G = self.domain.diameter(), float(self.gradient_bound)
        x = self._start(None)
        d = x.size
        region, width = self.domain.region(), max(G * D, 1e-300)
        points, weights = np.zeros((_SLOTS, d)), np.zeros(_SLOTS)
        rounds = np.zeros(1, np.int64)
        state = State(x, points, weights, x.copy(), np.zeros(d), rounds, region, width, D / G)
        arrange(state)
        return state

    def bound(self, horizon: int | None = None, interval: int | None = None) -> Bound:
        """The bound on the regret on every interval of `interval` rounds (default: all) of the horizon."""
        T = self._rounds_of_bound(horizon)
        tau = T if interval is None else check_positive_int("interval", interval)
        scale = self.domain.diameter() * float(self.gradient_bound)
        value = scale * math.sqrt(tau) * (4.0 / (math.sqrt(2.0) - 1.0) + 40.0 * math.log(T + 1.0))
        formula = "D G sqrt(tau) (4/(√2 - 1) + 40 ln(T+1))"
        comparator = f"best fixed point of every interval of {tau} rounds"
        return Bound(value, formula, comparator, "every sequence", (GRADIENTS,), f"{self.reference}, Thm 1")

    def parameters(self) -> dict[str, Any]:
        return {"gradient_bound": self.gradient_bound}
