"""Fixed threshold: offload the samples whose confidence is below a number.

Rule: offload iff p < threshold. Without a number the threshold is 1 - beta, Chow's rule: it is optimal
if the confidence is calibrated, i.e. if a sample with confidence p is answered right with chance p.

Cost: O(1) per sample. Regret: none is declared. An over-confident model makes Chow's rule as bad as
never offloading.

References
----------
.. [1] C. K. Chow, "On optimum recognition error and reject tradeoff", IEEE Trans. Inf. Theory 16(1), 1970.

Examples
--------
>>> rule = FixedThreshold(threshold=0.6)
>>> rule.decide(0.5, cost=0.3), rule.decide(0.6, cost=0.3)
(True, False)
>>> FixedThreshold().decide(0.69, cost=0.3)  # 1 - 0.3 = 0.7
True
"""

from __future__ import annotations

import math
from typing import Any

from olearn.errors import check_real
from olearn.policies.offloading._base import BinaryPolicy
from olearn.policies.offloading._fixed import State, decide, init, learn, run


class FixedThreshold(BinaryPolicy):
    __doc__ = __doc__

    name = "fixed-threshold"
    rule = "offload iff the confidence is below a fixed threshold (default 1 - cost)"
    reference = "Chow, IEEE Trans. Inf. Theory 1970"
    decide_kernel, learn_kernel, run = staticmethod(decide), staticmethod(learn), staticmethod(run)

    def __init__(
        self,
        horizon: int | None = None,
        levels: Any = None,
        contexts: int = 1,
        cost: float | None = None,
        *,
        threshold: float | None = None,
        seed: int = 0,
    ) -> None:
        super().__init__(horizon, levels, contexts, cost, seed=seed)
        self.fixed = threshold

    def parameters(self) -> dict[str, Any]:
        return {"threshold": self.fixed}

    def _given(self) -> dict[str, Any]:
        return self.parameters()

    def validate(self) -> None:
        super().validate()
        if self.fixed is not None:
            check_real("threshold", self.fixed)

    def _init(self) -> State:
        return init(math.nan if self.fixed is None else float(self.fixed))

    def threshold(self, context: int = 0) -> float | None:
        if self.fixed is not None:
            return float(self.fixed)
        return None if self.cost is None else 1.0 - float(self.cost)
