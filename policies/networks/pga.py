"""Projected gradient ascent on the concave relaxation, rounded anew in every slot of time [1]_.

Every node keeps fractions y[v] in {0 <= y <= 1, sum y <= c_v}, 0 at the start. For every request a message
explores the path until the sum of fractions passed exceeds 1; on its way back it tells node v the weight from
the node where it turned to v: a supergradient of the relaxed gain. At the end of a slot of `period` units of
time node v steps by gamma k^-exponent times the mean gradient per unit of time, k = 1, 2, ... its number of
steps, projects, and draws what it holds. As published, a gradient longer than 100 c_v is made a unit vector
first.

Rounding: fractions of 1e-5 at most are left out and the rest are scaled up to fill the capacity (none above
1), so every probability only grows; then ``madow`` (systematic, a fresh offset in each slot; as published),
``coupled`` (the same with one offset a node for ever: few changes) or ``depround``.

Cost: O(nodes passed) a request; at a slot's end O(fractions above 0) a node, a few passes. Memory: 32 bytes a
(node, item). Messages a request: to the first copy and back, and up to where the message turns and back.

Bound and certificate, in expectation against 1 - 1/e of the best fractional placement: items lie on different
nodes independently, so E gain >= (1 - 1/e) relaxed gain, and relaxed gain is concave: its regret is at most
sum <g, y* - y>. The certificate takes the best y* for the gradients that were met. The bound is that of
gradient ascent with any steps eta_k, (max ||y* - y||^2 / 2) (1/eta_1 + sum (1/eta_k - 1/eta_{k-1})+) + sum
eta_k ||g_k||^2 / 2 with max ||y* - y||^2 <= 2 c_v, summed over nodes; the last slot, if it is not over, at its
worst.

References
----------
.. [1] S. Ioannidis and E. Yeh, "Adaptive caching networks with optimality guarantees", SIGMETRICS 2016; steps
   and rounding as in the simulator of Y. Li et al., SIGMETRICS 2022.
"""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import numpy as np

from olearn._jit import kernel
from olearn._rng import generator, new_state, uniform
from olearn.bounds import Bound, declared
from olearn.errors import check_real, unknown
from olearn.geometry.euclidean import project_capped_simplex
from olearn.geometry.rounding.deprounding import BERNOULLI, depround
from olearn.geometry.rounding.madow import madow
from olearn.policies.networks._base import NetworkPolicy
from olearn.policies.networks._gradients import ALPHA, SLACK, largest

ROUNDINGS = ("madow", "coupled", "depround")
#: Fractions up to this are never drawn.
LEAST = 1e-5


class State(NamedTuple):
    gamma: float
    exponent: float
    period: float
    rounding: int
    capacity: np.ndarray
    y: np.ndarray  # fractions, float64 (nodes, items)
    gradient: np.ndarray  # of this slot, float64 (nodes, items)
    whole: np.ndarray  # of all slots, float64 (nodes, items)
    active: np.ndarray  # items with a fraction or a gradient, int32 (nodes, items)
    actives: np.ndarray  # how many, int64 (nodes,)
    listed: np.ndarray  # uint8 (nodes, items)
    holds: np.ndarray  # uint8 (nodes, items)
    offset: np.ndarray  # of the comb of each node, float64 (nodes,)
    steps: np.ndarray  # int64 (nodes,)
    last: np.ndarray  # time of the last step, float64 (nodes,)
    clock: np.ndarray  # end of this slot, float64 (1,)
    inner: np.ndarray  # sum of <g, y>, float64 (1,)
    inverse: np.ndarray  # 1 / eta of the last step on the slot's gradient, float64 (nodes,)
    reach: np.ndarray  # 1 / eta_1 + sum of its growth, float64 (nodes,)
    energy: np.ndarray  # sum of eta ||g||^2, float64 (nodes,)
    values: np.ndarray  # workspace, float64 (items,)
    projected: np.ndarray  # workspace, float64 (items,)
    chosen: np.ndarray  # workspace, uint8 (items,)
    empty: np.ndarray
    item: np.ndarray
    start: np.ndarray
    path: np.ndarray
    upstream: np.ndarray
    random: np.ndarray


@kernel
def draw(state, v):
    """Draw what node v holds from its fractions."""
    total = 0.0
    n = 0
    for k in range(state.actives[v]):
        i = state.active[v, k]
        state.holds[v, i] = 0
        x = state.y[v, i]
        if x > LEAST:
            total += x
    for k in range(state.actives[v]):
        i = state.active[v, k]
        x = state.y[v, i]
        if x > LEAST:
            state.values[n] = min(1.0, x * state.capacity[v] / total)
            n += 1
    if state.rounding == 2:
        depround(state.random, state.values[:n], state.empty, BERNOULLI, state.chosen[:n])
    else:
        offset = uniform(state.random) if state.rounding == 0 else state.offset[v]
        madow(state.values[:n], offset, state.chosen[:n])
    n = 0
    for k in range(state.actives[v]):
        i = state.active[v, k]
        if state.y[v, i] > LEAST:
            state.holds[v, i] = state.chosen[n]
            n += 1
    return 0


@kernel
def ascend(state, v, now):
    """End a slot at node v: step, project, draw."""
    n = state.actives[v]
    if n == 0:
        return 0
    state.steps[v] += 1
    passed = now - state.last[v]
    state.last[v] = now
    square = 0.0
    for k in range(n):
        g = state.gradient[v, state.active[v, k]]
        square += g * g
    eta = state.gamma * state.steps[v] ** (-state.exponent) / passed
    if math.sqrt(square) > 100.0 * state.capacity[v] * passed:
        eta *= passed / math.sqrt(square)
    if square > 0.0:
        state.reach[v] += max(0.0, 1.0 / eta - state.inverse[v])
        state.inverse[v] = 1.0 / eta
        state.energy[v] += eta * square
    total = 0.0
    for k in range(n):
        i = state.active[v, k]
        state.values[k] = state.y[v, i] + eta * state.gradient[v, i]
        total += min(1.0, state.values[k])
        state.gradient[v, i] = 0.0
    if total > state.capacity[v]:
        project_capped_simplex(state.values[:n], np.float64(state.capacity[v]), state.projected[:n], np.nan)
    else:
        for k in range(n):
            state.projected[k] = min(1.0, state.values[k])
    for k in range(n):
        i = state.active[v, k]
        state.holds[v, i] = 0
        state.listed[v, i] = 0
        state.y[v, i] = state.projected[k] if state.projected[k] > 1e-18 else 0.0
    kept = 0
    for k in range(n):
        i = state.active[v, k]
        if state.y[v, i] > 0.0:
            state.listed[v, i] = 1
            state.active[v, kept] = i
            kept += 1
    state.actives[v] = kept
    draw(state, v)
    return 0


@kernel
def explore(state, demand):
    """Tell the nodes of a path their supergradient; returns the hops to where the message turned."""
    i = state.item[demand]
    low, last = state.start[demand], state.start[demand + 1] - 1
    stop = low
    held = state.y[state.path[low], i]
    while stop < last and held <= 1.0 + SLACK:
        stop += 1
        held += state.y[state.path[stop], i]
    for k in range(low, stop):
        v = state.path[k]
        worth = state.upstream[k] - state.upstream[stop]
        if state.capacity[v] == 0 or worth == 0.0:
            continue
        if state.listed[v, i] == 0:
            state.listed[v, i] = 1
            state.active[v, state.actives[v]] = i
            state.actives[v] += 1
        state.gradient[v, i] += worth
        state.whole[v, i] += worth
        state.inner[0] += worth * state.y[v, i]
    return stop - low


@kernel
def run(state, demands, times, gains, messages):
    """Serve requests (int32 demands) in order."""
    for t in range(len(demands)):
        if times[t] >= state.clock[0]:
            for v in range(len(state.capacity)):
                ascend(state, v, state.clock[0])
            # slots without requests change nothing but what is drawn: they are passed over
            skipped = math.floor((times[t] - state.clock[0]) / state.period)
            state.clock[0] += (skipped + 1.0) * state.period
        demand = demands[t]
        i = state.item[demand]
        low, last = state.start[demand], state.start[demand + 1] - 1
        stop = low
        while stop < last and state.holds[state.path[stop], i] == 0:
            stop += 1
        gains[t] = state.upstream[stop]
        messages[t] = 2 * (stop - low) + 2 * explore(state, demand)
    return 0


def init(network: Any, gamma: float, exponent: float, period: float, rounding: int, seed: int) -> State:
    """Fractions of 0, nothing held."""
    shape = (network.nodes, network.items)
    nodes = [np.zeros(network.nodes) for _ in range(4)]
    return State(
        gamma, exponent, period, rounding, network.capacity, np.zeros(shape), np.zeros(shape), np.zeros(shape),
        np.zeros(shape, dtype=np.int32), np.zeros(network.nodes, dtype=np.int64),
        np.zeros(shape, dtype=np.uint8), np.zeros(shape, dtype=np.uint8), generator(seed,
        5).random(network.nodes), np.zeros(network.nodes, dtype=np.int64), nodes[0], np.array([period]),
        np.zeros(1), nodes[1], nodes[2], nodes[3], np.zeros(network.items), np.zeros(network.items),
        np.zeros(network.items, dtype=np.uint8), np.empty(0), network.item, network.start, network.path,
        network.upstream, new_state(seed, 4),
    )  # fmt: skip


class PGA(NetworkPolicy):
    """Projected gradient ascent on the relaxation; see the module.

    Parameters
    ----------
    network : Network
    horizon : int, optional
        Not used.
    gamma : float
        First step, per unit of weight and of time.
    exponent : float
        Steps fall as k^-exponent.
    period : float
        Length of a slot, in units of time.
    rounding : str
        ``"madow"``, ``"coupled"`` or ``"depround"``.
    seed : int

    Examples
    --------
    >>> import numpy as np
    >>> from olearn.traces.networks import build
    >>> line = build(2, [(0, 1, 2.0)], [1, 0], [1, 1], [(0, [0, 1], 1.0), (1, [0, 1], 1.0)])
    >>> bool(PGA(line).run(np.zeros(1000, dtype=np.int32))[-500:].mean() > 1.99)
    True
    """

    name = "pga"
    rule = "every node follows the gradient of the relaxed gain, projects, and draws what it holds once a slot"
    reference = "S. Ioannidis and E. Yeh, SIGMETRICS 2016"
    psi = ALPHA
    kernel = staticmethod(run)

    def __init__(
        self,
        network: Any,
        horizon: int | None = None,
        *,
        gamma: float = 1.0,
        exponent: float = 0.5,
        period: float = 1.0,
        rounding: str = "madow",
        seed: int = 0,
    ) -> None:
        super().__init__(network, horizon, seed=seed)
        self.gamma = check_real("gamma", gamma, 0.0, open_low=True)
        self.exponent = check_real("exponent", exponent, 0.0, 1.0)
        self.period = check_real("period", period, 0.0, open_low=True)
        self.rounding = rounding

    def validate(self) -> None:
        super().validate()
        if self.rounding not in ROUNDINGS:
            raise unknown("rounding", self.rounding, ROUNDINGS)

    def _init(self) -> State:
        which = ROUNDINGS.index(self.rounding)
        return init(self.network, self.gamma, self.exponent, self.period, which, self.seed)

    def placement(self) -> np.ndarray:
        return self.state.holds.astype(bool)

    def fractions(self) -> np.ndarray:
        """The fractions now (float64, nodes x items)."""
        return np.asarray(self.state.y.copy())

    def bound(self, requests: int | None = None) -> Bound | None:
        """What gradient ascent guarantees for the gradients so far (see the module), one way."""
        if self._state is None:
            return None
        state = self.state
        unfinished = largest(state.gradient, state.capacity)
        value = float(state.capacity @ state.reach + state.energy.sum() / 2) + unfinished
        return declared(
            ALPHA * value,
            "(1 - 1/e) sum over nodes of (c max_k 1/eta_k, its growth summed, + sum eta_k ||g_k||^2 / 2)",
            "1 - 1/e of the best fractional placement",
            "in expectation",
            (),
            "gradient ascent for each node; derived in the policy's module",
        )

    def certificate(self) -> float | None:
        """(1 - 1/e) (best sum <g, y*> - sum <g, y>) of this run, one way."""
        return ALPHA * (largest(self.state.whole, self.state.capacity) - float(self.state.inner[0]))
