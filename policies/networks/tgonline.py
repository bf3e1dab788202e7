"""TGOnline with frozen colours: tabular greedy, a Hedge selector a slot, slots in a fixed random order [1]_.

A node with capacity c has c slots. Each slot draws one of M colours at the start; slots are ordered by
(colour, node, position). For a request of item i, W_v is the weight from node v to the server. Slot s at v
is told, whatever it holds: F for every item but i and max(F, W_v) for i, where F is the largest W among the
slots of the path that come before s and hold i. So only D = max(0, W_v - F)
matters, and one log weight changes:

    lw[s, i] += eta D,    log Z[s] += log(1 + p (e^{eta D} - 1)),    p = exp(lw[s, i] - log Z[s]).

Uncoupled, a slot is redrawn after every visit, so "does s hold i" is a fresh Bernoulli(p). Coupled, a slot
jumps to i with probability 1 - 1/Z', Z' = 1 + p (e^{eta D} - 1): the same marginals, few changes.

Cost: O(slots of the path) a request, whatever the items and colours. Memory: 8 bytes a (slot, item).

Certificate: the realised regret of slot s is max_i lw[s, i] / eta - sum p D. With a fixed order of slots the
expected gain is at least half of (best static gain - sum of the realised regrets): the argument that greedy
earns half, with an error a slot; derived here, not in [1]_. A selector's regret is at most
ln N / eta + eta sum W^2 / 8 on every sequence (Hedge). The (1 - 1/e) of [1]_ needs colours redrawn at each
request, which is not done here.

References
----------
.. [1] Y. Li, T. Si Salem, G. Neglia and S. Ioannidis, "Online caching networks with adversarial guarantees",
   SIGMETRICS 2022.
"""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import numpy as np

from olearn._jit import kernel
from olearn._rng import below, generator, new_state, uniform
from olearn.errors import ParameterError, check_positive_int, check_real


class State(NamedTuple):
    eta: float
    coupled: int
    logs: np.ndarray  # log weights, float64 (slots, items)
    norm: np.ndarray  # log Z, float64 (slots,)
    holds: np.ndarray  # content, int64 (slots,); uncoupled, as it was last looked at
    stale: np.ndarray  # whether a slot was visited since, uint8 (slots,); uncoupled only
    best: np.ndarray  # largest log weight, float64 (slots,)
    earned: np.ndarray  # sum of p D, float64 (slots,)
    square: np.ndarray  # sum of W^2 over visits, float64 (slots,)
    way: np.ndarray  # path of each demand, int64 (demands,)
    first: np.ndarray  # its slots are slot[first[w] : first[w + 1]], in their order
    slot: np.ndarray
    worth: np.ndarray  # W of that slot on that path
    item: np.ndarray
    total: np.ndarray  # weight of a demand's path
    random: np.ndarray


def init(network: Any, eta: float, coupled: bool, colours: int, seed: int) -> State:
    """State at the start: uniform selectors, a random order of the slots."""
    node = np.repeat(np.arange(network.nodes), network.capacity)
    colour = generator(seed, 1).integers(colours, size=len(node))
    order = np.lexsort((np.arange(len(node)), colour))
    rank = np.empty(len(node), dtype=np.int64)
    rank[order] = np.arange(len(node))
    begins = np.concatenate([[0], np.cumsum(network.capacity)])
    known: dict[bytes, int] = {}
    way = np.empty(len(network.item), dtype=np.int64)
    slots: list[np.ndarray] = []
    worths: list[np.ndarray] = []
    for d in range(len(network.item)):
        low, high = int(network.start[d]), int(network.start[d + 1])
        w = known.setdefault(network.path[low:high].tobytes(), len(slots))
        way[d] = w
        if w == len(slots):
            inner = range(low, high - 1)
            on = [np.arange(begins[network.path[k]], begins[network.path[k] + 1]) for k in inner]
            here = np.concatenate([np.empty(0, dtype=np.int64), *on])
            saved = np.repeat(network.upstream[low : high - 1], [len(part) for part in on])
            by_rank = np.argsort(rank[here])
            slots.append(here[by_rank])
            worths.append(saved[by_rank])
    first = np.concatenate([[0], np.cumsum([len(part) for part in slots])]).astype(np.int64)
    holds = generator(seed, 2).integers(network.items, size=len(node), dtype=np.int64)
    zeros = [np.zeros(len(node)) for _ in range(3)]
    return State(
        eta, int(coupled), np.zeros((len(node), network.items)), np.full(len(node), math.log(network.items)),
        holds, np.zeros(len(node), dtype=np.uint8), zeros[0], zeros[1], zeros[2], way, first,
        np.concatenate(slots).astype(np.int64),
        np.concatenate(worths).astype(np.float64), network.item, network.upstream[network.start[:-1]],
        new_state(seed, 3),
    )  # fmt: skip


@kernel
def step(state, demand):
    """Serve one request and learn from it; returns the weight saved (one way)."""
    i = state.item[demand]
    w = state.way[demand]
    covered = 0.0  # F, over the slots passed so far
    for k in range(state.first[w], state.first[w + 1]):
        s = state.slot[k]
        here = state.worth[k]
        p = math.exp(min(0.0, state.logs[s, i] - state.norm[s]))
        held = state.holds[s] == i if state.coupled else uniform(state.random) < p
        more = here - covered
        state.stale[s] = 1
        state.square[s] += here * here
        if more > 0.0:
            grown = math.log1p(p * math.expm1(state.eta * more))
            state.logs[s, i] += state.eta * more
            state.norm[s] += grown
            state.best[s] = max(state.best[s], state.logs[s, i])
            state.earned[s] += p * more
            if state.coupled and uniform(state.random) < -math.expm1(-grown):
                state.holds[s] = i
        if held:
            covered = max(covered, here)
    return covered


@kernel
def run(state, demands, gains):
    """Serve requests (int32 demands) in order; the weight each saved goes to `gains` (float64)."""
    for t in range(len(demands)):
        gains[t] = step(state, demands[t])
    return 0


@kernel
def draw(state, out):
    """The content of every slot now, into `out` (int64); uncoupled, slots visited since are drawn anew."""
    for s in range(len(out)):
        if not state.coupled and state.stale[s]:
            left = uniform(state.random)
            state.holds[s] = below(state.random, state.logs.shape[1])  # if rounding leaves a rest
            for i in range(state.logs.shape[1]):
                left -= math.exp(state.logs[s, i] - state.norm[s])
                if left < 0.0:
                    state.holds[s] = i
                    break
        state.stale[s] = 0
        out[s] = state.holds[s]
    return 0


class TGOnline:
    """TGOnline on a network of caches, colours frozen; see the module for rule, cost and certificate.

    Parameters
    ----------
    network : Network
    eta : float
        Step of the selectors, per unit of weight.
    coupled : bool
        Slots change what they hold as rarely as the marginals allow.
    colours : int
        Colours that the order of the slots is drawn from.
    seed : int

    Examples
    --------
    >>> import numpy as np
    >>> from olearn.traces.networks import build
    >>> line = build(2, [(0, 1, 2.0)], [1, 0], [1, 1], [(0, [0, 1], 1.0), (1, [0, 1], 1.0)])
    >>> policy = TGOnline(line, eta=0.5, seed=1)
    >>> bool(policy.run(np.zeros(1000, dtype=np.int32))[-500:].mean() > 1.99)
    True
    """

    name = "tgonline"

    def __init__(
        self, network: Any, *, eta: float = 0.0005, coupled: bool = False, colours: int = 100, seed: int = 0
    ) -> None:
        if not network.capacity.any():
            raise ParameterError("tgonline needs a node with capacity, got a network where every capacity is 0")
        self.network = network
        self.eta = check_real("eta", eta, 0.0, open_low=True)
        colours = check_positive_int("colours", colours)
        self.state = init(network, self.eta, bool(coupled), colours, seed)

    def run(self, demands: np.ndarray) -> np.ndarray:
        """Serve requests (demand numbers in order); returns the weight each saved, one way (float64)."""
        gains = np.empty(len(demands))
        run(self.state, np.ascontiguousarray(demands, dtype=np.int32), gains)
        return gains

    def placement(self) -> np.ndarray:
        """What each node holds now (bool, nodes x items); uncoupled, O(slots visited since x items)."""
        out = np.empty(len(self.state.norm), dtype=np.int64)
        draw(self.state, out)
        held = np.zeros((self.network.nodes, self.network.items), dtype=bool)
        held[np.repeat(np.arange(self.network.nodes), self.network.capacity), out] = True
        return held

    def regrets(self) -> np.ndarray:
        """Realised regret of each slot's selector so far (float64, slots)."""
        return self.state.best / self.eta - self.state.earned

    def regret_bounds(self) -> np.ndarray:
        """What Hedge guarantees each selector on the visits so far (float64, slots)."""
        return math.log(self.network.items) / self.eta + self.eta * self.state.square / 8
