"""What every policy of an expert cache shares.

A request is a batch: the experts of one layer that a token needs, together. Experts held when the batch
arrives are hits; the others are loaded, and while the batch is served none of its experts can be evicted
for another. The capacity C is shared by all layers, or each layer has a cache of C slots of its own
(``groups``).
"""

from __future__ import annotations

import copy
import inspect
from collections.abc import Callable
from typing import Any, ClassVar, Self

import numpy as np

from olearn.bounds import Bound
from olearn.errors import ParameterError, check_int, check_positive_int
from olearn.policies.moe._slots import EVICTED, LOADED, OCCUPANCY

_COMMON = ("self", "capacity", "groups", "layers", "horizon", "seed", "batches")


class MoEPolicy:
    """Caches of `capacity` experts.

    Parameters
    ----------
    capacity : int
        Experts that each cache holds, C.
    groups : array_like of int, shape (N,)
        The cache of each item (layer, expert), 0 .. G-1: all zeros for one shared cache, the layer for one
        a layer.
    horizon : int, optional
        Batches that default parameters are tuned for.
    seed : int, default 0
        Seed of the policy's own randomness; deterministic policies ignore it.
    """

    game: ClassVar[str] = "moe"
    name: ClassVar[str] = ""
    randomised: ClassVar[bool] = False
    #: Reads the future: takes ``batches`` (starts, items) in the constructor.
    offline: ClassVar[bool] = False
    rule: ClassVar[str] = ""
    reference: ClassVar[str] = ""
    #: ``run(state, starts, items, hits)``: serve batches, say for each item whether it was held.
    run: ClassVar[Callable[..., None]]

    def __init__(self, capacity: int, groups: Any, horizon: int | None = None, *, seed: int = 0) -> None:
        self.capacity = capacity
        self.groups = groups
        self.horizon = horizon
        self.seed = seed
        self._state: Any = None

    # -- what a subclass implements ----------------------------------------------------------------
    def _init(self, groups: np.ndarray) -> Any:
        """The initial state, with the field ``slots``."""
        raise NotImplementedError

    def bound(self, batches: int | None = None) -> Bound | None:
        """The declared regret bound, or None."""
        return None

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
        check_positive_int("capacity", self.capacity)
        if self.horizon is not None:
            check_positive_int("horizon", self.horizon)
        check_int("seed", self.seed, minimum=0)
        groups = np.asarray(self.groups)
        if groups.ndim != 1 or (groups.size and (groups.dtype.kind not in "iu" or groups.min() < 0)):
            raise ParameterError("groups must be a list of whole numbers of at least 0, one an item")

    @property
    def state(self) -> Any:
        """The compiled state, built at first use."""
        if self._state is None:
            self.validate()
            self._state = self._init(np.ascontiguousarray(self.groups, dtype=np.int32))
        return self._state

    @property
    def stats(self) -> dict[str, float]:
        """Experts loaded and evicted, and how many are held."""
        s = self.state.slots.stats
        return {"loaded": float(s[LOADED]), "evicted": float(s[EVICTED]), "occupancy": float(s[OCCUPANCY])}

    def request_many(self, starts: Any, items: Any) -> np.ndarray:
        """Serve batches in order.

        Parameters
        ----------
        starts : array_like of int, shape (B+1,)
            Batch b needs ``items[starts[b] : starts[b+1]]``: each once, all of one group.
        items : array_like of int, shape (T,)

        Returns
        -------
        ndarray of bool, shape (T,)
            What was held when its batch arrived.

        Raises
        ------
        ParameterError
            An id outside of the catalogue, an item twice in a batch, a batch larger than the cache or over
            several groups.
        """
        state = self.state
        edges = np.ascontiguousarray(starts, dtype=np.int64)
        ids = np.ascontiguousarray(items, dtype=np.int32)
        check_batches(np.asarray(self.groups), self.capacity, edges, ids)
        hits: np.ndarray = np.empty(ids.size, np.bool_)
        type(self).run(state, edges, ids, hits)
        return hits

    def __contains__(self, item: int) -> bool:
        return 0 <= item < self.state.slots.held.size and bool(self.state.slots.held[item])

    def __len__(self) -> int:
        """Number of experts held."""
        return int(self.state.slots.stats[OCCUPANCY])

    def reset(self) -> None:
        """Back to the initial state, same seed."""
        self._state = None

    def copy(self) -> Self:
        """An independent copy: same contents, same random numbers from here on."""
        other = copy.copy(self)
        other._state = copy.deepcopy(self._state)
        return other

    def __repr__(self) -> str:
        own = "".join(f", {k}={getattr(self, k)!r}" for k in self.tunable())
        return f"{type(self).__name__}(capacity={self.capacity}{own})"


def check_batches(groups: np.ndarray, capacity: int, starts: np.ndarray, items: np.ndarray) -> None:
    """Refuse batches that kernels could not serve: they do not look."""
    if starts.ndim != 1 or starts.size < 1 or starts[0] != 0 or starts[-1] != items.size:
        raise ParameterError("starts must begin with 0 and end with the number of items")
    sizes = np.diff(starts)
    if (sizes < 0).any():
        raise ParameterError("starts must not fall")
    if items.size and not (items.min() >= 0 and items.max() < groups.size):
        raise ParameterError(
            f"items must be between 0 and {groups.size - 1}, got {items.min()} .. {items.max()}"
        )
    if sizes.max(initial=0) > capacity:
        b = int(np.argmax(sizes))
        raise ParameterError(f"batch {b + 1} needs {sizes[b]} experts at once, the cache has {capacity} slots")
    of = np.repeat(np.arange(sizes.size), sizes)
    order = np.lexsort((items, of))
    twice = np.flatnonzero((np.diff(of[order]) == 0) & (np.diff(items[order]) == 0))
    if twice.size:
        p = int(order[twice[0]])
        raise ParameterError(f"batch {of[p] + 1} needs item {items[p]} twice")
    if items.size:
        first = groups[items[np.minimum(starts[:-1], items.size - 1)]]
        split = np.flatnonzero(groups[items] != first[of])
        if split.size:
            raise ParameterError(
                f"batch {of[split[0]] + 1} needs experts of several layers, each with its own cache"
            )
