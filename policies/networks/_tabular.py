"""The slots and selectors of tabular greedy: what `tgonline` and `distributed-tgonline` share.

The rules are told in :mod:`olearn.policies.networks.tgonline`.
"""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import numpy as np

from olearn._jit import kernel
from olearn._rng import below, generator, new_state, uniform
from olearn.bounds import Bound, declared
from olearn.policies.networks._base import NetworkPolicy

_SPREAD = np.uint64(0x9E3779B97F4A7C15)
_SHIFT = np.uint64(29)


class State(NamedTuple):
    eta: float
    coupled: int
    floor: float
    colours: int  # drawn anew at every request; 0: frozen
    items: int
    logs: np.ndarray  # log weights by node, item, position, float64 (slots * items,); frozen
    base: np.ndarray  # that of slot s and item i is logs[base[s] + i stride[s]], int64 (slots,)
    stride: np.ndarray  # int64 (slots,)
    linear: np.ndarray  # u of p = A (u + B), float64 (slots, items); with a floor
    scale: np.ndarray  # A and B, float64 (slots, 2); with a floor
    norm: np.ndarray  # log Z, float64 (selectors,)
    key: np.ndarray  # hash table: selector * items + item or -1, int64; redrawn
    value: np.ndarray  # log weight of that entry, float64
    chain: np.ndarray  # next entry of the same selector or -1, int32
    head: np.ndarray  # first entry of each selector, int32 (selectors,)
    entries: np.ndarray  # int64 (1,): entries
    holds: np.ndarray  # content, int64 (slots,); uncoupled, as it was last looked at
    stale: np.ndarray  # whether a slot was visited since, uint8 (slots,); uncoupled only
    best: np.ndarray  # largest log weight, float64 (selectors,)
    earned: np.ndarray  # sum of p D, float64 (selectors,)
    square: np.ndarray  # sum of W^2 over visits, float64 (selectors,)
    way: np.ndarray  # path of each demand, int64 (demands,)
    first: np.ndarray  # its slots are slot[first[w] : first[w + 1]], in their order
    slot: np.ndarray
    worth: np.ndarray  # W of that slot on that path
    hop: np.ndarray  # edges from the query node to it, int64
    edges: np.ndarray  # edges of each path, int64
    bucket: np.ndarray  # first slot of each colour in this request, int64 (colours,)
    after: np.ndarray  # the next of the same colour, int64 (longest,)
    item: np.ndarray
    random: np.ndarray


def ranks(network: Any, colours: int, seed: int) -> np.ndarray:
    """The place of each slot in the order of (colour, node, position), colours drawn once: int64 (slots,)."""
    slots = int(network.capacity.sum())
    colour = generator(seed, 1).integers(colours, size=slots)
    rank = np.empty(slots, dtype=np.int64)
    rank[np.lexsort((np.arange(slots), colour))] = np.arange(slots)
    return rank


def init(
    network: Any, eta: float, coupled: bool, colours: int, redrawn: bool, floor: float, seed: int
) -> State:
    """State at the start: uniform selectors, a random order of the slots."""
    node = np.repeat(np.arange(network.nodes), network.capacity)
    slots_in_all, items = len(node), network.items
    rank = np.arange(slots_in_all) if redrawn else ranks(network, colours, seed)
    begins = np.concatenate([[0], np.cumsum(network.capacity)])
    known: dict[bytes, int] = {}
    way = np.empty(len(network.item), dtype=np.int64)
    slots: list[np.ndarray] = []
    worths: list[np.ndarray] = []
    hops: list[np.ndarray] = []
    edges: list[int] = []
    for d in range(len(network.item)):
        low, high = int(network.start[d]), int(network.start[d + 1])
        w = known.setdefault(network.path[low:high].tobytes(), len(slots))
        way[d] = w
        if w == len(slots):
            on = [np.arange(begins[v], begins[v + 1]) for v in network.path[low : high - 1]]
            here = np.concatenate([np.empty(0, dtype=np.int64), *on]).astype(np.int64)
            lengths = [len(part) for part in on]
            by_rank = np.argsort(rank[here], kind="stable")
            slots.append(here[by_rank])
            worths.append(np.repeat(network.upstream[low : high - 1], lengths)[by_rank])
            hops.append(np.repeat(np.arange(high - 1 - low), lengths)[by_rank])
            edges.append(high - 1 - low)
    first = np.concatenate([[0], np.cumsum([len(part) for part in slots])]).astype(np.int64)
    longest = int(np.diff(first).max(initial=0))
    selectors = slots_in_all * (colours if redrawn else 1)
    table = 1 << 10 if redrawn else 0
    dense = (0, 0) if redrawn else (slots_in_all, items)
    linear = np.zeros(dense if floor > 0.0 else (0, 0))
    scale = np.tile([1.0, 1.0 / items], (slots_in_all, 1)) if floor > 0.0 else np.zeros((0, 2))
    return State(
        eta, int(coupled), floor, colours if redrawn else 0, items, np.zeros(dense[0] * dense[1]),
        begins[node] * items + np.arange(slots_in_all) - begins[node], network.capacity[node], linear, scale,
        np.full(selectors, math.log(items)), np.full(table, -1, dtype=np.int64), np.zeros(table),
        np.full(table, -1, dtype=np.int32), np.full(selectors if redrawn else 0, -1, dtype=np.int32),
        np.zeros(1, dtype=np.int64), generator(seed, 2).integers(items, size=slots_in_all, dtype=np.int64),
        np.zeros(slots_in_all, dtype=np.uint8), np.zeros(selectors), np.zeros(selectors), np.zeros(selectors),
        way, first, np.concatenate(slots).astype(np.int64), np.concatenate(worths).astype(np.float64),
        np.concatenate(hops).astype(np.int64), np.array(edges, dtype=np.int64),
        np.full(colours if redrawn else 0, -1, dtype=np.int64), np.zeros(longest, dtype=np.int64),
        network.item, new_state(seed, 3),
    )  # fmt: skip


@kernel
def place(key, wanted):
    """Where `wanted` is in the table, or the free place where it belongs."""
    mask = len(key) - 1
    mixed = np.uint64(wanted) * _SPREAD
    at = np.int64((mixed ^ (mixed >> _SHIFT)) & np.uint64(mask))
    for _ in range(len(key)):
        if key[at] == wanted or key[at] < 0:
            break
        at = (at + 1) & mask
    return at


@kernel
def move(state, old_key, old_value):
    """Put the entries of an old table into the empty one of `state`."""
    for k in range(len(old_key)):
        if old_key[k] >= 0:
            at = place(state.key, old_key[k])
            state.key[at] = old_key[k]
            state.value[at] = old_value[k]
            a = old_key[k] // state.items
            state.chain[at] = state.head[a]
            state.head[a] = at
    return 0


@kernel
def floored(state, s, i, more, covered):
    """The step of slot s with a floor; returns by how much log Z grows before the floor is added."""
    scale = state.scale[s, 0]
    base = state.scale[s, 1]
    p = scale * (state.linear[s, i] + base)
    swell = math.exp(min(600.0, state.eta * more))
    # In units in which the others kept their weight: the published code multiplies them by e^{eta F} first.
    low = state.floor * math.exp(-min(600.0, state.eta * covered))
    first = 1.0 + p * (swell - 1.0)
    whole = first + state.items * low
    state.linear[s, i] = (state.linear[s, i] + base) * swell - base
    state.scale[s, 0] = scale / whole
    state.scale[s, 1] = base + low / scale
    if state.scale[s, 0] < 1e-30:
        total = 0.0
        for j in range(state.items):
            state.linear[s, j] = (state.linear[s, j] + state.scale[s, 1]) * state.scale[s, 0]
            total += state.linear[s, j]
        state.scale[s, 0] = 1.0 / total
        state.scale[s, 1] = 0.0
    if state.coupled:
        if uniform(state.random) * first < first - 1.0:
            state.holds[s] = i
        if uniform(state.random) * whole < state.items * low:
            state.holds[s] = below(state.random, state.items)
    return 0


@kernel
def chance(state, s, i):
    """Probability that the selector of slot s, colours frozen, gives item i."""
    if state.floor > 0.0:
        return min(1.0, state.scale[s, 0] * (state.linear[s, i] + state.scale[s, 1]))
    return math.exp(min(0.0, state.logs[state.base[s] + i * state.stride[s]] - state.norm[s]))


@kernel
def learn(state, s, i, p, here, covered):
    """Teach slot s with frozen colours that item i, of probability p, is worth `here` where F is `covered`."""
    at = state.base[s] + i * state.stride[s]
    more = max(0.0, here - covered)
    state.stale[s] = 1
    state.square[s] += here * here
    if more > 0.0:
        state.logs[at] += state.eta * more
        state.best[s] = max(state.best[s], state.logs[at])
        state.earned[s] += p * more
    if state.floor > 0.0:
        floored(state, s, i, more, covered)
    elif more > 0.0:
        grown = math.log1p(p * math.expm1(min(700.0, state.eta * more)))
        state.norm[s] += grown
        if state.coupled and uniform(state.random) < -math.expm1(-grown):
            state.holds[s] = i
    return 0


@kernel
def visit(state, s, i, here, covered):
    """Serve and teach slot s with frozen colours; returns whether it held item i."""
    p = chance(state, s, i)
    held = state.holds[s] == i if state.coupled else uniform(state.random) < p
    learn(state, s, i, p, here, covered)
    return held


@kernel
def visit_redrawn(state, s, colour, i, here, covered):
    """Serve and teach the selector of slot s and `colour`; returns whether the slot held item i."""
    a = s * state.colours + colour
    wanted = a * state.items + i
    at = place(state.key, wanted)
    known = state.key[at] >= 0
    weight = state.value[at] if known else 0.0
    p = math.exp(min(0.0, weight - state.norm[a]))
    held = uniform(state.random) < p
    state.stale[s] = 1
    state.square[a] += here * here
    if here > covered:
        more = here - covered
        if not known:
            state.key[at] = wanted
            state.chain[at] = state.head[a]
            state.head[a] = at
            state.entries[0] += 1
        state.value[at] = weight + state.eta * more
        state.norm[a] += math.log1p(p * math.expm1(min(700.0, state.eta * more)))
        state.best[a] = max(state.best[a], state.value[at])
        state.earned[a] += p * more
    return held


@kernel
def step(state, demand):
    """Serve one request and learn from it; returns the weight saved (one way) and the hops to the copy."""
    i = state.item[demand]
    w = state.way[demand]
    low, high = state.first[w], state.first[w + 1]
    covered = 0.0  # F, over the slots passed so far
    hops = state.edges[w]
    if state.colours == 0:
        for k in range(low, high):
            if visit(state, state.slot[k], i, state.worth[k], covered):
                covered = max(covered, state.worth[k])
                hops = min(hops, state.hop[k])
        return covered, hops
    for k in range(high - 1, low - 1, -1):
        colour = below(state.random, state.colours)
        state.after[k - low] = state.bucket[colour]
        state.bucket[colour] = k
    for colour in range(state.colours):
        k = state.bucket[colour]
        state.bucket[colour] = -1
        for _ in range(high - low):
            if k < 0:
                break
            if visit_redrawn(state, state.slot[k], colour, i, state.worth[k], covered):
                covered = max(covered, state.worth[k])
                hops = min(hops, state.hop[k])
            k = state.after[k - low]
    return covered, hops


@kernel
def run(state, demands, times, gains, messages):
    """Serve requests (int32 demands) in order."""
    for t in range(len(demands)):
        gain, hops = step(state, demands[t])
        gains[t] = gain
        messages[t] = 2 * state.edges[state.way[demands[t]]] + hops
    return 0


@kernel
def draw(state, out):
    """The content of every slot now, into `out` (int64); uncoupled, slots visited since are drawn anew."""
    for s in range(len(out)):
        if not state.coupled and state.stale[s]:
            left = uniform(state.random)
            found = -1
            if state.colours > 0:
                a = s * state.colours + below(state.random, state.colours)
                e = state.head[a]
                for _ in range(state.items):
                    if e < 0:
                        break
                    left -= math.exp(state.value[e] - state.norm[a])
                    if left < 0.0:
                        found = state.key[e] - a * state.items
                        break
                    e = state.chain[e]
                for _ in range(64 * state.items):  # an item of which nothing was learnt
                    if found >= 0:
                        break
                    found = below(state.random, state.items)
                    if state.key[place(state.key, a * state.items + found)] >= 0:
                        found = -1
            elif state.floor > 0.0:
                for i in range(state.items):
                    left -= state.scale[s, 0] * (state.linear[s, i] + state.scale[s, 1])
                    if left < 0.0:
                        found = i
                        break
            else:
                plain = math.exp(-state.norm[s])
                for i in range(state.items):
                    weight = state.logs[state.base[s] + i * state.stride[s]]
                    left -= plain if weight == 0.0 else math.exp(weight - state.norm[s])
                    if left < 0.0:
                        found = i
                        break
            state.holds[s] = found if found >= 0 else below(state.random, state.items)
        state.stale[s] = 0
        out[s] = state.holds[s]
    return 0


class Tabular(NetworkPolicy):
    """Base of the policies on tables of slots; a subclass sets `eta` and `floor` and makes the state."""

    psi = 0.5
    eta: float
    floor: float

    def _tables(self) -> State:
        """The tables in the state."""
        state: State = self.state
        return state

    def _drawn(self) -> tuple[np.ndarray, np.ndarray]:
        out = np.empty(len(self._tables().holds), dtype=np.int64)
        draw(self._tables(), out)
        return np.repeat(np.arange(self.network.nodes), self.network.capacity), out

    def placement(self) -> np.ndarray:
        """What each node holds now (bool, nodes x items); uncoupled, O(slots visited since x items)."""
        held = np.zeros((self.network.nodes, self.network.items), dtype=bool)
        held[self._drawn()] = True
        return held

    def held(self) -> np.ndarray:
        node, item = self._drawn()
        return np.unique(node * self.network.items + item)

    def log_weights(self) -> np.ndarray:
        """Log weights of the selectors (float64, slots x items); frozen colours only."""
        state = self._tables()
        cells = state.base[:, None] + np.arange(self.network.items) * state.stride[:, None]
        return np.asarray(state.logs[cells])

    def regrets(self) -> np.ndarray:
        """Realised regret of each selector so far (float64, slots; slots x colours where redrawn)."""
        return np.asarray(self._tables().best / self.eta - self._tables().earned)

    def regret_bounds(self) -> np.ndarray:
        """What Hedge guarantees each selector on the visits so far (float64, as :meth:`regrets`)."""
        met = self._tables().square > 0.0  # a selector that was never asked regrets nothing
        return np.asarray(met * math.log(self.network.items) / self.eta + self.eta * self._tables().square / 8)

    def bound(self, requests: int | None = None) -> Bound | None:
        """Half of the selectors' bounds on the visits so far: on half of the best placement, minus the gain."""
        if self._state is None or self.floor > 0.0:
            return None
        return declared(
            float(self.regret_bounds().sum()) / 2,
            "sum over selectors of (ln N / eta + eta sum W^2 / 8) / 2",
            "1/2 of the best static placement",
            "in expectation",
            (),
            "Hedge for each selector; greedy earns half: derived in the policy's module",
        )

    def certificate(self) -> float | None:
        """Half of the realised regrets: what this run proves about the same, one way."""
        return float(self.regrets().sum()) / 2
