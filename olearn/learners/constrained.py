"""Long-term constraints by a virtual queue: drift plus penalty around any learner.

Rule: with constraints ``h_j(x) <= 0`` that only have to hold in sum over time, queues ``Q_j <- max(Q_j +
h_j(x_t), 0)``; the learner is told the gradient ``V g_t + sum_j Q_j grad h_j(x_t)``.

Guarantee, on every sequence: ``sum_t h_j(x_t) <= Q_j`` at any time (the queue certifies the violation). The
average cost is within O(1/V) of the best that satisfies the constraints, the queue O(V), for i.i.d. or
stationary inputs (Neely 2010); choose V about sqrt(T). Gradients grow with the queue: use a learner with
scale-free steps (``step_size="adagrad-norm"``).

Cost: that of the learner plus O(m d).

References
----------
.. [1] M. Neely, "Stochastic Network Optimization with Application to Communication and Queueing Systems", 2010.
.. [2] M. Mahdavi, R. Jin and T. Yang, "Trading regret for efficiency: online convex optimization with long term
   constraints", JMLR 13, 2012.

Examples
--------
>>> from olearn.geometry import Box
>>> from olearn.learners.ogd import OGD
>>> inner = OGD(Box(1, 0.0, 1.0), step_size="adagrad-norm")
>>> learner = LongTermConstraint(inner, weight=10.0)
>>> for _ in range(400):  # earn x, but spend 0.3 on average
...     x = learner.predict()
...     _ = learner.update([-1.0], x - 0.3, [[1.0]])
>>> float(learner.violation[0]) <= float(learner.queue[0])
True
>>> abs(float(learner.violation[0])) / 400 < 0.05
True
"""

from __future__ import annotations

from typing import Any, Self

import numpy as np

from olearn.errors import ParameterError, check_positive_int, check_real
from olearn.learners._wrapper import Wrapper, fresh


class _Queues:
    """The inner learner, the queues, and the sums of the constraints."""

    def __init__(self, inner: Any, count: int) -> None:
        self.rounds = 0
        self.inner = inner
        self.queue = np.zeros(count)
        self.violation = np.zeros(count)


class LongTermConstraint(Wrapper):
    """A learner with constraints that hold in sum over time.

    Parameters
    ----------
    learner : learner
        Any learner of full information over a set; best with scale-free steps.
    constraints : int, default 1
        Number m of constraints.
    weight : float, default 1
        V: what a unit of cost weighs against a unit of queue.
    """

    name = "long-term-constraint"
    rule = "Q <- max(Q + h(x), 0); the learner is told V g + sum Q grad h"
    tuning = "V about sqrt(T)"
    reference = "Neely, Stochastic Network Optimization, 2010"

    def __init__(self, learner: Any, constraints: int = 1, *, weight: float = 1.0) -> None:
        self.learner = learner
        self.constraints = constraints
        self.weight = weight

    @classmethod
    def example(cls) -> Self:
        from olearn.geometry import Box
        from olearn.learners.ogd import OGD

        return cls(OGD(Box(2, 0.0, 1.0), step_size="adagrad-norm"), weight=100.0)

    def validate(self) -> None:
        super().validate()
        check_positive_int("constraints", self.constraints)
        check_real("weight", self.weight, 0.0, open_low=True)

    def _init(self) -> _Queues:
        return _Queues(fresh(self.learner, 0), int(self.constraints))

    @property
    def queue(self) -> np.ndarray:
        """The virtual queues, float64 (m,)."""
        return np.array(self.state.queue)

    @property
    def violation(self) -> np.ndarray:
        """``sum_t h_j(x_t)`` so far, float64 (m,): at most the queue, exactly."""
        return np.array(self.state.violation)

    def predict(self) -> np.ndarray:
        """The point of the coming round."""
        x: np.ndarray = self.state.inner.predict()
        return x

    def update(self, gradient: Any, values: Any = None, jacobian: Any = None) -> float:
        """Tell the learner the round's gradient and its constraints.

        Parameters
        ----------
        gradient : array_like of float, shape (d,)
            Gradient of the cost at the play.
        values : array_like of float, shape (m,)
            ``h_j(x_t)``.
        jacobian : array_like of float, shape (m, d)
            Gradients of the constraints at the play.
        """
        s, m = self.state, int(self.constraints)
        if values is None or jacobian is None:
            raise ParameterError(
                f"{self.name}: update takes the gradient, the {m} constraint values, their gradients"
            )
        g = self._matrix(np.reshape(np.asarray(gradient, np.float64), (1, -1)))[0]
        h, J = np.asarray(values, np.float64), self._matrix(jacobian)
        if h.shape != (m,) or J.shape[0] != m or not np.isfinite(h).all():
            raise ParameterError(
                f"{self.name}: need {m} finite constraint values and gradients, got {h.shape}, {J.shape}"
            )
        x = s.inner.predict()
        s.inner.update(float(self.weight) * g + s.queue @ J)
        s.queue = np.maximum(s.queue + h, 0.0)
        s.violation = s.violation + h
        s.rounds += 1
        return float(g @ x)

    def run(self, gradients: Any, constraint: Any = None, limit: Any = None) -> np.ndarray:
        """Play linear costs under linear constraints ``<a_(t,j), x> <= b_j``.

        Parameters
        ----------
        gradients : array_like of float, shape (T, d)
        constraint : array_like of float, shape (m, d) or (T, m, d)
        limit : array_like of float, shape (m,)

        Returns
        -------
        ndarray, float64 (T,)
            ``<g_t, x_t>``.
        """
        if constraint is None or limit is None:
            raise ParameterError(f"{self.name}: run takes the gradients, the constraints and their limits")
        G, m = self._matrix(gradients), int(self.constraints)
        A = np.asarray(constraint, np.float64)
        rows = np.broadcast_to(A if A.ndim == 3 else A[None], (len(G), m, G.shape[1]))
        b = np.asarray(limit, np.float64)
        losses = np.empty(len(G))
        for t in range(len(G)):
            losses[t] = self.update(G[t], rows[t] @ self.predict() - b, rows[t])
        return losses
