"""Shrinking dartboard: Hedge's probabilities, but the expert played changes only when it has to.

Rule: with weights ``w_i = exp(-eta L_i)``, keep the expert played with chance ``w_i(t+1)/w_i(t) = exp(-eta
l_i)``, else draw afresh in proportion to w. In every round the play has Hedge's law (oblivious adversary).

Bound, expected, for losses in a range of width 1 and c the cost of a switch: regret plus c times the switches
is at most ``ln N/eta + eta T (1/8 + c)``, thus ``2 sqrt(T ln N (1/8 + c))`` at the default rate: regret is
Hedge's, and a switch happens with chance at most ``1 - e^(-eta l) <= eta`` a round.

Cost: O(1) random numbers and O(N) sums a round (1 ns per expert); O(N) exponentials when it draws.

References
----------
.. [1] S. Geulen, B. Vöcking and M. Winkler, "Regret minimization for online buffering problems using the
   weighted majority algorithm", COLT 2010.

Examples
--------
>>> learner = ShrinkingDartboard(2, horizon=1000)
>>> _ = learner.run([[0.0, 1.0], [1.0, 0.0]] * 500)
>>> learner.switches < 100
True
"""

from __future__ import annotations

import math
from typing import Any, Self

from olearn.bounds import Bound
from olearn.errors import check_real
from olearn.learners import _perturbed
from olearn.learners._experts import PerturbedLearner


class ShrinkingDartboard(PerturbedLearner):
    """Shrinking dartboard: Hedge with few switches.

    Parameters
    ----------
    n : int
        Number of experts N.
    horizon : int, optional
        Rounds T, for the default rate.
    eta : float, optional
        Learning rate per unit of loss, default ``sqrt(ln N/(T (1/8 + c)))``.
    switching_cost : float, default 1
        Cost c of a switch, in units of the range of the losses.
    loss_range : (float, float)
        Every loss lies between these two.
    seed : int, default 0
        Seed of the draws.
    """

    name = "shrinking-dartboard"
    rule = "keep the expert with chance exp(-eta * its loss), else draw from Hedge's weights"
    tuning = "eta = sqrt(ln N / (T (1/8 + c))), c the cost of a switch"
    reference = "Geulen, Vöcking and Winkler, COLT 2010"

    def __init__(
        self,
        n: int,
        horizon: int | None = None,
        *,
        eta: float | None = None,
        switching_cost: float = 1.0,
        loss_range: tuple[float, float] = (0.0, 1.0),
        seed: int = 0,
    ) -> None:
        self.n = n
        self.horizon = horizon
        self.eta = eta
        self.switching_cost = switching_cost
        self.loss_range = loss_range
        self.seed = seed

    @classmethod
    def example(cls) -> Self:
        return cls(10, horizon=10_000)

    def validate(self) -> None:
        super().validate()
        self._eta()

    def _eta(self) -> float:
        cost = check_real("switching_cost", self.switching_cost, 0.0)
        if self.eta is not None:
            return check_real("eta", self.eta, 0.0, open_low=True)
        T = self._need_horizon("eta")
        return math.sqrt(math.log(max(self.n, 2)) / (T * (0.125 + cost))) / self._low_span()[1]

    def parameters(self) -> dict[str, Any]:
        return {"eta": self._eta(), "switching_cost": self.switching_cost}

    def _init(self) -> _perturbed.State:
        low = self._low_span()[0]
        return _perturbed.init(self.n, _perturbed.DARTBOARD, self._eta(), self.seed, low=low)

    def bound(self, horizon: int | None = None) -> Bound:
        """The bound on the expected regret plus `switching_cost` times the expected number of switches."""
        T, span = self._rounds_of_bound(horizon), self._low_span()[1]
        eta = self._eta() * span
        value = 0.0 if self.n == 1 else math.log(self.n) / eta + eta * T * (0.125 + float(self.switching_cost))
        formula = "ln N/eta + eta T (1/8 + c)"
        if float(self.switching_cost) > 0.0:
            formula += ", switching costs included"
        return self._bound(
            value, formula, self.reference, "the adversary is oblivious", guarantee="in expectation"
        )
