"""LeadCache: follow the perturbed leader on a network, one linear program a slot [1]_.

Before slot t every (query node, item) has its requests so far plus eta_t times a Gaussian that was drawn once;
what is negative counts 0. The program maximises the relaxed gain for these weights, and the fractions are
rounded:

* ``pipage``: deterministic, never below 1 - 1/e of the program's value for the perturbed weights;
* ``madow``: systematic, a fresh offset a node and slot; exact marginals.

    eta_t = n^{3/4} sqrt(t) / ((2 d (ln(N/C) + 1))^{1/4} sqrt(2 m C)),

n query nodes, m caches, C the largest capacity, d the most query nodes that share a cache, t slots served. It
was made for bipartite networks (``--topology bipartite:7:5:3``), where all copies on a path are worth the
same; the program, the weights and pipage do not need that, so it runs on any network. The bound of [1]_,
O~(n^{3/4} d^{1/4} sqrt(m C T)) on 1 - 1/e of the best (pipage), is for one request a query node and slot on
bipartite networks; no constant is stated surely enough to be declared here.

A slot is `period` units of time, by default as long as it takes for one request a query node on average.

Cost: one warm linear program a slot (`olearn.geometry.networks.oracle`): 1e-2 s for 7 users, 5 caches, 1,000
items. Memory: that of the program. Messages: requests and answers, up and down.

References
----------
.. [1] D. Paria and A. Sinha, "LeadCache: regret-optimal caching in networks", NeurIPS 2021.
"""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import numpy as np

from olearn._jit import kernel
from olearn._rng import generator
from olearn.errors import check_real, unknown
from olearn.geometry.networks.oracle import Oracle
from olearn.geometry.rounding.madow import madow
from olearn.policies.networks._base import NetworkPolicy

ROUNDINGS = ("pipage", "madow")


class State(NamedTuple):
    holds: np.ndarray  # uint8 (nodes, items)
    counts: np.ndarray  # requests of each (query node, item), by its first demand; float64 (demands,)
    alike: np.ndarray  # the first demand of the same query node and item, int64 (demands,)
    item: np.ndarray
    start: np.ndarray
    path: np.ndarray
    upstream: np.ndarray


@kernel
def run(state, demands, times, gains, messages):
    """Serve requests from what is held now, and count them."""
    for t in range(len(demands)):
        d = demands[t]
        i = state.item[d]
        low, last = state.start[d], state.start[d + 1] - 1
        stop = low
        while stop < last and state.holds[state.path[stop], i] == 0:
            stop += 1
        gains[t] = state.upstream[stop]
        messages[t] = 2 * (stop - low)
        state.counts[state.alike[d]] += 1.0
    return 0


class LeadCache(NetworkPolicy):
    """Follow the perturbed leader with the program as oracle; see the module.

    Parameters
    ----------
    network : Network
    horizon : int, optional
        Not used.
    rounding : str
        ``"pipage"`` or ``"madow"``.
    eta : float, optional
        eta_t = eta sqrt(t); by default as published.
    period : float, optional
        Length of a slot in units of time.
    seed : int

    Examples
    --------
    >>> import numpy as np
    >>> from olearn.traces.networks import build
    >>> line = build(2, [(0, 1, 2.0)], [1, 0], [1, 1], [(0, [0, 1], 1.0), (1, [0, 1], 1.0)])
    >>> bool(LeadCache(line, seed=1).run(np.zeros(100, dtype=np.int32))[-50:].mean() > 1.8)
    True
    """

    name = "leadcache"
    rule = "every slot the best placement for all requests so far plus noise: a linear program, rounded"
    reference = "D. Paria and A. Sinha, NeurIPS 2021"
    kernel = staticmethod(run)

    def __init__(
        self,
        network: Any,
        horizon: int | None = None,
        *,
        rounding: str = "pipage",
        eta: float | None = None,
        period: float | None = None,
        seed: int = 0,
    ) -> None:
        super().__init__(network, horizon, seed=seed)
        self.rounding = rounding
        self.eta = None if eta is None else check_real("eta", eta, 0.0)
        self.period = None if period is None else check_real("period", period, 0.0, open_low=True)

    def validate(self) -> None:
        super().validate()
        if self.rounding not in ROUNDINGS:
            raise unknown("rounding", self.rounding, ROUNDINGS)

    def _init(self) -> State:
        net = self.network
        query = net.path[net.start[:-1]]
        _, first, group = np.unique(query * net.items + net.item, return_index=True, return_inverse=True)
        self._oracle = Oracle(net)
        self._noise = generator(self.seed, 6).standard_normal(first.size)[group]
        self._draw = generator(self.seed, 7)
        self._slots, self._next = 0, 0.0
        users = np.unique(query).size
        self._length = self.period or users / (float(net.rate.sum()) or 1.0)
        largest = int(net.capacity.max())
        caches = np.flatnonzero(net.capacity)
        shared = max((np.unique(query[self._through(v)]).size for v in caches.tolist()), default=1) or 1
        logarithm = math.log(net.items / largest) + 1.0
        self._eta = self.eta
        if self._eta is None:
            self._eta = users**0.75 / ((2 * shared * logarithm) ** 0.25 * math.sqrt(2 * caches.size * largest))
        state = State(
            np.zeros((net.nodes, net.items), dtype=np.uint8), np.zeros(net.demands), first[group], net.item,
            net.start, net.path, net.upstream,
        )  # fmt: skip
        self._place(state)
        return state

    def _through(self, v: int) -> np.ndarray:
        """The demands whose paths pass node v."""
        at = np.flatnonzero(self.network.path == v)
        return np.searchsorted(self.network.start, at, side="right") - 1

    def _place(self, state: State) -> None:
        """Solve for the requests so far, perturbed, and place what comes out."""
        self._slots += 1
        assert self._eta is not None
        theta = state.counts[state.alike] + self._eta * math.sqrt(self._slots) * self._noise
        theta[theta < 0.0] = 0.0
        first = np.zeros(theta.size, dtype=bool)
        first[np.unique(state.alike)] = True
        theta[~first] = 0.0
        _, y = self._oracle.solve(theta)
        cells = self._oracle.cells
        if self.rounding == "pipage":
            whole = self._oracle.pipage(theta, y) > 0.5
        else:
            whole = np.zeros(y.size, dtype=bool)
            for v in np.unique(cells.node).tolist():
                mine = np.flatnonzero(cells.node == v)
                chosen = np.zeros(mine.size, dtype=np.uint8)
                madow(y[mine], float(self._draw.random()), chosen)
                whole[mine] = chosen > 0
        state.holds[:] = 0
        state.holds[cells.node[whole], cells.item[whole]] = 1

    def serve(self, demands: np.ndarray, times: np.ndarray, gains: np.ndarray, messages: np.ndarray) -> None:
        state = self.state
        low = 0
        while low < len(demands):
            if times[low] >= self._next:
                if self._next > 0.0:
                    self._place(state)
                self._next = (math.floor(times[low] / self._length) + 1) * self._length
            high = int(np.searchsorted(times, self._next, side="left"))
            part = slice(low, max(high, low + 1))
            run(state, demands[part], times[part], gains[part], messages[part])
            low = part.stop

    def placement(self) -> np.ndarray:
        return self.state.holds.astype(bool)
