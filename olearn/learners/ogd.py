"""Online gradient descent: a gradient step and a Euclidean projection; OMD in the Euclidean geometry.

Rule: ``x <- projection of x - eta_t g``. Step sizes, hints and bounds are those of
:mod:`olearn.learners.omd`; the best known: ``D G sqrt(T)`` with a fixed step ``D/(G sqrt(T))``, ``(3/2) D G
sqrt(T)`` with ``D/(G sqrt(t))``, ``√2 D sqrt(sum |g|^2)`` with ``D/sqrt(2 sum |g|^2)``, and ``G^2/(2 alpha)
(1 + ln T)`` for alpha-strongly convex losses.

Against a path u_1, ..., u_T of length P a fixed step has regret at most ``7 D^2/(4 eta) + D P/eta + eta T
G^2/2`` (:meth:`OGD.dynamic_bound`).

Cost: O(d) a round. Memory: 56 d bytes.

References
----------
.. [1] M. Zinkevich, "Online convex programming and generalized infinitesimal gradient ascent", ICML 2003.

Examples
--------
>>> from olearn.geometry import Box
>>> learner = OGD(Box(1, -1.0, 1.0), eta=0.1)
>>> losses = learner.run([[1.0]] * 100)  # the best point earns -1 a round
>>> round(float(losses.sum()) + 100, 6)
5.5
"""

from __future__ import annotations

from typing import Any, Self

from olearn.bounds import Bound
from olearn.errors import ParameterError, check_real
from olearn.geometry import FeasibleSet
from olearn.learners.omd import OMD


class OGD(OMD):
    """Online gradient descent.

    Parameters
    ----------
    domain : FeasibleSet
        A set of :mod:`olearn.geometry`.
    horizon : int, optional
        Number of rounds T, for the default of a fixed step.
    step_size : {"fixed", "sqrt", "adagrad-norm", "strongly-convex"}, optional
        Default "fixed" with `horizon` or `eta`, "strongly-convex" with `curvature`, else "sqrt".
    eta : float, optional
        The step (fixed) or the constant c of the schedule.
    gradient_bound : float, default 1
        G: bound on the 2-norm of the gradients.
    curvature : float, optional
        Strong convexity alpha of the losses.
    hint : {None, "last", "given"}
        What the coming gradient is expected to be.
    hint_bound : float, optional
        H: bound on the given hints, in the norm of `gradient_bound`; default `gradient_bound`. A larger hint
        is refused.
    start : array_like of float, shape (d,), optional
        The first play; default the point of the set nearest to 0.
    """

    name = "ogd"
    rule = "x <- projection of x - eta g on the set"
    tuning = "fixed: D/(G sqrt T); sqrt: D/(G sqrt t); adagrad-norm: D/sqrt(2 sum |g|^2); 1/(alpha t)"
    reference = "Zinkevich, ICML 2003"

    def __init__(
        self,
        domain: FeasibleSet,
        horizon: int | None = None,
        *,
        step_size: str | None = None,
        eta: float | None = None,
        gradient_bound: float = 1.0,
        curvature: float | None = None,
        hint: str | None = None,
        hint_bound: float | None = None,
        start: Any = None,
    ) -> None:
        self.domain = domain
        self.horizon = horizon
        self.geometry = "euclidean"
        self.step_size = step_size
        self.eta = eta
        self.gradient_bound = gradient_bound
        self.curvature = curvature
        self.hint = hint
        self.hint_bound = hint_bound
        self.start = start

    @classmethod
    def example(cls) -> Self:
        from olearn.geometry import Simplex

        return cls(Simplex(10), horizon=10_000)

    def dynamic_bound(self, path: float, horizon: int | None = None) -> Bound:
        """The bound on the regret to any path in the set of length `path` (sum of 2-norms), fixed step."""
        if self._step() != "fixed" or self.hint is not None:
            raise ParameterError("ogd: the dynamic bound is for a fixed step without hints")
        T, P = self._rounds_of_bound(horizon), check_real("path", path, 0.0)
        D, G, eta = self.domain.diameter(), float(self.gradient_bound), self._rate()
        value = 7.0 * D * D / (4.0 * eta) + D * P / eta + 0.5 * eta * T * G * G
        formula = "7 D^2/(4 eta) + D P/eta + eta T G^2/2"
        return self._bounded(value, formula, "Zinkevich 2003, Thm 2", comparator=f"any path of length {P:g}")
