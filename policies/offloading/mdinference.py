"""MDInference: the most accurate model that will answer in time, else the fastest.

Rule, mu_k and sigma_k the mean and deviation of model k's inference time and n the request's time on the
network::

    the most accurate model with  mu_k + gamma sigma_k < deadline - n;   the fastest model where there is none

Nothing is learnt: accuracies and times are known beforehand (the table's ``profile``). The loss of an
answer is 1 if it is wrong or late.

Cost: O(K) a request. Regret: none; a rule for a deadline, not against a comparator.

Parameters
----------
accuracy, mean, deviation : array_like, shape (K,)
    What is known about the models, times in ms; a replay takes the table's profile.
deadline : float, default 250
    Milliseconds from request to answer, the network included.
gamma : float, default 1
    Standard deviations of slack.

References
----------
.. [1] S. S. Ogden and T. Guo, "MDInference: balancing inference accuracy and latency for mobile applications",
   IC2E 2020.

Examples
--------
The published catalogue on its GPU machine: with 60 ms left inception_v4 (59.2 ms, 80.1 %) is in time, with
30 ms nasnet_mobile (21.2 ms, 73.9 %) is the best, and with 1 ms none is: the fastest is taken.

>>> from olearn.traces.offloading.routing import catalogue_routing
>>> table = catalogue_routing(samples=1)
>>> policy = MDInference.for_table(table, deadline=100.0)
>>> [table.models[policy.decide(transfer=100.0 - left)] for left in (60.0, 30.0, 1.0)]
['inception_v4', 'nasnet_mobile', 'mobilenet_v1_0.25_128']
"""

from __future__ import annotations

import time
from typing import Any

import numpy as np

from olearn.errors import NotSupportedError, ParameterError, check_real
from olearn.policies.offloading._arms import ArmsPolicy, Plays


class MDInference(ArmsPolicy):
    __doc__ = __doc__

    name = "mdinference"
    kinds = ("routing",)
    columns = ("latency",)
    needs = "nothing"
    unlimited = "it takes the most accurate model in time and weighs nothing"
    objective = "error"
    rule = "most accurate model with mu + gamma sigma < deadline - network time, else the fastest"
    reference = "Ogden and Guo, IC2E 2020"

    def __init__(
        self,
        accuracy: Any,
        mean: Any,
        deviation: Any,
        horizon: int | None = None,
        *,
        deadline: float = 250.0,
        gamma: float = 1.0,
        seed: int = 0,
    ) -> None:
        super().__init__(horizon, seed=seed)
        self.accuracy = accuracy
        self.mean = mean
        self.deviation = deviation
        self.deadline = deadline
        self.gamma = gamma

    @classmethod
    def tunable(cls) -> dict[str, Any]:
        known = ("accuracy", "mean", "deviation")
        return {n: p for n, p in super().tunable().items() if n not in known}

    @classmethod
    def for_table(
        cls, table: Any, horizon: int | None = None, *, seed: int = 0, **parameters: Any
    ) -> MDInference:
        if table.kind in cls.kinds and table.profile is None:
            raise NotSupportedError(
                f"{cls.name} needs the models' profile (accuracy, mean and deviation of their times)"
            )
        known = table.profile if table.kind in cls.kinds else ((), (), ())
        return cls(known[0], known[1], known[2], horizon, seed=seed, **parameters)

    def validate(self) -> None:
        super().validate()
        sizes = {np.shape(v) for v in (self.accuracy, self.mean, self.deviation)}
        if len(sizes) != 1 or len(next(iter(sizes))) != 1 or next(iter(sizes))[0] < 2:
            raise ParameterError(
                f"{self.name}: accuracy, mean and deviation need one number a model, got shapes {sizes}"
            )
        check_real("deadline", self.deadline, 0.0)
        check_real("gamma", self.gamma, 0.0)

    def _init(self) -> np.ndarray:
        """What each model is counted to take, ms, shape (K,)."""
        return np.asarray(self.mean, np.float64) + float(self.gamma) * np.asarray(self.deviation, np.float64)

    def decide(self, transfer: float) -> int:
        """The model for a request that spends `transfer` ms on the network."""
        return int(self._choose(np.array([check_real("transfer", transfer, 0.0)]))[0])

    def _choose(self, transfer: np.ndarray) -> np.ndarray:
        needed = self.state
        accuracy = np.asarray(self.accuracy, dtype=np.float64)
        left = float(self.deadline) - transfer
        choice = np.full(left.size, int(np.argmin(self.mean)), np.int32)
        open_ = np.ones(left.size, np.bool_)
        for k in np.argsort(-accuracy, kind="stable"):
            fits = open_ & (needed[k] < left)
            choice[fits] = k
            open_ &= ~fits
        return choice

    def sizes(self, table: Any) -> list[tuple[str, int, int]]:
        return [("models", len(table.models), len(self.state))]

    def losses(self, table: Any, objective: str | None = None) -> np.ndarray:
        """1 if the answer is wrong or later than the deadline."""
        self.check_objective(objective, ("error",))
        return np.asarray(table.losses(0.0, float(self.deadline)))

    def counts(self, objective: str | None = None) -> str:
        """What the loss of a request is, in words."""
        return f"1 if wrong or later than {float(self.deadline):g} ms"

    def play(self, table: Any, arrived: np.ndarray, **options: Any) -> Plays:
        self.check_kind(table)
        transfer = table.get("transfer")
        start = time.perf_counter()
        choice = self._choose(np.zeros(len(table)) if transfer is None else transfer)
        return Plays(choice, seconds=time.perf_counter() - start)
