"""What every policy of a network of caches shares: the object around a compiled state."""

from __future__ import annotations

import copy
import inspect
from collections.abc import Callable
from typing import Any, ClassVar, Self

import numpy as np

from olearn.bounds import Bound
from olearn.errors import ParameterError, check_int, check_positive_int

_COMMON = ("self", "network", "horizon", "seed")


class NetworkPolicy:
    """A policy that decides which items the nodes of a network hold.

    Parameters
    ----------
    network : olearn.traces.networks.Network
    horizon : int, optional
        Number of requests that default parameters are tuned for.
    seed : int, default 0
        Seed of the policy's own randomness; deterministic policies ignore it.
    """

    game: ClassVar[str] = "networks"
    name: ClassVar[str] = ""
    rule: ClassVar[str] = ""
    reference: ClassVar[str] = ""
    offline: ClassVar[bool] = False
    randomised: ClassVar[bool] = True
    fractional: ClassVar[bool] = False
    #: The share of the optimum that bound and certificate are about.
    psi: ClassVar[float] = 1.0
    #: ``kernel(state, demands, times, gains, messages)``: serve requests; the weight each saved, one way, and
    #: the hops that the request, its answer and control messages travelled.
    kernel: ClassVar[Callable[..., int]]

    def __init__(self, network: Any, horizon: int | None = None, *, seed: int = 0) -> None:
        self.network = network
        self.horizon = horizon
        self.seed = seed
        self._state: Any = None

    # -- what a subclass implements ----------------------------------------------------------------
    def _init(self) -> Any:
        """The initial state from checked parameters."""
        raise NotImplementedError

    def placement(self) -> np.ndarray:
        """What each node holds now (bool, nodes x items)."""
        raise NotImplementedError

    def held(self) -> np.ndarray:
        """The same as pairs: int64 keys ``node * items + item``, sorted."""
        return np.flatnonzero(self.placement())

    def bound(self, requests: int | None = None) -> Bound | None:
        """What is proved about the run so far, beforehand for its visits (:mod:`olearn.bounds`), or None."""
        return None

    def certificate(self) -> float | None:
        """What the run itself proves about the same regret, one way, or None."""
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
        if not getattr(self.network, "capacity", np.zeros(0)).any():
            raise ParameterError(
                f"{self.name} needs a node with capacity, got a network where every capacity is 0"
            )
        if self.horizon is not None:
            check_positive_int("horizon", self.horizon)
        check_int("seed", self.seed, minimum=0)

    @property
    def state(self) -> Any:
        """The compiled state, built at first use."""
        if self._state is None:
            self.validate()
            self._state = self._init()
        return self._state

    def serve(self, demands: np.ndarray, times: np.ndarray, gains: np.ndarray, messages: np.ndarray) -> None:
        """Serve requests (int32 demands at float64 times) in order into `gains` and `messages` (float64)."""
        type(self).kernel(self.state, demands, times, gains, messages)

    def run(self, demands: Any, times: Any = None) -> np.ndarray:
        """Serve requests and learn from them.

        Parameters
        ----------
        demands : array of int
            Demand numbers in order of arrival.
        times : array of float, optional
            When each arrives, never falling; by default as often as the rates say, evenly spaced, going on from
            the last call.

        Returns
        -------
        ndarray of float64
            The weight each request saved, one way.
        """
        asked = np.ascontiguousarray(demands, dtype=np.int32)
        if asked.size and not (asked.min() >= 0 and asked.max() < self.network.demands):
            raise ParameterError(
                f"demands must be 0..{self.network.demands - 1}, got {asked.min()}..{asked.max()}"
            )
        if times is None:
            rate = float(self.network.rate.sum()) or 1.0
            past = getattr(self, "_clock", 0.0)
            times = past + np.arange(1, asked.size + 1) / rate
        when = np.ascontiguousarray(times, dtype=np.float64)
        if when.shape != asked.shape:
            raise ParameterError(f"times must have one entry a request: {asked.size}, got {when.size}")
        if when.size:
            self._clock = float(when[-1])
        gains = np.empty(asked.size)
        self.serve(asked, when, gains, np.empty(asked.size))
        return gains

    def reset(self) -> None:
        """Back to the initial state, same seed."""
        self._state = None
        self._clock = 0.0

    def copy(self) -> Self:
        """An independent copy: same placement, same random numbers from here on."""
        other = copy.copy(self)
        other._state = copy.deepcopy(self._state)
        return other

    def __repr__(self) -> str:
        own = ", ".join(f"{k}={getattr(self, k)!r}" for k in self.tunable())
        return f"{type(self).__name__}({own})"
