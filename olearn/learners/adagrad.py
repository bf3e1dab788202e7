"""AdaGrad, diagonal: gradient descent on a box with one adaptive step size for every coordinate.

Rule: ``x_i <- clip(x_i - c_i g_i/sqrt(sum g_(s,i)^2))``, the sum over all rounds up to this one.

Bound: with ``c_i = D_i/√2``, D_i the width of the box, ``√2 sum_i D_i sqrt(sum_t g_(t,i)^2)``: every
coordinate is one-dimensional OGD with the AdaGrad-norm step, and a linear loss is the sum over coordinates.

Cost: O(d) a round, 4 ns per coordinate. Memory: 48 d bytes.

References
----------
.. [1] J. Duchi, E. Hazan and Y. Singer, "Adaptive subgradient methods for online learning and stochastic
   optimization", JMLR 12, 2011.

Examples
--------
>>> from olearn.geometry import Box
>>> learner = AdaGrad(Box(2, -1.0, 1.0), eta=1.0)
>>> _ = learner.update([0.5, 0.0])
>>> learner.predict().tolist()
[-1.0, 0.0]
"""

from __future__ import annotations

import math
from typing import Any, NamedTuple, Self

import numpy as np

from olearn._jit import kernel
from olearn.bounds import Bound
from olearn.errors import NotSupportedError, check_real
from olearn.geometry import Box, FeasibleSet
from olearn.learners._domain import DomainLearner
from olearn.learners._feed import MATRIX, record, respond


class State(NamedTuple):
    """A point of a box and the squares of the gradients."""

    x: np.ndarray  # float64 (d,)
    squares: np.ndarray  # float64 (d,)
    rates: np.ndarray  # float64 (d,)
    low: np.ndarray  # float64 (d,)
    high: np.ndarray  # float64 (d,)
    rounds: np.ndarray  # int64 (1,)


@kernel
def step(state, g):
    x, squares = state.x, state.squares
    loss = 0.0
    for i in range(x.size):
        loss += g[i] * x[i]
        squares[i] += g[i] * g[i]
        if squares[i] > 0.0:
            moved = x[i] - state.rates[i] * g[i] / math.sqrt(squares[i])
            x[i] = min(max(moved, state.low[i]), state.high[i])
    state.rounds[0] += 1
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


class AdaGrad(DomainLearner):
    """AdaGrad with a diagonal matrix.

    Parameters
    ----------
    domain : Box
        A box of :mod:`olearn.geometry`; on other sets the projection in the adaptive norm is no longer by
        coordinate.
    horizon : int, optional
        Rounds, used only as the default of :meth:`bound`.
    eta : float, optional
        The constant c of every coordinate; default its width over √2.
    start : array_like of float, shape (d,), optional
        The first play; default the point of the box nearest to 0.
    """

    name = "adagrad"
    rule = "x_i <- clip(x_i - c_i g_i / sqrt(sum of squares of g_i))"
    tuning = "c_i = width of coordinate i / sqrt(2)"
    reference = "Duchi, Hazan and Singer, JMLR 2011"
    step, run_kernel = staticmethod(step), staticmethod(run)

    def __init__(
        self, domain: FeasibleSet, horizon: int | None = None, *, eta: float | None = None, start: Any = None
    ) -> None:
        self.domain = domain
        self.horizon = horizon
        self.eta = eta
        self.start = start

    @classmethod
    def example(cls) -> Self:
        return cls(Box(10, -1.0, 1.0), horizon=10_000)

    def validate(self) -> None:
        super().validate()
        if not isinstance(self.domain, Box):
            raise NotSupportedError(f"adagrad: domain must be a Box, got {self.domain!r}")
        if self.eta is not None:
            check_real("eta", self.eta, 0.0, open_low=True)

    def _ends(self) -> tuple[np.ndarray, np.ndarray]:
        region = self.domain.region()
        return region.low.copy(), region.high.copy()

    def _rates(self) -> np.ndarray:
        low, high = self._ends()
        return (high - low) / math.sqrt(2.0) if self.eta is None else np.full(low.size, float(self.eta))

    def _init(self) -> State:
        low, high = self._ends()
        x = np.clip(np.zeros(low.size), low, high) if self.start is None else self._start(self.start)
        return State(x, np.zeros(low.size), self._rates(), low, high, np.zeros(1, np.int64))

    def bound(self, horizon: int | None = None, squares: Any = None) -> Bound:
        """The regret bound; `squares` is sum_t g_(t,i)^2 by coordinate, default T (gradients in [-1, 1])."""
        low, high = self._ends()
        S = np.full(low.size, 1.0) * (
            self._rounds_of_bound(horizon) if squares is None else np.asarray(squares)
        )
        widths, c = high - low, np.maximum(self._rates(), 1e-300)
        value = float(((widths**2 / (2.0 * c) + c) * np.sqrt(S)).sum())
        extra = ("every entry of a gradient lies in [-1, 1]",) if squares is None else ()
        comparator = "best fixed point of the box"
        formula = "sum_i (D_i^2/(2c) + c) sqrt(sum g_i^2)" if self.eta else "√2 sum_i D_i sqrt(sum g_i^2)"
        return Bound(value, formula, comparator, "every sequence", extra, self.reference)
