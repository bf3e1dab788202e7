"""Vovk-Azoury-Warmuth: online linear regression that sees the features before it predicts.

Rule: ``prediction = <z_t, w>`` with ``w = (lam I + sum_(s<=t) z_s z_s')^-1 sum_(s<t) y_s z_s``: ridge
regression that already counts the features of the coming round.

Bound, squared loss ``(prediction - y)^2/2``, |y| <= Y, |z| <= R: ``lam |u|^2/2 + (d Y^2/2) ln(1 + R^2 T/(lam
d))`` against every u in R^d.

Cost: O(d^2) a round (Sherman-Morrison). Memory: 8 d^2 bytes.

References
----------
.. [1] V. Vovk, "Competitive on-line statistics", International Statistical Review 69, 2001.
.. [2] K. Azoury and M. Warmuth, "Relative loss bounds for on-line density estimation", Machine Learning 43,
   2001.

Examples
--------
>>> learner = VAW(1)
>>> learner.predict([1.0])
0.0
>>> learner.update(1.0)
>>> round(learner.predict([1.0]), 4)
0.3333
"""

from __future__ import annotations

import math
from typing import Any, NamedTuple, Self

import numpy as np

from olearn._jit import kernel
from olearn.bounds import Bound
from olearn.errors import ParameterError, check_positive_int, check_real
from olearn.learners._base import Learner


class State(NamedTuple):
    """The inverse of the regularised second moments, and the first moments."""

    inverse: np.ndarray  # float64 (d, d)
    moments: np.ndarray  # float64 (d,)
    features: np.ndarray  # float64 (d,): of the coming round
    work: np.ndarray  # float64 (d,)
    rounds: np.ndarray  # int64 (2,): rounds ended; whether the features of the coming one are known


@kernel
def predict(state, z):
    """Count the features and predict."""
    inverse, moments, work = state.inverse, state.moments, state.work
    d = z.size
    curve = 0.0
    for i in range(d):
        s = 0.0
        for j in range(d):
            s += inverse[i, j] * z[j]
        work[i] = s
        curve += s * z[i]
    for i in range(d):
        state.features[i] = z[i]
        for j in range(d):
            inverse[i, j] -= work[i] * work[j] / (1.0 + curve)
    guess = 0.0
    for i in range(d):
        guess += work[i] * moments[i]
    state.rounds[1] = 1
    return guess / (1.0 + curve)


@kernel
def update(state, y):
    for i in range(state.features.size):
        state.moments[i] += y * state.features[i]
    state.rounds[0] += 1
    state.rounds[1] = 0


@kernel
def run(state, Z, y, guesses):
    for t in range(y.size):
        guesses[t] = predict(state, Z[t])
        update(state, y[t])


class VAW(Learner):
    """Vovk-Azoury-Warmuth forecaster.

    Parameters
    ----------
    dimension : int
        Number of features d.
    horizon : int, optional
        Rounds, used only as the default of :meth:`bound`.
    regularisation : float, default 1
        lam, > 0.

    Notes
    -----
    The two verbs are ``predict(features) -> float`` and ``update(target)``.
    """

    name = "vaw"
    feedback = "target"
    rule = "ridge regression that counts the features of the coming round"
    tuning = "regularisation 1"
    reference = "Vovk, International Statistical Review 2001; Azoury and Warmuth, Machine Learning 2001"

    def __init__(self, dimension: int, horizon: int | None = None, *, regularisation: float = 1.0) -> None:
        self.dimension = dimension
        self.horizon = horizon
        self.regularisation = regularisation

    @classmethod
    def example(cls) -> Self:
        return cls(10, horizon=10_000)

    def validate(self) -> None:
        check_positive_int("dimension", self.dimension)
        check_real("regularisation", self.regularisation, 0.0, open_low=True)

    def _init(self) -> State:
        d = int(self.dimension)
        inverse = np.eye(d) / float(self.regularisation)
        return State(inverse, np.zeros(d), np.zeros(d), np.zeros(d), np.zeros(2, np.int64))

    @property
    def rounds(self) -> int:
        """Rounds ended so far."""
        return 0 if self._state is None else int(self._state.rounds[0])

    def _checked(self, name: str, value: Any, shape: tuple[int, ...]) -> np.ndarray:
        array = np.asarray(value, np.float64, order="C")
        if array.shape != shape:
            raise ParameterError(f"vaw: {name} must have shape {shape}, got {array.shape}")
        if not np.isfinite(array).all():
            row = int(np.argwhere(~np.isfinite(array))[0][0]) if len(shape) > len(self._row(name)) else 0
            raise ParameterError(f"vaw: {name} of round {self.rounds + row} must be finite")
        return array

    def _row(self, name: str) -> tuple[int, ...]:
        return (int(self.dimension),) if name == "features" else ()

    def predict(self, features: Any) -> float:
        """The prediction for the coming round.

        Parameters
        ----------
        features : array_like of float, shape (d,)

        Raises
        ------
        ParameterError
            If a value is not finite, or the last prediction has had no ``update``.
        """
        state = self.state
        if state.rounds[1]:
            raise ParameterError("vaw: update(target) has to come between two predictions")
        return float(predict(state, self._checked("features", features, self._row("features"))))

    def update(self, target: float) -> None:
        """Tell the learner what the target was."""
        state = self.state
        if not state.rounds[1]:
            raise ParameterError("vaw: predict(features) has to come before update(target)")
        update(state, float(self._checked("target", target, ())))

    def run(self, features: Any, targets: Any) -> np.ndarray:
        """Predictions for every row of a matrix, in one compiled loop.

        Parameters
        ----------
        features : array_like of float, shape (T, d)
        targets : array_like of float, shape (T,)

        Returns
        -------
        ndarray, float64 (T,)
        """
        y = np.ascontiguousarray(targets, np.float64)
        y = self._checked("targets", y, (y.size,))
        Z = self._checked("features", features, (y.size, int(self.dimension)))
        guesses = np.empty(y.size)
        run(self.state, Z, y, guesses)
        return guesses

    def bound(
        self, horizon: int | None = None, norm: float = 1.0, targets: float = 1.0, features: float = 1.0
    ) -> Bound:
        """The bound on the regret to a point of 2-norm `norm`; |y| <= `targets`, |z| <= `features`."""
        T, d, lam = self._rounds_of_bound(horizon), int(self.dimension), float(self.regularisation)
        value = 0.5 * lam * norm**2 + 0.5 * d * targets**2 * math.log1p(features**2 * T / (lam * d))
        formula = "lam |u|^2/2 + (d Y^2/2) ln(1 + R^2 T/(lam d))"
        assumptions = (
            f"targets lie in [-{targets:g}, {targets:g}]",
            f"features have 2-norm at most {features:g}",
        )
        comparator = f"any linear predictor of norm {norm:g}"
        return Bound(value, formula, comparator, "every sequence", assumptions, self.reference)
