"""What placements chosen with knowledge of the whole demand share."""

from __future__ import annotations

from typing import Any

from olearn.errors import ParameterError
from olearn.policies.delivery._fixed import FixedPlacement


class OfflinePlacement(FixedPlacement):
    """A placement chosen once, knowing the demand (float64, shape (T, R)) that will be served."""

    offline = True

    def __init__(
        self,
        network: Any,
        horizon: int | None = None,
        *,
        demand: Any = None,
        peak: float | None = None,
        seed: int = 0,
    ) -> None:
        super().__init__(network, horizon, peak=peak, seed=seed)
        self.demand = demand

    def known(self) -> Any:
        """The demand, checked."""
        if self.demand is None:
            raise ParameterError(f"{self.name} knows the future: give demand")
        return self.network.check_demand(self.demand)
