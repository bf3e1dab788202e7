r"""What `ogd` and `ogb` share: the default step size and the regret bound of online gradient ascent.

For the iterates x_1, x_2, ... on X = {0 <= x <= 1, sum x = C} with step eta, and any x* in X,

.. math:: \sum_t \langle g_t, x^* - x_t \rangle \le \|x_1 - x^*\|^2 / (2\eta) + (\eta/2) \sum_t \|g_t\|^2 .

A request is a gradient of norm 1. From x_1 = C/N every vertex of X is at squared distance
:math:`C (1 - C/N)`, so the regret after T requests is at most
:math:`C(1-C/N)/(2\eta) + \eta T/2`, which :math:`\eta = \sqrt{C(1-C/N)/T}` makes
:math:`\sqrt{C(1-C/N)\,T}`. If the catalogue grew from N_0 items, those added start at 0 and the squared
distance is at most :math:`C + C^2/N_0`.
"""

from __future__ import annotations

import math

from olearn.bounds import Bound
from olearn.errors import check_real
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
        self._first_catalog = catalog_size  # the uniform start spread over so many items

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

    def gradient_bound(self, requests: int | None, guarantee: str, more: tuple[str, ...]) -> Bound:
        """The bound of this module after `requests` requests."""
        t = requests if requests is not None else self.require_horizon("requests")
        c, n = self.capacity, self._first_catalog
        grown = self.catalog_size > n
        distance = c + c * c / n if grown else c * (1 - c / n)
        return Bound(
            distance / (2 * self.eta) + self.eta * t / 2 if c < self.catalog_size else 0.0,
            "(C + C^2/N0) / (2 eta) + eta T / 2" if grown else "C (1 - C/N) / (2 eta) + eta T / 2",
            "best static set, prefilled",
            guarantee,
            ("unit sizes, a hit is worth 1", *more),
            "Zinkevich 2003; Paschos et al. 2019; derived in policies/caching/_gradient.py",
        )
