"""The product of feasible sets: one block of coordinates for each, e.g. the caches of a network.

Every operation works block by block and costs the sum; a mirror map is defined where every factor has
it. Warm starts are kept for each block.

Examples
--------
>>> from olearn.geometry import CappedSimplex, Simplex
>>> network = Product([CappedSimplex(2, 1), Simplex(2, scale=2.0)])
>>> network.project([2.0, 2.0, 1.0, 0.0]), network.dim
(array([0.5, 0.5, 1.5, 0.5]), 4)
>>> network.split(network.centre("entropic"))
[array([0.5, 0.5]), array([1., 1.])]
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from olearn.errors import ParameterError
from olearn.geometry._base import FeasibleSet, check_norm, vector
from olearn.geometry.region import GEOMETRIES


@dataclass(frozen=True)
class Product(FeasibleSet):
    """``sets[0] x sets[1] x ...``, the coordinates in that order.

    Parameters
    ----------
    sets : sequence of FeasibleSet
        At least one; products may be nested.

    Examples
    --------
    >>> from olearn.geometry import Simplex
    >>> Product([Simplex(2), Simplex(2)]).diameter()
    2.0
    """

    sets: Sequence[FeasibleSet]

    def __post_init__(self) -> None:
        sets = tuple(self.sets)
        if not sets or not all(isinstance(s, FeasibleSet) for s in sets):
            raise ParameterError(f"sets must be one or more feasible sets, got {self.sets!r}")
        object.__setattr__(self, "sets", sets)

    @property
    def dim(self) -> int:  # type: ignore[override]
        """The sum of the dimensions."""
        return sum(s.dim for s in self.sets)

    @property
    def geometries(self) -> tuple[str, ...]:  # type: ignore[override]
        """The mirror maps that every factor has."""
        return tuple(g for g in GEOMETRIES if all(g in s.geometries for s in self.sets))

    def blocks(self) -> list[tuple[int, int, float, np.ndarray | None, np.ndarray | None]]:
        """The blocks of the factors, one after the other."""
        return [block for s in self.sets for block in s.blocks()]

    def split(self, x: Any) -> list[np.ndarray]:
        """The part of `x` that belongs to each factor, as views."""
        x = vector("x", x, self.dim, infinite=True)
        ends = np.cumsum([s.dim for s in self.sets])
        return np.split(x, ends[:-1])

    def contains(self, x: Any, tol: float = 1e-9) -> bool:
        """Whether every factor contains its part."""
        return all(s.contains(part, tol) for s, part in zip(self.sets, self.split(x), strict=True))

    def diameter(self, norm: float = 2) -> float:
        """The norm of the factors' diameters."""
        p = check_norm(norm)
        return float(np.linalg.norm([s.diameter(p) for s in self.sets], p))

    def argmax(self, g: Any) -> np.ndarray:
        """The factors' maximisers."""
        return np.concatenate([s.argmax(part) for s, part in zip(self.sets, self.split(g), strict=True)])

    def _largest(self, geometry: str) -> float:
        return sum(s._largest(geometry) for s in self.sets)
