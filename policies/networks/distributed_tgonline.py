"""TGOnline as nodes run it, message by message: what travels, who learns it when, and how much is sent [1]_.

For a request of item i along its path:

1. The *query* climbs until a node holds i (or to the server); the *answer* goes back down.
2. The node that answered sends an *exploration* on to the server (the query itself is one, if it got there).
Every
   node on the path adds (weight from here to the server, order of the slot) for each of its slots that holds i.
3. The server turns it round: on the *return* every node reads the list and teaches its slots; F of a slot is
the
   largest weight in the list whose slot comes before it.

Nodes know nothing else: the weight of node v to the server is learnt once for each demand, when its first
request sends a *probe* up the path and back, which adds up the weights of the edges. What nodes learn is what
`tgonline` computes in one place with colours frozen: Hedge on the same rewards, given what the slots hold.

Messages a request: those hops; without probes twice the edges of the path and the hops to the first copy.
``sent()`` tells them by kind, and the entries that lists carried, times hops: what the control messages weigh.

Cost: O(slots of the path x slots of it that hold i) a request. Memory, certificate and bound: as `tgonline`.

References
----------
.. [1] Y. Li, T. Si Salem, G. Neglia and S. Ioannidis, "Online caching networks with adversarial guarantees",
   SIGMETRICS 2022 (DistributedTGOnline).
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from olearn._jit import kernel
from olearn._rng import uniform
from olearn.errors import ParameterError, check_positive_int, check_real
from olearn.policies.networks._tabular import State as Tables
from olearn.policies.networks._tabular import Tabular, chance, init, learn, ranks

#: What `sent` counts.
KINDS = ("query", "answer", "exploration", "return", "probe", "entries")


class State(NamedTuple):
    tables: Tables
    rank: np.ndarray  # order of each slot, int64 (slots,)
    begins: np.ndarray  # first slot of each node, int64 (nodes + 1,)
    probed: np.ndarray  # whether a demand's weights are known, uint8 (demands,)
    weight: np.ndarray  # of each place of a path to the server, as its node learnt it, float64 (as path)
    edge: np.ndarray  # weight of the edge that leaves each place of a path, float64 (as path)
    worth: np.ndarray  # the list of an exploration: weights, float64 (slots,)
    order: np.ndarray  # and orders of slots, int64 (slots,)
    sent: np.ndarray  # int64, by KINDS
    start: np.ndarray
    path: np.ndarray


@kernel
def ask(state, place, i, listed):
    """The node at this place of a path adds its slots that hold item i to the list; returns its length."""
    v = state.path[place]
    for s in range(state.begins[v], state.begins[v + 1]):
        if state.tables.coupled:
            held = state.tables.holds[s] == i
        else:
            held = uniform(state.tables.random) < chance(state.tables, s, i)
        if held:
            state.worth[listed] = state.weight[place]
            state.order[listed] = state.rank[s]
            listed += 1
    return listed


@kernel
def step(state, demand):
    """Serve one request message by message; returns the place where it was answered, and the hops."""
    i = state.tables.item[demand]
    low, last = state.start[demand], state.start[demand + 1] - 1
    hops = 0
    if state.probed[demand] == 0:
        state.probed[demand] = 1
        for k in range(last - 1, low - 1, -1):
            state.weight[k] = state.weight[k + 1] + state.edge[k]
        state.sent[4] += 2 * (last - low)
        hops += 2 * (last - low)
    stop = low
    listed = 0
    while stop < last:
        listed = ask(state, stop, i, listed)
        if listed > 0:
            break
        stop += 1
    for k in range(stop + 1, last):
        state.sent[5] += listed  # the list as it arrives at this place
        listed = ask(state, k, i, listed)
    if stop < last:
        state.sent[5] += listed
    state.sent[0] += stop - low
    state.sent[1] += stop - low
    state.sent[2] += last - stop
    state.sent[3] += last - low
    hops += (stop - low) + (last - low) * 2
    for k in range(last - 1, low - 1, -1):
        state.sent[5] += listed
        v = state.path[k]
        for s in range(state.begins[v], state.begins[v + 1]):
            covered = 0.0
            for e in range(listed):
                if state.order[e] < state.rank[s]:
                    covered = max(covered, state.worth[e])
            learn(state.tables, s, i, chance(state.tables, s, i), state.weight[k], covered)
    return stop, hops


@kernel
def run(state, demands, times, gains, messages):
    """Serve requests (int32 demands) in order."""
    for t in range(len(demands)):
        stop, hops = step(state, demands[t])
        gains[t] = state.weight[stop]
        messages[t] = hops
    return 0


class DistributedTGOnline(Tabular):
    """TGOnline by messages between nodes; see the module.

    Parameters
    ----------
    network : Network
    horizon : int, optional
        Not used.
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
    >>> policy = DistributedTGOnline(line, eta=0.5, seed=1)
    >>> bool(policy.run(np.zeros(1000, dtype=np.int32))[-500:].mean() > 1.99)
    True
    >>> policy.sent()["probe"]
    2
    """

    name = "distributed-tgonline"
    rule = "tgonline by messages: queries climb, explorations list who holds the item, returns teach the slots"
    reference = "Y. Li, T. Si Salem, G. Neglia and S. Ioannidis, SIGMETRICS 2022"
    kernel = staticmethod(run)

    def __init__(
        self,
        network: Any,
        horizon: int | None = None,
        *,
        eta: float = 0.0005,
        coupled: bool = False,
        colours: int = 100,
        seed: int = 0,
    ) -> None:
        super().__init__(network, horizon, seed=seed)
        self.eta = check_real("eta", eta, 0.0, open_low=True)
        self.coupled = coupled
        self.colours = check_positive_int("colours", colours)
        self.floor = 0.0

    def validate(self) -> None:
        super().validate()
        if not isinstance(self.coupled, bool | np.bool_):
            raise ParameterError(f"coupled must be true or false, got {self.coupled!r}")

    def _init(self) -> State:
        net = self.network
        tables = init(net, self.eta, bool(self.coupled), self.colours, False, 0.0, self.seed)
        slots = len(tables.holds)
        edge = np.zeros(len(net.path))
        edge[:-1] = net.upstream[:-1] - net.upstream[1:]
        return State(
            tables, ranks(net, self.colours, self.seed),
            np.concatenate([[0], np.cumsum(net.capacity)]).astype(np.int64),
            np.zeros(net.demands, dtype=np.uint8), np.zeros(len(net.path)), edge,
            np.zeros(slots), np.zeros(slots, dtype=np.int64), np.zeros(len(KINDS), dtype=np.int64), net.start,
            net.path,
        )  # fmt: skip

    def _tables(self) -> Tables:
        tables: Tables = self.state.tables
        return tables

    def sent(self) -> dict[str, int]:
        """Hops so far by kind of message, and entries of lists times hops."""
        return dict(zip(KINDS, self.state.sent.tolist(), strict=True))
