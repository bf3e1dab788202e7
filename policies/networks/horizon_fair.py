"""Online horizon-fairness: alpha-fair between query nodes over the whole run, not in every slot [1]_.

Query nodes are agents. In a slot agent p has the utility

    u_p = least + (sum over its requests of relaxed gain / cost without caches) / (its requests expected in a
    slot),

`least` what it has without caches. The aim is sum_p f(mean over slots of u_p), f(u) = u^(1-alpha)/(1-alpha),
or log u. Every agent has a price theta_p, the slope of f at the utility that it is taken to end at. Primal:
gradient ascent on sum_p theta_p u_p (steps sqrt(2 c) / sqrt(sum ||g||^2), node by node). Dual, after slot t,

    theta_p <- theta_p - alpha / (least^(1 + alpha) t) (u_p - theta_p^(-1/alpha)),

clipped to [(1 + least)^-alpha, least^-alpha]: gradient descent on a function that is least^(1+alpha)/alpha
strongly convex there, with its usual step. Who has had less than its price says gets a higher price. A
placement is drawn once a slot.

No policy has vanishing fairness regret against every adversary [1]_; where demand varies little between slots,
or in blocks (V_T or W_T of [1]_ of smaller order than T), this one has. These two are not measured here, and
no bound is declared. How fair a run was is compared with :func:`olearn.optima.networks.alpha_fair`;
``agents()`` tells mean utilities and prices.

Cost: O(items) a node and slot, a few passes. Memory: 42 bytes a (node, item). Messages as `pga`.

References
----------
.. [1] T. Si Salem, G. Iosifidis and G. Neglia, "Enabling long-term fairness in dynamic resource allocation",
SIGMETRICS
   2023.
"""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import numpy as np

from olearn._jit import kernel
from olearn.errors import check_real
from olearn.policies.networks._gradients import SLACK
from olearn.policies.networks._optimistic import Optimistic, ascend
from olearn.policies.networks._optimistic import State as Ascent


class State(NamedTuple):
    ascent: Ascent
    alpha: float
    least: float
    agent: np.ndarray  # of each demand, int64 (demands,)
    expected: np.ndarray  # requests of each agent in a slot, float64 (P,)
    price: np.ndarray  # theta, float64 (P,)
    utility: np.ndarray  # of this slot without `least`, float64 (P,)
    total: np.ndarray  # of all slots, with it, float64 (P,)
    slots: np.ndarray  # int64 (1,)


@kernel
def settle(state):
    """End a slot: primal and dual steps."""
    for v in range(len(state.ascent.capacity)):
        ascend(state.ascent, v)
    state.slots[0] += 1
    high = state.least ** (-state.alpha)
    low = (1.0 + state.least) ** (-state.alpha)
    step = state.alpha / (state.least ** (1.0 + state.alpha) * state.slots[0])
    for p in range(len(state.price)):
        u = state.least + min(1.0, state.utility[p])
        state.total[p] += u
        theta = state.price[p]
        theta -= step * (u - theta ** (-1.0 / state.alpha))
        state.price[p] = min(high, max(low, theta))
        state.utility[p] = 0.0
    return 0


@kernel
def run(state, demands, times, gains, messages):
    """Serve requests (int32 demands) in order."""
    a = state.ascent
    for t in range(len(demands)):
        if times[t] >= a.clock[0]:
            settle(state)
            skipped = math.floor((times[t] - a.clock[0]) / a.period)
            a.clock[0] += (skipped + 1.0) * a.period
        d = demands[t]
        i, p = a.item[d], state.agent[d]
        low, last = a.start[d], a.start[d + 1] - 1
        stop = low
        while stop < last and a.holds[a.path[stop], i] == 0:
            stop += 1
        gains[t] = a.upstream[stop]
        full = a.upstream[low]
        turn = low
        held = a.y[a.path[low], i]
        saved = 0.0
        while turn < last and held <= 1.0 + SLACK:
            saved += (a.upstream[turn] - a.upstream[turn + 1]) * min(1.0, held)
            turn += 1
            held += a.y[a.path[turn], i]
        saved += a.upstream[turn]  # from where the sum is 1 all of the rest is saved
        messages[t] = 2 * (stop - low) + 2 * (turn - low)
        if full <= 0.0:
            continue
        state.utility[p] += saved / (full * state.expected[p])
        for k in range(low, turn):
            v = a.path[k]
            worth = (a.upstream[k] - a.upstream[turn]) * state.price[p] / (full * state.expected[p])
            if a.capacity[v] > 0 and worth > 0.0:
                a.gradient[v, i] += worth
                a.whole[v, i] += worth
                a.inner[0] += worth * a.y[v, i]
                a.touched[v] = 1
    return 0


class HorizonFair(Optimistic):
    """Alpha-fair between query nodes over the run; see the module.

    Parameters
    ----------
    network : Network
    horizon : int, optional
        Not used.
    alpha : float
        Above 0; 1 is proportional fairness.
    least : float
        Utility of an agent without caches, as a share of what it could save at most.
    period : float
        Length of a slot, in units of time.
    rounding : str
        ``"swap"``, ``"depround"`` or ``"madow"``.
    seed : int

    Examples
    --------
    >>> from olearn.traces.networks import build
    >>> star = build(
    ...     4, [(0, 2, 0.0), (1, 2, 0.0), (2, 3, 1.0)], [0, 0, 1, 0], [3, 3],
    ...     [(0, [0, 2, 3], 9.0), (1, [1, 2, 3], 1.0)],
    ... )
    >>> policy = HorizonFair(star)
    >>> _ = policy.run([0] * 9 + [1])
    >>> sorted(policy.agents())
    [0, 1]
    """

    name = "horizon-fair"
    rule = "gradient ascent on utilities of query nodes, weighted by prices that follow what each had so far"
    reference = "T. Si Salem, G. Iosifidis and G. Neglia, SIGMETRICS 2023"
    psi = 1.0
    kernel = staticmethod(run)

    def __init__(
        self,
        network: Any,
        horizon: int | None = None,
        *,
        alpha: float = 1.0,
        least: float = 0.1,
        period: float = 1.0,
        rounding: str = "swap",
        seed: int = 0,
    ) -> None:
        super().__init__(network, horizon, period=period, rounding=rounding, seed=seed)
        self.alpha = check_real("alpha", alpha, 0.0, 20.0, open_low=True)
        self.least = check_real("least", least, 1e-3, 1.0)

    def _init(self) -> Any:
        net = self.network
        ascent = super()._init()
        self._query, agent = np.unique(net.path[net.start[:-1]], return_inverse=True)
        rates = np.bincount(agent, net.rate, self._query.size)
        rates[rates <= 0.0] = 1.0 / self.period
        count = self._query.size
        price = np.full(count, (0.5 + self.least) ** -self.alpha)
        return State(
            ascent, self.alpha, self.least, agent.astype(np.int64), rates * self.period, price, np.zeros(count),
            np.zeros(count), np.zeros(1, dtype=np.int64),
        )  # fmt: skip

    def placement(self) -> np.ndarray:
        return self.state.ascent.holds.astype(bool)

    def fractions(self) -> np.ndarray:
        """The fractions now (float64, nodes x items)."""
        return np.asarray(self.state.ascent.y.copy())

    def certificate(self) -> float | None:
        return None

    def agents(self) -> dict[int, tuple[float, float]]:
        """Query node -> (mean utility of the slots that are over, price now)."""
        state = self.state
        means = state.total / max(1, int(state.slots[0]))
        return {int(v): (float(u), float(p)) for v, u, p in zip(self._query, means, state.price, strict=True)}
