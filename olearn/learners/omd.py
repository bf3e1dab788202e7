"""Online mirror descent, on any set, in any of its geometries, with four step sizes and with hints.

Rule: ``x_(t+1) = argmin over the set of eta_t <g_t, x> + B(x; x_t)``, B the Bregman divergence of the
geometry. Euclidean: a gradient step and a projection (OGD). Entropic on the simplex: ``x_i ∝ x_i exp(-eta
g_i)`` (EG). With hints, optimistic: the step is made from a second iterate z, and the play adds a step along
the hint m_t of the coming gradient.

Bounds on the regret of linear (hence convex) losses, against the best fixed point. R is the largest
divergence from the start (at most D^2/2 in the Euclidean geometry, D the diameter; the range of psi else),
kappa the inverse strong convexity of psi (1 Euclidean; in the 1-norm: the largest sum x of the set for the
entropy, c^(3/2) and c^2 on a simplex of sum c for Tsallis and the log-barrier), G bounds the 2-norm
(Euclidean) or the largest entry of gradients:

=============== ============================== ===================================================
step size       eta_t                          regret
=============== ============================== ===================================================
fixed           sqrt(2 R/(kappa G^2 T))        R/eta + eta kappa G^2 T/2 = G sqrt(2 R kappa T)
sqrt            c/sqrt(t), c = D/G             (3/2) D G sqrt(T)                 (Euclidean)
adagrad-norm    c/sqrt(sum |g|^2), c = D/√2    √2 D sqrt(sum |g_t|^2)            (Euclidean)
strongly-convex 1/(alpha t)                    G^2/(2 alpha) (1 + ln T)          (Euclidean)
=============== ============================== ===================================================

Where the coordinates of every point have the same sum, a shift of g changes nothing, so G may be half the
spread. With a hint and a fixed step: ``R/eta + (eta kappa/2) sum |g_t - m_t|^2``, at most (G + H)^2 a round
where the hints are bounded by H. The log-barrier has
infinite range: its bound is that to the comparator mixed with 1/T of the start: ``N ln T/eta + eta kappa G^2
T/2 + 2 G c``.

Cost: one projection or mirror step a round: O(d), 1.5 ns per coordinate on the simplex (Euclidean). Memory:
56 d bytes.

References
----------
.. [1] M. Zinkevich, "Online convex programming and generalized infinitesimal gradient ascent", ICML 2003.
.. [2] F. Orabona, "A modern introduction to online learning", arXiv:1912.13213, chapters 2, 4 and 6.
.. [3] A. Rakhlin and K. Sridharan, "Online learning with predictable sequences", COLT 2013.

Examples
--------
>>> from olearn.geometry import Simplex
>>> learner = OMD(Simplex(2), geometry="entropic", eta=1.0)
>>> _ = learner.update([1.0, 0.0])
>>> learner.predict().round(4).tolist()
[0.2689, 0.7311]
"""

from __future__ import annotations

import math
from typing import Any, Self

from olearn.bounds import Bound
from olearn.geometry import FeasibleSet
from olearn.learners import _mirror
from olearn.learners._domain import MirrorLearner

_ORABONA = "Orabona, A Modern Introduction to Online Learning"


class OMD(MirrorLearner):
    """Online mirror descent.

    Parameters
    ----------
    domain : FeasibleSet
        A set of :mod:`olearn.geometry`.
    horizon : int, optional
        Number of rounds T, for the default of a fixed step.
    geometry : {"euclidean", "entropic", "tsallis", "logbarrier"}
        The mirror map; it has to be defined on the set.
    step_size : {"fixed", "sqrt", "adagrad-norm", "strongly-convex"}, optional
        Default "fixed" with `horizon` or `eta`, "strongly-convex" with `curvature`, else "sqrt".
    eta : float, optional
        The step (fixed) or the constant c of the schedule.
    gradient_bound : float, default 1
        G: bound on the 2-norm (Euclidean) or the largest entry of the gradients.
    curvature : float, optional
        Strong convexity alpha of the losses.
    hint : {None, "last", "given"}
        What the coming gradient is expected to be: nothing, the last one, or what :meth:`give_hint` says.
    hint_bound : float, optional
        H: bound on the given hints, in the norm of `gradient_bound`; default `gradient_bound`. A larger hint
        is refused.
    start : array_like of float, shape (d,), optional
        The first play; default the minimiser of the mirror map.
    """

    name = "omd"
    rule = "x <- argmin eta <g, x> + Bregman divergence to x"
    tuning = (
        "fixed: sqrt(2 R/(kappa G^2 T)); sqrt: D/(G sqrt t); adagrad-norm: D/sqrt(2 sum |g|^2); 1/(alpha t)"
    )
    reference = "Orabona, A Modern Introduction to Online Learning, ch. 6"
    method = _mirror.OMD

    def __init__(
        self,
        domain: FeasibleSet,
        horizon: int | None = None,
        *,
        geometry: str = "euclidean",
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
        self.geometry = geometry
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

        return cls(Simplex(10), horizon=10_000, geometry="entropic")

    def _tuned(self, step: str, spread: float, rounds: int) -> float:
        G = float(self.gradient_bound)
        D = math.sqrt(2.0 * spread)
        if step == "fixed":
            return max(math.sqrt(2.0 * spread / (self._stability() * rounds)), 1e-300)
        if step == "sqrt":
            return max(D / (G * math.sqrt(self._smoothness())), 1e-300)
        return max(D / math.sqrt(2.0 * self._smoothness()), 1e-300)

    def bound(
        self,
        horizon: int | None = None,
        *,
        squares: float | None = None,
    ) -> Bound | None:
        """The regret bound, or None where none is known for the combination.

        Parameters
        ----------
        horizon : int, optional
            Rounds T; default the learner's own.
        squares : float, optional
            ``sum |g_t|^2`` (with hints ``sum |g_t - m_t|^2``) in the norm of `gradient_bound`; default the
            worst case ``G^2 T`` (with hints ``(G + H)^2 T``).
        """
        T = self._rounds_of_bound(horizon)
        step, G, c = self._step(), float(self.gradient_bound), self._rate()
        R, kappa = self._effective_range(T), self._smoothness()
        hinted = self.hint is not None
        S = self._ceiling() * T if squares is None else float(squares)
        if not math.isfinite(R):
            return None
        extra = 2.0 * G * float(self.domain.region().scales.sum()) if self.geometry == "logbarrier" else 0.0
        if step == "fixed":
            tail = " + 2 G c" if extra else ""
            what = "sum |g - m|^2" if hinted else "sum |g|^2"
            source = "Rakhlin and Sridharan 2013" if hinted else f"{_ORABONA}, Thm 6.10"
            return self._bounded(
                R / c + 0.5 * c * kappa * S + extra, f"R/eta + (eta kappa/2) {what}{tail}", source
            )
        if hinted or self.geometry != "euclidean":
            return None
        if step == "sqrt":
            value = R * math.sqrt(T) / c + c * G**2 * math.sqrt(T)
            return self._bounded(
                value, "D^2 sqrt(T)/(2c) + c G^2 sqrt(T)", "Hazan, Introduction to OCO, Thm 3.1"
            )
        if step == "adagrad-norm":
            value = (R / c + c) * math.sqrt(S)
            return self._bounded(value, "(D^2/(2c) + c) sqrt(sum |g|^2)", f"{_ORABONA}, ch. 4")
        value = 0.5 * G**2 * c * (1.0 + math.log(T))
        convex = "every loss is curvature-strongly convex; regret is of the losses, not of their linearisations"
        return self._bounded(value, "G^2/(2 alpha) (1 + ln T)", "Hazan, Agarwal and Kale 2007", convex)
