"""I-SplitEE: SplitEE for image networks under distortion, with a weight on all costs.

Rule: SplitEE's with the reward::

    r(i) = C_i - mu lambda_i  if C_i >= alpha or i = L,   else  C_L - mu (lambda_i + o)

and the published settings alpha = 0.5, o = 0.5, mu = 1, lambda_i = depth_i / 10 for exits behind layers 3, 6,
9, 12, 15 and 18 of MobileNetV2 and the end (19). Give the table's ``cost`` accordingly
(:data:`DEPTHS` / 10). Means are over all samples so far: under drifting distortion
(:func:`olearn.traces.offloading.drift_arms.drifting`) a restart is up to the caller.

Cost: O(L) a sample. Memory: 32 bytes an exit.

Regret: as SplitEE's with interval length 1 + mu o.

Parameters
----------
cost : array_like, shape (L,)
    Cost of running up to each exit, in units of a wrong answer; a replay takes the table's.
offload_cost : float, default 0.5
    What offloading costs on top; a replay takes the table's.
threshold : float, default 0.5
    Samples whose confidence at the chosen exit is below it are offloaded.
exploration : float, default 1
    The factor c of the confidence width; a bound is declared for c > 1 + mu o.
mu : float, default 1
    Weight of all costs against confidence.

Notes
-----
The authors' code updates every earlier exit and the chosen one together and once more per past exit, so
rewards are counted many times over and widths are far too small; here every reward counts once.

References
----------
.. [1] D. J. Bajpai, A. Jaiswal and M. K. Hanawal, "I-SplitEE: image classification in split computing
   DNNs with early exits", ICC 2024, arXiv:2401.10541.

Examples
--------
>>> policy = ISplitEE([d / 10 for d in DEPTHS], mu=0.5)
>>> policy.decide(), policy.threshold
(0, 0.5)
"""

from __future__ import annotations

from typing import Any

from olearn.errors import check_real
from olearn.policies.offloading._exits import ExitUCB

#: Layers of MobileNetV2 behind which the published exits sit.
DEPTHS = (3, 6, 9, 12, 15, 18, 19)


class ISplitEE(ExitUCB):
    __doc__ = __doc__

    name = "i-splitee"
    rule = "SplitEE with costs weighted by mu"
    reference = "Bajpai, Jaiswal and Hanawal, ICC 2024"

    def __init__(
        self,
        cost: Any,
        offload_cost: float = 0.5,
        horizon: int | None = None,
        *,
        threshold: float = 0.5,
        exploration: float = 1.0,
        mu: float = 1.0,
        seed: int = 0,
    ) -> None:
        super().__init__(cost, offload_cost, horizon, threshold=threshold, exploration=exploration, seed=seed)
        self.mu = mu

    @property
    def weight(self) -> float:  # type: ignore[override]
        return float(self.mu)

    def validate(self) -> None:
        super().validate()
        check_real("mu", self.mu, 0.0)
