"""BSCA: supergradient ascent on the relaxed gain after every request, caches that hold fractions [1]_.

Every node keeps fractions y in {0 <= y <= 1, sum y <= c_v} (coded parts of items, so that parts at different
nodes add up), 0 at the start. A request earns the relaxed gain sum_k w_k min(1, sum_{j <= k} y); then the
nodes on its path step by eta times the supergradient, the weight from the node where the sum of fractions
exceeds 1 to each, and project.

    eta = D / (G sqrt(T)),  D^2 = sum_v c_v,  G^2 = max over demands of sum_k W_k^2,

W_k the weight from place k of a path to the server, T the horizon (the requests served where none is given:
10,000).

Bound, on every sequence, against the best fractional placement (so against every whole one): gradient ascent
with a fixed step, D^2 / (2 eta) + eta T G^2 / 2 = D G sqrt(T) at the default. After a run, with the gradients
that were met: D^2 / (2 eta) + eta sum ||g||^2 / 2. The certificate is max over y* of sum <g, y* - y>.

Cost: O(fractions above 0 of the nodes passed) a request, a few passes. Memory: 29 bytes a (node, item).
Messages: to where the message turns and back. The fractions that nodes hold are no placement: `update_cost`
counts items held wholly only.

References
----------
.. [1] G. Paschos, A. Destounis and G. Iosifidis, "Online convex optimization for caching networks", IEEE/ACM
ToN 28(2),
   2020 (bipartite supergradient caching algorithm; here with the gain of any network of paths).
"""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import numpy as np

from olearn._jit import kernel
from olearn.bounds import Bound, declared
from olearn.errors import check_real
from olearn.geometry.euclidean import project_capped_simplex
from olearn.policies.networks._base import NetworkPolicy
from olearn.policies.networks._gradients import largest


class State(NamedTuple):
    eta: float
    capacity: np.ndarray
    y: np.ndarray  # fractions, float64 (nodes, items)
    sums: np.ndarray  # of the fractions of each node, float64 (nodes,)
    whole: np.ndarray  # all gradients, float64 (nodes, items)
    active: np.ndarray  # items with a fraction, int32 (nodes, items)
    actives: np.ndarray  # how many, int64 (nodes,)
    inner: np.ndarray  # sums of <g, y> and ||g||^2, float64 (2,)
    values: np.ndarray  # workspace, float64 (items,)
    projected: np.ndarray  # workspace, float64 (items,)
    item: np.ndarray
    start: np.ndarray
    path: np.ndarray
    upstream: np.ndarray


@kernel
def ascend(state, v, i, more):
    """Add `more` to the fraction of item i at node v, and project."""
    before = state.y[v, i]
    if before == 0.0:
        state.active[v, state.actives[v]] = i
        state.actives[v] += 1
    state.y[v, i] = before + more
    state.sums[v] += min(1.0, before + more) - before
    if state.sums[v] <= state.capacity[v]:
        state.y[v, i] = min(1.0, state.y[v, i])
        return 0
    n = state.actives[v]
    for k in range(n):
        state.values[k] = state.y[v, state.active[v, k]]
    project_capped_simplex(state.values[:n], np.float64(state.capacity[v]), state.projected[:n], np.nan)
    kept = 0
    total = 0.0
    for k in range(n):
        j = state.active[v, k]
        state.y[v, j] = state.projected[k] if state.projected[k] > 1e-15 else 0.0
        total += state.y[v, j]
        if state.y[v, j] > 0.0:
            state.active[v, kept] = j
            kept += 1
    state.actives[v] = kept
    state.sums[v] = total
    return 0


@kernel
def step(state, demand):
    """Serve one request, learn from it; returns the weight saved and the hops to where the message turned."""
    i = state.item[demand]
    low, last = state.start[demand], state.start[demand + 1] - 1
    gain = 0.0
    held = 0.0
    stop = last
    for k in range(low, last):
        held += state.y[state.path[k], i]
        gain += (state.upstream[k] - state.upstream[k + 1]) * min(1.0, held)
        if held > 1.0 and stop == last:
            stop = k
    for k in range(low, stop):
        v = state.path[k]
        worth = state.upstream[k] - state.upstream[stop]
        if state.capacity[v] == 0 or worth == 0.0:
            continue
        state.whole[v, i] += worth
        state.inner[0] += worth * state.y[v, i]
        state.inner[1] += worth * worth
        ascend(state, v, i, state.eta * worth)
    return gain, stop - low


@kernel
def run(state, demands, times, gains, messages):
    """Serve requests (int32 demands) in order."""
    for t in range(len(demands)):
        gain, hops = step(state, demands[t])
        gains[t] = gain
        messages[t] = 2 * hops
    return 0


class BSCA(NetworkPolicy):
    """Supergradient ascent with fractional caches; see the module.

    Parameters
    ----------
    network : Network
    horizon : int, optional
        Requests T that the step is tuned for.
    eta : float, optional
        Step, per unit of weight.
    seed : int
        Not used.

    Examples
    --------
    >>> import numpy as np
    >>> from olearn.traces.networks import build
    >>> line = build(2, [(0, 1, 2.0)], [1, 0], [1, 1], [(0, [0, 1], 1.0), (1, [0, 1], 1.0)])
    >>> float(BSCA(line, 1000).run(np.zeros(1000, dtype=np.int32))[-500:].mean())
    2.0
    """

    name = "bsca"
    rule = (
        "after every request the nodes of its path follow the supergradient of the relaxed gain, in fractions"
    )
    reference = "G. Paschos, A. Destounis and G. Iosifidis, IEEE/ACM ToN 2020"
    randomised = False
    fractional = True
    kernel = staticmethod(run)

    def __init__(
        self, network: Any, horizon: int | None = None, *, eta: float | None = None, seed: int = 0
    ) -> None:
        super().__init__(network, horizon, seed=seed)
        self.eta = None if eta is None else check_real("eta", eta, 0.0, open_low=True)

    def _sizes(self) -> tuple[float, float]:
        """D^2 and G^2."""
        net = self.network
        spread = float(net.capacity.sum())  # from fractions of 0 to the furthest
        squares = np.where(net.capacity[net.path] > 0, net.upstream, 0.0) ** 2
        return spread, float(np.add.reduceat(squares, net.start[:-1]).max()) or 1.0

    def step_size(self) -> float:
        """The step in use."""
        if self.eta is not None:
            return self.eta
        spread, square = self._sizes()
        return math.sqrt(spread / (square * (self.horizon or 10_000)))

    def _init(self) -> State:
        net = self.network
        shape = (net.nodes, net.items)
        return State(
            self.step_size(), net.capacity, np.zeros(shape), np.zeros(net.nodes), np.zeros(shape),
            np.zeros(shape, dtype=np.int32), np.zeros(net.nodes, dtype=np.int64), np.zeros(2),
            np.zeros(net.items), np.zeros(net.items), net.item, net.start, net.path, net.upstream,
        )  # fmt: skip

    def placement(self) -> np.ndarray:
        """Which items each node holds wholly (bool, nodes x items)."""
        return np.asarray(self.state.y >= 1.0 - 1e-9)

    def fractions(self) -> np.ndarray:
        """The fractions now (float64, nodes x items)."""
        return np.asarray(self.state.y.copy())

    def bound(self, requests: int | None = None) -> Bound | None:
        """Gradient ascent with a fixed step, on the gradients so far, one way."""
        spread, square = self._sizes()
        eta = self.step_size()
        met = (
            float(self.state.inner[1])
            if self._state is not None
            else square * (requests or self.horizon or 10_000)
        )
        return declared(
            spread / (2 * eta) + eta * met / 2,
            "D^2 / (2 eta) + eta sum ||g||^2 / 2",
            "best fractional placement",
            "every sequence",
            (),
            "gradient ascent; derived in the policy's module",
        )

    def certificate(self) -> float | None:
        """Best sum <g, y*> - sum <g, y> of this run, one way."""
        return largest(self.state.whole, self.state.capacity) - float(self.state.inner[0])
