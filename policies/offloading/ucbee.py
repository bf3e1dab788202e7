"""UCBEE: learn the confidence threshold at which a branch sends samples on, as arms of a UCB.

Rule, for a network with one branch (confidence C_b) and its end (C_f), arms theta_1 < ... < theta_A::

    reward(theta) = max(C_f - C_b, 0) - overhead   if C_b < theta (the sample goes on)
                    0                              otherwise      (the branch answers)
    play the threshold with the largest  mean + c sqrt(ln t / n),   each once first

Cost: O(A) a sample. Memory: 32 bytes an arm.

Regret: against the best fixed threshold among the arms, in expectation over independent samples, UCB1's
bound with rewards in an interval of length max(1, overhead) for c > that length (c = sqrt(2): UCB1 itself);
for the published c = 1 none is declared.

Parameters
----------
overhead : float
    What going on costs, in units of a wrong answer; a replay takes what the table's last exit costs beyond the
    branch.
thresholds : sequence of float, default 0, 0.2, ..., 1
    The arms, increasing, in [0, 1].
branch : int, default 0
    The exit that is the branch.
exploration : float, default 1
    The factor c of the confidence width.

Notes
-----
The authors' code reports regret against max(0, C_f - C_b - overhead), the best decision of every single
sample: such a regret is linear whatever the policy does. Here it is policy regret. As a cost, the loss of
a sample is 1 - confidence of the answer + overhead if it went on, which differs from the negative
reward by 1 - C_b, the same for every arm.

References
----------
.. [1] R. G. Pacheco, M. Shifrin, R. S. Couto, D. S. Menasche, M. K. Hanawal and M. E. M. Campista, "AdaEE:
   adaptive early-exit DNN inference through multi-armed bandits", ICC 2023.

Examples
--------
>>> policy = UCBEE(overhead=0.1, thresholds=(0.0, 0.5, 1.0))
>>> for branch, final in ((0.4, 0.9), (0.6, 0.9), (0.3, 0.9)):
...     theta = policy.decide()
...     policy.feedback(branch, final if branch < theta else None)
>>> policy.state.total.round(2).tolist()
[0.0, 0.0, 0.5]
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from olearn._jit import kernel
from olearn.bounds import Bound
from olearn.errors import NotSupportedError, ParameterError, check_int, check_real
from olearn.policies.offloading._arms import ArmsPolicy, Plays, Usage, ucb_bound, ucb_choose
from olearn.policies.offloading._limits import Limits, no_limits, pay, use_of

#: The published arms, in steps of 0.2.
THRESHOLDS = (0.0, 0.2, 0.4, 0.6, 0.8, 1.0)


class State(NamedTuple):
    """Statistics of A thresholds."""

    thresholds: np.ndarray  # float64 (A,), increasing
    total: np.ndarray  # float64 (A,): sum of the rewards seen
    seen: np.ndarray  # float64 (A,): number of rewards seen
    issued: np.ndarray  # float64 (A,): number of times chosen
    clock: np.ndarray  # float64 (1,): decisions so far
    done: np.ndarray  # int64 (1,): answers learnt from
    overhead: float
    exploration: float


def init(thresholds: np.ndarray, overhead: float, exploration: float) -> State:
    n = thresholds.size
    ints = np.zeros(1, np.int64)
    return State(thresholds, np.zeros(n), np.zeros(n), np.zeros(n), np.zeros(1), ints, overhead, exploration)


@kernel(inline=True)
def decide(state, limits):
    return ucb_choose(state.total, state.seen, state.issued, state.clock, state.exploration, limits)


@kernel(inline=True)
def learn(state, branch, final, arm):
    reward = 0.0
    if branch < state.thresholds[arm]:
        reward = max(final - branch, 0.0) - state.overhead
    state.total[arm] += reward
    state.seen[arm] += 1.0


@kernel
def run(state, confidence, column, arrived, limits, choice, spent):
    done = state.done
    last = confidence.shape[1] - 1
    for t in range(choice.size):
        while done[0] < arrived[t]:
            s = done[0]
            learn(state, confidence[s, column], confidence[s, last], choice[s])
            limits.taken[choice[s]] += use_of(limits, s, choice[s])
            done[0] += 1
        choice[t] = decide(state, limits)
        spent[t] = pay(limits, t, choice[t])


class UCBEE(ArmsPolicy):
    __doc__ = __doc__

    name = "ucbee"
    kinds = ("exits",)
    needs = "chosen"
    objective = "confidence"
    rule = "threshold with the largest mean of max(C_f - C_b, 0) - overhead if sent on, + c sqrt(ln t/n)"
    reference = "Pacheco et al., ICC 2023"

    def __init__(
        self,
        overhead: float = 0.1,
        horizon: int | None = None,
        *,
        thresholds: Sequence[float] = THRESHOLDS,
        branch: int = 0,
        exploration: float = 1.0,
        seed: int = 0,
    ) -> None:
        super().__init__(horizon, seed=seed)
        self.overhead = overhead
        self.thresholds = thresholds
        self.branch = branch
        self.exploration = exploration
        self._asked: int | None = None

    @classmethod
    def for_table(cls, table: Any, horizon: int | None = None, *, seed: int = 0, **parameters: Any) -> UCBEE:
        """The overhead defaults to the table's: what the last exit costs beyond the branch, plus offloading."""
        branch = parameters.get("branch", 0)
        if isinstance(branch, (int, np.integer)) and 0 <= branch < table.exits - 1:
            parameters.setdefault("overhead", float(table.cost[-1] - table.cost[branch]))
        return cls(horizon=horizon, seed=seed, **parameters)

    def validate(self) -> None:
        super().validate()
        check_real("overhead", self.overhead, 0.0)
        check_real("exploration", self.exploration, 0.0)
        check_int("branch", self.branch, minimum=0)
        arms = np.asarray(self.thresholds, dtype=np.float64)
        if (
            arms.ndim != 1
            or arms.size < 2
            or not (np.diff(arms) > 0.0).all()
            or arms[0] < 0.0
            or arms[-1] > 1.0
        ):
            raise ParameterError(
                f"thresholds must be at least two increasing numbers in [0, 1], got {self.thresholds!r}"
            )

    def _init(self) -> State:
        return init(np.array(self.thresholds, np.float64), float(self.overhead), float(self.exploration))

    def check_kind(self, table: Any) -> None:
        super().check_kind(table)
        if not 0 <= int(self.branch) < table.exits - 1:
            raise ParameterError(
                f"branch must be an exit before the last, 0 .. {table.exits - 2}, got {self.branch!r}"
            )

    def decide(self) -> float:
        """The threshold for the coming sample: below it, it goes on."""
        self._asked = int(decide(self.state, no_limits(self.state.total.size)))
        return float(self.state.thresholds[self._asked])

    def feedback(self, branch: float, final: float | None = None) -> None:
        """Tell the policy the last sample's confidence at the branch and, if it went on, at the end."""
        if self._asked is None:
            raise NotSupportedError(f"{self.name}: call decide before feedback")
        low = check_real("branch", branch, 0.0, 1.0)
        high = 0.0
        if low < self.state.thresholds[self._asked]:
            high = check_real("final", final, 0.0, 1.0)
        learn(self.state, low, high, self._asked)
        self._asked = None

    def arm_names(self, table: Any) -> tuple[str, ...]:
        return tuple(f"threshold {theta:g}" for theta in self.thresholds)

    def losses(self, table: Any, objective: str | None = None) -> np.ndarray:
        """1 - confidence of the answer (or 1 if it is wrong) + overhead if the sample went on."""
        chosen = self.check_objective(objective, ("confidence", "error"))
        confidence = table["confidence"]
        low, high = confidence[:, self.branch], confidence[:, -1]
        if chosen == "confidence":
            stay, go = 1.0 - low, 1.0 - np.maximum(low, high)
        else:
            correct = table.need("correct", "objective 'error'")
            stay, go = 1.0 - correct[:, self.branch], 1.0 - correct[:, -1]
        on = low[:, None] < np.asarray(self.thresholds)
        return np.asarray(np.where(on, go[:, None] + self.overhead, stay[:, None]))

    def counts(self, objective: str | None = None) -> str:
        """What the loss of a sample is, in words."""
        chosen = self.check_objective(objective, ("confidence", "error"))
        return ("1 - confidence" if chosen == "confidence" else "1 if wrong") + " + overhead if it went on"

    def offloaded(self, table: Any, choice: np.ndarray) -> np.ndarray:
        """Which samples went on to the end, bool of shape (n,)."""
        return np.asarray(table["confidence"][:, self.branch] < np.asarray(self.thresholds)[choice])

    def answered_at(self, table: Any, choice: np.ndarray) -> np.ndarray:
        """The exit whose answer each sample got."""
        return np.where(self.offloaded(table, choice), table.exits - 1, self.branch)

    def usage(self, table: Any, resource: str) -> Usage:
        """``rate``: samples that go on; ``energy``: the cost up to the branch, and of going on."""
        arms = np.asarray(self.thresholds, dtype=np.float64)
        on = (table["confidence"][:, self.branch, None] < arms).astype(np.float64)
        can = (arms > 0.0).astype(np.float64)  # no confidence is below 0
        if resource == "rate":
            return Usage(on, can, "samples that go on to the end")
        if resource == "energy":
            base, more = float(table.cost[self.branch]), float(self.overhead)
            return Usage(base + more * on, base + more * can, "cost of running and going on")
        raise self.no_resource(resource, "rate", "energy")

    def play(self, table: Any, arrived: np.ndarray, *, limits: Limits | None = None, **options: Any) -> Plays:
        self.check_kind(table)
        choice, spent = np.empty(len(table), np.int32), np.empty(len(table))
        bounds = self.no_limits(table) if limits is None else limits
        state = self.state
        start = time.perf_counter()
        run(state, table["confidence"], int(self.branch), arrived, bounds, choice, spent)
        return Plays(choice, spent=spent, seconds=time.perf_counter() - start)

    def arm_bound(self, samples: int, means: np.ndarray) -> Bound | None:
        width = max(1.0, float(self.overhead))
        return ucb_bound(
            samples, means, float(self.exploration), width, "UCB1, Auer et al. 2002, for this reward"
        )
