"""Ader and Ader++: gradient descent for every useful step size, combined by Hedge; optimal dynamic regret.

Rule: bases i = 1..N are OGD with steps ``eta_i = 2^(i-1) (D/G) sqrt(7/(2T))``, ``N = ceil(log2(1 + 4T/7)/2) +
1``; the play is their average under Hedge with rate ``sqrt(8/(T c^2))`` and prior ``(1 + 1/N)/(i(i+1))``.
Ader evaluates the loss and its gradient at every base; Ader++ hands all of them the one gradient g at the
play and the loss <g, x_i>, so it needs one gradient a round.

Bound, for every path u_1..u_T in the set of length P: ``(3G/4) sqrt(2T(7D^2 + 4DP)) + (c sqrt(2T)/4)(1 + 2
ln(k + 1))`` with ``k = ceil(log2(1 + 4P/(7D))/2) + 1``; c is the width of the range of a loss on the set (G D
at most). With linear losses both are the same.

Cost: N = O(log T) projections a round. Memory: N d numbers.

References
----------
.. [1] L. Zhang, S. Lu and Z.-H. Zhou, "Adaptive online learning in dynamic environments", NeurIPS 2018,
   Theorem 3.

Examples
--------
>>> from olearn.geometry import Box
>>> learner = AderPlusPlus(Box(1, -1.0, 1.0), horizon=1000)
>>> losses = learner.run([[1.0]] * 500 + [[-1.0]] * 500)  # the best path earns 1 a round
>>> bool(losses.sum() + 1000 <= learner.bound(path=2.0).value)
True
"""

from __future__ import annotations

import math
from typing import Any, ClassVar, NamedTuple, Self

import numpy as np

from olearn._jit import kernel
from olearn.bounds import Bound
from olearn.errors import ParameterError, check_positive_int, check_real
from olearn.geometry import FeasibleSet
from olearn.geometry.region import Region, project
from olearn.learners import _feed
from olearn.learners._domain import GRADIENTS, DomainLearner
from olearn.learners._feed import DISTANCE, MATRIX, record, respond


class State(NamedTuple):
    """Points of the bases and their log-weights."""

    x: np.ndarray  # float64 (d,): the play
    points: np.ndarray  # float64 (N, d)
    log_weights: np.ndarray  # float64 (N,)
    weights: np.ndarray  # float64 (N,)
    etas: np.ndarray  # float64 (N,)
    losses: np.ndarray  # float64 (N,): of the bases in this round
    work: np.ndarray  # float64 (d,)
    rounds: np.ndarray  # int64 (1,)
    region: Region
    surrogate: bool
    rate: float  # of Hedge


@kernel
def mix(state):
    """Weights from log-weights, and the play."""
    x, points, lw, w = state.x, state.points, state.log_weights, state.weights
    top = -np.inf
    for i in range(lw.size):
        top = max(top, lw[i])
    s = 0.0
    for i in range(lw.size):
        w[i] = math.exp(lw[i] - top)
        s += w[i]
    x[:] = 0.0
    for i in range(lw.size):
        w[i] /= s
        row = points[i]
        for j in range(x.size):
            x[j] += w[i] * row[j]


@kernel
def _move(state, i, g):
    """One step of base i."""
    row, work = state.points[i], state.work
    for j in range(row.size):
        work[j] = row[j] - state.etas[i] * g[j]
    project(state.region, work, row)


@kernel
def step(state, g):
    """One round on the linear loss <g, .>."""
    x, points = state.x, state.points
    loss = 0.0
    for j in range(x.size):
        loss += g[j] * x[j]
    for i in range(points.shape[0]):
        row = points[i]
        s = 0.0
        for j in range(x.size):
            s += g[j] * row[j]
        state.log_weights[i] -= state.rate * (s - loss)
        _move(state, i, g)
    state.rounds[0] += 1
    mix(state)
    return loss


@kernel
def run(state, feed, losses, iterates, gradients):
    for t in range(losses.size):
        value = respond(feed, t, state.x)
        g = feed.data[t] if feed.kind == MATRIX else feed.gradient
        record(iterates, t, state.x)
        record(gradients, t, g)
        losses[t] = value
        if state.surrogate or feed.kind == MATRIX or feed.kind > DISTANCE:
            step(state, g)
        else:
            for i in range(state.points.shape[0]):
                state.log_weights[i] -= state.rate * (respond(feed, t, state.points[i]) - value)
                _move(state, i, feed.gradient)
            state.rounds[0] += 1
            mix(state)


class AderPlusPlus(DomainLearner):
    """Ader++: one gradient a round for all bases.

    Parameters
    ----------
    domain : FeasibleSet
        A set of :mod:`olearn.geometry`.
    horizon : int
        Number of rounds T; the step sizes need it.
    gradient_bound : float, default 1
        G: bound on the 2-norm of the gradients.
    loss_width : float, optional
        c: bound on the width of the range of a loss on the set; default G D.
    """

    name = "ader++"
    rule = "Hedge over OGD with step sizes in powers of two, on the linearised loss"
    tuning = "eta_i = 2^(i-1) (D/G) sqrt(7/(2T)), Hedge rate sqrt(8/(T c^2)), prior ~ 1/(i(i+1))"
    reference = "Zhang, Lu and Zhou, NeurIPS 2018"
    surrogate: ClassVar[bool] = True
    step, run_kernel = staticmethod(step), staticmethod(run)

    def __init__(
        self,
        domain: FeasibleSet,
        horizon: int | None = None,
        *,
        gradient_bound: float = 1.0,
        loss_width: float | None = None,
    ) -> None:
        self.domain = domain
        self.horizon = horizon
        self.gradient_bound = gradient_bound
        self.loss_width = loss_width

    @classmethod
    def example(cls) -> Self:
        from olearn.geometry import EuclideanBall

        return cls(EuclideanBall(10), horizon=10_000)

    def validate(self) -> None:
        super().validate()
        if self.horizon is None:
            raise ParameterError(f"{self.name}: give horizon (number of rounds)")
        check_real("gradient_bound", self.gradient_bound, 0.0, open_low=True)
        self._width()

    def _width(self) -> float:
        if self.loss_width is not None:
            return check_real("loss_width", self.loss_width, 0.0, open_low=True)
        return max(float(self.gradient_bound) * self.domain.diameter(), 1e-150)  # a single point: no width

    def _etas(self) -> np.ndarray:
        T = check_positive_int("horizon", self.horizon)
        count = math.ceil(0.5 * math.log2(1.0 + 4.0 * T / 7.0)) + 1
        first = self.domain.diameter() / float(self.gradient_bound) * math.sqrt(3.5 / T)
        return first * 2.0 ** np.arange(count)

    def parameters(self) -> dict[str, Any]:
        return {"gradient_bound": self.gradient_bound, "loss_width": self._width(), "etas": self._etas()}

    def _init(self) -> State:
        etas, x = self._etas(), self._start(None)
        i = np.arange(1, etas.size + 1)
        prior = (1.0 + 1.0 / etas.size) / (i * (i + 1.0))
        rate = math.sqrt(8.0 / (int(self.horizon or 1) * self._width() ** 2))
        points = np.tile(x, (etas.size, 1))
        n, d = points.shape
        rounds, region = np.zeros(1, np.int64), self.domain.region()
        state = State(
            x,
            points,
            np.log(prior),
            prior,
            etas,
            np.zeros(n),
            np.zeros(d),
            rounds,
            region,
            self.surrogate,
            rate,
        )
        mix(state)
        return state

    def _loop(self, feed: _feed.Feed, losses: np.ndarray, iterates: np.ndarray, gradients: np.ndarray) -> None:
        run(self.state, feed, losses, iterates, gradients)

    def bound(self, horizon: int | None = None, path: float = 0.0) -> Bound:
        """The bound on the regret to any path in the set of length `path`, after the learner's horizon."""
        T, P = self._rounds_of_bound(self.horizon), check_real("path", path, 0.0)
        if horizon is not None and horizon > T:
            raise ParameterError(f"{self.name}: the bound holds up to the horizon {T}, got {horizon}")
        D, G, c = self.domain.diameter(), float(self.gradient_bound), self._width()
        k = math.ceil(0.5 * math.log2(1.0 + 4.0 * P / (7.0 * D))) + 1 if D > 0.0 else 1
        value = 0.75 * G * math.sqrt(2.0 * T * (7.0 * D * D + 4.0 * D * P))
        value += 0.25 * c * math.sqrt(2.0 * T) * (1.0 + 2.0 * math.log(k + 1.0))
        formula = "(3G/4) sqrt(2T(7D^2 + 4DP)) + (c sqrt(2T)/4)(1 + 2 ln(k+1))"
        assumptions = (GRADIENTS, "a loss varies by at most loss_width on the set")
        return Bound(value, formula, f"any path of length {P:g}", "every sequence", assumptions, self.reference)


class Ader(AderPlusPlus):
    """Ader: every base is told the loss and the gradient at its own point (``play`` on a loss sequence).

    Parameters
    ----------
    domain : FeasibleSet
        A set of :mod:`olearn.geometry`.
    horizon : int
        Number of rounds T; the step sizes need it.
    gradient_bound : float, default 1
        G: bound on the 2-norm of the gradients.
    loss_width : float, optional
        c: bound on the width of the range of a loss on the set; default G D.

    Notes
    -----
    ``update`` and ``run`` take gradients of linear losses, where Ader and Ader++ are the same.
    """

    name = "ader"
    rule = "Hedge over OGD with step sizes in powers of two, each with its own gradient"
    surrogate = False
