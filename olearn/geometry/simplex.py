"""The simplex ``{x >= 0, sum x = scale}``.

All four mirror maps are defined: Euclidean projection ``max(y - tau, 0)``, entropic ``scale y / sum y``
(in logarithms: a softmax), Tsallis-1/2 ``4 / (theta - nu)^2`` and the log-barrier ``1 / (theta - nu)``.
Each costs O(d) a pass and a few passes. Ranges: ``scale^2 (1 - 1/d) / 2``, ``scale ln d``,
``4 sqrt(scale) (sqrt(d) - 1)`` and infinity.

Examples
--------
>>> simplex = Simplex(3)
>>> simplex.project([0.5, 1.0, -2.0]), simplex.project_entropic([1.0, 1.0, 2.0])
(array([0.25, 0.75, 0.  ]), array([0.25, 0.25, 0.5 ]))
>>> simplex.project_tsallis([0.0, 0.0, 0.0]).round(6), round(simplex.range("entropic"), 6)
(array([0.333333, 0.333333, 0.333333]), 1.098612)
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from olearn.errors import check_positive_int, check_real
from olearn.geometry._base import LARGEST, SMALLEST, FeasibleSet, check_norm, vector
from olearn.geometry.region import GEOMETRIES, SIMPLEX


@dataclass(frozen=True)
class Simplex(FeasibleSet):
    """``{x >= 0, sum x = scale}`` in `dim` dimensions.

    Parameters
    ----------
    dim : int
    scale : float
        The sum, between 1e-100 and 1e100.

    Examples
    --------
    >>> Simplex(2, scale=3.0).project([0.0, 1.0])
    array([1., 2.])
    """

    geometries: ClassVar[tuple[str, ...]] = GEOMETRIES

    dim: int
    scale: float = 1.0

    def __post_init__(self) -> None:
        object.__setattr__(self, "dim", check_positive_int("dim", self.dim))
        object.__setattr__(self, "scale", check_real("scale", self.scale, SMALLEST, LARGEST))

    def blocks(self) -> list[tuple[int, int, float, np.ndarray | None, np.ndarray | None]]:
        """One block of the kind SIMPLEX."""
        return [(SIMPLEX, self.dim, self.scale, None, None)]

    def contains(self, x: Any, tol: float = 1e-9) -> bool:
        """Whether ``x >= -tol`` and the sum is `scale` up to ``tol * scale``."""
        x = vector("x", x, self.dim, infinite=True)
        return bool((x >= -tol).all() and abs(math.fsum(x) - self.scale) <= tol * self.scale)

    def diameter(self, norm: float = 2) -> float:
        """``sqrt(2) scale``; ``2 scale`` in the 1-norm, `scale` in the inf-norm; 0 in one dimension."""
        factor = {1.0: 2.0, 2.0: math.sqrt(2.0), math.inf: 1.0}[check_norm(norm)]
        return factor * self.scale if self.dim > 1 else 0.0

    def argmax(self, g: Any) -> np.ndarray:
        """Everything on the largest coefficient."""
        x = np.zeros(self.dim)
        x[int(np.argmax(vector("g", g, self.dim)))] = self.scale
        return x

    def _largest(self, geometry: str) -> float:
        vertex = np.zeros(self.dim)
        vertex[0] = self.scale
        return math.inf if geometry == "logbarrier" and self.dim > 1 else self._psi(vertex, geometry)
