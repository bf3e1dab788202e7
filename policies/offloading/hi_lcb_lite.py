"""HI-LCB-lite: offload while the local model is not surely good enough in this bin of confidence.

Rule: bin phi has O(phi) offloaded samples, a share f(phi) of which the local model had right. At round t
offload iff 1 - LCB >= beta, LCB = f(phi) - sqrt(alpha ln t / O(phi)), alpha > 1/2; a bin without a sample is
offloaded. Only offloaded samples teach. Deterministic.

Cost: O(1) per sample. Memory: 16 bytes per bin, 4 per level.

Regret: O(log T) for samples independent of the past with P(right | bin) fixed [the paper's abstract]. The
leading term is ``gap_bound``; it depends on the gaps, so no number is declared beforehand. Against
an adversary there is no guarantee.

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
"""

from __future__ import annotations

from olearn.policies.offloading._lcb import LCBPolicy


class HILCBLite(LCBPolicy):
    __doc__ = __doc__

    name = "hi-lcb-lite"
    rule = "offload iff 1 - (lower confidence bound on the bin's accuracy) >= cost"
