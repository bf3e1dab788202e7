"""AdaHedge: exponential weights whose rate follows the losses; no horizon, no range needed.

Rule: Hedge with rate ``eta_t = ln N / Delta_(t-1)``, where Delta adds up the mixability gaps ``h_t - m_t``:
h_t = <w, l> is the learner's loss, ``m_t = -(1/eta) ln <w, exp(-eta l)>`` the mix loss. While Delta is 0 the
rate is infinite and AdaHedge follows the leaders.

Bound: ``sqrt(sum_t s_t^2 ln N) + S (4/3 ln N + 2)``, s_t the spread of the losses of round t, S the largest
s_t; this holds for every sequence, without knowledge of s_t.

Cost: O(N) a round, two exponentials per expert (about 6 ns). Memory: 40 bytes per expert.

References
----------
.. [1] S. de Rooij, T. van Erven, P. Grünwald and W. Koolen, "Follow the leader if you can, hedge if you must",
   JMLR 15, 2014, Theorem 8 and Corollary 9.

Examples
--------
>>> learner = AdaHedge(2)
>>> learner.run([[1.0, 0.0]] * 3).round(4).tolist()
[0.5, 0.2, 0.0848]
"""

from __future__ import annotations

import math
from typing import Self

import numpy as np

from olearn.bounds import Bound
from olearn.learners import _exponential
from olearn.learners._experts import ExponentialLearner


class AdaHedge(ExponentialLearner):
    """AdaHedge: exponential weights whose rate follows the losses.

    Parameters
    ----------
    n : int
        Number of experts N.
    horizon : int, optional
        Rounds, used only as the default of :meth:`bound`.
    loss_range : (float, float)
        Every loss lies between these two; only refusals and the bound use it, the algorithm does not.
    """

    name = "adahedge"
    rule = "Hedge with eta = ln N / (sum of mixability gaps so far)"
    tuning = "none: scale-free and anytime"
    reference = "de Rooij, van Erven, Grünwald and Koolen, JMLR 2014"

    def __init__(
        self, n: int, horizon: int | None = None, *, loss_range: tuple[float, float] = (0.0, 1.0)
    ) -> None:
        self.n = n
        self.horizon = horizon
        self.loss_range = loss_range

    @classmethod
    def example(cls) -> Self:
        return cls(10, horizon=10_000)

    def _init(self) -> _exponential.State:
        return _exponential.init(self._prior(None), _exponential.ADAPTIVE, np.inf, *self._low_span())

    def bound(self, horizon: int | None = None, squared_spreads: float | None = None) -> Bound:
        """The regret bound; `squared_spreads` is sum_t (max l_t - min l_t)^2, default the worst case."""
        log_n, span = math.log(self.n), self._low_span()[1]
        T = self._rounds_of_bound(horizon)
        squares = float(T) if squared_spreads is None else float(squared_spreads) / span**2
        value = math.sqrt(squares * log_n) + 4.0 / 3.0 * log_n + 2.0
        if self.n == 1:
            value = 0.0
        return self._bound(value, "sqrt(sum s_t^2 ln N) + S(4/3 ln N + 2)", "de Rooij et al. 2014, Cor. 9")
