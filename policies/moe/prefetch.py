"""LRU with an optimistic hint: experts that a predictor names are loaded before they are asked for.

Rule: after the batch of a layer, predict the experts of the layer that comes next (as many as it needed
last time); load those that are missing, evicting by LRU what is not predicted. A predicted expert can't
leave before its layer has been served. Predictors:

* ``"last"``: what the layer needed for the token before;
* ``"transition"``: counts of which expert of the next layer followed which of this one, added up over this
  batch's experts;
* ``"oracle"``: the truth, each expert of it with probability `accuracy`, else one drawn uniformly: how good a
  predictor must be to be of use. It reads the future.

Cost: O(E) a predicted expert with ``"transition"``, O(log C) else. Memory: 33 bytes a (layer, expert) pair,
4 E more with ``"transition"``.

Regret: none is declared; a wrong prediction costs a load and, at worst, a hit each.

Parameters
----------
predictor : {"transition", "last", "oracle"}
accuracy : float, default 0.8
    Of the oracle.

References
----------
.. [1] The optimistic view (a hint that is used and may be wrong): N. Mhaisen, A. Sinha, G. Paschos and G.
   Iosifidis, "Optimistic no-regret algorithms for discrete caching", SIGMETRICS 2023.

Examples
--------
One slot a layer; experts 0, 2 and 1, 3 follow each other, which is learnt in one turn.

>>> cache = Prefetch(capacity=1, groups=[0, 0, 1, 1], layers=[0, 0, 1, 1], predictor="transition")
>>> cache.request_many(list(range(13)), [0, 2, 1, 3] * 3).tolist()[5:]
[True, True, True, True, True, True, True]
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from olearn import _rng
from olearn._jit import kernel
from olearn.errors import ParameterError, check_real, unknown
from olearn.policies.moe._base import MoEPolicy
from olearn.policies.moe._slots import Slots, admit, give, rekey, slots, take

PREDICTORS = ("transition", "last", "oracle")
TRANSITION, LAST, ORACLE = range(3)


class State(NamedTuple):
    """The caches; the first key is 1 for predicted items, the second the last use."""

    slots: Slots
    layers: np.ndarray  # int32 (N,)
    start: np.ndarray  # int64 (L+1,): items of layer l are start[l] .. start[l+1]-1
    before: np.ndarray  # int32 (N,): the last batch of layer l is before[start[l] : start[l] + needed[l]]
    needed: np.ndarray  # int64 (L,)
    follows: np.ndarray  # int32 (N, E): follows[item, e]: times that expert e of the next layer followed
    votes: np.ndarray  # int64 (E,)
    predicted: np.ndarray  # int32 (E,)
    number: np.ndarray  # int64 (4,): predicted now, the layer before (-1), prefetched, of these used
    waiting: np.ndarray  # uint8 (N,): prefetched and not used yet
    predictor: int
    accuracy: float
    future: np.ndarray  # int32: items of all batches, for the oracle
    edges: np.ndarray  # int64: their starts
    rng: np.ndarray  # uint64 (4,)


@kernel
def _forget(state):
    """Predictions have had their turn."""
    for k in range(state.number[0]):
        item = state.predicted[k]
        rekey(state.slots, item, 0.0, state.slots.second[item])
    state.number[0] = 0


@kernel
def _predict(state, batch, layer):
    """Fill `predicted` for the layer after `layer`."""
    following = layer + 1 if layer + 1 < state.needed.size else 0
    first, last = state.start[following], state.start[following + 1]
    if state.predictor == ORACLE:
        b = state.slots.clock[0]
        if b + 1 >= state.edges.size:
            return
        for p in range(state.edges[b], state.edges[b + 1]):
            item = state.future[p]
            if _rng.uniform(state.rng) >= state.accuracy:
                item = first + _rng.below(state.rng, last - first)
            _name(state, item)
        return
    need = state.needed[following]
    if state.predictor == LAST:
        for k in range(need):
            _name(state, state.before[first + k])
        return
    width = last - first
    for e in range(width):
        state.votes[e] = 0
    for item in batch:
        for e in range(width):
            state.votes[e] += state.follows[item, e]
    for _ in range(need):
        best = 0
        for e in range(1, width):
            if state.votes[e] > state.votes[best]:
                best = e
        if state.votes[best] <= 0:
            break
        state.votes[best] = -1
        _name(state, first + best)


@kernel
def _name(state, item):
    for k in range(state.number[0]):
        if state.predicted[k] == item:
            return
    state.predicted[state.number[0]] = item
    state.number[0] += 1


@kernel
def run(state, starts, items, hits):
    s = state.slots
    number = state.number
    for b in range(starts.size - 1):
        batch, found = items[starts[b] : starts[b + 1]], hits[starts[b] : starts[b + 1]]
        if batch.size == 0:
            s.clock[0] += 1
            continue
        layer = np.int64(state.layers[batch[0]])
        take(s, batch, found)
        for k in range(batch.size):
            s.second[batch[k]] = s.clock[0]
            s.first[batch[k]] = 0.0
            number[3] += found[k] and state.waiting[batch[k]] != 0
            state.waiting[batch[k]] = 0
        give(s, batch, found)
        _forget(state)
        if state.predictor == TRANSITION and number[1] >= 0:
            above = number[1]
            for i in range(state.needed[above]):
                for item in batch:
                    state.follows[state.before[state.start[above] + i], item - state.start[layer]] += 1
        for k in range(batch.size):
            state.before[state.start[layer] + k] = batch[k]
        state.needed[layer] = batch.size
        number[1] = layer
        _predict(state, batch, layer)
        for k in range(number[0]):
            item = state.predicted[k]
            rekey(s, item, 1.0, s.second[item])
        for k in range(number[0]):
            if admit(s, state.predicted[k]):
                state.waiting[state.predicted[k]] = 1
                number[2] += 1


class Prefetch(MoEPolicy):
    __doc__ = __doc__

    name = "prefetch"
    rule = "LRU that loads what a predictor names for the next layer"
    reference = "optimistic caching; Mhaisen et al., SIGMETRICS 2023 (the idea)"
    run = staticmethod(run)

    def __init__(
        self,
        capacity: int,
        groups: Any,
        horizon: int | None = None,
        *,
        predictor: str = "transition",
        accuracy: float = 0.8,
        layers: Any = None,
        batches: Any = None,
        seed: int = 0,
    ) -> None:
        super().__init__(capacity, groups, horizon, seed=seed)
        self.predictor = predictor
        self.accuracy = accuracy
        self.layers = layers
        self.batches = batches

    @property
    def reads_ahead(self) -> bool:
        """Whether the predictor is told the future."""
        return self.predictor == "oracle"

    @property
    def stats(self) -> dict[str, float]:
        """Beside what every policy counts: experts prefetched, and how many of these were then used."""
        told = super().stats
        return {
            **told,
            "prefetched": float(self.state.number[2]),
            "prefetched_used": float(self.state.number[3]),
        }

    def validate(self) -> None:
        super().validate()
        if self.predictor not in PREDICTORS:
            raise unknown("predictor", str(self.predictor), PREDICTORS)
        check_real("accuracy", self.accuracy, 0.0, 1.0)

    def _init(self, groups: np.ndarray) -> State:
        if self.layers is None:
            raise ParameterError("prefetch needs to know the layer of each item: give layers")
        layers = np.ascontiguousarray(self.layers, dtype=np.int32)
        if layers.shape != groups.shape or (np.diff(layers) < 0).any():
            raise ParameterError("layers must say the layer of each item, in increasing order")
        if self.reads_ahead and self.batches is None:
            raise ParameterError("the oracle knows the future: give batches (starts, items)")
        starts, items = self.batches if self.batches is not None else ([0], [])
        number = int(layers.max(initial=0)) + 1
        start = np.searchsorted(layers, np.arange(number + 1)).astype(np.int64)
        width = int(np.diff(start).max(initial=1))
        n = groups.size
        return State(
            slots(groups, self.capacity),
            layers,
            start,
            np.zeros(n, np.int32),
            np.zeros(number, np.int64),
            np.zeros((n, width if self.predictor == "transition" else 1), np.int32),
            np.zeros(width, np.int64),
            np.zeros(max(width, n), np.int32),
            np.array([0, -1, 0, 0]),
            np.zeros(n, np.uint8),
            PREDICTORS.index(self.predictor),
            float(self.accuracy),
            np.ascontiguousarray(items, dtype=np.int32),
            np.ascontiguousarray(starts, dtype=np.int64),
            _rng.new_state(self.seed),
        )
