"""Queues, answers under way, and the base of the policies that choose a server under load.

Servers are first-in-first-out queues fed by a background and, with ``self_load``, by our own requests. The
answer to a request arrives when it is done, so the learner hears of a slow server late; the chance with
which it was drawn is kept from the draw until then. The loop, as each file writes it out::

    for each request t, in order of time:
        for each answer that has arrived by then: update the learner with 1 - min(delay / deadline, 1)
        if it is background: join its queue
        else: draw a server, note chance and delay, join the queue if self_load

Under a budget a server that it forbids is replaced by the one that is never forbidden, and the learner hears of
no request that came while any server was forbidden (its estimates stay unbiased over the others).
"""

from __future__ import annotations

import time
from typing import Any, ClassVar, NamedTuple

import numpy as np

from olearn._jit import kernel
from olearn.bounds import Bound
from olearn.errors import NotSupportedError, ParameterError, check_int, check_positive_int, check_real
from olearn.policies.offloading._arms import ArmsPolicy, Plays, Usage
from olearn.policies.offloading._game import NO_BUDGET, price_of_use
from olearn.policies.offloading._limits import Limits, forbidden, pay, wish


class Requests(NamedTuple):
    """The requests and the servers; n requests of which m are ours, K servers."""

    time: np.ndarray  # float64 (n,): arrival, s
    work: np.ndarray  # float64 (n, K): service time, s
    owner: np.ndarray  # int32 (n,): -1 ours, else the server it is bound for
    network: np.ndarray  # float64 (K,): s
    free: np.ndarray  # float64 (K,): when each queue is empty, s
    deadline: float  # s
    self_load: int


class Answers(NamedTuple):
    """What became of our requests, and a heap of the answers under way, earliest first."""

    choice: np.ndarray  # int32 (m,)
    delay: np.ndarray  # float64 (m,): s
    chance: np.ndarray  # float64 (m,): probability of the draw
    heap: np.ndarray  # int64 (m,): positions among our requests, a binary heap by arrival
    arrival: np.ndarray  # float64 (m,): when the answer is in, s
    size: np.ndarray  # int64 (2,): answers under way, and the most there were when a server was drawn
    extra: np.ndarray  # float64 (m,): what a budget adds to the loss
    spent: np.ndarray  # float64 (m,): use of the budget


def requests(table: Any, deadline: float, self_load: bool) -> Requests:
    return Requests(
        table["time"],
        np.ascontiguousarray(table.work()),
        table.owner,
        table.network(),
        np.full(len(table.servers), -np.inf),
        deadline / 1e3,
        int(self_load),
    )


def answers(ours: int) -> Answers:
    return Answers(
        np.zeros(ours, np.int32),
        np.zeros(ours),
        np.ones(ours),
        np.zeros(ours, np.int64),
        np.zeros(ours),
        np.zeros(2, np.int64),
        np.zeros(ours),
        np.zeros(ours),
    )


@kernel(inline=True)
def join(req, t, server, stays):
    """Delay of request t at `server` without the network; it lengthens the queue if it `stays`."""
    start = max(req.free[server], req.time[t])
    end = start + req.work[t, server]
    if stays:
        req.free[server] = end
    return end - req.time[t]


@kernel(inline=True)
def push(ans, position):
    heap, arrival = ans.heap, ans.arrival
    hole = ans.size[0]
    ans.size[0] += 1
    value = arrival[position]
    while hole > 0 and arrival[heap[(hole - 1) // 2]] > value:
        heap[hole] = heap[(hole - 1) // 2]
        hole = (hole - 1) // 2
    heap[hole] = position


@kernel(inline=True)
def pop(ans):
    """Take the earliest answer off the heap."""
    heap, arrival = ans.heap, ans.arrival
    first = heap[0]
    ans.size[0] -= 1
    size = ans.size[0]
    moved = heap[size]
    hole = 0
    child = 1
    while child < size:
        if child + 1 < size and arrival[heap[child + 1]] < arrival[heap[child]]:
            child += 1
        if arrival[heap[child]] >= arrival[moved]:
            break
        heap[hole] = heap[child]
        hole = child
        child = 2 * hole + 1
    heap[hole] = moved
    return first


@kernel(inline=True)
def limited(limits):
    """Whether the budget forbids some server now: then nothing is learnt, or the others would look worse."""
    found = False
    for k in range(limits.most.size):
        found = found or (k != limits.free and forbidden(limits, k))
    return found


@kernel(inline=True)
def send(req, ans, limits, t, m, drawn, chance):
    """Send our m-th request, request t, to the server drawn for it, or where the budget allows."""
    ans.size[1] = max(ans.size[1], ans.size[0])
    server = drawn
    learnt = True
    if limits.budget.kind != NO_BUDGET:
        # half the loss is the delay, half the price of the use, cut at 1: a dearer unit can't pay
        ans.extra[m] = min(price_of_use(limits.budget), 1.0) * limits.most[drawn]
        learnt = not limited(limits)
        if drawn != limits.free and forbidden(limits, drawn):
            server = limits.free
        wish(limits, drawn, limits.most[drawn])
        ans.spent[m] = pay(limits, m, server)
    ans.choice[m] = server
    ans.chance[m] = chance
    ans.delay[m] = join(req, t, server, req.self_load == 1) + req.network[server]
    ans.arrival[m] = req.time[t] + ans.delay[m]
    if learnt:
        push(ans, m)


@kernel(inline=True)
def reward(req, ans, limits, position):
    """What the learner is told when an answer is in."""
    loss = min(ans.delay[position] / req.deadline, 1.0)
    if limits.budget.kind != NO_BUDGET:
        loss = 0.5 * (loss + ans.extra[position])
    return 1.0 - loss


@kernel
def serve(req, server, delay):
    """Send all our requests to one server; `delay` (m,) gets their delays in s."""
    m = 0
    for t in range(req.time.size):
        if req.owner[t] >= 0:
            join(req, t, req.owner[t], True)
        else:
            delay[m] = join(req, t, server, req.self_load == 1) + req.network[server]
            m += 1


class ServerChoice(ArmsPolicy):
    """Base of the policies that choose a server for each request of ours.

    Parameters
    ----------
    servers : int
        Number of servers, K.
    horizon : int, optional
        Requests of ours that the learner's rates are tuned for.
    deadline : float, default 2000
        Milliseconds; the loss of a request is min(delay / deadline, 1).
    self_load : bool, default False
        Whether our requests lengthen the queues. Without it the servers' delays do not depend on what
        we do and regret against the best fixed server is the textbook's; with it, the best fixed
        server is found by sending everything there.
    """

    kinds = ("servers",)
    needs = "chosen"
    objective = "delay"
    randomised = True
    loop: ClassVar[Any]

    def __init__(
        self,
        servers: int,
        horizon: int | None = None,
        *,
        deadline: float = 2000.0,
        self_load: bool = False,
        seed: int = 0,
    ) -> None:
        super().__init__(horizon, seed=seed)
        self.servers = servers
        self.deadline = deadline
        self.self_load = self_load
        #: The most answers that were under way at a decision of the last :meth:`play`; None before.
        self.late: int | None = None

    @classmethod
    def tunable(cls) -> dict[str, Any]:
        return {n: p for n, p in super().tunable().items() if n != "servers"}

    @classmethod
    def for_table(cls, table: Any, horizon: int | None = None, *, seed: int = 0, **parameters: Any) -> Any:
        """The policy for the table's servers; the horizon defaults to the number of our requests."""
        ours = table.ours.size if table.kind in cls.kinds else None
        return cls(len(table.arms), ours if ours is not None else horizon, seed=seed, **parameters)

    def validate(self) -> None:
        super().validate()
        check_int("servers", self.servers, minimum=2)
        check_real("deadline", self.deadline, 0.0, open_low=True)
        self.learner().validate()

    def learner(self) -> Any:
        """The bandit behind the policy, for its parameters."""
        raise NotImplementedError

    def _init(self) -> Any:
        return self.learner().state

    # -- one request at a time --------------------------------------------------------------------------
    def decide(self) -> tuple[int, float]:
        """A server for the coming request, and the chance with which it was drawn (keep it for the answer)."""
        state = self.state
        server = int(type(self.learner()).pull_kernel(state))
        return server, float(state.draw[0])

    def feedback(self, server: int, chance: float, delay: float) -> None:
        """Tell the policy the delay (ms) of a request, in the order in which answers arrive."""
        if not (isinstance(server, (int, np.integer)) and 0 <= server < int(self.servers)):
            raise ParameterError(
                f"{self.name}: server must be between 0 and {int(self.servers) - 1}, got {server!r}"
            )
        state = self.state
        state.draw[0] = check_real("chance", chance, 0.0, 1.0, open_low=True)
        loss = min(check_real("delay", delay, 0.0) / float(self.deadline), 1.0)
        type(self.learner()).update_kernel(state, int(server), 1.0 - loss)

    # -- whole tables ----------------------------------------------------------------------------------
    def sizes(self, table: Any) -> list[tuple[str, int, int]]:
        return [("servers", len(table.servers), int(self.servers))]

    def losses(self, table: Any, objective: str | None = None) -> np.ndarray:
        """min(delay / deadline, 1) of each request of ours if all went to each server, shape (m, K)."""
        self.check_objective(objective, ("delay",))
        columns = []
        for k in range(len(table.servers)):
            delay = np.empty(table.ours.size)
            serve(requests(table, float(self.deadline), bool(self.self_load)), k, delay)
            columns.append(np.minimum(delay * 1e3 / float(self.deadline), 1.0))
        return np.column_stack(columns)

    def counts(self, objective: str | None = None) -> str:
        """What the loss of a request is, in words."""
        return f"delay / {float(self.deadline):g} ms, at most 1"

    def usage(self, table: Any, resource: str) -> Usage:
        """``rate``: requests not sent to the nearest server; ``money``: the price of a request."""
        if resource == "rate":
            use, unit = np.ones(len(table.servers)), "requests not sent to the nearest server"
            use[int(np.argmin(table.network()))] = 0.0
        elif resource == "money":
            use, unit = table.price(), "money"
            if not use.any():
                raise NotSupportedError("a budget on money needs servers with a price")
        else:
            raise self.no_resource(resource, "rate", "money")
        return Usage(use[None, :], use, unit)

    def play(self, table: Any, arrived: np.ndarray, *, limits: Limits | None = None, **options: Any) -> Plays:
        self.check_kind(table)
        if not np.array_equal(arrived, np.arange(arrived.size)):
            raise NotSupportedError(
                f"{self.name}: answers arrive when requests are done; give feedback without delay and batch"
            )
        ans = answers(check_positive_int("requests of ours", table.ours.size))
        req = requests(table, float(self.deadline), bool(self.self_load))
        bounds = self.no_limits(table) if limits is None else limits
        state = self.state
        start = time.perf_counter()
        type(self).loop(state, req, ans, bounds)
        seconds = time.perf_counter() - start
        self.late = int(ans.size[1])
        loss = np.minimum(ans.delay / req.deadline, 1.0)
        return Plays(ans.choice, loss=loss, spent=ans.spent, seconds=seconds)

    def arm_bound(self, samples: int, means: np.ndarray) -> Bound | None:
        """The learner's bound, if every answer was in before the next decision and our load changed nothing."""
        if self.late != 0 or self.self_load:
            return None
        bound: Bound | None = self.learner().bound(samples)
        return bound
