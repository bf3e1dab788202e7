"""Hedge-HI-Restart: learn which confidences occur, then start anew with equal weights on their thresholds.

Rule: the first `learning` samples (default T^(2/3)) are played as Hedge-HI. Then the weights of the n' + 1
thresholds that the n' confidences seen tell apart become equal, eta and eps those of HIL-N for n' + 1
experts, and a confidence not seen until then counts as the next lower one.

Cost: O(log n) per sample, O(n) once. Memory: 41 bytes per level.

Regret: the paper's abstract states O(T^(2/3) (log E[N])^(1/3)) with high probability. For independent
confidences and m = `learning` it is at most m + 3 (T^2 ln(N+1) / 2)^(1/3) + N T / (e m) in expectation
[derived]: the learning phase, HIL-N on the known thresholds, and one for each later sample whose
confidence was not met (sum over v of p_v (1 - p_v)^m <= N / (e m)). The paper's text was not available;
its restart rule may differ.

References
----------
.. [1] G. Al-Atat, P. Datta, S. Moharir and J. P. Champati, "Regret bounds for online learning for hierarchical
   inference", 2024.

Examples
--------
>>> rule = HedgeHIRestart(horizon=1000, levels=[0.2, 0.8])
>>> rule.parameters()["learning"]
100
"""

from __future__ import annotations

import math
from typing import Any

from olearn.bounds import Bound
from olearn.errors import check_positive_int
from olearn.policies.offloading._growing import GrowingPolicy, State, init


class HedgeHIRestart(GrowingPolicy):
    __doc__ = __doc__

    name = "hedge-hi-restart"
    rule = "Hedge-HI until the confidences are known, then HIL-N's weights anew on their thresholds"

    def __init__(
        self,
        horizon: int | None = None,
        levels: Any = None,
        contexts: int = 1,
        cost: float | None = None,
        *,
        learning: int | None = None,
        distinct: int | None = None,
        seed: int = 0,
    ) -> None:
        super().__init__(horizon, levels, contexts, cost, distinct=distinct, seed=seed)
        self.learning = learning

    def parameters(self) -> dict[str, Any]:
        return {"learning": self.phase(), "distinct": self.count()}

    def validate(self) -> None:
        super().validate()
        self.phase()

    def phase(self) -> int:
        """Length of the learning phase in samples."""
        if self.learning is not None:
            return check_positive_int("learning", self.learning)
        return math.ceil(round(self.require_horizon("learning") ** (2.0 / 3.0), 9))

    def _init(self) -> State:
        horizon = float(self.require_horizon("eta"))
        return init(self.confidences().size, self.rate(), self.exploration(), self.phase(), horizon, self.seed)

    def bound(self, samples: int | None = None) -> Bound | None:
        T = samples if samples is not None else self.horizon
        if T is None:
            return None
        m = self.learning if self.learning is not None else math.ceil(round(T ** (2.0 / 3.0), 9))
        n = self.count()
        value = m + 3.0 * (T**2 * math.log(n + 1.0) / 2.0) ** (1.0 / 3.0) + n * T / (math.e * m)
        return Bound(
            value,
            "m + 3 (T^2 ln(N+1) / 2)^(1/3) + N T / (e m)",
            "best fixed threshold",
            "in expectation",
            (
                "losses lie in [0, 1]: cost at most 1, remote answers taken as the truth",
                "confidences are independent and identically distributed",
                f"at most {n} distinct confidences",
            ),
            "derived; the paper states the order",
        )

    def bound_of_run(self, samples: int) -> Bound | None:
        """The bound at the horizon; None elsewhere, where the two phases are not balanced."""
        return self.bound(samples) if samples == self.horizon else None
