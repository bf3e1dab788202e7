"""What every offloading policy shares: the object around a compiled state.

:class:`OffloadingPolicy` serves all kinds of table; :class:`BinaryPolicy` decides between the local
and the remote answer. A binary policy's file holds its kernels

* ``decide(state, sample) -> int``: ACCEPT, OFFLOAD, EXPLORE ...; it leaves the chance of offloading
  in ``state.stats[CHANCE]``;
* ``learn(state, answer)``: what became of an earlier sample;
* ``run(state, stream, arrival, budget, record, begin, end)``: the loop over both (see :mod:`._game`);

and a subclass that names them.
"""

from __future__ import annotations

import copy
import inspect
from collections.abc import Callable
from typing import Any, ClassVar, Self

import numpy as np

from olearn.bounds import Bound
from olearn.errors import NotSupportedError, ParameterError, check_int, check_positive_int, check_real
from olearn.policies.offloading._game import ACCEPT, EXPLORE, OFFLOAD, Answer, Sample

#: Cells of the ``stats`` array (float64) that every state of a binary policy carries.
CHANCE, ROUND = range(2)
STATS = 2

#: Default number of levels of confidence where a table does not say which occur.
LEVELS = 1024

_COMMON = ("self", "horizon", "levels", "contexts", "cost", "seed")


class OffloadingPolicy:
    """A rule that decides where each sample is answered.

    Parameters
    ----------
    horizon : int, optional
        Number of samples T that the default parameters are tuned for.
    seed : int, default 0
        Seed of the policy's own randomness; deterministic policies ignore it.

    Notes
    -----
    The constructor stores its parameters unchanged; they are checked when the state is first needed.
    """

    # -- what a subclass declares ------------------------------------------------------------------
    game: ClassVar[str] = "offloading"
    name: ClassVar[str] = ""
    #: Kinds of table the policy plays on.
    kinds: ClassVar[tuple[str, ...]] = ("binary",)
    #: What has to be revealed (a key of :data:`olearn.feedback.REVEALS`).
    needs: ClassVar[str] = "nothing"
    #: Columns beyond the required ones that the table must have.
    columns: ClassVar[tuple[str, ...]] = ()
    randomised: ClassVar[bool] = False
    #: The policy is tuned on the table it is replayed on; a baseline, not something to deploy.
    offline: ClassVar[bool] = False
    rule: ClassVar[str] = ""
    reference: ClassVar[str] = ""

    def __init__(self, horizon: int | None = None, *, seed: int = 0) -> None:
        self.horizon = horizon
        self.seed = seed
        self._state: Any = None

    # -- what a subclass implements ----------------------------------------------------------------
    def _init(self) -> Any:
        """Build the initial state (a NamedTuple of arrays and numbers) from checked parameters."""
        raise NotImplementedError

    def bound(self, samples: int | None = None) -> Bound | None:
        """The declared regret bound after `samples` samples (default: the horizon), or None.

        A policy whose parameters are tuned for a horizon is re-tuned for `samples`.
        """
        return None

    # -- shared ------------------------------------------------------------------------------------
    @classmethod
    def tunable(cls) -> dict[str, inspect.Parameter]:
        """The policy's own parameters, beside horizon, levels, contexts, cost and seed."""
        signature = inspect.signature(cls.__init__)
        return {n: p for n, p in signature.parameters.items() if n not in _COMMON}

    def parameters(self) -> dict[str, Any]:
        """The tunable parameters with the values in use, defaults resolved."""
        return {name: getattr(self, name) for name in self.tunable()}

    def validate(self) -> None:
        """Check the parameters; raises :class:`~olearn.errors.ParameterError` with one sentence."""
        if self.horizon is not None:
            check_positive_int("horizon", self.horizon)
        check_int("seed", self.seed, minimum=0)

    def require_horizon(self, parameter: str) -> int:
        """The horizon, or an error that says which default needs it."""
        if self.horizon is None:
            raise ParameterError(f"{self.name}: give horizon (number of samples) or {parameter}")
        return check_positive_int("horizon", self.horizon)

    @property
    def state(self) -> Any:
        """The compiled state, built at first use."""
        if self._state is None:
            self.validate()
            self._state = self._init()
        return self._state

    def reset(self) -> None:
        """Forget every sample: back to the initial state, same seed."""
        self._state = None

    def copy(self) -> Self:
        """An independent copy: same state, same random numbers from here on."""
        return copy.deepcopy(self)

    def bound_vacuous_until(self, per_sample: float = 1.0) -> int | None:
        """The first horizon at which the bound is below `per_sample` times the horizon.

        Before it the bound says nothing: with `per_sample` = 1 (the largest loss of a sample) every
        rule meets it. None if the policy declares no bound or it never gets there (up to 2**60).

        Examples
        --------
        >>> from olearn.policies.offloading.hil_n import HILN
        >>> HILN(horizon=1, levels=1023, axis="rank").bound_vacuous_until(0.1)
        93575
        """
        check_real("per_sample", per_sample, 0.0, open_low=True)

        def vacuous(samples: int) -> bool:
            bound = self.bound(samples)
            return bound is None or not bound.value < per_sample * samples

        high = 1
        while vacuous(high):
            high *= 2
            if high > 2**60:
                return None
        low = high // 2
        while high - low > 1:
            middle = (low + high) // 2
            low, high = (middle, high) if vacuous(middle) else (low, middle)
        return high

    def __repr__(self) -> str:
        own = "".join(f", {k}={v!r}" for k, v in self._given().items())
        return f"{type(self).__name__}(horizon={self.horizon}{own}, seed={self.seed})"

    def _given(self) -> dict[str, Any]:
        """The tunable parameters as the constructor got them."""
        return {k: getattr(self, k) for k in self.tunable()}


class BinaryPolicy(OffloadingPolicy):
    """A rule that keeps each sample local or offloads it.

    Parameters
    ----------
    horizon : int, optional
        Number of samples T that the default parameters are tuned for.
    levels : int or array_like of float, shape (n,), optional
        The confidences that can occur, increasing, in [0, 1]; a whole number n stands for n
        uniform steps 0, 1/n, ..., (n-1)/n. A confidence between two levels counts as the lower
        one. A replay hands over the distinct confidences of its table, which makes rules on
        thresholds exact. Default 1024.
    contexts : int
        Number of contexts, which are ``0 .. contexts-1``.
    cost : float, optional
        The largest price of offloading, beta, that will occur; default parameters and bounds use it.
    seed : int
        Seed of the policy's own randomness.
    """

    #: The state has a part for each context: it must have been made for all of the table's.
    contextual: ClassVar[bool] = False
    #: The declared bound also holds where remote errors count (losses within [0, 1] all the same).
    bounds_remote_errors: ClassVar[bool] = False

    #: Kernels.
    decide_kernel: ClassVar[Callable[..., int]]
    learn_kernel: ClassVar[Callable[..., None]]
    run: ClassVar[Callable[..., None]]

    def __init__(
        self,
        horizon: int | None = None,
        levels: Any = None,
        contexts: int = 1,
        cost: float | None = None,
        *,
        seed: int = 0,
    ) -> None:
        super().__init__(horizon, seed=seed)
        self.levels = levels
        self.contexts = contexts
        self.cost = cost
        self._last: tuple[Any, ...] | None = None

    def validate(self) -> None:
        super().validate()
        check_positive_int("contexts", self.contexts)
        if self.cost is not None:
            check_real("cost", self.cost, 0.0)
        self.confidences()

    def fit(self, table: Any, local_loss: np.ndarray, offload_loss: np.ndarray) -> None:
        """Tune an offline policy on the table it is going to be replayed on; others ignore it."""

    def confidences(self) -> np.ndarray:
        """The levels of confidence, float64 of shape (n,), strictly increasing; kept until `levels` changes."""
        kept = self.__dict__.get("_confidences")
        if kept is None or kept[0] is not self.levels:
            kept = (self.levels, _levels(LEVELS if self.levels is None else self.levels))
            self.__dict__["_confidences"] = kept
        found: np.ndarray = kept[1]
        return found

    def cell(self, confidence: float) -> int:
        """The position of the level that stands for `confidence`."""
        return max(int(np.searchsorted(self.confidences(), confidence, side="right")) - 1, 0)

    def check_table(self, table: Any) -> None:
        """Refuse a table with more contexts than the state is made for: kernels do not check indices."""
        if self.contextual and table.contexts > self.contexts:
            raise ParameterError(
                f"{self.name} was made for {self.contexts} context{'s' * (self.contexts > 1)}, but the table "
                f"has {table.contexts}; give contexts={table.contexts}"
            )

    def bound_of_run(self, samples: int) -> Bound | None:
        """The bound after `samples` samples of the very run that these parameters give.

        Unlike :meth:`bound`, which re-tunes the rates to the number of samples, the rates are those in use.
        """
        if samples == self.horizon:
            return self.bound(samples)
        fixed = self.copy()
        for name, value in self.parameters().items():
            if name in ("eta", "eps", "gamma"):
                setattr(fixed, name, value)
        return fixed.bound(samples)

    def bound_curve(self, points: np.ndarray) -> np.ndarray:
        """:meth:`bound_of_run` at each number of samples in `points`, NaN without one; float64 (K,)."""
        bounds = [self.bound_of_run(int(n)) for n in points]
        return np.array([np.nan if b is None else b.value for b in bounds])

    def bound_unmet(self, table: Any, local_loss: np.ndarray, offload_loss: np.ndarray) -> str:
        """Which assumption of the bound a table breaks; empty if none that can be seen."""
        return ""

    def groups(self) -> tuple[np.ndarray, int]:
        """The thresholds that the rule weighs: int32 (n,) and their number m.

        Threshold j of m offloads the cells whose number is at most j. By default there is one threshold
        above each level and one below all.
        """
        n = self.confidences().size
        return np.arange(1, n + 1, dtype=np.int32), n + 1

    def threshold(self, context: int = 0) -> float | None:
        """The threshold in use now: samples below it are offloaded; None where there is no such thing."""
        return None

    # -- one sample at a time ------------------------------------------------------------------------
    def decide(self, confidence: float, cost: float, context: int = 0, score: float = 0.0) -> bool:
        """Whether to offload a sample; call :meth:`feedback` before the next one.

        Parameters
        ----------
        confidence : float
            Of the local model, in [0, 1].
        cost : float
            Price of offloading, in units of a wrong answer, at least 0.
        context : int
            Its context, ``0 .. contexts-1``.
        score : float
            The local model's probability of class 1; H2T2 reads it.
        """
        p = check_real("confidence", confidence, 0.0, 1.0)
        beta = check_real("cost", cost, 0.0)
        if not 0 <= context < self.contexts:
            raise ParameterError(f"context must be between 0 and {self.contexts - 1}, got {context!r}")
        at = check_real("score", score, 0.0, 1.0)
        sample = Sample(p, self.cell(p), int(context), at, beta)
        state = self.state
        decision = int(type(self).decide_kernel(state, sample))
        self._last = (sample, decision, float(state.stats[CHANCE]))
        return decision in (OFFLOAD, EXPLORE)

    def feedback(self, local_wrong: bool | None = None, remote_wrong: bool = False) -> None:
        """Tell the policy what became of the last sample; None where nothing is revealed."""
        if self._last is None:
            raise NotSupportedError(f"{self.name}: call decide before feedback")
        (p, cell, context, score, cost), decision, chance = self._last
        self._last = None
        seen = local_wrong is not None
        loss, remote = float(bool(local_wrong)), float(remote_wrong)
        answer = Answer(p, cell, context, score, cost, decision, chance, seen, loss, remote)
        type(self).learn_kernel(self.state, answer)


def _levels(levels: Any) -> np.ndarray:
    if isinstance(levels, (int, np.integer)) and not isinstance(levels, bool):
        n = check_positive_int("levels", levels)
        return np.arange(n) / n
    values = np.asarray(levels, dtype=np.float64)
    increasing = values.ndim == 1 and values.size > 0 and bool((np.diff(values) > 0).all())
    if not increasing or not (values[0] >= 0.0 and values[-1] <= 1.0):
        raise ParameterError(
            "levels must be a number of levels or increasing confidences in [0, 1], "
            f"got {np.array2string(values, threshold=6)}"
        )
    return np.ascontiguousarray(values)


def accepted(decision: int) -> bool:
    """Whether a recorded decision kept the sample local."""
    return decision not in (OFFLOAD, EXPLORE)


__all__ = [
    "ACCEPT",
    "CHANCE",
    "EXPLORE",
    "LEVELS",
    "OFFLOAD",
    "ROUND",
    "STATS",
    "BinaryPolicy",
    "OffloadingPolicy",
    "accepted",
]
