r"""FKM: bandit convex optimisation by gradient descent without a gradient, one or two values a round.

Rule: with u uniform on the unit sphere, play points around x and move x by an estimate of the gradient,

* ``FKM`` (one value): y = x + delta u, g = (d/delta) f(y) u;
* ``TwoPointFKM``: y = x +- delta u, g = (d/(2 delta)) (f(x + delta u) - f(x - delta u)) u;

x <- projection of x - eta g on the set shrunk by 1 - delta/r towards its centre c, where B(c, r) is the largest
ball in the set around c; so y stays in the set.

Cost: O(d) a round and d normals, one projection. Memory: 40 bytes a coordinate.

Regret in expectation, convex losses fixed beforehand, G-Lipschitz with |f| <= B on a set of diameter D
(gradient descent on the smoothed losses, plus smoothing 3 delta G T, plus shrinking delta D G T / r):

* one value: D^2/(2 eta) + eta d^2 B^2 T/(2 delta^2) + (3 + D/r) G delta T, which the default
  eta = D delta/(d B sqrt(T)), delta = sqrt(D d B/((3 + D/r) G)) T^(-1/4) (at most r/2) makes O(T^(3/4)) [1]_;
* two values, mean of both losses: D^2/(2 eta) + eta d^2 G^2 T/2 + (3 + D/r) G delta T, with
  eta = D/(d G sqrt(T)) and delta = max(1e-6, 1/T) r (at most r/2): d D G sqrt(T) + O(1) [2]_.

References
----------
.. [1] A. Flaxman, A. Kalai and H. B. McMahan, "Online convex optimization in the bandit setting: gradient
   descent without a gradient", SODA 2005.
.. [2] A. Agarwal, O. Dekel and L. Xiao, "Optimal algorithms for online convex optimization with multi-point
   bandit feedback", COLT 2010.

Examples
--------
>>> from olearn.geometry import EuclideanBall
>>> policy = TwoPointFKM(EuclideanBall(2, 1.0), horizon=200, seed=1)
>>> for _ in range(200):
...     points = policy.pull()
...     policy.update(points, [(y[0] - 0.5) ** 2 / 2 for y in points])
>>> abs(float(policy.centre[0]) - 0.5) < 0.1
True
"""

from __future__ import annotations

import math
from typing import Any, ClassVar, NamedTuple, Self

import numpy as np

from olearn._jit import kernel
from olearn._rng import new_state, normal
from olearn.bounds import Bound
from olearn.errors import NotSupportedError, ParameterError, check_int, check_positive_int, check_real
from olearn.geometry import Box, EuclideanBall
from olearn.geometry.region import Region, project
from olearn.learners._base import Learner
from olearn.learners._feed import respond


class State(NamedTuple):
    x: np.ndarray  # float64 (d,): centre of the coming play
    centre: np.ndarray  # float64 (d,): centre of the set
    u: np.ndarray  # float64 (d,): direction of the coming play
    points: np.ndarray  # float64 (1 or 2, d): the coming play
    values: np.ndarray  # float64 (1 or 2,)
    work: np.ndarray  # float64 (d,): scratch
    clock: np.ndarray  # int64 (1,): rounds
    rng: np.ndarray  # uint64 (4,)
    region: Region
    eta: float
    delta: float
    shrink: float  # 1 - delta/r


def init(
    centre: np.ndarray, region: Region, points: int, eta: float, delta: float, radius: float, seed: int
) -> State:
    d = centre.size
    return State(
        centre.copy(),
        centre,
        np.zeros(d),
        np.zeros((points, d)),
        np.zeros(points),
        np.zeros(d),
        np.zeros(1, np.int64),
        new_state(seed),
        region,
        float(eta),
        float(delta),
        1.0 - delta / radius,
    )


@kernel
def pull(state):
    u, x, points = state.u, state.x, state.points
    length = 0.0
    while length == 0.0:
        for i in range(u.size):
            u[i] = normal(state.rng)
            length += u[i] * u[i]
    length = math.sqrt(length)
    for i in range(u.size):
        u[i] /= length
        points[0, i] = x[i] + state.delta * u[i]
        if points.shape[0] > 1:
            points[1, i] = x[i] - state.delta * u[i]


@kernel
def update(state, values):
    x, centre, u, work = state.x, state.centre, state.u, state.work
    d = x.size
    slope = d * values[0] / state.delta
    if values.size > 1:
        slope = d * (values[0] - values[1]) / (2.0 * state.delta)
    for i in range(d):
        # the shrunk set is c + s (X - c): project in the coordinates of X
        work[i] = centre[i] + (x[i] - state.eta * slope * u[i] - centre[i]) / state.shrink
    project(state.region, work, x)
    for i in range(d):
        x[i] = centre[i] + state.shrink * (x[i] - centre[i])
    state.clock[0] += 1


@kernel
def run(state, feed, losses):
    for t in range(losses.size):
        pull(state)
        total = 0.0
        for j in range(state.values.size):
            state.values[j] = respond(feed, t, state.points[j])
            total += state.values[j]
        losses[t] = total / state.values.size
        update(state, state.values)


class FKM(Learner):
    """One-point bandit gradient descent; see :mod:`olearn.learners.bandits.fkm`.

    Parameters
    ----------
    domain : Box or EuclideanBall
        A set with an interior.
    horizon : int, optional
        Rounds T that the defaults are tuned for.
    lipschitz : float, default 1
        G, Euclidean.
    size : float, default 1
        B, the largest absolute loss.
    eta, delta : float, optional
    seed : int, default 0

    Examples
    --------
    >>> policy = FKM(EuclideanBall(3, 1.0), horizon=10_000)
    >>> policy.update(policy.pull(), 0.5)
    >>> policy.rounds
    1
    """

    name: ClassVar[str] = "fkm"
    feedback: ClassVar[str] = "arm"
    feedback_unit: ClassVar[str] = "loss"
    shape: ClassVar[str] = "point"
    randomised: ClassVar[bool] = True
    rule = "play x + delta u, x <- projection of x - eta (d/delta) f(y) u on the shrunk set"
    tuning = "delta = sqrt(D d B/((3 + D/r) G)) T^(-1/4), eta = D delta/(d B sqrt(T)) (needs the horizon)"
    reference = "Flaxman, Kalai and McMahan, SODA 2005"
    #: Points in a play.
    points: ClassVar[int] = 1

    pull_kernel, update_kernel, run_kernel = staticmethod(pull), staticmethod(update), staticmethod(run)

    _pending: np.ndarray | None = None

    def __init__(
        self,
        domain: Any,
        horizon: int | None = None,
        *,
        lipschitz: float = 1.0,
        size: float = 1.0,
        eta: float | None = None,
        delta: float | None = None,
        seed: int = 0,
    ) -> None:
        self.domain = domain
        self.horizon = horizon
        self.lipschitz = lipschitz
        self.size = size
        self.eta = eta
        self.delta = delta
        self.seed = seed

    @classmethod
    def tunable(cls) -> dict[str, Any]:
        return {n: p for n, p in super().tunable().items() if n != "domain"}

    @classmethod
    def example(cls) -> Self:
        """The unit ball in three dimensions, ten thousand rounds."""
        return cls(EuclideanBall(3, 1.0), 10_000)

    def _inner(self) -> tuple[np.ndarray, float]:
        """Centre of the set and the largest ball around it."""
        centre = np.array(self.domain.centre(), np.float64)
        if isinstance(self.domain, EuclideanBall):
            return centre, float(self.domain.radius)
        if isinstance(self.domain, Box):
            low, high = np.asarray(self.domain.low), np.asarray(self.domain.high)
            centre = (low + high) / 2.0
            radius = float(((high - low) / 2.0).min())
            if radius > 0.0 and math.isfinite(radius):
                return np.ascontiguousarray(centre, np.float64), radius
        raise NotSupportedError(f"{self.name} needs a box or a ball with an interior, got {self.domain!r}")

    def validate(self) -> None:
        if self.horizon is not None:
            check_positive_int("horizon", self.horizon)
        check_int("seed", self.seed, minimum=0)
        self.parameters()

    def _require_horizon(self, parameter: str) -> int:
        if self.horizon is None:
            raise ParameterError(f"{self.name}: give horizon (number of rounds) or {parameter}")
        return check_positive_int("horizon", self.horizon)

    def parameters(self) -> dict[str, Any]:
        _, r = self._inner()
        g = check_real("lipschitz", self.lipschitz, 0.0, open_low=True)
        b = check_real("size", self.size, 0.0, open_low=True)
        d, diameter = self.domain.dim, self.domain.diameter()
        if self.delta is not None:
            delta = check_real("delta", self.delta, 0.0, r, open_low=True, open_high=True)
        else:
            delta = min(r / 2.0, self._default_delta(d, diameter, r, g, b, self._require_horizon("delta")))
        if self.eta is not None:
            eta = check_real("eta", self.eta, 0.0, open_low=True)
        else:
            eta = diameter / (self._gradient(d, g, b, delta) * math.sqrt(self._require_horizon("eta")))
        return {"lipschitz": g, "size": b, "eta": eta, "delta": delta}

    def _default_delta(self, d: int, diameter: float, r: float, g: float, b: float, horizon: int) -> float:
        return math.sqrt(diameter * d * b / ((3.0 + diameter / r) * g)) * horizon**-0.25

    def _gradient(self, d: int, g: float, b: float, delta: float) -> float:
        """Bound on the length of the gradient estimate."""
        return d * b / delta

    def _init(self) -> State:
        centre, r = self._inner()
        p = self.parameters()
        return init(centre, self.domain.region(), self.points, p["eta"], p["delta"], r, self.seed)

    @property
    def rounds(self) -> int:
        """Losses seen so far."""
        return 0 if self._state is None else int(self._state.clock[0])

    @property
    def centre(self) -> np.ndarray:
        """The point around which the coming play lies, float64 (d,)."""
        return np.array(self.state.x)

    def reset(self) -> None:
        super().reset()
        self._pending = None

    def pull(self) -> np.ndarray:
        """The point to play, float64 (d,), or the two points, float64 (2, d)."""
        if self._pending is None:
            type(self).pull_kernel(self.state)
            self._pending = np.array(self.state.points)
        return self._pending[0].copy() if self.points == 1 else self._pending.copy()

    def update(self, arm: Any, reward: Any) -> None:
        """Tell the policy the loss at the point (the two losses at the two points) just pulled.

        Parameters
        ----------
        arm : array_like of float
            What :meth:`pull` returned.
        reward : float, or array_like of float, shape (2,)
            The loss, or losses; at most B in size.
        """
        state = self.state
        if self._pending is None or not np.array_equal(
            np.reshape(np.asarray(arm, np.float64), -1), self._pending.reshape(-1)
        ):
            raise ParameterError(f"{self.name}: update takes the point just pulled, pull() first")
        values = np.ascontiguousarray(np.atleast_1d(reward), np.float64)
        if values.shape != (self.points,):
            raise ParameterError(f"{self.name}: {self.points} losses expected, got shape {values.shape}")
        self._refuse(values, self.rounds)
        type(self).update_kernel(state, values)
        self._pending = None

    def _refuse(self, values: np.ndarray, t: int) -> None:
        bad = values[~(np.abs(values) <= self.size * (1.0 + 1e-9))]
        if bad.size:
            allowed = f"[-{self.size:g}, {self.size:g}]"
            raise ParameterError(f"{self.name}: loss of round {t} is {bad[0]:g}; losses must be in {allowed}")

    def play(self, opponent: Any, rounds: int) -> np.ndarray:
        """Play against losses of :mod:`olearn.learners.losses` in one compiled loop.

        Parameters
        ----------
        opponent : Losses
            An object whose ``feed(dimension)`` describes the losses to kernels.
        rounds : int

        Returns
        -------
        ndarray, float64 (T,)
            The loss of each round; for two points their mean.
        """
        feed = opponent.feed(self.domain.dim)
        if feed.data.shape[0] < check_positive_int("rounds", rounds):
            raise ParameterError(f"rounds must be at most the {feed.data.shape[0]} losses, got {rounds}")
        losses = np.empty(rounds)
        state = self.state
        self._pending = None
        type(self).run_kernel(state, feed, losses)
        self._refuse(losses, self.rounds - rounds)
        return losses

    def bound(self, horizon: int | None = None) -> Bound | None:
        t = self._rounds_of_bound(horizon)
        p = self.parameters()
        _, r = self._inner()
        d, diameter = self.domain.dim, self.domain.diameter()
        length = self._gradient(d, p["lipschitz"], p["size"], p["delta"])
        value = diameter**2 / (2.0 * p["eta"]) + p["eta"] * t * length**2 / 2.0
        value += (3.0 + diameter / r) * p["lipschitz"] * p["delta"] * t
        kind = "d B/delta" if self.points == 1 else "d G"
        return Bound(
            value,
            f"D^2/(2 eta) + eta T ({kind})^2/2 + (3 + D/r) G delta T",
            "best fixed point",
            "in expectation",
            ("losses are convex, G-Lipschitz, at most B in size, and fixed beforehand",),
            f"{self.reference}; derivation in the module's docstring",
        )


class TwoPointFKM(FKM):
    """Two-point bandit gradient descent; see :mod:`olearn.learners.bandits.fkm`.

    Parameters
    ----------
    domain : Box or EuclideanBall
    horizon : int, optional
    lipschitz : float, default 1
    size : float, default 1
    eta, delta : float, optional
    seed : int, default 0

    Examples
    --------
    >>> TwoPointFKM(EuclideanBall(3, 1.0), horizon=100).pull().shape
    (2, 3)
    """

    name = "fkm-2"
    rule = "play x +- delta u, x <- projection of x - eta (d/(2 delta)) (f(y+) - f(y-)) u on the shrunk set"
    tuning = "delta = max(1e-6, 1/T) r, eta = D/(d G sqrt(T)) (needs the horizon)"
    reference = "Agarwal, Dekel and Xiao, COLT 2010"
    points = 2

    def _default_delta(self, d: int, diameter: float, r: float, g: float, b: float, horizon: int) -> float:
        return r * max(1e-6, 1.0 / horizon)

    def _gradient(self, d: int, g: float, b: float, delta: float) -> float:
        return d * g
