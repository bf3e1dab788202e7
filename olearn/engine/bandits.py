"""Bandit policies against an environment, many runs, in fused compiled loops.

Each run of each policy is one compiled loop (draw, pull, update, account) that notes the regret at
checkpoints only. Run r of every policy faces the same reward table, made from (seed, r), and owns a
random stream made from (seed, r) alone: adding a policy or changing the order changes no other row.

Examples
--------
>>> from olearn.environments import bernoulli
>>> from olearn.learners.bandits import UCB1
>>> result = simulate(bernoulli([0.2, 0.8]), [UCB1(arms=2)], horizon=200, runs=5, seed=1)
>>> result.rows[0].policy, result.rows[0].regret.shape == (5, result.checkpoints.size)
('ucb1', True)
"""

from __future__ import annotations

import math
import platform
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import numpy as np

from olearn._table import text_table
from olearn._version import __version__
from olearn.bounds import Bound
from olearn.environments.bandit import BanditEnvironment
from olearn.environments.constants import gaussian_lower, lai_robbins, minimax_lower
from olearn.environments.contextual import ContextualEnvironment
from olearn.errors import NotSupportedError, ParameterError, check_int, check_positive_int
from olearn.learners.bandits._base import BanditPolicy

#: Stream number of a policy's randomness in run r: SeedSequence(seed, spawn_key=(STREAM, r)).
STREAM = 0xB4D


@dataclass(frozen=True)
class BanditRow:
    """One policy's runs.

    Attributes
    ----------
    label : str
        The policy as it was asked for, e.g. ``"ucb(alpha=1)"``.
    policy : str
    parameters : dict
        Tunable parameters with the values in use.
    regret : ndarray, float64 (runs, C)
        Against the best fixed arm (the best m arms): pseudo-regret where rewards are stochastic, the
        regret on the rewards obtained against a matrix or an adversary.
    dynamic_regret : ndarray, float64 (runs, C) or None
        Against the best arm of each phase (a matrix: of each round); None for an adversary.
    gain : ndarray, float64 (runs, C)
        Rewards obtained.
    weak_regret : float
        The largest over arms of the mean over runs of (the arm's rewards - rewards obtained) at the end:
        what bounds "in expectation" speak of.
    plays : ndarray, float64 (K,)
        Mean number of pulls of each arm.
    seconds : float
        Time in the loops, compilation excluded.
    bound : Bound or None
    """

    label: str
    policy: str
    parameters: dict[str, Any]
    regret: np.ndarray
    dynamic_regret: np.ndarray | None
    gain: np.ndarray
    weak_regret: float
    plays: np.ndarray
    seconds: float
    bound: Bound | None

    @property
    def mean(self) -> np.ndarray:
        """Mean regret at each checkpoint, float64 (C,)."""
        return np.asarray(self.regret.mean(axis=0))

    @property
    def stderr(self) -> np.ndarray:
        """Standard error of the mean, NaN for one run, float64 (C,)."""
        runs = self.regret.shape[0]
        if runs == 1:
            return np.full(self.regret.shape[1], math.nan)
        return np.asarray(self.regret.std(axis=0, ddof=1) / math.sqrt(runs))

    @property
    def steps_per_second(self) -> float:
        """Rounds a second over all runs."""
        return float("inf") if self.seconds == 0.0 else self._steps / self.seconds

    _steps: int = field(default=0, repr=False)


@dataclass(frozen=True)
class BanditReplay:
    """What :func:`simulate` returns.

    Attributes
    ----------
    environment : BanditEnvironment
    checkpoints : ndarray, int64 (C,)
        Rounds at which regret is noted; the last is the horizon.
    horizon, runs, seed : int
    m : int
        Arms in a play: 1, or the size of a set.
    rows : list of BanditRow
    """

    environment: Any
    checkpoints: np.ndarray
    horizon: int
    runs: int
    seed: int
    m: int
    rows: list[BanditRow]

    def lai_robbins(self) -> float | None:
        """The constant in front of ln T, where it is known (stationary Bernoulli or Gaussian, m = 1)."""
        env = self.environment
        if not env.stationary or self.m > 1 or env.kind not in ("bernoulli", "gaussian"):
            return None
        return lai_robbins(env.means[0], std=env.scale if env.kind == "gaussian" else None)

    def minimax_lower(self) -> float | None:
        """A lower bound on the worst-case regret at the horizon for this kind of rewards (m = 1, one phase)."""
        env = self.environment
        if self.m > 1 or env.breaks.size:
            return None
        if env.kind == "gaussian":
            lower = gaussian_lower(env.arms, self.horizon) if self.horizon >= env.arms - 1 else None
            return lower if lower is None else lower * env.scale
        return minimax_lower(env.arms, self.horizon)

    def hindsight_regret(self, row: BanditRow) -> np.ndarray:
        """The regret on the rewards as drawn: the best fixed arm (set) in hindsight minus rewards obtained.

        For a matrix or an adversary this is ``row.regret``; for stochastic rewards the reward tables are
        drawn again, O(runs * horizon * arms).

        Returns
        -------
        ndarray, float64 (runs, C)
        """
        env = self.environment
        if not env.stochastic:
            return row.regret
        if isinstance(env, ContextualEnvironment):
            raise NotSupportedError("contextual rewards have no best fixed arm in hindsight here")
        out = np.empty_like(row.gain)
        for r in range(self.runs):
            totals = np.cumsum(env.rewards(self.horizon, self.seed, r), axis=0)[self.checkpoints - 1]
            out[r] = np.sort(totals, axis=1)[:, -self.m :].sum(axis=1) - row.gain[r]
        return out

    def __str__(self) -> str:
        """The table that the command prints."""
        columns = ("policy", "horizon", "runs", "regret_mean", "regret_stderr", "bound", "steps_per_second")
        return text_table(self.table(), columns)

    def manifest(self) -> dict[str, Any]:
        """What a run is made of, for a file that somebody reads a year later."""
        import numba

        env = self.environment
        return {
            "game": "bandit",
            "olearn": __version__,
            "python": platform.python_version(),
            "numpy": np.__version__,
            "numba": numba.__version__,
            "machine": platform.machine(),
            "environment": repr(env),
            "arms": env.arms,
            "set_size": self.m,
            "horizon": self.horizon,
            "runs": self.runs,
            "seed": self.seed,
            "regret": self.regret_kind(),
            "lai_robbins": self.lai_robbins(),
            "minimax_lower": self.minimax_lower(),
        }

    def regret_kind(self) -> str:
        """What the regret is, in words."""
        best = "best fixed arm" if self.m == 1 else f"best fixed set of {self.m} arms"
        if self.environment.stochastic:
            return f"pseudo-regret: mean reward of the {best} minus mean reward of the arms played"
        return f"regret: rewards of the {best} in hindsight minus rewards obtained"

    def headline(self, row: BanditRow) -> np.ndarray:
        """The regret to look at first: where means change, against the best arm of each phase; (runs, C)."""
        if self.environment.breaks.size and row.dynamic_regret is not None:
            return row.dynamic_regret
        return row.regret

    def table(self) -> list[dict[str, Any]]:
        """One dict for each policy: the row that the command prints."""
        out = []
        for row in self.rows:
            dynamic = row.dynamic_regret
            out.append(
                {
                    "policy": row.label,
                    "horizon": self.horizon,
                    "runs": self.runs,
                    "regret_mean": float(row.mean[-1]),
                    "regret_stderr": float(row.stderr[-1]),
                    "bound": None if row.bound is None else row.bound.value,
                    "regret_dynamic": None if dynamic is None else float(dynamic[:, -1].mean()),
                    "reward_mean": float(row.gain[:, -1].mean()),
                    "steps_per_second": row.steps_per_second,
                    "parameters": row.parameters,
                    "bound_formula": None if row.bound is None else row.bound.formula,
                    "bound_guarantee": None if row.bound is None else row.bound.guarantee,
                }
            )
        return out


def default_checkpoints(horizon: int, points: int = 100) -> np.ndarray:
    """Rounds spread evenly and by powers, so that a curve is smooth on both kinds of axis."""
    even = np.linspace(1, horizon, min(points, horizon))
    powers = np.geomspace(1, horizon, min(points // 2, horizon))
    return np.unique(np.concatenate([even, powers]).round().astype(np.int64))


def simulate(
    environment: BanditEnvironment | ContextualEnvironment,
    policies: BanditPolicy | Sequence[BanditPolicy],
    horizon: int,
    runs: int = 100,
    seed: int = 0,
    *,
    checkpoints: Any = None,
    labels: Sequence[str] | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> BanditReplay:
    """Run every policy `runs` times against the environment.

    Parameters
    ----------
    environment : BanditEnvironment or ContextualEnvironment
    policies : BanditPolicy or sequence of BanditPolicy
        Templates: each run uses a fresh copy with its own random stream; the templates stay as they are.
    horizon : int
        Rounds of each run.
    runs : int
    seed : int
        Fixes the reward tables and the policies' randomness.
    checkpoints : array_like of int, optional
        Rounds to note, increasing, at most `horizon`; default about 150 of them.
    labels : sequence of str, optional
        One name for each policy; default the policy's name.
    progress : callable, optional
        Called as ``progress(done, total)`` after every run.

    Raises
    ------
    ParameterError
        If a size doesn't fit: arms, rows of a matrix, checkpoints, sets of different size.
    NotSupportedError
        If a policy for rewards in [0, 1] meets other rewards.
    """
    horizon, runs = check_positive_int("horizon", horizon), check_positive_int("runs", runs)
    check_int("seed", seed, minimum=0)
    environment._check_rounds(horizon)
    policies = [policies] if isinstance(policies, BanditPolicy) else list(policies)
    if not policies:
        raise ParameterError("give at least one policy")
    for policy in policies:
        if not isinstance(policy, BanditPolicy):
            raise NotSupportedError(f"a policy is a bandit such as UCB1(arms=3), got {policy!r}")
    marks = _checked_marks(horizon, checkpoints)
    for policy in policies:
        policy.validate()
    sizes = {p.set_size for p in policies}
    if len(sizes) > 1:
        raise ParameterError(f"policies must play sets of one size, got sizes {sorted(sizes)}")
    m = sizes.pop()
    for policy in policies:
        policy.check_environment(environment)
    best = dynamic = np.zeros(marks.size)
    if not environment.adaptive:
        best, dynamic = environment.best_value(marks, m), environment.dynamic_value(marks, m)
    rows = []
    total, done = runs * len(policies), 0
    for index, policy in enumerate(policies):
        _warm_up(environment, policy)
        shape = (runs, marks.size)
        gain, value, own_best = np.empty(shape), np.empty(shape), np.empty(shape)
        arm_gain = np.zeros(policy.arms)
        plays = np.zeros(policy.arms)
        seconds = 0.0
        for r in range(runs):
            fresh = _copy(policy, seed, r)
            data = environment.data(seed, r)
            start = time.perf_counter()
            record = fresh.play(data, marks)
            seconds += time.perf_counter() - start
            gain[r], value[r] = record.gain, record.value
            plays += record.plays.sum(axis=0)
            if environment.adaptive:
                own_best[r] = np.sort(record.arm_gain, axis=1)[:, -m:].sum(axis=1)
                arm_gain += record.arm_gain[-1]
            done += 1
            if progress is not None:
                progress(done, total)
        if environment.adaptive:
            regret: np.ndarray = own_best - gain
            dynamic_regret: np.ndarray | None = None
            weak = float(np.sort(arm_gain / runs)[-m:].sum() - gain[:, -1].mean())
        else:
            obtained = value if environment.stochastic else gain
            regret = best - obtained
            dynamic_regret = dynamic - obtained
            weak = float(regret[:, -1].mean())
        means = environment.means[0] if environment.stationary else None
        label = labels[index] if labels is not None else policy.name
        rows.append(
            BanditRow(
                label,
                policy.name,
                policy.parameters(),
                regret,
                dynamic_regret,
                gain,
                weak,
                plays / runs,
                seconds,
                _bound(policy, environment, horizon, means),
                _steps=runs * horizon,
            )
        )
    return BanditReplay(environment, marks, horizon, runs, seed, m, rows)


class Duel(NamedTuple):
    """What :func:`duel` returns.

    Attributes
    ----------
    arms : ndarray, int64 (T,)
        The arm pulled in each round.
    table : ndarray, float64 (T, K)
        The rewards that the adversary set.
    gain : ndarray, float64 (T,)
        Rewards obtained so far.
    regret : ndarray, float64 (T,)
        Rewards so far of the best fixed arm in hindsight minus rewards obtained.
    """

    arms: np.ndarray
    table: np.ndarray
    gain: np.ndarray
    regret: np.ndarray


def duel(policy: BanditPolicy, adversary: Callable[[int, np.ndarray, np.ndarray], None], rounds: int) -> Duel:
    """Play a policy against an adversary of your own, round by round.

    Parameters
    ----------
    policy : BanditPolicy
        Plays on from its current state.
    adversary : callable
        ``adversary(t, plays, rewards)`` fills `rewards` (float64 (K,)) for round t (from 0), knowing how often
        each arm was pulled so far (`plays`, int64 (K,), read only). A Python function or a compiled one; it
        must not depend on the arm of round t itself.
    rounds : int

    Returns
    -------
    Duel

    Notes
    -----
    About 10 microseconds a round; those of :func:`olearn.environments.adaptive` run in the fused loop.

    Examples
    --------
    >>> from olearn.learners.bandits import Exp3IX
    >>> def grudge(t, plays, rewards):
    ...     rewards[:] = plays == plays.min()
    >>> game = duel(Exp3IX(arms=3, horizon=100, seed=1), grudge, 100)
    >>> bool(game.regret[-1] <= 100)
    True
    """
    rounds = check_positive_int("rounds", rounds)
    policy.validate()
    plays, arms = np.zeros(policy.arms, np.int64), np.empty(rounds, np.int64)
    seen = plays.view()
    seen.flags.writeable = False
    table = np.zeros((rounds, policy.arms))
    for t in range(rounds):
        adversary(t, seen, table[t])
        arms[t] = arm = policy.pull()
        policy.update(arm, table[t, arm])
        plays[arm] += 1
    gain = np.cumsum(table[np.arange(rounds), arms])
    return Duel(arms, table, gain, np.cumsum(table, axis=0).max(axis=1) - gain)


def _bound(policy: BanditPolicy, env: Any, horizon: int, means: np.ndarray | None) -> Bound | None:
    """The policy's bound where its assumptions hold: index policies need stationary stochastic rewards."""
    if isinstance(env, ContextualEnvironment):
        return _contextual_bound(policy, env, horizon)
    if not policy.weighted and not env.stationary:
        return None
    sub_gaussian = env.kind == "gaussian" and env.scale <= 1.0 and not policy.bound_needs_unit()
    return policy.bound(horizon, means) if env.unit_rewards or sub_gaussian else None


def _contextual_bound(policy: Any, env: ContextualEnvironment, horizon: int) -> Bound | None:
    """LinUCB's bound, if the environment is as the policy was told."""
    if not hasattr(policy, "norm") or env.theta_norm > policy.norm or env.std > policy.noise:
        return None
    if np.abs(env.means).max() > 1.0:
        return None
    bound: Bound | None = policy.bound(horizon, length=float(np.linalg.norm(env.contexts, axis=2).max()))
    return bound


def _checked_marks(horizon: int, checkpoints: Any) -> np.ndarray:
    if checkpoints is None:
        return default_checkpoints(horizon)
    marks = np.asarray(checkpoints)
    if marks.ndim != 1 or marks.size == 0 or marks.dtype.kind not in "iu" or (np.diff(marks) <= 0).any():
        raise ParameterError("checkpoints must be increasing whole numbers")
    if marks[0] < 1 or marks[-1] > horizon:
        raise ParameterError(f"checkpoints must be between 1 and {horizon}, got {marks[0]} to {marks[-1]}")
    if marks[-1] < horizon:
        marks = np.append(marks, horizon)
    return np.ascontiguousarray(marks, np.int64)


def _copy(policy: BanditPolicy, seed: int, run: int) -> BanditPolicy:
    """A fresh policy with the parameters of the template and the random stream of one run."""
    fresh = policy.copy()
    fresh.reset()
    fresh.seed = int(np.random.SeedSequence(seed, spawn_key=(STREAM, run)).generate_state(1, np.uint64)[0])
    return fresh


def _warm_up(env: Any, policy: BanditPolicy) -> None:
    """Compile before the clock runs."""
    _copy(policy, 0, 0).play(env.data(0, 0), np.array([1]))
