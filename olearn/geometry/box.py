"""The box ``{low <= x <= high}``.

Euclidean and entropic projection are the same: clip every coordinate (the divergence is a sum of
one-dimensional ones). The entropic mirror map is defined where ``low >= 0``. Ends may be infinite, so
``Box(d, -inf, inf)`` is the whole space. Everything costs O(d).

Examples
--------
>>> box = Box(2, low=0.0, high=[1.0, 3.0])
>>> box.project([-1.0, 5.0]), box.support([1.0, 1.0]), round(box.diameter(), 6)
(array([0., 3.]), 4.0, 3.162278)
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from olearn.errors import ParameterError, check_positive_int
from olearn.geometry._base import FeasibleSet, check_norm, vector
from olearn.geometry.region import BOX


@dataclass(frozen=True, eq=False)
class Box(FeasibleSet):
    """``{x : low <= x <= high}`` in `dim` dimensions.

    Parameters
    ----------
    dim : int
    low, high : float or array_like of shape (dim,)
        Ends, ``low <= high``; may be infinite.

    Examples
    --------
    >>> Box(3).project([0.5, 2.0, -1.0])
    array([0.5, 1. , 0. ])
    """

    dim: int
    low: Any = field(default=0.0)
    high: Any = field(default=1.0)

    def __post_init__(self) -> None:
        dim = check_positive_int("dim", self.dim)
        for name in ("low", "high"):
            value = getattr(self, name)
            full = np.full(dim, value, np.float64) if np.ndim(value) == 0 else np.array(value, np.float64)
            full = vector(name, full, dim, infinite=True)
            full.setflags(write=False)
            object.__setattr__(self, name, full)
        object.__setattr__(self, "dim", dim)
        wrong = ~((self.low <= self.high) & (self.low < math.inf) & (self.high > -math.inf))
        if wrong.any():
            i = int(np.argmax(wrong))
            raise ParameterError(
                f"low must be at most high, got [{self.low[i]}, {self.high[i]}] at position {i}"
            )

    @property
    def geometries(self) -> tuple[str, ...]:  # type: ignore[override]
        """The Euclidean geometry, and the entropic one if no coordinate can be negative."""
        return ("euclidean", "entropic") if (self.low >= 0.0).all() else ("euclidean",)

    def blocks(self) -> list[tuple[int, int, float, np.ndarray | None, np.ndarray | None]]:
        """One block of the kind BOX."""
        return [(BOX, self.dim, 1.0, self.low, self.high)]

    def contains(self, x: Any, tol: float = 1e-9) -> bool:
        """Whether every coordinate lies between its ends, up to `tol`."""
        x = vector("x", x, self.dim, infinite=True)
        return bool(((x >= self.low - tol) & (x <= self.high + tol)).all())

    def diameter(self, norm: float = 2) -> float:
        """The norm of ``high - low``."""
        return float(np.linalg.norm(self.high - self.low, check_norm(norm)))

    def argmax(self, g: Any) -> np.ndarray:
        """The end that each coefficient's sign points to; a coefficient of 0 takes a finite end, or 0."""
        g = vector("g", g, self.dim)
        anywhere = np.where(np.isfinite(self.low), self.low, np.where(np.isfinite(self.high), self.high, 0.0))
        return np.where(g > 0.0, self.high, np.where(g < 0.0, self.low, anywhere))

    def _largest(self, geometry: str) -> float:
        if not (np.isfinite(self.low).all() and np.isfinite(self.high).all()):
            return math.inf
        if geometry == "euclidean":
            return float(0.5 * np.maximum(self.low**2, self.high**2).sum())
        ends = [x * np.log(np.where(x > 0.0, x, 1.0)) for x in (self.low, self.high)]
        return float(np.maximum(*ends).sum())
