"""What every comparator returns, and how seconds are taken."""

from __future__ import annotations

import math
import time
from typing import Any, NamedTuple

#: Relative error of a float64 sum that is taken for equality.
_ROUNDING = 1e-12


class Optimum(NamedTuple):
    """The value of a comparator in hindsight, with the certificate that it is one.

    Attributes
    ----------
    value : float
        What the comparator earns (hits, weighted hits) or, with ``sense="min"``, what it costs. It is
        attained by `allocation`.
    allocation : object
        What attains the value: item ids of a set, a bool array over requests, thresholds, fractions ...
        Each function says which.
    upper_bound : float
        A bound on the best possible value, recomputed by olearn from a dual solution: from above where
        a reward is maximised, from below where a cost is minimised. NaN where there is none.
    gap : float
        ``|upper_bound - value|``, at least 0: the value is within `gap` of the optimum.
    comparator : str
        Name of the class of decisions that was optimised over.
    convention : str
        What the comparator may do for free and what it pays for.
    solver : str
        What computed the value: ``"counting"``, ``"sorting"``, ``"HiGHS"`` ...
    status : str
        ``"optimal"`` (gap closed, up to the rounding of a solver), ``"bounded"`` (the value is feasible and the
        gap stated) or ``"relaxation"`` (a bound that no feasible decision need attain), followed by a remark
        where there is one.
    seconds : float
        Wall-clock time, certificate included.
    sense : str
        ``"max"`` for rewards, ``"min"`` for costs.
    dual : object
        What proves the bound, for a reader who wants to check it: the price of a place, the gaps, the prices
        of the gaps, the weights of the agents ... Each module says how it bounds. None where the allocation
        itself proves it.
    """

    value: float
    allocation: Any
    upper_bound: float
    gap: float
    comparator: str
    convention: str
    solver: str
    status: str
    seconds: float
    sense: str = "max"
    dual: Any = None

    @property
    def relative_gap(self) -> float:
        """The gap in units of the value (0 if both are 0)."""
        if self.gap == 0.0:
            return 0.0
        return self.gap / max(abs(self.value), 1e-300)

    def row(self, capacity: float | None = None) -> dict[str, Any]:
        """The optimum as a table row, without the allocation."""
        row: dict[str, Any] = {"comparator": self.comparator, "convention": self.convention}
        if capacity is not None:
            row["capacity"] = capacity
        for name in ("value", "upper_bound", "gap", "solver", "status", "seconds"):
            row[name] = getattr(self, name)
        return row


def finish(
    value: float,
    allocation: Any,
    upper_bound: float,
    comparator: str,
    convention: str,
    solver: str,
    started: float,
    *,
    status: str | None = None,
    sense: str = "max",
    tolerance: float = 1e-9,
    dual: Any = None,
    unit: float | None = None,
) -> Optimum:
    """Build an :class:`Optimum`; the status follows from the gap unless it is given.

    A solver's point may overstep its constraints by a rounding error, so that its value lies above the bound
    by up to `tolerance` (relative): the bound is then raised to the value. It is never lowered, except by the
    rounding of its own sum. A bound that is beaten by more is a bug of ours and never hidden. A gap of at
    most `tolerance` counts as closed. Relative means: to `unit`, by default the value, at least 1.
    """
    value, upper_bound = float(value), float(upper_bound)
    closed = False
    gap = math.nan
    if not math.isnan(upper_bound):
        slack = upper_bound - value if sense == "max" else value - upper_bound
        scale = max(1.0, abs(value)) if unit is None else unit
        if slack < -tolerance * scale:
            raise AssertionError(f"{comparator}: certificate {upper_bound!r} contradicts value {value!r}")
        if slack <= _ROUNDING * scale:
            upper_bound, slack = value, 0.0
        gap, closed = slack, slack <= tolerance * scale
    if status is None:
        status = "optimal" if closed else "bounded"
    seconds = time.perf_counter() - started
    return Optimum(
        value, allocation, upper_bound, gap, comparator, convention, solver, status, seconds, sense, dual
    )
