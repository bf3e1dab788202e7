"""Rounding and sampling: from fractions x to a random set with ``P(i in set) = x_i``.

===========  =========  ====================  ===================================================
rounding     size       negative correlation  expected movement between x and x'
===========  =========  ====================  ===================================================
`Madow`      exact      no                    fresh: unrelated; permanent comb: up to n times the 1-norm
`DepRound`   exact      yes                   unrelated (fresh)
`Swap`       exact      yes, across parts     unrelated (fresh)
`Pivotal`    exact      yes                   at most 2 ceil(log2 n) + 1 times the 1-norm
`Poisson`    expected   independent           the 1-norm, exactly; one draw for all times
`Coupled`    expected   not claimed           the 1-norm, exactly; the draw is renewed as x moves
`Jump`       one item   (k = 1)               the 1-norm, exactly
===========  =========  ====================  ===================================================

Exact marginals, an exact size of 2 or more and the least movement exclude each other
(:mod:`~olearn.geometry.rounding.coupled` has the argument); the table is the choice of two.

Each module holds the kernel, in lower case as its name (`depround` in `deprounding`), and a class
around it. Names load at first use.

Examples
--------
>>> from olearn.geometry.rounding import DepRound
>>> int(DepRound(seed=1).round([0.5, 0.5, 1.0]).sum())
2
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from olearn.geometry.rounding._base import Rounding
    from olearn.geometry.rounding.coupled import Coupled, Jump
    from olearn.geometry.rounding.deprounding import DepRound
    from olearn.geometry.rounding.madow import Madow
    from olearn.geometry.rounding.pivotal import Pivotal
    from olearn.geometry.rounding.poisson import Poisson
    from olearn.geometry.rounding.swap import Swap

_HOMES = {
    "Coupled": "coupled",
    "DepRound": "deprounding",
    "Jump": "coupled",
    "Madow": "madow",
    "Pivotal": "pivotal",
    "Poisson": "poisson",
    "Rounding": "_base",
    "Swap": "swap",
}

__all__ = ["Coupled", "DepRound", "Jump", "Madow", "Pivotal", "Poisson", "Rounding", "Swap"]


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(importlib.import_module(f"{__name__}.{_HOMES[name]}"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted([*globals(), *__all__])
