"""Follow the lazy leader: perturbed leaders on a fixed random grid, so that the play rarely changes.

Rule: a grid of spacing 1/eps with a random offset is drawn once; with cumulative losses s the expert played
is the leader at the only grid point in ``s + [0, 1/eps)^N``. Each round's play has the law of the leader at s
plus noise uniform on [0, 1/eps)^N, but it changes only when the cube passes a grid point: with chance at most
eps ||l||_1 a round.

Losses are counted above the least possible one: a part that all experts have in common changes no leader, but
would carry the cube across grid points.

Bound, expected, oblivious adversary, losses in [0, 1] with ``||l_t||_1 <= A``: ``eps A T + 2/eps``, thus ``2
sqrt(2 A T)`` at ``eps = sqrt(2/(A T))``; expected switches at most ``eps A T``.

Cost: O(N) a round, 3 ns per expert. Memory: 32 bytes per expert.

References
----------
.. [1] A. Kalai and S. Vempala, "Efficient algorithms for online decision problems", JCSS 71, 2005.

Examples
--------
>>> learner = LazyLeader(2, horizon=100)
>>> _ = learner.run([[0.0, 1.0], [1.0, 0.0]] * 50)
>>> learner.switches < 50
True
"""

from __future__ import annotations

import math
from typing import Any, Self

from olearn.bounds import Bound
from olearn.errors import check_real
from olearn.learners import _perturbed
from olearn.learners._experts import PerturbedLearner


class LazyLeader(PerturbedLearner):
    """Follow the lazy leader (FLL).

    Parameters
    ----------
    n : int
        Number of experts N.
    horizon : int, optional
        Rounds T, for the default eps.
    eps : float, optional
        1/eps is the spacing of the grid; default ``sqrt(2/(A T))``, both in units of the range of the losses.
    mass : float, optional
        A bound A on the sum of the losses of a round (above their least possible), default N.
    loss_range : (float, float)
        Every loss lies between these two.
    seed : int, default 0
        Seed of the grid.
    """

    name = "lazy-leader"
    rule = "leader at the grid point next above the cumulative losses; the random grid is drawn once"
    tuning = "eps = sqrt(2/(A T)), A a bound on the sum of the losses of a round"
    reference = "Kalai and Vempala, JCSS 2005"

    def __init__(
        self,
        n: int,
        horizon: int | None = None,
        *,
        eps: float | None = None,
        mass: float | None = None,
        loss_range: tuple[float, float] = (0.0, 1.0),
        seed: int = 0,
    ) -> None:
        self.n = n
        self.horizon = horizon
        self.eps = eps
        self.mass = mass
        self.loss_range = loss_range
        self.seed = seed

    @classmethod
    def example(cls) -> Self:
        return cls(10, horizon=10_000)

    def validate(self) -> None:
        super().validate()
        self._eps()

    def _mass(self) -> float:
        """A, in units of the range."""
        span = self._low_span()[1]
        return float(self.n) if self.mass is None else check_real("mass", self.mass, 0.0, open_low=True) / span

    def _eps(self) -> float:
        if self.eps is not None:
            return check_real("eps", self.eps, 0.0, open_low=True)
        return math.sqrt(2.0 / (self._mass() * self._need_horizon("eps"))) / self._low_span()[1]

    def parameters(self) -> dict[str, Any]:
        return {"eps": self._eps(), "mass": self.mass}

    def _init(self) -> _perturbed.State:
        low = self._low_span()[0]
        return _perturbed.init(self.n, _perturbed.LAZY, 1.0 / self._eps(), self.seed, low=low)

    def bound(self, horizon: int | None = None) -> Bound:
        """The bound on the expected regret."""
        T, A = self._rounds_of_bound(horizon), self._mass()
        eps = self._eps() * self._low_span()[1]
        value = 0.0 if self.n == 1 else eps * A * T + 2.0 / eps
        extra = ("the adversary is oblivious", "the losses of a round sum to at most the mass")
        return self._bound(value, "eps A T + 2/eps", self.reference, *extra, guarantee="in expectation")
