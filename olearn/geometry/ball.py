"""The Euclidean ball ``{|x - centre| <= radius}``.

The projection moves a point outside along the line to the centre, in O(d), without overflow or
underflow whatever the size of the point.

Examples
--------
>>> EuclideanBall(2, radius=5.0).project([6.0, 8.0])
array([3., 4.])
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from olearn.errors import check_positive_int, check_real
from olearn.geometry._base import LARGEST, FeasibleSet, check_norm, vector
from olearn.geometry.region import BALL


@dataclass(frozen=True, eq=False)
class EuclideanBall(FeasibleSet):
    """``{x : |x - centre|_2 <= radius}`` in `dim` dimensions.

    Parameters
    ----------
    dim : int
    radius : float
        Between 0 and 1e100.
    centre_point : float or array_like of shape (dim,)
        The middle of the ball; the origin by default. (:meth:`centre` is the minimiser of a mirror map.)

    Examples
    --------
    >>> ball = EuclideanBall(2, radius=2.0, centre_point=[1.0, 0.0])
    >>> ball.argmax([0.0, 3.0]), ball.support([0.0, 3.0]), ball.diameter()
    (array([1., 2.]), 6.0, 4.0)
    """

    dim: int
    radius: float = 1.0
    centre_point: Any = field(default=0.0)

    def __post_init__(self) -> None:
        dim = check_positive_int("dim", self.dim)
        object.__setattr__(self, "dim", dim)
        object.__setattr__(self, "radius", check_real("radius", self.radius, 0.0, LARGEST))
        value = self.centre_point
        full = np.full(dim, value, np.float64) if np.ndim(value) == 0 else np.array(value, np.float64)
        full = vector("centre_point", full, dim)
        full.setflags(write=False)
        object.__setattr__(self, "centre_point", full)

    def blocks(self) -> list[tuple[int, int, float, np.ndarray | None, np.ndarray | None]]:
        """One block of the kind BALL."""
        return [(BALL, self.dim, self.radius, self.centre_point, None)]

    def contains(self, x: Any, tol: float = 1e-9) -> bool:
        """Whether the distance from the centre is at most the radius plus `tol`."""
        x = vector("x", x, self.dim, infinite=True)
        return bool(np.linalg.norm(x - self.centre_point) <= self.radius + tol)

    def diameter(self, norm: float = 2) -> float:
        """``2 radius``, times ``sqrt(dim)`` in the 1-norm."""
        return 2.0 * self.radius * (math.sqrt(self.dim) if check_norm(norm) == 1 else 1.0)

    def argmax(self, g: Any) -> np.ndarray:
        """``centre + radius g / |g|``; the centre for ``g = 0``."""
        g = vector("g", g, self.dim)
        largest = float(np.abs(g).max())
        if largest == 0.0:
            return self.centre_point.copy()
        unit = g / largest
        return self.centre_point + self.radius * (unit / np.linalg.norm(unit))

    def _largest(self, geometry: str) -> float:
        return 0.5 * (float(np.linalg.norm(self.centre_point)) + self.radius) ** 2
