r"""Optimistic FTRL: a prediction of the next request counts as if it had come.

Rule: :math:`x_{t+1} = \Pi_X((\sum_s \sigma_s x_s + n_t + h_{t+1}) / \sigma_{1:t})` with the counts n, 1 for the
item predicted, and :math:`\sigma_{1:t} = b \sqrt{S_t}`, S the squared errors (a right prediction 0, none 1, a
wrong one 2): where predictions are right the regularisation stays weak, so that a prediction moves much.

``predictor``: ``last-seen``, ``recency``, ``oracle`` with its ``accuracy``, ``none`` (`ftrl-proximal`), or an
array of items, one a request.

Cost: O(N) a request (twice with the oracle). Memory: 36 bytes an item.

Regret: on every sequence at most :math:`\sqrt{S_T} (b \min(C, N-C) + 1/b)`, where :math:`S_T \le 2T`; derived
in :mod:`olearn.policies.caching._proximal`.

References
----------
.. [1] N. Mhaisen, A. Sinha, G. Paschos and G. Iosifidis, "Optimistic no-regret algorithms for discrete
   caching", Proc. ACM Meas. Anal. Comput. Syst. 6(3), 2022.

Examples
--------
>>> cache = OFTRL(capacity=1, catalog_size=4, predictor="oracle", accuracy=1.0)
>>> [round(cache.request(i), 3) for i in (2, 2)]
[1.0, 1.0]
"""

from __future__ import annotations

from typing import Any, Unpack

from olearn.errors import check_real
from olearn.policies.caching import _predictors
from olearn.policies.caching._base import Common
from olearn.policies.caching._predictors import Predictor
from olearn.policies.caching._proximal import ProximalPolicy, share, step


class OFTRL(ProximalPolicy):
    __doc__ = __doc__

    name = "oftrl"
    rule = "x = projection of (sum sigma_s x_s + counts + prediction) / sigma_{1:t}, growing with the errors"
    reference = "Mhaisen, Sinha, Paschos and Iosifidis 2022"
    step, share = staticmethod(step), staticmethod(share)

    def __init__(
        self,
        capacity: int,
        catalog_size: int,
        horizon: int | None = None,
        *,
        predictor: Any = "last-seen",
        accuracy: float = 1.0,
        sigma: float | None = None,
        rounding: str | None = None,
        seed: int = 0,
        **common: Unpack[Common],
    ) -> None:
        super().__init__(capacity, catalog_size, horizon, sigma=sigma, rounding=rounding, seed=seed, **common)
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
