"""Path replication where a full node evicts the first stored item. No regret bound is declared.

Cost and memory are those of path replication: O(nodes passed x capacity) a request, 4 bytes a (node, item).
"""

from olearn.policies.networks._replication import FIFO as _RULE
from olearn.policies.networks._replication import Replication


class FIFO(Replication):
    """Path replication with FIFO.

    Parameters
    ----------
    network : Network
    seed : int

    Examples
    --------
    >>> from olearn.traces.networks import build
    >>> line = build(2, [(0, 1, 2.0)], [1, 0], [1, 1], [(0, [0, 1], 1.0), (1, [0, 1], 1.0)])
    >>> FIFO(line).run([0, 0, 1, 1]).tolist()
    [0.0, 2.0, 0.0, 2.0]
    """

    name = "fifo"
    rule = "the answer is stored at every node on its way back; a full node evicts the item that came first"
    kind = _RULE
