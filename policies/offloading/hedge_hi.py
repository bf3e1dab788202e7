"""Hedge-HI: exponential weights over the thresholds that the confidences seen so far tell apart.

Rule: at first there is one threshold. A confidence seen for the first time splits the interval it falls
into, and both parts start with the weight of the whole (they have had the same losses). With chance eps a
sample is offloaded to learn; otherwise it is offloaded with the share of weight above its confidence.
A threshold is charged beta where it offloads and (1{local wrong}/eps) 1{explored} where it accepts.

Cost: O(log n) per sample, a scan to the neighbours for a new confidence. Memory: 41 bytes per level.

Regret, expected, on every sequence: 3 (T^2 N ln2 / 2)^(1/3), N the number of distinct confidences. Each
of the N splits at most doubles the sum of weights, so ln W grows by N ln 2 in place of the prior's
ln(1/lambda) of HIL-N [derived]; the paper's abstract states the order O(T^(2/3) E[N]^(1/3)). The paper's
text was not available: the split rule here is the one that this order follows from.

References
----------
.. [1] G. Al-Atat, P. Datta, S. Moharir and J. P. Champati, "Regret bounds for online learning for hierarchical
   inference", 2024.

Examples
--------
>>> rule = HedgeHI(horizon=1000, levels=[0.2, 0.8])
>>> rule.decide(0.2, cost=0.3) in (True, False)
True
>>> round(rule.bound(10**6).value)
26550
"""

from __future__ import annotations

from olearn.bounds import Bound
from olearn.policies.offloading._growing import GrowingPolicy, State, growing_bound, init


class HedgeHI(GrowingPolicy):
    __doc__ = __doc__

    name = "hedge-hi"
    rule = "Hedge over thresholds split at first sight of a confidence, exploration with importance weights"

    def _init(self) -> State:
        horizon = float(self.horizon or 1)
        return init(self.confidences().size, self.rate(), self.exploration(), 0, horizon, self.seed)

    def bound(self, samples: int | None = None) -> Bound | None:
        T = samples if samples is not None else self.horizon
        return None if T is None else growing_bound(T, self.count(), self.eta, self.eps)
