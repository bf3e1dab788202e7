"""Feasible sets, projections, rounding and sampling, heaps and queues.

Sets: :class:`Box`, :class:`EuclideanBall`, :class:`Simplex`, :class:`CappedSimplex`,
:class:`Knapsack`, :class:`Product`, :class:`MSets`. Each knows its Euclidean projection, the mirror
steps that are defined on it, its diameters, support function and linear oracle, and hands kernels a
:class:`~olearn.geometry.region.Region`. Rounding and sampling: :mod:`olearn.geometry.rounding`.

Names load at first use: importing one part compiles or imports no other.

Examples
--------
>>> from olearn.geometry import CappedSimplex
>>> CappedSimplex(4, 2).project([3.0, 1.0, 1.0, -1.0])
array([1. , 0.5, 0.5, 0. ])
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from olearn.geometry._base import FeasibleSet
    from olearn.geometry.ball import EuclideanBall
    from olearn.geometry.box import Box
    from olearn.geometry.capped_simplex import CappedSimplex
    from olearn.geometry.knapsack import Knapsack
    from olearn.geometry.msets import MSets
    from olearn.geometry.product import Product
    from olearn.geometry.simplex import Simplex

_HOMES = {
    "Box": "box",
    "CappedSimplex": "capped_simplex",
    "EuclideanBall": "ball",
    "FeasibleSet": "_base",
    "Knapsack": "knapsack",
    "MSets": "msets",
    "Product": "product",
    "Simplex": "simplex",
}

__all__ = ["Box", "CappedSimplex", "EuclideanBall", "FeasibleSet", "Knapsack", "MSets", "Product", "Simplex"]


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(importlib.import_module(f"{__name__}.{_HOMES[name]}"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted([*globals(), *__all__])
