"""Hedge: exponential weights over n experts, with known horizon, anytime, or small-loss rate.

Rule: the weight of expert i in round t is proportional to ``prior_i exp(-eta_t L_i)``, L_i its losses so far
(plus its last loss when ``hint="last"``: optimistic Hedge).

Rates, for losses in a range of width 1 (others are rescaled), N experts and a uniform prior:

========== =================================== ==================================== ==========================
rate       eta_t                               regret to the best expert            needs
========== =================================== ==================================== ==========================
horizon    sqrt(8 ln N / T)                    sqrt(T ln N / 2)                     horizon
anytime    sqrt(8 ln N / t)                    2 sqrt(T ln N / 2) + sqrt(ln N / 8)  nothing
small-loss ln(1 + sqrt(2 ln N / L))            sqrt(2 L ln N) + ln N                L >= loss of the best expert
fixed      as given                            ln N / eta + eta T / 8               eta
========== =================================== ==================================== ==========================

With a hint and a fixed rate the regret is at most ``ln N / eta + (eta/2) sum_t s_t^2``, s_t half the spread
(largest less smallest entry) of ``l_t - l_(t-1)``, l_0 = 0: weights sum to 1, so a part common to all experts
changes nothing, and the range may lie anywhere. In the worst case s_1 is 1/2 and the others 1.
With a prior, ``ln N`` for expert i becomes ``ln(1/prior_i)`` at a fixed rate.

Cost: O(N) a round; about 0.9 ns per expert when eta times the width of the range is at most 0.1 (products,
afresh from the sums every 1024 rounds), 3.2 ns otherwise (log domain). Memory: 44 bytes per expert.

References
----------
.. [1] N. Cesa-Bianchi and G. Lugosi, "Prediction, Learning, and Games", Cambridge 2006, Theorems 2.2, 2.3
   and Corollary 2.4.
.. [2] A. Rakhlin and K. Sridharan, "Online learning with predictable sequences", COLT 2013 (hints).

Examples
--------
>>> learner = Hedge(2, eta=0.1)
>>> for _ in range(10):
...     _ = learner.update([0.0, 1.0])
>>> learner.predict().round(6).tolist()
[0.731059, 0.268941]
>>> round(Hedge(10, horizon=10_000).bound().value, 2)
107.3
"""

from __future__ import annotations

import math
from typing import Any, Self

from olearn.bounds import Bound
from olearn.errors import ParameterError, check_real, unknown
from olearn.learners import _exponential
from olearn.learners._experts import ExponentialLearner

_RATES = ("horizon", "anytime", "small-loss", "fixed")
_SOURCE = "Cesa-Bianchi and Lugosi 2006"


class Hedge(ExponentialLearner):
    """Hedge: exponential weights over n experts.

    Parameters
    ----------
    n : int
        Number of experts N.
    horizon : int, optional
        Number of rounds T, for ``rate="horizon"``.
    rate : {"horizon", "anytime", "small-loss", "fixed"}, optional
        How the learning rate is set; default "fixed" if `eta` is given, "small-loss" if `best_loss` is,
        "horizon" if `horizon` is, else "anytime".
    eta : float, optional
        The learning rate itself, per unit of loss.
    best_loss : float, optional
        A number that the loss of the best expert (above the least possible) will not exceed.
    hint : {None, "last"}
        "last" predicts that the losses of the last round come again (optimistic Hedge).
    prior : array_like of float, shape (n,), optional
        Positive weights at the start; default uniform.
    loss_range : (float, float)
        Every loss lies between these two.
    """

    name = "hedge"
    rule = "weights proportional to prior * exp(-eta * cumulative loss)"
    tuning = (
        "eta = sqrt(8 ln N / T); without horizon sqrt(8 ln N / t); with best_loss ln(1 + sqrt(2 ln N / L*))"
    )
    reference = "Cesa-Bianchi and Lugosi, Prediction, Learning, and Games, 2006, ch. 2"

    def __init__(
        self,
        n: int,
        horizon: int | None = None,
        *,
        rate: str | None = None,
        eta: float | None = None,
        best_loss: float | None = None,
        hint: str | None = None,
        prior: Any = None,
        loss_range: tuple[float, float] = (0.0, 1.0),
    ) -> None:
        self.n = n
        self.horizon = horizon
        self.rate = rate
        self.eta = eta
        self.best_loss = best_loss
        self.hint = hint
        self.prior = prior
        self.loss_range = loss_range

    @classmethod
    def example(cls) -> Self:
        return cls(10, horizon=10_000)

    def validate(self) -> None:
        super().validate()
        if self.hint not in (None, "last"):
            raise unknown("hint", str(self.hint), ("last",))
        self._eta()
        self._prior(self.prior)

    def _rate(self) -> str:
        if self.rate is not None:
            if self.rate not in _RATES:
                raise unknown("rate", str(self.rate), _RATES)
            return self.rate
        given = ("fixed", self.eta), ("small-loss", self.best_loss), ("horizon", self.horizon)
        return next((name for name, value in given if value is not None), "anytime")

    def _eta(self) -> float:
        """The rate of the first round."""
        rate, (_, span), log_n = self._rate(), self._low_span(), math.log(max(self.n, 2))
        if rate == "fixed":
            if self.eta is None:
                raise ParameterError("hedge: rate='fixed' needs eta")
            return check_real("eta", self.eta, 0.0, open_low=True)
        if rate == "small-loss":
            if self.best_loss is None:
                raise ParameterError("hedge: rate='small-loss' needs best_loss")
            best = check_real("best_loss", self.best_loss, 0.0) / span
            return math.log1p(math.sqrt(2.0 * log_n / max(best, 1e-12))) / span
        rounds = self._need_horizon("another rate") if rate == "horizon" else 1
        return math.sqrt(8.0 * log_n / rounds) / span

    def parameters(self) -> dict[str, Any]:
        return {"rate": self._rate(), "eta": self._eta(), "hint": self.hint, "prior": self.prior}

    def _init(self) -> _exponential.State:
        low, span = self._low_span()
        mode = _exponential.ANYTIME if self._rate() == "anytime" else _exponential.FIXED
        prior, hinted = self._prior(self.prior), self.hint == "last"
        return _exponential.init(prior, mode, self._eta(), low, span, 0.0, hinted)

    def bound(self, horizon: int | None = None, variation: float | None = None) -> Bound:
        """The regret bound.

        Parameters
        ----------
        horizon : int, optional
            Rounds T; default the learner's own.
        variation : float, optional
            The sum of the s_t^2, or anything above it, such as ``sum_t max_i |l_t,i - l_t-1,i|^2``, for
            ``hint="last"``; default the worst, (T - 3/4) times the squared width of the range.
        """
        rate, T = self._rate(), self._rounds_of_bound(horizon)
        eta = self._eta() * self._low_span()[1]
        log_n = float(-math.log(self._prior(self.prior).min()))
        if self.hint is not None or self.prior is not None:
            if rate == "anytime":
                raise ParameterError("hedge: no bound is declared for rate='anytime' with a hint or a prior")
            if self.hint is None:
                formula = "ln(1/min prior)/eta + eta T/8"
                return self._bound(log_n / eta + eta * T / 8.0, formula, f"{_SOURCE}, Thm 2.2")
            spread = T - 0.75 if variation is None else float(variation) / self._low_span()[1] ** 2
            formula = "ln(1/min prior)/eta + (eta/2) sum (spread of l_t - l_(t-1))^2/4"
            return self._bound(log_n / eta + 0.5 * eta * spread, formula, "Rakhlin and Sridharan 2013")
        if rate == "anytime":
            value = 2.0 * math.sqrt(T * log_n / 2.0) + math.sqrt(log_n / 8.0)
            return self._bound(value, "2 sqrt(T ln N/2) + sqrt(ln N/8)", f"{_SOURCE}, Thm 2.3")
        if rate == "small-loss":
            best = float(self.best_loss or 0.0) / self._low_span()[1]
            extra = "the best expert's loss above the least possible is at most best_loss"
            value = math.sqrt(2.0 * best * log_n) + log_n
            return self._bound(value, "sqrt(2 L* ln N) + ln N", f"{_SOURCE}, Cor. 2.4", extra)
        if rate == "horizon" and self.horizon == T:
            return self._bound(math.sqrt(T * log_n / 2.0), "sqrt(T ln N/2)", f"{_SOURCE}, Thm 2.2")
        return self._bound(log_n / eta + eta * T / 8.0, "ln N/eta + eta T/8", f"{_SOURCE}, Thm 2.2")
