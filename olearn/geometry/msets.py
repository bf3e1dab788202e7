"""m-sets: the 0/1 vectors with m ones, the actions of a cache or a semi-bandit that picks m of n.

Projections and mirror steps are those of the convex hull, the capped simplex; linear maximisation is
exact over the m-sets themselves. :mod:`olearn.geometry.rounding` turns a point of the hull into an
m-set with the same marginals.

Examples
--------
>>> sets = MSets(4, 2)
>>> sets.argmax([0.0, 3.0, 1.0, 2.0]), sets.count()
(array([0., 1., 0., 1.]), 6)
>>> sets.contains([0.5, 0.5, 0.5, 0.5]), sets.hull().contains([0.5, 0.5, 0.5, 0.5])
(False, True)
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import combinations
from typing import Any

import numpy as np

from olearn.errors import ParameterError, check_int, check_positive_int
from olearn.geometry._base import vector
from olearn.geometry.capped_simplex import CappedSimplex


@dataclass(frozen=True)
class MSets(CappedSimplex):
    """The vectors of n zeros and ones with m ones.

    Parameters
    ----------
    n : int
    k : int
        The number of ones, m; between 0 and n.

    Examples
    --------
    >>> MSets(3, 1).contains([0, 1, 0])
    True
    """

    def __post_init__(self) -> None:
        object.__setattr__(self, "n", check_positive_int("n", self.n))
        object.__setattr__(self, "k", check_int("m", self.k, minimum=0))
        if self.k > self.n:
            raise ParameterError(f"m must be at most n, got {self.k} of {self.n}")

    @property
    def m(self) -> int:
        """The number of ones."""
        return int(self.k)

    def hull(self) -> CappedSimplex:
        """The convex hull."""
        return CappedSimplex(self.n, self.k)

    def count(self) -> int:
        """How many m-sets there are."""
        return math.comb(self.n, self.m)

    def __iter__(self) -> Iterator[np.ndarray]:
        """All m-sets, in lexicographic order of their members; there are :meth:`count` of them."""
        for members in combinations(range(self.n), self.m):
            x = np.zeros(self.n)
            x[list(members)] = 1.0
            yield x

    def contains(self, x: Any, tol: float = 1e-9) -> bool:
        """Whether `x` is an m-set up to `tol` in every coordinate."""
        x = vector("x", x, self.n, infinite=True)
        ones = x > 0.5
        return bool((np.abs(x - ones) <= tol).all() and np.count_nonzero(ones) == self.m)
