r"""Whole items from a fractional policy: the rounding is a choice.

A fractional policy made with ``rounding=...`` keeps its fractions x as before, and holds a random set of items
that follows them; a request earns hit or miss.

================ ========== ============ ==============================================================
rounding         size       P(i held)    fetches of items that nobody asked for
================ ========== ============ ==============================================================
``madow``        exactly C  x_i          nearly the whole cache anew at each request (fresh offset)
``madow-fixed``  exactly C  x_i          many: one offset for good, but every item between two changes shifts
``pivotal``      exactly C  x_i          some: permanent random numbers on a tree, log N times the movement
``coupled``      C in mean  x_i          none where only the requested fraction grows
``poisson``      C in mean  x_i          none where only the requested fraction grows: held if x_i >= p_i, drawn
                                         once (`ogb` is this on `ogd`, in O(log N))
``hard``         at most C  at most x_i  none, ever
================ ========== ============ ==============================================================

The first five have E[z] = x at every request, so in expectation they earn what the fractions do, and the
fractional policy's bound holds in expectation for requests that do not depend on the random numbers.

**Hard.** Exact marginals need every item to leave with a chance of exactly what its fraction lost, and the
size C at all times allows it to leave only while the requested item is not held, to make room for it. Where the
joint law is {1, 2} or {3, 4} with chance 1/2 each and 1 is requested, item 2 can't leave at all.
So ``hard`` gives up the marginals, one-sidedly. Let S = {i : x_i >= p_i} be the ``poisson`` set. The cache Z is
kept within S: an item leaves when it leaves S; the requested item, if in S, enters; and if Z then holds C + 1
items, the one with the smallest x_i - p_i is *cut*. Then

* Z holds at most C items, all from S, and only a requested item ever enters;
* misses(Z) <= misses(S) + cuts. Why: an item in S that Z lacks was cut since its last request (or at the start:
  counted as cuts, too); at its next request it enters, or is cut anew. So each cut explains one such miss;
* a request cuts only at a fetch with |S| > C, and |S| is a sum of independent indicators with mean C: in the
  overfull half of the time.

Hence in expectation the regret is at most the fractional bound plus the cuts, which the run counts (``cuts`` in
``realised()``).

Cost: O(N) a request on top of the policy's own (the fractions are written out). Memory: 27 bytes an item, 59
for ``pivotal``.

References
----------
.. [1] W. G. Madow 1949; J.-C. Deville and Y. Tillé 1998 (pivotal): see :mod:`olearn.geometry.rounding`.
.. [2] T. Si Salem, G. Neglia and S. Ioannidis, TOMPECS 2023 (coupled).
.. [3] D. Carra and G. Neglia 2024 (Poisson with permanent random numbers).
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from olearn import _rng
from olearn._jit import kernel
from olearn.bounds import Bound
from olearn.errors import unknown
from olearn.geometry.rounding.coupled import coupled
from olearn.geometry.rounding.deprounding import BERNOULLI, depround
from olearn.geometry.rounding.madow import madow, madow_fresh
from olearn.geometry.rounding.pivotal import leaves, pivotal
from olearn.geometry.rounding.poisson import poisson
from olearn.policies.caching._base import extended
from olearn.policies.caching._ledger import EVICTED, FETCHED, FETCHED_OTHER, OCCUPANCY, PEAK

MADOW, MADOW_FIXED, PIVOTAL, COUPLED, POISSON, HARD = range(6)
ROUNDINGS = {
    "madow": MADOW,
    "madow-fixed": MADOW_FIXED,
    "pivotal": PIVOTAL,
    "coupled": COUPLED,
    "poisson": POISSON,
    "hard": HARD,
}


class Sample(NamedTuple):
    """A set of items that follows fractions."""

    kind: int
    rng: np.ndarray  # uint64 (4,)
    key: np.uint64  # of the permanent random numbers
    offset: float  # of the fixed comb
    x: np.ndarray  # float64 (N,): the fractions now
    was: np.ndarray  # float64 (N,): before
    held: np.ndarray  # uint8 (N,)
    chosen: np.ndarray  # uint8 (N,)
    work: np.ndarray  # float64 (N,), or (2m,) for the tree
    carrier: np.ndarray  # int64 (2m,) for the tree
    empty: np.ndarray  # float64 (0,)
    cuts: np.ndarray  # float64 (1,)


def check(rounding: str | None) -> int | None:
    """The kind of a rounding as the user wrote it."""
    if rounding is None:
        return None
    if rounding not in ROUNDINGS:
        raise unknown("rounding", str(rounding), ROUNDINGS)
    return ROUNDINGS[rounding]


def new(rounding: str | None, x: np.ndarray, capacity: int, stats: np.ndarray, seed: int) -> Sample | None:
    """The first set, drawn from the fractions `x`; `stats` gets its size."""
    kind = check(rounding)
    if kind is None:
        return None
    n, m = x.size, leaves(x.size)
    tree = 2 * m if kind == PIVOTAL else 0
    sample = Sample(
        kind,
        _rng.new_state(seed, 4),
        _rng.new_key(seed, 5),
        float(_rng.generator(seed, 6).random()),
        x.copy(),
        x.copy(),
        np.zeros(n, np.uint8),
        np.zeros(n, np.uint8),
        np.zeros(max(n, tree)),
        np.zeros(tree, np.int64),
        np.empty(0),
        np.zeros(1),
    )
    if kind == COUPLED:
        depround(sample.rng, x.copy(), sample.empty, BERNOULLI, sample.held)
    else:
        draw(sample)
        sample.held[:] = sample.chosen
    if kind == HARD:
        numbers = np.array([_rng.hash_uniform(sample.key, i) for i in np.flatnonzero(sample.held)])
        slack = x[sample.held != 0] - numbers
        sample.held[np.flatnonzero(sample.held)[np.argsort(-slack, kind="stable")[capacity:]]] = 0
        sample.cuts[0] = float(sample.chosen.sum()) - float(sample.held.sum())
    stats[OCCUPANCY] = stats[PEAK] = float(sample.held.sum())
    return sample


def grow(sample: Sample | None, catalog_size: int) -> Sample | None:
    """Items added are at 0 until the next request."""
    if sample is None:
        return None
    tree = 2 * leaves(catalog_size) if sample.kind == PIVOTAL else 0
    return sample._replace(
        x=extended(sample.x, catalog_size, 0.0),
        was=extended(sample.was, catalog_size, 0.0),
        held=extended(sample.held, catalog_size, 0),
        chosen=extended(sample.chosen, catalog_size, 0),
        work=np.zeros(max(catalog_size, tree)),
        carrier=np.zeros(tree, np.int64),
    )


@kernel
def draw(sample):
    """The set for the fractions now, in ``chosen``."""
    kind = sample.kind
    if kind == MADOW:
        madow_fresh(sample.rng, sample.x, sample.chosen)
    elif kind == MADOW_FIXED:
        madow(sample.x, sample.offset, sample.chosen)
    elif kind == PIVOTAL:
        pivotal(sample.key, sample.x, sample.work, sample.carrier, sample.chosen)
    elif kind == COUPLED:
        for i in range(sample.held.size):
            sample.chosen[i] = sample.held[i]
        coupled(sample.rng, sample.was, sample.x, sample.chosen, sample.work, sample.empty)
    else:
        poisson(sample.key, sample.x, sample.chosen)


@kernel
def follow(sample, stats, capacity, item):
    """After a request to `item`: the set for the new fractions, and what it fetched. O(N)."""
    draw(sample)
    held, chosen = sample.held, sample.chosen
    if sample.kind == HARD:
        size = 0
        for i in range(held.size):
            if i != item and held[i] == 0:
                chosen[i] = 0
            size += chosen[i]
        if size > capacity:
            least, out = 2.0, item
            for i in range(held.size):
                if chosen[i] != 0:
                    slack = sample.x[i] - _rng.hash_uniform(sample.key, i)
                    if slack < least:
                        least, out = slack, i
            chosen[out] = 0
            sample.cuts[0] += 1.0
    size = 0
    for i in range(held.size):
        sample.was[i] = sample.x[i]
        if chosen[i] != held[i]:
            if chosen[i] == 0:
                stats[EVICTED] += 1.0
            elif i == item:
                stats[FETCHED] += 1.0
            else:
                stats[FETCHED_OTHER] += 1.0
            held[i] = chosen[i]
        size += held[i]
    stats[OCCUPANCY] = size
    stats[PEAK] = max(stats[PEAK], stats[OCCUPANCY])


@kernel(inline=True)
def of(sample, x, item):
    """What a request to `item` finds: the fraction x, or whole or nothing."""
    if sample is None:
        return x
    return float(sample.held[item])


class Rounded:
    """Mixed into a fractional policy: the parameter ``rounding``."""

    rounding: str | None = None

    def _set_rounding(self: Any, rounding: str | None) -> None:
        self.rounding = rounding
        if rounding is not None:
            soft = rounding in ("coupled", "poisson")
            vars(self).update(fractional=False, randomised=True, soft_capacity=soft)
            if rounding == "hard":
                self.fetches_unasked = False
            elif rounding in ("madow", "madow-fixed", "pivotal"):
                self.fetches_unasked = True
            self.capabilities = self.capabilities | {"contents"}

    def _rounded_bound(self: Any, bound: Bound | None, realised: Any, requests: int | None) -> Bound | None:
        """The fractional policy's bound as it holds for the whole items."""
        if bound is None or self.rounding is None:
            return bound
        oblivious = "the requests do not depend on the random numbers (oblivious adversary)"
        bound = bound._replace(
            guarantee="in expectation",
            assumptions=(oblivious, *[a for a in bound.assumptions if a != oblivious]),
        )
        if self.rounding == "hard":
            more = requests if requests is not None else self.require_horizon("requests")
            if realised is not None:  # beforehand only that a request cuts once at most
                more = min(more, realised.get("cuts", more))
            bound = bound._replace(value=bound.value + more, formula=f"{bound.formula} + cuts")
        return bound
