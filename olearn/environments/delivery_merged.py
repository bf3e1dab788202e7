"""A whole demand as a few weighted entries: what offline methods of inference delivery work on.

The gain of a request type in a slot depends on its number of requests alone (and, where bounded models
are shared in proportion, on the slot's other requests). So slots in which a type is asked for equally
often are one entry with a weight: 300 Poisson slots of 80 types are a few thousand entries. With
shared bounded models nothing can be merged and every slot of a type is an entry.

Options that are never needed, because the repositories serve everything at a lower cost, are left out.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np

from olearn._jit import kernel
from olearn.environments.delivery import Delivery


class Entries(NamedTuple):
    """Entries j of request types, with the options that can matter.

    The total gain of fractions y is the sum of ``weight_j`` times what greedy serving of ``requests_j``
    saves against ``base_j``: option o takes at most ``takes_o * y[place_o]`` at ``cost_o`` ms each.
    """

    weight: np.ndarray  # float64 (J,): slots in which the entry occurs
    requests: np.ndarray  # float64 (J,)
    base: np.ndarray  # float64 (J,): ms when the repositories alone serve
    start: np.ndarray  # int64 (J+1,)
    place: np.ndarray  # int64 (O,): -1 where the option is pinned
    cost: np.ndarray  # float64 (O,), increasing within an entry
    takes: np.ndarray  # float64 (O,): requests that the option can take


def merge(network: Delivery, demand: np.ndarray) -> Entries:
    """The entries of a checked demand (float64, shape (T, R))."""
    o = network.options
    shared = bool(o.shared)
    weight, requests, base = [], [], []
    lengths, place, cost, takes = [0], [], [], []
    load: np.ndarray | None = None
    if shared:
        load = np.zeros((demand.shape[0], network.places))
        for r in range(demand.shape[1]):
            inside = o.place[o.start[r] : o.start[r + 1]]
            load[:, inside] += demand[:, r, None]
    for r in range(demand.shape[1]):
        a, b = o.start[r], o.start[r + 1]
        if shared:
            slots = np.flatnonzero(demand[:, r] > 0.0)
            values: np.ndarray = demand[slots, r]
            counts: np.ndarray = np.ones(slots.size)
        else:
            values, counts = np.unique(demand[:, r], return_counts=True)
            counts = counts[values > 0.0].astype(np.float64)
            values = values[values > 0.0]
        limits = np.broadcast_to(o.limit[a:b], (values.size, b - a))
        if load is not None:
            with np.errstate(invalid="ignore"):
                split = limits * (values[:, None] / load[np.ix_(slots, o.place[a:b])])
            limits = np.where(np.isfinite(limits), split, math.inf)
        can = np.minimum(limits, values[:, None])
        pinned = o.pinned[a:b] == 1
        reach = np.cumsum(np.where(pinned, can, 0.0), axis=1)
        for j, value in enumerate(values):
            # the last option that serving from the repositories alone would touch
            last = int(np.searchsorted(reach[j], value * (1 - 1e-12)))
            served = np.diff(np.minimum(reach[j], value), prepend=0.0)
            weight.append(counts[j])
            requests.append(value)
            base.append(math.fsum(served * o.cost[a:b]))
            usable = np.flatnonzero((pinned | network.open[o.place[a:b]])[: last + 1])
            place.append(np.where(pinned[usable], -1, o.place[a:b][usable]))
            cost.append(o.cost[a:b][usable])
            takes.append(can[j, usable])
            lengths.append(usable.size)

    def joined(parts: list[np.ndarray], kind: type) -> np.ndarray:
        return np.concatenate(parts).astype(kind) if parts else np.empty(0, kind)

    return Entries(
        np.array(weight, np.float64),
        np.array(requests, np.float64),
        np.array(base, np.float64),
        np.cumsum(lengths).astype(np.int64),
        joined(place, np.int64),
        joined(cost, np.float64),
        joined(takes, np.float64),
    )


@kernel
def entry_cost(entries, j, x):
    """What entry `j` costs in a slot under the placement or fractions `x` (float64, shape (V M,))."""
    left = entries.requests[j]
    spent = 0.0
    for o in range(entries.start[j], entries.start[j + 1]):
        p = entries.place[o]
        share = 1.0 if p < 0 else x[p]
        if share > 0.0 and left > 0.0:
            served = min(left, share * entries.takes[o])
            spent += served * entries.cost[o]
            left -= served
    return spent


@kernel
def total_gain(entries, x):
    """The gain in ms of `x` over the whole demand."""
    total = 0.0
    for j in range(entries.weight.size):
        total += entries.weight[j] * (entries.base[j] - entry_cost(entries, j, x))
    return total
