r"""Online mirror ascent with the negative entropy where the cache is renewed after every B requests.

Rule: the cache holds a fraction x_i of every item; a request to j earns x_j. After B requests, n_i of them to
item i, :math:`y_i = x_i e^{\eta n_i}`, and x becomes the Bregman projection :math:`x_i = \min(1, m\,y_i)`, sum
x = C. The start is x = C/N. With B = 1 this is `omd`.

Items of the batch other than its last request that gain count as ``fetched_other``.

Cost: O(1) a request, and a few passes over N at the end of a batch. Memory: 32 bytes per item.

Regret: on every sequence, against the best static set, prefilled, if no item is requested more than h times
within a batch (``multiplicity``, by default B: always true),

.. math:: R_T \le \frac{C \ln(N/C)}{\eta} + \frac{e^{\eta h} - 1 - \eta h}{\eta h} T,

and with the default :math:`\eta = \sqrt{2 C \ln(N/C) / (hT)}` close to :math:`\sqrt{2 h C \ln(N/C)\, T}`. Why:
as for `omd`, a batch costs at most :math:`B(x, y)/\eta = \sum x_i (e^{\eta n_i} - 1 - \eta n_i)/\eta`, and as
this is convex in n_i and 0 at 0, at most :math:`\sum x_i n_i (e^{\eta h} - 1 - \eta h)/(\eta h)`: what the
batch earned times a constant. So T may be what the policy itself earned (:meth:`OMDBatch.realised`), and h
what the run had. (The authors' worst-case step :math:`\sqrt{2 \ln(N/C)/(h^2 T')}`, T' batches, bounds the same
by :math:`h C \sqrt{2 \ln(N/C) T'}`.)

References
----------
.. [1] T. Si Salem, G. Neglia and S. Ioannidis, "No-regret caching via online mirror descent", ICC 2021,
   ACM TOMPECS 2023 (arXiv 2101.12588): batches of R requests with multiplicity h.

Examples
--------
>>> cache = OMDBatch(capacity=1, catalog_size=4, eta=1.0, batch=2)
>>> [round(cache.request(i), 4) for i in (2, 2, 3)]
[0.25, 0.25, 0.0963]
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any, NamedTuple, Unpack

import numpy as np

from olearn._jit import kernel
from olearn.bounds import Bound, declared
from olearn.errors import ParameterError, check_positive_int, check_real
from olearn.geometry.entropic import entropic_knapsack
from olearn.policies.caching._base import CachingPolicy, Common
from olearn.policies.caching._ledger import EVICTED, FETCHED, FETCHED_OTHER, OCCUPANCY, PEAK, STATS

#: Places in ``cells``: requests of this batch; the largest multiplicity so far.
DONE, MOST = range(2)
#: Fractions are kept at least this large, so that an item can come back.
FLOOR = 1e-300


class State(NamedTuple):
    """The fractions, and the requests of this batch."""

    x: np.ndarray  # float64 (N,)
    y: np.ndarray  # float64 (N,)
    new: np.ndarray  # float64 (N,)
    asked: np.ndarray  # int64 (N,)
    pending: np.ndarray  # int32 (B,)
    cells: np.ndarray  # int64 (2,)
    earned: np.ndarray  # float64 (1,)
    sizes: np.ndarray  # float64 (0,): every item weighs 1
    capacity: float
    eta: float
    stats: np.ndarray  # float64 (STATS,)


def init(capacity: int, catalog_size: int, eta: float, batch: int) -> State:
    """The uniform fractional cache."""
    n = catalog_size
    stats = np.zeros(STATS)
    stats[OCCUPANCY] = stats[PEAK] = capacity
    return State(
        np.full(n, capacity / n),
        np.zeros(n),
        np.zeros(n),
        np.zeros(n, np.int64),
        np.zeros(batch, np.int32),
        np.zeros(2, np.int64),
        np.zeros(1),
        np.empty(0),
        float(capacity),
        eta,
        stats,
    )


@kernel(inline=True)
def step(state, item):
    cells = state.cells
    earned = state.x[item]
    state.earned[0] += earned
    state.pending[cells[DONE]] = item
    cells[DONE] += 1
    state.asked[item] += 1
    cells[MOST] = max(cells[MOST], state.asked[item])
    if cells[DONE] == state.pending.size:
        _renew(state, item)
    return earned


@kernel
def _renew(state, item):
    """The end of a batch."""
    x, y, new, asked, stats = state.x, state.y, state.new, state.asked, state.stats
    for i in range(x.size):
        y[i] = max(x[i], FLOOR) * math.exp(state.eta * asked[i])
    entropic_knapsack(y, state.sizes, state.capacity, 1.0, new)
    for i in range(x.size):
        gained = new[i] - x[i]
        if gained > 0.0:
            stats[FETCHED if i == item else FETCHED_OTHER] += gained
        else:
            stats[EVICTED] -= gained
        x[i] = new[i]
    for k in range(state.cells[DONE]):
        asked[state.pending[k]] = 0
    state.cells[DONE] = 0


@kernel(inline=True)
def share(state, item):
    return state.x[item]


class OMDBatch(CachingPolicy):
    __doc__ = __doc__

    name = "omd-batch"
    fractional = True
    fetches_unasked = True
    rule = "after B requests x_i *= e^(eta n_i), then x <- min(1, m x) with sum x = C"
    reference = "Si Salem, Neglia and Ioannidis, ICC 2021, TOMPECS 2023"
    step, share = staticmethod(step), staticmethod(share)

    def __init__(
        self,
        capacity: int,
        catalog_size: int,
        horizon: int | None = None,
        *,
        batch: int = 100,
        multiplicity: int | None = None,
        eta: float | None = None,
        seed: int = 0,
        **common: Unpack[Common],
    ) -> None:
        super().__init__(capacity, catalog_size, horizon, seed=seed, **common)
        self.batch = batch
        self.multiplicity = multiplicity
        self._eta = eta

    @property
    def _most(self) -> int:
        return self.batch if self.multiplicity is None else self.multiplicity

    @property
    def eta(self) -> float:
        """Step size, with eta B at most 600; by default sqrt(2 C ln(N/C) / (h T))."""
        if self._eta is not None:
            return check_real("eta", self._eta, 1e-12, 600.0 / self.batch)
        spread = self._first_capacity * math.log(self._first_catalog / self._first_capacity)
        found = math.sqrt(2 * (spread or 1.0) / (self._most * self.require_horizon("eta")))
        return min(found, 600.0 / self.batch)

    def validate(self) -> None:
        super().validate()
        check_positive_int("batch", self.batch)
        if self.multiplicity is not None:
            check_positive_int("multiplicity", self.multiplicity)
            if self.multiplicity > self.batch:
                raise ParameterError(
                    f"multiplicity must be at most batch, got {self.multiplicity} for a batch of {self.batch}"
                )

    def parameters(self) -> dict[str, Any]:
        return {"batch": self.batch, "multiplicity": self._most, "eta": self.eta}

    def _init(self) -> State:
        return init(self.capacity, self.catalog_size, self.eta, self.batch)

    def fractions(self) -> np.ndarray:
        return self.state.x.copy()

    def _extend(self, state: State, catalog_size: int) -> State:
        # Items added take the uniform share of the larger catalogue; the others give it up in proportion.
        added = catalog_size - self.catalog_size
        share = self.capacity / catalog_size
        return state._replace(
            x=np.concatenate([state.x * self.catalog_size / catalog_size, np.full(added, share)]),
            y=np.zeros(catalog_size),
            new=np.zeros(catalog_size),
            asked=np.pad(state.asked, (0, added)),
        )

    def realised(self) -> dict[str, float]:
        return {"earned": float(self.state.earned[0]), "multiplicity": float(self.state.cells[MOST])}

    def bound(
        self, requests: int | None = None, *, realised: Mapping[str, float] | None = None
    ) -> Bound | None:
        n, c = self.catalog_size, self.capacity
        if n > self._first_catalog:
            return None  # growing moves the point, and the divergence to the best set may grow with it
        t = requests if requests is not None else self.require_horizon("requests")
        step, most, earned = self.eta, float(self._most), float(t)
        if realised is not None and "multiplicity" in realised:
            most, earned = max(1.0, realised["multiplicity"]), min(earned, realised.get("earned", earned))
        factor = (math.expm1(step * most) - step * most) / (step * most)
        return declared(
            c * math.log(n / c) / step + factor * earned if c < n else 0.0,
            "C ln(N/C) / eta + T (e^(eta h) - 1 - eta h) / (eta h)",
            "best static set, prefilled",
            "every sequence",
            (
                f"no item is requested more than {most:g} times within a batch",
                "unit sizes, a hit is worth 1",
                "the catalogue is fixed",
            ),
            "Si Salem et al. 2023 with local norms; derived in the docstring",
        )
