r"""UEE-UCB: find the best exit without labels, from disagreements between exits.

Setting: answering at exit i costs its error rate gamma_i plus lambda_i. Labels are never seen, but running to
exit i shows the answers of all exits up to i. Under *strong dominance* (an exit that is right is followed
only by exits that are right) the chance that i < j disagree is gamma_i - gamma_j, so that exit i is no worse
than j iff

.. math:: \lambda_j - \lambda_i \ge p_{ij} = P(\text{i and j disagree}).

Rule, with p^_ij the share of disagreements among the N_j samples that ran to exit j or deeper::

    answer at the first exit i such that for every deeper j
        lambda_j - lambda_i >= p^_ij + sqrt(alpha ln t / N_j)

The last exit qualifies always; a pair never seen counts as disagreeing, so the first sample runs to the end.

Cost: O(L^2) a sample at worst. Memory: 8 L^2 bytes.

Regret: sub-linear under strong dominance according to the source (abstract); no constant is declared here.
Without dominance the exits found need not be the best: :meth:`ExitTable.dominance` says how far a table
is from it. Two wrong answers that differ count as a disagreement too.

Parameters
----------
cost : array_like, shape (L,)
    Cost of running up to each exit, in units of a wrong answer; a replay takes the table's.
alpha : float, default 1
    Widens the upper bounds on disagreement: one of a pair fails at time t with chance at most t^(1 - 2 alpha).

References
----------
.. [1] H. N. Narayan U M, M. K. Hanawal and A. Bhardwaj, "Unsupervised early exit in DNNs with multiple
   exits", arXiv:2209.09480, 2022.

Examples
--------
>>> policy = UEEUCB([0.1, 0.2, 0.9], alpha=0.01)
>>> for _ in range(3):
...     exit = policy.decide()
...     policy.feedback([1, 1, 1][: exit + 1])
>>> policy.decide(), policy.state.seen.tolist()
(0, [3.0, 2.0, 1.0])
"""

from __future__ import annotations

import math
import time
from typing import Any, NamedTuple

import numpy as np

from olearn._jit import kernel
from olearn.errors import NotSupportedError, ParameterError, check_real
from olearn.policies.offloading._arms import ArmsPolicy, Plays, Usage
from olearn.policies.offloading._game import price_of_use
from olearn.policies.offloading._limits import Limits, forbidden, no_limits, pay, use_of, wish


class State(NamedTuple):
    """Disagreements of L exits."""

    cost: np.ndarray  # float64 (L,)
    differ: np.ndarray  # float64 (L, L): samples on which i and j (i < j) were seen to differ
    seen: np.ndarray  # float64 (L,): samples that ran to exit j or deeper
    clock: np.ndarray  # float64 (1,): decisions so far
    done: np.ndarray  # int64 (1,): answers learnt from
    alpha: float


def init(cost: np.ndarray, alpha: float) -> State:
    return State(
        cost, np.zeros((cost.size, cost.size)), np.zeros(cost.size), np.zeros(1), np.zeros(1, np.int64), alpha
    )


@kernel(inline=True)
def first_exit(state, limits, charge, deepest):
    """The first exit that no deeper one, up to the deepest, is seen to beat."""
    cost, differ, seen = state.cost, state.differ, state.seen
    log = state.alpha * math.log(state.clock[0])
    for i in range(deepest):
        accepted = True
        for j in range(i + 1, deepest + 1):
            more = cost[j] - cost[i] + charge * (use_of(limits, 0, j) - use_of(limits, 0, i))
            if seen[j] == 0.0 or more < differ[i, j] / seen[j] + math.sqrt(log / seen[j]):
                accepted = False
                break
        if accepted:
            return i
    return deepest


@kernel(inline=True)
def decide(state, limits):
    state.clock[0] += 1.0
    charge = price_of_use(limits.budget)
    last = state.cost.size - 1
    deepest = last
    while deepest > 0 and forbidden(limits, deepest):  # deeper exits use no less
        deepest -= 1
    exit = first_exit(state, limits, charge, deepest)
    wished = exit if deepest == last else first_exit(state, limits, charge, last)
    wish(limits, wished, limits.most[wished])
    return exit


@kernel(inline=True)
def learn(state, prediction, row, exit):
    for j in range(exit + 1):
        state.seen[j] += 1.0
        for i in range(j):
            if prediction[row, i] != prediction[row, j]:
                state.differ[i, j] += 1.0


@kernel
def run(state, prediction, arrived, limits, choice, spent):
    done = state.done
    for t in range(choice.size):
        while done[0] < arrived[t]:
            learn(state, prediction, done[0], choice[done[0]])
            done[0] += 1
        choice[t] = decide(state, limits)
        spent[t] = pay(limits, t, choice[t])


class UEEUCB(ArmsPolicy):
    __doc__ = __doc__

    name = "uee-ucb"
    kinds = ("exits",)
    columns = ("prediction",)
    needs = "earlier"
    objective = "error"
    rule = "first exit whose upper disagreement with every deeper one is at most their difference in cost"
    reference = "Narayan, Hanawal and Bhardwaj, arXiv:2209.09480"

    def __init__(self, cost: Any, horizon: int | None = None, *, alpha: float = 1.0, seed: int = 0) -> None:
        super().__init__(horizon, seed=seed)
        self.cost = cost
        self.alpha = alpha
        self._asked: int | None = None

    @classmethod
    def tunable(cls) -> dict[str, Any]:
        return {n: p for n, p in super().tunable().items() if n != "cost"}

    @classmethod
    def for_table(cls, table: Any, horizon: int | None = None, *, seed: int = 0, **parameters: Any) -> UEEUCB:
        return cls(table.cost, horizon, seed=seed, **parameters)

    def validate(self) -> None:
        super().validate()
        check_real("alpha", self.alpha, 0.0)
        cost = np.array(self.cost, dtype=np.float64)
        if cost.ndim != 1 or cost.size < 2 or not np.isfinite(cost).all() or (np.diff(cost) < 0.0).any():
            raise ParameterError(
                f"{self.name}: cost must hold numbers that don't fall with depth, got {self.cost!r}"
            )

    def _init(self) -> State:
        return init(np.array(self.cost, dtype=np.float64), float(self.alpha))

    def decide(self) -> int:
        """The exit at which the coming sample is answered."""
        self._asked = int(decide(self.state, no_limits(self.state.cost.size)))
        return self._asked

    def feedback(self, predictions: Any) -> None:
        """Tell the policy what the exits up to the chosen one answered, shallow to deep."""
        if self._asked is None:
            raise NotSupportedError(f"{self.name}: call decide before feedback")
        row = np.asarray(predictions, dtype=np.int32)
        if row.ndim != 1 or row.size != self._asked + 1:
            raise ParameterError(
                f"{self.name}: give the {self._asked + 1} answers up to the chosen exit, got {row.size}"
            )
        learn(self.state, row[None, :], 0, self._asked)
        self._asked = None

    def sizes(self, table: Any) -> list[tuple[str, int, int]]:
        return [("exits", table.exits, self.state.cost.size)]

    def losses(self, table: Any, objective: str | None = None) -> np.ndarray:
        """1 if the exit is wrong (or 1 - its confidence) + its cost."""
        chosen = self.check_objective(objective, ("error", "confidence"))
        good = table.need("correct", "objective 'error'") if chosen == "error" else table["confidence"]
        return np.asarray(1.0 - good + np.asarray(self.cost))

    def counts(self, objective: str | None = None) -> str:
        """What the loss of a sample is, in words."""
        chosen = self.check_objective(objective, ("confidence", "error"))
        return ("1 - confidence" if chosen == "confidence" else "1 if wrong") + " + cost of the exits run"

    def offloaded(self, table: Any, choice: np.ndarray) -> np.ndarray:
        """Which samples ran to the last exit, bool of shape (n,)."""
        return choice == table.exits - 1

    def answered_at(self, table: Any, choice: np.ndarray) -> np.ndarray:
        """The exit whose answer each sample got."""
        return choice

    def usage(self, table: Any, resource: str) -> Usage:
        """``rate``: samples that run to the last exit; ``energy``: the cost of the exits run."""
        if resource == "rate":
            use, unit = (np.arange(table.exits) == table.exits - 1).astype(np.float64), "samples run to the end"
        elif resource == "energy":
            use, unit = np.array(self.cost, dtype=np.float64), "cost of the exits run"
        else:
            raise self.no_resource(resource, "rate", "energy")
        return Usage(use[None, :], use, unit)

    def play(self, table: Any, arrived: np.ndarray, *, limits: Limits | None = None, **options: Any) -> Plays:
        self.check_kind(table)
        choice, spent = np.empty(len(table), np.int32), np.empty(len(table))
        bounds = self.no_limits(table) if limits is None else limits
        state = self.state
        prediction = table.need("prediction", self.name)
        start = time.perf_counter()
        run(state, prediction, arrived, bounds, choice, spent)
        return Plays(choice, spent=spent, seconds=time.perf_counter() - start)
