"""Prod and ML-Prod: linear instead of exponential updates, for bounds with second-order terms.

Prod: ``w_i <- w_i (1 - eta l_i)``, with losses scaled to [0, 1] and eta at most 1/2. Regret to expert k at most
``ln N/eta + eta sum_t l_(t,k)^2``: small when the best expert's losses are.

ML-Prod (adaptive): every expert has its own rate ``eta_i = min(1/2, sqrt(ln N/(1 + V_i)))``, V_i the sum of
``r = <p, l> - l_i`` squared; ``w_i <- (w_i (1 + eta_i r))^(eta_i'/eta_i)`` and ``p_i ∝ eta_i w_i``. Regret to
expert k at most ``C/sqrt(ln N) sqrt(1 + V_k) + 2C`` with ``C = 3 ln N + ln(1 + N/(2e) (1 + ln(T+1)))``.

Cost: O(N) a round, about 10 and 25 ns per expert. Weights live in the log domain.

References
----------
.. [1] N. Cesa-Bianchi, Y. Mansour and G. Stoltz, "Improved second-order bounds for prediction with expert
   advice", Machine Learning 66, 2007.
.. [2] P. Gaillard, G. Stoltz and T. van Erven, "A second-order bound with excess losses", COLT 2014,
   Corollary 4.

Examples
--------
>>> learner = Prod(2, eta=0.5)
>>> _ = learner.update([1.0, 0.0])
>>> learner.predict().round(4).tolist()
[0.3333, 0.6667]
"""

from __future__ import annotations

import math
from typing import Any, Self

from olearn.bounds import Bound
from olearn.errors import check_real
from olearn.learners import _potential
from olearn.learners._experts import PotentialLearner


class Prod(PotentialLearner):
    """Prod: multiplicative weights with the factor 1 - eta * loss.

    Parameters
    ----------
    n : int
        Number of experts N.
    horizon : int, optional
        Rounds T, for the default rate.
    eta : float, optional
        Rate in (0, 1/2], default ``min(1/2, sqrt(ln N/T))``.
    loss_range : (float, float)
        Every loss lies between these two; the losses are scaled to [0, 1].
    """

    name = "prod"
    rule = "w <- w (1 - eta * loss)"
    tuning = "eta = min(1/2, sqrt(ln N / T))"
    reference = "Cesa-Bianchi, Mansour and Stoltz, Machine Learning 2007"
    kind = _potential.PROD

    def __init__(
        self,
        n: int,
        horizon: int | None = None,
        *,
        eta: float | None = None,
        loss_range: tuple[float, float] = (0.0, 1.0),
    ) -> None:
        self.n = n
        self.horizon = horizon
        self.eta = eta
        self.loss_range = loss_range

    @classmethod
    def example(cls) -> Self:
        return cls(10, horizon=10_000)

    def validate(self) -> None:
        super().validate()
        self._rate()

    def _rate(self) -> float:
        if self.eta is not None:
            return check_real("eta", self.eta, 0.0, 0.5, open_low=True)
        return min(0.5, math.sqrt(math.log(max(self.n, 2)) / self._need_horizon("eta")))

    def parameters(self) -> dict[str, Any]:
        return {"eta": self._rate()}

    def _init(self) -> _potential.State:
        return self._start(rate=self._rate())

    def bound(self, horizon: int | None = None, squares: float | None = None) -> Bound:
        """The regret bound; `squares` is the sum of the best expert's squared losses (scaled), default T."""
        T, eta = self._rounds_of_bound(horizon), self._rate()
        value = math.log(self.n) / eta + eta * (float(T) if squares is None else float(squares))
        return self._bound(value, "ln N/eta + eta sum l^2", "Cesa-Bianchi et al. 2007, Lemma 2")


class MLProd(PotentialLearner):
    """Adapt-ML-Prod: Prod on regrets, with one adaptive rate for every expert.

    Parameters
    ----------
    n : int
        Number of experts N.
    horizon : int, optional
        Rounds, used only as the default of :meth:`bound`.
    loss_range : (float, float)
        Every loss lies between these two.
    """

    name = "ml-prod"
    rule = "w_i <- (w_i (1 + eta_i r_i))^(eta_i'/eta_i), play p_i ∝ eta_i w_i"
    tuning = "none: eta_i = min(1/2, sqrt(ln N / (1 + sum r_i^2)))"
    reference = "Gaillard, Stoltz and van Erven, COLT 2014"
    kind = _potential.ML_PROD

    def __init__(
        self, n: int, horizon: int | None = None, *, loss_range: tuple[float, float] = (0.0, 1.0)
    ) -> None:
        self.n = n
        self.horizon = horizon
        self.loss_range = loss_range

    @classmethod
    def example(cls) -> Self:
        return cls(10, horizon=10_000)

    def _init(self) -> _potential.State:
        return self._start()

    def bound(self, horizon: int | None = None, variance: float | None = None) -> Bound:
        """The regret bound; `variance` is the sum of the best expert's squared r (scaled), default T."""
        T = self._rounds_of_bound(horizon)
        log_n = math.log(max(self.n, 2))
        C = 3.0 * log_n + math.log(1.0 + self.n / (2.0 * math.e) * (1.0 + math.log(T + 1.0)))
        V = float(T) if variance is None else float(variance)
        value = C / math.sqrt(log_n) * math.sqrt(1.0 + V) + 2.0 * C
        formula = "C/sqrt(ln N) sqrt(1 + V) + 2C, C = 3 ln N + ln(1 + N/(2e)(1 + ln(T+1)))"
        return self._bound(value, formula, "Gaillard et al. 2014, Cor. 4")
