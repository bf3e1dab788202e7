"""Path replication: the answer to a request leaves a copy at every node on its way back.

A request walks its path until a node holds the item. Every node passed before that is offered the item; it
evicts by its own rule when it is full; the node that answered is told of a hit. Nodes without capacity pass
everything on. Every held item has a priority, and the least goes, of equals the one that came first:

* LRU: when it was last used, FIFO: when it came;
* LFU: how often it was used since it came, a newcomer 1, and it competes: if every item held was used twice
  or more, the newcomer is not stored [1]_;
* random: with ``replace="priorities"`` a uniform number drawn anew at every use, and the newcomer competes
  with its own [1]_; with ``replace="uniform"`` the newcomer is stored over an item drawn uniformly.

Cost: O(nodes passed x capacity) a request: small caches are scanned for their victim. Memory: 4 bytes a
(node, item).

References
----------
.. [1] The rules of the simulator that accompanies Y. Li et al., "Online caching networks with adversarial
   guarantees", SIGMETRICS 2022.
"""

from __future__ import annotations

from collections import deque
from typing import Any, ClassVar, NamedTuple

import numpy as np

from olearn._jit import kernel
from olearn._rng import below, new_state, uniform
from olearn.policies.networks._base import NetworkPolicy

LRU, FIFO, RANDOM, LFU, PRIORITIES = 0, 1, 2, 3, 4


class State(NamedTuple):
    kind: int
    begins: np.ndarray  # first place of each node, int64 (nodes + 1,)
    used: np.ndarray  # places used, int64 (nodes,)
    holds: np.ndarray  # content, int64 (places,)
    priority: np.ndarray  # float64 (places,)
    came: np.ndarray  # order of arrival, breaks ties, int64 (places,)
    place: np.ndarray  # where a node holds an item or -1, int32 (nodes, items)
    clock: np.ndarray  # int64 (2,): requests served, items stored
    item: np.ndarray
    start: np.ndarray
    path: np.ndarray
    upstream: np.ndarray
    random: np.ndarray


def init(network: Any, kind: int, seed: int) -> State:
    """Empty caches."""
    begins = np.concatenate([[0], np.cumsum(network.capacity)]).astype(np.int64)
    places = int(begins[-1])
    return State(
        kind, begins, np.zeros(network.nodes, dtype=np.int64), np.full(places, -1, dtype=np.int64),
        np.zeros(places), np.zeros(places, dtype=np.int64),
        np.full((network.nodes, network.items), -1, dtype=np.int32), np.zeros(2, dtype=np.int64),
        network.item, network.start, network.path, network.upstream, new_state(seed, 3),
    )  # fmt: skip


@kernel
def store(state, v, i):
    """Offer item i to node v, which may hold it already."""
    low = state.begins[v]
    size = state.begins[v + 1] - low
    if size == 0:
        return 0
    if state.place[v, i] >= 0:  # only where requests overlap
        return touch(state, v, i)
    mine = np.float64(state.clock[0])
    if state.kind == LFU:
        mine = 1.0
    elif state.kind == PRIORITIES:
        mine = uniform(state.random)
    if state.used[v] < size:
        at = low + state.used[v]
        state.used[v] += 1
    else:
        at = low
        if state.kind == RANDOM:
            at = low + below(state.random, size)
        else:
            for k in range(low + 1, low + size):
                if state.priority[k] < state.priority[at] or (
                    state.priority[k] == state.priority[at] and state.came[k] < state.came[at]
                ):
                    at = k
            if mine < state.priority[at]:
                return 0
        state.place[v, state.holds[at]] = -1
    state.holds[at] = i
    state.priority[at] = mine
    state.came[at] = state.clock[1]
    state.clock[1] += 1
    state.place[v, i] = at
    return 0


@kernel
def touch(state, v, i):
    """Tell node v that item i, which it holds, was used."""
    at = state.place[v, i]
    if state.kind == LRU:
        state.priority[at] = np.float64(state.clock[0])
    elif state.kind == LFU:
        state.priority[at] += 1.0
    elif state.kind == PRIORITIES:
        state.priority[at] = uniform(state.random)
    return 0


@kernel
def step(state, demand):
    """Serve one request; returns the place on its path where it was answered."""
    i = state.item[demand]
    low, last = state.start[demand], state.start[demand + 1] - 1
    state.clock[0] += 1
    stop = low
    while stop < last and state.place[state.path[stop], i] < 0:
        stop += 1
    if stop < last:
        touch(state, state.path[stop], i)
    for k in range(stop - 1, low - 1, -1):
        store(state, state.path[k], i)
    return stop


@kernel
def run(state, demands, times, gains, messages):
    """Serve requests (int32 demands) in order."""
    for t in range(len(demands)):
        stop = step(state, demands[t])
        gains[t] = state.upstream[stop]
        messages[t] = 2 * (stop - state.start[demands[t]])
    return 0


def together(state: State, network: Any) -> None:
    """Every demand once, all at the same moment, as an event simulator without delays serves them.

    Nodes and directed edges are queues, first in first out. In each turn every node deals with one message,
    then every edge hands one on. A message goes up until a node holds the item, then down, storing.
    """
    nodes: list[deque[tuple[int, int, bool]]] = [deque() for _ in range(network.nodes)]
    edges: dict[tuple[int, int], deque[tuple[int, int, bool]]] = {}
    for d, low in enumerate(network.start[:-1].tolist()):
        nodes[network.path[low]].append((d, low, True))
    state.clock[0] += 1
    while any(nodes) or any(edges.values()):
        for v, queue in enumerate(nodes):
            if not queue:
                continue
            d, at, up = queue.popleft()
            i, low, last = int(network.item[d]), int(network.start[d]), int(network.start[d + 1]) - 1
            if up and at < last and state.place[v, i] < 0:
                at += 1
            else:
                if not up:
                    store(state, v, i)
                elif at < last:
                    touch(state, v, i)
                up = False
                at -= 1
            if at >= low:
                edges.setdefault((v, int(network.path[at])), deque()).append((d, at, up))
        for (_, w), queue in edges.items():
            if queue:
                nodes[w].append(queue.popleft())


class Replication(NetworkPolicy):
    """Base of the path-replication policies; a subclass names its rule."""

    kind: ClassVar[int]
    randomised = False
    reference = "path replication; see Y. Li et al., SIGMETRICS 2022 (baselines)"
    kernel = staticmethod(run)

    def _kind(self) -> int:
        return self.kind

    def _init(self) -> State:
        return init(self.network, self._kind(), self.seed)

    def placement(self) -> np.ndarray:
        return np.asarray(self.state.place >= 0)

    def held(self) -> np.ndarray:
        holds, begins = self.state.holds, self.state.begins
        node = np.repeat(np.arange(self.network.nodes), np.diff(begins))
        there = holds >= 0
        return np.sort(node[there] * self.network.items + holds[there])
