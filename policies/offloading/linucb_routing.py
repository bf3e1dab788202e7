r"""LinUCB routing: send each prompt to the model whose optimistic reward less its price is largest.

Rule, x the features of the prompt, c_k(t) the price of model k relative to the largest price::

    choose argmax_k  theta_k' x + alpha sqrt(x' A_k^-1 x) - trade c_k
    A_k <- discount A_k + x x' + (1 - discount) ridge I,   b_k <- discount b_k + reward x    (for the chosen k)
    theta_k = A_k^-1 b_k

with reward 1 for a right answer (``price="known"``) or right - trade * price and no price in the index
(``price="learnt"``, as MetaLLM has it). Under a budget the price's weight rises with what was
spent too much (virtual queue), or dear models are barred while the bucket or the purse is empty.

Cost: O(K d^2) a prompt (Sherman-Morrison), O(d^3) more an answer with discount < 1. Memory: 8 K d^2 bytes
(twice that with discount < 1).

Regret: for rewards linear in x the confidence-ellipsoid form of LinUCB has regret O~(d sqrt(KT)); that needs
alpha to grow with ln T and its constants are loose, so none is declared for a fixed alpha. The comparator
reported is the best single model, which contexts let the router beat (negative regret).

Parameters
----------
arms, dimension : int
    Models K and features d (a constant included); a replay takes the table's.
width : float, default 1
    alpha, the factor on the standard error. Below 1 a model that was never asked may stay so.
trade : float, default 0
    What the dearest model's price weighs against a right answer.
ridge : float, default 1
    A_k starts at ridge * I.
discount : float in (0, 1], default 1
    Forgetting.
price : {"known", "learnt"}
    Whether prices are known before the decision or part of the reward.

Notes
-----
Published wrappers invert A_k for every model and prompt, O(K d^3).

References
----------
.. [1] L. Li, W. Chu, J. Langford and R. Schapire, "A contextual-bandit approach to personalized news article
   recommendation", WWW 2010.
.. [2] Q. H. Nguyen et al., "MetaLLM: a high-performant and cost-efficient dynamic framework for wrapping LLMs",
   arXiv:2407.10834.

Examples
--------
>>> policy = LinUCBRouting(arms=2, dimension=1, trade=0.3, width=0.1)
>>> answers = {0: 0.0, 1: 1.0}  # model 1 is right, model 0 wrong
>>> chosen = []
>>> for _ in range(5):
...     k = policy.decide([1.0], price=[0.1, 1.0])
...     policy.feedback(answers[k])
...     chosen.append(k)
>>> chosen
[0, 0, 0, 0, 0]
>>> curious = LinUCBRouting(arms=2, dimension=1, trade=0.3, width=1.0)
>>> for _ in range(5):
...     k = curious.decide([1.0], price=[0.1, 1.0])
...     curious.feedback(answers[k])
>>> k
1
"""

from __future__ import annotations

from olearn.policies.offloading._linear import LinearRouting


class LinUCBRouting(LinearRouting):
    __doc__ = __doc__

    name = "linucb-routing"
    rule = "model with the largest theta'x + alpha sqrt(x'A^-1 x) - trade * price"
    reference = "Li et al., WWW 2010; MetaLLM, arXiv:2407.10834"
