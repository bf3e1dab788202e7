r"""ANS (muLinUCB): learn where to cut a network between a device and a server, from delays alone.

Setting: cutting after block p costs the device's time d_p, which is known, and a remote delay, which is
linear in known features x_p of what is remote: theta' x_p. All on the device (p = P) has no remote part
and shows nothing: a plain LinUCB that once prefers it never learns again.

Rule, for frame t of weight L_t in [0, 1) (key frames explore less)::

    choose argmin_p  d_p + theta' x_p - alpha sqrt((1 - L_t) x_p' A^-1 x_p),   A = lambda I + sum x x'
    every ceil(T^mu)-th frame P is not allowed (forced sampling), mu = 1/4
    after a remote delay y at p: A += x_p x_p', theta = A^-1 sum y x

Cost: O(P d + d^2) a frame: the features never change, so theta' x_p and x_p' A^-1 x_p of all split points are
kept and updated by the Sherman-Morrison step, where the textbook form computes P quadratic forms, O(P d^2).
Memory: 8 (d^2 + P d) bytes.

Regret: sub-linear, of order T^(3/4) up to logarithms for mu = 1/4 according to the source; no constant is
declared here. It assumes that delays are linear in the features: :meth:`SplitTable.linear_error` says
how far a table is from it.

Parameters
----------
front : array_like, shape (P+1,)
    The device's time up to each split point, ms; a replay takes the table's.
features : array_like, shape (P+1, d)
    What is remote at each split point, the last row 0; a replay takes the table's.
horizon : int
    Frames T, for the period of the forced frames.
exploration : float, optional
    alpha, in ms; default a tenth of the time of the whole network on the device.
ridge : float, default 0.01
    lambda. Features are scaled to at most 1 and delays are hundreds of ms, so it has to be small.
mu : float, default 1/4
    The period is ceil(T^mu).
period : int, optional
    The period itself.

References
----------
.. [1] L. Zhang, L. Chen and J. Xu, "Autodidactic Neurosurgeon: collaborative deep inference for mobile edge
   intelligence via online learning", WWW 2021, arXiv:2102.02638.

Examples
--------
>>> policy = ANS(front=[0.0, 30.0, 100.0], features=[[1.0], [0.5], [0.0]], horizon=100, exploration=10.0)
>>> cuts = []
>>> for _ in range(6):
...     p = policy.decide()
...     policy.feedback(None if p == 2 else [80.0, 40.0][p])
...     cuts.append(p)
>>> cuts
[0, 1, 1, 1, 1, 1]
"""

from __future__ import annotations

import math
import time
from typing import Any, NamedTuple

import numpy as np

from olearn._jit import kernel
from olearn.errors import NotSupportedError, ParameterError, check_positive_int, check_real
from olearn.policies.offloading._arms import ArmsPolicy, Plays, Usage
from olearn.policies.offloading._game import price_of_use
from olearn.policies.offloading._limits import Limits, forbidden, no_limits, pay, wish


class State(NamedTuple):
    """The regression of remote delays on the features of P+1 split points."""

    front: np.ndarray  # float64 (P+1,): the device's time up to each split point
    features: np.ndarray  # float64 (P+1, d)
    inverse: np.ndarray  # float64 (d, d): A^-1
    theta: np.ndarray  # float64 (d,)
    mean: np.ndarray  # float64 (P+1,): theta' x_p
    variance: np.ndarray  # float64 (P+1,): x_p' A^-1 x_p
    gain: np.ndarray  # float64 (d,): scratch, A^-1 x
    clock: np.ndarray  # int64 (1,): frames so far
    done: np.ndarray  # int64 (1,): answers learnt from
    exploration: float
    period: int  # every so many frames the device alone is not allowed; 0 never


def init(front: np.ndarray, features: np.ndarray, exploration: float, ridge: float, period: int) -> State:
    points, d = features.shape
    return State(
        front,
        features,
        np.eye(d) / ridge,
        np.zeros(d),
        np.zeros(points),
        np.sum(features**2, axis=1) / ridge,
        np.zeros(d),
        np.zeros(1, np.int64),
        np.zeros(1, np.int64),
        exploration,
        period,
    )


@kernel(inline=True)
def decide(state, weight, limits):
    points = state.front.size
    state.clock[0] += 1
    allowed = points
    if state.period > 0 and state.clock[0] % state.period == 0:
        allowed = points - 1
    factor = state.exploration * math.sqrt(1.0 - weight)
    # budgets price a unit of use against a unit of loss: here the delay of all on the device
    charge = price_of_use(limits.budget) * state.front[points - 1]
    best = limits.free
    wished = best
    least, lowest = np.inf, np.inf
    for p in range(allowed):
        score = state.front[p] + state.mean[p] - factor * math.sqrt(max(state.variance[p], 0.0))
        score += charge * limits.most[p]
        if score < lowest:
            wished, lowest = p, score
        if score < least and (p == limits.free or not forbidden(limits, p)):
            best, least = p, score
    wish(limits, wished, limits.most[wished])
    return best


@kernel(inline=True)
def learn(state, point, delay):
    points, d = state.features.shape
    if point == points - 1:  # all on the device: nothing was remote, nothing is learnt
        return
    x, gain = state.features, state.gain
    for i in range(d):
        total = 0.0
        for j in range(d):
            total += state.inverse[i, j] * x[point, j]
        gain[i] = total
    scale = 1.0
    for i in range(d):
        scale += x[point, i] * gain[i]
    step = (delay - state.mean[point]) / scale
    for i in range(d):
        state.theta[i] += step * gain[i]
        for j in range(d):
            state.inverse[i, j] -= gain[i] * gain[j] / scale
    for p in range(points):
        overlap = 0.0
        for i in range(d):
            overlap += x[p, i] * gain[i]
        state.mean[p] += step * overlap
        state.variance[p] -= overlap * overlap / scale


@kernel
def run(state, remote, weight, arrived, limits, choice, spent):
    done = state.done
    for t in range(choice.size):
        while done[0] < arrived[t]:
            learn(state, choice[done[0]], remote[done[0], choice[done[0]]])
            done[0] += 1
        choice[t] = decide(state, weight[t], limits)
        spent[t] = pay(limits, t, choice[t])


class ANS(ArmsPolicy):
    __doc__ = __doc__

    name = "ans"
    kinds = ("splits",)
    needs = "chosen"
    objective = "delay"
    rule = "least d_p + theta'x_p - alpha sqrt((1-L_t) x_p'A^-1 x_p); every T^mu-th frame not all on the device"
    reference = "Zhang, Chen and Xu, WWW 2021"

    def __init__(
        self,
        front: Any,
        features: Any,
        horizon: int | None = None,
        *,
        exploration: float | None = None,
        ridge: float = 0.01,
        mu: float = 0.25,
        period: int | None = None,
        seed: int = 0,
    ) -> None:
        super().__init__(horizon, seed=seed)
        self.front = front
        self.features = features
        self.exploration = exploration
        self.ridge = ridge
        self.mu = mu
        self.period = period
        self._asked: int | None = None

    @classmethod
    def tunable(cls) -> dict[str, Any]:
        return {n: p for n, p in super().tunable().items() if n not in ("front", "features")}

    @classmethod
    def for_table(cls, table: Any, horizon: int | None = None, *, seed: int = 0, **parameters: Any) -> ANS:
        return cls(table.front, table.features, horizon, seed=seed, **parameters)

    def parameters(self) -> dict[str, Any]:
        front = np.asarray(self.front, dtype=np.float64)
        alpha = 0.1 * float(front[-1]) if self.exploration is None else self.exploration
        period = self.period
        if period is None:
            period = math.ceil(self.require_horizon("period") ** float(self.mu))
        return {"exploration": alpha, "ridge": self.ridge, "mu": self.mu, "period": period}

    def validate(self) -> None:
        super().validate()
        front, x = np.asarray(self.front, dtype=np.float64), np.asarray(self.features, dtype=np.float64)
        if front.ndim != 1 or x.ndim != 2 or x.shape[0] != front.size or front.size < 2:
            raise ParameterError(
                f"{self.name}: features must have a row for each of the split points of front, got {x.shape}"
            )
        if np.any(x[-1] != 0.0):
            raise ParameterError(f"{self.name}: the last row of features must be 0 (nothing is remote there)")
        check_real("mu", self.mu, 0.0, 1.0)
        check_real("ridge", self.ridge, 0.0, open_low=True)
        if self.exploration is not None:
            check_real("exploration", self.exploration, 0.0)
        check_positive_int("period", self.parameters()["period"])

    def _init(self) -> State:
        own = self.parameters()
        return init(
            np.array(self.front, dtype=np.float64),
            np.ascontiguousarray(self.features, dtype=np.float64),
            float(own["exploration"]),
            float(self.ridge),
            int(own["period"]),
        )

    def decide(self, weight: float = 0.0) -> int:
        """The split point of the coming frame, of the given weight in [0, 1)."""
        importance = check_real("weight", weight, 0.0, 1.0, open_high=True)
        self._asked = int(decide(self.state, importance, no_limits(self.state.front.size)))
        return self._asked

    def feedback(self, delay: float | None) -> None:
        """Tell the policy the remote delay of the last frame in ms; None if all ran on the device."""
        if self._asked is None:
            raise NotSupportedError(f"{self.name}: call decide before feedback")
        if self._asked < self.state.front.size - 1:
            learn(self.state, self._asked, check_real("delay", delay, 0.0))
        self._asked = None

    def sizes(self, table: Any) -> list[tuple[str, int, int]]:
        return [("split points", table.points, self.state.front.size)]

    def losses(self, table: Any, objective: str | None = None) -> np.ndarray:
        """End-to-end delay in ms."""
        self.check_objective(objective, ("delay",))
        return np.asarray(table.delay())

    def counts(self, objective: str | None = None) -> str:
        """What the loss of a frame is, in words."""
        return "ms until the answer"

    def usage(self, table: Any, resource: str) -> Usage:
        """``rate``: frames not wholly on the device; ``device``: its time, ms; ``upload``: MB sent."""
        if resource == "rate":
            use, unit = (np.arange(table.points) < table.points - 1).astype(np.float64), "frames offloaded"
        elif resource == "device":
            use, unit = np.array(self.front, dtype=np.float64), "ms of work on the device"
        elif resource == "upload":
            if table.sent is None:
                raise NotSupportedError("a budget on upload needs a table that says what is sent, in MB")
            use, unit = table.sent, "MB sent"
        else:
            raise self.no_resource(resource, "rate", "device", "upload")
        return Usage(use[None, :], use, unit)

    def play(self, table: Any, arrived: np.ndarray, *, limits: Limits | None = None, **options: Any) -> Plays:
        self.check_kind(table)
        choice, spent = np.empty(len(table), np.int32), np.empty(len(table))
        bounds = self.no_limits(table) if limits is None else limits
        weight = table.get("weight")
        weight = np.zeros(len(table)) if weight is None else weight
        state = self.state
        start = time.perf_counter()
        run(state, table["remote"], weight, arrived, bounds, choice, spent)
        return Plays(choice, spent=spent, seconds=time.perf_counter() - start)
