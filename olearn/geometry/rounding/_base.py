"""What every rounding shares: checks around its kernel, and its guarantees as data."""

from __future__ import annotations

from typing import Any, ClassVar

import numpy as np

from olearn.errors import ParameterError, check_int


def fractions(x: Any) -> np.ndarray:
    """`x` as a float64 vector of numbers in [0, 1], or one sentence of why not; 1e-9 outside is clipped."""
    try:
        array = np.ascontiguousarray(x, dtype=np.float64)
    except (TypeError, ValueError):
        raise ParameterError(f"x must be a vector of numbers between 0 and 1, got {x!r}") from None
    if array.ndim != 1 or array.size == 0:
        raise ParameterError(f"x must be a vector of at least one number, got shape {array.shape}")
    fine = (array >= -1e-9) & (array <= 1.0 + 1e-9)
    if not fine.all():
        i = int(np.argmin(fine))
        raise ParameterError(f"x must lie between 0 and 1, got {array[i]} at position {i}")
    return np.clip(array, 0.0, 1.0)


class Rounding:
    """Turns fractions x into a random set whose marginals are x: ``P(i in set) = x_i``.

    Attributes
    ----------
    size : str
        What is known of the number of items (or of the size used): ``"exact"``: a whole sum is met by
        every draw, any other one up to rounding up or down; ``"expected"``: on average only.
    negative_correlation : bool
        Whether ``E prod_{i in S} z_i <= prod x_i`` and ``E prod (1 - z_i) <= prod (1 - x_i)`` for every S.
    movement : str
        Expected number of items that enter or leave between successive fractions x and x'.
    """

    size: ClassVar[str] = ""
    negative_correlation: ClassVar[bool] = False
    movement: ClassVar[str] = ""

    def __init__(self, seed: int = 0) -> None:
        self.seed = check_int("seed", seed, minimum=0)

    def round(self, x: Any) -> np.ndarray:
        """A random set with marginals `x`.

        Parameters
        ----------
        x : array_like of float, shape (n,)
            Numbers between 0 and 1.

        Returns
        -------
        ndarray of bool, shape (n,)
            Which items are in the set.
        """
        x = fractions(x)
        chosen = np.zeros(x.size, np.uint8)
        self._round(x, chosen)
        return chosen.view(np.bool_)

    def _round(self, x: np.ndarray, chosen: np.ndarray) -> None:
        raise NotImplementedError

    def __repr__(self) -> str:
        return f"{type(self).__name__}(seed={self.seed})"
