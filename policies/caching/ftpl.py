r"""Follow the perturbed leader with Gaussian noise drawn once.

Rule: keep the C items with the largest perturbed counts :math:`n_i(t) + \eta \gamma_i`, with
:math:`\gamma \sim N(0, I_N)` drawn once, when the policy is made. A request raises only the score
of its own item, so only the requested item can enter: no prefetching after the initial fill, which
holds the C items with the largest noise.

Cost: O(log C) amortised per request, O(1) on a hit; `remove` O(C). Memory: 9 bytes per item, 12 per cached
item. Counts are perfect: no item ever requested is forgotten.

A host that takes items out (`remove`, `evict`) adds at most one each to the bound: where there is room the next
item requested enters, and the item that left still has its score, so it is back after one miss. `resize` ends
the bound: the noise was tuned for another capacity.

Regret: against an oblivious adversary (the requests do not depend on the noise) and the best static
set, prefilled, after T requests, with m = min(C, N-C),

.. math:: E[R_T] \le \eta \sqrt{2 m \ln \tbinom{N}{C}} + T \operatorname{erf}\frac{1}{2\sqrt{2}\,\eta}
                 \le \eta C \sqrt{2 \ln (N e/C)} + \frac{T}{\eta \sqrt{2\pi}},

which :math:`\eta = (4\pi \ln (Ne/C))^{-1/4} \sqrt{T/C}` makes at most
:math:`2 \pi^{-1/4} (\ln (Ne/C))^{1/4} \sqrt{CT} \approx 1.5023 (\ln (Ne/C))^{1/4} \sqrt{CT}`. Why:

* By the "be the leader" lemma, for the set z_t held at request t, g_t its request and any set z*,
  :math:`R_T \le \eta \langle \gamma, z_1 - z^* \rangle + \sum_t \langle g_t, z_{t+1} - z_t \rangle`, and each
  term of the sum is 1 where the requested item enters, else 0.
* z* does not depend on the noise, so :math:`E \langle \gamma, z^* \rangle = 0`. The largest sum of C among N
  Gaussians: :math:`\lambda E \max_z \langle \gamma, z \rangle \le \ln \sum_z E e^{\lambda \langle \gamma, z
  \rangle} = \ln \binom{N}{C} + \lambda^2 C / 2`, best at :math:`\sqrt{2 C \ln \binom{N}{C}}`; and the sum of C
  is the total, of mean 0, minus the sum of the other N - C, hence m. With
  :math:`\binom{N}{C} \le (Ne/C)^C` (and :math:`\le N^C`) follows the second line.
* An item enters only if its noise, given all the others, lies in one interval of length :math:`1/\eta`:
  a chance of at most :math:`\Phi(\tfrac{1}{2\eta}) - \Phi(-\tfrac{1}{2\eta})`.

After a run more is known: the noise, and how many items entered (fetches). The first point alone gives, for
this very run, on every sequence and against adaptive requests too,

.. math:: R_T \le \eta \big( \max_z \langle \gamma, z \rangle - \min_z \langle \gamma, z \rangle \big)
          + \text{fetches},

which :meth:`FTPL.realised` makes the bound of the run where it is smaller.

References
----------
.. [1] R. Bhattacharjee, S. Banerjee and A. Sinha, "Fundamental limits on the regret of online
   network-caching", SIGMETRICS 2020 (arXiv 2003.14085).

Examples
--------
>>> cache = FTPL(capacity=2, catalog_size=6, horizon=100, seed=3)
>>> round(cache.eta, 3), len(cache)
(3.12, 2)
>>> round(cache.bound().value, 1)
23.0
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any, NamedTuple, Unpack

import numpy as np

from olearn import _rng
from olearn._jit import kernel
from olearn.bounds import Bound, declared
from olearn.errors import check_real
from olearn.geometry import lazyheap
from olearn.policies.caching._base import CachingPolicy, Common, resized
from olearn.policies.caching._ledger import FETCHED, OCCUPANCY, entered, full, left, new_stats


class State(NamedTuple):
    """Perturbed counts of all items, and a lazy heap of those held."""

    score: np.ndarray  # float64 (N,)
    held: np.ndarray  # uint8 (N,)
    keys: np.ndarray  # float64 (C,)
    items: np.ndarray  # int32 (C,)
    spread: float  # the largest sum of C noises less the smallest, in requests
    capacity: int
    size: None
    stats: np.ndarray  # float64 (STATS,)


def init(capacity: int, catalog_size: int, eta: float, seed: int) -> State:
    """The C items with the largest noise."""
    score = eta * _rng.generator(seed).standard_normal(catalog_size)
    items = np.argpartition(score, catalog_size - capacity)[catalog_size - capacity :]
    items = items[np.argsort(score[items], kind="stable")].astype(np.int32)  # a sorted array is a heap
    least = np.partition(score, capacity - 1)[:capacity]
    spread = float(score[items].sum() - least.sum())
    held = np.zeros(catalog_size, np.uint8)
    held[items] = 1
    return State(score, held, score[items], items, spread, capacity, None, new_stats(capacity))


@kernel(inline=True)
def step(state, item, log):
    score = state.score
    score[item] += 1.0
    if state.held[item] != 0:
        return True
    # The top's key may be stale, that is too low: look closer. There is room only if the host made some.
    if score[item] > state.keys[0] or not full(state, item):
        _challenge(state, item, log)
    return False


@kernel
def _challenge(state, item, log):
    """Enter if there is room, or in place of the lowest true score if the requested item's is higher."""
    score, held, keys, items = state.score, state.held, state.keys, state.items
    size = np.int64(state.stats[OCCUPANCY])
    if not full(state, item):
        lazyheap.push(keys, items, size, score[item], item)
        held[item] = 1
        entered(state, item, log)
        return
    victim = lazyheap.refresh_top(keys, items, size, score)
    if score[item] > keys[0]:
        held[victim] = 0
        left(state, victim, log)
        entered(state, item, log)
        held[item] = 1
        lazyheap.replace_top(keys, items, size, score[item], item)


@kernel
def peek(state):
    return lazyheap.refresh_top(state.keys, state.items, np.int64(state.stats[OCCUPANCY]), state.score)


@kernel
def remove(state, item, log):
    lazyheap.discard(state.keys, state.items, np.int64(state.stats[OCCUPANCY]), item)
    state.held[item] = 0
    left(state, item, log)


@kernel(inline=True)
def share(state, item):
    return float(state.held[item])


class FTPL(CachingPolicy):
    __doc__ = __doc__

    name = "ftpl"
    touches = {"score": 1, "held": 1}
    randomised = True
    rule = "keep the C largest of count_i + eta * gamma_i, gamma Gaussian, drawn once"
    reference = "Bhattacharjee, Banerjee and Sinha, SIGMETRICS 2020"
    step, share = staticmethod(step), staticmethod(share)
    _peek, _remove = staticmethod(peek), staticmethod(remove)

    def __init__(
        self,
        capacity: int,
        catalog_size: int,
        horizon: int | None = None,
        *,
        eta: float | None = None,
        seed: int = 0,
        **common: Unpack[Common],
    ) -> None:
        super().__init__(capacity, catalog_size, horizon, seed=seed, **common)
        self._eta = eta

    @property
    def eta(self) -> float:
        """Scale of the noise, in requests; by default (4 pi ln(N e/C))^(-1/4) sqrt(T/C)."""
        if self._eta is not None:
            return check_real("eta", self._eta, 0.0)
        horizon = self.require_horizon("eta")
        leaders = math.log(self._first_catalog * math.e / self._first_capacity)
        return (4 * math.pi * leaders) ** -0.25 * math.sqrt(horizon / self._first_capacity)

    def _init(self) -> State:
        return init(self.capacity, self.catalog_size, self.eta, self.seed)

    def fractions(self) -> np.ndarray:
        return self.state.held.astype(np.float64)

    def _extend(self, state: State, catalog_size: int) -> State:
        # Fresh noise for the items added, from a stream of their own; those above the smallest score
        # held enter at their first request, as every item does.
        fresh = _rng.generator(self.seed, catalog_size).standard_normal(catalog_size - self.catalog_size)
        held = np.zeros(catalog_size, np.uint8)
        held[: self.catalog_size] = state.held
        return state._replace(score=np.concatenate([state.score, self.eta * fresh]), held=held)

    def _resize(self, state: State, capacity: int) -> State:
        keys, items = resized(state.keys, capacity), resized(state.items, capacity)
        return state._replace(keys=keys, items=items, capacity=capacity)

    def realised(self) -> dict[str, float]:
        if self._taken:
            return {}  # fetches into places that the host made are not the leader's
        return {"fetched": float(self.state.stats[FETCHED]), "noise": self.state.spread}

    def bound(
        self, requests: int | None = None, *, realised: Mapping[str, float] | None = None
    ) -> Bound | None:
        n, c = self.catalog_size, self.capacity
        if n > self._first_catalog:
            return None  # an item added late enters at its first request only, whatever its noise
        t = requests if requests is not None else self.require_horizon("requests")
        unit = ("unit sizes, a hit is worth 1", "the catalogue is fixed")
        if realised is not None and "noise" in realised and "fetched" in realised:
            own = realised["noise"] + realised["fetched"]
        else:
            own = math.inf
        sets = math.lgamma(n + 1) - math.lgamma(c + 1) - math.lgamma(n - c + 1)
        start = self.eta * math.sqrt(max(0.0, 2 * min(c, n - c) * sets))
        reach = 1 / self.eta if self.eta > 0 else math.inf  # without noise nothing is promised
        ahead = t * math.erf(reach / math.sqrt(8)) if reach < math.inf else math.inf
        value = start + ahead if c < n else 0.0
        if own < value:
            bound = declared(
                own,
                "eta (largest - smallest sum of C noises) + fetches",
                "best static set, prefilled",
                "every sequence",
                unit,
                "the lemma of " + self.reference + "; derived in the docstring",
            )
            return self._interfered(bound)
        bound = declared(
            value,
            "eta sqrt(2 min(C, N-C) ln binom(N, C)) + T erf(1 / (2 sqrt(2) eta))",
            "best static set, prefilled",
            "in expectation",
            ("the requests do not depend on the noise (oblivious adversary)", *unit),
            self.reference + "; derived in the docstring",
        )
        return self._interfered(bound)

    def parameters(self) -> dict[str, Any]:
        return {"eta": self.eta}
