"""Optimistic FTRL on the relaxed gain: follow the regularised leader with a hint, node by node [1]_.

    y = P((G + h) / sigma),  sigma = sqrt(sum ||g - h||^2) / (scale sqrt(2 c)),

G the sum of all gradients, h the last one (``optimistic=true``, the default here) or 0, P the projection on {0
<= y <= 1, sum y = c_v}. A placement is drawn once a slot. With good hints sigma stays small and the leader is
followed at once; with bad ones it is plain FTRL.

Cost: O(items) a node and slot, a few passes; swap rounding O(n^2) for n items with a fraction. Memory: 42
bytes a (node, item). Messages as `pga`. Bound: none declared for networks; the certificate is (1 - 1/e) max
over y* of sum <g, y* - y>, in expectation.

References
----------
.. [1] N. Mhaisen, G. Iosifidis and D. Leith, "Online caching with optimistic learning", IFIP Networking 2022
(bipartite
   networks; here on any network of paths).
"""

from __future__ import annotations

from typing import Any

from olearn.policies.networks._optimistic import Optimistic


class OFTRL(Optimistic):
    """Optimistic FTRL, rounded; parameters as its base, with hints by default.

    Examples
    --------
    >>> import numpy as np
    >>> from olearn.traces.networks import build
    >>> line = build(2, [(0, 1, 2.0)], [1, 0], [1, 1], [(0, [0, 1], 1.0), (1, [0, 1], 1.0)])
    >>> bool(OFTRL(line).run(np.zeros(1000, dtype=np.int32))[-500:].mean() > 1.99)
    True
    """

    name = "oftrl"
    rule = "the regularised leader for all gradients of the relaxed gain so far and a hint, rounded once a slot"
    reference = "N. Mhaisen, G. Iosifidis and D. Leith, IFIP Networking 2022"
    leader = 1

    def __init__(
        self,
        network: Any,
        horizon: int | None = None,
        *,
        optimistic: bool = True,
        scale: float = 1.0,
        period: float = 1.0,
        rounding: str = "swap",
        seed: int = 0,
    ) -> None:
        super().__init__(
            network, horizon, optimistic=optimistic, scale=scale, period=period, rounding=rounding, seed=seed
        )
