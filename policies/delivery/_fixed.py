"""A placement that never changes: what the baselines and the offline policies share."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from olearn._jit import kernel
from olearn.environments.delivery import Delivery, serve, spread_load
from olearn.policies.delivery._base import DeliveryPolicy, copy_into, count_updates, open_places


class State(NamedTuple):
    """The placement, and what was loaded before the next slot (nothing, then all of it)."""

    x: np.ndarray  # float64 (V M,)
    before: np.ndarray  # float64 (V M,)
    size: np.ndarray  # float64 (M,)
    budget: np.ndarray  # float64 (V,)
    used: np.ndarray  # float64 (V,): workspace
    start: np.ndarray  # int64 (V+1,)
    places: np.ndarray  # int64


def fixed(network: Delivery, x: np.ndarray) -> State:
    """The state of the placement `x` (float64, shape (V M,))."""
    start, places = open_places(network)
    v = len(network.nodes)
    return State(x, network.placement(), network.size, network.budget, np.zeros(v), start, places)


@kernel
def run(state, options, demand, rows):
    for t in range(demand.shape[0]):
        spread_load(options, demand[t])
        serve(options, demand[t], state.x, rows[t])
        count_updates(
            state.x, state.before, state.size, state.used, state.budget, state.start, state.places, rows[t]
        )
        copy_into(state.before, state.x)


class FixedPlacement(DeliveryPolicy):
    """A policy whose placement is chosen once."""

    run = staticmethod(run)

    def choose(self) -> np.ndarray:
        """The placement, float64 of shape (V M,)."""
        raise NotImplementedError

    def _init(self) -> Any:
        return fixed(self.network, self.choose())


def by_preference(network: Delivery, preference: np.ndarray) -> np.ndarray:
    """Every node takes models in increasing order of `preference` (float64, shape (V, M)) while they fit."""
    x = network.placement()
    start, places = open_places(network)
    for v in range(len(network.nodes)):
        mine = places[start[v] : start[v + 1]]
        left = network.budget[v] * (1 + 1e-12)
        for p in mine[np.argsort(preference.reshape(-1)[mine], kind="stable")]:
            need = network.size[p % network.size.size]
            if need <= left:
                x[p] = 1.0
                left -= need
    return x
