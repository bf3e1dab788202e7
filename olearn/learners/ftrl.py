"""Follow the regularised leader with linearised losses: plain, adaptive, proximal, and optimistic.

Rule: ``x_(t+1) = argmin over the set of <g_1 + ... + g_t, x> + psi(x)/eta_t``. Proximal (Euclidean): the
regulariser is instead ``sum_s (sigma_s/2) |x - x_s|^2`` with ``sigma_1 + ... + sigma_t = 1/eta_t``, centred
where the learner played. With hints m_(t+1) is added to the sum of gradients.

With R, kappa, G and H of :mod:`olearn.learners.omd` and S = sum |g_t - m_t|^2, each term at most B =
(G + H)^2 (m = 0 and H = 0 without hints):

================ =============================== ==========================================================
step size        eta_t                           regret
================ =============================== ==========================================================
fixed            sqrt(2R/(kappa G^2 T))          R/eta + eta kappa S/2
sqrt             c/sqrt(t+1), c = sqrt(R/(kappa  (R/c + c kappa B) sqrt(T) = 2 G sqrt(R kappa T)
                 B))
adagrad-norm     c/sqrt(B + S), c =              (R/c) sqrt(B + S) + c kappa sqrt(S) <= 2 sqrt(R kappa (B + S))
                 sqrt(R/kappa)
proximal +       D/sqrt(2 S)                     √2 D sqrt(S), without hints
adagrad-norm
proximal +       1/(alpha t)                     G^2/(2 alpha) (1 + ln T), without hints
strongly-convex
================ =============================== ==========================================================

Unlike mirror descent, FTRL keeps its bounds with decreasing steps in every geometry. Without a regulariser
(follow the leader) the regret can be linear: T - 1/2 on the losses x/2, -x, x, -x, ... over [-1, 1].

Cost: one mirror step a round. Memory: 56 d bytes.

References
----------
.. [1] F. Orabona, "A modern introduction to online learning", arXiv:1912.13213, chapter 7.
.. [2] H. B. McMahan, "A survey of algorithms and analysis for adaptive online learning", JMLR 18, 2017
   (proximal).

Examples
--------
>>> from olearn.geometry import Simplex
>>> learner = FTRL(Simplex(2), geometry="entropic", eta=1.0)
>>> _ = learner.update([1.0, 0.0])
>>> learner.predict().round(4).tolist()
[0.2689, 0.7311]
"""

from __future__ import annotations

import math
from typing import Any, Self

from olearn.bounds import Bound
from olearn.errors import NotSupportedError
from olearn.geometry import FeasibleSet
from olearn.learners import _mirror
from olearn.learners._domain import MirrorLearner

_ORABONA = "Orabona, A Modern Introduction to Online Learning"


class FTRL(MirrorLearner):
    """Follow the regularised leader (linearised losses).

    Parameters
    ----------
    domain : FeasibleSet
        A set of :mod:`olearn.geometry`.
    horizon : int, optional
        Number of rounds T, for the default of a fixed step.
    geometry : {"euclidean", "entropic", "tsallis", "logbarrier"}
        The regulariser; it has to be defined on the set.
    step_size : {"fixed", "sqrt", "adagrad-norm", "strongly-convex"}, optional
        Default "fixed" with `horizon` or `eta`, "strongly-convex" with `curvature`, else "sqrt".
    eta : float, optional
        The step (fixed) or the constant c of the schedule.
    gradient_bound : float, default 1
        G: bound on the 2-norm (Euclidean) or the largest entry of the gradients.
    curvature : float, optional
        Strong convexity alpha of the losses (proximal only).
    proximal : bool, default False
        Centre the regulariser at the plays; Euclidean geometry only.
    hint : {None, "last", "given"}
        What the coming gradient is expected to be.
    hint_bound : float, optional
        H: bound on the given hints, in the norm of `gradient_bound`; default `gradient_bound`. A larger hint
        is refused.
    start : array_like of float, shape (d,), optional
        The first play and the centre of the Euclidean regulariser; default the minimiser of psi.
    """

    name = "ftrl"
    rule = "x = argmin <sum of gradients, x> + psi(x)/eta"
    tuning = "fixed: sqrt(2R/(kappa G^2 T)); sqrt: sqrt(R/(kappa G^2 t)); adagrad-norm: sqrt(R/(kappa (B + S)))"
    reference = "Orabona, A Modern Introduction to Online Learning, ch. 7"

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
        proximal: bool = False,
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
        self.proximal = proximal
        self.hint = hint
        self.hint_bound = hint_bound
        self.start = start

    @classmethod
    def example(cls) -> Self:
        from olearn.geometry import CappedSimplex

        return cls(CappedSimplex(10, 3), step_size="adagrad-norm")

    @property
    def method(self) -> int:  # type: ignore[override]
        """The kernels' code: plain or proximal."""
        return _mirror.PROXIMAL if self.proximal else _mirror.FTRL

    def _check_step(self, step: str) -> None:
        if self.proximal and self.geometry != "euclidean":
            raise NotSupportedError(f"ftrl: proximal needs the euclidean geometry, got {self.geometry!r}")
        if step == "strongly-convex" and not self.proximal:
            raise NotSupportedError("ftrl: step_size='strongly-convex' needs proximal=True (or use ogd)")
        if self.geometry not in ("euclidean",) and self.start is not None:
            raise NotSupportedError("ftrl: start can be chosen in the euclidean geometry only")

    def _offset(self) -> float:
        return 0.0 if self.proximal or self._step() != "adagrad-norm" else self._ceiling()

    def _tuned(self, step: str, spread: float, rounds: int) -> float:
        if step == "fixed":
            return max(math.sqrt(2.0 * spread / (self._stability() * rounds)), 1e-300)
        if step == "sqrt":
            return max(math.sqrt(spread / (self._smoothness() * self._ceiling())), 1e-300)
        return max(math.sqrt(spread / self._smoothness()), 1e-300)

    def bound(self, horizon: int | None = None, *, squares: float | None = None) -> Bound | None:
        """The regret bound, or None where none is known for the combination.

        Parameters
        ----------
        horizon : int, optional
            Rounds T; default the learner's own.
        squares : float, optional
            ``sum |g_t - m_t|^2`` in the norm of `gradient_bound`; default the worst case, B T.
        """
        T = self._rounds_of_bound(horizon)
        step, c, G = self._step(), self._rate(), float(self.gradient_bound)
        R, kappa, B = self._effective_range(T), self._smoothness(), self._ceiling()
        S = B * T if squares is None else float(squares)
        if not math.isfinite(R):
            return None
        extra = 2.0 * G * float(self.domain.region().scales.sum()) if self.geometry == "logbarrier" else 0.0
        tail = " + 2 G c" if extra else ""
        source = f"{_ORABONA}, ch. 7"
        if self.proximal:
            if self.hint is not None:
                return None
            if step == "adagrad-norm":
                value = (R / c + c) * math.sqrt(S)
                return self._bounded(value, "(D^2/(2c) + c) sqrt(sum |g|^2)", "McMahan 2017, Thm 2")
            if step == "strongly-convex":
                value = 0.5 * G**2 * c * (1.0 + math.log(T))
                convex = "every loss is curvature-strongly convex; regret is of the losses"
                return self._bounded(value, "G^2/(2 alpha) (1 + ln T)", "McMahan 2017, section 3", convex)
            if step == "sqrt":
                value = (R / c + c * B) * math.sqrt(T)
                return self._bounded(value, "(D^2/(2c) + c G^2) sqrt(T)", "McMahan 2017, Thm 2")
            return self._bounded(R / c + 0.5 * c * S, "D^2/(2 eta) + (eta/2) sum |g|^2", "McMahan 2017, Thm 2")
        if step == "fixed":
            value = R / c + 0.5 * c * kappa * S + extra
            return self._bounded(value, f"R/eta + (eta kappa/2) sum |g - m|^2{tail}", source)
        if step == "sqrt":
            value = (R / c + c * kappa * B) * math.sqrt(T) + extra
            return self._bounded(value, f"(R/c + c kappa B) sqrt(T){tail}", source)
        value = R / c * math.sqrt(B + S) + c * kappa * math.sqrt(S) + extra
        return self._bounded(value, f"(R/c) sqrt(B + S) + c kappa sqrt(S){tail}", source)
