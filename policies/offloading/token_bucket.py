"""Token-bucket MDP: the optimal stationary rule for offloading under a token bucket.

Rule: tokens come in at `rate` a sample, up to `depth`; offloading takes one. With the gain of offloading
g = E[local loss - offload loss | confidence] and V the value of a bucket level, a sample is offloaded iff
there is a token and g > discount (V(kept) - V(spent)): a gain that has to exceed the price of a token at this
level. V solves V(s) = E_g max(discount V(s'), g + discount V(s' - 1)), s' = min(depth, s + rate), for
independent samples; policy iteration finds it exactly. The rate is rounded to 1/m for a whole m, so that
there are finitely many levels.

The gains are those of the table itself: mean gains that fall with the confidence (isotonic regression).
That makes it an offline baseline: what a learner under the same bucket could hope for.

Cost: O(1) per sample; some ten sparse solves over the levels of the bucket once. Memory: 8 bytes per level.

Regret: none is declared. Optimal among stationary rules for independent samples with those gains.

References
----------
.. [1] A. Chakrabarti, R. Guérin, C. Lu and J. Liu, "Real-time edge classification: optimal offloading under
   token bucket constraints", arXiv 2010.13737.

Examples
--------
>>> rule = TokenBucket(levels=[0.2, 0.8], rate=0.5, depth=2, gains=[0.6, 0.1])
>>> [rule.decide(0.2, cost=0.3) for _ in range(5)]  # a token comes in every other sample
[True, True, True, False, True]
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from olearn._jit import kernel
from olearn.errors import ParameterError, check_real
from olearn.policies.offloading._base import CHANCE, STATS, BinaryPolicy
from olearn.policies.offloading._game import (
    ACCEPT,
    BLOCKED,
    BLOCKED_LOCAL,
    OFFLOAD,
    arriving,
    book,
    due,
    next_answer,
)
from olearn.policies.offloading._isotonic import isotonic

_ROUNDS = 200

#: Levels of a bucket that policy iteration solves for.
LEVELS_AT_MOST = 1_000_000


class State(NamedTuple):
    """The bucket and what a token is worth."""

    gain: np.ndarray  # float64 (n,): gain of offloading each cell
    price: np.ndarray  # float64 (levels,): least gain that pays at a level, tokens just come in; inf: too few
    token: int  # units that offloading takes; one unit comes in a sample
    bucket: np.ndarray  # int64 (1,): units held
    stats: np.ndarray  # float64 (2,)


def init(gain: np.ndarray, price: np.ndarray, token: int) -> State:
    return State(gain, price, token, np.array([price.size - 1], np.int64), np.zeros(STATS))


@kernel(inline=True)
def decide(state, sample):
    held = min(state.price.size - 1, state.bucket[0] + 1)
    offload = state.gain[sample.cell] > state.price[held]
    state.bucket[0] = held - state.token if offload else held
    state.stats[CHANCE] = 1.0 if offload else 0.0
    return OFFLOAD if offload else ACCEPT


@kernel(inline=True)
def learn(state, answer):
    pass


@kernel
def run(state, stream, arrival, budget, record, begin, end):
    for t in range(begin, end):
        while due(arrival, t):
            answer = next_answer(stream, arrival, record)
            if answer.decision != BLOCKED_LOCAL:
                learn(state, answer)
        sample = arriving(stream, budget, t)
        decision = BLOCKED_LOCAL
        chance = 0.0
        if sample.cost < BLOCKED:
            decision = decide(state, sample)
            chance = state.stats[CHANCE]
        book(stream, budget, record, t, sample.cost, decision, chance)


def token_prices(gains: np.ndarray, weights: np.ndarray, token: int, size: int, discount: float) -> np.ndarray:
    """Least gain for which offloading pays at each level, float64 (size,); inf where there is no token.

    Policy iteration: the value of a rule is a sparse linear system, the better rule offloads the gains above
    discount (V(kept) - V(spent)); it stops when no decision changes, at the optimum.

    Parameters
    ----------
    gains, weights : ndarray, shape (n,)
        Gain of offloading and its chance (any positive scale).
    token : int
        Units that offloading takes; one unit comes in a sample.
    size : int
        Number of levels, 0 .. size-1 units.
    discount : float
        In (0, 1).
    """
    from scipy.sparse import csc_array
    from scipy.sparse.linalg import spsolve

    g, place = np.unique(gains, return_inverse=True)
    w = np.bincount(place, weights=weights) / weights.sum()
    # tail sums: mass and gain above each place
    mass = np.concatenate([np.cumsum(w[::-1])[::-1], [0.0]])
    total = np.concatenate([np.cumsum((w * g)[::-1])[::-1], [0.0]])
    levels = np.arange(size)
    held = np.minimum(levels + 1, size - 1)
    can = held >= token
    spent = np.maximum(held - token, 0)
    cut = np.where(can, np.searchsorted(g, 0.0, side="right"), g.size)
    for _ in range(_ROUNDS):
        sent = mass[cut]
        moves = csc_array(
            (np.concatenate([1.0 - sent, sent]), (np.tile(levels, 2), np.concatenate([held, spent]))),
            (size, size),
        )
        here = csc_array((np.ones(size), (levels, levels)), (size, size))
        V = np.atleast_1d(spsolve(here - discount * moves, total[cut]))
        pays = discount * (V[held] - V[spent])
        better = np.where(can, np.searchsorted(g, pays + 1e-12, side="right"), g.size)
        if np.array_equal(better, cut):
            break
        cut = better
    return np.where(levels >= token, discount * (V - V[np.maximum(levels - token, 0)]), np.inf)


class TokenBucket(BinaryPolicy):
    __doc__ = __doc__

    name = "token-bucket"
    offline = True
    rule = "offload iff there is a token and the expected gain exceeds its value at this level of the bucket"
    reference = "Chakrabarti, Guérin, Lu and Liu, arXiv 2010.13737"
    decide_kernel, learn_kernel, run = staticmethod(decide), staticmethod(learn), staticmethod(run)

    def __init__(
        self,
        horizon: int | None = None,
        levels: Any = None,
        contexts: int = 1,
        cost: float | None = None,
        *,
        rate: float = 0.1,
        depth: float = 10.0,
        discount: float = 0.9999,
        gains: Any = None,
        seed: int = 0,
    ) -> None:
        super().__init__(horizon, levels, contexts, cost, seed=seed)
        self.rate = rate
        self.depth = depth
        self.discount = discount
        self.gains = gains
        self._chances: np.ndarray | None = None

    def parameters(self) -> dict[str, Any]:
        return {"rate": 1.0 / self.token(), "depth": self.depth, "discount": self.discount}

    def validate(self) -> None:
        super().validate()
        self.token()
        depth = check_real("depth", self.depth, 1.0)
        if depth * self.token() > LEVELS_AT_MOST:
            raise ParameterError(
                f"token-bucket: depth/rate must be at most {LEVELS_AT_MOST:,} (levels of the bucket), got "
                f"{depth * self.token():.3g}: give a larger rate or a smaller depth"
            )
        check_real("discount", self.discount, 0.0, 1.0, open_low=True, open_high=True)
        if self.gains is None:
            raise ParameterError("token-bucket: give gains, the expected gain of offloading at each level")
        gains = np.asarray(self.gains, dtype=np.float64)
        if gains.shape != self.confidences().shape or not np.isfinite(gains).all():
            raise ParameterError(f"gains must be {self.confidences().size} finite numbers, one a level")

    def token(self) -> int:
        """m, where the rate is 1/m."""
        return max(1, round(1.0 / check_real("rate", self.rate, 0.0, 1.0, open_low=True)))

    def fit(self, table: Any, local_loss: np.ndarray, offload_loss: np.ndarray) -> None:
        """Take the gains and how often each level occurs from the table."""
        if self.gains is not None:
            return
        levels, cells = table.levels, table.cells
        count = np.bincount(cells, minlength=levels.size).astype(np.float64)
        loss = np.bincount(cells, weights=offload_loss - local_loss, minlength=levels.size)
        fitted = np.empty(levels.size)
        isotonic(loss, count, np.empty((3, levels.size)), fitted)
        self.levels = levels
        self.gains = -fitted
        self._chances = count

    def _init(self) -> State:
        gains = np.ascontiguousarray(self.gains, dtype=np.float64)
        chances = np.ones(gains.size) if self._chances is None else self._chances
        token = self.token()
        size = int(float(self.depth) * token) + 1
        price = token_prices(gains, chances, token, size, float(self.discount))
        return init(gains, price, token)

    def threshold(self, context: int = 0) -> float:
        """The lowest confidence that is kept local at the present level of the bucket."""
        s = self.state
        levels = self.confidences()
        pays = np.flatnonzero(s.gain > s.price[min(s.price.size - 1, s.bucket[0] + 1)])
        if pays.size == 0:
            return 0.0
        return float(levels[pays[-1] + 1]) if pays[-1] + 1 < levels.size else 1.0
