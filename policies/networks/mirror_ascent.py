"""Online mirror ascent on the concave relaxation, lazily: only what is asked for is touched.

Node v keeps fractions y on {0 <= y <= 1, sum y = c_v}, c_v / N each at the start. A message explores the path
of each request as for `pga` and brings every node before its turn a supergradient. At the end of a slot of
`period` units of time

    y_i <- y_i e^{eta g_i},    then y_i <- min(1, y_i / lambda) with sum y = c_v,

g the slot's gradient. Fractions are kept as y_i = a w_i: an item that is not asked for changes through a alone,
and since y_i e^{eta g_i} >= y_i, lambda is at least 1, so that only items of this slot can reach the cap. w
never falls, so that the sums of a Fenwick tree over w lose nothing; when a gets below 1e-200 all is rescaled,
which visits every item. An item that is asked for again has at least `floor` (1e-12): without it a forgotten
item needs as long as it was forgotten.

``eta=None`` tunes the step of each node to its gradients so far, sqrt(ln(N/c) / sum max_i g_i^2)
(self-confident; the largest gradient of this slot counts already); a number is a fixed step, per unit of
weight.

Rounding, once a slot: ``madow`` (systematic, a fresh offset), ``coupled`` (one offset a node for ever: few
changes), ``depround``, ``swap``. All keep the marginals and fill the capacity exactly.

Cost: O(nodes passed) a request; a slot O(k log N) a node for the k items asked for there and, with Madow's
comb, O(c log N); ``depround`` O(N), ``swap`` O(N^2) a node and slot. Memory: 33 bytes a (node, item).

Certificate and bound, in expectation against 1 - 1/e of the best fractional placement: nodes draw
independently, so E gain >= (1 - 1/e) relaxed gain, and the regret of the concave relaxation is at most sum <g,
y* - y>, which the certificate takes for the best y* at the gradients met. No bound is declared beforehand:
with steps tuned on the way the usual one needs a bounded divergence, which the floor gives only up to
ln(1/floor).

References
----------
.. [1] T. Si Salem, G. Neglia and S. Ioannidis, "No-regret caching via online mirror descent", ACM ToMPECS 8(4),
   2023 (one cache); on networks with the relaxation of Ioannidis and Yeh, SIGMETRICS 2016.
"""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import numpy as np

from olearn._jit import kernel
from olearn._rng import generator, new_state, uniform
from olearn.errors import check_real, unknown
from olearn.geometry.rounding.deprounding import BERNOULLI, depround
from olearn.geometry.rounding.swap import swap
from olearn.policies.networks._base import NetworkPolicy
from olearn.policies.networks._gradients import ALPHA, SLACK, largest

ROUNDINGS = ("madow", "coupled", "depround", "swap")
#: Below this a is multiplied into the weights.
TINY = 1e-200


class State(NamedTuple):
    eta: float  # 0: tuned
    floor: float
    period: float
    rounding: int
    capacity: np.ndarray
    scale: np.ndarray  # a, float64 (nodes,)
    weight: np.ndarray  # w, float64 (nodes, items)
    tree: np.ndarray  # Fenwick sums of w, float64 (nodes, items + 1)
    gradient: np.ndarray  # of this slot, float64 (nodes, items)
    whole: np.ndarray  # of all slots, float64 (nodes, items)
    touched: np.ndarray  # items with a gradient in this slot, int32 (nodes, items)
    touches: np.ndarray  # how many, int64 (nodes,)
    holds: np.ndarray  # uint8 (nodes, items)
    content: np.ndarray  # items held, int32 (nodes, largest capacity)
    contents: np.ndarray  # how many, int64 (nodes,)
    offset: np.ndarray  # of the comb of each node, float64 (nodes,)
    largest: np.ndarray  # sum of max_i g_i^2, float64 (nodes,)
    clock: np.ndarray  # end of this slot, float64 (1,)
    inner: np.ndarray  # sum of <g, y>, float64 (1,)
    fractions: np.ndarray  # workspace, float64 (items,)
    cuts: np.ndarray  # workspace, float64 (items + 1,)
    chosen: np.ndarray  # workspace, uint8 (items,)
    other: np.ndarray  # workspace, uint8 (items,)
    whole_part: np.ndarray  # 0 and N, int64 (2,)
    empty: np.ndarray
    item: np.ndarray
    start: np.ndarray
    path: np.ndarray
    upstream: np.ndarray
    random: np.ndarray


@kernel
def plant(state, v):
    """Build the Fenwick tree of node v from its weights."""
    n = state.weight.shape[1]
    for i in range(1, n + 1):
        state.tree[v, i] = state.weight[v, i - 1]
    for i in range(1, n + 1):
        up = i + (i & -i)
        if up <= n:
            state.tree[v, up] += state.tree[v, i]
    return 0


@kernel
def add(state, v, i, more):
    """Add to the weight of item i at node v."""
    state.weight[v, i] += more
    n = state.weight.shape[1]
    at = i + 1
    for _ in range(64):
        if at > n:
            break
        state.tree[v, at] += more
        at += at & -at
    return 0


@kernel
def total(state, v):
    """Sum of the weights of node v."""
    found = 0.0
    at = state.weight.shape[1]
    for _ in range(64):
        if at == 0:
            break
        found += state.tree[v, at]
        at -= at & -at
    return found


@kernel
def find(state, v, target):
    """The item in whose weight `target` falls when all are laid in a row."""
    n = state.weight.shape[1]
    bit = 1
    for _ in range(62):
        if 2 * bit > n:
            break
        bit *= 2
    at = 0
    for _ in range(63):
        if bit == 0:
            break
        if at + bit <= n and state.tree[v, at + bit] <= target:
            at += bit
            target -= state.tree[v, at]
        bit //= 2
    return min(at, n - 1)


@kernel
def draw(state, v):
    """Draw what node v holds from its fractions."""
    for k in range(state.contents[v]):
        state.holds[v, state.content[v, k]] = 0
    n = state.weight.shape[1]
    c = state.capacity[v]
    kept = 0
    if state.rounding < 2:
        offset = uniform(state.random) if state.rounding == 0 else state.offset[v]
        unit = total(state, v) / c  # a comb over the exact total: rounding never loses a tooth
        for k in range(c):
            i = find(state, v, (k + offset) * unit)
            if state.holds[v, i] == 0:
                state.holds[v, i] = 1
                state.content[v, kept] = i
                kept += 1
    else:
        for i in range(n):
            state.fractions[i] = min(1.0, state.scale[v] * state.weight[v, i])
        if state.rounding == 2:
            depround(state.random, state.fractions, state.empty, BERNOULLI, state.chosen)
        else:
            swap(state.random, state.fractions, state.whole_part, state.cuts, state.other, state.chosen)
        for i in range(n):
            if state.chosen[i] and kept < c:
                state.holds[v, i] = 1
                state.content[v, kept] = i
                kept += 1
    state.contents[v] = kept
    return 0


@kernel
def ascend(state, v):
    """End a slot at node v: multiply, project, draw."""
    n = state.touches[v]
    c = state.capacity[v]
    if c == 0 or c >= state.weight.shape[1]:
        state.touches[v] = 0
        return 0
    if n > 0:
        top = 0.0
        for k in range(n):
            top = max(top, state.gradient[v, state.touched[v, k]])
        state.largest[v] += top * top
        eta = state.eta
        if eta == 0.0:
            eta = math.sqrt(math.log(state.weight.shape[1] / c) / state.largest[v])
        # Grown fractions of the items asked for; the rest of the mass, as y.
        rest = state.scale[v] * total(state, v)
        grown = 0.0
        for k in range(n):
            i = state.touched[v, k]
            y = state.scale[v] * state.weight[v, i]
            rest -= y
            state.fractions[k] = max(y, state.floor) * math.exp(min(600.0, eta * state.gradient[v, i]))
            grown += state.fractions[k]
            state.chosen[k] = 0
            state.gradient[v, i] = 0.0
        rest = max(rest, 0.0)
        capped = 0
        shrink = (rest + grown) / c
        for _ in range(n):
            again = 0
            for k in range(n):
                if state.chosen[k] == 0 and state.fractions[k] > shrink and capped < c - 1:
                    state.chosen[k] = 1
                    grown -= state.fractions[k]
                    capped += 1
                    again = 1
            if again == 0:
                break
            grown = 0.0
            for k in range(n):
                if state.chosen[k] == 0:
                    grown += state.fractions[k]
            shrink = (rest + grown) / (c - capped)
        shrink = max(shrink, 1.0)
        state.scale[v] /= shrink
        for k in range(n):
            i = state.touched[v, k]
            y = 1.0 if state.chosen[k] else min(1.0, state.fractions[k] / shrink)
            add(state, v, i, max(0.0, y / state.scale[v] - state.weight[v, i]))
        state.touches[v] = 0
        if state.scale[v] < TINY:
            for i in range(state.weight.shape[1]):
                state.weight[v, i] = max(1e-280, state.weight[v, i] * state.scale[v])
            state.scale[v] = 1.0
            plant(state, v)
    draw(state, v)
    return 0


@kernel
def explore(state, demand):
    """Tell the nodes of a path their supergradient; returns the hops to where the message turned."""
    i = state.item[demand]
    low, last = state.start[demand], state.start[demand + 1] - 1
    stop = low
    v = state.path[low]
    held = min(1.0, state.scale[v] * state.weight[v, i])
    while stop < last and held <= 1.0 + SLACK:
        stop += 1
        v = state.path[stop]
        held += min(1.0, state.scale[v] * state.weight[v, i])
    for k in range(low, stop):
        v = state.path[k]
        worth = state.upstream[k] - state.upstream[stop]
        if state.capacity[v] == 0 or worth == 0.0:
            continue
        if state.gradient[v, i] == 0.0:
            state.touched[v, state.touches[v]] = i
            state.touches[v] += 1
        state.gradient[v, i] += worth
        state.whole[v, i] += worth
        state.inner[0] += worth * min(1.0, state.scale[v] * state.weight[v, i])
    return stop - low


@kernel
def run(state, demands, times, gains, messages):
    """Serve requests (int32 demands) in order."""
    for t in range(len(demands)):
        if times[t] >= state.clock[0]:
            for v in range(len(state.capacity)):
                ascend(state, v)
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


def init(network: Any, eta: float, floor: float, period: float, rounding: int, seed: int) -> State:
    """Uniform fractions, and what is drawn from them."""
    nodes, items = network.nodes, network.items
    shape = (nodes, items)
    weight = np.ones(shape)
    weight[network.capacity == 0] = 0.0
    state = State(
        eta, floor, period, rounding, network.capacity, network.capacity / items, weight,
        np.zeros((nodes, items + 1)), np.zeros(shape), np.zeros(shape), np.zeros(shape, dtype=np.int32),
        np.zeros(nodes, dtype=np.int64), np.zeros(shape, dtype=np.uint8),
        np.zeros((nodes, int(network.capacity.max())), dtype=np.int32), np.zeros(nodes, dtype=np.int64),
        generator(seed, 5).random(nodes), np.zeros(nodes), np.array([period]), np.zeros(1), np.zeros(items),
        np.zeros(items + 1), np.zeros(items, dtype=np.uint8), np.zeros(items, dtype=np.uint8),
        np.array([0, items]), np.empty(0), network.item, network.start, network.path, network.upstream,
        new_state(seed, 4),
    )  # fmt: skip
    for v in np.flatnonzero(network.capacity):
        plant(state, v)
        draw(state, v)
    return state


class MirrorAscent(NetworkPolicy):
    """Mirror ascent on the relaxation, lazily; see the module.

    Parameters
    ----------
    network : Network
    horizon : int, optional
        Not used.
    eta : float, optional
        Step, per unit of weight; by default tuned on the way, node by node.
    period : float
        Length of a slot, in units of time.
    rounding : str
        ``"madow"``, ``"coupled"``, ``"depround"`` or ``"swap"``.
    floor : float
        Least fraction of an item that is asked for.
    seed : int

    Examples
    --------
    >>> import numpy as np
    >>> from olearn.traces.networks import build
    >>> line = build(2, [(0, 1, 2.0)], [1, 0], [1, 1], [(0, [0, 1], 1.0), (1, [0, 1], 1.0)])
    >>> bool(MirrorAscent(line).run(np.zeros(1000, dtype=np.int32))[-500:].mean() > 1.99)
    True
    """

    name = "mirror-ascent"
    rule = (
        "every node follows the gradient of the relaxed gain by multiplication, "
        "and draws what it holds once a slot"
    )
    reference = (
        "T. Si Salem, G. Neglia and S. Ioannidis, ACM ToMPECS 2023; relaxation of Ioannidis and Yeh, 2016"
    )
    psi = ALPHA
    kernel = staticmethod(run)

    def __init__(
        self,
        network: Any,
        horizon: int | None = None,
        *,
        eta: float | None = None,
        period: float = 1.0,
        rounding: str = "coupled",
        floor: float = 1e-12,
        seed: int = 0,
    ) -> None:
        super().__init__(network, horizon, seed=seed)
        self.eta = None if eta is None else check_real("eta", eta, 0.0, open_low=True)
        self.period = check_real("period", period, 0.0, open_low=True)
        self.rounding = rounding
        self.floor = check_real("floor", floor, 1e-100, 1e-3)

    def validate(self) -> None:
        super().validate()
        if self.rounding not in ROUNDINGS:
            raise unknown("rounding", self.rounding, ROUNDINGS)

    def _init(self) -> State:
        which = ROUNDINGS.index(self.rounding)
        return init(self.network, self.eta or 0.0, self.floor, self.period, which, self.seed)

    def placement(self) -> np.ndarray:
        return self.state.holds.astype(bool)

    def held(self) -> np.ndarray:
        keys = [
            v * self.network.items + self.state.content[v, :n].astype(np.int64)
            for v, n in enumerate(self.state.contents.tolist())
        ]
        return np.sort(np.concatenate(keys))

    def fractions(self) -> np.ndarray:
        """The fractions now (float64, nodes x items)."""
        return np.asarray(np.minimum(1.0, self.state.scale[:, None] * self.state.weight))

    def certificate(self) -> float | None:
        """(1 - 1/e) (best sum <g, y*> - sum <g, y>) of this run, one way."""
        return ALPHA * (largest(self.state.whole, self.state.capacity) - float(self.state.inner[0]))
