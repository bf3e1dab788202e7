"""Follow the perturbed leader: the expert whose cumulative loss minus fresh noise is least.

Noise, for losses in a range of width 1 (others scale it), and the bound on the expected regret to the best
expert; the noise is drawn afresh every round, so the bound holds against adaptive adversaries too, if they
choose a round's losses before its draw:

=========== ==================== =============================== =========================================
noise       distribution         default scale s                 expected regret
=========== ==================== =============================== =========================================
gumbel      s * Gumbel           sqrt(T/(8 ln N))                sqrt(T ln N / 2): Hedge's, its law is Hedge's
gaussian    s * N(0, 1)          sqrt(T)/2                       sqrt(2 T ln N)
exponential s * Exp(1)           max(1, sqrt(T/(1 + ln N)))      (e^(1/s) - 1) T + e^(1/s) s (1 + ln N)
=========== ==================== =============================== =========================================

The Gaussian constant: the potential ``E max(s Z_i - L_i)`` is at most ``s sqrt(2 ln N)`` at the start; its
Hessian H has rows that sum to 0 and non-positive entries off the diagonal, so for losses in [0, 1] the
second-order term is at most tr(H)/4 <= sqrt(2 ln N)/(4 s) a round. The exponential one is memorylessness:
``P(leader before) <= e^(1/s) P(leader after)`` expert by expert, the leader after a round has regret at most
``s (1 + ln N)`` and T bounds the best loss.

With ``redraw=False`` the noise is drawn once: the same expected loss against an oblivious adversary, fewer
switches.

Cost: O(N) a round; 15 (gumbel), 12 (gaussian), 8 (exponential) ns per expert, 1 ns with ``redraw=False``.

References
----------
.. [1] A. Kalai and S. Vempala, "Efficient algorithms for online decision problems", JCSS 71, 2005.
.. [2] J. Abernethy, C. Lee, A. Sinha and A. Tewari, "Online linear optimization via smoothing", COLT 2014.

Examples
--------
>>> learner = FTPL(3, horizon=100, seed=1)
>>> x = learner.predict()
>>> x.sum() == 1.0 and x[learner.action] == 1.0
np.True_
"""

from __future__ import annotations

import math
from typing import Any, Self

from olearn.bounds import Bound
from olearn.errors import check_real, unknown
from olearn.learners import _perturbed
from olearn.learners._experts import PerturbedLearner

_NOISES = {
    "gumbel": _perturbed.GUMBEL,
    "gaussian": _perturbed.GAUSSIAN,
    "exponential": _perturbed.EXPONENTIAL,
}


class FTPL(PerturbedLearner):
    """Follow the perturbed leader.

    Parameters
    ----------
    n : int
        Number of experts N.
    horizon : int, optional
        Rounds T, for the default scale.
    noise : {"gumbel", "gaussian", "exponential"}
        Distribution of the noise.
    scale : float, optional
        Size of the noise in the unit of the losses; see the table above for the default.
    redraw : bool, default True
        Draw the noise afresh every round, or once.
    loss_range : (float, float)
        Every loss lies between these two.
    seed : int, default 0
        Seed of the noise.
    """

    name = "ftpl"
    rule = "play the expert with the least cumulative loss minus noise"
    tuning = "gumbel: scale sqrt(T/(8 ln N)); gaussian: sqrt(T)/2; exponential: max(1, sqrt(T/(1 + ln N)))"
    reference = "Kalai and Vempala, JCSS 2005; Abernethy, Lee, Sinha and Tewari, COLT 2014"

    def __init__(
        self,
        n: int,
        horizon: int | None = None,
        *,
        noise: str = "gumbel",
        scale: float | None = None,
        redraw: bool = True,
        loss_range: tuple[float, float] = (0.0, 1.0),
        seed: int = 0,
    ) -> None:
        self.n = n
        self.horizon = horizon
        self.noise = noise
        self.scale = scale
        self.redraw = redraw
        self.loss_range = loss_range
        self.seed = seed

    @classmethod
    def example(cls) -> Self:
        return cls(10, horizon=10_000)

    def validate(self) -> None:
        super().validate()
        self._scale()

    def _scale(self) -> float:
        if self.noise not in _NOISES:
            raise unknown("noise", str(self.noise), _NOISES)
        if self.scale is not None:
            return check_real("scale", self.scale, 0.0, open_low=True)
        T, log_n, span = self._need_horizon("scale"), math.log(max(self.n, 2)), self._low_span()[1]
        if self.noise == "gumbel":
            return math.sqrt(T / (8.0 * log_n)) * span
        if self.noise == "gaussian":
            return 0.5 * math.sqrt(T) * span
        return max(1.0, math.sqrt(T / (1.0 + log_n))) * span

    def parameters(self) -> dict[str, Any]:
        return {"noise": self.noise, "scale": self._scale(), "redraw": self.redraw}

    def _init(self) -> _perturbed.State:
        return _perturbed.init(self.n, _NOISES[self.noise], self._scale(), self.seed, self.redraw)

    def bound(self, horizon: int | None = None) -> Bound:
        """The bound on the expected regret."""
        T, log_n = self._rounds_of_bound(horizon), math.log(self.n)
        s = self._scale() / self._low_span()[1]
        if self.noise == "gumbel":
            value, formula = s * log_n + T / (8.0 * s), "s ln N + T/(8s)"
        elif self.noise == "gaussian":
            value, formula = math.sqrt(2.0 * log_n) * (s + T / (4.0 * s)), "sqrt(2 ln N)(s + T/(4s))"
        else:
            growth = math.expm1(1.0 / s) if s * 700.0 > 1.0 else math.inf
            value = growth * T + (1.0 + growth) * s * (1.0 + log_n)
            formula = "(e^(1/s) - 1) T + e^(1/s) s (1 + ln N)"
        drawn = "the losses of a round do not depend on its draw"
        extra = (drawn,) if self.redraw else ("the adversary is oblivious",)
        if self.n == 1:
            value = 0.0
        return self._bound(value, formula, self.reference, *extra, guarantee="in expectation")
