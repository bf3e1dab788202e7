"""Combinatorial semi-bandits: a play is a set of m arms, and the reward of each of them is seen."""

from __future__ import annotations

from typing import Any, ClassVar

import numpy as np

from olearn._jit import kernel
from olearn._rng import uniform
from olearn.environments.bandit import matrix
from olearn.errors import NotSupportedError, ParameterError, check_positive_int
from olearn.learners.bandits._base import BanditPolicy


@kernel
def top(values, chosen):
    """The positions of the largest values, as many as `chosen` holds, into `chosen`; ties to the lowest."""
    m = chosen.size
    held = 0
    for i in range(values.size):
        if held == m and not values[i] > values[chosen[m - 1]]:
            continue
        at = held if held < m else m - 1
        while at > 0 and values[i] > values[chosen[at - 1]]:
            chosen[at] = chosen[at - 1]
            at -= 1
        chosen[at] = i
        if held < m:
            held += 1


@kernel
def dependent_round(rng, x, work, chosen):
    """DepRound: a set with P(i in set) = x_i, for 0 <= x <= 1 with whole sum; O(K).

    Two fractional entries at a time trade mass until one of them is 0 or 1.
    """
    arms = x.size
    for i in range(arms):
        work[i] = x[i]
    held = -1  # the one entry so far that is still fractional
    for i in range(arms):
        if not (work[i] > 0.0 and work[i] < 1.0):
            continue
        if held < 0:
            held = i
            continue
        up = min(1.0 - work[held], work[i])
        down = min(work[held], 1.0 - work[i])
        both = work[held] + work[i]
        if uniform(rng) * (up + down) < down:
            work[held], work[i] = (1.0, both - 1.0) if up == 1.0 - work[held] else (both, 0.0)
        else:
            work[held], work[i] = (0.0, both) if down == work[held] else (both - 1.0, 1.0)
        if not (work[held] > 0.0 and work[held] < 1.0):
            held = i if work[i] > 0.0 and work[i] < 1.0 else -1
    # rounding errors of the sum end up in the last fractional entry: the m largest are the set
    top(work, chosen)


class SetPolicy(BanditPolicy):
    """A policy that plays `m` of `arms` arms in a round and sees the reward of each.

    :meth:`pull` returns the set in increasing order, :meth:`update` takes it with one reward for each.

    Parameters
    ----------
    arms : int
        Number of arms, K.
    horizon : int, optional
    m : int, default 1
        Arms in a play.
    seed : int, default 0
    """

    shape: ClassVar[str] = "set"

    def __init__(self, arms: int, horizon: int | None = None, *, m: int = 1, seed: int = 0) -> None:
        super().__init__(arms, horizon, seed=seed)
        self.m = m

    @property
    def set_size(self) -> int:  # type: ignore[override]
        return int(self.m)

    def validate(self) -> None:
        super().validate()
        self.m = check_positive_int("m", self.m)
        if self.m > self.arms:
            raise ParameterError(f"{self.name}: m must be at most the {self.arms} arms, got {self.m}")

    @classmethod
    def example(cls) -> Any:
        """Three of ten arms, ten thousand rounds."""
        return cls(10, 10_000, m=3)

    @property
    def propensity(self) -> Any:
        """The chance of each arm of the last set to be in it, in the order of the set, float64 (m,)."""
        if not self.weighted:
            raise NotSupportedError(f"{self.name} doesn't draw from a distribution it can name")
        state = self.state
        return np.array([state.draw[arm] for arm in np.sort(state.chosen)])

    def pull(self) -> Any:
        """The set to play in the coming round, int64 (m,); a second call before :meth:`update` repeats it."""
        if self._pending is None:
            state = self.state
            type(self).pull_kernel(state)
            self._pending = np.sort(state.chosen)
        return self._pending.copy()

    def update(self, arm: Any, reward: Any, propensity: Any = None) -> None:
        """Tell the policy what the arms of a set paid.

        Parameters
        ----------
        arm : array_like of int, shape (m,)
            The set: distinct arms.
        reward : array_like of float, shape (m,)
            One reward for each.
        propensity : array_like of float, shape (m,), optional
            The chance of each to be in the set at the time it was drawn, if that was not the last pull.
        """
        state = self.state
        chosen = np.asarray(arm)
        if chosen.shape != (self.m,) or chosen.dtype.kind not in "iu" or len(set(chosen.tolist())) != self.m:
            raise ParameterError(f"{self.name}: a play is {self.m} different arms, got {arm!r}")
        if chosen.min() < 0 or chosen.max() >= self.arms:
            raise ParameterError(f"{self.name}: arms must be between 0 and {self.arms - 1}, got {arm!r}")
        paid = np.asarray(reward)
        if paid.shape != (self.m,):
            raise ParameterError(
                f"{self.name}: give one reward for each of {self.m} arms, got shape {paid.shape}"
            )
        values = np.array([self._reward(r, int(a)) for a, r in zip(chosen, paid.tolist(), strict=True)])
        if propensity is not None:
            chances = np.asarray(propensity, np.float64)
            if chances.shape != (self.m,) or not ((chances > 0.0) & (chances <= 1.0)).all():
                raise ParameterError(f"{self.name}: propensity must be {self.m} numbers in (0, 1]")
            if self.weighted:
                state.draw[chosen] = chances
        elif self.weighted and (self._pending is None or set(chosen.tolist()) != set(self._pending.tolist())):
            raise ParameterError(f"{self.name}: this set is not the one just pulled: give its propensity")
        type(self).update_kernel(state, chosen.astype(np.int64), values)
        self._pending = None

    def run(self, rewards: Any) -> np.ndarray:
        """Play against every row of a reward matrix in one compiled loop.

        Parameters
        ----------
        rewards : array_like of float, shape (T, arms)

        Returns
        -------
        ndarray, float64 (T,)
            The reward of each round, summed over the set.
        """
        env = matrix(rewards)
        table = env.table
        assert table is not None
        self.check_environment(env)
        obtained = np.empty(table.shape[0])
        first = 0
        if self._pending is not None:
            chosen = self._pending
            obtained[0] = table[0, chosen].sum()
            self.update(chosen, table[0, chosen])
            first = 1
        if first < table.shape[0]:
            record = self.play(matrix(table[first:]).data(), np.array([table.shape[0] - first]), trace=True)
            sets = np.sort(record.trace, axis=1)
            obtained[first:] = np.take_along_axis(table[first:], sets, axis=1).sum(axis=1)
        return obtained
