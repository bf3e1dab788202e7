r"""LinTS routing: send each prompt to the model whose sampled reward less its price is largest.

Rule: as :mod:`~olearn.policies.offloading.linucb_routing`, with theta_k drawn from N(theta_k, v^2 A_k^-1) in
place of the optimistic index. The models' regressions are independent and a draw is used for one prompt only,
so theta_k' x is drawn directly, as N(theta_k' x, v^2 x' A_k^-1 x): the same law without a Cholesky factor.

Cost: O(K d^2) a prompt and K normal draws, O(d^3) more an answer with discount < 1. Memory: 8 K d^2 bytes.

Regret: for linear rewards and v of order sqrt(9 d ln(t/delta)), O~(d^(3/2) sqrt(T)) (as cited); for a fixed v
none is declared. The comparator reported is the best single model.

Parameters
----------
arms, dimension : int
    Models K and features d (a constant included); a replay takes the table's.
width : float, default 1
    v, the factor on the standard error. Below 1 a model that was never asked may stay so.
trade : float, default 0
    What the dearest model's price weighs against a right answer.
ridge : float, default 1
    A_k starts at ridge * I.
discount : float in (0, 1], default 1
    Forgetting.
price : {"known", "learnt"}
    Whether prices are known before the decision or part of the reward.

References
----------
.. [1] S. Agrawal and N. Goyal, "Thompson sampling for contextual bandits with linear payoffs", ICML 2013.

Examples
--------
>>> policy = LinTSRouting(arms=2, dimension=1, trade=0.3, seed=1)
>>> for _ in range(50):
...     k = policy.decide([1.0], price=[0.1, 1.0])
...     policy.feedback(1.0 if k == 1 else 0.0)
>>> policy.state.seen.tolist()
[7.0, 43.0]
"""

from __future__ import annotations

from olearn.policies.offloading._linear import LinearRouting


class LinTSRouting(LinearRouting):
    __doc__ = __doc__

    name = "lints-routing"
    randomised = True
    sampled = True
    rule = "model with the largest draw of theta'x, theta ~ N(theta, v^2 A^-1), less trade * price"
    reference = "Agrawal and Goyal, ICML 2013"
