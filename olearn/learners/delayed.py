"""Feedback that arrives late: BOLD (copies of a learner), or gradients used when they come.

Rule, ``method="bold"``: every round is played by a copy of the learner that waits for no feedback, a new one
if all wait; the copy that played a round gets its feedback. With a constant delay tau (round t's feedback is
there before round t + tau + 1) that is tau + 1 copies in turn, and with the bound R of the learner the regret
is at most ``(tau + 1) R(ceil(T/(tau + 1)))`` (if each copy keeps R with chance 1 - delta, then with chance 1 -
(tau + 1) delta). ``method="direct"``: one learner, told each gradient when it
comes (delayed OGD: O(D G sqrt(T + sum of delays))).

``predict()`` opens a round, ``update(feedback, round)`` closes one, by default the oldest open. Works for
bandits too: ``pull()`` and ``update((arm, reward))``; the copies draw from streams of their own.

Cost: that of the learner. Memory: one copy for each feedback under way.

References
----------
.. [1] M. Weinberger and E. Ordentlich, "On delayed prediction of individual sequences", IEEE Trans. IT 48,
   2002.
.. [2] P. Joulani, A. György and C. Szepesvári, "Online learning under delayed feedback", ICML 2013.
.. [3] K. Quanrud and D. Khashabi, "Online learning with adversarial delays", NeurIPS 2015 (direct).

Examples
--------
>>> from olearn.learners.hedge import Hedge
>>> learner = Delayed(Hedge(2, horizon=50), delay=1)
>>> len(learner.run([[0.0, 1.0]] * 100)), learner.copies
(100, 2)
"""

from __future__ import annotations

import math
from typing import Any, Self

import numpy as np

from olearn.bounds import Bound
from olearn.errors import ParameterError, check_int, unknown
from olearn.learners._wrapper import Wrapper, fresh, together


class _Open:
    """Copies of the learner, and which of them waits for which round."""

    def __init__(self) -> None:
        self.rounds = 0
        self.opened = 0
        self.copies: list[Any] = []
        self.free: list[int] = []
        self.waiting: dict[int, tuple[int, Any]] = {}  # round -> (copy, what it played)


class Delayed(Wrapper):
    """A learner whose feedback comes late.

    Parameters
    ----------
    learner : learner
        Any learner of full information or bandit policy; copies of it play.
    delay : int, default 0
        The delay of :meth:`run` and :meth:`bound` where none is given: rounds between a play and its feedback.
    method : {"bold", "direct"}
        Copies of the learner, or one learner with stale gradients.
    """

    name = "delayed"
    rule = "each round is played by a copy of the learner that waits for no feedback"
    tuning = "that of the learner, for ceil(T/(delay + 1)) rounds"
    reference = "Joulani, György and Szepesvári, ICML 2013"
    bandits = True

    def __init__(self, learner: Any, delay: int = 0, *, method: str = "bold") -> None:
        self.learner = learner
        self.delay = delay
        self.method = method

    @classmethod
    def example(cls) -> Self:
        from olearn.learners.hedge import Hedge

        return cls(Hedge(10, horizon=1_000), delay=9)

    def validate(self) -> None:
        super().validate()
        check_int("delay", self.delay, minimum=0)
        if self.method not in ("bold", "direct"):
            raise unknown("method", str(self.method), ("bold", "direct"))

    def _init(self) -> _Open:
        return _Open()

    @property
    def copies(self) -> int:
        """Copies of the learner so far."""
        return len(self.state.copies)

    def _open(self) -> tuple[Any, int]:
        s = self.state
        if self.method == "direct" and s.copies:
            return s.copies[0], 0
        if not s.free:
            s.copies.append(fresh(self.learner, len(s.copies)))
            s.free.append(len(s.copies) - 1)
        index = s.free.pop(0)
        return s.copies[index], index

    def predict(self) -> np.ndarray:
        """Open the next round and play: every call is a round."""
        inner, index = self._open()
        x: np.ndarray = inner.predict()
        self._wait(index, x)
        return x

    def pull(self) -> int:
        """Open the next round of a bandit and pull: every call is a round."""
        if self.method != "bold":
            raise ParameterError("delayed: bandits need method='bold'")
        inner, index = self._open()
        arm = int(inner.pull())
        self._wait(index, arm)
        return arm

    def _wait(self, index: int, play: Any) -> None:
        s = self.state
        s.waiting[s.opened] = (index, play)
        s.opened += 1

    def update(self, feedback: Any, round: int | None = None) -> float:
        """Close a round with its feedback.

        Parameters
        ----------
        feedback : array_like of float or (int, float)
            The gradient (losses) of that round; for a bandit the pair (arm, reward).
        round : int, optional
            Its number, from 0; default the oldest open one.

        Returns
        -------
        float
            ``<g, x>``, or the reward.
        """
        s = self.state
        at = min(s.waiting, default=-1) if round is None else round
        if at not in s.waiting:
            raise ParameterError(f"delayed: round {at} is not open; open: {sorted(s.waiting)}")
        index, play = s.waiting[at]
        if isinstance(play, np.ndarray):
            g = np.asarray(feedback, np.float64)
            s.copies[index].update(g)
            value = float(g @ play)
        else:
            arm, value = feedback
            s.copies[index].update(arm, value)
        del s.waiting[at]
        if self.method == "bold":
            s.free.append(index)
        s.rounds += 1
        return float(value)

    def run(self, gradients: Any, delays: Any = None) -> np.ndarray:
        """Play against every row; the gradient of round t comes before round ``t + delays[t] + 1``.

        Parameters
        ----------
        gradients : array_like of float, shape (T, d)
        delays : int or array_like of int, shape (T,), optional
            Default the constant delay of the learner; what comes after the last round is not used.

        Returns
        -------
        ndarray, float64 (T,)
            ``<g_t, x_t>``.
        """
        G = self._matrix(gradients)
        T = G.shape[0]
        raw = np.broadcast_to(np.asarray(self.delay if delays is None else delays), (T,))
        if raw.dtype.kind not in "iu" or (raw < 0).any():
            raise ParameterError("delays must be whole numbers of at least 0, one for every round")
        first = self.state.opened
        if self.state.waiting:
            raise ParameterError(f"delayed: close the open rounds {sorted(self.state.waiting)} before run()")
        due: list[list[int]] = [[] for _ in range(T)]
        for t in range(T):
            if t + int(raw[t]) < T:
                due[t + int(raw[t])].append(t)
        losses = np.empty(T)
        for t in range(T):
            losses[t] = G[t] @ self.predict()
            for earlier in due[t]:
                self.update(G[earlier], first + earlier)
        for at in sorted(self.state.waiting):  # their feedback never comes
            index, _ = self.state.waiting.pop(at)
            if self.method == "bold":
                self.state.free.append(index)
        return losses

    def bound(self, horizon: int | None = None) -> Bound | None:
        """``(delay + 1)`` times the learner's bound for ``ceil(horizon/(delay + 1))`` rounds."""
        copies = int(self.delay) + 1
        own = getattr(self.learner, "horizon", None)
        T = self._rounds_of_bound(own * copies if horizon is None and own is not None else horizon)
        inner = self.learner.bound(math.ceil(T / copies)) if self.method == "bold" else None
        inner = None if inner is None else together(inner, min(copies, T))
        if inner is None:
            return None
        assumptions = (*inner.assumptions, f"the delay is at most {self.delay}, feedback comes in order")
        formula = f"{copies} x ({inner.formula}), T replaced by T/{copies}"
        return inner._replace(value=copies * inner.value, formula=formula, assumptions=assumptions)
