"""A verdict in words on a declared bound, and the check of its assumptions against the run.

A bound is compared only with a run it speaks about: the horizon, batch size, multiplicity and weights it
was computed for must cover those of the run, and its comparator must be the one the regret was measured
against. Then the guarantee decides what a number above the bound means:

* *every sequence* (or any bound of a deterministic policy): one run above it refutes it.
* *in expectation* over the policy's randomness: only the mean over seeds counts, and it is known up to its
  confidence interval. The whole interval within the bound: holds. The whole interval above it: exceeded.
  Anything between, or one seed only: undecided, more seeds decide. If the true mean is above the bound,
  "holds" comes in at most (1 - level)/2 of the replays (for normal values; asymptotically for others).
* *with probability 1-delta*: each seed may exceed it with chance delta; exceeded if the number of seeds
  above is too large for a binomial(S, delta) at the level asked for.

A bound that could not have been missed says nothing: regret is never more than what the comparator itself
has. Where the bound is not below that, the verdict is "vacuous", with the horizon from which a bound of
that growth, tuned to it, would say something.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from olearn.bounds import Bound
from olearn.errors import ParameterError, check_int, check_real
from olearn.regret.bands import t_quantile

#: Relative rounding error allowed when a sum of rewards is compared with a bound.
ROUNDING = 1e-9


class Verdict(NamedTuple):
    """What a run says about a bound.

    Attributes
    ----------
    word : str
        ``"holds"``, ``"exceeded"``, ``"undecided"``, ``"vacuous"``, ``"not applicable"`` or
        ``"none declared"``.
    ratio : float
        Regret over bound (the mean over seeds where the bound is on the mean, else the largest); NaN where
        no comparison was made.
    text : str
        One phrase for a table or a report.
    """

    word: str
    ratio: float
    text: str


class RunFacts(NamedTuple):
    """What a bound assumes of a run, or what a run was; None where nothing is said."""

    requests: int | None = None
    batch: int | None = None
    multiplicity: int | None = None
    max_weight: float | None = None
    capacity: int | None = None
    catalog_size: int | None = None


_WORDS = {
    "requests": "{got:,} requests, tuned for {allowed:,}",
    "batch": "batches of {got}, assumed at most {allowed}",
    "multiplicity": "an item {got} times in a batch, assumed at most {allowed}",
    "max_weight": "a weight of {got:g}, assumed at most {allowed:g}",
    "capacity": "capacity {got:,}, computed for {allowed:,}",
    "catalog_size": "{got:,} items, computed for {allowed:,}",
}
_EXACT = ("capacity",)


def run_facts(
    items: Any,
    *,
    capacity: int | None = None,
    batch: int = 1,
    weights: Any = None,
    catalog_size: int | None = None,
) -> RunFacts:
    """The facts of a run that bounds depend on, multiplicity included.

    Parameters
    ----------
    items : array_like of int, shape (T,)
    capacity, catalog_size : int, optional
    batch : int
        Requests between two updates.
    weights : array_like, optional
        Reward of a hit, by item or by request.

    Examples
    --------
    >>> run_facts([0, 0, 1, 0, 1, 1], batch=3).multiplicity
    2
    """
    ids = np.asarray(items, dtype=np.int64)
    size = check_int("batch", batch, minimum=1)
    most = 1 if ids.size else 0
    if size > 1 and ids.size:
        order = np.lexsort((ids, np.arange(ids.size) // size))
        run = ids[order]
        group = order // size
        new = np.flatnonzero(np.r_[True, (np.diff(run) != 0) | (np.diff(group) != 0)])
        most = int(np.diff(np.r_[new, ids.size]).max())
    top = 1.0 if weights is None else float(np.max(np.asarray(weights, dtype=np.float64)))
    return RunFacts(int(ids.size), size, most, top, capacity, catalog_size)


def violations(assumed: RunFacts, actual: RunFacts) -> tuple[str, ...]:
    """The assumptions that the run does not meet, a phrase each; fields that are None are not compared.

    Examples
    --------
    >>> violations(RunFacts(requests=1000, batch=1), RunFacts(requests=5000, batch=1))
    ('5,000 requests, tuned for 1,000',)
    """
    broken = []
    for name, text in _WORDS.items():
        allowed, got = getattr(assumed, name), getattr(actual, name)
        if allowed is None or got is None:
            continue
        if got > allowed or (name in _EXACT and got != allowed):
            broken.append(text.format(got=got, allowed=allowed))
    return tuple(broken)


def verdict(
    measured: Any,
    bound: Bound | None,
    *,
    randomised: bool = False,
    violated: tuple[str, ...] = (),
    against: str | None = None,
    level: float = 0.95,
    delta: float | None = None,
    most: float | None = None,
    rounds: int | None = None,
    exponent: float = 0.5,
    rounds_are: str = "requests",
) -> Verdict:
    """Compare measured regret with a declared bound.

    Parameters
    ----------
    measured : float or array_like, shape (S,)
        Regret at the bound's horizon, of one run or of S replicates (seeds).
    bound : Bound or None
    randomised : bool
        Whether the policy draws random numbers; a deterministic one meets an expectation in each run.
    violated : tuple of str
        Assumptions that the run does not meet (:func:`violations`).
    against : str, optional
        The comparator of `measured`; a bound against another one does not apply.
    level : float
        Confidence of the interval for the mean, and of the binomial test.
    delta : float, optional
        Chance of failure of a bound "with probability 1-delta".
    most : float, optional
        The most that the regret could be, whatever the policy did: what the comparator has earned, where
        rewards are not negative. A bound that is not below it is vacuous.
    rounds : int, optional
        Rounds of the run: a vacuous bound is told with the horizon from which it would say something.
    exponent : float
        Growth of the bound with its horizon, T^exponent.
    rounds_are : str
        What a round is called.

    Returns
    -------
    Verdict

    Examples
    --------
    >>> b = Bound(100.0, "sqrt(T)", "best static set, prefilled", "every sequence", (), "example")
    >>> verdict(40.0, b).text
    'holds: 40 of at most 100 (ratio 0.40)'
    >>> verdict(40.0, b, violated=("5,000 requests, tuned for 1,000",)).text
    'not applicable because of 5,000 requests, tuned for 1,000'
    >>> verdict(40.0, b, most=50.0, rounds=10_000).text
    'vacuous: the bound 100 is not below the 50 that could be lost at all; from about 40,000 requests on it says something'
    """  # noqa: E501
    if bound is None or not np.isfinite(bound.value):
        return Verdict("none declared", float("nan"), "no bound declared")
    if violated:
        return Verdict("not applicable", float("nan"), "not applicable because of " + "; ".join(violated))
    if against is not None and against != bound.comparator:
        text = (
            f"not applicable because the bound is against {bound.comparator!r}, the regret against {against!r}"
        )
        return Verdict("not applicable", float("nan"), text)
    values = np.atleast_1d(np.asarray(measured, dtype=np.float64))
    if values.ndim != 1 or values.size == 0 or not np.isfinite(values).all():
        raise ParameterError(f"measured regret must be one finite number a seed, got {measured!r}")
    level = check_real("level", level, 0.0, 1.0, open_low=True, open_high=True)
    if most is not None and bound.value >= most:
        return _vacuous(bound, most, rounds, exponent, rounds_are)
    limit = bound.value + ROUNDING * max(1.0, abs(bound.value))
    if not randomised or bound.guarantee == "every sequence":
        return _each(values, bound, limit)
    if bound.guarantee == "in expectation":
        return _mean(values, bound, limit, level)
    return _mostly(values, bound, limit, level, delta)


def _ratio(regret: float, bound: Bound) -> float:
    if bound.value > 0.0:
        return regret / bound.value
    return 0.0 if regret <= 0.0 else float("inf")


def _phrase(word: str, regret: float, bound: Bound, more: str = "") -> Verdict:
    ratio = _ratio(regret, bound)
    said = f"{word}: {_number(regret)} of at most {_number(bound.value)} (ratio {ratio:.2f}){more}"
    return Verdict(word, ratio, said)


def says_something_from(value: float, most: float, rounds: int, exponent: float = 0.5) -> float:
    """Rounds from which a bound that grows like T^exponent is below what can be lost, which grows like T.

    Examples
    --------
    >>> says_something_from(100.0, 50.0, 10_000)
    40000.0
    """
    if not (most > 0.0 and value > 0.0 and exponent < 1.0):
        return float("inf")
    return float(rounds * (value / most) ** (1.0 / (1.0 - exponent)))


def _vacuous(bound: Bound, most: float, rounds: int | None, exponent: float, rounds_are: str) -> Verdict:
    text = (
        f"vacuous: the bound {_number(bound.value)} is not below the {_number(most)} that could be lost at all"
    )
    if rounds is not None:
        start = says_something_from(bound.value, most, rounds, exponent)
        if start < 1e15:
            figures = 10 ** max(0, int(np.log10(max(start, 1.0))) - 2)  # three figures are enough
            text += (
                f"; from about {int(np.ceil(start / figures) * figures):,} {rounds_are} on it says something"
            )
    return Verdict("vacuous", float("nan"), text)


def _number(x: float) -> str:
    return f"{x:,.0f}" if abs(x) >= 1000 or x == round(x) else f"{x:.4g}"


def _each(values: np.ndarray, bound: Bound, limit: float) -> Verdict:
    worst = float(values.max())
    over = int((values > limit).sum())
    more = f", {over} of {values.size} runs above" if over and values.size > 1 else ""
    return _phrase("exceeded" if over else "holds", worst, bound, more)


def _mean(values: np.ndarray, bound: Bound, limit: float, level: float) -> Verdict:
    mean = float(values.mean())
    if values.size == 1:
        return _phrase("undecided", mean, bound, ", one seed says nothing about a mean: give more seeds")
    half = t_quantile(values.size - 1, level) * float(values.std(ddof=1)) / np.sqrt(values.size)
    more = f", mean of {values.size} seeds +- {_number(half)}"
    if mean + half <= limit:
        return _phrase("holds", mean, bound, more)
    if mean - half > limit:
        return _phrase("exceeded", mean, bound, more)
    return _phrase("undecided", mean, bound, more + ": give more seeds")


def _mostly(values: np.ndarray, bound: Bound, limit: float, level: float, delta: float | None) -> Verdict:
    over = int((values > limit).sum())
    more = f", {over} of {values.size} seeds above" if over else ""
    if not over:
        return _phrase("holds", float(values.max()), bound, more)
    if delta is None:
        return _phrase("undecided", float(values.max()), bound, more + "; give delta")
    from scipy.special import bdtrc

    chance = float(bdtrc(over - 1, values.size, check_real("delta", delta, 0.0, 1.0)))  # P[>= over above]
    word = "exceeded" if chance < 1.0 - level else "holds"
    return _phrase(word, float(values.max()), bound, more)
