"""A network of caches: graph, capacities, designated servers and demands, checked once, in flat arrays.

A request for an item starts at a query node and follows its path to the item's designated server until it meets
a copy; the answer travels back. What the weights of the edges behind the first copy add up to is the *caching
gain* of that request [1]_. A placement says which node holds which item.

References
----------
.. [1] S. Ioannidis and E. Yeh, "Adaptive caching networks with optimality guarantees", SIGMETRICS 2016.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from olearn.errors import TraceError


@dataclass(frozen=True, eq=False)
class Network:
    """A network of caches with its demands; make one with :func:`build`.

    Attributes
    ----------
    name : str
    nodes, items : int
        Nodes are 0..nodes-1, items 0..items-1.
    edges : int64 of shape (edges, 2), `weights` : float64 of shape (edges,)
        Undirected edges and what one message over each costs (of any unit).
    capacity : int64 of shape (nodes,)
        Items that a node can hold; a designated server holds its items on top of that.
    source : int64 of shape (items,)
        Designated server of each item.
    item, rate : int64 and float64 of shape (demands,)
        What each demand asks for and how often (requests per unit of time).
    start : int64 of shape (demands + 1,)
        Demand d's path is ``path[start[d] : start[d + 1]]``, from the query node to the server.
    path : int64
    upstream : float64, as long as `path`
        Weight of the path from that node to the server: what a copy there saves, one way.
    published : dict
        Whatever else the file says (published results, the kind of request process).

    Examples
    --------
    >>> from olearn.traces.networks import build
    >>> line = build(3, [(0, 1, 2.0), (1, 2, 5.0)], [1, 1, 0], [2, 2], [(0, [0, 1, 2], 1.0)])
    >>> line.upstream.tolist(), line.total
    ([7.0, 5.0, 0.0], 7.0)
    """

    name: str
    nodes: int
    items: int
    edges: np.ndarray
    weights: np.ndarray
    capacity: np.ndarray
    source: np.ndarray
    item: np.ndarray
    rate: np.ndarray
    start: np.ndarray
    path: np.ndarray
    upstream: np.ndarray
    published: dict[str, Any] = field(default_factory=dict, repr=False)

    @property
    def demands(self) -> int:
        """Number of demands (request types)."""
        return len(self.item)

    @property
    def total(self) -> float:
        """Cost per unit of time without any cache, one way."""
        return float(self.rate @ self.upstream[self.start[:-1]])

    def merged(self) -> Network:
        """The same network with demands of equal item and path made one, their rates added."""
        first, group = self._alike()
        if first.size == self.demands:
            return self
        return self.subset(first, np.bincount(group, self.rate, first.size))

    def _alike(self) -> tuple[np.ndarray, np.ndarray]:
        """The first demand of every (item, path), in order, and the number of each demand's (item, path)."""
        lengths = np.diff(self.start)
        place = np.arange(len(self.path)) - np.repeat(self.start[:-1], lengths)
        powers = np.cumprod(np.full(int(lengths.max()) + 1, 0x9E3779B97F4A7C15, dtype=np.uint64))
        signs = np.add.reduceat((self.path.astype(np.uint64) + np.uint64(1)) * powers[place], self.start[:-1])
        signs = signs * powers[0] + self.item.astype(np.uint64) * powers[1] + lengths.astype(np.uint64)
        _, first, group = np.unique(signs, return_index=True, return_inverse=True)
        rank = np.empty(first.size, dtype=np.int64)
        rank[np.argsort(first)] = np.arange(first.size)
        group, first = rank[group], np.sort(first)
        again = np.flatnonzero(first[group] != np.arange(self.demands))
        model = first[group[again]]
        same = (self.item[again] == self.item[model]) & (lengths[again] == lengths[model])
        if same.all():
            at = np.repeat(self.start[again], lengths[again]) + _steps(lengths[again])
            other = np.repeat(self.start[model], lengths[again]) + _steps(lengths[again])
            if np.array_equal(self.path[at], self.path[other]):
                return first, group
        # Two different paths with one sign: so rare that it may be slow.
        seen: dict[tuple[int, bytes], int] = {}
        keys = [
            (int(i), self.path[low:high].tobytes())
            for i, low, high in zip(self.item, self.start[:-1], self.start[1:], strict=True)
        ]
        group = np.array([seen.setdefault(key, len(seen)) for key in keys], dtype=np.int64)
        return np.unique(group, return_index=True)[1], group

    def subset(self, chosen: np.ndarray, rate: np.ndarray | None = None) -> Network:
        """The same network with the demands `chosen` only (int64 indices), with other rates if given."""
        lengths = np.diff(self.start)[chosen]
        start = np.concatenate([[0], np.cumsum(lengths)]).astype(np.int64)
        at = np.repeat(self.start[chosen] - start[:-1], lengths) + np.arange(start[-1])
        return Network(
            self.name, self.nodes, self.items, self.edges, self.weights, self.capacity, self.source,
            self.item[chosen], self.rate[chosen] if rate is None else rate, start, self.path[at],
            self.upstream[at], self.published,
        )  # fmt: skip


def _steps(lengths: np.ndarray) -> np.ndarray:
    """0, 1, ..., for each of the lengths, one after the other."""
    return np.arange(int(lengths.sum())) - np.repeat(np.cumsum(lengths) - lengths, lengths)


def build(
    nodes: int,
    edges: Iterable[Sequence[float]],
    capacity: Sequence[int],
    source: Sequence[int],
    demands: Iterable[tuple[int, Sequence[int], float]],
    *,
    name: str = "network",
    published: dict[str, Any] | None = None,
) -> Network:
    """Check a network and put it into flat arrays.

    Parameters
    ----------
    nodes : int
    edges : iterable of (node, node, weight)
    capacity : sequence of int, one a node
    source : sequence of int, one an item
    demands : iterable of (item, path, rate)

    Raises
    ------
    TraceError
        One sentence: what is wrong, what was got, what is allowed.
    """
    nodes = _whole("number of nodes", nodes, 1)
    between: dict[tuple[int, int], float] = {}
    ends: list[tuple[int, int]] = []
    for position, edge in enumerate(edges):
        if not isinstance(edge, Sequence) or len(edge) != 3:
            raise TraceError(f"edge {position} must be [node, node, weight], got {edge!r}")
        a, b = (_node(f"edge {position}", end, nodes) for end in edge[:2])
        weight = _number(f"weight of edge {position} ({a}-{b})", edge[2])
        if a == b:
            raise TraceError(f"edge {position} joins node {a} with itself")
        if (a, b) in between:
            raise TraceError(f"edge {position} ({a}-{b}) stands twice")
        between[a, b] = between[b, a] = weight
        ends.append((a, b))
    places = [_whole(f"capacity of node {v}", c, 0) for v, c in enumerate(capacity)]
    servers = [_node(f"source of item {i}", s, nodes) for i, s in enumerate(source)]
    items = len(servers)
    if len(places) != nodes:
        raise TraceError(f"capacity must have one entry a node: {nodes}, got {len(places)}")
    if not items:
        raise TraceError("source is empty: a network needs at least one item and its designated server")
    for v, c in enumerate(places):
        if c > items:
            raise TraceError(f"capacity of node {v} is {c}, above the catalogue of {items} items")
    _connected(nodes, ends)
    item, rate, start, path, upstream = [], [], [0], [], []
    for d, (wanted, way, often) in enumerate(demands):
        i = _whole(f"item of demand {d}", wanted, 0)
        if i >= items:
            raise TraceError(
                f"demand {d} asks for item {i}, which has no designated server (items: 0..{items - 1})"
            )
        along = [_node(f"path of demand {d}", v, nodes) for v in way]
        if not along:
            raise TraceError(f"path of demand {d} is empty: it must lead from the query node to the server")
        if len(set(along)) != len(along):
            raise TraceError(f"path of demand {d} visits a node twice: {along}")
        if along[-1] != servers[i]:
            raise TraceError(
                f"path of demand {d} ends at node {along[-1]}, but the designated server of item {i} "
                f"is {servers[i]}"
            )
        left = [0.0]
        for a, b in zip(along[-2::-1], along[:0:-1], strict=True):
            if (a, b) not in between:
                raise TraceError(f"path of demand {d} goes from node {a} to {b}, but there is no such edge")
            left.append(left[-1] + between[a, b])
        item.append(i)
        rate.append(_number(f"rate of demand {d}", often))
        path += along
        upstream += left[::-1]
        start.append(len(path))
    if not item:
        raise TraceError("a network needs at least one demand")
    return Network(
        name, nodes, items,
        np.array(ends, dtype=np.int64).reshape(-1, 2), np.array([between[e] for e in ends], dtype=np.float64),
        np.array(places, dtype=np.int64), np.array(servers, dtype=np.int64), np.array(item, dtype=np.int64),
        np.array(rate, dtype=np.float64), np.array(start, dtype=np.int64), np.array(path, dtype=np.int64),
        np.array(upstream, dtype=np.float64), published or {},
    )  # fmt: skip


def _whole(what: str, value: Any, minimum: int) -> int:
    if isinstance(value, bool) or not isinstance(value, int | np.integer) or value < minimum:
        raise TraceError(f"{what} must be a whole number of at least {minimum}, got {value!r}")
    return int(value)


def _node(what: str, value: Any, nodes: int) -> int:
    if isinstance(value, bool) or not isinstance(value, int | np.integer) or not 0 <= value < nodes:
        raise TraceError(f"{what} names node {value!r}, which is absent (nodes: 0..{nodes - 1})")
    return int(value)


def _number(what: str, value: Any) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float | np.number):
        raise TraceError(f"{what} must be a number of at least 0, got {value!r}")
    if not (value >= 0 and math.isfinite(value)):
        raise TraceError(f"{what} must be a finite number of at least 0, got {value!r}")
    return float(value)


def _connected(nodes: int, ends: list[tuple[int, int]]) -> None:
    near: list[list[int]] = [[] for _ in range(nodes)]
    for a, b in ends:
        near[a].append(b)
        near[b].append(a)
    reached, queue = {0}, [0]
    while queue:
        fresh = [v for v in near[queue.pop()] if v not in reached]
        reached.update(fresh)
        queue += fresh
    if len(reached) < nodes:
        lost = min(set(range(nodes)) - reached)
        raise TraceError(f"the graph is disconnected: no way from node 0 to node {lost}")
