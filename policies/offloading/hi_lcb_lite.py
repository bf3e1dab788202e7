"""HI-LCB-lite: offload while the local model is not surely good enough in this bin of confidence.

Rule: bin phi has O(phi) offloaded samples, a share f(phi) of which the local model had right. At round t
offload iff 1 - LCB >= beta, LCB = f(phi) - sqrt(alpha ln t / O(phi)), alpha > 1/2; a bin without a sample is
offloaded. Only offloaded samples teach. Deterministic.

Cost: O(1) per sample. Memory: 16 bytes per bin, 4 per level.

Regret: O(log T) for samples independent of the past with P(right | bin) fixed [the paper's abstract]. It
depends on the gaps D = cost - P(wrong | bin). Given ``gaps``, ``bound`` declares, in expectation and against
the best rule on the bins, with d = -D where D < 0 [derived; see ``_lcb.py``]::

    sum over D > 0 of  4 alpha ln T / D + D (1 + T^(-2 alpha) / (1 - exp(-D^2/2)))
    + max over D < 0 of  d / (exp(2 d^2) - 1) * (1 - T^(1 - 2 alpha)) / (2 alpha - 1)

Against an adversary there is no guarantee.

Parameters
----------
bins : int, default 16
    Bins of confidence.
axis : {"uniform", "log1m", "rank"}
    On which axis they are equally wide.
alpha : float, default 0.52
    Factor of the confidence width, above 1/2.
gaps : array_like of float, shape (bins,), optional
    cost - P(local wrong) in each bin, NaN for an empty one. Only ``bound`` reads them.

References
----------
.. [1] S. Chattopadhyay, P. Sutar, J. P. Champati and S. Moharir, HI-LCB and HI-LCB-lite, arXiv 2508.08985.

Examples
--------
>>> rule = HILCBLite(levels=[0.2, 0.8], bins=2, cost=0.3)
>>> for _ in range(200):
...     if rule.decide(0.8, cost=0.3):
...         rule.feedback(local_wrong=False)
>>> rule.decide(0.8, cost=0.3), rule.decide(0.2, cost=0.3)
(False, True)
>>> known = HILCBLite(levels=[0.2, 0.8], bins=2, cost=0.3, gaps=[-0.4, 0.2])
>>> round(known.bound(10_000).value), round(known.bound(1_000_000).value)
(104, 155)
"""

from __future__ import annotations

from olearn.policies.offloading._lcb import LCBPolicy


class HILCBLite(LCBPolicy):
    __doc__ = __doc__

    name = "hi-lcb-lite"
    rule = "offload iff 1 - (lower confidence bound on the bin's accuracy) >= cost"
