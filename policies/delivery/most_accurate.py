"""Always most accurate: every node holds the most accurate models that fit.

Rule: in order of accuracy (ties: the order of the catalogue) take each model that still fits. Nothing is
learnt.

Cost: O(1) a slot beside serving. Regret: none declared; linear where room is short.

References
----------
.. [1] A baseline of inference delivery: T. Si Salem, G. Castellano, G. Neglia, F. Pianese and A. Araldo,
   "Toward inference delivery networks", IEEE/ACM ToN 32(1), 2024.
"""

from __future__ import annotations

import numpy as np

from olearn.policies.delivery._fixed import FixedPlacement, by_preference


class MostAccurate(FixedPlacement):
    __doc__ = __doc__

    name = "most-accurate"
    rule = "every node holds the most accurate models that fit, for ever"
    reference = "baseline"

    def choose(self) -> np.ndarray:
        network = self.network
        return by_preference(network, np.broadcast_to(-network.accuracy, network.delay.shape))
