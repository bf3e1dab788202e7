r"""OLAG: the online load-aware greedy heuristic that INFIDA is compared with.

Every node counts, per request type, the requests that reached it, :math:`\phi_\rho`: those that no node
nearer to where they enter has served, since the start. After each slot it fills its budget anew: the value
of a model is

.. math:: \frac{\min(1, L t / \Phi)}{s_m} \sum_\rho \phi_\rho\, [\hat\gamma_\rho - \gamma_{\rho, vm}]_+

with :math:`\hat\gamma` what the type costs at the cheapest option held further up, :math:`\Phi` the sum of
the counts and L t what the model could have served in t slots; the best model that fits is taken,
:math:`\hat\gamma` falls to what the type now costs, and so on. Nodes decide in turn, those furthest from
where requests enter first.

The paper's text was not at hand: this is one reading of its description (counters of the gain that a model
would have brought per unit of size, without knowledge of the future).

Cost: O(picks * options at the node) a node and slot: a baseline, not a fast one. Regret: none declared; a
greedy heuristic forgets nothing, so after a change of popularity it lags behind by as long as it has counted.

References
----------
.. [1] T. Si Salem, G. Castellano, G. Neglia, F. Pianese and A. Araldo, "Toward inference delivery
   networks: distributing machine learning with optimality guarantees", IEEE/ACM ToN 32(1), 2024.
"""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import numpy as np

from olearn._jit import kernel
from olearn.environments.delivery import potential, serve, spread_load
from olearn.errors import check_positive_int
from olearn.policies.delivery._base import DeliveryPolicy, copy_into, count_updates, open_places


class State(NamedTuple):
    """Counters by (type, hop), options by node, and workspaces."""

    x: np.ndarray  # float64 (V M,)
    before: np.ndarray  # float64 (V M,)
    arrived: np.ndarray  # float64 (sum of path lengths,): requests seen at each hop of each type
    first: np.ndarray  # int64 (R+1,): the hops of type r are first[r] .. first[r+1]-1
    dear: np.ndarray  # float64 (sum of path lengths,): what the type costs further up
    by_node: np.ndarray  # int64 (V+1,): options at node v are option[by_node[v] : by_node[v+1]]
    option: np.ndarray  # int64 (O',)
    type_of: np.ndarray  # int64 (O',)
    value: np.ndarray  # float64 (V M,)
    seen: np.ndarray  # float64 (V M,)
    start: np.ndarray
    places: np.ndarray
    size: np.ndarray
    budget: np.ndarray
    used: np.ndarray
    order: np.ndarray  # int64 (V,): the nodes, furthest from where requests enter first
    served: np.ndarray  # float64 (longest path,): workspace
    clock: np.ndarray  # int64 (1,): slots served
    refresh: int


@kernel
def count(state, options, demand):
    """Add the slot's requests to the counters of every hop that they reached."""
    for r in range(demand.size):
        requests = demand[r]
        if requests <= 0.0:
            continue
        hops = state.first[r + 1] - state.first[r]
        state.served[:hops] = 0.0
        left = requests
        for o in range(options.start[r], options.start[r + 1]):
            if state.x[options.place[o]] > 0.0 and left > 0.0:
                here = min(left, potential(options, o, requests))
                state.served[options.hop[o]] += here
                left -= here
        left = requests
        for h in range(hops):
            state.arrived[state.first[r] + h] += left
            left = max(0.0, left - state.served[h])


@kernel
def _dearest(state, options):
    """What every type costs at each hop with nothing but what is pinned there or further up."""
    state.dear[:] = math.inf
    for r in range(state.first.size - 1):
        first = state.first[r]
        for o in range(options.start[r], options.start[r + 1]):
            if options.pinned[o]:
                for h in range(first, first + options.hop[o] + 1):
                    state.dear[h] = min(state.dear[h], options.cost[o])


@kernel
def _appraise(state, options, node, slots):
    """The value of every model at `node`, per unit of size."""
    models = state.size.size
    for k in range(state.start[node], state.start[node + 1]):
        state.value[state.places[k]] = 0.0
        state.seen[state.places[k]] = 0.0
    for i in range(state.by_node[node], state.by_node[node + 1]):
        o = state.option[i]
        p = options.place[o]
        h = state.first[state.type_of[i]] + options.hop[o]
        state.seen[p] += state.arrived[h]
        if state.arrived[h] > 0.0 and options.cost[o] < state.dear[h]:
            # a dear of infinity has no repository at or above: it can't be (the network checks it)
            state.value[p] += state.arrived[h] * (state.dear[h] - options.cost[o])
    for i in range(state.by_node[node], state.by_node[node + 1]):
        o = state.option[i]
        p = options.place[o]
        if state.seen[p] > options.limit[o] * slots:
            state.value[p] *= options.limit[o] * slots / state.seen[p]
            state.seen[p] = 0.0  # once for a place
    for k in range(state.start[node], state.start[node + 1]):
        state.value[state.places[k]] /= state.size[state.places[k] % models]


@kernel
def _take(state, options, node, best, slots):
    """Put `best` into the placement: its types cost less now, there and further down."""
    state.x[best] = 1.0
    reached = 0.0
    for i in range(state.by_node[node], state.by_node[node + 1]):
        if options.place[state.option[i]] == best:
            reached += state.arrived[state.first[state.type_of[i]] + options.hop[state.option[i]]]
    for i in range(state.by_node[node], state.by_node[node + 1]):
        o = state.option[i]
        if options.place[o] == best:
            share = min(1.0, options.limit[o] * slots / reached) if reached > 0.0 else 1.0
            first = state.first[state.type_of[i]]
            for h in range(first, first + options.hop[o] + 1):
                if options.cost[o] < state.dear[h]:
                    state.dear[h] -= share * (state.dear[h] - options.cost[o])


@kernel
def place(state, options):
    """Fill every node's budget anew from the counters."""
    slots = np.float64(state.clock[0])
    for k in range(state.places.size):
        state.x[state.places[k]] = 0.0
    _dearest(state, options)
    for turn in range(state.order.size):
        node = state.order[turn]
        left = state.budget[node] * (1.0 + 1e-12)
        for _ in range(state.start[node + 1] - state.start[node]):
            _appraise(state, options, node, slots)
            best = -1
            most = 0.0
            for k in range(state.start[node], state.start[node + 1]):
                p = state.places[k]
                if state.x[p] == 0.0 and state.size[p % state.size.size] <= left and state.value[p] > most:
                    most = state.value[p]
                    best = p
            if best < 0:
                break
            left -= state.size[best % state.size.size]
            _take(state, options, node, best, slots)


@kernel
def run(state, options, demand, rows):
    for t in range(demand.shape[0]):
        row = rows[t]
        spread_load(options, demand[t])
        serve(options, demand[t], state.x, row)
        count_updates(
            state.x, state.before, state.size, state.used, state.budget, state.start, state.places, row
        )
        copy_into(state.before, state.x)
        count(state, options, demand[t])
        state.clock[0] += 1
        if state.clock[0] % state.refresh == 0:
            place(state, options)


class OLAG(DeliveryPolicy):
    __doc__ = __doc__

    name = "olag"
    rule = "every node holds the models with the largest counted gain per unit of size"
    reference = "Si Salem, Castellano, Neglia, Pianese and Araldo, IEEE/ACM ToN 2024 (baseline)"
    run = staticmethod(run)

    def __init__(
        self,
        network: Any,
        horizon: int | None = None,
        *,
        refresh: int = 1,
        peak: float | None = None,
        seed: int = 0,
    ) -> None:
        super().__init__(network, horizon, peak=peak, seed=seed)
        self.refresh = refresh

    def validate(self) -> None:
        super().validate()
        check_positive_int("refresh", self.refresh)

    def _init(self) -> State:
        network = self.network
        options = network.options
        v, models = len(network.nodes), network.size.size
        lengths = np.array([len(path) for _, path in network.types])
        types = np.repeat(np.arange(lengths.size), np.diff(options.start))
        nodes = options.place // models
        usable = np.flatnonzero(network.open[options.place])
        usable = usable[np.argsort(nodes[usable], kind="stable")]
        height = np.zeros(v)
        np.maximum.at(height, nodes, options.hop)
        start, places = open_places(network)
        hops = int(lengths.sum())
        return State(
            x=network.placement(),
            before=network.placement(),
            arrived=np.zeros(hops),
            first=np.concatenate([[0], np.cumsum(lengths)]).astype(np.int64),
            dear=np.zeros(hops),
            by_node=np.searchsorted(nodes[usable], np.arange(v + 1)).astype(np.int64),
            option=usable.astype(np.int64),
            type_of=types[usable].astype(np.int64),
            value=np.zeros(network.places),
            seen=np.zeros(network.places),
            start=start,
            places=places,
            size=network.size,
            budget=network.budget,
            used=np.zeros(v),
            order=np.argsort(-height, kind="stable").astype(np.int64),
            served=np.zeros(int(lengths.max())),
            clock=np.zeros(1, np.int64),
            refresh=int(self.refresh),
        )
