"""Poisson sampling with permanent random numbers: item i is in the set as long as ``x_i > p_i``.

Every item keeps one uniform number p_i for ever (a hash of a key and of i, so nothing is stored).

Guarantees: marginals exactly x; items independent (over the keys), so negative correlation holds with
equality; between x and x' an item enters or leaves with probability ``|x_i - x'_i|``: the movement is
the 1-norm of the change, the least there can be, and an item whose fraction did not grow never enters.
The size is right in expectation only: its variance is ``sum x (1 - x) <= k (1 - k/n)``. One key is
one draw for all times: averages over steps do not replace averages over seeds.

Cost: O(n), or O(1) for one item; no memory.

References
----------
.. [1] K. Brewer, L. Early and S. Joyce, "Selecting several samples from a single population",
   Australian Journal of Statistics 14(3), 1972 (permanent random numbers).
.. [2] D. Carra and G. Neglia, arXiv 2405.01263, 2024 (their use in caching).

Examples
--------
>>> draw = Poisson(seed=3)
>>> small, large = draw.round([0.2, 0.4, 0.6]), draw.round([0.3, 0.4, 0.9])
>>> bool((small <= large).all())
True
"""

from __future__ import annotations

import numpy as np

from olearn._jit import kernel
from olearn._rng import hash_uniform, new_key
from olearn.geometry.rounding._base import Rounding


@kernel
def poisson(key, x, chosen):
    """Choose the items whose fraction exceeds their permanent random number.

    Parameters
    ----------
    key : uint64
        From :func:`olearn._rng.new_key`.
    x : float64 array, shape (n,)
        Fractions in [0, 1].
    chosen : uint8 array, shape (n,)
        Receives 1 for the items chosen, else 0.

    Returns
    -------
    int
        The number chosen.

    Examples
    --------
    >>> chosen = np.empty(3, np.uint8)
    >>> int(poisson(new_key(1), np.array([0.0, 1.0, 1.0]), chosen)), chosen.tolist()
    (2, [0, 1, 1])
    """
    count = 0
    for i in range(x.size):
        inside = hash_uniform(key, i) < x[i]
        chosen[i] = 1 if inside else 0
        count += inside
    return count


class Poisson(Rounding):
    """Poisson sampling; the same seed gives every item the same permanent random number.

    Examples
    --------
    >>> Poisson(seed=1).round([0.0, 1.0]).tolist()
    [False, True]
    """

    size = "expected"
    negative_correlation = True
    movement = "the 1-norm of the change, exactly"

    def __init__(self, seed: int = 0) -> None:
        super().__init__(seed)
        self._key = new_key(self.seed)

    def _round(self, x: np.ndarray, chosen: np.ndarray) -> None:
        poisson(self._key, x, chosen)
