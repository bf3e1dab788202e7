r"""Optimistic follow the perturbed leader: a prediction of the next request counts as if it had come.

Rule: keep the C items with the largest :math:`n_i + h_i + \eta_t \gamma_i`: the counts, 1 for the item that
is predicted, and Gaussian noise with the scale :math:`\eta_t = a \sqrt{4 + S}`, S the squared errors so far (a
right prediction 0, none 1, a wrong one 4). Good predictions keep the noise small, bad ones cost a constant
factor.

``predictor``: ``last-seen`` (what followed the current item before), ``recency``, ``oracle`` with its
``accuracy``, ``none``, or an array of items, one a request. ``noise`` and ``growth`` as for `ftpl-anytime`.

A prediction may fetch an item that nobody asked for (``fetched_other``).

Cost: O(log C) a request and O(N) a renewal of the scale. Memory: 35 bytes an item, 4 more for ``last-seen``.

Regret: in expectation, requests and predictions oblivious, with
:math:`B = \sqrt{2 \min(C, N-C) \ln \binom{N}{C}}`, at most
:math:`a B \sqrt{S+4} + 2 \sqrt{1 + \text{growth}} \sqrt{S} / (a \sqrt{2\pi})`: a constant where all predictions
are right; derived in :mod:`olearn.policies.caching._perturbed`.

References
----------
.. [1] N. Mhaisen, A. Sinha, G. Paschos and G. Iosifidis, "Optimistic no-regret algorithms for discrete
   caching", Proc. ACM Meas. Anal. Comput. Syst. 6(3), 2022.

Examples
--------
>>> cache = OFTPL(capacity=10, catalog_size=100, predictor="oracle", accuracy=1.0)
>>> hits = cache.request_many([1, 2, 3] * 500)
>>> cache.realised(), round(cache.bound(1500, realised=cache.realised()).value, 1)
({'errors': 0.0}, 11.6)
"""

from __future__ import annotations

from typing import Any, Unpack

from olearn.errors import check_real
from olearn.policies.caching import _predictors
from olearn.policies.caching._base import Common
from olearn.policies.caching._perturbed import PerturbedPolicy, share, step
from olearn.policies.caching._predictors import Predictor


class OFTPL(PerturbedPolicy):
    __doc__ = __doc__

    name = "oftpl"
    rule = "keep the C largest of count_i + prediction_i + eta gamma_i, eta growing with the errors"
    reference = "Mhaisen, Sinha, Paschos and Iosifidis 2022"
    _factor = 1.0
    step, share = staticmethod(step), staticmethod(share)

    def __init__(
        self,
        capacity: int,
        catalog_size: int,
        horizon: int | None = None,
        *,
        predictor: Any = "last-seen",
        accuracy: float = 1.0,
        eta: float | None = None,
        noise: str = "fixed",
        growth: float = 1 / 64,
        seed: int = 0,
        **common: Unpack[Common],
    ) -> None:
        super().__init__(
            capacity, catalog_size, horizon, eta=eta, noise=noise, growth=growth, seed=seed, **common
        )
        self.predictor = predictor
        self.accuracy = accuracy

    def validate(self) -> None:
        super().validate()
        _predictors.check(self.predictor, self.catalog_size)
        check_real("accuracy", self.accuracy, 0.0, 1.0)

    def _predictor(self) -> Predictor:
        return _predictors.new(self.predictor, float(self.accuracy), self.catalog_size, self.seed)

    def parameters(self) -> dict[str, Any]:
        named = self.predictor if isinstance(self.predictor, str) else "array"
        own = {"predictor": named} | ({"accuracy": self.accuracy} if named == "oracle" else {})
        return own | super().parameters()
