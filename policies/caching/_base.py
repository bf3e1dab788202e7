"""What every caching policy shares: the object around a compiled state.

A policy's file holds its kernels (``init``, ``step``, ``run``, ``share``) and a subclass of
:class:`CachingPolicy` that names them. The class adds what a caller needs: validation, one request
or many, membership, copies and pickles, a catalogue that grows, the declared bound.
"""

from __future__ import annotations

import copy
import inspect
import operator
from collections.abc import Callable, Iterator, Mapping
from typing import Any, ClassVar, Self

import numpy as np

from olearn.bounds import Bound
from olearn.errors import NotSupportedError, ParameterError, check_int, check_positive_int

#: Cells of the ``stats`` array (float64) that every state carries.
FETCHED, FETCHED_OTHER, EVICTED, OCCUPANCY, PEAK = range(5)
STATS = 5

_COMMON = ("self", "capacity", "catalog_size", "horizon", "seed")


class CachingPolicy:
    """A cache of `capacity` unit-size items out of a catalogue ``0 .. catalog_size-1``.

    Parameters
    ----------
    capacity : int
        Items the cache holds, C, between 1 and `catalog_size`.
    catalog_size : int
        Number of distinct items, N.
    horizon : int, optional
        Number of requests T that the default parameters are tuned for; policies without such a
        parameter ignore it.
    seed : int, default 0
        Seed of the policy's own randomness; deterministic policies ignore it.

    Notes
    -----
    The constructor stores its parameters unchanged; they are checked when the state is first needed.
    """

    # -- what a subclass declares ------------------------------------------------------------------
    name: ClassVar[str] = ""
    #: The policy keeps fractions of items: a request earns a number in [0, 1], not hit or miss.
    fractional: ClassVar[bool] = False
    #: The policy draws random numbers: results differ between seeds.
    randomised: ClassVar[bool] = False
    #: The capacity holds on average only: the number of items held may exceed it for a while.
    soft_capacity: ClassVar[bool] = False
    #: The policy reads the future; it is a comparator, not something to deploy.
    offline: ClassVar[bool] = False
    #: The update rule in one line, the reference, and where the bound comes from.
    rule: ClassVar[str] = ""
    reference: ClassVar[str] = ""

    #: Kernels: ``step(state, item) -> reward``, ``run(state, items, rewards)``, ``share(state, item)``.
    step: ClassVar[Callable[..., Any]]
    run: ClassVar[Callable[..., None]]
    share: ClassVar[Callable[..., float]]

    def __init__(self, capacity: int, catalog_size: int, horizon: int | None = None, *, seed: int = 0) -> None:
        self.capacity = capacity
        self.catalog_size = catalog_size
        self.horizon = horizon
        self.seed = seed
        self._first_catalog = catalog_size  # what reset goes back to
        self._state: Any = None

    # -- what a subclass implements ----------------------------------------------------------------
    def _init(self) -> Any:
        """Build the initial state (a NamedTuple of arrays and numbers) from checked parameters."""
        raise NotImplementedError

    def _extend(self, state: Any, catalog_size: int) -> Any:
        """Return `state` for a larger catalogue; the items added have not been requested yet."""
        raise NotImplementedError

    def bound(
        self, requests: int | None = None, *, realised: Mapping[str, float] | None = None
    ) -> Bound | None:
        """The declared regret bound after `requests` requests (default: the horizon), or None.

        With the numbers of :meth:`realised` of a run that served those requests, the smaller bound that
        applies to that run. None where the value would not be finite.
        """
        return None

    def realised(self) -> dict[str, float]:
        """What the policy did so far that makes its bound smaller; empty where nothing does."""
        return {}

    def assumes(self) -> dict[str, float]:
        """What the declared bound takes for granted of a run, for a replay to check.

        Keys are the fields of :class:`olearn.regret.RunFacts`: ``batch`` (requests between two updates),
        ``multiplicity`` (of an item in a batch), ``max_weight`` (worth of a hit), ``capacity``,
        ``catalog_size``, and ``requests`` where the bound holds up to the horizon only.
        """
        return {
            "batch": 1,
            "multiplicity": 1,
            "max_weight": 1.0,
            "capacity": self.capacity,
            "catalog_size": self.catalog_size,
        }

    def parameters(self) -> dict[str, Any]:
        """The tunable parameters with the values in use, defaults resolved."""
        return {name: getattr(self, name) for name in self.tunable()}

    # -- shared ------------------------------------------------------------------------------------
    @classmethod
    def tunable(cls) -> dict[str, inspect.Parameter]:
        """The policy's own parameters, beside capacity, catalog_size, horizon and seed."""
        signature = inspect.signature(cls.__init__)
        return {n: p for n, p in signature.parameters.items() if n not in _COMMON}

    def validate(self) -> None:
        """Check the parameters; raises :class:`~olearn.errors.ParameterError` with one sentence."""
        check_positive_int("catalog_size", self.catalog_size)
        check_positive_int("capacity", self.capacity)
        if self.capacity > self.catalog_size:
            raise ParameterError(
                f"capacity must be at most the catalogue, got {self.capacity} for {self.catalog_size} items"
            )
        if self.horizon is not None:
            check_positive_int("horizon", self.horizon)
        check_int("seed", self.seed, minimum=0)

    def require_horizon(self, parameter: str) -> int:
        """The horizon, or an error that says which default needs it."""
        if self.horizon is None:
            raise ParameterError(f"{self.name}: give horizon (number of requests) or {parameter}")
        return check_positive_int("horizon", self.horizon)

    @property
    def state(self) -> Any:
        """The compiled state, built at first use."""
        if self._state is None:
            self.validate()
            self._state = self._init()
        return self._state

    @property
    def stats(self) -> dict[str, float]:
        """Fetches of requested and of other items, evictions, occupancy now and at its peak."""
        s = self.state.stats
        return {
            "fetched": float(s[FETCHED]),
            "fetched_other": float(s[FETCHED_OTHER]),
            "evicted": float(s[EVICTED]),
            "occupancy": float(s[OCCUPANCY]),
            "peak_occupancy": float(s[PEAK]),
        }

    def request(self, item: int) -> bool | float:
        """Serve one request: update the cache and return whether it was a hit.

        Parameters
        ----------
        item : int
            Id between 0 and ``catalog_size - 1``.

        Returns
        -------
        bool or float
            Hit or miss; for a fractional policy the fraction of the item that was in the cache.
        """
        state = self._state if self._state is not None else self.state
        if type(item) is not int:  # a NumPy integer would compile the kernel again, a float fail in it
            item = _whole(item)
        if not 0 <= item < self.catalog_size:
            raise ParameterError(f"item must be between 0 and {self.catalog_size - 1}, got {item!r}")
        reward = type(self).step(state, item)
        return float(reward) if self.fractional else bool(reward)

    def request_many(self, items: Any) -> np.ndarray:
        """Serve requests in order.

        Parameters
        ----------
        items : array_like of int, shape (T,)

        Returns
        -------
        ndarray, shape (T,)
            bool, or float64 for a fractional policy: what each request earned.
        """
        ids = self._checked(items)
        rewards: np.ndarray = np.empty(ids.size, np.float64 if self.fractional else np.bool_)
        type(self).run(self.state, ids, rewards)
        return rewards

    def _checked(self, items: Any) -> np.ndarray:
        raw = np.asarray(items)
        if raw.ndim != 1 or (raw.size and raw.dtype.kind not in "iu"):
            raise ParameterError(
                f"items must be a one-dimensional array of whole numbers, got {raw.dtype} of shape {raw.shape}"
            )
        if raw.size and not (raw.min() >= 0 and raw.max() < self.catalog_size):
            bad = int(np.flatnonzero((raw < 0) | (raw >= self.catalog_size))[0])
            raise ParameterError(
                f"items must be between 0 and {self.catalog_size - 1}, got {raw[bad]} at position {bad}"
            )
        return np.ascontiguousarray(raw, dtype=np.int32)

    def __contains__(self, item: object) -> bool:
        if not isinstance(item, (int, np.integer)) or not 0 <= item < self.catalog_size:
            return False
        return bool(type(self).share(self.state, item) > 0.0)

    def fraction(self, item: int) -> float:
        """The fraction of `item` in the cache: 0 or 1 for an integral policy."""
        if not 0 <= item < self.catalog_size:
            raise ParameterError(f"item must be between 0 and {self.catalog_size - 1}, got {item!r}")
        return float(type(self).share(self.state, item))

    def fractions(self) -> np.ndarray:
        """The fraction of every item, float64 of shape (catalog_size,)."""
        share, state = type(self).share, self.state
        return np.array([share(state, i) for i in range(self.catalog_size)], dtype=np.float64)

    def __len__(self) -> int:
        """Number of items held (for a fractional policy, the mass held, rounded)."""
        return round(float(self.state.stats[OCCUPANCY]))

    def __iter__(self) -> Iterator[int]:
        """The items held, in increasing order of id."""
        return iter(np.flatnonzero(self.fractions() > 0.0).tolist())

    def reset(self) -> None:
        """Forget every request: back to the initial state, same seed and the catalogue of the start."""
        self.catalog_size = self._first_catalog
        self._state = None

    def grow(self, catalog_size: int) -> None:
        """Enlarge the catalogue; ids so far keep their meaning."""
        check_int("catalog_size", catalog_size, minimum=self.catalog_size)
        if self.offline:
            raise NotSupportedError(f"{self.name} reads the future: its catalogue can't grow")
        if catalog_size == self.catalog_size:
            return
        self._state = self._extend(self.state, int(catalog_size))
        self.catalog_size = int(catalog_size)

    def copy(self) -> Self:
        """An independent copy: same contents, same random numbers from here on."""
        return copy.deepcopy(self)

    def __copy__(self) -> Self:
        return copy.deepcopy(self)

    def __repr__(self) -> str:
        own = "".join(f", {k}={getattr(self, k)!r}" for k in self.tunable())
        return f"{type(self).__name__}(capacity={self.capacity}, catalog_size={self.catalog_size}{own})"


def extended(array: np.ndarray, length: int, fill: Any) -> np.ndarray:
    """A longer copy of `array`, the new cells set to `fill`."""
    longer = np.full(length, fill, dtype=array.dtype)
    longer[: array.size] = array
    return longer


def _whole(item: Any) -> int:
    """The id as a plain int."""
    try:
        return int(operator.index(item))
    except TypeError:
        raise ParameterError(f"item must be a whole number, got {item!r}") from None
