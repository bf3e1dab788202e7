"""The knapsack ``{0 <= x <= 1, sum sizes x = budget}``: fractions of items of different sizes.

The Euclidean projection is ``clip(y - tau s, 0, 1)``, the entropic one under ``sum s x ln x`` is
``min(1, y / theta)``: with the sizes in the entropy one theta serves all items, which is what
inference delivery networks use [1]_. Both cost O(n) a pass and a few passes. Linear maximisation is
Dantzig's greedy, exact for fractions. With equal sizes the set is the capped simplex.

The diameters in the norms 1 and 2 and the ranges are upper bounds: exact values would be partition
problems. The 1-norm bound is off by less than 2.

References
----------
.. [1] T. Si Salem, G. Castellano, G. Neglia, F. Pianese and A. Araldo, "Toward inference delivery
   networks: distributing machine learning with optimality guarantees", IEEE/ACM ToN 32(1), 2024.

Examples
--------
>>> node = Knapsack([1.0, 2.0, 1.0], budget=2.5)
>>> node.project_entropic([9.0, 1.0, 1.0]), node.argmax([1.0, 3.0, 0.1])
(array([1. , 0.5, 0.5]), array([0.5, 1. , 0. ]))
>>> x = node.project([0.9, 0.9, 0.1])
>>> x.round(6), round(float(x @ node.sizes), 12)
(array([0.85, 0.8 , 0.05]), 2.5)
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from olearn.errors import ParameterError, check_real
from olearn.geometry._base import FeasibleSet, check_norm, vector
from olearn.geometry.region import KNAPSACK


@dataclass(frozen=True, eq=False)
class Knapsack(FeasibleSet):
    """``{0 <= x <= 1, sum sizes x = budget}``.

    Parameters
    ----------
    sizes : array_like of float, shape (n,)
        Sizes of the items, > 0.
    budget : float
        The size to use, between 0 and the sum of the sizes. A budget that holds everything is written
        as that sum: ``min(budget, sum(sizes))``.

    Examples
    --------
    >>> Knapsack([1.0, 1.0, 2.0], budget=2.0).centre("entropic")
    array([0.5, 0.5, 0.5])
    """

    geometries: ClassVar[tuple[str, ...]] = ("euclidean", "entropic")

    sizes: Any
    budget: float

    def __post_init__(self) -> None:
        raw = np.asarray(self.sizes)
        if raw.ndim != 1 or raw.size == 0:
            raise ParameterError(f"sizes must be a vector of at least one number, got shape {raw.shape}")
        sizes = np.array(vector("sizes", self.sizes, raw.size))
        if not (sizes > 0.0).all():
            i = int(np.argmin(sizes))
            raise ParameterError(f"sizes must be larger than 0, got {sizes[i]} at position {i}")
        sizes.setflags(write=False)
        object.__setattr__(self, "sizes", sizes)
        total = math.fsum(sizes)
        budget = check_real("budget", self.budget, 0.0, total * (1.0 + 1e-15))
        object.__setattr__(self, "budget", min(budget, total))

    @property
    def dim(self) -> int:  # type: ignore[override]
        """The number of items."""
        return int(self.sizes.size)

    def blocks(self) -> list[tuple[int, int, float, np.ndarray | None, np.ndarray | None]]:
        """One block of the kind KNAPSACK."""
        return [(KNAPSACK, self.dim, self.budget, self.sizes, None)]

    def contains(self, x: Any, tol: float = 1e-9) -> bool:
        """Whether ``-tol <= x <= 1 + tol`` and the size used is the budget, up to `tol`."""
        x = vector("x", x, self.dim, infinite=True)
        inside = bool(((x >= -tol) & (x <= 1.0 + tol)).all())
        return inside and abs(math.fsum(self.sizes * x) - self.budget) <= tol * max(
            self.budget, self.sizes.max()
        )

    def diameter(self, norm: float = 2) -> float:
        """Exact in the inf-norm; an upper bound in the norms 1 and 2 (see the module)."""
        p = check_norm(norm)
        total = math.fsum(self.sizes)
        most = np.minimum(1.0, self.budget / self.sizes)
        least = np.maximum(0.0, (self.budget - (total - self.sizes)) / self.sizes)
        span = np.maximum(most - least, 0.0)
        if math.isinf(p):
            return float(span.max())
        # |x - z| <= min(w, 2 - w) with w = x + z, of size 2 budget: a fractional knapsack in w
        left = 2.0 * min(self.budget, total - self.budget)
        apart = 0.0
        for s in np.sort(self.sizes):
            if left <= 0.0:
                break
            apart += min(1.0, left / s)
            left -= s
        one = min(apart, float(span.sum()))
        return one if p == 1 else math.sqrt(min(one, float((span**2).sum())))

    def argmax(self, g: Any) -> np.ndarray:
        """Dantzig's greedy: items by ``g / size`` until the budget is used, the last one in part."""
        g = vector("g", g, self.dim)
        x = np.zeros(self.dim)
        left = self.budget
        for i in np.argsort(-g / self.sizes, kind="stable"):
            if left <= 0.0:
                break
            x[i] = min(1.0, left / self.sizes[i])
            left -= self.sizes[i]
        return x

    def _largest(self, geometry: str) -> float:
        if geometry == "entropic":
            return 0.0  # every term is at most 0
        return 0.5 * self.support(np.ones(self.dim))  # x^2 <= x
