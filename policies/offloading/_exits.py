"""The kernels of SplitEE, SplitEE-S and I-SplitEE: UCB over exits on confidence-based rewards.

Reward of answering at exit i, lambda_i the cost of running up to it, o that of offloading, L the last exit::

    r(i) = C_i - lambda_i        if C_i >= threshold or i = L
           C_L - o - lambda_i    otherwise: the sample is offloaded and answered at the last exit
"""

from __future__ import annotations

import time
from typing import Any, NamedTuple

import numpy as np

from olearn._jit import kernel
from olearn.bounds import Bound
from olearn.errors import NotSupportedError, ParameterError, check_real
from olearn.policies.offloading._arms import ArmsPolicy, Plays, Usage, ucb_bound, ucb_choose
from olearn.policies.offloading._limits import Limits, no_limits, pay, use_of

#: What the learner updates: the chosen exit; every exit up to it, a final confidence that was not seen
#: replaced by the chosen exit's; every exit up to it with the true final confidence.
CHOSEN, STAND_IN, SEEN = 0, 1, 2


class State(NamedTuple):
    """Statistics of L exits."""

    cost: np.ndarray  # float64 (L,): of running up to each exit
    total: np.ndarray  # float64 (L,): sum of the rewards seen
    seen: np.ndarray  # float64 (L,): number of rewards seen
    issued: np.ndarray  # float64 (L,): number of times chosen
    clock: np.ndarray  # float64 (1,): decisions so far
    done: np.ndarray  # int64 (1,): answers learnt from
    offload: float
    threshold: float
    exploration: float
    side: int


def init(cost: np.ndarray, offload: float, threshold: float, exploration: float, side: int) -> State:
    n = cost.size
    ints = np.zeros(1, np.int64)
    return State(
        cost, np.zeros(n), np.zeros(n), np.zeros(n), np.zeros(1), ints, offload, threshold, exploration, side
    )


@kernel(inline=True)
def decide(state, limits):
    return ucb_choose(state.total, state.seen, state.issued, state.clock, state.exploration, limits)


@kernel(inline=True)
def learn(state, confidence, row, exit, limits):
    last = state.cost.size - 1
    own = confidence[row, exit]
    # the final confidence comes back if the sample was offloaded or ran to the end
    final = confidence[row, last]
    if state.side == STAND_IN and exit < last and own >= state.threshold:
        final = own
    first = exit if state.side == CHOSEN else 0
    for j in range(first, exit + 1):
        c = confidence[row, j]
        reward = c - state.cost[j]
        if c < state.threshold and j < last:
            reward = final - state.offload - state.cost[j]
        state.total[j] += reward
        state.seen[j] += 1.0
        limits.taken[j] += use_of(limits, row, j)  # known too: it depends on the confidence there


@kernel
def run(state, confidence, arrived, limits, choice, spent):
    done = state.done
    for t in range(choice.size):
        while done[0] < arrived[t]:
            learn(state, confidence, done[0], choice[done[0]], limits)
            done[0] += 1
        choice[t] = decide(state, limits)
        spent[t] = pay(limits, t, choice[t])


class ExitUCB(ArmsPolicy):
    """Base of the three: a UCB over the exits of a network.

    Parameters
    ----------
    cost : array_like, shape (L,)
        Cost of running up to each exit, in units of confidence; not falling.
    offload_cost : float, default 0.5
    threshold : float, default 0.7
        Samples whose confidence at the chosen exit is below it are offloaded.
    exploration : float, default 1
        The factor c of the confidence width; ``bound`` needs c > 1 + o.
    horizon, seed
        As in every policy; not used.
    """

    kinds = ("exits",)
    needs = "chosen"
    objective = "confidence"
    side = CHOSEN
    #: Factor on all costs.
    weight: float = 1.0

    def __init__(
        self,
        cost: Any,
        offload_cost: float = 0.5,
        horizon: int | None = None,
        *,
        threshold: float = 0.7,
        exploration: float = 1.0,
        seed: int = 0,
    ) -> None:
        super().__init__(horizon, seed=seed)
        self.cost = cost
        self.offload_cost = offload_cost
        self.threshold = threshold
        self.exploration = exploration
        self._asked: int | None = None

    @classmethod
    def tunable(cls) -> dict[str, Any]:
        return {n: p for n, p in super().tunable().items() if n not in ("cost", "offload_cost")}

    @classmethod
    def for_table(cls, table: Any, horizon: int | None = None, *, seed: int = 0, **parameters: Any) -> Any:
        return cls(table.cost, table.offload_cost, horizon, seed=seed, **parameters)

    def validate(self) -> None:
        super().validate()
        cost = self._cost()
        if cost.ndim != 1 or cost.size < 2 or not np.isfinite(cost).all() or cost.min() < 0.0:
            raise ParameterError(
                f"{self.name}: cost must hold a number of at least 0 for each exit, got {self.cost!r}"
            )
        check_real("offload_cost", self.offload_cost, 0.0)
        check_real("threshold", self.threshold, 0.0, 1.0)
        check_real("exploration", self.exploration, 0.0)

    def _cost(self) -> np.ndarray:
        return np.array(self.cost, dtype=np.float64)

    def _init(self) -> State:
        w = float(self.weight)
        return init(
            w * self._cost(),
            w * float(self.offload_cost),
            float(self.threshold),
            float(self.exploration),
            self.side,
        )

    # -- one sample at a time --------------------------------------------------------------------------
    def decide(self) -> int:
        """The exit at which the coming sample is to be looked at."""
        self._asked = int(decide(self.state, no_limits(self.state.cost.size)))
        return self._asked

    def feedback(self, confidence: Any) -> None:
        """Tell the policy the confidences of the last sample.

        Parameters
        ----------
        confidence : array_like, shape (L,)
            NaN where an exit was not run; the chosen exit and, if the sample was offloaded, the last
            one must be there (SplitEE-S: every exit up to the chosen one).
        """
        if self._asked is None:
            raise NotSupportedError(f"{self.name}: call decide before feedback")
        state, exit = self.state, self._asked
        row = np.array(confidence, dtype=np.float64)
        if row.shape != state.cost.shape:
            raise ParameterError(
                f"{self.name}: confidence must hold {state.cost.size} numbers, got shape {row.shape}"
            )
        needed = list(range(exit + 1)) if self.side else [exit]
        if not row[exit] >= state.threshold or self.side == SEEN:
            needed.append(row.size - 1)
        for j in needed:
            check_real(f"confidence at exit {j}", row[j], 0.0, 1.0)
        learn(state, row[None, :], 0, exit, no_limits(row.size))
        self._asked = None

    # -- whole tables ----------------------------------------------------------------------------------
    def sizes(self, table: Any) -> list[tuple[str, int, int]]:
        return [("exits", table.exits, self.state.cost.size)]

    def losses(self, table: Any, objective: str | None = None) -> np.ndarray:
        """1 - r(i): what is missing to confidence 1, plus costs (or plus wrong answers, ``"error"``)."""
        chosen = self.check_objective(objective, ("confidence", "error"))
        confidence = table["confidence"]
        miss = 1.0 - (confidence if chosen == "confidence" else table.need("correct", "objective 'error'"))
        away = confidence < self.threshold
        away[:, -1] = False
        w = float(self.weight)
        return np.asarray(
            np.where(away, miss[:, -1:] + w * self.offload_cost, miss) + w * np.asarray(self.cost)
        )

    def counts(self, objective: str | None = None) -> str:
        """What the loss of a sample is, in words."""
        chosen = self.check_objective(objective, ("confidence", "error"))
        answer = "1 - confidence" if chosen == "confidence" else "1 if wrong"
        return f"{answer} + cost of running and offloading"

    def offloaded(self, table: Any, choice: np.ndarray) -> np.ndarray:
        """Which samples were offloaded, bool of shape (n,)."""
        rows = np.arange(choice.size)
        away = table["confidence"][rows, choice] < self.threshold
        return np.asarray(away & (choice < table.exits - 1))

    def answered_at(self, table: Any, choice: np.ndarray) -> np.ndarray:
        """The exit whose answer each sample got."""
        return np.where(self.offloaded(table, choice), table.exits - 1, choice)

    def usage(self, table: Any, resource: str) -> Usage:
        """``rate``: samples offloaded; ``energy``: the cost up to the exit, and of offloading."""
        away = table["confidence"] < self.threshold
        away[:, -1] = False
        can = np.arange(table.exits) < table.exits - 1
        if resource == "rate":
            return Usage(away.astype(np.float64), can.astype(np.float64), "samples offloaded")
        if resource == "energy":
            cost, offload = np.asarray(self.cost, dtype=np.float64), float(self.offload_cost)
            return Usage(cost + offload * away, cost + offload * can, "cost of running and offloading")
        raise self.no_resource(resource, "rate", "energy")

    def play(self, table: Any, arrived: np.ndarray, *, limits: Limits | None = None, **options: Any) -> Plays:
        self.check_kind(table)
        choice, spent = np.empty(len(table), np.int32), np.empty(len(table))
        bounds = self.no_limits(table) if limits is None else limits
        state = self.state
        start = time.perf_counter()
        run(state, table["confidence"], arrived, bounds, choice, spent)
        return Plays(choice, spent=spent, seconds=time.perf_counter() - start)

    def arm_bound(self, samples: int, means: np.ndarray) -> Bound | None:
        if self.side == STAND_IN:
            return None
        width = 1.0 + float(self.weight) * float(self.offload_cost)
        return ucb_bound(
            samples, means, float(self.exploration), width, "UCB1, Auer et al. 2002, for this reward"
        )
