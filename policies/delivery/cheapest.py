"""Always cheapest: every node holds the models that answer fastest, as many as fit.

Rule: in order of inference delay at the node (ties: the smaller model, then the order of the catalogue)
take each model that still fits. Nothing is learnt.

Cost: O(1) a slot beside serving. Regret: none declared; linear where speed is not what counts.

References
----------
.. [1] A baseline of inference delivery: T. Si Salem, G. Castellano, G. Neglia, F. Pianese and A. Araldo,
   "Toward inference delivery networks", IEEE/ACM ToN 32(1), 2024.
"""

from __future__ import annotations

import numpy as np

from olearn.policies.delivery._fixed import FixedPlacement, by_preference


class Cheapest(FixedPlacement):
    __doc__ = __doc__

    name = "cheapest"
    rule = "every node holds the fastest models that fit, for ever"
    reference = "baseline"

    def choose(self) -> np.ndarray:
        network = self.network
        order = np.lexsort(
            np.broadcast_arrays(np.arange(network.size.size), network.size, network.delay), axis=1
        )
        rank = np.empty(order.shape)
        np.put_along_axis(
            rank, order, np.broadcast_to(np.arange(order.shape[1], dtype=float), order.shape), axis=1
        )
        return by_preference(network, rank)
