"""What every learner shares: parameters, state, the two verbs, compiled runs, refusals of bad feedback.

A learner of full information plays ``x = learner.predict()`` and is told ``learner.update(gradient)`` (for
experts: the vector of losses). Its file holds kernels ``step(state, gradient) -> loss`` and ``run(state, feed,
losses, iterates, gradients)``, and a subclass of :class:`OnlineLearner` that names them.
"""

from __future__ import annotations

import copy
import inspect
from collections.abc import Callable
from typing import Any, ClassVar, NamedTuple, Self

import numpy as np

from olearn.bounds import Bound
from olearn.errors import ParameterError, check_positive_int
from olearn.learners import _feed

_COMMON = ("self", "horizon", "seed")


class Learner:
    """Parameters kept as given and checked on first use; a state that can be reset and copied."""

    name: ClassVar[str] = ""
    #: What ``update`` takes: "gradient", "losses" or "arm".
    feedback: ClassVar[str] = ""
    randomised: ClassVar[bool] = False
    #: The update rule, the default tuning and the source, one line each.
    rule: ClassVar[str] = ""
    tuning: ClassVar[str] = ""
    reference: ClassVar[str] = ""

    _state: Any = None

    def validate(self) -> None:
        """Check the parameters; raises :class:`~olearn.errors.ParameterError` with one sentence."""

    def _init(self) -> Any:
        """The initial state (a NamedTuple of arrays and numbers), from checked parameters."""
        raise NotImplementedError

    @classmethod
    def example(cls) -> Self:
        """A small instance, for the command line and the tests that hold for every learner."""
        raise NotImplementedError

    def bound(self, horizon: int | None = None) -> Bound | None:
        """The declared regret bound after `horizon` rounds, or None."""
        return None

    def parameters(self) -> dict[str, Any]:
        """The tunable parameters with the values in use, defaults resolved."""
        return {name: getattr(self, name) for name in self.tunable()}

    @classmethod
    def tunable(cls) -> dict[str, inspect.Parameter]:
        """The learner's own parameters, beside horizon and seed."""
        return {n: p for n, p in inspect.signature(cls.__init__).parameters.items() if n not in _COMMON}

    def _rounds_of_bound(self, horizon: int | None) -> int:
        """The rounds a bound is for: the argument, else the learner's horizon."""
        chosen = horizon if horizon is not None else getattr(self, "horizon", None)
        if chosen is None:
            raise ParameterError(f"{self.name}: give horizon (number of rounds) to bound()")
        return check_positive_int("horizon", chosen)

    @property
    def state(self) -> Any:
        """The compiled state, built at first use."""
        if self._state is None:
            self.validate()
            self._state = self._init()
        return self._state

    def reset(self) -> None:
        """Forget every round: back to the initial state, same seed."""
        self._state = None

    def copy(self) -> Self:
        """An independent copy: same state, same random numbers from here on."""
        return copy.deepcopy(self)

    def __repr__(self) -> str:
        names = inspect.signature(type(self).__init__).parameters
        own = ", ".join(f"{k}={getattr(self, k)!r}" for k in names if k != "self" and hasattr(self, k))
        return f"{type(self).__name__}({own})"


class Played(NamedTuple):
    """What a run against an adversary leaves.

    Attributes
    ----------
    losses : ndarray, float64 (T,)
        Loss of the learner in each round.
    gradients : ndarray, float64 (T, d)
        The gradients (experts: loss vectors) that it was given.
    iterates : ndarray, float64 (T, d)
        The points that it played.
    """

    losses: np.ndarray
    gradients: np.ndarray
    iterates: np.ndarray


class OnlineLearner(Learner):
    """A learner of full information: it plays a point and is told the gradient there.

    Subclasses name two kernels, and their state has the fields ``x`` (float64 (d,), the point of the
    coming round) and ``rounds`` (int64 (1,)).
    """

    #: ``step(state, gradient) -> <gradient, x>``; ``run(state, feed, losses, iterates, gradients)``.
    step: ClassVar[Callable[..., Any]]
    run_kernel: ClassVar[Callable[..., None]]

    @property
    def dimension(self) -> int:
        """Number of coordinates (experts)."""
        return int(self.state.x.size)

    @property
    def rounds(self) -> int:
        """Rounds played so far."""
        return 0 if self._state is None else int(self._state.rounds[0])

    def _limits(self) -> tuple[float, float]:
        """Smallest and largest allowed entry of the feedback."""
        return -np.inf, np.inf

    def predict(self) -> np.ndarray:
        """The point of the coming round, a copy, float64 of shape (d,); calling it twice changes nothing."""
        return np.array(self.state.x)

    def update(self, gradient: Any) -> float:
        """Tell the learner the gradient (experts: the losses) at the point it played.

        Parameters
        ----------
        gradient : array_like of float, shape (d,)

        Returns
        -------
        float
            ``<gradient, x>``, the linear loss of the round.

        Raises
        ------
        ParameterError
            If an entry is NaN, infinite or out of the declared range; the state is then unchanged.
        """
        g = np.ascontiguousarray(gradient, np.float64)
        state = self.state
        if g.shape != state.x.shape:
            raise ParameterError(f"{self.name}: {self._noun} must have shape {state.x.shape}, got {g.shape}")
        self._refuse(g.reshape(1, -1))
        return float(type(self).step(state, g))

    def run(self, gradients: Any) -> np.ndarray:
        """Play against every row of a matrix, in one compiled loop; the same as a loop over the two verbs.

        Parameters
        ----------
        gradients : array_like of float, shape (T, d)
            Gradients of linear losses; for experts the losses.

        Returns
        -------
        ndarray, float64 (T,)
            ``<g_t, x_t>``.
        """
        G = self._matrix(gradients)
        losses = np.empty(G.shape[0])
        self._loop(_feed.matrix(G), losses, _nothing(G.shape[1]), _nothing(G.shape[1]))
        return losses

    def iterates(self, gradients: Any) -> np.ndarray:
        """Like :meth:`run`, but returns the points played, float64 of shape (T, d)."""
        G = self._matrix(gradients)
        points = np.empty_like(G)
        self._loop(_feed.matrix(G), np.empty(G.shape[0]), points, _nothing(G.shape[1]))
        return points

    def play(self, opponent: Any, rounds: int | None = None) -> Played:
        """Play against a loss sequence or an adaptive adversary in one compiled loop.

        Parameters
        ----------
        opponent : Losses or Adversary
            From :mod:`olearn.learners.losses` or :mod:`olearn.learners.adversaries`.
        rounds : int, optional
            Rounds to play; default all rounds of a loss sequence.

        Returns
        -------
        Played
            Losses, gradients and iterates of each round.
        """
        feed = opponent.feed(self.dimension)
        length = feed.data.shape[0] if feed.kind <= _feed.DISTANCE else None
        if rounds is None and length is None:
            raise ParameterError(f"{self.name}: give rounds, an adversary has no end of its own")
        total = check_positive_int("rounds", length if rounds is None else rounds)
        if length is not None and total > length:
            raise ParameterError(f"rounds must be at most the {length} of the losses, got {total}")
        low, high = self._limits()
        bounded = feed.kind > _feed.DISTANCE and feed.kind != _feed.ORTHOGONAL
        if bounded and not low <= feed.low <= feed.high <= high:
            raise ParameterError(
                f"{self.name}: the adversary's losses lie in [{feed.low:g}, {feed.high:g}], "
                f"allowed is [{low:g}, {high:g}]"
            )
        d = self.dimension
        losses, points, gradients = np.empty(total), np.empty((total, d)), np.empty((total, d))
        self._loop(feed, losses, points, gradients)
        return Played(losses, gradients, points)

    def _loop(self, feed: _feed.Feed, losses: np.ndarray, iterates: np.ndarray, gradients: np.ndarray) -> None:
        type(self).run_kernel(self.state, feed, losses, iterates, gradients)

    @property
    def _noun(self) -> str:
        return "losses" if self.feedback == "losses" else "gradient"

    def _matrix(self, gradients: Any) -> np.ndarray:
        G = np.ascontiguousarray(gradients, np.float64)
        if G.ndim != 2 or G.shape[1] != self.dimension:
            raise ParameterError(
                f"{self.name}: {self._noun} must have shape (rounds, {self.dimension}), got {G.shape}"
            )
        self._refuse(G)
        return G

    def _refuse(self, G: np.ndarray) -> None:
        low, high = self._limits()
        at = int(_feed.first_bad(G, low, high)) if G.size else -1
        if at >= 0:
            t, i = divmod(at, G.shape[1])
            what, of = ("loss", "expert") if self.feedback == "losses" else ("gradient", "coordinate")
            allowed = "finite" if high == np.inf else f"in [{low:g}, {high:g}]"
            raise ParameterError(
                f"{self.name}: {what} of round {self.rounds + t} is {G[t, i]:g} ({of} {i}), must be {allowed}"
            )


def _nothing(dimension: int) -> np.ndarray:
    """A matrix without rows: nothing is recorded."""
    return np.empty((0, dimension))
