"""Sequences of convex losses that compiled loops can evaluate: linear, least squares, logistic, hinge, ...

A :class:`Losses` is data; ``learner.play(losses)`` runs a learner on it in one compiled loop, with the
gradient at the point that the learner plays.

Examples
--------
>>> from olearn.geometry import EuclideanBall
>>> from olearn.learners.ogd import OGD
>>> losses = Losses("squared", [[1.0, 0.0], [0.0, 1.0]], [0.5, 0.5])
>>> OGD(EuclideanBall(2), horizon=2).play(losses).losses.tolist()
[0.125, 0.125]
"""

from __future__ import annotations

from typing import Any

import numpy as np

from olearn.errors import ParameterError, unknown
from olearn.learners import _feed

_KINDS = {
    "linear": _feed.MATRIX,
    "squared": _feed.SQUARED,
    "absolute": _feed.ABSOLUTE,
    "logistic": _feed.LOGISTIC,
    "hinge": _feed.HINGE,
    "distance": _feed.DISTANCE,
}


class Losses:
    """One convex loss a round.

    Parameters
    ----------
    kind : str
        With row a_t of `data`, number b_t of `target` and s = <a_t, x>: "linear" s, "squared" ``(s -
        b)^2/2``, "absolute" ``|s - b|``, "logistic" ``ln(1 + e^(-b s))``, "hinge" ``max(0, 1 - b s)``;
        "distance" is ``|x - a_t|^2/2``.
    data : array_like of float, shape (T, d)
    target : array_like of float, shape (T,), optional
        Needed by all but "linear" and "distance"; labels of "logistic" and "hinge" are -1 or 1.
    """

    def __init__(self, kind: str, data: Any, target: Any = None) -> None:
        if kind not in _KINDS:
            raise unknown("loss", kind, _KINDS)
        self.kind = kind
        self.data = np.ascontiguousarray(data, np.float64)
        if self.data.ndim != 2 or not np.isfinite(self.data).all():
            raise ParameterError(f"data must be a finite matrix (rounds, d), got shape {self.data.shape}")
        needs = kind not in ("linear", "distance")
        if needs != (target is not None):
            raise ParameterError(f"losses of kind {kind!r} {'need a' if needs else 'take no'} target")
        self.target = np.zeros(1) if target is None else np.ascontiguousarray(target, np.float64)
        if needs and (self.target.shape != (len(self.data),) or not np.isfinite(self.target).all()):
            raise ParameterError(f"target must be {len(self.data)} finite numbers, got {self.target.shape}")
        if kind in ("logistic", "hinge") and not (np.abs(self.target) == 1.0).all():
            raise ParameterError(f"target of {kind!r} losses must be -1 or 1")

    def __len__(self) -> int:
        return len(self.data)

    def feed(self, dimension: int) -> _feed.Feed:
        """The losses for a compiled loop."""
        if self.data.shape[1] != dimension:
            raise ParameterError(
                f"losses are over {self.data.shape[1]} coordinates, the learner has {dimension}"
            )
        return _feed.build(_KINDS[self.kind], dimension, data=self.data, target=self.target)

    def values(self, x: Any) -> np.ndarray:
        """Loss of every round at the fixed point `x`, or at the path `x` of shape (T, d)."""
        x = np.asarray(x, np.float64)
        if self.kind == "distance":
            return np.asarray(0.5 * ((x - self.data) ** 2).sum(axis=1))
        s = (self.data * x).sum(axis=1)
        if self.kind == "linear":
            return np.asarray(s)
        if self.kind == "squared":
            return np.asarray(0.5 * (s - self.target) ** 2)
        if self.kind == "absolute":
            return np.asarray(np.abs(s - self.target))
        if self.kind == "logistic":
            return np.asarray(np.logaddexp(0.0, -self.target * s))
        return np.asarray(np.maximum(0.0, 1.0 - self.target * s))
