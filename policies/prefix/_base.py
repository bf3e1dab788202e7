"""What every policy of a prefix cache shares.

A request is a chain of blocks n_1, ..., n_m; block n_k holds the keys and values of tokens that depend on all
earlier ones, so it is a node of a tree and n_{k-1} is its parent. A request is served by the longest prefix
that is held: it *hits* as many blocks as there are before the first one that is not. Then the chain is
written: its blocks are in use, so none of them can be evicted for another of them, and of a chain longer than
the cache the first C blocks are kept.
"""

from __future__ import annotations

import copy
import inspect
from collections.abc import Callable
from typing import Any, ClassVar, Self

import numpy as np

from olearn.bounds import Bound
from olearn.errors import ParameterError, check_int, check_positive_int

_COMMON = ("self", "capacity", "parents", "horizon", "seed", "chains")

#: Cells of the ``stats`` array (float64) that every state carries.
WRITTEN, EVICTED, OCCUPANCY, PEAK = range(4)
STATS = 4


class PrefixPolicy:
    """A cache of `capacity` blocks of chains.

    Parameters
    ----------
    capacity : int
        Blocks that the cache holds, C.
    parents : array_like of int, shape (N,)
        The parent of each block, -1 for the first block of a chain; a parent's id is smaller than its child's.
    horizon : int, optional
        Requests that default parameters are tuned for.
    seed : int, default 0
        Seed of the policy's own randomness; deterministic policies ignore it.
    """

    game: ClassVar[str] = "prefix"
    name: ClassVar[str] = ""
    randomised: ClassVar[bool] = False
    #: Reads the future: takes ``chains`` (starts, blocks) in the constructor.
    offline: ClassVar[bool] = False
    rule: ClassVar[str] = ""
    reference: ClassVar[str] = ""
    #: ``run(state, starts, blocks, hits)``: serve chains, say how many leading blocks each found.
    run: ClassVar[Callable[..., None]]

    def __init__(self, capacity: int, parents: Any, horizon: int | None = None, *, seed: int = 0) -> None:
        self.capacity = capacity
        self.parents = parents
        self.horizon = horizon
        self.seed = seed
        self._state: Any = None

    # -- what a subclass implements ----------------------------------------------------------------
    def _init(self, parents: np.ndarray) -> Any:
        """The initial state, with the fields ``held`` (uint8, shape (N,)) and ``stats``."""
        raise NotImplementedError

    def bound(self, requests: int | None = None) -> Bound | None:
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
        self.checked_parents()

    def checked_parents(self) -> np.ndarray:
        """The parents as int32, or one sentence of why not."""
        parents = np.asarray(self.parents)
        if parents.ndim != 1 or (parents.size and parents.dtype.kind not in "iu"):
            raise ParameterError("parents must be a list of whole numbers, one a block")
        if parents.size and not ((parents >= -1) & (parents < np.arange(parents.size))).all():
            k = int(np.argmin((parents >= -1) & (parents < np.arange(parents.size))))
            raise ParameterError(f"the parent of block {k} must be -1 or an earlier block, got {parents[k]}")
        return np.ascontiguousarray(parents, dtype=np.int32)

    @property
    def state(self) -> Any:
        """The compiled state, built at first use."""
        if self._state is None:
            self.validate()
            self._state = self._init(self.checked_parents())
        return self._state

    @property
    def stats(self) -> dict[str, float]:
        """Blocks written and evicted, occupancy now and at its peak."""
        s = self.state.stats
        return {
            "written": float(s[WRITTEN]),
            "evicted": float(s[EVICTED]),
            "occupancy": float(s[OCCUPANCY]),
            "peak_occupancy": float(s[PEAK]),
        }

    def request(self, chain: Any) -> int:
        """Serve one chain; returns how many of its leading blocks were held."""
        blocks = np.asarray(chain, dtype=np.int64)
        return int(self.request_many(np.array([0, blocks.size]), blocks)[0])

    def request_many(self, starts: Any, blocks: Any) -> np.ndarray:
        """Serve chains in order.

        Parameters
        ----------
        starts : array_like of int, shape (R+1,)
            Chain r is ``blocks[starts[r] : starts[r+1]]``.
        blocks : array_like of int
            Ids of blocks; each chain follows the tree from its root.

        Returns
        -------
        ndarray of int32, shape (R,)
            Leading blocks that were held.

        Raises
        ------
        ParameterError
            An id outside of the tree, or a chain that does not follow it.
        """
        state = self.state
        edges = np.ascontiguousarray(starts, dtype=np.int64)
        ids = np.ascontiguousarray(blocks, dtype=np.int32)
        check_chains(self.checked_parents(), edges, ids)
        hits: np.ndarray = np.empty(edges.size - 1, np.int32)
        type(self).run(state, edges, ids, hits)
        return hits

    def __contains__(self, block: int) -> bool:
        return 0 <= block < self.state.held.size and bool(self.state.held[block])

    def __len__(self) -> int:
        """Number of blocks held."""
        return int(self.state.stats[OCCUPANCY])

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


def check_chains(parents: np.ndarray, starts: np.ndarray, blocks: np.ndarray) -> None:
    """Refuse chains that do not follow the tree: kernels do not look."""
    if starts.ndim != 1 or starts.size < 1 or starts[0] != 0 or starts[-1] != blocks.size:
        raise ParameterError("starts must begin with 0 and end with the number of blocks")
    if (np.diff(starts) < 0).any():
        raise ParameterError("starts must not fall")
    if blocks.size and not (blocks.min() >= 0 and blocks.max() < parents.size):
        raise ParameterError(
            f"blocks must be between 0 and {parents.size - 1}, got {blocks.min()} .. {blocks.max()}"
        )
    above = np.empty(blocks.size, np.int32)
    above[1:] = blocks[:-1]
    above[starts[:-1][starts[:-1] < blocks.size]] = -1
    wrong = np.flatnonzero(parents[blocks] != above)
    if wrong.size:
        k = int(wrong[0])
        raise ParameterError(
            f"block {blocks[k]} at position {k} does not follow its parent {parents[blocks[k]]}"
        )
