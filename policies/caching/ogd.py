r"""Online gradient ascent over fractional caches, projected exactly.

Rule: the cache holds a fraction x_i of every item. A request to j earns x_j, then
:math:`y = x + \eta e_j` is projected onto {0 <= x <= 1, sum x = C}. The start is x = C/N.

The step is eta, or follows a schedule that needs no horizon (``schedule="sqrt"``, ``"adagrad"``,
``"doubling"``: :mod:`olearn.policies.caching._steps`, with their bounds).

Only the requested item ever gains, so nothing is fetched that was not asked for. The projection is
lazy and exact at any step size (:mod:`olearn.geometry.lazyprojection`).

Cost: O(log N) amortised per request. Memory: 32 bytes per item.

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
from typing import NamedTuple

import numpy as np

from olearn._jit import kernel
from olearn.bounds import Bound
from olearn.geometry import lazyprojection
from olearn.geometry.lazyprojection import MOVES, Projection
from olearn.policies.caching import _steps
from olearn.policies.caching._base import EVICTED, FETCHED, OCCUPANCY, PEAK, STATS
from olearn.policies.caching._gradient import GradientPolicy
from olearn.policies.caching._steps import Steps


class State(NamedTuple):
    """The point x, and the mass fetched and evicted."""

    x: Projection
    steps: Steps
    stats: np.ndarray  # float64 (5,)


def init(capacity: int, catalog_size: int, steps: Steps) -> State:
    """The uniform fractional cache."""
    stats = np.zeros(STATS)
    stats[OCCUPANCY] = stats[PEAK] = capacity
    return State(lazyprojection.new(capacity, catalog_size), steps, stats)


@kernel(inline=True)
def step(state, item):
    x = lazyprojection.fraction(state.x, item)
    eta = _steps.current(state.steps, state.x.cells[MOVES])
    gained = lazyprojection.ascend(state.x, item, eta) - x
    _steps.taken(state.steps, eta, gained)
    state.stats[FETCHED] += gained
    state.stats[EVICTED] += gained
    return x


@kernel
def share(state, item):
    return lazyprojection.fraction(state.x, item)


class OGD(GradientPolicy):
    __doc__ = __doc__

    name = "ogd"
    fractional = True
    rule = "x <- projection of x + eta e_item onto {0 <= x <= 1, sum x = C}; exact, lazy"
    reference = "Paschos et al., INFOCOM 2019; Carra and Neglia 2024"
    step, share = staticmethod(step), staticmethod(share)

    def _init(self) -> State:
        return init(self.capacity, self.catalog_size, self._steps())

    def fractions(self) -> np.ndarray:
        return np.clip(self.state.x.value - self.state.x.rho[0], 0.0, 1.0)

    def needed(self) -> np.ndarray:
        """An item whose fraction is 0 is as if never requested."""
        return self.state.x.value != lazyprojection.ABSENT

    def _extend(self, state: State, catalog_size: int) -> State:
        return state._replace(x=lazyprojection.grow(state.x, catalog_size))

    def bound(
        self, requests: int | None = None, *, realised: Mapping[str, float] | None = None
    ) -> Bound | None:
        return self.gradient_bound(requests, realised, "every sequence", ())
