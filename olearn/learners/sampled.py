"""Sampled feedback: the losses are looked at in a fraction of the rounds only (label-efficient learning).

Rule: with chance p a round's losses are asked for and the learner is told losses/p, an unbiased estimate;
else it is told nothing.

Bound around Hedge with rate eta over losses in [0, 1], expected: ``ln N/eta + eta T/(2p)``, thus ``sqrt(2 T
ln N/p)`` at ``eta = sqrt(2 p ln N/T)`` (:meth:`SampledFeedback.hedge` makes it), for losses fixed beforehand
(against losses that follow the coins it bounds the expected regret to any one expert, not to the best).

Cost: O(1) in rounds that are not looked at.

References
----------
.. [1] N. Cesa-Bianchi, G. Lugosi and G. Stoltz, "Minimizing regret with label efficient prediction", IEEE
   Trans. IT 51, 2005; Cesa-Bianchi and Lugosi 2006, Theorem 6.1.

Examples
--------
>>> learner = SampledFeedback.hedge(2, horizon=1000, rate=0.1, seed=0)
>>> for _ in range(1000):
...     _ = learner.update([0.0, 1.0] if learner.wants_feedback else None)
>>> 60 < learner.looks < 140, bool(learner.predict()[0] > 0.9)
(True, True)
"""

from __future__ import annotations

import math
from typing import Any, Self

import numpy as np

from olearn import _rng
from olearn.bounds import Bound
from olearn.errors import ParameterError, check_int, check_real
from olearn.learners._wrapper import Wrapper, fresh
from olearn.learners.hedge import Hedge


class _Sampling:
    """The inner learner and the coin of the coming round."""

    def __init__(self, inner: Any, generator: np.random.Generator) -> None:
        self.rounds = 0
        self.looks = 0
        self.inner = inner
        self.generator = generator
        self.coin = generator.random()


class SampledFeedback(Wrapper):
    """A learner that asks for the losses with chance `rate`.

    Parameters
    ----------
    learner : learner
        A learner of full information that takes losses up to 1/rate times their range.
    rate : float
        Chance p of a look, in (0, 1].
    seed : int, default 0
        Seed of the coins.
    """

    name = "sampled-feedback"
    rule = "with chance p tell the learner losses/p, else nothing"
    tuning = "Hedge: eta = sqrt(2 p ln N/T)"
    reference = "Cesa-Bianchi, Lugosi and Stoltz, IEEE Trans. IT 2005"
    randomised = True

    def __init__(self, learner: Any, rate: float, *, seed: int = 0) -> None:
        self.learner = learner
        self.rate = rate
        self.seed = seed

    @classmethod
    def hedge(cls, n: int, horizon: int, rate: float, *, seed: int = 0) -> Self:
        """Around Hedge over `n` experts with losses in [0, 1], tuned for the horizon and the rate."""
        p = check_real("rate", rate, 0.0, 1.0, open_low=True)
        eta = math.sqrt(2.0 * p * math.log(max(n, 2)) / horizon)
        return cls(Hedge(n, horizon, eta=eta, loss_range=(0.0, 1.0 / p)), rate, seed=seed)

    @classmethod
    def example(cls) -> Self:
        return cls.hedge(10, 10_000, 0.1)

    def validate(self) -> None:
        super().validate()
        check_real("rate", self.rate, 0.0, 1.0, open_low=True)
        check_int("seed", self.seed, minimum=0)

    def _init(self) -> _Sampling:
        return _Sampling(fresh(self.learner, 0), _rng.generator(self.seed))

    @property
    def wants_feedback(self) -> bool:
        """Whether the losses of the coming round are asked for."""
        return bool(self.state.coin < float(self.rate))

    @property
    def looks(self) -> int:
        """Rounds that were looked at so far."""
        return int(self.state.looks)

    def predict(self) -> np.ndarray:
        """The point of the coming round."""
        x: np.ndarray = self.state.inner.predict()
        return x

    def update(self, gradient: Any = None) -> float:
        """End the round; the losses count only when they were asked for, and may be None else.

        Returns
        -------
        float
            ``<g, x>``, NaN where no losses were given.
        """
        s = self.state
        loss = math.nan
        if gradient is not None:
            g = self._matrix(np.reshape(np.asarray(gradient, np.float64), (1, -1)))[0]
            loss = float(g @ s.inner.predict())
        if self.wants_feedback:
            if gradient is None:
                raise ParameterError(f"{self.name}: the losses of round {s.rounds} were asked for")
            s.inner.update(g / float(self.rate))
            s.looks += 1
        s.rounds += 1
        s.coin = s.generator.random()
        return loss

    def bound(self, horizon: int | None = None) -> Bound | None:
        """The bound on the expected regret around Hedge with a fixed rate; None around other learners."""
        inner = self.learner
        if not isinstance(inner, Hedge) or inner.parameters()["rate"] == "anytime" or inner.hint is not None:
            return None
        T = inner._rounds_of_bound(horizon)
        p, eta, low = float(self.rate), float(inner.parameters()["eta"]), float(inner.loss_range[0])
        if low < 0.0:
            return None
        top = float(inner.loss_range[1]) * p
        log_n = float(-math.log(inner._prior(inner.prior).min()))
        value = log_n / eta + eta * T * top**2 / (2.0 * p)
        assumptions = (f"losses lie in [0, {top:g}]", "the losses do not depend on the coins")
        formula = "ln N/eta + eta T/(2p)"
        return Bound(value, formula, "best expert", "in expectation", assumptions, self.reference)
