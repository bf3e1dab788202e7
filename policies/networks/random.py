"""Path replication where a full node evicts a uniformly drawn item. No regret bound is declared.

Cost and memory are those of path replication: O(nodes passed x capacity) a request, 4 bytes a (node, item).
"""

from olearn.policies.networks._replication import RANDOM as _RULE
from olearn.policies.networks._replication import Replication


class Random(Replication):
    """Path replication with random eviction.

    Parameters
    ----------
    network : Network
    seed : int

    Examples
    --------
    >>> from olearn.traces.networks import build
    >>> line = build(2, [(0, 1, 2.0)], [1, 0], [1], [(0, [0, 1], 1.0)])
    >>> Random(line).run([0, 0]).tolist()
    [0.0, 2.0]
    """

    name = "random"
    kind = _RULE
