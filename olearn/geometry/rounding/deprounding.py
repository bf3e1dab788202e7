"""DepRound: dependent rounding by pairs, also with sizes.

While two items i, j are fractional, one of them is made whole, keeping the size used: with
``a = min(1 - x_i, (s_j/s_i) x_j)`` and ``b = min(x_i, (s_j/s_i) (1 - x_j))``, with probability
``b/(a+b)`` i gains a and j loses ``a s_i/s_j``; otherwise i loses b and j gains ``b s_i/s_j`` [1]_.

Guarantees.

* Marginals exactly x: every step is a martingale.
* The size used, ``sum s x``, stays what it is until one fractional item is left. Without sizes a whole
  sum leaves none. Otherwise the leftover is settled by `residual`: ``"bernoulli"`` keeps its marginal,
  and uses up to one item's size more or less than planned; ``"drop"`` never uses more, and leaves
  that one item out (its marginal, and only marginals of items that can end up last, shrink).
* Negative correlation, with and without sizes: a step changes ``E x_i x_j`` by ``-(s_i/s_j) a b``, so
  ``E prod_S z <= prod_S x`` and ``E prod_S (1-z) <= prod_S (1-x)`` for every set S. (``"drop"`` keeps
  the first only.) This is what gives ``E f(z) >= (1 - 1/e) f(x)`` for coverage-like gains.

Cost: O(n), at most n random numbers; one work vector of n floats.

References
----------
.. [1] R. Gandhi, S. Khuller, S. Parthasarathy and A. Srinivasan, "Dependent rounding and its
   applications to approximation algorithms", JACM 53(3), 2006; with sizes as used by inference
   delivery networks (Si Salem et al., IEEE/ACM ToN 32(1), 2024).

Examples
--------
>>> int(DepRound(seed=2).round([0.5, 0.5, 0.25, 0.75]).sum())
2
>>> z = DepRound(seed=2, sizes=[1.0, 2.0, 3.0], residual="drop").round([0.5, 0.5, 0.5])
>>> bool(z @ [1.0, 2.0, 3.0] <= 3.0)
True
"""

from __future__ import annotations

from typing import Any

import numpy as np

from olearn._jit import kernel
from olearn._rng import new_state, uniform
from olearn.errors import ParameterError, unknown
from olearn.geometry._base import vector
from olearn.geometry.rounding._base import Rounding

#: What to do with the last fractional item.
RESIDUALS = ("bernoulli", "drop")
BERNOULLI, DROP = range(2)
#: A fraction this close to 0 or 1 is rounding error.
WHOLE = 1e-11


@kernel
def depround(state, x, sizes, residual, chosen):
    """Dependent rounding, in place.

    Parameters
    ----------
    state : uint64 array, shape (4,)
        Generator.
    x : float64 array, shape (n,)
        Fractions in [0, 1]; holds zeros, ones and at most one leftover fraction afterwards.
    sizes : float64 array, shape (n,) or (0,)
        Sizes (> 0); of length 0: all are 1.
    residual : int
        ``BERNOULLI`` or ``DROP``: what to do with a fraction that is left.
    chosen : uint8 array, shape (n,)
        Receives 1 for the items chosen, else 0.

    Returns
    -------
    int
        The number chosen.

    Examples
    --------
    >>> chosen = np.empty(3, np.uint8)
    >>> x = np.array([0.25, 0.75, 1.0])
    >>> int(depround(new_state(1), x, np.empty(0), BERNOULLI, chosen)), int(chosen[2])
    (2, 1)
    """
    weighted = sizes.size > 0
    count = 0
    i = -1  # the fractional item that is being paired
    for j in range(x.size):
        chosen[j] = 0
        if x[j] <= WHOLE:
            x[j] = 0.0
            continue
        if x[j] >= 1.0 - WHOLE:
            x[j] = 1.0
            chosen[j] = 1
            count += 1
            continue
        if i < 0:
            i = j
            continue
        ratio = sizes[j] / sizes[i] if weighted else 1.0
        up = min(1.0 - x[i], ratio * x[j])
        down = min(x[i], ratio * (1.0 - x[j]))
        if uniform(state) * (up + down) < down:
            x[j] -= up / ratio
            if x[i] + up >= 1.0 - WHOLE:
                x[i] = 1.0
            else:
                x[i] += up
                x[j] = 0.0
        else:
            x[j] += down / ratio
            if x[i] - down <= WHOLE:
                x[i] = 0.0
            else:
                x[i] -= down
                x[j] = 1.0
        # at least one of the two is whole now; the other goes on
        if x[i] == 1.0:
            chosen[i] = 1
            count += 1
        if x[j] >= 1.0 - WHOLE:
            x[j] = 1.0
            chosen[j] = 1
            count += 1
        elif x[j] <= WHOLE:
            x[j] = 0.0
        open_i = 0.0 < x[i] < 1.0
        open_j = 0.0 < x[j] < 1.0
        if not open_i:
            i = j if open_j else -1
    if i >= 0:
        slack = WHOLE + 1e-13 * x.size  # how far rounding errors can leave a whole number from itself
        if x[i] <= slack or x[i] >= 1.0 - slack:
            keep = x[i] > 0.5
        elif residual == DROP:
            keep = False
        else:
            keep = uniform(state) < x[i]
        if keep:
            chosen[i] = 1
            count += 1
    return count


class DepRound(Rounding):
    """Dependent rounding by pairs.

    Parameters
    ----------
    seed : int
    sizes : array_like of float, optional
        Sizes of the items: the size used is kept instead of the number.
    residual : {"bernoulli", "drop"}
        What becomes of the one fraction that sizes, or a sum that is not whole, leave.

    Examples
    --------
    >>> draw = DepRound(seed=7)
    >>> {int(draw.round([0.5, 0.5, 0.9, 0.1]).sum()) for _ in range(20)}
    {2}
    """

    size = "exact"
    negative_correlation = True
    movement = "unrelated to the total variation: every draw is fresh"

    def __init__(self, seed: int = 0, sizes: Any = None, residual: str = "bernoulli") -> None:
        super().__init__(seed)
        if residual not in RESIDUALS:
            raise unknown("residual", residual, RESIDUALS)
        self.residual = residual
        self.sizes = np.empty(0)
        if sizes is not None:
            self.sizes = np.array(vector("sizes", sizes, np.size(sizes)))
            if not (self.sizes > 0.0).all():
                i = int(np.argmin(self.sizes > 0.0))
                raise ParameterError(f"sizes must be larger than 0, got {self.sizes[i]} at position {i}")
        self._state = new_state(self.seed)

    def _round(self, x: np.ndarray, chosen: np.ndarray) -> None:
        if self.sizes.size not in (0, x.size):
            raise ParameterError(
                f"x must have one number for each of the {self.sizes.size} sizes, got {x.size}"
            )
        depround(self._state, x, self.sizes, RESIDUALS.index(self.residual), chosen)
