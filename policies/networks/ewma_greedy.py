"""Greedy on exponentially weighted averages: every node holds the items with the largest estimated worth [1]_.

For every (node, item) an average v decays as e^{-beta dt}. When a request is answered, every node that the
answer passes adds beta times the weight from the copy that answered to itself: what a copy here would have
saved. The node that answered learns what it saved by a message to the next copy behind it: it adds beta times
that weight. A node holds its c items of largest v (an item that was never estimated is not held).

Cost: O(nodes passed x capacity) a request: only an item that was just added to can enter, and only over the
least one held. Memory: 12 bytes a (node, item). Messages: the request and its answer, and up and down between
the node that answered and the next copy. No regret bound: an adversary makes it swap for ever, like every
greedy rule that follows the past (adv-* in `make reproduce-networks`).

References
----------
.. [1] S. Ioannidis and E. Yeh, "Adaptive caching networks with optimality guarantees", SIGMETRICS 2016.
"""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import numpy as np

from olearn._jit import kernel
from olearn.errors import check_real
from olearn.policies.networks._base import NetworkPolicy


class State(NamedTuple):
    beta: float
    begins: np.ndarray  # first place of each node, int64 (nodes + 1,)
    used: np.ndarray
    holds: np.ndarray
    place: np.ndarray  # where a node holds an item or -1, int32 (nodes, items)
    value: np.ndarray  # v e^{beta (t - origin)}, float64 (nodes, items)
    origin: np.ndarray  # float64 (1,)
    item: np.ndarray
    start: np.ndarray
    path: np.ndarray
    upstream: np.ndarray


@kernel
def add(state, v, i, worth, now):
    """Raise the estimate of item i at node v; it enters over the least item held if it is above."""
    if state.begins[v + 1] == state.begins[v] or worth <= 0.0:
        return 0
    state.value[v, i] += state.beta * worth * math.exp(state.beta * (now - state.origin[0]))
    if state.place[v, i] >= 0:
        return 0
    low = state.begins[v]
    if state.used[v] < state.begins[v + 1] - low:
        at = low + state.used[v]
        state.used[v] += 1
    else:
        at = low
        for k in range(low + 1, state.begins[v + 1]):
            a, b = state.value[v, state.holds[k]], state.value[v, state.holds[at]]
            if a < b or (a == b and state.holds[k] < state.holds[at]):
                at = k
        least = state.value[v, state.holds[at]]
        if state.value[v, i] < least or (state.value[v, i] == least and i < state.holds[at]):
            return 0
        state.place[v, state.holds[at]] = -1
    state.holds[at] = i
    state.place[v, i] = at
    return 0


@kernel
def step(state, demand, now):
    """Serve one request; returns where on its path it was answered and where the next copy is."""
    if state.beta * (now - state.origin[0]) > 500.0:
        shrink = math.exp(max(-700.0, -state.beta * (now - state.origin[0])))
        for v in range(state.value.shape[0]):
            for j in range(state.value.shape[1]):
                state.value[v, j] *= shrink
        state.origin[0] = now
    i = state.item[demand]
    low, last = state.start[demand], state.start[demand + 1] - 1
    stop = low
    while stop < last and state.place[state.path[stop], i] < 0:
        stop += 1
    behind = stop
    if stop < last:
        behind += 1
        while behind < last and state.place[state.path[behind], i] < 0:
            behind += 1
        add(state, state.path[stop], i, state.upstream[stop] - state.upstream[behind], now)
    for k in range(stop - 1, low - 1, -1):
        add(state, state.path[k], i, state.upstream[k] - state.upstream[stop], now)
    return stop, behind


@kernel
def run(state, demands, times, gains, messages):
    """Serve requests (int32 demands) in order."""
    for t in range(len(demands)):
        stop, behind = step(state, demands[t], times[t])
        gains[t] = state.upstream[stop]
        messages[t] = 2 * (behind - state.start[demands[t]])
    return 0


class EWMAGreedy(NetworkPolicy):
    """Greedy on exponentially weighted averages; see the module.

    Parameters
    ----------
    network : Network
    horizon : int, optional
        Not used.
    beta : float
        Rate of forgetting, per unit of time.
    seed : int
        Not used.

    Examples
    --------
    >>> from olearn.traces.networks import build
    >>> line = build(2, [(0, 1, 2.0)], [1, 0], [1, 1], [(0, [0, 1], 1.0), (1, [0, 1], 1.0)])
    >>> EWMAGreedy(line, beta=0.05).run([0, 0, 1, 1]).tolist()
    [0.0, 2.0, 0.0, 0.0]
    """

    name = "ewma-greedy"
    rule = "every node holds the items whose exponentially weighted average of saved weight is largest"
    reference = "S. Ioannidis and E. Yeh, SIGMETRICS 2016 (greedy heuristic)"
    randomised = False
    kernel = staticmethod(run)

    def __init__(self, network: Any, horizon: int | None = None, *, beta: float = 0.05, seed: int = 0) -> None:
        super().__init__(network, horizon, seed=seed)
        self.beta = check_real("beta", beta, 0.0, open_low=True)

    def _init(self) -> State:
        net = self.network
        begins = np.concatenate([[0], np.cumsum(net.capacity)]).astype(np.int64)
        shape = (net.nodes, net.items)
        return State(
            self.beta, begins, np.zeros(net.nodes, dtype=np.int64), np.full(begins[-1], -1, dtype=np.int64),
            np.full(shape, -1, dtype=np.int32), np.zeros(shape), np.zeros(1), net.item, net.start, net.path,
            net.upstream,
        )  # fmt: skip

    def placement(self) -> np.ndarray:
        return np.asarray(self.state.place >= 0)

    def held(self) -> np.ndarray:
        node = np.repeat(np.arange(self.network.nodes), self.network.capacity)
        there = self.state.holds >= 0
        return np.sort(node[there] * self.network.items + self.state.holds[there])
