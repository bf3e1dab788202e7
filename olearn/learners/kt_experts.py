"""KT experts: every expert bets on its own regret, with the Krichevsky-Trofimov fraction of its wealth.

Rule: ``p ∝ prior_i [w_i]_+`` with ``w_i = (S_i/t) W_i``; S_i adds up ``r~_i`` (the regret ``<p, l> - l_i`` of
the round, or its positive part while S_i <= 0), W_i multiplies by ``1 + r~_i S_i/t``. No learning rate, no
horizon.

Bound against any mixture u of experts, losses in a range of width 1: ``sqrt(T (2 KL(u; prior) + ln T + 2 ln
2))``. Why: the bets on coins of sum S leave a wealth of at least ``exp(S^2/(2T))/(2 sqrt(T))`` (the
Krichevsky-Trofimov estimator is within ``ln(2 sqrt(T))`` of the best chance in hindsight, and
``T kl((1 + S/T)/2, 1/2) >= S^2/(2T)``), and by the reduction of [1]_ the prior's mean of the wealths is at most
1. The constant of its Corollary 6, ``sqrt(3 T (3 + KL))``, is not for this bet: it needs the horizon, in the
shifted fraction ``S/(t + T/2)``.

Cost: O(N) a round, about 20 ns per expert. Wealth is kept as its logarithm.

References
----------
.. [1] F. Orabona and D. Pál, "Coin betting and parameter-free online learning", NeurIPS 2016 (the reduction).

Examples
--------
>>> learner = KTExperts(2)
>>> learner.run([[1.0, 0.0]] * 3).tolist()
[0.5, 0.0, 0.0]
"""

from __future__ import annotations

import math
from typing import Any, Self

import numpy as np

from olearn.bounds import Bound
from olearn.errors import ParameterError
from olearn.learners import _potential
from olearn.learners._experts import PotentialLearner


class KTExperts(PotentialLearner):
    """KT experts: parameter-free coin betting over experts.

    Parameters
    ----------
    n : int
        Number of experts N.
    horizon : int, optional
        Rounds, used only as the default of :meth:`bound`.
    prior : array_like of float, shape (n,), optional
        Positive weights; default uniform.
    loss_range : (float, float)
        Every loss lies between these two.
    """

    name = "kt-experts"
    rule = "each expert bets the fraction S/t of its wealth on its regret; p proportional to positive bets"
    tuning = "none"
    reference = "Orabona and Pál, NeurIPS 2016"
    kind = _potential.KT

    def __init__(
        self,
        n: int,
        horizon: int | None = None,
        *,
        prior: Any = None,
        loss_range: tuple[float, float] = (0.0, 1.0),
    ) -> None:
        self.n = n
        self.horizon = horizon
        self.prior = prior
        self.loss_range = loss_range

    @classmethod
    def example(cls) -> Self:
        return cls(10, horizon=10_000)

    def _init(self) -> _potential.State:
        return self._start(self.prior)

    def bound(self, horizon: int | None = None, mixture: Any = None) -> Bound:
        """The regret bound to a `mixture` of experts; default the single expert with the least prior."""
        T, prior = self._rounds_of_bound(horizon), self._prior(self.prior)
        if mixture is None:
            divergence = float(-np.log(prior.min()))
        else:
            u = np.asarray(mixture, np.float64)
            if u.shape != prior.shape or not (u >= 0).all() or abs(u.sum() - 1.0) > 1e-9:
                raise ParameterError(
                    f"mixture must be {self.n} non-negative weights that sum to 1, got {mixture!r}"
                )
            held = u > 0
            divergence = float((u[held] * np.log(u[held] / prior[held])).sum())
        value = math.sqrt(T * (2.0 * divergence + math.log(T) + 2.0 * math.log(2.0))) if self.n > 1 else 0.0
        comparator = "best expert" if mixture is None else "the mixture given"
        source = "Orabona and Pál 2016 (the reduction); derived in the docstring"
        formula = "sqrt(T (2 KL(u; prior) + ln T + 2 ln 2))"
        return self._bound(value, formula, source, comparator=comparator)
