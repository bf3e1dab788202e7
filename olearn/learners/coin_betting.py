"""KT coin betting: unconstrained online linear optimisation without a learning rate.

Rule: with rewards ``c_t = -g_t/G`` (2-norm at most 1), S their sum and W the wealth, bet the vector ``w_t =
(S/t) W`` and play ``start + w_t``; the wealth becomes ``W + <c_t, w_t>``, the Krichevsky-Trofimov bet of
every sequence of coins.

On a set: play the projection x of w; where the projection moved along v and <g, v> < 0, the bettor is told g
without its part along v. Its regret bounds that on the set, and no gradient grows. A move of at most 1e-10 (1 +
|w|) counts as none: its direction would be rounding, and leaving it out costs at most its length, times G.

Bound, against any u, from wealth e (default 1): ``G (|u| sqrt(T ln(1 + 24 T^2 |u|^2/e^2)) + e (1 - 1/(e
sqrt(pi T))))``; |u| is the distance from the start.

Cost: O(d) a round. The wealth is kept as its logarithm; a play beyond e^700 is cut off there.

References
----------
.. [1] F. Orabona and D. Pál, "Coin betting and parameter-free online learning", NeurIPS 2016, Corollary 5.
.. [2] A. Cutkosky, "Parameter-free, dynamic, and strongly-adaptive online learning", ICML 2020, Theorem 2
   (sets).

Examples
--------
>>> learner = CoinBetting(1)
>>> for _ in range(10):
...     _ = learner.update([-1.0])
>>> round(learner.wealth, 8)
180.42578125
"""

from __future__ import annotations

import math
from typing import Any, NamedTuple, Self

import numpy as np

from olearn._jit import kernel
from olearn.bounds import Bound
from olearn.errors import ParameterError, check_positive_int, check_real
from olearn.geometry import Box, FeasibleSet
from olearn.geometry.region import Region, project
from olearn.learners._base import OnlineLearner
from olearn.learners._feed import MATRIX, record, respond
from olearn.learners._numeric import dot

ROUNDING = 1e-10  # a projection that moves a play by less than this part of it has only rounded it


class State(NamedTuple):
    """The bettor: the sum of rewards and its wealth."""

    x: np.ndarray  # float64 (d,): the play
    bet: np.ndarray  # float64 (d,): the play before the projection
    total: np.ndarray  # float64 (d,): sum of rewards
    start: np.ndarray  # float64 (d,)
    work: np.ndarray  # float64 (d,)
    rounds: np.ndarray  # int64 (1,)
    log_wealth: np.ndarray  # float64 (1,)
    region: Region
    constrained: bool
    size: float  # G


@kernel
def step(state, g):
    x, bet, total, work = state.x, state.bet, state.total, state.work
    d = x.size
    loss = dot(x, g)
    state.rounds[0] += 1
    t = state.rounds[0]
    for i in range(d):
        work[i] = -g[i] / state.size
    if state.constrained:
        along = 0.0
        norm = 0.0
        size = 0.0
        for i in range(d):
            v = bet[i] - x[i]
            norm += v * v
            size += bet[i] * bet[i]
            along -= v * work[i]
        if norm > (ROUNDING * (1.0 + math.sqrt(size))) ** 2 and along < 0.0:  # the gradient would push out
            for i in range(d):
                work[i] += along / norm * (bet[i] - x[i])
    won = 0.0
    for i in range(d):
        won += work[i] * total[i]
        total[i] += work[i]
    state.log_wealth[0] += math.log1p(won / t)
    stake = math.exp(min(state.log_wealth[0], 700.0)) / (t + 1.0)
    for i in range(d):
        bet[i] = state.start[i] + stake * total[i]
        x[i] = bet[i]
    if state.constrained:
        project(state.region, bet, x)
    return loss


@kernel
def run(state, feed, losses, iterates, gradients):
    for t in range(losses.size):
        value = 0.0
        if feed.kind == MATRIX:
            g = feed.data[t]
        else:
            value = respond(feed, t, state.x)
            g = feed.gradient
        record(iterates, t, state.x)
        record(gradients, t, g)
        linear = step(state, g)
        losses[t] = linear if feed.kind == MATRIX else value


class CoinBetting(OnlineLearner):
    """KT coin betting in R^d, or on a set.

    Parameters
    ----------
    domain : int or FeasibleSet
        The dimension d (no constraint), or the set to play in.
    horizon : int, optional
        Rounds, used only as the default of :meth:`bound`.
    gradient_bound : float, default 1
        G: the 2-norm of every gradient is at most G (a larger one is refused).
    initial_wealth : float, default 1
        The wealth at the start.
    start : array_like of float, shape (d,), optional
        The first play; default 0, on a set its point nearest to 0.
    """

    name = "coin-betting"
    feedback = "gradient"
    rule = "bet the fraction S/t of the wealth; S the sum of the negative gradients"
    tuning = "none"
    reference = "Orabona and Pál, NeurIPS 2016"
    step, run_kernel = staticmethod(step), staticmethod(run)

    def __init__(
        self,
        domain: int | FeasibleSet,
        horizon: int | None = None,
        *,
        gradient_bound: float = 1.0,
        initial_wealth: float = 1.0,
        start: Any = None,
    ) -> None:
        self.domain = domain
        self.horizon = horizon
        self.gradient_bound = gradient_bound
        self.initial_wealth = initial_wealth
        self.start = start

    @classmethod
    def example(cls) -> Self:
        return cls(10, horizon=10_000)

    def validate(self) -> None:
        if not isinstance(self.domain, FeasibleSet):
            check_positive_int("domain", self.domain)
        check_real("gradient_bound", self.gradient_bound, 0.0, open_low=True)
        check_real("initial_wealth", self.initial_wealth, 0.0, open_low=True)

    def _init(self) -> State:
        constrained = isinstance(self.domain, FeasibleSet)
        space = self.domain if isinstance(self.domain, FeasibleSet) else Box(int(self.domain), 0.0, 1.0)
        d = space.dim
        if self.start is not None:
            x = np.array(self.start, np.float64)
            if x.shape != (d,) or not np.isfinite(x).all() or (constrained and not space.contains(x)):
                raise ParameterError(f"coin-betting: start must be a point of {space!r}, got {self.start!r}")
        else:
            x = space.centre() if constrained else np.zeros(d)
        log_wealth = np.array([math.log(self.initial_wealth)])
        zeros, work = np.zeros(d), np.zeros(d)
        rounds, G = np.zeros(1, np.int64), float(self.gradient_bound)
        return State(x, x.copy(), zeros, x.copy(), work, rounds, log_wealth, space.region(), constrained, G)

    def _refuse(self, G: np.ndarray) -> None:
        super()._refuse(G)
        norms = np.sqrt(np.einsum("ij,ij->i", G, G))
        allowed = float(self.gradient_bound) * (1.0 + 1e-12)
        if norms.size and norms.max() > allowed:
            t = int(np.argmax(norms > allowed))
            raise ParameterError(
                f"coin-betting: the gradient of round {self.rounds + t} has 2-norm {norms[t]:g}, "
                f"allowed is gradient_bound = {self.gradient_bound:g}"
            )

    @property
    def wealth(self) -> float:
        """The wealth so far."""
        return math.exp(min(self.log_wealth, 709.0))

    @property
    def log_wealth(self) -> float:
        """Its natural logarithm."""
        return float(self.state.log_wealth[0])

    def bound(self, horizon: int | None = None, distance: float | None = None) -> Bound:
        """The regret bound to a point at `distance` from the start (default 1, on a set its diameter)."""
        T, e, G = self._rounds_of_bound(horizon), float(self.initial_wealth), float(self.gradient_bound)
        default = self.domain.diameter() if isinstance(self.domain, FeasibleSet) else 1.0
        u = default if distance is None else check_real("distance", distance, 0.0)
        value = u * math.sqrt(T * math.log(1.0 + 24.0 * T * T * u * u / (e * e)))
        value += e * (1.0 - 1.0 / (math.e * math.sqrt(math.pi * T)))
        formula = "G(|u| sqrt(T ln(1 + 24 T^2 |u|^2/W^2)) + W(1 - 1/(e sqrt(pi T))))"
        assumption = ("gradients have 2-norm at most gradient_bound",)
        comparator = f"any point at distance {u:g} from the start"
        return Bound(G * value, formula, comparator, "every sequence", assumption, f"{self.reference}, Cor. 5")
