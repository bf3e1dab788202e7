"""Fixed share: Hedge that gives a part alpha of the weight to everyone each round, to track the best expert.

Rule: ``v_i ∝ w_i exp(-eta l_i)``, then ``w_i = (1 - alpha) v_i + alpha/N``. With alpha = 0 it is Hedge.

Bound: against every sequence of experts with at most m switches, for losses in [0, 1] and alpha = m/(T-1),
eta = sqrt(8 c/T), ``sqrt(T c/2)`` with ``c = (m+1) ln N + (T-1) H(m/(T-1))``, H the entropy in nats.

Cost: O(N) a round, one exponential per expert. Memory: 40 bytes per expert.

References
----------
.. [1] M. Herbster and M. Warmuth, "Tracking the best expert", Machine Learning 32, 1998.
.. [2] N. Cesa-Bianchi and G. Lugosi, "Prediction, Learning, and Games", 2006, Corollary 5.1.

Examples
--------
>>> learner = FixedShare(2, horizon=100, switches=1)
>>> losses = [[1.0, 0.0]] * 50 + [[0.0, 1.0]] * 50
>>> bool(learner.run(losses).sum() <= learner.bound().value)
True
"""

from __future__ import annotations

import math
from typing import Any, Self

from olearn.bounds import Bound
from olearn.errors import ParameterError, check_int, check_real
from olearn.learners import _exponential
from olearn.learners._experts import ExponentialLearner


class FixedShare(ExponentialLearner):
    """Fixed share: Hedge that tracks the best expert through switches.

    Parameters
    ----------
    n : int
        Number of experts N.
    horizon : int, optional
        Rounds T, for the default tuning.
    switches : int, default 1
        Number of switches m that the comparator may make; more than T - 1 mean T - 1.
    alpha : float, optional
        Part of the weight shared each round, in [0, 1); default m/(T-1).
    eta : float, optional
        Learning rate, default sqrt(8 c/T) per unit of loss.
    loss_range : (float, float)
        Every loss lies between these two.
    """

    name = "fixed-share"
    rule = "Hedge step, then w = (1 - alpha) w + alpha/N"
    tuning = "alpha = m/(T-1), eta = sqrt(8 c/T), c = (m+1) ln N + (T-1) H(m/(T-1))"
    reference = "Herbster and Warmuth, Machine Learning 1998"

    def __init__(
        self,
        n: int,
        horizon: int | None = None,
        *,
        switches: int = 1,
        alpha: float | None = None,
        eta: float | None = None,
        loss_range: tuple[float, float] = (0.0, 1.0),
    ) -> None:
        self.n = n
        self.horizon = horizon
        self.switches = switches
        self.alpha = alpha
        self.eta = eta
        self.loss_range = loss_range

    @classmethod
    def example(cls) -> Self:
        return cls(10, horizon=10_000, switches=5)

    def validate(self) -> None:
        super().validate()
        self._tuned()

    def _tuned(self) -> tuple[float, float]:
        """The share and the rate in use."""
        check_int("switches", self.switches, minimum=0)
        if self.alpha is None:
            T = self._need_horizon("alpha")
            m = min(self.switches, T - 1)
            alpha = m / (T - 1) if T > 1 else 0.0
        else:
            alpha = check_real("alpha", self.alpha, 0.0, 1.0, open_high=True)
        if self.eta is None:
            T = self._need_horizon("eta")
            eta = (
                math.sqrt(8.0 * max(_complexity(self.n, T, min(self.switches, T - 1)), 1e-12) / T)
                / self._low_span()[1]
            )
        else:
            eta = check_real("eta", self.eta, 0.0, open_low=True)
        return min(alpha, 1.0 - 1e-12), eta

    def parameters(self) -> dict[str, Any]:
        alpha, eta = self._tuned()
        return {"switches": self.switches, "alpha": alpha, "eta": eta}

    def _init(self) -> _exponential.State:
        low, span = self._low_span()
        alpha, eta = self._tuned()
        return _exponential.init(self._prior(None), _exponential.FIXED, eta, low, span, alpha)

    def bound(self, horizon: int | None = None, switches: int | None = None) -> Bound:
        """The bound on the regret to the best sequence of experts with at most `switches` switches."""
        T = self._rounds_of_bound(horizon)
        m = min(self.switches if switches is None else check_int("switches", switches, minimum=0), T - 1)
        alpha, eta = self._tuned()
        eta *= self._low_span()[1]
        comparator = f"best sequence of experts with at most {m} switches"
        source = "Cesa-Bianchi and Lugosi 2006, Cor. 5.1"
        if m == min(self.switches, T - 1) and self.horizon == T and self.alpha is None and self.eta is None:
            value = math.sqrt(T * _complexity(self.n, T, m) / 2.0)
            return self._bound(value, "sqrt(T c/2)", source, comparator=comparator)
        if alpha == 0.0 and m > 0:
            raise ParameterError(
                f"fixed-share: no bound for {m} switches with alpha = {alpha:g} and {T} rounds"
            )
        # The prior weight of m switches is at least (1/N) (alpha/N)^m (1 - alpha)^(T-1-m).
        cost = math.log(self.n) - (T - 1 - m) * math.log1p(-alpha)
        cost -= m * math.log(alpha / self.n) if m else 0.0
        value = cost / eta + eta * T / 8.0
        formula = "(ln N + m ln(N/alpha) - (T-1-m) ln(1-alpha))/eta + eta T/8"
        return self._bound(value, formula, "Cesa-Bianchi and Lugosi 2006, Thm 5.2", comparator=comparator)


def _complexity(n: int, T: int, m: int) -> float:
    """(m+1) ln N + (T-1) H(m/(T-1))."""
    entropy = 0.0
    if T > 1 and 0 < m < T - 1:
        q = m / (T - 1)
        entropy = -(q * math.log(q) + (1.0 - q) * math.log1p(-q))
    return (m + 1) * math.log(n) + (T - 1) * entropy
