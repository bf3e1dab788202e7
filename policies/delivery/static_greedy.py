"""Static greedy: knowing the demand, add the model with the largest gain per unit of size, again and again.

Rule: from the repositories alone, repeat over all nodes: of the models that still fit, take the one whose gain
over the whole demand, given what is placed, is largest per unit of size. Evaluations are lazy: the
gain is submodular, so a value computed earlier is an upper bound.

Cost: offline; the first round evaluates every place once. Guarantee: none for budgets on many nodes in this
form (greedy by density can be arbitrarily bad under a knapsack); it is within a few per cent of the relaxed
optimum on the networks here.

References
----------
.. [1] M. Minoux, "Accelerated greedy algorithms for maximizing submodular set functions", 1978 (lazy
   evaluation).
.. [2] A baseline of T. Si Salem, G. Castellano, G. Neglia, F. Pianese and A. Araldo, IEEE/ACM ToN 32(1), 2024.
"""

from __future__ import annotations

import heapq

import numpy as np

from olearn._jit import kernel
from olearn.environments.delivery_merged import entry_cost, merge
from olearn.policies.delivery._base import open_places
from olearn.policies.delivery._offline import OfflinePlacement


@kernel
def marginal(entries, touched, x, place):
    """The gain of adding `place` to the placement `x`, over the entries that have it among their options."""
    before = 0.0
    after = 0.0
    for i in range(touched.size):
        j = touched[i]
        x[place] = 0.0
        before += entries.weight[j] * entry_cost(entries, j, x)
        x[place] = 1.0
        after += entries.weight[j] * entry_cost(entries, j, x)
    x[place] = 0.0
    return before - after


class StaticGreedy(OfflinePlacement):
    __doc__ = __doc__

    name = "static-greedy"
    rule = "knowing the demand, add the model with the largest gain per unit of size while it fits"
    reference = "Si Salem, Castellano, Neglia, Pianese and Araldo, IEEE/ACM ToN 2024 (baseline)"

    def choose(self) -> np.ndarray:
        network = self.network
        entries = merge(network, self.known())
        x = network.placement()
        models = network.size.size
        of = np.repeat(np.arange(entries.weight.size), np.diff(entries.start))
        order = np.argsort(entries.place, kind="stable")
        order = order[entries.place[order] >= 0]
        _, places = open_places(network)
        first = np.searchsorted(entries.place[order], places)
        last = np.searchsorted(entries.place[order], places, side="right")
        touched = {int(p): of[order[a:b]] for p, a, b in zip(places, first, last)}
        left = network.budget * (1 + 1e-12)

        def density(p: int) -> float:
            return float(marginal(entries, touched[p], x, p)) / network.size[p % models]

        heap = [(-density(int(p)), int(p)) for p in places]
        heapq.heapify(heap)
        while heap:
            old, p = heapq.heappop(heap)
            if network.size[p % models] > left[p // models]:
                continue
            now = density(p)
            if now <= 0.0:
                continue
            if heap and now < -heap[0][0] and now < -old:  # the bound was stale: look at it again in its turn
                heapq.heappush(heap, (-now, p))
                continue
            x[p] = 1.0
            left[p // models] -= network.size[p % models]
        return x
