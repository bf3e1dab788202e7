r"""Online gradient ascent over fractional caches, projected exactly.

Rule: the cache holds a fraction x_i of every item. A request to j earns x_j, then
:math:`y = x + \eta e_j` is projected onto {0 <= x <= 1, sum x = C}. The start is x = C/N.

The step is eta, or follows a schedule that needs no horizon (``schedule="sqrt"``, ``"adagrad"``,
``"doubling"``: :mod:`olearn.policies.caching._steps`, with their bounds).

Only the requested item ever gains, so nothing is fetched that was not asked for. The projection is
lazy and exact at any step size (:mod:`olearn.geometry.lazyprojection`).

``rounding=...`` holds whole items that follow the fractions: :mod:`olearn.policies.caching._rounding` has the
choice.

Cost: O(log N) amortised per request; O(N) with rounding. Memory: 32 bytes per item.

Regret: on every sequence, against the best static set, prefilled, at most
:math:`C(1-C/N)/(2\eta) + \eta T/2`; with the default :math:`\eta = \sqrt{C(1-C/N)/T}` that is
:math:`\sqrt{C(1-C/N)\,T}` (derived in :mod:`olearn.policies.caching._gradient`).

References
----------
.. [1] G. Paschos, A. Destounis, L. Vigneri and G. Iosifidis, "Learning to cache with no regrets",
   INFOCOM 2019 (arXiv 1904.09849): the policy.
.. [2] D. Carra and G. Neglia, "An online gradient-based caching policy with logarithmic complexity
   and regret guarantees", 2024 (arXiv 2405.01263): the lazy projection.

Examples
--------
>>> cache = OGD(capacity=1, catalog_size=4, eta=0.5)
>>> [cache.request(i) for i in (2, 2, 3)]
[0.25, 0.625, 0.0]
>>> cache.fractions().round(3).tolist()
[0.0, 0.0, 0.75, 0.25]
>>> OGD(capacity=100, catalog_size=1000, horizon=10_000).bound().value.__round__(1)
948.7
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple, Unpack

import numpy as np

from olearn._jit import kernel
from olearn.bounds import Bound
from olearn.geometry import lazyprojection
from olearn.geometry.lazyprojection import MOVES, Projection
from olearn.policies.caching import _rounding, _steps
from olearn.policies.caching._base import EVICTED, FETCHED, OCCUPANCY, PEAK, STATS, Common
from olearn.policies.caching._gradient import GradientPolicy
from olearn.policies.caching._rounding import Rounded, Sample
from olearn.policies.caching._steps import Steps


class State(NamedTuple):
    """The point x, and the mass fetched and evicted."""

    x: Projection
    steps: Steps
    mass: np.ndarray  # float64 (STATS,): what the fractions moved; the same as stats without rounding
    sample: Sample | None
    places: int
    stats: np.ndarray  # float64 (STATS,)


def init(capacity: int, catalog_size: int, steps: Steps, rounding: str | None, seed: int) -> State:
    """The uniform fractional cache."""
    stats = np.zeros(STATS)
    stats[OCCUPANCY] = stats[PEAK] = capacity
    sample = _rounding.new(rounding, np.full(catalog_size, capacity / catalog_size), capacity, stats, seed)
    mass = stats if sample is None else np.zeros(STATS)
    return State(lazyprojection.new(capacity, catalog_size), steps, mass, sample, capacity, stats)


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
        sample.x[i] = lazyprojection.fraction(state.x, i)
    _rounding.follow(sample, state.stats, state.places, item)
    return hit


@kernel(inline=True)
def _ascend(state, item):
    x = lazyprojection.fraction(state.x, item)
    eta = _steps.current(state.steps, state.x.cells[MOVES])
    gained = lazyprojection.ascend(state.x, item, eta) - x
    _steps.taken(state.steps, eta, gained)
    state.mass[FETCHED] += gained
    state.mass[EVICTED] += gained
    return x


@kernel
def share(state, item):
    return _rounding.of(state.sample, lazyprojection.fraction(state.x, item), item)


class OGD(Rounded, GradientPolicy):
    __doc__ = __doc__

    name = "ogd"
    fractional = True
    rule = "x <- projection of x + eta e_item onto {0 <= x <= 1, sum x = C}; exact, lazy"
    reference = "Paschos et al., INFOCOM 2019; Carra and Neglia 2024"
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
        super().__init__(capacity, catalog_size, horizon, eta=eta, schedule=schedule, seed=seed, **common)
        self._set_rounding(rounding)

    def validate(self) -> None:
        super().validate()
        _rounding.check(self.rounding)

    def parameters(self) -> dict[str, Any]:
        return super().parameters() | ({} if self.rounding is None else {"rounding": self.rounding})

    def _init(self) -> State:
        return init(self.capacity, self.catalog_size, self._steps(), self.rounding, self.seed)

    def fractions(self) -> np.ndarray:
        if self.state.sample is not None:
            return self.state.sample.held.astype(np.float64)
        return np.clip(self.state.x.value - self.state.x.rho[0], 0.0, 1.0)

    def needed(self) -> np.ndarray:
        """An item whose fraction is 0 is as if never requested."""
        known = self.state.x.value != lazyprojection.ABSENT
        return known if self.state.sample is None else known | (self.state.sample.held != 0)

    def _extend(self, state: State, catalog_size: int) -> State:
        sample = _rounding.grow(state.sample, catalog_size)
        return state._replace(x=lazyprojection.grow(state.x, catalog_size), sample=sample)

    def bound(
        self, requests: int | None = None, *, realised: Mapping[str, float] | None = None
    ) -> Bound | None:
        bound = self.gradient_bound(requests, realised, "every sequence", ())
        return self._rounded_bound(bound, realised, requests)

    def realised(self) -> dict[str, float]:
        cut = {} if self.state.sample is None else {"cuts": float(self.state.sample.cuts[0])}
        return super().realised() | cut
