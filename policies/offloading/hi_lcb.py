"""HI-LCB: HI-LCB-lite for a local model whose accuracy grows with its confidence.

Rule: as HI-LCB-lite, with LCB(phi) the largest lower confidence bound over the bins phi' <= phi: if accuracy
is increasing in confidence, a bound that holds for a less confident bin holds here too.

Cost: O(bins) per sample. Memory: 16 bytes per bin, 4 per level.

Regret: O(log T) if P(right | bin) is increasing and samples are independent of the past [the paper's
abstract]; where accuracy is not increasing the rule can accept a bad bin for ever. Given ``gaps`` that do not
fall, ``bound`` is a number: HI-LCB-lite's, with the sum of 1 / (exp(2 d^2) - 1) over all bins up to the bad one
in place of its own [derived; see ``_lcb.py``].

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
.. [1] S. Chattopadhyay, P. Sutar, J. P. Champati and S. Moharir, HI-LCB, arXiv 2508.08985.

Examples
--------
>>> rule = HILCB(levels=[0.2, 0.5, 0.8], bins=3, cost=0.3)
>>> for _ in range(200):
...     if rule.decide(0.5, cost=0.3):
...         rule.feedback(local_wrong=False)
>>> rule.decide(0.8, cost=0.3)  # never seen, but surer than 0.5
False
"""

from __future__ import annotations

from olearn.policies.offloading._lcb import LCBPolicy


class HILCB(LCBPolicy):
    __doc__ = __doc__

    name = "hi-lcb"
    rule = "offload iff 1 - (largest lower confidence bound of the bins up to this one) >= cost"
    monotone = True
