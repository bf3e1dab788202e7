"""Server choice with Exp3-IX: an adversarial bandit over servers whose delays depend on load.

Rule: draw server k with chance p_k, proportional to exp(-eta L_k); when its answer arrives after a delay, with
the loss l = min(delay / deadline, 1) and the chance p that it was drawn with, add l / (p + eta/2) to L_k.

Cost: O(K) a request and O(log w) for w answers under way. Memory: 52 bytes a request.

Regret: with every answer in at once and delays that do not depend on what we do, Exp3-IX's bound holds with
chance 1 - delta: 2 sqrt(2KT ln K) + (sqrt(2KT/ln K) + 1) ln(2/delta). A replay declares it where no answer was
under way at a decision; where answers are late none is declared, and with total delay D (in requests) the best
possible order is sqrt(KT) + sqrt(D ln K).

Parameters
----------
servers : int
    Number of servers K; a replay takes the table's.
horizon : int
    Requests of ours; a replay takes the table's.
deadline : float, default 2000
    Milliseconds; the loss of a request is min(delay / deadline, 1).
self_load : bool, default False
    Whether our requests lengthen the queues.

References
----------
.. [1] G. Neu, "Explore no more: improved high-probability regret bounds for non-stochastic bandits", NIPS 2015.
.. [2] J. Zimmert and Y. Seldin, "An optimal algorithm for adversarial bandits with arbitrary delays", AISTATS
   2020.

Examples
--------
>>> policy = ServerExp3IX(servers=2, horizon=100, seed=1)
>>> for _ in range(100):
...     server, chance = policy.decide()
...     policy.feedback(server, chance, delay=[100.0, 1500.0][server])
>>> bool(policy.state.weight[0] > policy.state.weight[1])
True
"""

from __future__ import annotations

from typing import Any

from olearn._jit import kernel
from olearn.learners.bandits.exp3 import Exp3IX, pull, update
from olearn.policies.offloading._servers import ServerChoice, join, pop, reward, send


@kernel
def run(state, req, ans, limits):
    m = 0
    for t in range(req.time.size):
        now = req.time[t]
        while ans.size[0] > 0 and ans.arrival[ans.heap[0]] <= now:
            s = pop(ans)
            state.draw[0] = ans.chance[s]
            update(state, ans.choice[s], reward(req, ans, limits, s))
        if req.owner[t] >= 0:
            join(req, t, req.owner[t], True)
        else:
            server = pull(state)
            send(req, ans, limits, t, m, server, state.draw[0])
            m += 1


class ServerExp3IX(ServerChoice):
    __doc__ = __doc__

    name = "server-exp3-ix"
    rule = "p proportional to exp(-eta L), L_k += loss / (p_k + eta/2) when the answer arrives"
    reference = "Neu, NIPS 2015"
    loop = staticmethod(run)

    def learner(self) -> Any:
        return Exp3IX(int(self.servers), self.horizon, seed=self.seed)
