"""Path replication where a full node evicts the least recently used item. No regret bound is declared.

Cost and memory are those of path replication: O(nodes passed x capacity) a request, 4 bytes a (node, item).
"""

from olearn.policies.networks._replication import LRU as _RULE
from olearn.policies.networks._replication import Replication


class LRU(Replication):
    """Path replication with LRU.

    Parameters
    ----------
    network : Network
    seed : int

    Examples
    --------
    >>> from olearn.traces.networks import build
    >>> line = build(2, [(0, 1, 2.0)], [1, 0], [1, 1], [(0, [0, 1], 1.0), (1, [0, 1], 1.0)])
    >>> LRU(line).run([0, 0, 1, 1]).tolist()
    [0.0, 2.0, 0.0, 2.0]
    """

    name = "lru"
    rule = "the answer is stored at every node on its way back; a full node evicts the least recently used item"
    kind = _RULE
