r"""Dual averaging (FTRL with a quadratic regulariser, linearised): the cache is a function of the counts.

Rule: with n_i the requests of item i so far,

.. math:: x = \arg\max_{0 \le x \le 1,\ \sum x = C} \langle n, x \rangle - \|x - C/N\|^2 / (2\eta)
            = \operatorname{clip}(\eta (n_i - \theta), 0, 1) .

A request to j earns x_j. Where `ogd` forgets what it clipped, dual averaging keeps all counts: it moves less
on stationary requests and gives way later when popularity changes. Exact, from the histogram of counts
(:mod:`olearn.geometry.counthistogram`).

``schedule="sqrt"`` needs no horizon: :math:`\eta_t = a / \sqrt{t_k}`, renewed at times t_k that grow by a 64th
(every request at first). A smaller eta gives back to items that were not asked for: that mass is counted
as ``fetched_other``. With a fixed eta only the requested item gains.

``rounding=...`` holds whole items that follow the fractions: :mod:`olearn.policies.caching._rounding`.

Cost: O(1) amortised per request; O(N) with rounding. Memory: 4 bytes per item, plus 1 MB.

Regret: on every sequence, against the best static set, prefilled, with :math:`D = C(1 - C/N)`,

.. math:: R_T \le \frac{D}{2\eta_T} + \sum_t \Big(g_t - \frac{g_t^2}{2\eta_t}\Big)
              \le \frac{D}{2\eta_T} + \frac12 \sum_t \eta_t,

where g_t is what the requested item gained at a request, before eta changed. With the default eta =
sqrt(D/T) that is :math:`\sqrt{D T}`; with ``sqrt`` and its default :math:`a = \sqrt{D/2}` it is
:math:`\sqrt{2 D T}`, up to 1 % for the steps of the schedule. Why: let
:math:`\Phi_t(G) = \max_X \langle G, x \rangle - \psi_t(x)` with
:math:`\psi_t = \|x - x_1\|^2/(2\eta_t)`, G the counts before request t, g its gradient, x_t the
maximiser for G and x' the one for G + g with the same eta. Since the maximum at x_t is strongly concave,

.. math:: \Phi_t(G + g) = \langle g, x' \rangle + \langle G, x' \rangle - \psi_t(x')
          \le \langle g, x' \rangle + \Phi_t(G) - \|x' - x_t\|^2 / (2 \eta_t),

so :math:`\langle g, x_t \rangle \ge \Phi_t(G+g) - \Phi_t(G) - (g_t - g_t^2/(2\eta_t))`. Steps do not grow, so
:math:`\Phi_t(G+g) \ge \Phi_{t+1}(G+g)` and the sum telescopes to :math:`\Phi_T(n) \ge \langle n, x^* \rangle -
D/(2\eta_T)`, every vertex being at squared distance D from x_1.

References
----------
.. [1] Y. Nesterov, "Primal-dual subgradient methods for convex problems", Mathematical Programming 120, 2009.
.. [2] L. Xiao, "Dual averaging methods for regularized stochastic learning and online optimization",
   JMLR 11, 2010.

Examples
--------
>>> cache = DualAveraging(capacity=1, catalog_size=4, eta=0.5)
>>> [cache.request(i) for i in (2, 2, 3)]
[0.25, 0.625, 0.0]
>>> cache.fractions().round(3).tolist()
[0.0, 0.0, 0.75, 0.25]
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any, NamedTuple, Unpack

import numpy as np

from olearn._jit import kernel
from olearn.bounds import Bound, declared
from olearn.errors import check_real, unknown
from olearn.geometry import counthistogram
from olearn.geometry.counthistogram import ETA, Histogram
from olearn.policies.caching import _rounding
from olearn.policies.caching._base import (
    EVICTED,
    FETCHED,
    FETCHED_OTHER,
    OCCUPANCY,
    PEAK,
    STATS,
    CachingPolicy,
    Common,
)
from olearn.policies.caching._rounding import Rounded, Sample

SCHEDULES = ("fixed", "sqrt")
#: Places in ``clock``: requests; the request at which eta is renewed; the sum of g - g^2 / (2 eta).
REQUESTS, RENEWAL, OWN = range(3)


class State(NamedTuple):
    """The counts and their histogram; the schedule."""

    x: Histogram
    numerator: float  # 0 with a fixed eta
    clock: np.ndarray  # float64 (3,)
    mass: np.ndarray  # float64 (STATS,): what the fractions moved; the same as stats without rounding
    sample: Sample | None
    places: int
    stats: np.ndarray  # float64 (STATS,)


def init(
    capacity: int, catalog_size: int, eta: float, numerator: float, rounding: str | None, seed: int
) -> State:
    """The uniform fractional cache."""
    stats = np.zeros(STATS)
    stats[OCCUPANCY] = stats[PEAK] = capacity
    clock = np.zeros(3)
    clock[RENEWAL] = 1.0
    sample = _rounding.new(rounding, np.full(catalog_size, capacity / catalog_size), capacity, stats, seed)
    mass = stats if sample is None else np.zeros(STATS)
    x = counthistogram.new(capacity, catalog_size, eta)
    return State(x, numerator, clock, mass, sample, capacity, stats)


@kernel(inline=True)
def step(state, item):
    return _step(state, state.sample, item)


@kernel(inline=True)
def _step(state, sample, item):
    if sample is None:
        return _ascend(state, item)
    hit = _rounding.of(sample, 0.0, item)
    _ascend(state, item)
    for i in range(sample.x.size):
        sample.x[i] = counthistogram.fraction(state.x, i)
    _rounding.follow(sample, state.stats, state.places, item)
    return hit


@kernel(inline=True)
def _ascend(state, item):
    clock, mass = state.clock, state.mass
    x = counthistogram.fraction(state.x, item)
    gained = counthistogram.ascend(state.x, item)
    mass[FETCHED] += gained
    mass[EVICTED] += gained
    clock[OWN] += gained * (1.0 - 0.5 * gained / state.x.numbers[ETA])
    clock[REQUESTS] += 1.0
    if state.numerator > 0.0 and clock[REQUESTS] >= clock[RENEWAL]:
        _renew(state)
    return x


@kernel
def _renew(state):
    """The step of the next requests."""
    clock = state.clock
    t = clock[REQUESTS] + 1.0
    clock[RENEWAL] = clock[REQUESTS] + max(1.0, math.floor(t / 64.0))
    moved = counthistogram.slow_down(state.x, state.numerator / math.sqrt(t))
    state.mass[FETCHED_OTHER] += moved
    state.mass[EVICTED] += moved


@kernel
def share(state, item):
    return _rounding.of(state.sample, counthistogram.fraction(state.x, item), item)


class DualAveraging(Rounded, CachingPolicy):
    __doc__ = __doc__

    name = "dual-averaging"
    fractional = True
    rule = "x = clip(eta (count - theta), 0, 1) with sum x = C; exact, O(1)"
    reference = "Nesterov 2009; Xiao 2010"
    step, share = staticmethod(step), staticmethod(share)

    def __init__(
        self,
        capacity: int,
        catalog_size: int,
        horizon: int | None = None,
        *,
        eta: float | None = None,
        schedule: str = "fixed",
        rounding: str | None = None,
        seed: int = 0,
        **common: Unpack[Common],
    ) -> None:
        super().__init__(capacity, catalog_size, horizon, seed=seed, **common)
        self._eta = eta
        self.schedule = schedule
        self.fetches_unasked = schedule != "fixed"
        self._set_rounding(rounding)

    @property
    def _spread(self) -> float:
        """D, the squared distance of every vertex from the start."""
        return self.capacity * (1 - self.capacity / self._first_catalog)

    @property
    def eta(self) -> float:
        """Step size at least 1e-15, or the numerator of the schedule; by default what minimises the bound."""
        if self._eta is not None:
            return check_real("eta", self._eta, 1e-15)
        if self.schedule == "sqrt":
            return math.sqrt((self._spread or 1.0) / 2)
        return math.sqrt((self._spread or 1.0) / self.require_horizon('eta, or schedule="sqrt"'))

    def validate(self) -> None:
        super().validate()
        _rounding.check(self.rounding)
        if self.schedule not in SCHEDULES:
            raise unknown("schedule", str(self.schedule), SCHEDULES)

    def parameters(self) -> dict[str, Any]:
        own = {} if self.schedule == "fixed" else {"schedule": self.schedule}
        return {"eta": self.eta} | own | ({} if self.rounding is None else {"rounding": self.rounding})

    def _init(self) -> State:
        numerator = 0.0 if self.schedule == "fixed" else self.eta
        return init(self.capacity, self.catalog_size, self.eta, numerator, self.rounding, self.seed)

    def fractions(self) -> np.ndarray:
        if self.state.sample is not None:
            return self.state.sample.held.astype(np.float64)
        x = self.state.x
        theta = x.marks[counthistogram.LO] + x.numbers[counthistogram.LOW]
        return np.clip(x.numbers[ETA] * (x.counts - theta), 0.0, 1.0)

    def _extend(self, state: State, catalog_size: int) -> State:
        sample = _rounding.grow(state.sample, catalog_size)
        return state._replace(x=counthistogram.grow(state.x, catalog_size), sample=sample)

    def realised(self) -> dict[str, float]:
        cut = {} if self.state.sample is None else {"cuts": float(self.state.sample.cuts[0])}
        return cut | {"own": float(self.state.clock[OWN]), "step": float(self.state.x.numbers[ETA])}

    def bound(
        self, requests: int | None = None, *, realised: Mapping[str, float] | None = None
    ) -> Bound | None:
        if self.catalog_size > self._first_catalog:
            return None  # the points so far were not the maximisers over the larger set
        t = requests if requests is not None else self.require_horizon("requests")
        if self.schedule == "fixed":
            last, total = self.eta, self.eta * t
            formula = "C (1 - C/N) / (2 eta) + eta T / 2"
        else:
            last = self.eta / math.sqrt(t)
            total = self.eta * math.sqrt(65 / 64) * 2 * math.sqrt(t)
            formula = "C (1 - C/N) / (2 eta_T) + sum of eta_t / 2"
        own = total / 2
        if realised is not None and realised.get("own", math.inf) < own:
            own = realised["own"]
            formula = "C (1 - C/N) / (2 eta_T) + sum of g - g^2 / (2 eta), g gained at a request"
        bound = declared(
            self._spread / (2 * last) + own if self.capacity < self.catalog_size else 0.0,
            formula,
            "best static set, prefilled",
            "every sequence",
            ("unit sizes, a hit is worth 1", "the catalogue is fixed"),
            "Nesterov 2009; Xiao 2010; derived in the docstring",
        )
        return self._rounded_bound(bound, realised, requests)
