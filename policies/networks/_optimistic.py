"""Ascent on the relaxed gain with hints, slot by slot, a placement drawn by a rounding: `raoco` and `oftrl`.

Per node: g the gradient of the slot that ends (sums over its requests), h the hint for the next one (the last
gradient, or nothing). Everything is dense: O(items) a node with a gradient and slot, and a few projections.
"""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import numpy as np

from olearn._jit import kernel
from olearn._rng import new_state, uniform
from olearn.errors import ParameterError, check_real, unknown
from olearn.geometry.euclidean import project_capped_simplex
from olearn.geometry.rounding.deprounding import BERNOULLI, depround
from olearn.geometry.rounding.madow import madow
from olearn.geometry.rounding.swap import swap
from olearn.policies.networks._base import NetworkPolicy
from olearn.policies.networks._gradients import ALPHA, SLACK, largest

ROUNDINGS = ("swap", "depround", "madow")


class State(NamedTuple):
    leader: int  # 1: follow the regularised leader; 0: step from the last point
    hints: int
    scale: float
    period: float
    rounding: int
    capacity: np.ndarray
    y: np.ndarray  # fractions played, float64 (nodes, items)
    z: np.ndarray  # point before the hint (raoco), float64 (nodes, items)
    whole: np.ndarray  # all gradients, float64 (nodes, items)
    gradient: np.ndarray  # of this slot
    hint: np.ndarray  # what the slot's gradient was expected to be
    error: np.ndarray  # sum of ||g - h||^2, float64 (nodes,)
    touched: np.ndarray  # whether a node has a gradient or a hint, uint8 (nodes,)
    holds: np.ndarray  # uint8 (nodes, items)
    clock: np.ndarray  # end of this slot, float64 (1,)
    inner: np.ndarray  # sum of <g, y>, float64 (1,)
    values: np.ndarray  # workspaces of (items,) ...
    part: np.ndarray  # int64
    cuts: np.ndarray  # (items + 1,)
    chosen: np.ndarray  # uint8
    other: np.ndarray  # uint8
    ends: np.ndarray  # int64 (2,)
    empty: np.ndarray
    item: np.ndarray
    start: np.ndarray
    path: np.ndarray
    upstream: np.ndarray
    random: np.ndarray


@kernel
def draw(state, v):
    """Draw what node v holds: the rounding sees the items with a fraction only."""
    n = 0
    for i in range(state.y.shape[1]):
        state.holds[v, i] = 0
        if state.y[v, i] > 0.0:
            state.values[n] = min(1.0, state.y[v, i])
            state.part[n] = i
            n += 1
    x, chosen = state.values[:n], state.chosen[:n]
    if state.rounding == 0:
        state.ends[1] = n
        swap(state.random, x, state.ends, state.cuts[: n + 1], state.other[:n], chosen)
    elif state.rounding == 1:
        depround(state.random, x, state.empty, BERNOULLI, chosen)
    else:
        madow(x, uniform(state.random), chosen)
    kept = 0
    for k in range(n):
        if chosen[k] and kept < state.capacity[v]:
            state.holds[v, state.part[k]] = 1
            kept += 1
    return 0


@kernel
def ascend(state, v):
    """End a slot at node v."""
    n = state.y.shape[1]
    c = np.float64(state.capacity[v])
    if state.touched[v] == 0 or c == 0.0 or c >= n:
        return 0
    wrong = 0.0
    for i in range(n):
        miss = state.gradient[v, i] - state.hint[v, i]
        wrong += miss * miss
    state.error[v] += wrong
    # The slot that ended takes its own size into the step, the next one the hint's: never a division by 0.
    size = math.sqrt(max(state.error[v], 1e-300))
    if state.leader:
        strength = size / (math.sqrt(2.0 * c) * state.scale)
        for i in range(n):
            guess = state.gradient[v, i] if state.hints else 0.0
            state.values[i] = (state.whole[v, i] + guess) / strength
    else:
        eta = state.scale * math.sqrt(2.0 * c) / size
        for i in range(n):
            state.values[i] = state.z[v, i] + eta * state.gradient[v, i]
        project_capped_simplex(state.values, c, state.z[v], np.nan)
        for i in range(n):
            state.values[i] = state.z[v, i] + (eta * state.gradient[v, i] if state.hints else 0.0)
    project_capped_simplex(state.values, c, state.y[v], np.nan)
    state.touched[v] = 0
    for i in range(n):
        if state.hints:
            state.hint[v, i] = state.gradient[v, i]
            if state.hint[v, i] != 0.0:
                state.touched[v] = 1
        state.gradient[v, i] = 0.0
    draw(state, v)
    return 0


@kernel
def run(state, demands, times, gains, messages):
    """Serve requests (int32 demands) in order."""
    for t in range(len(demands)):
        if times[t] >= state.clock[0]:
            for v in range(len(state.capacity)):
                ascend(state, v)
            skipped = math.floor((times[t] - state.clock[0]) / state.period)
            state.clock[0] += (skipped + 1.0) * state.period
        d = demands[t]
        i = state.item[d]
        low, last = state.start[d], state.start[d + 1] - 1
        stop = low
        while stop < last and state.holds[state.path[stop], i] == 0:
            stop += 1
        gains[t] = state.upstream[stop]
        turn = low
        held = state.y[state.path[low], i]
        while turn < last and held <= 1.0 + SLACK:
            turn += 1
            held += state.y[state.path[turn], i]
        for k in range(low, turn):
            v = state.path[k]
            worth = state.upstream[k] - state.upstream[turn]
            if state.capacity[v] > 0 and worth > 0.0:
                state.gradient[v, i] += worth
                state.whole[v, i] += worth
                state.inner[0] += worth * state.y[v, i]
                state.touched[v] = 1
        messages[t] = 2 * (stop - low) + 2 * (turn - low)
    return 0


class Optimistic(NetworkPolicy):
    """Base of `raoco` and `oftrl`; a subclass says whether it follows the leader.

    Parameters
    ----------
    network : Network
    horizon : int, optional
        Not used: the steps tune themselves.
    optimistic : bool
        The gradient of a slot is the hint for the next one.
    scale : float
        Multiplies the step.
    period : float
        Length of a slot, in units of time.
    rounding : str
        ``"swap"``, ``"depround"`` or ``"madow"``.
    seed : int
    """

    leader = 0
    psi = ALPHA
    kernel = staticmethod(run)

    def __init__(
        self,
        network: Any,
        horizon: int | None = None,
        *,
        optimistic: bool = False,
        scale: float = 1.0,
        period: float = 1.0,
        rounding: str = "swap",
        seed: int = 0,
    ) -> None:
        super().__init__(network, horizon, seed=seed)
        self.optimistic = optimistic
        self.scale = check_real("scale", scale, 0.0, open_low=True)
        self.period = check_real("period", period, 0.0, open_low=True)
        self.rounding = rounding

    def validate(self) -> None:
        super().validate()
        if self.rounding not in ROUNDINGS:
            raise unknown("rounding", self.rounding, ROUNDINGS)
        if not isinstance(self.optimistic, bool | np.bool_):
            raise ParameterError(f"optimistic must be true or false, got {self.optimistic!r}")

    def _init(self) -> State:
        net = self.network
        shape = (net.nodes, net.items)
        y = np.tile((net.capacity / net.items)[:, None], (1, net.items))
        zeros = [np.zeros(shape) for _ in range(3)]
        state = State(
            self.leader, int(self.optimistic), self.scale, self.period, ROUNDINGS.index(self.rounding),
            net.capacity, y, y.copy(), zeros[0], zeros[1], zeros[2], np.zeros(net.nodes),
            np.zeros(net.nodes, dtype=np.uint8), np.zeros(shape, dtype=np.uint8), np.array([self.period]),
            np.zeros(1), np.zeros(net.items), np.zeros(net.items, dtype=np.int64), np.zeros(net.items + 1),
            np.zeros(net.items, dtype=np.uint8), np.zeros(net.items, dtype=np.uint8),
            np.zeros(2, dtype=np.int64), np.empty(0), net.item, net.start, net.path, net.upstream,
            new_state(self.seed, 4),
        )  # fmt: skip
        for v in np.flatnonzero(net.capacity):
            draw(state, v)
        return state

    def placement(self) -> np.ndarray:
        return self.state.holds.astype(bool)

    def fractions(self) -> np.ndarray:
        """The fractions now (float64, nodes x items)."""
        return np.asarray(self.state.y.copy())

    def certificate(self) -> float | None:
        """(1 - 1/e) (best sum <g, y*> - sum <g, y>) of this run, one way."""
        return ALPHA * (largest(self.state.whole, self.state.capacity) - float(self.state.inner[0]))
