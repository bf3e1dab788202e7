"""Path replication: the answer to a request leaves a copy at every node on its way back.

A request walks its path until a node holds the item. Every node passed before that stores the item and
evicts by its own rule when it is full; the node that answered is told of a hit. Nodes without
capacity pass everything on.

Cost: O(nodes passed x capacity) a request: small caches are scanned for their victim. Memory: 4 bytes
a (node, item), 8 for LFU.
"""

from __future__ import annotations

from typing import Any, ClassVar, NamedTuple

import numpy as np

from olearn._jit import kernel
from olearn._rng import below, new_state
from olearn.errors import ParameterError

LRU, FIFO, RANDOM, LFU = 0, 1, 2, 3


class State(NamedTuple):
    kind: int
    begins: np.ndarray  # first place of each node, int64 (nodes + 1,)
    used: np.ndarray  # places used, int64 (nodes,)
    holds: np.ndarray  # content, int64 (places,)
    stamp: np.ndarray  # when it was used (LRU) or stored (FIFO), int64 (places,)
    place: np.ndarray  # where a node holds an item or -1, int32 (nodes, items)
    seen: np.ndarray  # requests that a node met for an item, int32 (nodes, items); LFU only
    clock: np.ndarray  # int64 (1,)
    item: np.ndarray
    start: np.ndarray
    path: np.ndarray
    upstream: np.ndarray
    random: np.ndarray


def init(network: Any, kind: int, seed: int) -> State:
    """Empty caches."""
    begins = np.concatenate([[0], np.cumsum(network.capacity)]).astype(np.int64)
    shape = (network.nodes, network.items)
    return State(
        kind, begins, np.zeros(network.nodes, dtype=np.int64), np.full(begins[-1], -1, dtype=np.int64),
        np.zeros(begins[-1], dtype=np.int64), np.full(shape, -1, dtype=np.int32),
        np.zeros(shape if kind == LFU else (1, 1), dtype=np.int32), np.zeros(1, dtype=np.int64),
        network.item, network.start, network.path, network.upstream, new_state(seed, 3),
    )  # fmt: skip


@kernel
def store(state, v, i):
    """Put item i into node v, over the victim of the rule where v is full."""
    low = state.begins[v]
    size = state.begins[v + 1] - low
    if state.used[v] < size:
        at = low + state.used[v]
        state.used[v] += 1
    else:
        if state.kind == RANDOM:
            at = low + below(state.random, size)
        else:
            at = low
            for k in range(low + 1, low + size):
                if state.kind == LFU:
                    a, b = state.seen[v, state.holds[k]], state.seen[v, state.holds[at]]
                    if a < b or (a == b and state.stamp[k] < state.stamp[at]):
                        at = k
                elif state.stamp[k] < state.stamp[at]:
                    at = k
        state.place[v, state.holds[at]] = -1
    state.holds[at] = i
    state.stamp[at] = state.clock[0]
    state.place[v, i] = at
    return 0


@kernel
def step(state, demand):
    """Serve one request; returns the weight saved (one way)."""
    i = state.item[demand]
    low, last = state.start[demand], state.start[demand + 1] - 1
    state.clock[0] += 1
    stop = low
    while stop < last and state.place[state.path[stop], i] < 0:
        stop += 1
    for k in range(low, min(stop + 1, last)):
        v = state.path[k]
        if state.begins[v + 1] == state.begins[v]:
            continue
        if state.kind == LFU:
            state.seen[v, i] += 1
        if k < stop:
            store(state, v, i)
        elif state.kind != FIFO:
            state.stamp[state.place[v, i]] = state.clock[0]
    return state.upstream[stop]


@kernel
def run(state, demands, gains):
    """Serve requests (int32 demands) in order; the weight each saved goes to `gains` (float64)."""
    for t in range(len(demands)):
        gains[t] = step(state, demands[t])
    return 0


class Replication:
    """Base of the path-replication policies; a subclass names its rule."""

    name: ClassVar[str]
    kind: ClassVar[int]

    def __init__(self, network: Any, *, seed: int = 0) -> None:
        if not network.capacity.any():
            raise ParameterError(
                f"{self.name} needs a node with capacity, got a network where every capacity is 0"
            )
        self.network = network
        self.state = init(network, self.kind, seed)

    def run(self, demands: np.ndarray) -> np.ndarray:
        """Serve requests (demand numbers in order); returns the weight each saved, one way (float64)."""
        gains = np.empty(len(demands))
        run(self.state, np.ascontiguousarray(demands, dtype=np.int32), gains)
        return gains

    def placement(self) -> np.ndarray:
        """What each node holds now (bool, nodes x items)."""
        return self.state.place >= 0
