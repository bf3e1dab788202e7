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
distance is at most :math:`C + C^2/N_0`. Steps that vary: :mod:`olearn.policies.caching._steps`.

**Batches** (`ogb`). Let the cache that serves be renewed every B requests only, while x follows each request.
A request then earns :math:`x_{s,j}` of the batch's start s, in expectation, not :math:`x_{t,j}`. A projected
step moves x by at most eta, so :math:`x_{t,j} - x_{s,j} \le \|x_t - x_s\| \le (t-s) \eta`; over a batch that
is :math:`\eta B(B-1)/2`, over T requests :math:`\eta T (B-1)/2`. So the regret is at most
:math:`C(1-C/N)/(2\eta) + \eta T B/2`, which :math:`\eta = \sqrt{C(1-C/N)/(TB)}` makes
:math:`\sqrt{C(1-C/N)\,T B}`; with steps that vary, (B-1) times their sum is added.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any, Unpack

from olearn.bounds import Bound, declared
from olearn.errors import check_real, unknown
from olearn.geometry.lazyprojection import GAINED, MOVES, SQUARES
from olearn.policies.caching import _steps as steps
from olearn.policies.caching._base import CachingPolicy, Common
from olearn.policies.caching._steps import FIXED, SCHEDULES, Steps


class GradientPolicy(CachingPolicy):
    """A caching policy that follows online gradient ascent.

    Parameters
    ----------
    eta : float, optional
        The step; with another schedule than "fixed" its numerator (:mod:`~olearn.policies.caching._steps`).
    schedule : {"fixed", "sqrt", "adagrad", "doubling"}
        Only "fixed" needs a horizon, or `eta`.
    """

    _batch = 1

    def __init__(
        self,
        capacity: int,
        catalog_size: int,
        horizon: int | None = None,
        *,
        eta: float | None = None,
        schedule: str = "fixed",
        seed: int = 0,
        **common: Unpack[Common],
    ) -> None:
        super().__init__(capacity, catalog_size, horizon, seed=seed, **common)
        self._eta = eta
        self.schedule = schedule

    @property
    def _kind(self) -> int:
        if self.schedule not in SCHEDULES:
            raise unknown("schedule", str(self.schedule), SCHEDULES)
        return SCHEDULES[self.schedule]

    @property
    def _radius(self) -> int:
        """Half the largest squared distance of two points of the set."""
        return min(self.capacity, self.catalog_size - self.capacity)

    @property
    def eta(self) -> float:
        """Step size, or the numerator of the schedule; by default what minimises the bound."""
        if self._eta is not None:
            return check_real("eta", self._eta, 0.0, open_low=True)
        if self._kind != FIXED:
            first = min(self.capacity, self._first_catalog - self.capacity)
            return math.sqrt((first or 1) / self._batch)
        horizon = self.require_horizon('eta, or a schedule such as "adagrad"')
        spread = self.capacity * (1 - self.capacity / self._first_catalog)
        return math.sqrt((spread or 1.0) / (horizon * self._batch))

    def validate(self) -> None:
        super().validate()
        self._kind  # noqa: B018 (refuses an unknown schedule)

    def _steps(self) -> Steps:
        return steps.new(self._kind, self.eta)

    def parameters(self) -> dict[str, Any]:
        return {"eta": self.eta} | ({} if self._kind == FIXED else {"schedule": self.schedule})

    def realised(self) -> dict[str, float]:
        x, clock = self.state.x, self.state.steps.clock
        found = {
            "moves": float(x.cells[MOVES]),
            "gained": float(x.rho[GAINED]),
            "squares": float(x.rho[SQUARES]),
        }
        if self._kind != FIXED:
            found |= {"own": float(clock[steps.OWN]), "steps": float(clock[steps.TOTAL])}
            found |= {"first_step": float(clock[steps.FIRST]), "last_step": float(clock[steps.LAST])}
        return found

    def gradient_bound(
        self,
        requests: int | None,
        realised: Mapping[str, float] | None,
        guarantee: str,
        more: tuple[str, ...],
    ) -> Bound | None:
        """The bound of this module after `requests` requests."""
        t = requests if requests is not None else self.require_horizon("requests")
        if self.capacity == self.catalog_size:
            value, formula = 0.0, "0: everything is held"
        elif self._kind == FIXED:
            value, formula = self._fixed(t, realised or {})
        else:
            value, formula = self._scheduled(t, realised or {})
        return declared(
            value,
            formula,
            "best static set, prefilled",
            guarantee,
            ("unit sizes, a hit is worth 1", *more),
            "Zinkevich 2003; Paschos et al. 2019; derived in policies/caching/_gradient.py",
        )

    def _fixed(self, t: int, realised: Mapping[str, float]) -> tuple[float, str]:
        c, n, eta, b = self.capacity, self._first_catalog, self.eta, self._batch
        grown = self.catalog_size > n
        distance = c + c * c / n if grown else c * (1 - c / n)
        start = "(C + C^2/N0) / (2 eta)" if grown else "C (1 - C/N) / (2 eta)"
        moved, formula = eta * t / 2, start + " + eta T / 2"
        drift = eta * t * (b - 1) / 2
        if b > 1:
            formula = start + " + eta T B / 2"
        if "moves" in realised:
            drift = min(drift, eta * realised["moves"] * (b - 1))
            if eta * realised["moves"] / 2 < moved:
                moved, formula = eta * realised["moves"] / 2, start + " + eta A / 2, A requests below 1"
        if "gained" in realised:
            own = max(realised["gained"] - realised["squares"] / (2 * eta), 0.0)
            if own < moved:
                moved, formula = own, start + " + sum of g - g^2 / (2 eta), g gained at a request"
        return distance / (2 * eta) + moved + drift, formula

    def _scheduled(self, t: int, realised: Mapping[str, float]) -> tuple[float, str]:
        c, n, a, b = self.capacity, self._first_catalog, self.eta, self._batch
        whole = 2 * self._radius  # of the catalogue now: the points so far lie in its set too
        near = whole if self.catalog_size > n else c * (1 - c / n)
        last, total = steps.promised(self._kind, a, t)
        first, own, formula = a, total / 2, f"D / (2 eta_T) + sum of eta_t / 2, schedule {self.schedule}"
        if realised.get("first_step", 0.0) > 0.0:
            first, last, total = realised["first_step"], realised["last_step"], realised["steps"]
            own = min(realised["own"], total / 2)
            formula = "D / (2 eta_A) + sum of g - g^2 / (2 eta), g gained at a request"
        start = near / (2 * first) + whole / 2 * max(0.0, 1 / last - 1 / first)
        return start + own + (b - 1) * total, formula
