"""Switching costs: keep each play for a block of rounds, and tell the learner the block's average.

Rule: the play changes at most once in `block` rounds; the learner is updated with the average gradient of the
block.

Bound: with c the cost of a change and R the learner's bound, regret plus switching costs is at most ``B
R(ceil(T/B)) + c (ceil(T/B) - 1)`` for blocks of B rounds. For R = K sqrt(T) the best block is ``(2 c/K)^(2/3)
T^(1/3)``: :meth:`Blocked.best_block`.

Cost: less than the learner's. Memory: one vector more.

References
----------
.. [1] R. Arora, O. Dekel and A. Tewari, "Online bandit learning against an adaptive adversary", ICML 2012
   (mini-batching).

Examples
--------
>>> from olearn.learners.hedge import Hedge
>>> learner = Blocked(Hedge(2, horizon=10), block=10)
>>> _ = learner.run([[0.0, 1.0], [1.0, 0.5]] * 50)
>>> learner.switches
9
"""

from __future__ import annotations

import math
from typing import Any, Self

import numpy as np

from olearn.bounds import Bound
from olearn.errors import check_positive_int, check_real
from olearn.learners._wrapper import Wrapper, fresh


class _Block:
    """The inner learner and the block under way."""

    def __init__(self, inner: Any, dimension: int) -> None:
        self.inner = inner
        self.rounds = 0
        self.sum = np.zeros(dimension)
        self.x: np.ndarray = inner.predict()
        self.switches = 0
        self.movement = 0.0
        self.moved = 0.0  # by the change at the start of this block, counted once it is played


class Blocked(Wrapper):
    """A learner that may change its play once in `block` rounds.

    Parameters
    ----------
    learner : learner
        Any learner of full information, tuned for ``ceil(T/block)`` rounds.
    block : int
        Rounds that a play is kept.
    switching_cost : float, default 0
        Cost c of a change of the play, for :meth:`bound`.
    """

    name = "blocked"
    rule = "keep each play for a block of rounds; update with the block's average gradient"
    tuning = "block = (2 c/K)^(2/3) T^(1/3) for a learner with bound K sqrt(T)"
    reference = "Arora, Dekel and Tewari, ICML 2012"

    def __init__(self, learner: Any, block: int, *, switching_cost: float = 0.0) -> None:
        self.learner = learner
        self.block = block
        self.switching_cost = switching_cost

    @classmethod
    def example(cls) -> Self:
        from olearn.learners.hedge import Hedge

        return cls(Hedge(10, horizon=1_000), block=10, switching_cost=1.0)

    @staticmethod
    def best_block(horizon: int, switching_cost: float, constant: float) -> int:
        """The block that minimises ``constant sqrt(T B) + c T/B``: at least 1, at most T."""
        T = check_positive_int("horizon", horizon)
        c = check_real("switching_cost", switching_cost, 0.0)
        K = check_real("constant", constant, 0.0, open_low=True)
        return int(min(T, max(1, round((2.0 * c / K) ** (2.0 / 3.0) * T ** (1.0 / 3.0)))))

    def validate(self) -> None:
        super().validate()
        check_positive_int("block", self.block)
        check_real("switching_cost", self.switching_cost, 0.0)

    def _init(self) -> _Block:
        return _Block(fresh(self.learner, 0), self.dimension)

    @property
    def switches(self) -> int:
        """Changes of the play so far."""
        return int(self.state.switches)

    @property
    def movement(self) -> float:
        """Sum of the 1-norms of the changes so far."""
        return float(self.state.movement)

    def predict(self) -> np.ndarray:
        """The play of the block."""
        return np.array(self.state.x)

    def update(self, gradient: Any) -> float:
        """Add the gradient to the block; at its end the learner is updated with the average."""
        s = self.state
        g = self._matrix(np.reshape(np.asarray(gradient, np.float64), (1, -1)))[0]
        loss = float(g @ s.x)
        s.switches += s.moved > 0.0
        s.movement += s.moved
        s.moved = 0.0
        s.sum += g
        s.rounds += 1
        if s.rounds % self.block == 0:
            s.inner.update(s.sum / self.block)
            s.sum[:] = 0.0
            x = s.inner.predict()
            s.moved = float(np.abs(x - s.x).sum())
            s.x = x
        return loss

    def bound(self, horizon: int | None = None) -> Bound | None:
        """The bound on the regret plus switching costs."""
        own = getattr(self.learner, "horizon", None)
        T = self._rounds_of_bound(own * self.block if horizon is None and own is not None else horizon)
        blocks = math.ceil(T / self.block)
        inner = self.learner.bound(blocks)
        if inner is None:
            return None
        if T % self.block and getattr(self.learner, "curvature", None) is not None:
            return None  # the average of a block that is cut short is less curved
        value = self.block * inner.value + float(self.switching_cost) * (blocks - 1)
        formula = f"B x ({inner.formula}), T replaced by T/B"
        if float(self.switching_cost) > 0.0:
            formula = f"B x ({inner.formula}) + c (T/B - 1), T replaced by T/B, switching costs included"
        averaged = "what the learner assumes of losses holds for the averages of blocks"
        assumptions = (*inner.assumptions, averaged)
        return inner._replace(value=value, formula=formula, assumptions=assumptions)
