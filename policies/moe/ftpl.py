r"""Follow the perturbed leader over experts.

Rule: an expert's score is its number of uses plus :math:`\eta z`, z Gaussian, drawn once; when a slot is
needed, the expert with the smallest score leaves. The experts of a batch must be loaded, whatever their
scores: they are the ones that leave next.

Cost: O(log C) an expert. Memory: 29 bytes a (layer, expert) pair and 4 a slot.

Regret: none is declared: that of the set of leaders is known (Bhattacharjee et al.), but a batch's experts
that are no leaders take places of leaders for a while.

Parameters
----------
eta : float, optional
    Scale of the noise in uses; by default :math:`(4 \pi \ln(N e/C))^{-1/4} \sqrt{T/C}`, T batches, N items.

References
----------
.. [1] R. Bhattacharjee, S. Banerjee and A. Sinha, "Fundamental limits on the regret of online network-caching",
   SIGMETRICS 2020.

Examples
--------
>>> cache = FTPL(capacity=2, groups=[0, 0, 0], eta=0.01, seed=1)
>>> cache.request_many([0, 1, 2, 3, 4, 5], [0, 0, 1, 2, 0]).tolist()
[False, True, False, False, True]
"""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import numpy as np

from olearn import _rng
from olearn._jit import kernel
from olearn.errors import ParameterError, check_real
from olearn.policies.moe._base import MoEPolicy
from olearn.policies.moe._slots import Slots, give, slots, take


class State(NamedTuple):
    """The caches."""

    slots: Slots


@kernel
def run(state, starts, items, hits):
    s = state.slots
    for b in range(starts.size - 1):
        batch, found = items[starts[b] : starts[b + 1]], hits[starts[b] : starts[b + 1]]
        take(s, batch, found)
        for item in batch:
            s.first[item] += 1.0
        give(s, batch, found)


class FTPL(MoEPolicy):
    __doc__ = __doc__

    name = "ftpl"
    randomised = True
    rule = "evict the expert with the smallest uses + eta z, z drawn once"
    reference = "after Bhattacharjee, Banerjee and Sinha, SIGMETRICS 2020"
    run = staticmethod(run)

    def __init__(
        self, capacity: int, groups: Any, horizon: int | None = None, *, eta: float | None = None, seed: int = 0
    ) -> None:
        super().__init__(capacity, groups, horizon, seed=seed)
        self._eta = eta

    @property
    def eta(self) -> float:
        """Scale of the noise."""
        if self._eta is not None:
            return check_real("eta", self._eta, 0.0)
        if self.horizon is None:
            raise ParameterError("ftpl: give horizon (number of batches) or eta")
        n = max(len(self.groups), self.capacity)
        return (4 * math.pi * math.log(n * math.e / self.capacity)) ** -0.25 * math.sqrt(
            self.horizon / self.capacity
        )

    def validate(self) -> None:
        super().validate()
        _ = self.eta

    def _init(self, groups: np.ndarray) -> State:
        state = slots(groups, self.capacity)
        state.first[:] = self.eta * _rng.generator(self.seed).standard_normal(groups.size)
        return State(state)
