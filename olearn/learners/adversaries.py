"""Adversaries for ``learner.play(adversary, rounds)``: four oblivious and two adaptive ones.

Each answers in the same compiled loop as the learner, so an adaptive adversary costs no call back into Python.

Examples
--------
>>> from olearn.learners.hedge import Hedge
>>> played = Hedge(2, horizon=4).play(punish(), rounds=4)
>>> played.gradients.tolist()
[[1.0, 0.0], [0.0, 1.0], [1.0, 0.0], [0.0, 1.0]]
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from olearn.errors import ParameterError, check_int, check_positive_int, check_real, unknown
from olearn.learners import _feed


class Adversary(NamedTuple):
    """An adversary: made by the functions of this module; ``feed`` starts it afresh."""

    name: str
    kind: int
    low: float = 0.0
    high: float = 1.0
    means: Any = 0.5
    block: int = 1
    seed: int = 0

    @property
    def adaptive(self) -> bool:
        """Whether what it answers depends on the play."""
        return self.kind in (_feed.PUNISH, _feed.ORTHOGONAL)

    def feed(self, dimension: int) -> _feed.Feed:
        """The adversary for a compiled loop over `dimension` coordinates."""
        if np.ndim(self.means) and len(self.means) != dimension:
            raise ParameterError(f"means must be {dimension} numbers, got {len(self.means)}")
        memory = self.means if self.kind == _feed.RANDOM else 0.0
        return _feed.build(
            self.kind, dimension, memory=memory, low=self.low, high=self.high, block=self.block, seed=self.seed
        )


def _range(low: float, high: float) -> tuple[float, float]:
    low = check_real("low", low)
    return low, check_real("high", high, low, open_low=True)


def bernoulli(means: Any = 0.5, *, seed: int = 0, low: float = 0.0, high: float = 1.0) -> Adversary:
    """Each loss is `high` with its own chance, else `low`; independent."""
    p = np.asarray(means, np.float64)
    if not ((p >= 0.0) & (p <= 1.0)).all():
        raise ParameterError(f"means must lie in [0, 1], got {means!r}")
    seed = check_int("seed", seed, minimum=0)
    return Adversary("random", _feed.RANDOM, *_range(low, high), means=means, seed=seed)


def cyclic(*, low: float = 0.0, high: float = 1.0) -> Adversary:
    """Coordinate t mod d loses `high` in round t, the others `low`."""
    return Adversary("cyclic", _feed.CYCLIC, *_range(low, high))


def alternating(*, low: float = 0.0, high: float = 1.0) -> Adversary:
    """Even and odd coordinates lose `high` in turn, at first half of it: the leader is always wrong."""
    return Adversary("alternating", _feed.ALTERNATING, *_range(low, high))


def shifting(block: int, *, low: float = 0.0, high: float = 1.0) -> Adversary:
    """One coordinate loses `low`, the others `high`; it changes every `block` rounds."""
    return Adversary("shifting", _feed.SHIFTING, *_range(low, high), block=check_positive_int("block", block))


def punish(*, low: float = 0.0, high: float = 1.0) -> Adversary:
    """Adaptive: the coordinate with the largest play loses `high`, the others `low`."""
    return Adversary("punish", _feed.PUNISH, *_range(low, high))


def orthogonal(norm: float = 1.0, *, seed: int = 0) -> Adversary:
    """Adaptive: gradients of the 2-norm `norm` orthogonal to the play and to their own sum.

    The learner's loss is 0 while the sum grows to ``norm sqrt(T)``: on a ball of radius R around 0 in at
    least 3 dimensions the regret is ``R norm sqrt(T)``, the minimax value (Abernethy et al., COLT 2008).
    """
    size = check_real("norm", norm, 0.0, open_low=True)
    return Adversary("orthogonal", _feed.ORTHOGONAL, -size, size, seed=check_int("seed", seed, minimum=0))


ADVERSARIES = {
    "random": bernoulli,
    "cyclic": cyclic,
    "alternating": alternating,
    "shifting": shifting,
    "punish": punish,
    "orthogonal": orthogonal,
}


def get_adversary(name: str, **parameters: Any) -> Adversary:
    """An adversary by name: "random", "cyclic", "alternating", "shifting", "punish" or "orthogonal"."""
    if name not in ADVERSARIES:
        raise unknown("adversary", name, ADVERSARIES)
    made: Adversary = ADVERSARIES[name](**parameters)  # type: ignore[operator]
    return made
