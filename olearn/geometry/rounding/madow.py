"""Madow's systematic sampling: a comb with teeth at u, u+1, u+2, ... laid over the fractions.

Item i covers ``[x_1 + ... + x_{i-1}, x_1 + ... + x_i)`` and is chosen if a tooth falls there.

Guarantees: marginals exactly x; the sum of x exactly, rounded down or up if it is not whole. No
negative correlation: items at distance 1 along the line go together. With a fresh u at every step
nearly the whole set changes; with a permanent u a fraction that moves from one end of the line to the
other shifts every item in between, so movement can be n times the total variation.

Cost: O(n), one random number, no memory.

References
----------
.. [1] W. G. Madow, "On the theory of systematic sampling, II", Annals of Mathematical Statistics 20,
   1949.

Examples
--------
>>> Madow(seed=1).round([0.5, 0.5, 0.25, 0.75]).tolist()
[False, True, False, True]
"""

from __future__ import annotations

import numpy as np

from olearn._jit import kernel
from olearn._rng import new_state, uniform
from olearn.geometry.rounding._base import Rounding


@kernel
def madow(x, u, chosen):
    """Choose systematically with offset `u` in [0, 1).

    Parameters
    ----------
    x : float64 array, shape (n,)
        Fractions in [0, 1].
    u : float
        Offset; uniform for exact marginals, kept from step to step for a permanent comb.
    chosen : uint8 array, shape (n,)
        Receives 1 for the items chosen, else 0.

    Returns
    -------
    int
        The number chosen.

    Examples
    --------
    >>> chosen = np.empty(4, np.uint8)
    >>> int(madow(np.array([0.5, 0.5, 0.25, 0.75]), 0.6, chosen)), chosen.tolist()
    (2, [0, 1, 0, 1])
    """
    u = min(max(u, 1e-15), 1.0 - 1e-15)  # a whole sum then survives the rounding errors
    past = -u  # how far the line has come past the last tooth, with its rounding error kept apart
    error = 0.0
    count = 0
    for i in range(x.size):
        total = past + x[i]
        virtual = total - past
        error += (past - (total - virtual)) + (x[i] - virtual)
        past = total
        if past + error > 0.0:
            chosen[i] = 1
            count += 1
            past -= 1.0
        else:
            chosen[i] = 0
    return count


@kernel
def madow_fresh(state, x, chosen):
    """:func:`madow` with an offset drawn from `state`."""
    return madow(x, uniform(state), chosen)


class Madow(Rounding):
    """Systematic sampling with a fresh offset at every call, or a permanent one.

    Parameters
    ----------
    seed : int
    permanent : bool
        Keep the first offset for ever: the sets of successive fractions then overlap.

    Examples
    --------
    >>> comb = Madow(seed=1, permanent=True)
    >>> bool((comb.round([0.3, 0.7]) == comb.round([0.3, 0.7])).all())
    True
    """

    size = "exact"
    movement = "up to n times the total variation (permanent), unrelated to it (fresh)"

    def __init__(self, seed: int = 0, permanent: bool = False) -> None:
        super().__init__(seed)
        self.permanent = bool(permanent)
        self._state = new_state(self.seed)
        self._offset = float(uniform(new_state(self.seed)))

    def _round(self, x: np.ndarray, chosen: np.ndarray) -> None:
        if self.permanent:
            madow(x, self._offset, chosen)
        else:
            madow_fresh(self._state, x, chosen)
