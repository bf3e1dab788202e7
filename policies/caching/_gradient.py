r"""What `ogd` and `ogb` share: the default step size and the regret bound of online gradient ascent.

For the iterates x_1, x_2, ... on X = {0 <= x <= 1, sum x = C} with step eta, a request to j, the gradient
step y = x_t + eta e_j and its projection x_{t+1}, any x* in X has (Pythagoras for projections)

.. math:: \|x_{t+1} - x^*\|^2 \le \|y - x^*\|^2 - \|y - x_{t+1}\|^2
           = \|x_t - x^*\|^2 - 2 \eta (x^*_j - x_{t,j}) + \eta^2 - \|y - x_{t+1}\|^2 .

Say that x_j gained g_t. Then y_j - x_{t+1,j} = eta - g_t, so the last two terms are at most
:math:`\eta^2 - (\eta - g_t)^2 = g_t (2 \eta - g_t)`, and summing over the requests

.. math:: R_T \le \frac{\|x_1 - x^*\|^2}{2\eta} + \sum_t \Big( g_t - \frac{g_t^2}{2\eta} \Big)
              \le \frac{\|x_1 - x^*\|^2}{2\eta} + \frac{\eta}{2} A
              \le \frac{\|x_1 - x^*\|^2}{2\eta} + \frac{\eta}{2} T ,

where A counts the requests with x_{t,j} < 1: at the others nothing moves and g_t = 0. The first form is
what :meth:`GradientPolicy.realised` makes of a run: the mass fetched, less half its squares over eta. It
needs no knowledge of the best set, and at large steps it stays below what was fetched.

From x_1 = C/N every vertex of X is at squared distance :math:`C (1 - C/N)`, so beforehand the regret is at
most :math:`C(1-C/N)/(2\eta) + \eta T/2`, which :math:`\eta = \sqrt{C(1-C/N)/T}` makes
:math:`\sqrt{C(1-C/N)\,T}`. If the catalogue grew from N_0 items, those added start at 0 and the squared
distance is at most :math:`C + C^2/N_0`.
"""

from __future__ import annotations

import math
from collections.abc import Mapping

from olearn.bounds import Bound, declared
from olearn.errors import check_real
from olearn.geometry.lazyprojection import GAINED, MOVES, SQUARES
from olearn.policies.caching._base import CachingPolicy


class GradientPolicy(CachingPolicy):
    """A caching policy that follows online gradient ascent."""

    def __init__(
        self,
        capacity: int,
        catalog_size: int,
        horizon: int | None = None,
        *,
        eta: float | None = None,
        seed: int = 0,
    ) -> None:
        super().__init__(capacity, catalog_size, horizon, seed=seed)
        self._eta = eta

    @property
    def eta(self) -> float:
        """Step size; by default sqrt(C (1 - C/N) / T), which minimises the bound."""
        if self._eta is not None:
            return check_real("eta", self._eta, 0.0, open_low=True)
        horizon = self.require_horizon("eta")
        spread = self.capacity * (1 - self.capacity / self._first_catalog)
        return math.sqrt((spread or 1.0) / horizon)

    def parameters(self) -> dict[str, float]:
        return {"eta": self.eta}

    def realised(self) -> dict[str, float]:
        x = self.state.x
        return {
            "moves": float(x.cells[MOVES]),
            "gained": float(x.rho[GAINED]),
            "squares": float(x.rho[SQUARES]),
        }

    def gradient_bound(
        self,
        requests: int | None,
        realised: Mapping[str, float] | None,
        guarantee: str,
        more: tuple[str, ...],
    ) -> Bound | None:
        """The bound of this module after `requests` requests."""
        t = requests if requests is not None else self.require_horizon("requests")
        c, n = self.capacity, self._first_catalog
        grown = self.catalog_size > n
        distance = c + c * c / n if grown else c * (1 - c / n)
        start = "(C + C^2/N0) / (2 eta)" if grown else "C (1 - C/N) / (2 eta)"
        moved, formula = self.eta * t / 2, start + " + eta T / 2"
        if realised is not None and "moves" in realised and self.eta * realised["moves"] / 2 < moved:
            moved, formula = self.eta * realised["moves"] / 2, start + " + eta A / 2, A requests below 1"
        if realised is not None and "gained" in realised:
            own = realised["gained"] - realised["squares"] / (2 * self.eta)
            if own < moved:
                moved, formula = max(own, 0.0), start + " + sum of g - g^2 / (2 eta), g gained at a request"
        return declared(
            distance / (2 * self.eta) + moved if c < self.catalog_size else 0.0,
            formula,
            "best static set, prefilled",
            guarantee,
            ("unit sizes, a hit is worth 1", *more),
            "Zinkevich 2003; Paschos et al. 2019; derived in policies/caching/_gradient.py",
        )
