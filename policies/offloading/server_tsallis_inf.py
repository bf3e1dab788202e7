"""Server choice with Tsallis-INF: a bandit over servers that is good in both worlds, steady and adversarial.

Rule: draw server k with chance p_k = 4 / (eta_t (L_k - x))^2, x such that they sum to 1, eta_t = 2 / sqrt(t);
when its answer arrives after a delay, with the loss l = min(delay / deadline, 1) and the chance p that it was
drawn with, add l / p to L_k. t counts answers.

Cost: O(K) a request and O(log w) for w answers under way. Memory: 52 bytes a request.

Regret: with every answer in at once and delays that do not depend on what we do, 4 sqrt(KT) + 1 in expectation
(as cited). A replay declares it where no answer was under way at a decision; where answers are late none is
declared, and with total delay D (in requests) the best possible order is sqrt(KT) + sqrt(D ln K), which a
hybrid of this regulariser and the entropy reaches.

Parameters
----------
servers : int
    Number of servers K; a replay takes the table's.
horizon : int, optional
    Requests of ours; a replay takes the table's.
deadline : float, default 2000
    Milliseconds; the loss of a request is min(delay / deadline, 1).
self_load : bool, default False
    Whether our requests lengthen the queues.

References
----------
.. [1] J. Zimmert and Y. Seldin, "Tsallis-INF: an optimal algorithm for stochastic and adversarial bandits",
   JMLR 22, 2021.
.. [2] J. Zimmert and Y. Seldin, "An optimal algorithm for adversarial bandits with arbitrary delays", AISTATS
   2020.

Examples
--------
>>> policy = ServerTsallisINF(servers=2, seed=1)
>>> for _ in range(100):
...     server, chance = policy.decide()
...     policy.feedback(server, chance, delay=[100.0, 1500.0][server])
>>> bool(policy.state.p[0] > 0.9)
True
"""

from __future__ import annotations

from typing import Any

from olearn._jit import kernel
from olearn.learners.bandits.tsallis_inf import TsallisINF, pull, update
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


class ServerTsallisINF(ServerChoice):
    __doc__ = __doc__

    name = "server-tsallis-inf"
    rule = "p_k = 4 / (eta_t (L_k - x))^2, L_k += loss / p_k when the answer arrives"
    reference = "Zimmert and Seldin, JMLR 2021"
    loop = staticmethod(run)

    def learner(self) -> Any:
        return TsallisINF(int(self.servers), self.horizon, seed=self.seed)
