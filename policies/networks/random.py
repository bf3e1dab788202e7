"""Path replication with random replacement. No regret bound is declared.

By default as published: every item held has a uniform priority, drawn anew when it is used; a newcomer draws
its own, and the least of all goes, which may be the newcomer. So items with high priorities stay long.
``replace="uniform"``: the newcomer is always stored, over an item drawn uniformly.

Cost and memory are those of path replication: O(nodes passed x capacity) a request, 4 bytes a (node, item).
"""

from __future__ import annotations

from typing import Any

from olearn.errors import unknown
from olearn.policies.networks._replication import PRIORITIES, RANDOM, Replication

RULES = ("priorities", "uniform")


class Random(Replication):
    """Path replication with random replacement.

    Parameters
    ----------
    network : Network
    horizon : int, optional
        Not used.
    replace : str
        ``"priorities"`` or ``"uniform"``.
    seed : int

    Examples
    --------
    >>> from olearn.traces.networks import build
    >>> line = build(2, [(0, 1, 2.0)], [1, 0], [1], [(0, [0, 1], 1.0)])
    >>> Random(line).run([0, 0]).tolist()
    [0.0, 2.0]
    """

    name = "random"
    rule = "the answer is offered to every node on its way back; a full node drops an item at random"
    randomised = True

    def __init__(
        self, network: Any, horizon: int | None = None, *, replace: str = "priorities", seed: int = 0
    ) -> None:
        super().__init__(network, horizon, seed=seed)
        self.replace = replace

    def validate(self) -> None:
        super().validate()
        if self.replace not in RULES:
            raise unknown("replace", self.replace, RULES)

    def _kind(self) -> int:
        return PRIORITIES if self.replace == "priorities" else RANDOM
