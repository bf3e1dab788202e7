"""TGOnline: tabular greedy with a Hedge selector a slot and colour, colours frozen or redrawn [1]_.

A node with capacity c has c slots. Each slot draws one of M colours, once (frozen) or at every request
(redrawn); slots are ordered by (colour, node, position). For a request of item i, W_v is the weight from
node v to the server. Slot s at v is told, whatever it holds: F for every item but i and max(F, W_v) for i,
where F is the largest W among the slots of the path that come before s and hold i. So only
D = max(0, W_v - F) matters, and one log weight of the selector (s, colour) changes:

    lw[i] += eta D,    log Z += log(1 + p (e^{eta D} - 1)),    p = exp(lw[i] - log Z).

Uncoupled, a slot is redrawn after every visit, so "does s hold i" is a fresh Bernoulli(p), and what a node
really holds is drawn when somebody looks. Coupled, a slot jumps to i with probability 1 - 1/Z',
Z' = 1 + p (e^{eta D} - 1): the same marginals, few changes.

``floor``: the published code adds 1e-7 to every probability after each step, before it normalises, in units in
which every item but i was multiplied by e^{eta F}. At 1e5 items that is 1 % of all probability and ruins
learning; so it is 0 here, and 1e-7 for reproduction. With it p = A (u + B), three numbers more a slot.

Frozen colours use one selector a slot: a table of 8 bytes a (slot, item), the slots of a node side by side,
which misses the processor's cache once a node, not once a slot. Redrawn colours split what is learnt
over M selectors a slot, whose log weights lie in one hash table, an entry where something was learnt: 20 bytes
at most 70 % full. They want a larger step.

Cost: O(1) a slot of the path and request, whatever the items and colours (redrawn: and O(M) a request to put
the slots in order). Messages a request: to the first copy and back, from there to the server, and all the way
down again: twice the edges of the path and the hops to the first copy.

Certificate: the realised regret of selector a is max_i lw_i / eta - sum p D. Whatever the colours, the expected
gain is at least half of (best static gain - sum of the realised regrets): the argument that greedy earns half,
with an error a slot; derived here, not in [1]_. A selector's regret is at most ln N / eta + eta sum W^2 / 8 on
every sequence (Hedge). The (1 - 1/e) of [1]_ holds for redrawn colours as M grows; it is not declared here.

References
----------
.. [1] Y. Li, T. Si Salem, G. Neglia and S. Ioannidis, "Online caching networks with adversarial guarantees",
   SIGMETRICS 2022.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from olearn.errors import ParameterError, check_positive_int, check_real
from olearn.policies.networks._tabular import State, Tabular, init, move, run

#: Requests between looks at how full the hash table is.
CHUNK = 8192
#: The table is never fuller than this.
FULL = 0.7


class TGOnline(Tabular):
    """TGOnline on a network of caches; see the module for rule, cost and certificate.

    Parameters
    ----------
    network : Network
    horizon : int, optional
        Not used.
    eta : float
        Step of the selectors, per unit of weight.
    coupled : bool
        Slots change what they hold as rarely as the marginals allow; frozen colours only.
    colours : int
        Colours M that slots draw from.
    redrawn : bool
        Every slot draws its colour anew at every request.
    floor : float
        Added to every probability after each step; 1e-7 in the published code. Frozen colours only.
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
    rule = "slots in the order of their colours, each a Hedge selector over items that learns what it adds"
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
        redrawn: bool = False,
        floor: float = 0.0,
        seed: int = 0,
    ) -> None:
        super().__init__(network, horizon, seed=seed)
        self.eta = check_real("eta", eta, 0.0, open_low=True)
        self.coupled = coupled
        self.colours = check_positive_int("colours", colours)
        self.redrawn = redrawn
        self.floor = check_real("floor", floor, 0.0, 1.0)
        self.validate()

    def validate(self) -> None:
        super().validate()
        for name in ("coupled", "redrawn"):
            if not isinstance(getattr(self, name), bool | np.bool_):
                raise ParameterError(f"{name} must be true or false, got {getattr(self, name)!r}")
        if self.redrawn and self.coupled:
            raise ParameterError("coupled selectors need frozen colours, got coupled=True with redrawn=True")
        if self.redrawn and self.floor > 0.0:
            raise ParameterError(
                f"a floor goes with frozen colours only, got floor={self.floor:g} with redrawn=True"
            )

    def _init(self) -> State:
        return init(
            self.network, self.eta, bool(self.coupled), self.colours, bool(self.redrawn), self.floor, self.seed
        )

    def serve(self, demands: np.ndarray, times: np.ndarray, gains: np.ndarray, messages: np.ndarray) -> None:
        if not self.redrawn:
            run(self.state, demands, times, gains, messages)
            return
        for low in range(0, max(1, len(demands)), CHUNK):
            part = slice(low, low + CHUNK)
            self._grow(len(demands[part]) * len(self.state.after))
            run(self.state, demands[part], times[part], gains[part], messages[part])

    def _grow(self, more: int) -> None:
        """Make room for that many entries of the table more."""
        state = self.state
        size = len(state.key)
        while size * FULL < state.entries[0] + more:
            size *= 2
        if size > len(state.key):
            self._state = state._replace(
                key=np.full(size, -1, dtype=np.int64),
                value=np.zeros(size),
                chain=np.full(size, -1, dtype=np.int32),
            )
            state.head[:] = -1
            move(self._state, state.key, state.value)
