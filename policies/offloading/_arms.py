"""What the policies that choose among arms share: exits, split points, models, servers.

A policy of this family chooses one of a table's constant choices for each sample. Its file says

* what each choice costs, as a matrix over samples and arms (``losses``): the definition of its cost and
  regret, computed apart from the kernels;
* what it learns from (the kernels ``decide`` and ``learn``), and the loop over both (``run``).

Regret is policy regret: the cost of the policy less the cost of the best constant arm on the same
samples. (Some published code subtracts the best arm of every sample instead, a clairvoyant whose
regret is linear by construction.)

In a ``run``, ``arrived[t]`` answers are in before decision t, and ``done[0]`` counts those learnt from::

    while done[0] < arrived[t]: learn(state, ..., done[0], choice[done[0]]); done[0] += 1
    choice[t] = decide(state, ...)
    spent[t] = pay(limits, t, choice[t])
"""

from __future__ import annotations

import math
from typing import Any, ClassVar, NamedTuple, Self

import numpy as np

from olearn._jit import kernel
from olearn.bounds import Bound
from olearn.errors import NotSupportedError, ParameterError
from olearn.policies.offloading._base import OffloadingPolicy
from olearn.policies.offloading._game import NO_BUDGET, price_of_use
from olearn.policies.offloading._limits import Limits, forbidden, no_limits, wish

#: Objectives: what is counted as a sample's loss, beside costs.
OBJECTIVES = {
    "confidence": "1 - confidence of the answer given: needs no label",
    "error": "1 if the answer given is wrong",
    "delay": "milliseconds until the answer",
}


class Plays(NamedTuple):
    """What a policy did on a table."""

    choice: np.ndarray  # int32 (n,): the arm of each sample
    loss: np.ndarray | None = None  # float64 (n,): what it cost, where that is not losses[t, choice[t]]
    spent: np.ndarray | None = None  # float64 (n,): use of the budget, as the limits count it
    violation: float | None = None  # use of the budget beyond what it allows, per sample
    blocked: float | None = None  # samples on which the budget forbade what was wanted
    seconds: float = 0.0  # time in the kernel


class Usage(NamedTuple):
    """What arms use of a resource."""

    use: np.ndarray  # float64 (n, A), or (1, A) where samples do not differ
    most: np.ndarray  # float64 (A,): the most on a sample, as far as it is known before the choice
    unit: str  # in words


class ArmsPolicy(OffloadingPolicy):
    """A rule that chooses one arm of a table for each sample.

    Parameters
    ----------
    horizon : int, optional
        Number of samples T that the default parameters are tuned for.
    seed : int, default 0
        Seed of the policy's own randomness; deterministic policies ignore it.
    """

    #: The objective whose regret the policy controls.
    objective: ClassVar[str] = "error"
    #: Why :meth:`play` takes no budget; empty where it does.
    unlimited: ClassVar[str] = ""

    @classmethod
    def for_table(cls, table: Any, horizon: int | None = None, *, seed: int = 0, **parameters: Any) -> Self:
        """The policy for this table: sizes and known costs come from it, the rest from `parameters`."""
        raise NotImplementedError

    def arm_names(self, table: Any) -> tuple[str, ...]:
        """Names of the policy's arms on this table."""
        return tuple(table.arms)

    def losses(self, table: Any, objective: str | None = None) -> np.ndarray:
        """Loss of every arm on every sample, float64 of shape (n, A)."""
        raise NotImplementedError

    def counts(self, objective: str | None = None) -> str:
        """What the loss of a sample is, in words and with its unit."""
        raise NotImplementedError

    def offloaded(self, table: Any, choice: np.ndarray) -> np.ndarray:
        """Exits: which samples went on to the last exit, bool of shape (n,)."""
        raise NotImplementedError

    def answered_at(self, table: Any, choice: np.ndarray) -> np.ndarray:
        """Exits: the exit whose answer each sample got."""
        raise NotImplementedError

    def usage(self, table: Any, resource: str) -> Usage:
        """What each arm uses of a resource (a key of :data:`olearn.engine.offloading.budgets.RESOURCES`)."""
        raise NotImplementedError

    def play(self, table: Any, arrived: np.ndarray, *, limits: Limits | None = None, **options: Any) -> Plays:
        """Run over the table; `arrived` says how many answers are in before each decision."""
        raise NotImplementedError

    def no_limits(self, table: Any) -> Limits:
        """Limits that never bind, for as many arms as there are."""
        return no_limits(len(self.arm_names(table)))

    def no_resource(self, resource: str, *known: str) -> NotSupportedError:
        """The error for a resource that arms of this kind do not use."""
        return NotSupportedError(f"a budget on {self.name} is on {' or '.join(known)}, got {resource!r}")

    def arm_bound(self, samples: int, means: np.ndarray) -> Bound | None:
        """The declared bound for arms with these mean losses, or None."""
        return None

    def sizes(self, table: Any) -> list[tuple[str, int, int]]:
        """What has to agree: words, the table's size, the policy's."""
        return []

    def check_kind(self, table: Any) -> None:
        """Refuse a table that the policy can't play on, or of other sizes than its own, in one sentence."""
        if table.kind not in self.kinds:
            raise NotSupportedError(
                f"{self.name} plays on tables of {' or '.join(self.kinds)}, got one of {table.kind}"
            )
        for column in self.columns:
            table.need(column, self.name)
        for what, got, want in self.sizes(table):  # kernels do not check indices
            if got != want:
                raise ParameterError(f"{self.name} was made for {want} {what}, but the table has {got}")

    def check_objective(self, objective: str | None, allowed: tuple[str, ...]) -> str:
        """The objective to use, default the policy's own."""
        chosen = self.objective if objective is None else objective
        if chosen not in allowed:
            raise ParameterError(
                f"objective must be one of {', '.join(allowed)} for {self.name}, got {objective!r}"
            )
        return chosen


# -- upper confidence bounds on few arms ---------------------------------------------------------------


@kernel(inline=True)
def ucb_choose(total, count, issued, clock, exploration, limits):
    """The arm with the largest mean + c sqrt(ln t / count); arms without an answer yet go first.

    `total` and `count` hold the answers that are in, `issued` all decisions so far: while answers are
    on their way, the unanswered arm asked least often is asked. Under a budget the mean use of an arm is
    priced. Never forbidden is the arm that can use least, or, where even that may be more than the budget's
    rate, the one with the least mean use (an unanswered one counts with the most that it can use).
    """
    arms = count.size
    charge = price_of_use(limits.budget)
    free = limits.free
    if limits.budget.kind != NO_BUDGET and limits.most[free] > limits.budget.rate:
        least = np.inf
        for i in range(arms):
            expected = limits.most[i] if count[i] == 0.0 else limits.taken[i] / count[i]
            if expected < least:
                free, least = i, expected
    width = exploration * math.sqrt(math.log(clock[0] + 1.0))
    best, wished = -1, -1
    top, highest = -np.inf, -np.inf
    for i in range(arms):
        index = np.inf
        if count[i] > 0.0:
            index = (total[i] - charge * limits.taken[i]) / count[i] + width / math.sqrt(count[i])
        if index > highest or (wished >= 0 and index == np.inf and issued[i] < issued[wished]):
            wished, highest = i, index
        better = index > top or (best >= 0 and index == np.inf and issued[i] < issued[best])
        if better and (i == free or not forbidden(limits, i)):
            best, top = i, index
    expected = limits.most[wished]
    if count[wished] > 0.0:
        expected = limits.taken[wished] / count[wished]
    wish(limits, wished, expected)
    issued[best] += 1.0
    clock[0] += 1.0
    return best


def ucb_bound(samples: int, means: np.ndarray, exploration: float, width: float, source: str) -> Bound | None:
    """The regret bound of UCB with index mean + c sqrt(ln t / n), rewards in intervals of length w.

    Let nu = 2 c^2 / w^2. By Hoeffding, an index misses its mean at time t with chance at most t^-nu for
    each possible count, hence at most t^(1-nu) in all; a worse arm i is pulled either while its count is
    below 4 c^2 ln T / gap^2, or because one of two indices misses. So the expected pulls are at most
    4 c^2 ln T / gap^2 + 1 + 2 zeta(nu - 1), finite for nu > 2. With c = sqrt(2) w, nu = 4: 8 w^2 ln T / gap^2
    and 1 + 2 zeta(3) = 3.404, below UCB1's 1 + pi^2/3 = 4.290, which is stated instead.

    Returns None for c <= w, where this argument gives nothing.
    """
    if exploration <= width or samples < 2:
        return None
    nu = 2.0 * (exploration / width) ** 2
    extra, more = 1.0 + math.pi**2 / 3.0, "1 + pi^2/3"
    if nu < 4.0:
        extra, more = 1.0 + 2.0 * zeta(nu - 1.0), "1 + 2 zeta(2 c^2/w^2 - 1)"
    gaps = means - means.min()
    gaps = gaps[gaps > 0.0]
    pulls = np.minimum(4.0 * exploration**2 * math.log(samples) / gaps**2 + extra, samples)
    return Bound(
        float(np.sum(gaps * pulls)),
        f"sum over arms of gap * min(T, 4 c^2 ln T / gap^2 + {more})",
        "best constant arm, in expectation over the samples",
        "in expectation",
        (
            "samples are independent and identically distributed",
            "every answer is in before the next decision",
            f"an arm's rewards lie in an interval of length {width:g}",
        ),
        source,
    )


def zeta(s: float) -> float:
    """Riemann's zeta function for s > 1."""
    from scipy.special import zeta as riemann

    return float(riemann(s))
