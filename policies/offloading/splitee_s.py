"""SplitEE-S: SplitEE that learns about every exit a sample passed on its way (side information).

Rule: as :mod:`~olearn.policies.offloading.splitee`, and after looking at exit i the rewards of all exits
j <= i are updated. The reward of an earlier exit j that would have offloaded the sample holds the final
confidence C_L, which is known only if the sample did go to the last exit. ``final`` says what to do
where it did not (it was answered at i):

* ``"stand-in"`` (default): C_i, the deepest confidence seen, stands in for C_L; needs ``earlier``
  feedback, and the estimates of early exits are off by at most the mean of |C_L - C_i| there;
* ``"seen"``: the true C_L, as the authors' code reads it from its table; needs ``full`` feedback.

Cost: O(L) a sample. Memory: 32 bytes an exit.

Regret: with ``final="seen"`` an exit's count is never below its number of plays, so SplitEE's bound holds
(same condition on c). With the stand-in estimates are biased and no bound is declared.

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
final : {"stand-in", "seen"}
    What replaces a final confidence that was not seen.

References
----------
.. [1] D. J. Bajpai et al., "SplitEE", AIMLSystems 2023.

Examples
--------
>>> policy = SplitEES([0.1, 0.2, 0.3], final="stand-in")
>>> for _ in range(3):
...     exit = policy.decide()
...     policy.feedback([0.9, 0.95, 0.99])
>>> policy.state.seen.tolist()
[3.0, 2.0, 1.0]
"""

from __future__ import annotations

from typing import Any

from olearn.errors import unknown
from olearn.policies.offloading._exits import SEEN, STAND_IN, ExitUCB

FINALS = {"stand-in": STAND_IN, "seen": SEEN}


class SplitEES(ExitUCB):
    __doc__ = __doc__

    name = "splitee-s"
    needs = "earlier"
    side = STAND_IN
    rule = "SplitEE, and every exit up to the chosen one is updated"
    reference = "Bajpai et al., AIMLSystems 2023"

    def __init__(
        self,
        cost: Any,
        offload_cost: float = 0.5,
        horizon: int | None = None,
        *,
        threshold: float = 0.7,
        exploration: float = 1.0,
        final: str = "stand-in",
        seed: int = 0,
    ) -> None:
        super().__init__(cost, offload_cost, horizon, threshold=threshold, exploration=exploration, seed=seed)
        self.final = final
        if final == "seen":
            self.side = SEEN
            self.needs = "full"  # type: ignore[misc]

    def validate(self) -> None:
        super().validate()
        if self.final not in FINALS:
            raise unknown("final", str(self.final), FINALS)
