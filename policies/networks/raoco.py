"""RAOCO: online convex optimisation of a weighted threshold potential, and a randomised rounding [1]_.

The caching gain of a slot is a weighted threshold potential, sum_k c_k min(b_k, sum w y): its value on
fractions is the concave relaxation, and swap rounding on the partition of capacities earns 1 - 1/e of it in
expectation. So any learner for the relaxation that is rounded once a slot has a (1 - 1/e)-regret of what it
has on fractions. Here gradient ascent,

    z <- P(z + eta g),  y = P(z + eta h),  eta = scale sqrt(2 c) / sqrt(sum ||g - h||^2),

node by node, with h the last gradient (``optimistic=true``) or 0. The sets {sum y = c_v} have diameter at most
sqrt(2 c_v).

Cost: O(items) a node and slot, a few passes; swap rounding O(n^2) for n items with a fraction. Memory: 42
bytes a (node, item). Messages as `pga`. Bound: none declared beforehand; the certificate is (1 - 1/e) max over
y* of sum <g, y* - y>, in expectation.

References
----------
.. [1] T. Si Salem, G. Ozcan, I. Nikolaou, E. Terzi and S. Ioannidis, "Online submodular maximization via
online convex
   optimization", AAAI 2024.
"""

from olearn.policies.networks._optimistic import Optimistic


class RAOCO(Optimistic):
    """Gradient ascent on the threshold potential, rounded; parameters as its base.

    Examples
    --------
    >>> import numpy as np
    >>> from olearn.traces.networks import build
    >>> line = build(2, [(0, 1, 2.0)], [1, 0], [1, 1], [(0, [0, 1], 1.0), (1, [0, 1], 1.0)])
    >>> bool(RAOCO(line).run(np.zeros(1000, dtype=np.int32))[-500:].mean() > 1.99)
    True
    """

    name = "raoco"
    rule = "gradient ascent on the gain as a weighted threshold potential, swap rounding once a slot"
    reference = "T. Si Salem et al., AAAI 2024"
