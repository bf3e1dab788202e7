r"""What every run must satisfy, whatever it ran: pure checks, numbers in, a list of breaches out.

A reward that is NaN, a cache that holds more than its capacity, more hits than the optimum allows: none
of these is a result. Each check returns a list that is empty when all is well; each :class:`Breach` names
the invariant and the numbers. Comparisons are written so that NaN is a breach, never a pass.

**The ceiling.** Let OPT be the most hits that any schedule with C places earns from an empty cache when
items enter at their own requests only, with bypass (:func:`olearn.optima.belady_bypass`). A run can earn
more than OPT in three ways, each of which is bounded:

* it starts with mass p in the cache. Let a schedule copy the run but take an item only at its first
  request: it earns less by at most the mass that the item started with, so at most p in all;
* it fetches mass f of items that were not asked for. The same copy loses at most f;
* it holds more than C for a while, at most P. OPT(C) is the value of a linear program (intervals between
  requests, an interval matrix, hence integral for unit sizes) as a function of its right-hand side, so it
  is concave with OPT(0) = 0, and OPT(P) <= OPT(C) P / C. The same holds for the interval LP with sizes.

So reward <= OPT max(1, P/C) + p + f, for fractional caches too: the program's relaxation is what they solve.

Examples
--------
>>> [str(b) for b in caching([1.0, 0.0], capacity=1, fractions=[0.25, 0.25, 0.25, 0.25])]
[]
>>> print(*caching([float("nan")], capacity=1, policy="omd"), sep="\n")
omd: rewards must be finite, got nan at position 0
>>> print(*ceiling(5.0, optimum=3.0, prefilled=1.0))
reward must be at most the certified optimum 3 + prefilled 1, got 5
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

#: Share of the capacity by which the sum of fractions may be off, and of the optimum for sums of rewards.
TOLERANCE = 1e-6
#: A fraction or a probability may lie outside [0, 1] by this much: rounding of one operation.
ROUNDING = 1e-9


class Breach(NamedTuple):
    """An invariant that a run breaks.

    Attributes
    ----------
    invariant : str
        What must hold, e.g. ``"the sum of fractions must be the capacity 5"``.
    got : float
        The number that breaks it.
    where : str
        A position, an item, or nothing.
    policy : str
        The policy's name, or nothing.
    """

    invariant: str
    got: float
    where: str = ""
    policy: str = ""

    def __str__(self) -> str:
        before = f"{self.policy}: " if self.policy else ""
        return f"{before}{self.invariant}, got {_number(self.got)}{self.where}"


def _number(x: float) -> str:
    return f"{x:,.10g}"


def finite(values: Any, what: str = "rewards", policy: str = "") -> list[Breach]:
    """Every number is finite.

    Examples
    --------
    >>> print(*finite([0.0, float("inf")], "losses"))
    losses must be finite, got inf at position 1
    """
    array = np.asarray(values)
    if array.dtype.kind in "biu" or array.size == 0:
        return []
    low, high = float(array.min()), float(array.max())  # NaN comes through both
    if np.isfinite(low) and np.isfinite(high):
        return []
    bad = int(np.flatnonzero(~np.isfinite(array.ravel()))[0])
    return [Breach(f"{what} must be finite", float(array.ravel()[bad]), f" at position {bad}", policy)]


def within(
    values: Any, low: float, high: float, what: str = "rewards", policy: str = "", slack: float = ROUNDING
) -> list[Breach]:
    """Every number is finite and lies in [low - slack, high + slack].

    Examples
    --------
    >>> print(*within([0.5, 1.5], 0, 1))
    rewards must lie in [0, 1], got 1.5 at position 1
    """
    array = np.asarray(values)
    if array.size == 0:
        return []
    least, most = float(array.min()), float(array.max())
    if least >= low - slack and most <= high + slack:
        return []
    flat = array.ravel()
    broken = finite(flat, what, policy)
    if broken:
        return broken
    bad = int(np.flatnonzero((flat < low - slack) | (flat > high + slack))[0])
    return [Breach(f"{what} must lie in [{low:g}, {high:g}]", float(flat[bad]), f" at position {bad}", policy)]


def mass(fractions: Any, capacity: float, policy: str = "") -> list[Breach]:
    """Fractions are finite, in [0, 1], and sum to the capacity within 1e-6 of it.

    Parameters
    ----------
    fractions : array_like of float, shape (N,)
    capacity : float
        What they must sum to, C (at most N).

    Examples
    --------
    >>> print(*mass([0.5, 0.25], 1))
    the sum of fractions must be the capacity 1, got 0.75
    """
    x = np.asarray(fractions, dtype=np.float64)
    broken = within(x, 0.0, 1.0, "fractions", policy)
    if broken:
        return broken
    total = float(x.sum())
    if abs(total - capacity) <= TOLERANCE * capacity:
        return []
    return [Breach(f"the sum of fractions must be the capacity {_number(capacity)}", total, "", policy)]


def occupancy(held: float, capacity: float, policy: str = "", what: str = "occupancy") -> list[Breach]:
    """What is held is at least 0 and at most the capacity (items, or bytes).

    Examples
    --------
    >>> print(*occupancy(12, 10, "lru"))
    lru: occupancy must lie in [0, 10], got 12
    """
    if -ROUNDING * capacity <= held <= capacity * (1 + ROUNDING):
        return []
    return [Breach(f"{what} must lie in [0, {_number(capacity)}]", float(held), "", policy)]


def flow(
    held: float, prefilled: float, fetched: float, fetched_other: float, evicted: float, policy: str = ""
) -> list[Breach]:
    """What is held is what the cache started with, plus what came, less what went.

    Examples
    --------
    >>> print(*flow(3, 0, 5, 0, 1))
    prefilled 0 + fetched 5 + fetched_other 0 - evicted 1 must be the occupancy 3, got 4
    """
    total = prefilled + fetched + fetched_other - evicted
    if abs(total - held) <= TOLERANCE * max(1.0, abs(held)) + ROUNDING * (fetched + fetched_other):
        return []
    text = (
        f"prefilled {_number(prefilled)} + fetched {_number(fetched)} + fetched_other {_number(fetched_other)}"
        f" - evicted {_number(evicted)} must be the occupancy {_number(held)}"
    )
    return [Breach(text, float(total), "", policy)]


def ceiling(
    reward: float,
    optimum: float,
    prefilled: float = 0.0,
    fetched_other: float = 0.0,
    excess: float = 1.0,
    policy: str = "",
) -> list[Breach]:
    """A reward is at most what the certified optimum of the matching convention allows (module docstring).

    Parameters
    ----------
    reward : float
        What the run earned.
    optimum : float
        The certified upper bound (not just the value) of the demand optimum with bypass, same capacity,
        same unit of reward, on the same requests.
    prefilled : float
        Mass held before the first request, times the largest worth of a hit.
    fetched_other : float
        Mass fetched of items that were not asked for, times the largest worth of a hit.
    excess : float
        Peak occupancy over capacity, at least 1, where the capacity is soft.
    """
    limit = optimum * (1.0 if excess <= 1.0 else excess) + prefilled + fetched_other  # NaN stays NaN
    if reward <= limit + TOLERANCE * max(1.0, abs(limit)):
        return []
    text = f"reward must be at most the certified optimum {_number(optimum)}"
    if excess > 1.0:
        text += f" * {_number(excess)} (peak over capacity)"
    text += f" + prefilled {_number(prefilled)}" if prefilled else ""
    text += f" + fetched unasked {_number(fetched_other)}" if fetched_other else ""
    return [Breach(text, float(reward), "", policy)]


def floor(cost: float, optimum: float, policy: str = "", what: str = "cost") -> list[Breach]:
    """A cost is at least the certified optimum: the same as :func:`ceiling` where costs are minimised.

    Examples
    --------
    >>> print(*floor(1.0, 2.0))
    cost must be at least the certified optimum 2, got 1
    """
    if cost >= optimum - TOLERANCE * max(1.0, abs(optimum)):
        return []
    return [
        Breach(f"{what} must be at least the certified optimum {_number(optimum)}", float(cost), "", policy)
    ]


def distribution(weights: Any, policy: str = "", what: str = "probabilities") -> list[Breach]:
    """Probabilities are finite, in [0, 1], and sum to 1 along the last axis within 1e-6.

    Examples
    --------
    >>> print(*distribution([0.5, 0.25]))
    the sum of probabilities must be 1, got 0.75
    """
    p = np.asarray(weights, dtype=np.float64)
    broken = within(p, 0.0, 1.0, what, policy)
    if broken:
        return broken
    totals = np.atleast_1d(p.sum(axis=-1)).ravel()
    bad = np.flatnonzero(~(np.abs(totals - 1.0) <= TOLERANCE))
    if bad.size == 0:
        return []
    where = f" in row {bad[0]}" if totals.size > 1 else ""
    return [Breach(f"the sum of {what} must be 1", float(totals[bad[0]]), where, policy)]


def counted(parts: Any, total: float, what: str = "pulls", policy: str = "") -> list[Breach]:
    """Whole numbers of at least 0 that sum to `total`: pulls of arms, decisions by kind.

    Examples
    --------
    >>> print(*counted([3, 4], 8))
    pulls must sum to 8, got 7
    """
    array = np.asarray(parts, dtype=np.float64)
    broken = within(array, 0.0, np.inf, what, policy) if array.size else []
    if broken or abs(float(array.sum()) - total) <= ROUNDING * max(1.0, total):
        return broken
    return [Breach(f"{what} must sum to {_number(total)}", float(array.sum()), "", policy)]


def caching(
    rewards: Any,
    *,
    capacity: float,
    policy: str = "",
    fractions: Any = None,
    soft_capacity: bool = False,
    stats: dict[str, float] | None = None,
    prefilled: float = 0.0,
    reward: float | None = None,
    optimum: float | None = None,
    most: float = 1.0,
) -> list[Breach]:
    """Every invariant of a caching run, or of a chunk of one, that the arguments allow.

    Parameters
    ----------
    rewards : array_like, shape (T,)
        What each request of the chunk (or run) earned.
    capacity : float
        C, in items or bytes.
    policy : str
        Name for the message.
    fractions : array_like of float, shape (N,), optional
        The fractional cache now; for policies whose fractions fill the capacity. O(N): pass it where N is
        small against the chunk (:func:`affordable`), and after the run.
    soft_capacity : bool
        The capacity holds on average only.
    stats : dict, optional
        ``CachingPolicy.stats``: fetched, fetched_other, evicted, occupancy, peak_occupancy.
    prefilled : float
        Mass held before the first request of the run.
    reward, optimum : float, optional
        Reward of the whole run and the certified upper bound of its demand optimum with bypass.
    most : float
        Largest reward of a request: 1, or the largest weight.

    Returns
    -------
    list of Breach
        Empty if all is well.
    """
    broken = within(rewards, 0.0, most, "rewards", policy, ROUNDING * max(1.0, most))
    if fractions is not None:
        broken += mass(fractions, capacity, policy)
    excess = 1.0
    if stats is not None:
        for what in ("occupancy", "peak_occupancy"):
            broken += (
                finite([stats[what]], what, policy)
                if soft_capacity
                else (occupancy(stats[what], capacity, policy, what))
            )
        broken += flow(
            stats["occupancy"], prefilled, stats["fetched"], stats["fetched_other"], stats["evicted"], policy
        )
        excess = stats["peak_occupancy"] / capacity if soft_capacity else 1.0
    if reward is not None and optimum is not None:
        other = stats["fetched_other"] if stats is not None else 0.0
        broken += ceiling(reward, optimum, prefilled * most, other * most, excess, policy)
    return broken


def affordable(catalog_size: int, requests: int) -> bool:
    """Whether a pass over the catalogue costs under 2 % of serving so many requests.

    A pass takes about a nanosecond an item and check, a request at least five: 8 N <= requests.
    """
    return 8 * catalog_size <= requests
