"""SplitEE: learn at which exit to look at samples, without labels.

Rule: a sample is run up to exit i; if its confidence there reaches the threshold it is answered, else it
is offloaded and answered by the last exit. The reward is the confidence of the answer less costs, so
no label is needed::

    r(i) = C_i - lambda_i  if C_i >= threshold or i = L,   else  C_L - o - lambda_i
    choose the exit with the largest  mean r(i) + c sqrt(ln(t+1) / n_i),   each exit once first

with lambda_i = 0.1 (i+1), o = 0.5, c = 1 in the published experiments (12 exits of ElasticBERT).

Cost: O(L) a sample, a square root an exit. Memory: 32 bytes an exit.

Regret: against the best fixed exit, in expectation over independent samples, UCB1's bound with rewards in
an interval of length 1 + o: for c = sqrt(2) (1 + o), 8 (1+o)^2 ln T sum 1/gap + (1 + pi^2/3) sum gap. For the
published c = 1 <= 1 + o the argument gives nothing, and no bound is declared.

Parameters
----------
cost : array_like, shape (L,)
    Cost of running up to each exit, in units of a wrong answer; a replay takes the table's.
offload_cost : float, default 0.5
    What offloading costs on top; a replay takes the table's.
threshold : float, default 0.7
    Samples whose confidence at the chosen exit is below it are offloaded.
exploration : float, default 1
    The factor c of the confidence width; a bound is declared for c > 1 + o.

Notes
-----
The authors' code counts the first exit as depth 1 (lambda (i+1), as here), divides by counts that include
an initial round whose samples are used again, and its regret reads the reward that was computed last.

References
----------
.. [1] D. J. Bajpai, V. K. Trivedi, S. L. Yadav and M. K. Hanawal, "SplitEE: early exit in deep neural
   networks with split computing", AIMLSystems 2023.

Examples
--------
>>> policy = SplitEE([0.1, 0.2, 0.3])
>>> exits = []
>>> for confidences in ([0.9, 0.9, 0.99], [0.2, 0.95, 0.99], [0.8, 0.9, 0.9]):
...     exits.append(policy.decide())
...     policy.feedback(confidences)
>>> exits, (policy.state.total / policy.state.seen).round(2).tolist()
([0, 1, 2], [0.8, 0.75, 0.6])
"""

from __future__ import annotations

from olearn.policies.offloading._exits import ExitUCB


class SplitEE(ExitUCB):
    __doc__ = __doc__

    name = "splitee"
    rule = "exit with the largest mean reward + c sqrt(ln(t+1)/n); offload below the threshold"
    reference = "Bajpai et al., AIMLSystems 2023"
