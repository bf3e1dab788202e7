r"""LinUCB / OFUL: optimism for rewards that are linear in the features of an arm.

Rule: with :math:`V = \lambda I + \sum x x^\top` and the ridge estimate theta, pull the arm with the largest

.. math:: \langle \theta, x_a \rangle + \sqrt{\beta} \, \|x_a\|_{V^{-1}},
          \qquad \sqrt\beta = \sqrt\lambda S + R \sqrt{2 \ln(1/\delta) + \ln(\det V / \lambda^d)},

or with a constant width `alpha` in place of sqrt(beta) (LinUCB as first published, ``disjoint=True``: one model
for each arm).

The inverse is kept by the Sherman-Morrison formula, theta by the recursive least-squares step, the
determinant by its rank-one factor; every 1024 updates a model is rebuilt from its sums by a Cholesky
factorisation, so that rounding can't pile up.

An arm is spared its quadratic form if even trace(V^-1) |x|^2 in its place can't make it the best: exact, and
soon the rule.

Cost: O(K d^2) a round at first, O(K d + d^2) later. Memory: 16 d^2 bytes a model.

Regret (one model, R-sub-Gaussian noise, |theta| <= S, |x| <= L, means of size at most 1, lambda >=
max(1, L^2)), with chance 1 - delta: sqrt(8 T beta_T d ln((d lambda + T L^2)/(d lambda))), beta_T with the
determinant at its largest, (1 + T L^2/(d lambda))^d.

References
----------
.. [1] Y. Abbasi-Yadkori, D. Pal and C. Szepesvari, "Improved algorithms for linear stochastic bandits",
   NIPS 2011.
.. [2] L. Li, W. Chu, J. Langford and R. Schapire, "A contextual-bandit approach to personalized news article
   recommendation", WWW 2010.
.. [3] T. Lattimore and C. Szepesvari, *Bandit Algorithms*, Cambridge 2020, Theorem 19.2.

Examples
--------
>>> policy = LinUCB(arms=2, dimension=2)
>>> x = [[1.0, 0.0], [0.0, 1.0]]
>>> policy.update(policy.pull(x), 0.0)
>>> policy.pull(x)
1
"""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import numpy as np

from olearn._jit import kernel
from olearn.bounds import Bound
from olearn.environments.contextual import account_context, draw_context
from olearn.errors import check_real
from olearn.learners.bandits._linear import ContextualPolicy, cholesky, solve_lower, solve_upper

#: Updates of a model between two factorisations.
REBUILD = 1024


class State(NamedTuple):
    theta: np.ndarray  # float64 (M, d): ridge estimates, M = 1 or K models
    inverse: np.ndarray  # float64 (M, d, d)
    gram: np.ndarray  # float64 (M, d, d): V, lower half
    target: np.ndarray  # float64 (M, d): sum of reward * x
    logdet: np.ndarray  # float64 (M,): ln det V - d ln lambda
    radius: np.ndarray  # float64 (M,): sqrt(beta), or alpha
    trace: np.ndarray  # float64 (M,): of the inverse
    means: np.ndarray  # float64 (K,): scratch
    limits: np.ndarray  # float64 (K,): scratch, upper limits of the indices
    since: np.ndarray  # int64 (M,): updates since the last factorisation
    factor: np.ndarray  # float64 (d, d): scratch
    work: np.ndarray  # float64 (d,): scratch
    clock: np.ndarray  # int64 (1,): rounds
    regularisation: float
    alpha: float  # constant width, or nan
    offset: float  # sqrt(lambda) S
    log_delta: float  # 2 ln(1/delta)
    noise: float


def init(
    arms: int,
    d: int,
    disjoint: bool,
    regularisation: float,
    alpha: float,
    norm: float,
    delta: float,
    noise: float,
) -> State:
    models = arms if disjoint else 1
    eye = np.tile(np.eye(d), (models, 1, 1))
    offset = math.sqrt(regularisation) * norm
    log_delta = 2.0 * math.log(1.0 / delta)
    first = alpha if not math.isnan(alpha) else offset + noise * math.sqrt(log_delta)
    return State(
        np.zeros((models, d)),
        eye / regularisation,
        eye * regularisation,
        np.zeros((models, d)),
        np.zeros(models),
        np.full(models, first),
        np.full(models, d / regularisation),
        np.zeros(arms),
        np.zeros(arms),
        np.zeros(models, np.int64),
        np.zeros((d, d)),
        np.zeros(d),
        np.zeros(1, np.int64),
        float(regularisation),
        float(alpha),
        float(offset),
        float(log_delta),
        float(noise),
    )


@kernel
def norm_square(inverse, x):
    """x' A x for a symmetric A: half of it is enough."""
    square = 0.0
    for i in range(x.size):
        s = 0.0
        for j in range(i):
            s += inverse[i, j] * x[j]
        square += x[i] * (2.0 * s + inverse[i, i] * x[i])
    return max(0.0, square)


@kernel
def pull(state, contexts):
    models, d = state.theta.shape
    last = contexts.shape[0] - 1  # 0 if the arms share a vector
    means, limits = state.means, state.limits
    start = 0
    length = 0.0
    for arm in range(means.size):
        m = min(arm, models - 1)
        at = min(arm, last)
        theta, x = state.theta[m], contexts[at]
        mean = 0.0
        for i in range(d):
            mean += theta[i] * x[i]
        if at == arm:  # shared features have one length
            length = 0.0
            for i in range(d):
                length += x[i] * x[i]
        means[arm] = mean
        # x' A x <= trace(A) |x|^2: an arm that this rules out needs no quadratic form
        limits[arm] = mean + state.radius[m] * math.sqrt(state.trace[m] * length)
        if mean > means[start]:
            start = arm
    m = min(start, models - 1)
    best = start
    top = means[start] + state.radius[m] * math.sqrt(norm_square(state.inverse[m], contexts[min(start, last)]))
    for arm in range(means.size):
        if arm == start or limits[arm] * (1.0 + 1e-12 * (1.0 if limits[arm] > 0.0 else -1.0)) < top:
            continue
        m = min(arm, models - 1)
        index = means[arm] + state.radius[m] * math.sqrt(
            norm_square(state.inverse[m], contexts[min(arm, last)])
        )
        if index > top or (index == top and arm < best):
            top = index
            best = arm
    return best


@kernel
def rebuild(state, m):
    """Inverse, estimate and determinant of a model from its sums."""
    factor, work = state.factor, state.work
    d = work.size
    cholesky(state.gram[m], factor)
    log = 0.0
    for j in range(d):
        log += 2.0 * math.log(factor[j, j] / math.sqrt(state.regularisation))
        for i in range(d):
            work[i] = 1.0 if i == j else 0.0
        solve_lower(factor, work)
        solve_upper(factor, work)
        for i in range(d):
            state.inverse[m, i, j] = work[i]
    for i in range(d):
        work[i] = state.target[m, i]
    solve_lower(factor, work)
    solve_upper(factor, work)
    for i in range(d):
        state.theta[m, i] = work[i]
    state.logdet[m] = log
    state.trace[m] = 0.0
    for i in range(d):
        state.trace[m] += state.inverse[m, i, i]
    state.since[m] = 0


@kernel
def update(state, contexts, arm, reward):
    m = arm if state.theta.shape[0] > 1 else 0
    x = contexts[0] if contexts.shape[0] == 1 else contexts[arm]
    theta, inverse, gram, target = state.theta[m], state.inverse[m], state.gram[m], state.target[m]
    work = state.work
    d = work.size
    scale = 1.0
    error = reward
    for i in range(d):
        s = 0.0
        for j in range(d):
            s += inverse[i, j] * x[j]
        work[i] = s
        scale += x[i] * s
        error -= theta[i] * x[i]
    step = 1.0 / scale
    trace = 0.0
    for i in range(d):
        theta[i] += work[i] * error * step
        target[i] += reward * x[i]
        row = work[i] * step
        for j in range(d):
            inverse[i, j] -= row * work[j]
        for j in range(i + 1):  # the factorisation reads the lower half only
            gram[i, j] += x[i] * x[j]
        trace += inverse[i, i]
    state.trace[m] = trace
    state.logdet[m] += math.log(scale)
    state.since[m] += 1
    if state.since[m] >= REBUILD:
        rebuild(state, m)
    if math.isnan(state.alpha):
        state.radius[m] = state.offset + state.noise * math.sqrt(state.log_delta + max(0.0, state.logdet[m]))
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


class LinUCB(ContextualPolicy):
    """LinUCB / OFUL; see :mod:`olearn.learners.bandits.linucb`.

    Parameters
    ----------
    arms, dimension : int
    horizon : int, optional
        Used by :meth:`bound` only.
    disjoint : bool, default False
        One model for each arm (then each has the confidence width of its own data).
    regularisation : float, default 1
        lambda.
    alpha : float, optional
        Constant width; default the width sqrt(beta) of the confidence ellipsoid.
    delta : float, default 0.05
        Chance that the ellipsoid fails.
    norm : float, default 1
        Bound S on the length of theta.
    noise : float, default 1
        Sub-Gaussian constant R of the noise.

    Examples
    --------
    >>> policy = LinUCB(arms=3, dimension=2, disjoint=True, alpha=1.0)
    >>> policy.pull([1.0, 0.5])
    0
    """

    name = "linucb"
    rule = "pull argmax <theta, x> + sqrt(beta) |x| in the norm of V^-1"
    tuning = "sqrt(beta) = sqrt(lambda) S + R sqrt(2 ln(1/delta) + ln(det V/lambda^d)); lambda = S = R = 1"
    reference = "Abbasi-Yadkori, Pal and Szepesvari, NIPS 2011; Li et al., WWW 2010"
    pull_kernel, update_kernel, run_kernel = staticmethod(pull), staticmethod(update), staticmethod(run)

    def __init__(
        self,
        arms: int,
        dimension: int,
        horizon: int | None = None,
        *,
        disjoint: bool = False,
        regularisation: float = 1.0,
        alpha: float | None = None,
        delta: float = 0.05,
        norm: float = 1.0,
        noise: float = 1.0,
        seed: int = 0,
    ) -> None:
        super().__init__(arms, dimension, horizon, disjoint=disjoint, regularisation=regularisation, seed=seed)
        self.alpha = alpha
        self.delta = delta
        self.norm = norm
        self.noise = noise

    def validate(self) -> None:
        super().validate()
        if self.alpha is not None:
            check_real("alpha", self.alpha, 0.0)
        check_real("delta", self.delta, 0.0, 1.0, open_low=True, open_high=True)
        check_real("norm", self.norm, 0.0)
        check_real("noise", self.noise, 0.0)

    def _init(self) -> State:
        alpha = math.nan if self.alpha is None else float(self.alpha)
        return init(
            self.arms,
            self.dimension,
            bool(self.disjoint),
            self.regularisation,
            alpha,
            self.norm,
            self.delta,
            self.noise,
        )

    def bound(self, horizon: int | None = None, means: Any = None, length: float = 1.0) -> Bound | None:
        """The regret bound; `length` is the bound L on the length of a feature vector."""
        t = self._rounds_of_bound(horizon)
        if self.alpha is not None or self.disjoint or self.regularisation < max(1.0, length**2) * (1 - 1e-12):
            return None
        d, lam = self.dimension, self.regularisation
        log = math.log(1.0 + t * length**2 / (d * lam))
        root = math.sqrt(lam) * self.norm + self.noise * math.sqrt(2.0 * math.log(1.0 / self.delta) + d * log)
        return Bound(
            math.sqrt(8.0 * d * t * max(1.0, root) ** 2 * log),
            "sqrt(8 d T beta ln(1 + T L^2/(d lambda)))",
            "best arm of each round",
            f"with probability {1.0 - self.delta:g}",
            (
                f"rewards are linear in the features with R-sub-Gaussian noise, R = {self.noise:g}",
                f"|theta| <= {self.norm:g}, |x| <= {length:g}, means differ by at most 2",
            ),
            "Abbasi-Yadkori et al. 2011; Lattimore and Szepesvari 2020, Theorem 19.2",
        )
