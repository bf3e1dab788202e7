r"""INFIDA offline: mirror ascent over a known demand, the average of its fractions rounded once.

Rule: run the ascent of `infida` over the demand, `passes` times in a row; average the fractions of the last
pass; draw one placement from the average by DepRound, drop the leftover and fill (`residual` as in
`infida`).

Guarantee: by concavity the average of T fractions with regret R_T is within R_T / T of the relaxed optimum, and
rounding with ``residual="bernoulli"`` keeps 1 - 1/e of it in expectation [1]_.

Cost: offline; `passes` times INFIDA's.

References
----------
.. [1] T. Si Salem, G. Castellano, G. Neglia, F. Pianese and A. Araldo, "Toward inference delivery
   networks: distributing machine learning with optimality guarantees", IEEE/ACM ToN 32(1), 2024.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from olearn._jit import kernel
from olearn.environments.delivery import spread_load, supergradient
from olearn.errors import check_positive_int
from olearn.policies.delivery._offline import OfflinePlacement
from olearn.policies.delivery.infida import INFIDA, ascend, draw


@kernel
def average(state, options, demand, mean):
    """Ascend over the demand once; adds every slot's fractions to `mean` (float64, shape (V M,))."""
    for t in range(demand.shape[0]):
        for p in range(mean.size):
            mean[p] += state.y[p]
        spread_load(options, demand[t])
        state.g[:] = 0.0
        supergradient(options, demand[t], state.y, state.g)
        ascend(state)


class INFIDAOffline(OfflinePlacement):
    __doc__ = __doc__

    name = "infida-offline"
    rule = "average the fractions of infida over a known demand, round once"
    reference = "Si Salem, Castellano, Neglia, Pianese and Araldo, IEEE/ACM ToN 2024"

    def __init__(
        self,
        network: Any,
        horizon: int | None = None,
        *,
        eta: float | None = None,
        passes: int = 10,
        residual: str | None = "fill",
        demand: Any = None,
        peak: float | None = None,
        seed: int = 0,
    ) -> None:
        super().__init__(network, horizon, demand=demand, peak=peak, seed=seed)
        self.eta = eta
        self.passes = passes
        self.residual = "none" if residual is None else residual

    @property
    def randomised(self) -> bool:
        """One draw decides the placement."""
        return self.residual != "none"

    @property
    def fractional(self) -> bool:
        return self.residual == "none"

    def validate(self) -> None:
        super().validate()
        check_positive_int("passes", self.passes)

    def choose(self) -> np.ndarray:
        demand = self.known()
        online = INFIDA(
            self.network,
            self.horizon if self.horizon is not None else demand.shape[0] * self.passes,
            eta=self.eta,
            residual=self.residual,
            peak=self.peak if self.peak is not None else float(demand.max(initial=1.0)),
            seed=self.seed,
        )
        state = online.state
        mean = np.zeros(self.network.places)
        for _ in range(self.passes):
            mean[:] = 0.0
            average(state, self.network.options, demand, mean)
        state.y[:] = np.minimum(mean / max(1, demand.shape[0]), 1.0)
        if self.residual == "none":
            return state.y.copy()
        draw(state)
        return state.x.copy()
