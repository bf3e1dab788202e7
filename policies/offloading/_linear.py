"""Disjoint linear bandits over models with prices: the kernels of ``linucb-routing`` and ``lints-routing``.

Each model k has its own ridge regression of the reward on the prompt's features x. With A_k^-1 kept by the
Sherman-Morrison step a round costs K quadratic forms, O(K d^2), and an update O(d^2); recomputing the inverse
(or inverting for every model and prompt, as published code does) costs O(K d^3).

Forgetting, discount g < 1, is A <- g A + x x' + (1 - g) ridge I: without the last term the regularisation fades
too, and in directions that stop to occur the inverse grows until it overflows. That term has full rank, so
A itself is kept and inverted anew, by Cholesky, when a model that has learnt is next looked at: O(d^3).

The products run along the rows of A_k^-1 so that they vectorise.
"""

from __future__ import annotations

import math
import time
from typing import Any, NamedTuple

import numpy as np

from olearn._jit import kernel
from olearn._rng import new_state, normal
from olearn.errors import NotSupportedError, ParameterError, check_int, check_real
from olearn.policies.offloading._arms import ArmsPolicy, Plays, Usage
from olearn.policies.offloading._game import forbids, price_of_use
from olearn.policies.offloading._limits import Limits, no_limits, pay, use_of, wish


class State(NamedTuple):
    """K ridge regressions in d features."""

    inverse: np.ndarray  # float64 (K, d, d): A_k^-1
    theta: np.ndarray  # float64 (K, d)
    gain: np.ndarray  # float64 (d,): scratch
    gram: np.ndarray  # float64 (K, d, d): A_k, with forgetting only; else (K, 0, 0)
    moment: np.ndarray  # float64 (K, d): b_k, with forgetting only
    factor: np.ndarray  # float64 (d, d): scratch of the inversion
    stale: np.ndarray  # uint8 (K,): inverse and theta are those of before the last answers
    seen: np.ndarray  # float64 (K,): answers seen
    done: np.ndarray  # int64 (1,): answers learnt from
    rng: np.ndarray  # uint64 (4,)
    width: float  # alpha of LinUCB, v of LinTS
    trade: float  # weight of a model's price (relative to the largest) against a right answer
    ridge: float
    discount: float  # A <- discount A + xx' + (1 - discount) ridge I
    sampled: int  # 1: Thompson sampling, 0: upper confidence bounds


def aligned(shape: tuple[int, ...]) -> np.ndarray:
    """Zeros that start on a cache line: vectors of 64 bytes that straddle two cost 4 to 8 % of a decision."""
    size = int(np.prod(shape))
    room = np.zeros(size + 7)
    start = (-room.ctypes.data // 8) % 8
    return room[start : start + size].reshape(shape)


def init(
    arms: int, d: int, width: float, trade: float, ridge: float, discount: float, sampled: bool, seed: int
) -> State:
    inverse = aligned((arms, d, d))
    inverse[:] = np.eye(d) / ridge
    kept = d if discount < 1.0 else 0
    return State(
        inverse,
        np.zeros((arms, d)),
        aligned((d,)),
        np.tile(ridge * np.eye(kept), (arms, 1, 1)),
        np.zeros((arms, kept)),
        np.zeros((kept, kept)),
        np.zeros(arms, np.uint8),
        np.zeros(arms),
        np.zeros(1, np.int64),
        new_state(seed),
        width,
        trade,
        ridge,
        discount,
        int(sampled),
    )


@kernel(inline=True)
def product(inverse, arm, x, row, gain):
    """gain = A_arm^-1 x; returns (x' gain)."""
    d = gain.size
    for j in range(d):
        gain[j] = 0.0
    whole = d - d % 4
    for i in range(0, whole, 4):  # four rows at a time: a quarter of the traffic on gain
        x0, x1, x2, x3 = x[row, i], x[row, i + 1], x[row, i + 2], x[row, i + 3]
        for j in range(d):
            pair = x0 * inverse[arm, i, j] + x1 * inverse[arm, i + 1, j]
            gain[j] += pair + (x2 * inverse[arm, i + 2, j] + x3 * inverse[arm, i + 3, j])
    for i in range(whole, d):
        for j in range(d):
            gain[j] += x[row, i] * inverse[arm, i, j]
    return dot(gain, x, row)


@kernel(inline=True)
def dot(a, x, row):
    """a' x[row] with four running sums, so that the additions overlap."""
    d = a.size
    s0, s1, s2, s3 = 0.0, 0.0, 0.0, 0.0
    whole = d - d % 4
    for i in range(0, whole, 4):
        s0 += a[i] * x[row, i]
        s1 += a[i + 1] * x[row, i + 1]
        s2 += a[i + 2] * x[row, i + 2]
        s3 += a[i + 3] * x[row, i + 3]
    for i in range(whole, d):
        s0 += a[i] * x[row, i]
    return (s0 + s1) + (s2 + s3)


@kernel
def refresh(state, arm):
    """inverse = A^-1 and theta = A^-1 b of one model, from A = L L' and A^-1 = M' M with M = L^-1."""
    A, L, inverse, gain = state.gram, state.factor, state.inverse, state.gain
    d = gain.size
    for i in range(d):
        for j in range(i + 1):
            rest = A[arm, i, j]
            for k in range(j):
                rest -= L[i, k] * L[j, k]
            L[i, j] = math.sqrt(rest) if i == j else rest / L[j, j]
    for i in range(d):  # rows of M from the top, in place of those of L
        for k in range(i + 1):
            gain[k] = L[i, k]
            L[i, k] = 0.0
        for k in range(i):
            for j in range(k + 1):
                L[i, j] -= gain[k] * L[k, j]
        for j in range(i):
            L[i, j] /= gain[i]
        L[i, i] = 1.0 / gain[i]
    for i in range(d):
        for j in range(d):
            inverse[arm, i, j] = 0.0
    for i in range(d):
        for a in range(i + 1):
            for b in range(i + 1):
                inverse[arm, a, b] += L[i, a] * L[i, b]
    for i in range(d):
        value = 0.0
        for j in range(d):
            value += inverse[arm, i, j] * state.moment[arm, j]
        state.theta[arm, i] = value
    state.stale[arm] = 0


@kernel(inline=True)
def decide(state, x, row, price, limits):
    """The model with the largest optimistic (or sampled) reward less its price.

    What a model uses of a budget is known beforehand; the model that uses least is never forbidden.
    """
    arms = state.seen.size
    charge = price_of_use(limits.budget)
    cheapest = 0
    for k in range(1, arms):
        if use_of(limits, row, k) < use_of(limits, row, cheapest):
            cheapest = k
    best, wished = cheapest, cheapest
    top, highest = -np.inf, -np.inf
    for k in range(arms):
        if state.stale[k] == 1:
            refresh(state, k)
        use = use_of(limits, row, k)
        square = product(state.inverse, k, x, row, state.gain)
        width = state.width * math.sqrt(max(square, 0.0))
        if state.sampled == 1:
            width *= normal(state.rng)
        score = dot(state.theta[k], x, row) + width - state.trade * price[row, k] - charge * use
        if score > highest:
            wished, highest = k, score
        if score > top and (k == cheapest or not forbids(limits.budget, use)):
            best, top = k, score
    wish(limits, wished, use_of(limits, row, wished))
    return best


@kernel(inline=True)
def learn(state, x, row, arm, reward):
    gain, inverse, gamma = state.gain, state.inverse, state.discount
    d = gain.size
    state.seen[arm] += 1.0
    if gamma < 1.0:
        for i in range(d):
            for j in range(d):
                state.gram[arm, i, j] = gamma * state.gram[arm, i, j] + x[row, i] * x[row, j]
            state.gram[arm, i, i] += (1.0 - gamma) * state.ridge
            state.moment[arm, i] = gamma * state.moment[arm, i] + reward * x[row, i]
        state.stale[arm] = 1
        return
    square = product(inverse, arm, x, row, gain)
    error = reward - dot(state.theta[arm], x, row)
    scale = 1.0 / (1.0 + square)  # (A + xx')^-1 = A^-1 - gain gain' / (1 + x'gain)
    for i in range(d):
        state.theta[arm, i] += scale * error * gain[i]
        factor = scale * gain[i]
        for j in range(d):
            inverse[arm, i, j] -= factor * gain[j]


@kernel
def run(state, x, reward, price, arrived, limits, choice, spent):
    done = state.done
    for t in range(choice.size):
        while done[0] < arrived[t]:
            s = done[0]
            learn(state, x, s, choice[s], reward[s, choice[s]])
            done[0] += 1
        choice[t] = decide(state, x, t, price, limits)
        spent[t] = pay(limits, t, choice[t])


class LinearRouting(ArmsPolicy):
    """Base of the two linear routers.

    Parameters
    ----------
    arms, dimension : int
        Models K and features d.
    width : float, default 1
        Factor on the standard error sqrt(x' A^-1 x). Below 1 a model that was never asked may look worse
        than one that is often right, and stay unasked.
    trade : float, default 0
        What the dearest model's price weighs against a right answer.
    ridge : float, default 1
        Regularisation, A_k starts at ``ridge * I``.
    discount : float in (0, 1], default 1
        Forgetting: A_k <- discount A_k + x x' + (1 - discount) ridge I, at O(d^3) an answer below 1.
    price : {"known", "learnt"}
        Whether prices are known before the decision, or part of the reward that is learnt
        (reward = right - trade * price, MetaLLM's).
    """

    kinds = ("routing",)
    needs = "chosen"
    objective = "error"
    sampled = False

    def __init__(
        self,
        arms: int,
        dimension: int,
        horizon: int | None = None,
        *,
        width: float = 1.0,
        trade: float = 0.0,
        ridge: float = 1.0,
        discount: float = 1.0,
        price: str = "known",
        seed: int = 0,
    ) -> None:
        super().__init__(horizon, seed=seed)
        self.arms = arms
        self.dimension = dimension
        self.width = width
        self.trade = trade
        self.ridge = ridge
        self.discount = discount
        self.price = price
        self._asked: tuple[np.ndarray, int] | None = None

    @classmethod
    def tunable(cls) -> dict[str, Any]:
        return {n: p for n, p in super().tunable().items() if n not in ("arms", "dimension")}

    @classmethod
    def for_table(cls, table: Any, horizon: int | None = None, *, seed: int = 0, **parameters: Any) -> Any:
        return cls(len(table.models), table.router_features().shape[1], horizon, seed=seed, **parameters)

    def validate(self) -> None:
        super().validate()
        check_int("arms", self.arms, minimum=2)
        check_int("dimension", self.dimension, minimum=1)
        check_real("width", self.width, 0.0)
        check_real("trade", self.trade, 0.0)
        check_real("ridge", self.ridge, 0.0, open_low=True)
        check_real("discount", self.discount, 0.0, 1.0, open_low=True)
        if self.price not in ("known", "learnt"):
            raise ParameterError(f"price must be 'known' or 'learnt', got {self.price!r}")

    def _init(self) -> State:
        trade = float(self.trade) if self.price == "known" else 0.0
        return init(
            int(self.arms),
            int(self.dimension),
            float(self.width),
            trade,
            float(self.ridge),
            float(self.discount),
            self.sampled,
            self.seed,
        )

    # -- one prompt at a time --------------------------------------------------------------------------
    def decide(self, features: Any, price: Any = None) -> int:
        """The model for a prompt.

        Parameters
        ----------
        features : array_like, shape (d,)
        price : array_like, shape (K,), optional
            Prices relative to the largest one; default 0.
        """
        state = self.state
        x = np.array(features, dtype=np.float64)
        if x.shape != (int(self.dimension),) or not np.isfinite(x).all():
            raise ParameterError(
                f"{self.name}: features must be {self.dimension} finite numbers, got {features!r}"
            )
        cost = np.zeros(int(self.arms)) if price is None else np.array(price, dtype=np.float64)
        if cost.shape != (int(self.arms),) or not (cost >= 0.0).all():
            raise ParameterError(f"{self.name}: price must be {self.arms} numbers of at least 0, got {price!r}")
        arm = int(decide(state, x[None, :], 0, cost[None, :], no_limits(cost.size)))
        self._asked = (x, arm)
        return arm

    def feedback(self, reward: float) -> None:
        """Tell the policy what the chosen model's answer was worth (1 if right; less its price if learnt)."""
        if self._asked is None:
            raise NotSupportedError(f"{self.name}: call decide before feedback")
        x, arm = self._asked
        learn(self.state, x[None, :], 0, arm, check_real("reward", reward))
        self._asked = None

    # -- whole tables ----------------------------------------------------------------------------------
    def sizes(self, table: Any) -> list[tuple[str, int, int]]:
        return [
            ("models", len(table.models), int(self.arms)),
            ("features", table.router_features().shape[1], int(self.dimension)),
        ]

    def losses(self, table: Any, objective: str | None = None) -> np.ndarray:
        """1 if the answer is wrong, + trade * price / largest price."""
        self.check_objective(objective, ("error",))
        return np.asarray(table.losses(float(self.trade)))

    def counts(self, objective: str | None = None) -> str:
        """What the loss of a prompt is, in words."""
        return "1 if wrong" + (f" + {float(self.trade):g} * price / largest price" if self.trade else "")

    def usage(self, table: Any, resource: str) -> Usage:
        """``rate``: prompts not sent to the cheapest model; ``money``: their price."""
        if resource == "rate":
            if "price" not in table and len(table.models) > 2:
                raise NotSupportedError("a budget on rate needs prices, to know the cheapest model")
            away = np.ones(len(table.models))
            away[int(np.argmin(table.relative_price().mean(axis=0)))] = 0.0
            return Usage(away[None, :], away, "prompts not sent to the cheapest model")
        if resource == "money":
            price = np.array(table.need("price", "a budget on money"), dtype=np.float64)
            return Usage(price, price.max(axis=0), "money")
        raise self.no_resource(resource, "rate", "money")

    def play(
        self,
        table: Any,
        arrived: np.ndarray,
        *,
        limits: Limits | None = None,
        flips: np.ndarray | None = None,
        **options: Any,
    ) -> Plays:
        self.check_kind(table)
        x = np.ascontiguousarray(table.router_features())
        price = np.ascontiguousarray(table.relative_price())
        reward = table["correct"].astype(np.float64)
        if flips is not None and flips.any():
            reward[flips] = 1.0 - reward[flips]
        if self.price == "learnt":
            reward = reward - float(self.trade) * price
        choice, spent = np.empty(len(table), np.int32), np.empty(len(table))
        bounds = self.no_limits(table) if limits is None else limits
        state = self.state
        start = time.perf_counter()
        run(state, x, reward, price, arrived, bounds, choice, spent)
        return Plays(choice, spent=spent, seconds=time.perf_counter() - start)
