"""Implicit online gradient descent: the proximal step on the loss itself, not on its linearisation.

Rule: ``x <- argmin over the set of f_t(x) + |x - x_t|^2/(2 eta)`` for losses ``f_t(x) = phi(<a_t, x>, b_t)``:
squared, absolute, logistic or hinge. The minimiser is the projection of ``x_t - s a_t`` for the only s with
``s in eta phi'(<a_t, x(s)>)``: the right-hand side falls in s, so s is found by bisection, whatever the set.

Bound: ``D^2/(2 eta) + eta G^2 T/2``, as for the explicit step, for convex losses with gradients of 2-norm at
most G; ``D G sqrt(T)`` at ``eta = D/(G sqrt(T))``. When the losses hardly change it is much smaller: ``D^2/(2
eta) + sum f_t(x_t) - f_t(x_(t+1))``.

Cost: about 50 projections a round. Memory: 24 d bytes.

References
----------
.. [1] B. Kulis and P. Bartlett, "Implicit online learning", ICML 2010.
.. [2] N. Campolongo and F. Orabona, "Temporal variability in implicit online learning", NeurIPS 2020.

Examples
--------
>>> from olearn.geometry import EuclideanBall
>>> learner = ImplicitOGD(EuclideanBall(1), loss="absolute", eta=10.0)
>>> learner.update([1.0], 0.25)  # an explicit step would jump to the border
0.25
>>> learner.predict().round(6).tolist()
[0.25]
"""

from __future__ import annotations

import math
from typing import Any, NamedTuple, Self

import numpy as np

from olearn._jit import kernel
from olearn.bounds import Bound
from olearn.errors import NotSupportedError, ParameterError, check_real, unknown
from olearn.geometry import FeasibleSet
from olearn.geometry.region import Region, project
from olearn.learners import _feed
from olearn.learners._base import Played
from olearn.learners._domain import GRADIENTS, DomainLearner
from olearn.learners.losses import Losses

_KINDS = {
    "squared": _feed.SQUARED,
    "absolute": _feed.ABSOLUTE,
    "logistic": _feed.LOGISTIC,
    "hinge": _feed.HINGE,
}


class State(NamedTuple):
    """A point of a set."""

    x: np.ndarray  # float64 (d,)
    moved: np.ndarray  # float64 (d,)
    work: np.ndarray  # float64 (d,)
    rounds: np.ndarray  # int64 (1,)
    region: Region
    kind: int
    eta: float


@kernel
def _gap(state, a, b, s):
    """Leave the projection of x - s a in ``moved``; return s - eta phi'(<a, moved>), which rises in s."""
    x, moved, work = state.x, state.moved, state.work
    for i in range(x.size):
        work[i] = x[i] - s * a[i]
    project(state.region, work, moved)
    v = 0.0
    for i in range(x.size):
        v += a[i] * moved[i]
    slope, _ = _feed.slope_of(state.kind, v, b)
    return s - state.eta * slope


@kernel
def step(state, a, b):
    """One round: the loss of x, then the proximal step."""
    x = state.x
    v = 0.0
    for i in range(x.size):
        v += a[i] * x[i]
    slope, loss = _feed.slope_of(state.kind, v, b)
    state.rounds[0] += 1
    full = state.eta * slope
    near, far = 0.0, full
    if full != 0.0 and _gap(state, a, b, full) != 0.0:
        for _ in range(60):
            middle = 0.5 * (near + far)
            if (_gap(state, a, b, middle) > 0.0) == (full > 0.0):
                far = middle
            else:
                near = middle
    if full != 0.0:
        _gap(state, a, b, far)
        for i in range(x.size):
            x[i] = state.moved[i]
    return loss


@kernel
def run(state, features, targets, losses, iterates):
    for t in range(losses.size):
        _feed.record(iterates, t, state.x)
        losses[t] = step(state, features[t], targets[t])


class ImplicitOGD(DomainLearner):
    """Implicit online gradient descent for losses of linear predictions.

    Parameters
    ----------
    domain : FeasibleSet
        A set of :mod:`olearn.geometry`.
    horizon : int, optional
        Number of rounds T, for the default step.
    loss : {"squared", "absolute", "logistic", "hinge"}
        phi; labels of "logistic" and "hinge" are -1 or 1.
    eta : float, optional
        The step; default ``D/(G sqrt(T))``.
    gradient_bound : float, default 1
        G: bound on the 2-norm of the gradients.

    Notes ----- ``update(features, target)`` takes the data of the loss, ``play`` a
    :class:`~olearn.learners.losses.Losses` of the same kind.
    """

    name = "implicit-ogd"
    feedback = "loss"
    rule = "x <- argmin f_t(x) + |x - x_t|^2/(2 eta)"
    tuning = "eta = D/(G sqrt(T))"
    reference = "Kulis and Bartlett, ICML 2010; Campolongo and Orabona, NeurIPS 2020"

    def __init__(
        self,
        domain: FeasibleSet,
        horizon: int | None = None,
        *,
        loss: str = "squared",
        eta: float | None = None,
        gradient_bound: float = 1.0,
    ) -> None:
        self.domain = domain
        self.horizon = horizon
        self.loss = loss
        self.eta = eta
        self.gradient_bound = gradient_bound

    @classmethod
    def example(cls) -> Self:
        from olearn.geometry import EuclideanBall

        return cls(EuclideanBall(10), horizon=10_000)

    def validate(self) -> None:
        super().validate()
        if self.loss not in _KINDS:
            raise unknown("loss", str(self.loss), _KINDS)
        check_real("gradient_bound", self.gradient_bound, 0.0, open_low=True)
        self._eta()

    def _eta(self) -> float:
        if self.eta is not None:
            return check_real("eta", self.eta, 0.0, open_low=True)
        if self.horizon is None:
            raise ParameterError("implicit-ogd: give horizon (number of rounds) or eta")
        step = self.domain.diameter() / (float(self.gradient_bound) * math.sqrt(self.horizon))
        return max(step, 1e-300)  # a single point has diameter 0

    def parameters(self) -> dict[str, Any]:
        return {"loss": self.loss, "eta": self._eta(), "gradient_bound": self.gradient_bound}

    def _init(self) -> State:
        x = self._start(None)
        rounds, kind = np.zeros(1, np.int64), _KINDS[self.loss]
        return State(x, np.zeros(x.size), np.zeros(x.size), rounds, self.domain.region(), kind, self._eta())

    def update(self, features: Any, target: float | None = None) -> float:
        """Make the proximal step for the loss ``phi(<features, x>, target)``; returns the loss at the play."""
        a = np.ascontiguousarray(features, np.float64)
        if target is None or a.shape != (self.dimension,):
            raise ParameterError(f"implicit-ogd: update takes {self.dimension} features and a target")
        if not (np.isfinite(a).all() and math.isfinite(target)):
            raise ParameterError(f"implicit-ogd: features and target of round {self.rounds} must be finite")
        return float(step(self.state, a, float(target)))

    def run(self, gradients: Any) -> np.ndarray:
        """Not for this learner: it needs the losses, see :meth:`play`."""
        raise NotSupportedError("implicit-ogd: gradients do not say what the loss is; use play(Losses(...))")

    def iterates(self, gradients: Any) -> np.ndarray:
        """Not for this learner: it needs the losses, see :meth:`play`."""
        return self.run(gradients)

    def play(self, opponent: Any, rounds: int | None = None) -> Played:
        """Play a loss sequence of the learner's kind in one compiled loop; gradients are left empty."""
        if not isinstance(opponent, Losses) or opponent.kind != self.loss:
            raise NotSupportedError(f"implicit-ogd: play takes losses of kind {self.loss!r}, got {opponent!r}")
        feed = opponent.feed(self.dimension)
        T = len(opponent) if rounds is None else min(rounds, len(opponent))
        losses, points = np.empty(T), np.empty((T, self.dimension))
        run(self.state, feed.data, feed.target, losses, points)
        return Played(losses, np.empty((0, self.dimension)), points)

    def bound(self, horizon: int | None = None) -> Bound:
        """The regret bound of the losses."""
        T, D, eta = self._rounds_of_bound(horizon), self.domain.diameter(), self._eta()
        value = D * D / (2.0 * eta) + 0.5 * eta * float(self.gradient_bound) ** 2 * T
        formula, source = "D^2/(2 eta) + eta G^2 T/2", "Campolongo and Orabona 2020"
        return Bound(value, formula, "best fixed point of the set", "every sequence", (GRADIENTS,), source)
