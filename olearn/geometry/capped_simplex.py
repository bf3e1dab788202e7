"""The capped simplex ``{0 <= x <= 1, sum x = k}``: the fractions of a cache of k items out of n.

The Euclidean projection is ``clip(y - tau, 0, 1)``, exact, in O(n) (:mod:`olearn.geometry.euclidean`);
the entropic one ``min(1, y / theta)`` (:mod:`olearn.geometry.entropic`). Its extreme points hold
``floor(k)`` ones and, if k is not whole, one fraction ``f = k - floor(k)``.

Ranges: Euclidean ``(floor(k) + f^2 - k^2/n) / 2``, which is ``k (1 - k/n) / 2`` for whole k; entropic
``k ln(n/k) + f ln f``.

Examples
--------
>>> cache = CappedSimplex(4, 2)
>>> cache.project([3.0, 1.0, 1.0, -1.0]), cache.project_entropic([8.0, 1.0, 1.0, 2.0])
(array([1. , 0.5, 0.5, 0. ]), array([1.  , 0.25, 0.25, 0.5 ]))
>>> cache.diameter(), cache.range(), cache.argmax([0.0, 3.0, 1.0, 2.0])
(2.0, 0.5, array([0., 1., 0., 1.]))
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from olearn.errors import check_positive_int, check_real
from olearn.geometry._base import FeasibleSet, check_norm, vector
from olearn.geometry.region import CAPPED


@dataclass(frozen=True)
class CappedSimplex(FeasibleSet):
    """``{0 <= x <= 1, sum x = k}`` in n dimensions.

    Parameters
    ----------
    n : int
    k : float
        The sum, between 0 and n; need not be whole.

    Examples
    --------
    >>> CappedSimplex(3, 1.5).centre()
    array([0.5, 0.5, 0.5])
    """

    geometries: ClassVar[tuple[str, ...]] = ("euclidean", "entropic")

    n: int
    k: float

    def __post_init__(self) -> None:
        object.__setattr__(self, "n", check_positive_int("n", self.n))
        object.__setattr__(self, "k", check_real("k", self.k, 0.0, self.n))

    @property
    def dim(self) -> int:  # type: ignore[override]
        """The number of coordinates, n."""
        return self.n

    def blocks(self) -> list[tuple[int, int, float, np.ndarray | None, np.ndarray | None]]:
        """One block of the kind CAPPED."""
        return [(CAPPED, self.n, float(self.k), None, None)]

    def contains(self, x: Any, tol: float = 1e-9) -> bool:
        """Whether ``-tol <= x <= 1 + tol`` and the sum is k up to ``tol * max(1, k)``."""
        x = vector("x", x, self.n, infinite=True)
        inside = bool(((x >= -tol) & (x <= 1.0 + tol)).all())
        return inside and abs(math.fsum(x) - self.k) <= tol * max(1.0, self.k)

    def diameter(self, norm: float = 2) -> float:
        """``sqrt(2 m)`` with ``m = min(k, n-k)`` for whole k, ``2 m`` in the 1-norm; exact for any k."""
        p = check_norm(norm)
        if math.isinf(p):
            return min(1.0, self.k) - max(0.0, self.k - (self.n - 1))
        whole = math.floor(self.k)
        f = self.k - whole
        if f == 0.0:
            return (2.0 * min(whole, self.n - whole)) ** (1.0 / p)
        # two extreme points: their fractions meet, or each meets a 0 or a 1 of the other
        best = 2.0 * min(whole, self.n - 1 - whole)
        for u in (0, 1):
            for v in (0, 1):
                mine, other, room = whole - u, whole - v, self.n - 2
                if min(mine, other) >= 0 and max(mine, other) <= room:
                    apart = mine + other - 2 * max(0, mine + other - room)
                    best = max(best, abs(f - u) ** p + abs(f - v) ** p + apart)
        return best ** (1.0 / p)

    def argmax(self, g: Any) -> np.ndarray:
        """Ones on the ``floor(k)`` largest coefficients, the fraction on the next."""
        g = vector("g", g, self.n)
        order = np.argsort(-g, kind="stable")
        whole = math.floor(self.k)
        x = np.zeros(self.n)
        x[order[:whole]] = 1.0
        if whole < self.n:
            x[order[whole]] = self.k - whole
        return x

    def _largest(self, geometry: str) -> float:
        whole = math.floor(self.k)
        f = self.k - whole
        if geometry == "euclidean":
            return 0.5 * (whole + f * f)
        return f * math.log(f) if f > 0.0 else 0.0
