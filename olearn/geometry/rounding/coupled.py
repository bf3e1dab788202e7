"""Online coupled rounding: a set that follows changing fractions with the least possible movement.

Given the set z held for the fractions x, and new fractions x', an item that is held stays with
probability ``min(1, x'/x)``, one that is not enters with probability ``max(0, x' - x) / (1 - x)``. These
probabilities y have expectation x' whatever the joint law of z is; y is rounded by DepRound, which
pairs a leaver with an enterer: an elementary jump i -> j [1]_.

Guarantees: marginals exactly x at every step; an item enters or leaves with probability
``|x_i - x'_i|``, so the expected movement is the 1-norm of the change, the least there can be; an item
whose fraction did not grow never enters. The size is right in expectation: DepRound keeps it
at the sum of y, rounded down or up, and that sum differs from the size held only by what leavers and
enterers do not balance (measured on gradient ascent: a spread 2 to 10 times below that of independent items).

No online rounding does all three: exact marginals, exact size k >= 2, movement equal to the 1-norm. Take
x = (1/2, 1/2, 1/2, 1/2), k = 2. If the next fractions are (0, 1, 1/2, 1/2), item 1 must hand its place
to item 2 wherever it is held, so they may never be held together; by the other two choices neither may 1
and 3, nor 1 and 4: then item 1 is held alone. So the published jump, "if i is held, replace it by j with
probability delta/x_i", is exact for k = 1 only (j may be held already); that case is :func:`jump`.
:mod:`~olearn.geometry.rounding.pivotal` keeps the size and the marginals and pays with movement.

Cost: O(n) a step; the old fractions, the set and one work vector.

References
----------
.. [1] T. Si Salem, G. Neglia and S. Ioannidis, "No-regret caching via online mirror descent", ACM
   ToMPECS 8(4), 2023 (coupling by elementary jumps).

Examples
--------
>>> draw = Coupled(seed=1)
>>> first = draw.round([0.5, 0.5, 0.5, 0.5])
>>> second = draw.round([0.5, 0.5, 0.5, 0.5])
>>> int(first.sum()), bool((first == second).all())
(2, True)
"""

from __future__ import annotations

from typing import Any

import numpy as np

from olearn._jit import kernel
from olearn._rng import new_state, uniform
from olearn.errors import ParameterError
from olearn.geometry.rounding._base import Rounding, fractions
from olearn.geometry.rounding.deprounding import BERNOULLI, depround


@kernel
def coupled(state, x, x_next, held, work, empty):
    """Move the set `held` from the fractions `x` to `x_next`, in place.

    Parameters
    ----------
    state : uint64 array, shape (4,)
        Generator.
    x, x_next : float64 array, shape (n,)
        Fractions in [0, 1] before and after.
    held : uint8 array, shape (n,)
        The set; 1 for the items held.
    work : float64 array, shape (n,)
        Workspace.
    empty : float64 array, shape (0,)
        No sizes.

    Returns
    -------
    int
        The number of items held afterwards.

    Examples
    --------
    >>> held = np.array([1, 0], np.uint8)
    >>> x, x_next = np.array([0.5, 0.5]), np.array([0.0, 1.0])
    >>> int(coupled(new_state(1), x, x_next, held, np.empty(2), np.empty(0))), held.tolist()
    (1, [0, 1])
    """
    for i in range(x.size):
        if held[i]:
            work[i] = min(1.0, x_next[i] / x[i]) if x[i] > 0.0 else 1.0
        else:
            work[i] = max(0.0, x_next[i] - x[i]) / (1.0 - x[i]) if x[i] < 1.0 else 0.0
    return depround(state, work, empty, BERNOULLI, held)


@kernel
def jump(state, x, x_next, item):
    """For k = 1: move from `item`, drawn from the distribution `x`, to one drawn from `x_next`.

    The item stays with probability ``min(1, x'/x)``, else it goes to j with probability proportional to
    ``max(0, x'_j - x_j)``: the chance of a move is the total variation of the change, the least there is.

    Examples
    --------
    >>> int(jump(new_state(1), np.array([0.5, 0.5]), np.array([0.0, 1.0]), 0))
    1
    """
    if not (x_next[item] < x[item]) or uniform(state) * x[item] < x_next[item]:
        return item
    gain = 0.0
    for j in range(x.size):
        gain += max(0.0, x_next[j] - x[j])
    left = uniform(state) * gain
    last = item
    for j in range(x.size):
        g = x_next[j] - x[j]
        if g > 0.0:
            last = j
            left -= g
            if left < 0.0:
                return j
    return last


class Coupled(Rounding):
    """A set that is carried from call to call: each :meth:`round` moves it as little as the fractions ask.

    Examples
    --------
    >>> draw = Coupled(seed=3)
    >>> draw.round([1.0, 0.0]).tolist(), draw.round([0.0, 1.0]).tolist()
    ([True, False], [False, True])
    """

    size = "expected"
    movement = "the 1-norm of the change, exactly"

    def __init__(self, seed: int = 0) -> None:
        super().__init__(seed)
        self._empty = np.empty(0)
        self.reset()

    def reset(self) -> None:
        """Forget the set: the next call draws a fresh one by DepRound."""
        self._state = new_state(self.seed)
        self._x: np.ndarray | None = None
        self._held: np.ndarray | None = None

    def _round(self, x: np.ndarray, chosen: np.ndarray) -> None:
        if self._x is None or self._held is None:
            depround(self._state, x.copy(), self._empty, BERNOULLI, chosen)
        elif x.size != self._x.size:
            raise ParameterError(f"x must have {self._x.size} numbers as before, got {x.size}; reset() forgets")
        else:
            chosen[:] = self._held
            coupled(self._state, self._x, x, chosen, np.empty(x.size), self._empty)
        self._x, self._held = x, chosen.copy()


class Jump:
    """The k = 1 case: one item that follows a changing distribution.

    Parameters
    ----------
    seed : int

    Examples
    --------
    >>> draw = Jump(seed=0)
    >>> draw.pick([1.0, 0.0, 0.0]), draw.pick([0.0, 0.0, 1.0])
    (0, 2)
    """

    def __init__(self, seed: int = 0) -> None:
        self.seed = seed
        self._state = new_state(seed)
        self._x: np.ndarray | None = None
        self._item = 0

    def pick(self, x: Any) -> int:
        """The item for the distribution `x` (numbers that sum to 1)."""
        x = fractions(x)
        if abs(float(x.sum()) - 1.0) > 1e-9:
            raise ParameterError(f"x must sum to 1, got {float(x.sum())}")
        if self._x is None:
            self._x, self._item = np.zeros(x.size), 0
            self._x[0] = 1.0
        if x.size != self._x.size:
            raise ParameterError(f"x must have {self._x.size} numbers as before, got {x.size}")
        self._item = int(jump(self._state, self._x, x, self._item))
        self._x = x
        return self._item
