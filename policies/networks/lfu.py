"""Path replication where a full node keeps what was used most since it came. No regret bound is declared.

A newcomer counts 1 and competes with the items held, so a node whose items were all used twice stores nobody
any more. ``start="together"`` repeats the start of the published runs: every demand sends one request at the
same moment, and these interleave; published results of LFU hang on it.

Cost and memory are those of path replication: O(nodes passed x capacity) a request, 4 bytes a (node, item).
"""

from __future__ import annotations

from typing import Any

from olearn.errors import unknown
from olearn.policies.networks._replication import LFU as _RULE
from olearn.policies.networks._replication import Replication, State, init, together

STARTS = ("empty", "together")


class LFU(Replication):
    """Path replication with LFU.

    Parameters
    ----------
    network : Network
    horizon : int, optional
        Not used.
    start : str
        ``"empty"``, or ``"together"``: every demand has been asked for once, all at the same moment.
    seed : int

    Examples
    --------
    >>> from olearn.traces.networks import build
    >>> line = build(2, [(0, 1, 2.0)], [1, 0], [1, 1], [(0, [0, 1], 1.0), (1, [0, 1], 1.0)])
    >>> LFU(line).run([0, 0, 1, 1]).tolist()
    [0.0, 2.0, 0.0, 0.0]
    """

    name = "lfu"
    rule = (
        "the answer is offered to every node on its way back; "
        "a full node keeps what was used most since it came"
    )
    kind = _RULE

    def __init__(
        self, network: Any, horizon: int | None = None, *, start: str = "empty", seed: int = 0
    ) -> None:
        super().__init__(network, horizon, seed=seed)
        self.start = start

    def validate(self) -> None:
        super().validate()
        if self.start not in STARTS:
            raise unknown("start", self.start, STARTS)

    def _init(self) -> State:
        state = init(self.network, self.kind, self.seed)
        if self.start == "together":
            together(state, self.network)
        return state
