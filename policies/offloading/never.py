"""Never: keep every sample local.

Its mean cost is the local model's error rate. One of the two constant rules that
every learner has to beat, and often does not on a short horizon.

Cost: O(1) per sample. Regret: none is declared; it is linear wherever the other constant rule is better.

Examples
--------
>>> Never().decide(confidence=0.5, cost=0.3)
False
"""

from __future__ import annotations

import numpy as np

from olearn.policies.offloading._base import BinaryPolicy
from olearn.policies.offloading._fixed import State, decide, init, learn, run


class Never(BinaryPolicy):
    __doc__ = __doc__

    name = "never"
    rule = "keep every sample local"
    reference = "baseline"
    decide_kernel, learn_kernel, run = staticmethod(decide), staticmethod(learn), staticmethod(run)

    def _init(self) -> State:
        return init(-np.inf)

    def threshold(self, context: int = 0) -> float:
        return 0.0
