"""What the wrappers share: a learner inside, copies of it with their own random streams."""

from __future__ import annotations

from typing import Any, ClassVar

import numpy as np

from olearn.bounds import Bound
from olearn.errors import NotSupportedError, ParameterError
from olearn.learners._base import Learner, OnlineLearner


def fresh(learner: Any, number: int) -> Any:
    """A learner with the same parameters at its initial state; `number` > 0 gives it another seed."""
    clone = learner.copy()
    clone.reset()
    if number and getattr(clone, "seed", None) is not None:
        sequence = np.random.SeedSequence(clone.seed, spawn_key=(number,))
        clone.seed = int(sequence.generate_state(1, np.uint32)[0])
    return clone


def together(bound: Bound, copies: int) -> Bound | None:
    """A bound with the guarantee that `copies` runs keep it together; None if nothing is left of it.

    Chances of failure add up. Switches from one copy's play to another's are in no copy's bound, so a bound
    that includes switching costs lapses.
    """
    if copies == 1:
        return bound
    if "switching costs included" in bound.formula:
        return None
    words = "with probability "
    if not bound.guarantee.startswith(words):
        return bound
    chance = 1.0 - copies * (1.0 - float(bound.guarantee.removeprefix(words)))
    return bound._replace(guarantee=f"{words}{chance:g}") if chance > 1e-9 else None


def both_hold(a: Bound, b: Bound) -> str | None:
    """The guarantee of the sum of two bounds; None if there is none.

    A bound on every sequence holds beside any other. Chances of failure add up. The mean of what stays within
    its bound only with high probability is not known, so that does not add up with an expectation.

    Examples
    --------
    >>> sure = Bound(1.0, "", "", "every sequence", (), "")
    >>> likely = sure._replace(guarantee="with probability 0.9")
    >>> both_hold(sure, likely), both_hold(likely, likely)
    ('with probability 0.9', 'with probability 0.8')
    """
    words = "with probability "
    kinds = {a.guarantee, b.guarantee} - {"every sequence"}
    if not kinds:
        return "every sequence"
    if all(k.startswith(words) for k in kinds):
        failing = sum(
            1.0 - float(x.guarantee.removeprefix(words)) for x in (a, b) if x.guarantee != "every sequence"
        )
        return f"{words}{1.0 - failing:g}" if failing < 1.0 else None
    return kinds.pop() if len(kinds) == 1 else None


class Wrapper(Learner):
    """A learner made of another; the inner learner is never changed, copies of it play.

    Subclasses play gradients (or losses) with the two verbs; ``run`` is the loop over them, faster where the
    rounds of a copy can be handed over at once.
    """

    feedback = "as the inner learner"
    #: Whether the inner learner may be a bandit policy.
    bandits: ClassVar[bool] = False

    learner: Any

    def validate(self) -> None:
        inner = self.learner
        fits = isinstance(inner, OnlineLearner | Wrapper) or (self.bandits and hasattr(inner, "pull"))
        if not fits:
            raise NotSupportedError(f"{self.name}: learner must have predict() and update(), got {inner!r}")
        inner.validate()

    @property
    def rounds(self) -> int:
        """Rounds ended so far."""
        return 0 if self._state is None else int(self._state.rounds)

    @property
    def dimension(self) -> int:
        """Number of coordinates (experts) of the play."""
        return int(self.learner.dimension)

    def predict(self) -> np.ndarray:
        """The point of the coming round."""
        raise NotImplementedError

    def update(self, gradient: Any) -> float:
        """Tell the learner the gradient (experts: the losses) of the round."""
        raise NotImplementedError

    def run(self, gradients: Any) -> np.ndarray:
        """Play against every row of a matrix: float64 (T,) losses ``<g_t, x_t>``."""
        G = self._matrix(gradients)
        losses = np.empty(G.shape[0])
        for t in range(G.shape[0]):
            losses[t] = G[t] @ self.predict()
            self.update(G[t])
        return losses

    def _matrix(self, gradients: Any) -> np.ndarray:
        G = np.ascontiguousarray(gradients, np.float64)
        if G.ndim != 2 or G.shape[1] != self.dimension:
            raise ParameterError(f"{self.name}: need a matrix (rounds, {self.dimension}), got {G.shape}")
        if not np.isfinite(G).all():
            t = int(np.argwhere(~np.isfinite(G))[0][0])
            raise ParameterError(f"{self.name}: round {self.rounds + t} has a value that is not finite")
        return G
