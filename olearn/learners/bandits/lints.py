r"""LinTS: Thompson sampling for rewards that are linear in the features of an arm.

Rule: draw :math:`\tilde\theta \sim N(\theta, v^2 V^{-1})`, V = lambda I + sum of x x', theta the ridge
estimate, and pull the arm with the largest :math:`\langle \tilde\theta, x_a \rangle`;
v = R sqrt(9 d ln(t/delta)) in the proof, often a small constant in practice.

The Cholesky factor of V is kept by rank-one updates, which are stable because V only grows; theta and the draw
are triangular solves.

Cost: O(d^2) and d normals a round for each model, O(K d) for the arms. Memory: 8 d^2 bytes a model.

Regret: O~(d^(3/2) sqrt(T)) (Agrawal and Goyal; constants are not explicit, none is declared).

References
----------
.. [1] S. Agrawal and N. Goyal, "Thompson sampling for contextual bandits with linear payoffs", ICML 2013.

Examples
--------
>>> policy = LinTS(arms=2, dimension=2, v=0.1, seed=1)
>>> x = [[1.0, 0.0], [0.0, 1.0]]
>>> for _ in range(20):
...     arm = policy.pull(x)
...     policy.update(arm, float(arm == 1))
>>> policy.pull(x)
1
"""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import numpy as np

from olearn._jit import kernel
from olearn._rng import new_state, normal
from olearn.environments.contextual import account_context, draw_context
from olearn.errors import check_real
from olearn.learners.bandits._linear import ContextualPolicy, solve_lower, solve_upper


class State(NamedTuple):
    theta: np.ndarray  # float64 (M, d): ridge estimates, M = 1 or K models
    factor: np.ndarray  # float64 (M, d, d): lower Cholesky factors of V
    target: np.ndarray  # float64 (M, d): sum of reward * x
    sample: np.ndarray  # float64 (M, d): draws of this round
    work: np.ndarray  # float64 (d,): scratch
    clock: np.ndarray  # int64 (1,): rounds
    rng: np.ndarray  # uint64 (4,)
    v: float  # constant, or nan
    scale: float  # R sqrt(9 d)
    delta: float


def init(
    arms: int, d: int, disjoint: bool, regularisation: float, v: float, noise: float, delta: float, seed: int
) -> State:
    models = arms if disjoint else 1
    theta, target, sample = np.zeros((3, models, d))
    return State(
        theta,
        np.tile(np.eye(d) * math.sqrt(regularisation), (models, 1, 1)),
        target,
        sample,
        np.zeros(d),
        np.zeros(1, np.int64),
        new_state(seed),
        float(v),
        noise * math.sqrt(9.0 * d),
        float(delta),
    )


@kernel
def pull(state, contexts):
    models, d = state.theta.shape
    shared = contexts.shape[0] == 1
    v = state.v
    if math.isnan(v):
        v = state.scale * math.sqrt(math.log((state.clock[0] + 1.0) / state.delta))
    for m in range(models):
        sample = state.sample[m]
        for i in range(d):
            sample[i] = normal(state.rng)
        solve_upper(state.factor[m], sample)  # covariance V^-1
        for i in range(d):
            sample[i] = state.theta[m, i] + v * sample[i]
    best = 0
    top = -math.inf
    for arm in range(max(models, contexts.shape[0])):
        m = arm if models > 1 else 0
        value = 0.0
        for i in range(d):
            value += state.sample[m, i] * (contexts[0, i] if shared else contexts[arm, i])
        if value > top:
            top = value
            best = arm
    return best


@kernel
def rank_one(factor, work):
    """The Cholesky factor of L L' + w w' in place; `work` (w) is used up."""
    d = work.size
    for k in range(d):
        diagonal = factor[k, k]
        r = math.sqrt(diagonal * diagonal + work[k] * work[k])
        c, s = r / diagonal, work[k] / diagonal
        factor[k, k] = r
        for i in range(k + 1, d):
            factor[i, k] = (factor[i, k] + s * work[i]) / c
            work[i] = c * work[i] - s * factor[i, k]


@kernel
def update(state, contexts, arm, reward):
    m = arm if state.theta.shape[0] > 1 else 0
    at = 0 if contexts.shape[0] == 1 else arm
    theta, work = state.theta[m], state.work
    for i in range(work.size):
        work[i] = contexts[at, i]
        state.target[m, i] += reward * work[i]
        theta[i] = state.target[m, i]
    rank_one(state.factor[m], work)
    solve_lower(state.factor[m], theta)
    solve_upper(state.factor[m], theta)
    state.clock[0] += 1


@kernel
def run(state, env, record):
    rows = env.contexts.shape[0]
    for t in range(record.rounds):
        row = t % rows
        contexts = env.contexts[row]
        arm = pull(state, contexts)
        reward = draw_context(env, t, row, arm)
        update(state, contexts, arm, reward)
        account_context(env, record, t, row, arm, reward)


class LinTS(ContextualPolicy):
    """Linear Thompson sampling; see :mod:`olearn.learners.bandits.lints`.

    Parameters
    ----------
    arms, dimension : int
    horizon : int, optional
        Not used.
    disjoint : bool, default False
        One model for each arm.
    regularisation : float, default 1
        lambda.
    v : float, optional
        Width of the posterior; default R sqrt(9 d ln(t/delta)).
    noise : float, default 1
        Sub-Gaussian constant R of the noise.
    delta : float, default 0.05
    seed : int, default 0

    Examples
    --------
    >>> LinTS(arms=3, dimension=2, disjoint=True, v=0.5).pull([1.0, 0.5]) in range(3)
    True
    """

    name = "lints"
    randomised = True
    rule = "draw theta ~ N(ridge estimate, v^2 V^-1), pull argmax <theta, x>"
    tuning = "v = R sqrt(9 d ln(t/delta)); lambda = R = 1, delta = 0.05"
    reference = "Agrawal and Goyal, ICML 2013"
    pull_kernel, update_kernel, run_kernel = staticmethod(pull), staticmethod(update), staticmethod(run)

    def __init__(
        self,
        arms: int,
        dimension: int,
        horizon: int | None = None,
        *,
        disjoint: bool = False,
        regularisation: float = 1.0,
        v: float | None = None,
        noise: float = 1.0,
        delta: float = 0.05,
        seed: int = 0,
    ) -> None:
        super().__init__(arms, dimension, horizon, disjoint=disjoint, regularisation=regularisation, seed=seed)
        self.v = v
        self.noise = noise
        self.delta = delta

    def validate(self) -> None:
        super().validate()
        if self.v is not None:
            check_real("v", self.v, 0.0)
        check_real("noise", self.noise, 0.0)
        check_real("delta", self.delta, 0.0, 1.0, open_low=True, open_high=True)

    def _init(self) -> State:
        v: Any = math.nan if self.v is None else self.v
        return init(
            self.arms,
            self.dimension,
            bool(self.disjoint),
            self.regularisation,
            v,
            self.noise,
            self.delta,
            self.seed,
        )
