r"""Follow the perturbed leader without a horizon: the noise grows as sqrt(t).

Rule: keep the C items with the largest :math:`n_i + \eta_t \gamma_i`, n the counts and
:math:`\eta_t = a \sqrt{t}`, renewed when t has grown by the factor 1 + `growth`. ``noise="fixed"``: gamma
Gaussian, drawn once. ``noise="fresh"``: drawn at every renewal; with ``growth=0`` at every request, which
fetches items that nobody asked for all the time (``fetched_other``), with ``growth=1`` once in an epoch: the
lazy form.

Cost: O(log C) a request and O(N) a renewal, of which there are about ln T / ln(1 + growth). Memory: 35 bytes
an item.

Regret: in expectation, requests oblivious, with :math:`B = \sqrt{2 \min(C, N-C) \ln \binom{N}{C}}`, at most
:math:`a B \sqrt{T+1} + 2 \sqrt{1 + \text{growth}} \sqrt{T} / (a \sqrt{2\pi})`; derived in
:mod:`olearn.policies.caching._perturbed`.

References
----------
.. [1] S. Mukhopadhyay and A. Sinha, "Online caching with optimal switching regret", ISIT 2021.
.. [2] N. Mhaisen, A. Sinha, G. Paschos and G. Iosifidis, "Optimistic no-regret algorithms for discrete
   caching", 2022: the default a.

Examples
--------
>>> cache = FTPLAnytime(capacity=2, catalog_size=6, seed=3)
>>> hits = cache.request_many([1, 1, 1, 4, 4, 1, 4, 4] * 10)
>>> list(cache)
[1, 4]
"""

from __future__ import annotations

from olearn.policies.caching._perturbed import PerturbedPolicy, share, step


class FTPLAnytime(PerturbedPolicy):
    __doc__ = __doc__

    name = "ftpl-anytime"
    rule = "keep the C largest of count_i + a sqrt(t) gamma_i, gamma Gaussian, drawn once or at renewals"
    reference = "Mukhopadhyay and Sinha, ISIT 2021; Mhaisen et al. 2022"
    step, share = staticmethod(step), staticmethod(share)
