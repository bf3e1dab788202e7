r"""Follow the regularised leader with proximal regularisers: steps shrink around the points played.

Rule: :math:`x_{t+1} = \Pi_X((\sum_s \sigma_s x_s + n_t) / \sigma_{1:t})` with the counts n, X = {0 <= x <= 1,
sum x = C} and :math:`\sigma_{1:t} = b\sqrt{t}`. No horizon is needed. Moves may raise items that nobody asked
for (``fetched_other``). `dual-averaging` is the O(1) relative whose regulariser stays at C/N.

Cost: O(N) a request. Memory: 36 bytes an item.

Regret: on every sequence at most :math:`\sqrt{T} (b \min(C, N-C) + 1/b)`: :math:`2.13 \sqrt{CT}` with the
default :math:`b = 1/\sqrt{2C}`; derived in :mod:`olearn.policies.caching._proximal`.

References
----------
.. [1] H. B. McMahan, "A survey of algorithms and analysis for adaptive online learning", JMLR 18, 2017.
.. [2] N. Mhaisen, A. Sinha, G. Paschos and G. Iosifidis, "Optimistic no-regret algorithms for discrete
   caching", 2022.

Examples
--------
>>> cache = FTRLProximal(capacity=1, catalog_size=4, sigma=2.0)
>>> [round(cache.request(i), 3) for i in (2, 2, 3)]
[0.25, 0.625, 0.037]
"""

from __future__ import annotations

from olearn.policies.caching._proximal import ProximalPolicy, share, step


class FTRLProximal(ProximalPolicy):
    __doc__ = __doc__

    name = "ftrl-proximal"
    rule = "x = projection of (sum sigma_s x_s + counts) / sigma_{1:t}, sigma_{1:t} = b sqrt(t)"
    reference = "McMahan 2017; Mhaisen et al. 2022"
    step, share = staticmethod(step), staticmethod(share)
