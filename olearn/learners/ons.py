"""Online Newton step on a Euclidean ball, for exp-concave losses.

Rule: ``A <- A + g g'``, ``y = x - (1/gamma) A^-1 g``, and the projection of y on the ball in the norm of A,
with ``gamma = min(1/(4 G D), beta)/2`` and ``A_0 = I/(gamma D)^2``. The projection solves ``(A + lam I)(x -
c) = A (y - c)`` for the lam >= 0 that puts x on the sphere, by Newton's method on the secular equation (a
Cholesky factorisation a step).

Bound, for beta-exp-concave losses: ``(1 + d ln(1 + (gamma G D)^2 T/d))/(2 gamma)``. Why: with this gamma,
``f(x) - f(u) <= <g, x - u> - (gamma/2) <g, x - u>^2`` [1]_; the squares cancel against those that the norms of
A gain, which leaves ``gamma/2`` times ``|x_1 - u|^2/(gamma D)^2`` and ``sum g' A^-1 g/(2 gamma)``, at most
``ln(det A/det A_0)/(2 gamma)``. For beta <= 1/(G D) and T >= 4 that is at most the ``2 (1/beta + G D) d ln T``
of the textbook's second edition, whose gamma is up to four times as large; for a greater beta it can be more.

Cost: O(d^2) a round while the step stays inside, O(d^3) at a projection. Memory: 24 d^2 bytes.

References
----------
.. [1] E. Hazan, A. Agarwal and S. Kale, "Logarithmic regret algorithms for online convex optimization", Machine
   Learning 69, 2007; E. Hazan, "Introduction to online convex optimization", chapter 4.

Examples
--------
>>> from olearn.geometry import EuclideanBall
>>> from olearn.learners.losses import Losses
>>> losses = Losses("squared", [[1.0]] * 50, [0.5] * 50)
>>> learner = ONS(EuclideanBall(1), gradient_bound=1.5, exp_concavity=0.4)
>>> abs(float(learner.play(losses).iterates[-1, 0]) - 0.5) < 0.01
True
"""

from __future__ import annotations

import math
from typing import Any, NamedTuple, Self

import numpy as np

from olearn._jit import kernel
from olearn.bounds import Bound
from olearn.errors import NotSupportedError, check_real
from olearn.geometry import EuclideanBall, FeasibleSet
from olearn.learners._domain import GRADIENTS, DomainLearner
from olearn.learners._feed import MATRIX, record, respond


class State(NamedTuple):
    """A point, the matrix A and its inverse."""

    x: np.ndarray  # float64 (d,)
    A: np.ndarray  # float64 (d, d)
    inverse: np.ndarray  # float64 (d, d)
    factor: np.ndarray  # float64 (d, d): Cholesky factor of A + lam I
    work: np.ndarray  # float64 (3, d)
    centre: np.ndarray  # float64 (d,)
    rounds: np.ndarray  # int64 (1,)
    radius: float
    gamma: float


@kernel
def step(state, g):
    x, A, inverse, centre = state.x, state.A, state.inverse, state.centre
    direction, point = state.work[0], state.work[1]
    d = x.size
    loss = 0.0
    for i in range(d):
        loss += g[i] * x[i]
    curve = 0.0
    for i in range(d):
        s = 0.0
        for j in range(d):
            A[i, j] += g[i] * g[j]
            s += inverse[i, j] * g[j]
        direction[i] = s
        curve += s * g[i]
    for i in range(d):  # Sherman-Morrison
        for j in range(d):
            inverse[i, j] -= direction[i] * direction[j] / (1.0 + curve)
    norm = 0.0
    for i in range(d):
        point[i] = x[i] - centre[i] - direction[i] / ((1.0 + curve) * state.gamma)
        norm += point[i] * point[i]
    if norm > state.radius * state.radius:
        _project(state)
    for i in range(d):
        x[i] = centre[i] + point[i]
    state.rounds[0] += 1
    return loss


@kernel
def _project(state):
    """Move ``work[1]`` (relative to the centre) into the ball, in the norm of A."""
    A, L, radius = state.A, state.factor, state.radius
    b, point, q = state.work[0], state.work[1], state.work[2]
    d = point.size
    for i in range(d):
        s = 0.0
        for j in range(d):
            s += A[i, j] * point[j]
        b[i] = s
    lam = 0.0
    for _ in range(60):
        _factorise(A, lam, L)
        for i in range(d):  # point = (A + lam I)^-1 b, by two triangular systems
            s = b[i]
            for j in range(i):
                s -= L[i, j] * point[j]
            point[i] = s / L[i, i]
        for i in range(d - 1, -1, -1):
            s = point[i]
            for j in range(i + 1, d):
                s -= L[j, i] * point[j]
            point[i] = s / L[i, i]
        pp = 0.0
        qq = 0.0
        for i in range(d):
            s = point[i]
            for j in range(i):
                s -= L[i, j] * q[j]
            q[i] = s / L[i, i]
            pp += point[i] * point[i]
            qq += q[i] * q[i]
        norm = math.sqrt(pp)
        if norm <= radius * (1.0 + 1e-14):
            break
        lam += (norm - radius) / radius * pp / qq  # 1/norm is concave in lam: no overshoot
    shrink = min(1.0, radius / norm)
    for i in range(d):
        point[i] *= shrink


@kernel
def _factorise(A, lam, L):
    for i in range(A.shape[0]):
        for j in range(i + 1):
            s = A[i, j] + (lam if i == j else 0.0)
            for k in range(j):
                s -= L[i, k] * L[j, k]
            L[i, j] = math.sqrt(s) if i == j else s / L[j, j]


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


class ONS(DomainLearner):
    """Online Newton step.

    Parameters
    ----------
    domain : EuclideanBall
        The ball to play in.
    horizon : int, optional
        Rounds, used only as the default of :meth:`bound`.
    gradient_bound : float, default 1
        G: bound on the 2-norm of the gradients.
    exp_concavity : float, default 1
        beta: ``exp(-beta f_t)`` is concave for every loss f_t.
    """

    name = "ons"
    rule = "A <- A + g g', x <- projection in the norm of A of x - A^-1 g / gamma"
    tuning = "gamma = min(1/(4 G D), beta)/2, A_0 = I/(gamma D)^2"
    reference = "Hazan, Agarwal and Kale, Machine Learning 2007"
    step, run_kernel = staticmethod(step), staticmethod(run)

    def __init__(
        self,
        domain: FeasibleSet,
        horizon: int | None = None,
        *,
        gradient_bound: float = 1.0,
        exp_concavity: float = 1.0,
    ) -> None:
        self.domain = domain
        self.horizon = horizon
        self.gradient_bound = gradient_bound
        self.exp_concavity = exp_concavity

    @classmethod
    def example(cls) -> Self:
        return cls(EuclideanBall(10), horizon=10_000)

    def validate(self) -> None:
        super().validate()
        if not isinstance(self.domain, EuclideanBall):
            raise NotSupportedError(f"ons: domain must be a EuclideanBall, got {self.domain!r}")
        check_real("gradient_bound", self.gradient_bound, 0.0, open_low=True)
        check_real("exp_concavity", self.exp_concavity, 0.0, open_low=True)

    def _gamma(self) -> float:
        D = self.domain.diameter()
        return 0.5 * min(1.0 / (4.0 * float(self.gradient_bound) * D), float(self.exp_concavity))

    def parameters(self) -> dict[str, Any]:
        return {
            "gradient_bound": self.gradient_bound,
            "exp_concavity": self.exp_concavity,
            "gamma": self._gamma(),
        }

    def _init(self) -> State:
        region, d, D = self.domain.region(), self.domain.dim, self.domain.diameter()
        eps = 1.0 / (self._gamma() * D) ** 2
        centre = region.low.copy()
        A, inverse, factor = eps * np.eye(d), np.eye(d) / eps, np.zeros((d, d))
        rounds = np.zeros(1, np.int64)
        work = np.zeros((3, d))
        return State(centre.copy(), A, inverse, factor, work, centre, rounds, D / 2.0, self._gamma())

    def bound(self, horizon: int | None = None) -> Bound:
        """The regret bound; the losses must be exp-concave."""
        T, d, gamma = self._rounds_of_bound(horizon), self.domain.dim, self._gamma()
        reach = (gamma * float(self.gradient_bound) * self.domain.diameter()) ** 2
        value = (1.0 + d * math.log1p(reach * T / d)) / (2.0 * gamma)
        assumptions = (GRADIENTS, "every loss is exp_concavity-exp-concave on the ball")
        formula = "(1 + d ln(1 + (gamma G D)^2 T/d))/(2 gamma)"
        source = f"{self.reference}; derived in the docstring"
        return Bound(value, formula, "best fixed point of the ball", "every sequence", assumptions, source)
