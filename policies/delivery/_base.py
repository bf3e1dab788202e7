"""What every delivery policy shares: the object around a compiled state, and how a placement is served."""

from __future__ import annotations

import copy
import inspect
from collections.abc import Callable
from typing import Any, ClassVar, Self

import numpy as np

from olearn._jit import kernel
from olearn.bounds import Bound
from olearn.environments.delivery import (
    COLUMNS,
    MEGABYTES,
    OVER,
    UPDATES,
    Delivery,
)
from olearn.errors import ParameterError, check_int, check_positive_int

_COMMON = ("self", "network", "horizon", "peak", "demand", "seed")


class DeliveryPolicy:
    """A policy that places models on the nodes of a :class:`~olearn.environments.delivery.Delivery` network.

    Parameters
    ----------
    network : Delivery
    horizon : int, optional
        Number of slots T that default parameters are tuned for.
    peak : float, optional
        Most requests of one type in a slot, for default parameters and bounds.
    seed : int, default 0
        Seed of the policy's own randomness; deterministic policies ignore it.
    """

    game: ClassVar[str] = "delivery"
    name: ClassVar[str] = ""
    #: Reads the future: a comparator, not something to deploy. Takes ``demand`` in the constructor.
    offline: ClassVar[bool] = False
    rule: ClassVar[str] = ""
    reference: ClassVar[str] = ""
    #: ``run(state, options, demand, rows)``: serve slots, fill their rows.
    run: ClassVar[Callable[..., None]]

    def __init__(
        self, network: Delivery, horizon: int | None = None, *, peak: float | None = None, seed: int = 0
    ) -> None:
        self.network = network
        self.horizon = horizon
        self.peak = peak
        self.seed = seed
        self._state: Any = None

    # -- what a subclass implements ----------------------------------------------------------------
    def _init(self) -> Any:
        """The initial state from checked parameters."""
        raise NotImplementedError

    def bound(self, slots: int | None = None) -> Bound | None:
        """The declared regret bound after `slots` slots (default: the horizon), or None."""
        return None

    @property
    def randomised(self) -> bool:
        """Whether results differ between seeds."""
        return False

    @property
    def fractional(self) -> bool:
        """Whether fractions of models are held, which no network can do."""
        return False

    # -- shared ------------------------------------------------------------------------------------
    @classmethod
    def tunable(cls) -> dict[str, inspect.Parameter]:
        """The policy's own parameters."""
        return {n: p for n, p in inspect.signature(cls.__init__).parameters.items() if n not in _COMMON}

    def parameters(self) -> dict[str, Any]:
        """The tunable parameters with the values in use."""
        return {name: getattr(self, name) for name in self.tunable()}

    def validate(self) -> None:
        """Check the parameters; raises :class:`~olearn.errors.ParameterError` with one sentence."""
        if not isinstance(self.network, Delivery):
            raise ParameterError(f"network must be a Delivery network, got {self.network!r}")
        if self.horizon is not None:
            check_positive_int("horizon", self.horizon)
        if self.peak is not None and not self.peak > 0:
            raise ParameterError(f"peak must be a positive number of requests, got {self.peak!r}")
        check_int("seed", self.seed, minimum=0)

    @property
    def state(self) -> Any:
        """The compiled state, built at first use."""
        if self._state is None:
            self.validate()
            self._state = self._init()
        return self._state

    def serve(self, demand: Any) -> np.ndarray:
        """Serve slots in order and learn from them.

        Parameters
        ----------
        demand : array_like, shape (T, R)
            Requests of each type in each slot.

        Returns
        -------
        ndarray of float64, shape (T, len(COLUMNS))
            Per slot what :data:`olearn.environments.delivery.COLUMNS` names.
        """
        checked = self.network.check_demand(demand)
        rows = np.zeros((checked.shape[0], len(COLUMNS)))
        type(self).run(self.state, self.network.options, checked, rows)
        return rows

    def placement(self) -> dict[str, list[str]]:
        """The models that each node holds now, beside what is pinned there."""
        return self.network.named(self.state.x)

    def reset(self) -> None:
        """Back to the initial state, same seed."""
        self._state = None

    def copy(self) -> Self:
        """An independent copy: same placement, same random numbers from here on."""
        other = copy.copy(self)
        other._state = copy.deepcopy(self._state)
        return other

    def __repr__(self) -> str:
        own = ", ".join(f"{k}={getattr(self, k)!r}" for k in self.tunable())
        return f"{type(self).__name__}({own})"


@kernel
def copy_into(target, source):
    """``target[:] = source`` without the temporary that numba would make."""
    for i in range(source.size):
        target[i] = source[i]


@kernel
def count_updates(x, before, size, used, budget, start, places, row):
    """Models loaded between the placements `before` and `x`, their size, and the fullest node's use."""
    updates = 0.0
    megabytes = 0.0
    over = 0.0
    models = size.size
    for v in range(budget.size):
        used[v] = 0.0
        for k in range(start[v], start[v + 1]):
            p = places[k]
            if x[p] > 0.5:
                used[v] += size[p % models]
                if before[p] <= 0.5:
                    updates += 1.0
                    megabytes += size[p % models]
        if budget[v] > 0.0:
            over = max(over, used[v] / budget[v])
    row[UPDATES] = updates
    row[MEGABYTES] = megabytes
    row[OVER] = over


def open_places(network: Delivery) -> tuple[np.ndarray, np.ndarray]:
    """The places to decide about, by node: (start int64 (V+1,), places int64)."""
    places = np.flatnonzero(network.open).astype(np.int64)
    nodes = places // len(network.models)
    start = np.searchsorted(nodes, np.arange(len(network.nodes) + 1)).astype(np.int64)
    return start, places
