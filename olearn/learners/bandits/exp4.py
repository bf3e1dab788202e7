r"""Exp4: exponential weights over experts that advise distributions over arms.

Rule: in each round N experts each name a distribution over the arms, the rows of E; with weights q over the
experts the arm is drawn from :math:`p = q^\top E`. With the loss l = 1 - reward of the pulled arm A,

.. math:: \hat L_n \leftarrow \hat L_n + E_{n,A} \frac{l}{p_A + \gamma}, \qquad q_n \propto e^{-\eta \hat L_n},

eta = sqrt(2 ln N/(K T)), gamma = 0.

Cost: O(N K) a round, N exponentials. Memory: 24 bytes an expert and N K for the advice.

Regret against the best expert in expectation, advice and rewards fixed beforehand: sqrt(2 T K ln N). For
experts that agree it is at most ln N/eta + eta T E*/2 with E* = sum_t sum_i max_n E_{t,n,i} / T, so
sqrt(2 T E* ln N) if eta is tuned with E* in place of K.

References
----------
.. [1] P. Auer, N. Cesa-Bianchi, Y. Freund and R. Schapire, "The nonstochastic multiarmed bandit
   problem", SIAM J. Computing 32(1), 2002.
.. [2] T. Lattimore and C. Szepesvari, *Bandit Algorithms*, Cambridge 2020, chapter 18.

Examples
--------
>>> policy = Exp4(arms=2, experts=3, horizon=1000, seed=1)
>>> advice = [[1.0, 0.0], [0.0, 1.0], [0.5, 0.5]]
>>> policy.update(policy.pull(advice), 1.0)
>>> round(policy.bound().value, 2)
66.29
"""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import numpy as np

from olearn._jit import kernel
from olearn._rng import categorical, new_state
from olearn.bounds import Bound
from olearn.environments import _kernels as env_kernels
from olearn.environments.contextual import account_context, draw_context, logged
from olearn.errors import NotSupportedError, ParameterError, check_positive_int, check_real
from olearn.learners.bandits._base import WeightedPolicy
from olearn.learners.bandits._shared import LARGEST


class State(NamedTuple):
    loss: np.ndarray  # float64 (N,): estimated cumulative losses of the experts
    q: np.ndarray  # float64 (N,): weights of the experts, sum 1
    p: np.ndarray  # float64 (K,): chances of the arms
    draw: np.ndarray  # float64 (1,): chance of the last draw
    clock: np.ndarray  # int64 (1,): rounds
    rng: np.ndarray  # uint64 (4,)
    eta: float
    gamma: float


def init(arms: int, experts: int, eta: float, gamma: float, seed: int) -> State:
    q = np.full(experts, 1.0 / experts)
    return State(
        np.zeros(experts),
        q,
        np.full(arms, 1.0 / arms),
        np.ones(1),
        np.zeros(1, np.int64),
        new_state(seed),
        float(eta),
        float(gamma),
    )


@kernel
def mix(state, advice):
    """p = q' E; returns its sum."""
    p = state.p
    for i in range(p.size):
        p[i] = 0.0
    for n in range(advice.shape[0]):
        for i in range(p.size):
            p[i] += state.q[n] * advice[n, i]
    total = 0.0
    for i in range(p.size):
        total += p[i]
    return total


@kernel
def pull(state, advice):
    total = mix(state, advice)
    arm = categorical(state.rng, state.p, total)
    state.draw[0] = state.p[arm] / total
    return arm


@kernel
def update(state, advice, arm, reward):
    loss, q = state.loss, state.q
    estimate = (1.0 - reward) / (state.draw[0] + state.gamma)
    low = math.inf
    for n in range(loss.size):
        loss[n] = min(LARGEST, loss[n] + advice[n, arm] * estimate)
        low = min(low, loss[n])
    total = 0.0
    for n in range(loss.size):
        q[n] = math.exp(-state.eta * (loss[n] - low))
        total += q[n]
    for n in range(loss.size):
        q[n] /= total
    state.clock[0] += 1


@kernel
def run(state, env, record):
    rows = env.contexts.shape[0]
    for t in range(record.rounds):
        row = t % rows
        advice = env.contexts[row]
        arm = pull(state, advice)
        reward = draw_context(env, t, row, arm)
        update(state, advice, arm, reward)
        account_context(env, record, t, row, arm, reward)


class Exp4(WeightedPolicy):
    """Exp4; see :mod:`olearn.learners.bandits.exp4`.

    Parameters
    ----------
    arms, experts : int
        K and N.
    horizon : int, optional
    eta : float, optional
        Learning rate; default sqrt(2 ln N/(K T)).
    gamma : float, default 0
        Implicit exploration.
    seed : int, default 0

    Examples
    --------
    >>> Exp4(arms=2, experts=2, eta=0.1).probabilities([[1.0, 0.0], [0.5, 0.5]])
    array([0.75, 0.25])
    """

    name = "exp4"
    shape = "advice"
    rule = "p = q' E, L_n += E[n, arm] (1 - reward)/p_arm, q ~ exp(-eta L)"
    tuning = "eta = sqrt(2 ln N/(K T)) (needs the horizon)"
    reference = "Auer, Cesa-Bianchi, Freund and Schapire, SICOMP 2002; Bandit Algorithms, chapter 18"
    pull_kernel, update_kernel, run_kernel = staticmethod(pull), staticmethod(update), staticmethod(run)

    def __init__(
        self,
        arms: int,
        experts: int,
        horizon: int | None = None,
        *,
        eta: float | None = None,
        gamma: float = 0.0,
        seed: int = 0,
    ) -> None:
        super().__init__(arms, horizon, seed=seed)
        self.experts = experts
        self.eta = eta
        self.gamma = gamma

    @classmethod
    def tunable(cls) -> dict[str, Any]:
        return {n: p for n, p in super().tunable().items() if n != "experts"}

    @classmethod
    def example(cls) -> Any:
        """Ten arms, five experts, ten thousand rounds."""
        return cls(10, 5, 10_000)

    def parameters(self) -> dict[str, Any]:
        if self.eta is not None:
            eta = check_real("eta", self.eta, 0.0, open_low=True)
        else:
            log = 2.0 * math.log(self.experts)
            eta = math.sqrt(log / (self.arms * self.require_horizon("eta")))
        return {"eta": eta, "gamma": check_real("gamma", self.gamma, 0.0)}

    def validate(self) -> None:
        super().validate()
        self.experts = check_positive_int("experts", self.experts)
        self.parameters()

    def _init(self) -> State:
        p = self.parameters()
        return init(self.arms, self.experts, p["eta"], p["gamma"], self.seed)

    def _advice(self, advice: Any) -> np.ndarray:
        _ = self.state  # checks the sizes before the advice is held against them
        table = np.ascontiguousarray(advice, np.float64)
        if table.shape != (self.experts, self.arms):
            raise ParameterError(
                f"{self.name}: advice must have shape ({self.experts}, {self.arms}), got {table.shape}"
            )
        if not (table >= 0.0).all() or not np.allclose(table.sum(axis=1), 1.0, atol=1e-9):
            raise ParameterError(
                f"{self.name}: every row of the advice of round {self.rounds} must be a distribution"
            )
        return table

    def probabilities(self, advice: Any = None) -> np.ndarray:
        """The chance of each arm under `advice`, float64 (arms,)."""
        if advice is None:
            raise ParameterError(f"{self.name}: probabilities need the advice of the round")
        return np.asarray(self.state.q @ self._advice(advice))

    def pull(self, advice: Any = None) -> int:
        """The arm to play; a second call before :meth:`update` with the same advice returns the same.

        Parameters
        ----------
        advice : array_like of float, shape (experts, arms)
            Each row a distribution over the arms.
        """
        if advice is None:
            raise ParameterError(f"{self.name}: pull needs the advice of the round")
        table = self._advice(advice)
        if self._pending is None or not np.array_equal(self._pending[1], table):
            self._pending = (int(type(self).pull_kernel(self.state, table)), table.copy())
        return int(self._pending[0])

    def update(self, arm: int, reward: float, propensity: float | None = None, *, advice: Any = None) -> None:
        """Tell the policy what an arm paid.

        Parameters
        ----------
        arm : int
        reward : float in [0, 1]
        propensity : float, optional
            The chance with which `arm` was drawn; needed, with `advice`, unless it was just pulled.
        advice : array_like of float, shape (experts, arms), optional
        """
        state = self.state
        if not (isinstance(arm, (int, np.integer)) and 0 <= arm < self.arms):
            raise ParameterError(f"{self.name}: arm must be between 0 and {self.arms - 1}, got {arm!r}")
        value = self._reward(reward, arm)
        just = self._pending is not None and self._pending[0] == arm
        if propensity is None and (advice is not None or not just):
            raise ParameterError(
                f"{self.name}: arm {arm} was not just pulled: give its propensity and the advice"
            )
        if advice is None and self._pending is None:
            raise ParameterError(f"{self.name}: give the advice of the pull that this reward is for")
        table = self._pending[1] if advice is None else self._advice(advice)
        if propensity is not None:
            state.draw[0] = check_real("propensity", propensity, 0.0, 1.0, open_low=True)
        type(self).update_kernel(state, table, int(arm), value)
        self._pending = None

    def check_environment(self, env: Any) -> None:
        """Exp4 plays :meth:`run` with advice, not environments."""
        raise NotSupportedError(f"{self.name} needs the experts' advice: use its run(rewards, advice)")

    def run(self, rewards: Any, advice: Any = None) -> np.ndarray:
        """Play logged rounds in one compiled loop, as a loop over the two verbs would.

        Parameters
        ----------
        rewards : array_like of float in [0, 1], shape (T, arms)
        advice : array_like of float, shape (T, experts, arms)

        Returns
        -------
        ndarray, float64 (T,)
        """
        table = np.ascontiguousarray(advice, np.float64)
        if table.ndim != 3 or table.shape[1:] != (self.experts, self.arms):
            raise ParameterError(
                f"{self.name}: advice must have shape (T, {self.experts}, {self.arms}), got {table.shape}"
            )
        if not (table >= 0.0).all() or not np.allclose(table.sum(axis=2), 1.0, atol=1e-9):
            raise ParameterError(f"{self.name}: every row of the advice must be a distribution")
        paid = np.ascontiguousarray(rewards, np.float64)
        if paid.shape != (table.shape[0], self.arms):
            raise ParameterError(
                f"{self.name}: rewards must have shape ({table.shape[0]}, {self.arms}), got {paid.shape}"
            )
        bad = np.argwhere(~((paid >= 0.0) & (paid <= 1.0)))
        if bad.size:
            t, arm = (int(v) for v in bad[0])
            where = f"reward of round {self.rounds + t} is {paid[t, arm]} (arm {arm})"
            raise ParameterError(f"{self.name}: {where}; rewards must be in [0, 1]")
        self._pending = None
        rounds = paid.shape[0]
        # the number of advice rows is that of experts, so `logged` would refuse it: build the data directly
        data = logged(np.zeros((1, 1, 1)), np.zeros((1, 1))).data()._replace(contexts=table, means=paid)
        record = env_kernels.new_record(np.array([rounds]), (1, self.arms), False, 1, True)
        type(self).run_kernel(self.state, data, record)
        return np.asarray(paid[np.arange(rounds), record.trace[:, 0]])

    def bound(self, horizon: int | None = None, means: Any = None) -> Bound | None:
        t = self._rounds_of_bound(horizon)
        if self.eta is not None or self.gamma > 0 or t != self.horizon:
            return None
        return Bound(
            math.sqrt(2.0 * t * self.arms * math.log(self.experts)),
            "sqrt(2 T K ln N)",
            "best expert",
            "in expectation",
            ("rewards in [0, 1], rewards and advice fixed beforehand",),
            "Lattimore and Szepesvari 2020, Theorem 18.1",
        )
