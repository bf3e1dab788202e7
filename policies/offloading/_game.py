"""The arrays that the loop of every binary offloading policy reads and writes, and budgets on any policy.

One round, as each policy's ``run`` writes it out: learn from the answers that are in by now, ask the
budget what it adds to the price of offloading, decide (or stay local where the budget forbids to
offload), book the decision.

Decisions are uint8: :data:`ACCEPT` the local answer, :data:`OFFLOAD`, :data:`EXPLORE` (offload in order
to learn), :data:`BLOCKED_LOCAL` (the budget forbade offloading; no threshold could have acted otherwise,
so nothing is learnt from it), :data:`ANSWER_0` and :data:`ANSWER_1` (accept, but answer that class whatever
the local model says).
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from olearn._jit import kernel

ACCEPT, OFFLOAD, EXPLORE, BLOCKED_LOCAL, ANSWER_0, ANSWER_1 = 0, 1, 2, 3, 4, 5

#: What the answers reveal (cell `reveals` of Arrival).
SEES_NOTHING, SEES_ALL, SEES_OFFLOADED, SEES_ACCEPTED = 0, 1, 2, 3
REVEALS_CODE = {
    "nothing": SEES_NOTHING,
    "full": SEES_ALL,
    "offloaded": SEES_OFFLOADED,
    "terminal": SEES_OFFLOADED,
    "accepted": SEES_ACCEPTED,
}

#: A price of at least this blocks offloading.
BLOCKED = 1e300

#: Kinds of budget, and the cells of ``Budget.level``.
NO_BUDGET, VIRTUAL_QUEUE, TOKEN_BUCKET, KNAPSACK = 0, 1, 2, 3
LEVEL, SPENT, BLOCKS, PRICE = 0, 1, 2, 3


class Stream(NamedTuple):
    """The samples, one entry each; all arrays have shape (T,)."""

    confidence: np.ndarray  # float64
    cell: np.ndarray  # int32: position among the policy's levels
    context: np.ndarray  # int32
    score: np.ndarray  # float64: the local model's probability of class 1 (0 where a table has none)
    cost: np.ndarray  # float64: price of offloading, beta
    wrong: np.ndarray  # float64: loss of the local answer, as it is revealed (noise included)
    remote: np.ndarray  # float64: loss of the remote answer (0 where it is taken as the truth)
    use: np.ndarray  # float64: budgeted resource that offloading takes, in [0, 1]


class Arrival(NamedTuple):
    """When answers come in, and which."""

    arrived: np.ndarray  # int64 (T,): answers in before each decision
    reveals: int
    done: np.ndarray  # int64 (1,): answers learnt from so far


class Budget(NamedTuple):
    """A budget's parameters and where it stands."""

    kind: int
    rate: float  # what may be used a sample, in the unit of `use`
    scale: float  # V of the virtual queue, depth of the bucket, total of the knapsack
    step: float  # step of the price of a bucket or a knapsack; 0 for no price
    level: np.ndarray  # float64 (4,): queue or tokens; spent; number of blocked samples; price


class Record(NamedTuple):
    """What the policy did."""

    decision: np.ndarray  # uint8 (T,)
    chance: np.ndarray  # float64 (T,): probability of offloading at draw time, exploration included
    price: np.ndarray  # float64 (T,): price of offloading that the policy was told, the budget's part included


class Sample(NamedTuple):
    """What a policy knows when it decides; scalars."""

    confidence: float
    cell: int
    context: int
    score: float
    cost: float


class Answer(NamedTuple):
    """What a policy is told afterwards; scalars."""

    confidence: float
    cell: int
    context: int
    score: float
    cost: float
    decision: int
    chance: float
    seen: bool
    wrong: float
    remote: float


def no_budget() -> Budget:
    """A budget that never binds."""
    return Budget(NO_BUDGET, 0.0, 0.0, 0.0, np.zeros(4))


@kernel(inline=True)
def price_of_use(budget):
    """Open a round: tokens come in. What a unit of use is priced at now, in units of loss."""
    level = budget.level
    if budget.kind == VIRTUAL_QUEUE:
        return level[LEVEL] / budget.scale
    if budget.kind == TOKEN_BUCKET:
        level[LEVEL] = min(budget.scale, level[LEVEL] + budget.rate)
    return level[PRICE]


@kernel(inline=True)
def forbids(budget, use):
    """Whether the budget forbids to use so much now."""
    level = budget.level
    if budget.kind == VIRTUAL_QUEUE:
        # a queue of V prices a unit like a wrong answer: offloading can't pay, so it is forbidden,
        # and the queue, hence the violation, never exceeds V + 1
        return level[LEVEL] >= budget.scale
    if budget.kind == TOKEN_BUCKET:
        return level[LEVEL] < use
    return budget.kind == KNAPSACK and level[SPENT] + use > budget.scale


@kernel(inline=True)
def spend(budget, used, wanted):
    """Book a use; `wanted` is what would have been used had nothing been forbidden."""
    level = budget.level
    level[SPENT] += used
    if budget.kind == VIRTUAL_QUEUE:
        level[LEVEL] = max(0.0, level[LEVEL] + used - budget.rate)
        return
    if budget.kind == TOKEN_BUCKET:
        level[LEVEL] -= used
        # an empty bucket keeps the use at the rate whatever is asked for: what it turned away counts
        # as asked for, or the price would never rise
        used = wanted
    level[PRICE] = max(0.0, level[PRICE] + budget.step * (used - budget.rate))


@kernel(inline=True)
def charge(budget, use):
    """What the budget adds to the price of offloading this sample; BLOCKED where it forbids it."""
    if budget.kind == NO_BUDGET:
        return 0.0
    price = price_of_use(budget)
    return BLOCKED if forbids(budget, use) else price * use


@kernel(inline=True)
def settle(budget, decision, use):
    """Book the decision."""
    if budget.kind == NO_BUDGET:
        return
    used, wanted = 0.0, 0.0
    if decision in (OFFLOAD, EXPLORE):
        used, wanted = use, use
    elif decision == BLOCKED_LOCAL:
        wanted = use
        budget.level[BLOCKS] += 1.0
    spend(budget, used, wanted)


@kernel(inline=True)
def sees(reveals, decision):
    """Whether the truth about a sample is revealed."""
    if reveals == SEES_ALL:
        return True
    if reveals == SEES_OFFLOADED:
        return decision in (OFFLOAD, EXPLORE)
    if reveals == SEES_ACCEPTED:
        return decision not in (OFFLOAD, EXPLORE)
    return False


@kernel(inline=True)
def due(arrival, t):
    """Whether an answer that has not been learnt from is in before decision t."""
    return arrival.done[0] < arrival.arrived[t]


@kernel(inline=True)
def next_answer(stream, arrival, record):
    """The oldest answer not yet learnt from; moves on to the one after it."""
    i = arrival.done[0]
    arrival.done[0] = i + 1
    decision = np.int64(record.decision[i])
    return Answer(
        stream.confidence[i],
        np.int64(stream.cell[i]),
        np.int64(stream.context[i]),
        stream.score[i],
        record.price[i],
        decision,
        record.chance[i],
        sees(arrival.reveals, decision),
        stream.wrong[i],
        stream.remote[i],
    )


@kernel(inline=True)
def arriving(stream, budget, t):
    """Sample t as the policy sees it, the budget's part added to its price."""
    return Sample(
        stream.confidence[t],
        np.int64(stream.cell[t]),
        np.int64(stream.context[t]),
        stream.score[t],
        stream.cost[t] + charge(budget, stream.use[t]),
    )


@kernel(inline=True)
def book(stream, budget, record, t, price, decision, chance):
    """Write down what was decided, and charge the budget."""
    record.decision[t] = decision
    record.chance[t] = chance
    record.price[t] = price
    settle(budget, decision, stream.use[t])
