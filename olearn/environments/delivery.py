r"""Inference delivery: models on the nodes of a network, requests that climb towards a repository.

A request type :math:`\rho` is a task and a path :math:`p_1, \dots, p_J` whose last node (at least) is a
repository of the task. Its *options* are the models of the task at the nodes of the path; option
(v, m) at hop j costs, in milliseconds,

.. math:: \gamma = \sum_{j' < j} w(p_{j'}, p_{j'+1}) + d_{vm} + \alpha (1 - a_m),

round-trip times, inference delay, and :math:`\alpha` ms per unit of inaccuracy. In a slot with r requests of
the type, option k can take :math:`l_k = \min(L_{vm}, r)` of them if it is there; requests go to the cheapest
options first. With :math:`z_k = l_k y_k` and :math:`S_k = z_1 + \dots + z_k` (options by cost) the gain over
serving from the repositories alone (placement :math:`\omega`) is

.. math:: G(y) = \sum_\rho \sum_k (\gamma_{k+1} - \gamma_k) (\min(r, S_k(y)) - \min(r, S_k(\omega))),

concave in fractions y, monotone and submodular in placements [1]_. A supergradient is
:math:`g_{vm} = \sum_\rho l_{\rho, vm} [\gamma_{K^*} - \gamma_{\rho, vm}]_+` with :math:`K^*` the first
option at which :math:`S_k(y) \ge r`: what a control packet learns on its way up and brings back down.

Two request types can share a model of bounded capacity. ``split`` says how:

* ``"own"``: every type may use the whole of :math:`L_{vm}` (the formula above, taken literally: the
  node may then serve more than L requests);
* ``"proportional"`` (default): L is split among the types whose path and task reach the model, in
  proportion to their requests of the slot, so no node ever serves more than L.

With unbounded capacities the two are the same.

Cost: O(options of the requested types) a slot.

References
----------
.. [1] T. Si Salem, G. Castellano, G. Neglia, F. Pianese and A. Araldo, "Toward inference delivery
   networks: distributing machine learning with optimality guarantees", IEEE/ACM ToN 32(1), 2024.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from olearn._jit import kernel
from olearn.errors import ParameterError, check_real, unknown

#: How types share a model's capacity.
SPLITS = ("proportional", "own")
#: What a slot is measured by: columns of the rows that kernels fill.
COLUMNS = (
    "gain",  # ms saved, over all requests, against serving from the repositories alone
    "cost",  # ms: latency + alpha * inaccuracy, over all requests
    "latency",  # ms, over all requests
    "inaccuracy",  # expected wrong answers
    "requests",
    "updates",  # models loaded
    "megabytes",  # their size
    "messages",  # hops of control packets, up and down
    "over",  # largest use of a node's budget, 1 = full
    "certificate",  # what the slot adds to the regret certificate of a gradient policy
)
GAIN, COST, LATENCY, INACCURACY, REQUESTS, UPDATES, MEGABYTES, MESSAGES, OVER, CERTIFICATE = range(len(COLUMNS))


class Options(NamedTuple):
    """The options of every request type, by cost, for kernels. A place is ``node * models + model``."""

    start: np.ndarray  # int64 (R+1,): type r has the options start[r] .. start[r+1]-1
    place: np.ndarray  # int64 (O,)
    cost: np.ndarray  # float64 (O,), ms
    latency: np.ndarray  # float64 (O,), ms
    error: np.ndarray  # float64 (O,): 1 - accuracy
    hop: np.ndarray  # int64 (O,): hops from where the request enters
    limit: np.ndarray  # float64 (O,): requests a slot that the model can take there, may be inf
    pinned: np.ndarray  # uint8 (O,): 1 at repositories
    shared: bool  # limits are split in proportion to demand
    load: np.ndarray  # float64 (V M,): workspace, requests of the slot that can reach a place


@kernel
def spread_load(options, demand):
    """Before a slot is served: the requests that can reach each place. Nothing to do without limits."""
    if not options.shared:
        return
    for o in range(options.place.size):
        options.load[options.place[o]] = 0.0
    for r in range(demand.size):
        if demand[r] > 0.0:
            for o in range(options.start[r], options.start[r + 1]):
                options.load[options.place[o]] += demand[r]


@kernel(inline=True)
def potential(options, o, requests):
    """Requests of a type that option `o` can take in a slot, if the model is there."""
    limit = options.limit[o]
    if options.shared and limit < math.inf:
        limit *= requests / options.load[options.place[o]]
    return min(limit, requests)


@kernel
def base_cost(options, r, requests):
    """What `requests` of type `r` cost when only the repositories serve."""
    left = requests
    cost = 0.0
    for o in range(options.start[r], options.start[r + 1]):
        if options.pinned[o] and left > 0.0:
            served = min(left, potential(options, o, requests))
            cost += served * options.cost[o]
            left -= served
    return cost


@kernel
def serve(options, demand, x, row):
    """Serve a slot greedily with the placement (or fractions) `x` and fill the row's first columns.

    Parameters
    ----------
    options : Options
        :func:`spread_load` has been called for this demand.
    demand : float64 array, shape (R,)
        Requests of each type in the slot.
    x : float64 array, shape (V M,)
        Placement, 1 at pinned places.
    row : float64 array, shape (len(COLUMNS),)
        Receives gain, cost, latency, inaccuracy, requests and messages.
    """
    gain = 0.0
    cost = 0.0
    latency = 0.0
    wrong = 0.0
    total = 0.0
    messages = 0.0
    for r in range(demand.size):
        requests = demand[r]
        if requests <= 0.0:
            continue
        left = requests
        spent = 0.0
        top = 0
        for o in range(options.start[r], options.start[r + 1]):
            share = x[options.place[o]]
            if share > 0.0:
                served = min(left, share * potential(options, o, requests))
                spent += served * options.cost[o]
                latency += served * options.latency[o]
                wrong += served * options.error[o]
                left -= served
                top = max(top, options.hop[o])
                if left <= 1e-12 * requests:
                    break
        gain += base_cost(options, r, requests) - spent
        cost += spent
        total += requests
        messages += 2.0 * top
    row[GAIN] = gain
    row[COST] = cost
    row[LATENCY] = latency
    row[INACCURACY] = wrong
    row[REQUESTS] = total
    row[MESSAGES] = messages


@kernel
def supergradient(options, demand, y, g):
    """Add the supergradient of the slot's gain at the fractions `y` to `g` (float64, shape (V M,)).

    Returns the number of control-packet hops, up and down.
    """
    messages = 0.0
    for r in range(demand.size):
        requests = demand[r]
        if requests <= 0.0:
            continue
        first, last = options.start[r], options.start[r + 1]
        reached = 0.0
        stop = last - 1
        top = 0
        for o in range(first, last):
            reached += y[options.place[o]] * potential(options, o, requests)
            top = max(top, options.hop[o])
            if reached >= requests * (1.0 - 1e-12):
                stop = o
                break
        ceiling = options.cost[stop]
        for o in range(first, stop):
            if options.cost[o] < ceiling:
                g[options.place[o]] += potential(options, o, requests) * (ceiling - options.cost[o])
        messages += 2.0 * top
    return messages


class Delivery:
    """An inference delivery network: nodes, models, request types.

    Parameters
    ----------
    nodes : sequence of str
        Names, V of them.
    edges : iterable of (node, node, float)
        Links and their round-trip times in ms, both ways the same.
    models : sequence of str
        Names of the catalogue's M models.
    task : array_like of int, shape (M,)
        The task each model solves, 0 .. tasks-1.
    size : array_like of float, shape (M,)
        Size of each model, in the unit of `budget` (MB), > 0.
    accuracy : array_like of float, shape (M,)
        Between 0 and 1.
    delay : array_like of float, shape (M,) or (V, M)
        Inference delay in ms.
    budget : array_like of float, shape (V,)
        What each node can hold beside what is pinned there.
    repositories : mapping of node to sequence of model names, or to ``"all"``
        Models that are held for ever, outside of the budget.
    types : sequence of (int, sequence of node)
        Request types: the task, and the path from where requests enter to a repository.
    alpha : float
        Milliseconds per unit of inaccuracy.
    limit : float or array_like, shape (M,) or (V, M), optional
        Requests that a model can serve in a slot; by default any number.
    split : {"proportional", "own"}
        How request types share a bounded model, see the module.
    name : str, optional

    Raises
    ------
    ParameterError
        One sentence: a link or path through an absent node, a path along an absent link, a disconnected
        graph, a negative number, a model larger than every node, a request type without a repository, or
        with one that can't serve it.

    Examples
    --------
    >>> net = Delivery(
    ...     nodes=["edge", "cloud"], edges=[("edge", "cloud", 40.0)], models=["small", "large"], task=[0, 0],
    ...     size=[1.0, 3.0], accuracy=[0.6, 0.9], delay=[5.0, 20.0], budget=[2.0, 0.0],
    ...     repositories={"cloud": "all"}, types=[(0, ["edge", "cloud"])], alpha=100.0)
    >>> net.gain([10.0], {"edge": ["small"]})  # 45 ms instead of 70 for each of ten requests
    250.0
    """

    def __init__(
        self,
        nodes: Sequence[str],
        edges: Any,
        models: Sequence[str],
        task: Any,
        size: Any,
        accuracy: Any,
        delay: Any,
        budget: Any,
        repositories: Mapping[str, Any],
        types: Any,
        alpha: float,
        limit: Any = None,
        split: str = "proportional",
        name: str = "delivery network",
    ) -> None:
        self.name = str(name)
        self.nodes = tuple(str(n) for n in nodes)
        self.models = tuple(str(m) for m in models)
        for what, names in (("node", self.nodes), ("model", self.models)):
            if not names:
                raise ParameterError(f"give at least one {what}")
            twice = {n for n in names if names.count(n) > 1}
            if twice:
                raise ParameterError(f"the {what} {sorted(twice)[0]!r} is named twice")
        v, m = len(self.nodes), len(self.models)
        self._node = {n: i for i, n in enumerate(self.nodes)}
        self.rtt = self._links(edges)
        self.alpha = check_real("alpha", alpha, 0.0)
        if split not in SPLITS:
            raise unknown("split", str(split), SPLITS)
        self.split = split
        self.task = _whole("task", task, m)
        self.size = _numbers("size", size, (m,), self.models, low=0.0, open_low=True)
        self.accuracy = _numbers("accuracy", accuracy, (m,), self.models, low=0.0, high=1.0)
        self.delay = _matrix("delay", delay, v, m, self.models)
        self.limit = (
            np.full((v, m), math.inf)
            if limit is None
            else _matrix("limit", limit, v, m, self.models, infinite=True)
        )
        self.budget = _numbers("budget", budget, (v,), self.nodes, low=0.0)
        self.pinned = self._pinned(repositories)
        self.types = self._types(types)
        self.options = self._options()
        self._check_repositories()
        #: Places that a policy decides about, by node: reachable, not pinned, not larger than the budget.
        reached = np.zeros(v * m, np.bool_)
        reached[self.options.place] = True
        fits = self.size[None, :] <= self.budget[:, None] * (1 + 1e-12)
        self.open = (reached.reshape(v, m) & fits & ~self.pinned).reshape(-1)
        self._check_sizes(reached.reshape(v, m))

    # -- reading the parameters --------------------------------------------------------------------
    def _index(self, node: Any, where: str) -> int:
        name = str(node)
        if name not in self._node:
            raise ParameterError(f"{where} names the node {name!r}, which the network does not have")
        return self._node[name]

    def _links(self, edges: Any) -> dict[tuple[int, int], float]:
        links: dict[tuple[int, int], float] = {}
        for edge in edges:
            try:
                a, b, ms = edge
            except (TypeError, ValueError):
                raise ParameterError(f"an edge is (node, node, round-trip time in ms), got {edge!r}") from None
            i, j = self._index(a, "an edge"), self._index(b, "an edge")
            ms = check_real(f"the round-trip time of {a}-{b}", ms, 0.0)
            links[i, j] = links[j, i] = ms
        seen, queue = {0}, [0]
        while queue:
            i = queue.pop()
            for a, b in links:
                if a == i and b not in seen:
                    seen.add(b)
                    queue.append(b)
        if len(seen) < len(self.nodes):
            lost = next(n for i, n in enumerate(self.nodes) if i not in seen)
            raise ParameterError(
                f"the network is not connected: {lost!r} can't be reached from {self.nodes[0]!r}"
            )
        return links

    def _pinned(self, repositories: Mapping[str, Any]) -> np.ndarray:
        pinned = np.zeros((len(self.nodes), len(self.models)), np.bool_)
        for node, held in repositories.items():
            i = self._index(node, "repositories")
            for model in self.models if isinstance(held, str) and held == "all" else held:
                if model not in self.models:
                    raise unknown(f"model at the repository {node!r}", str(model), self.models)
                pinned[i, self.models.index(model)] = True
        return pinned

    def _types(self, types: Any) -> tuple[tuple[int, tuple[int, ...]], ...]:
        found = []
        tasks = int(self.task.max()) + 1
        for number, one in enumerate(types, 1):
            try:
                task, path = one
                nodes = tuple(self._index(n, f"the path of request type {number}") for n in path)
            except (TypeError, ValueError) as error:
                if isinstance(error, ParameterError):
                    raise
                raise ParameterError(f"a request type is (task, path), got {one!r}") from None
            if isinstance(task, bool) or int(task) != task or not 0 <= task < tasks:
                raise ParameterError(
                    f"the task of request type {number} must be 0 .. {tasks - 1}, got {task!r}"
                )
            if not nodes:
                raise ParameterError(f"the path of request type {number} is empty")
            if len(set(nodes)) < len(nodes):
                raise ParameterError(f"the path of request type {number} visits a node twice")
            for a, b in itertools.pairwise(nodes):
                if (a, b) not in self.rtt:
                    raise ParameterError(
                        f"the path of request type {number} uses the link {self.nodes[a]}-{self.nodes[b]}, "
                        "which the network does not have"
                    )
            found.append((int(task), nodes))
        if not found:
            raise ParameterError("give at least one request type")
        return tuple(found)

    def _options(self) -> Options:
        m = len(self.models)
        columns: list[list[np.ndarray]] = [[] for _ in range(7)]
        lengths = [0]
        by_task = [np.flatnonzero(self.task == i) for i in range(int(self.task.max()) + 1)]
        for task, path in self.types:
            mine = by_task[task]
            away = np.concatenate([[0.0], np.cumsum([self.rtt[a, b] for a, b in itertools.pairwise(path)])])
            place = (np.array(path)[:, None] * m + mine[None, :]).reshape(-1)
            latency = (away[:, None] + self.delay[np.ix_(np.array(path), mine)]).reshape(-1)
            error = np.broadcast_to(1.0 - self.accuracy[mine], (len(path), mine.size)).reshape(-1)
            hop = np.repeat(np.arange(len(path)), mine.size)
            cost = latency + self.alpha * error
            # dearest last; of equally dear ones the nearer first
            order = np.lexsort((place, hop, cost))
            limit, pinned = self.limit.reshape(-1)[place], self.pinned.reshape(-1)[place]
            for column, values in zip(columns, (place, cost, latency, error, hop, limit, pinned), strict=True):
                column.append(values[order])
            lengths.append(order.size)
        place, cost, latency, error, hop, limit, pinned = (np.concatenate(c) for c in columns)
        bounded = bool(np.isfinite(limit).any())
        return Options(
            np.cumsum(lengths).astype(np.int64),
            place.astype(np.int64),
            cost.astype(np.float64),
            latency.astype(np.float64),
            error.astype(np.float64),
            hop.astype(np.int64),
            limit.astype(np.float64),
            pinned.astype(np.uint8),
            bounded and self.split == "proportional",
            np.zeros(len(self.nodes) * m),
        )

    def _check_repositories(self) -> None:
        o = self.options
        for r, (task, path) in enumerate(self.types):
            inside = slice(o.start[r], o.start[r + 1])
            if not o.pinned[inside].any():
                raise ParameterError(
                    f"request type {r + 1} (task {task}, from {self.nodes[path[0]]!r}) "
                    "has no repository on its path"
                )

    def _check_sizes(self, reached: np.ndarray) -> None:
        homeless = ~self.open.reshape(reached.shape).any(axis=0) & ~self.pinned.any(axis=0)
        if homeless.any():
            i = int(np.argmax(homeless))
            raise ParameterError(
                f"the model {self.models[i]!r} ({self.size[i]:g}) can be held nowhere: "
                f"the largest budget is {self.budget.max():g}"
            )

    # -- facts -------------------------------------------------------------------------------------
    @property
    def places(self) -> int:
        """Number of (node, model) pairs, V M."""
        return len(self.nodes) * len(self.models)

    def check_demand(self, demand: Any) -> np.ndarray:
        """Requests per slot and type as float64 of shape (T, R), or one sentence of why not.

        Raises
        ------
        ParameterError
            A wrong shape; a number that is negative or not finite; a slot with more requests of a type than
            its repositories can serve.
        """
        r = len(self.types)
        try:
            d = np.ascontiguousarray(demand, dtype=np.float64)
        except (TypeError, ValueError):
            raise ParameterError("demand must be numbers of shape (slots, request types)") from None
        if d.ndim != 2 or d.shape[1] != r:
            raise ParameterError(f"demand must have shape (slots, {r}), got {d.shape}")
        bad = ~(np.isfinite(d) & (d >= 0.0))
        if bad.any():
            t, i = (int(k) for k in np.argwhere(bad)[0])
            raise ParameterError(
                f"demand must be finite and at least 0, got {d[t, i]} of type {i + 1} in slot {t + 1}"
            )
        o = self.options
        if np.isfinite(o.limit[o.pinned == 1]).any():
            short = _first_unserved(o, d)
            if short >= 0:
                t, i = divmod(short, r)
                raise ParameterError(
                    f"slot {t + 1} asks {d[t, i]:g} times for type {i + 1}: "
                    "more than its repositories can serve"
                )
        return d

    def placement(self, held: Mapping[str, Sequence[str]] | None = None) -> np.ndarray:
        """What is held as float64 of shape (V M,): the pinned models, and `held` (node -> models)."""
        x = self.pinned.reshape(-1).astype(np.float64)
        for node, models in (held or {}).items():
            i = self._index(node, "the placement")
            for model in models:
                if model not in self.models:
                    raise unknown(f"model at {node!r}", str(model), self.models)
                x[i * len(self.models) + self.models.index(model)] = 1.0
        return x

    def named(self, x: np.ndarray) -> dict[str, list[str]]:
        """A placement as node -> models held there beside what is pinned."""
        inside = np.asarray(x).reshape(len(self.nodes), len(self.models)) > 0.5
        return {
            n: [self.models[j] for j in np.flatnonzero(inside[i] & ~self.pinned[i])]
            for i, n in enumerate(self.nodes)
            if (inside[i] & ~self.pinned[i]).any()
        }

    def gain(self, requests: Any, held: Any = None) -> float:
        """The gain in ms of one slot under a placement (node -> models) or a vector of fractions (V M,)."""
        d = self.check_demand(np.atleast_2d(np.asarray(requests, dtype=np.float64)))
        if held is None or isinstance(held, Mapping):
            x = self.placement(held)
        else:
            x = np.array(held, dtype=np.float64)
            if x.shape != (self.places,):
                raise ParameterError(f"fractions must have shape ({self.places},), got {x.shape}")
        row = np.zeros(len(COLUMNS))
        spread_load(self.options, d[0])
        serve(self.options, d[0], x, row)
        return float(row[GAIN])

    def spread(self) -> float:
        """Delta_C, the largest difference in ms between two options of one request type."""
        o = self.options
        return float(max(o.cost[b - 1] - o.cost[a] for a, b in zip(o.start[:-1], o.start[1:])))

    def __repr__(self) -> str:
        return (
            f"<Delivery {self.name!r}: {len(self.nodes)} nodes, {len(self.models)} models, "
            f"{len(self.types)} request types>"
        )


@kernel
def _first_unserved(options, demand):
    """Slot * types + type of the first demand that the repositories can't serve, or -1."""
    for t in range(demand.shape[0]):
        spread_load(options, demand[t])
        for r in range(demand.shape[1]):
            requests = demand[t, r]
            if requests <= 0.0:
                continue
            reach = 0.0
            for o in range(options.start[r], options.start[r + 1]):
                if options.pinned[o]:
                    reach += potential(options, o, requests)
            if reach < requests * (1.0 - 1e-9):
                return t * demand.shape[1] + r
    return -1


def _numbers(
    name: str,
    value: Any,
    shape: tuple[int, ...],
    labels: Sequence[str],
    low: float = -math.inf,
    high: float = math.inf,
    open_low: bool = False,
    infinite: bool = False,
) -> np.ndarray:
    try:
        array = np.array(value, dtype=np.float64)
    except (TypeError, ValueError):
        raise ParameterError(f"{name} must be numbers of shape {shape}, got {value!r}") from None
    if array.shape != shape:
        raise ParameterError(f"{name} must have shape {shape}, got {array.shape}")
    fine = (array > low if open_low else array >= low) & (array <= high)
    if not infinite:
        fine &= np.isfinite(array)
    if not fine.all():
        where = np.argwhere(~fine)[0]
        allowed = f"{'above' if open_low else 'at least'} {low:g}" + (
            f" and at most {high:g}" if high < math.inf else ""
        )
        raise ParameterError(
            f"{name} of {labels[int(where[-1])]!r} must be a number {allowed}, got {array[tuple(where)]:g}"
        )
    return array


def _matrix(name: str, value: Any, v: int, m: int, labels: Sequence[str], infinite: bool = False) -> np.ndarray:
    array = np.asarray(value, dtype=np.float64)
    if array.ndim < 2:
        try:
            array = np.broadcast_to(array, (m,))
        except ValueError:
            raise ParameterError(f"{name} must have shape ({m},) or ({v}, {m}), got {array.shape}") from None
        array = np.broadcast_to(array, (v, m))
    return _numbers(name, array, (v, m), labels, low=0.0, infinite=infinite)


def _whole(name: str, value: Any, m: int) -> np.ndarray:
    array = np.asarray(value)
    if array.shape != (m,) or array.dtype.kind not in "iu" or (array.size and array.min() < 0):
        raise ParameterError(f"{name} must be {m} whole numbers of at least 0, got {value!r}")
    return array.astype(np.int64)
