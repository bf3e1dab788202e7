"""The doubling trick: a learner that needs its horizon, restarted with horizons 1, 2, 4, ...

Rule: epoch m = 0, 1, ... lasts 2^m rounds and is played by a fresh learner tuned for 2^m rounds.

Bound: the sum of the learners' bounds over the epochs; for a bound K sqrt(T) at most ``√2/(√2 - 1) K sqrt(T)``.
Where they hold with chance 1 - delta each, their chances of failure add up.

Cost: that of the learner; ``run`` hands whole epochs to its compiled loop.

References
----------
.. [1] N. Cesa-Bianchi and G. Lugosi, "Prediction, Learning, and Games", Cambridge 2006, section 2.3.

Examples
--------
>>> from olearn.learners.hedge import Hedge
>>> learner = Doubling(Hedge(2, horizon=1))
>>> losses = learner.run([[0.0, 1.0]] * 100)
>>> learner.epoch, bool(losses.sum() <= learner.bound(100).value)
(6, True)
"""

from __future__ import annotations

from typing import Any, Self

import numpy as np

from olearn.bounds import Bound
from olearn.errors import NotSupportedError
from olearn.learners._wrapper import Wrapper, fresh, together


class _Epoch:
    """The learner of the epoch, its number, and how many of its rounds have been played."""

    def __init__(self) -> None:
        self.rounds = 0
        self.epoch = -1
        self.played = 0
        self.inner: Any = None


class Doubling(Wrapper):
    """Restarts of a learner with doubled horizons.

    Parameters
    ----------
    learner : learner
        Any learner or bandit policy with a `horizon`; the one given is never played, its copies are.
    """

    name = "doubling"
    rule = "fresh learners tuned for horizons 1, 2, 4, ..."
    tuning = "that of the learner at 2^m rounds"
    reference = "Cesa-Bianchi and Lugosi, Prediction, Learning, and Games, 2006, section 2.3"
    bandits = True

    def __init__(self, learner: Any) -> None:
        self.learner = learner

    @classmethod
    def example(cls) -> Self:
        from olearn.learners.hedge import Hedge

        return cls(Hedge(10, horizon=1))

    def validate(self) -> None:
        if not hasattr(self.learner, "horizon"):
            raise NotSupportedError(f"doubling: learner must have a horizon, got {self.learner!r}")
        self._tuned(0).validate()
        super().validate()

    def _tuned(self, epoch: int) -> Any:
        learner = fresh(self.learner, epoch)
        learner.horizon = 2**epoch
        return learner

    def _init(self) -> _Epoch:
        s = _Epoch()
        self._next(s)
        return s

    def _next(self, s: _Epoch) -> None:
        s.epoch += 1
        s.played = 0
        s.inner = self._tuned(s.epoch)

    @property
    def epoch(self) -> int:
        """The number of the epoch of the coming round."""
        return int(self.state.epoch)

    @property
    def dimension(self) -> int:
        """Number of coordinates (experts) of the play."""
        return int(self.state.inner.dimension)

    def predict(self) -> np.ndarray:
        """The point of the coming round."""
        x: np.ndarray = self.state.inner.predict()
        return x

    def pull(self) -> int:
        """The arm of the coming round, for a bandit policy."""
        return int(self.state.inner.pull())

    def update(self, *feedback: Any) -> Any:
        """Tell the epoch's learner what ``update`` of the inner learner takes."""
        s = self.state
        value = s.inner.update(*feedback)
        self._count(s, 1)
        return value

    def _count(self, s: _Epoch, rounds: int) -> None:
        s.rounds += rounds
        s.played += rounds
        if s.played == 2**s.epoch:
            self._next(s)

    def run(self, gradients: Any) -> np.ndarray:
        """Play against every row, an epoch at a time."""
        G = np.ascontiguousarray(gradients, np.float64)
        s = self.state
        parts, t = [], 0
        while t < len(G):
            count = min(len(G) - t, 2**s.epoch - s.played)
            parts.append(s.inner.run(G[t : t + count]))
            self._count(s, count)
            t += count
        return np.concatenate(parts) if parts else np.empty(0)

    def bound(self, horizon: int | None = None) -> Bound | None:
        """The sum of the bounds of the epochs that T rounds touch."""
        T = self._rounds_of_bound(horizon)
        total, epoch, inner = 0.0, 0, None
        while 2**epoch - 1 < T:
            inner = self._tuned(epoch).bound()
            if inner is None:
                return None
            total += inner.value
            epoch += 1
        assert inner is not None
        formula = f"sum over m < {epoch} of ({inner.formula}) at T = 2^m"
        kept = together(inner, epoch)
        return None if kept is None else kept._replace(value=total, formula=formula)
