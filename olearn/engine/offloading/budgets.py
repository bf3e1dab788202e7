"""Budgets on any offloading policy: what offloading may use, and how the limit is kept.

* ``queue``: a virtual queue Q <- [Q + use - limit]_+ adds Q/V * use to the price of offloading
  (drift plus penalty). A soft limit: on average `limit` a sample, and since offloading is forbidden
  while Q >= V, at most ``limit * T + V + 1`` in all, whatever the policy (in units of the largest use).
* ``bucket``: tokens come in at `rate` a sample up to `depth`; offloading takes its use or is forbidden. A
  hard limit on every window of w samples: at most ``rate * w + depth``.
* ``knapsack``: at most `total` in all, hard.

Bucket and knapsack alone would spend on whoever comes first, so both add a price per unit that follows
use - rate by steps of 1/sqrt(T) (dual descent; the knapsack's rate is total/T, and what an empty bucket
turns away counts as used); ``step=0`` switches it off.

Short forms: ``rate:0.2`` (queue on the share offloaded), ``energy:2.5``, ``money:0.1``, ``tokens:300``
(queues on those columns; money is the column cost), ``bucket:0.1:10``, ``knapsack:500``; where arms are chosen
also ``device:50`` and ``upload:0.2`` (split points).

References
----------
.. [1] M. J. Neely, "Stochastic network optimization with application to communication and queueing
   systems", 2010 (virtual queues).
.. [2] S. Balseiro, H. Lu and V. Mirrokni, "The best of many worlds: dual mirror descent for online
   allocation problems", Operations Research 71(1), 2023 (pacing a total budget).
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from olearn.errors import NotSupportedError, ParameterError, check_real, unknown
from olearn.policies.offloading._game import (
    KNAPSACK,
    NO_BUDGET,
    TOKEN_BUCKET,
    VIRTUAL_QUEUE,
    Budget,
)
from olearn.registry import parse_spec

#: Short form -> column of a binary table that is used up (None: one unit an offloaded sample).
RESOURCES = {
    "rate": None,
    "energy": "energy",
    "money": "cost",
    "tokens": "tokens",
    "latency": "latency_remote",
}
#: Resources that only the arms of other tables use: on those, ``policy.usage(table, resource)`` says how much.
ARM_RESOURCES = ("device", "upload")
_PARAMETERS: dict[str, tuple[str, ...]] = {
    "queue": ("limit", "use", "v"),
    "bucket": ("rate", "depth", "use", "step"),
    "knapsack": ("total", "use", "step"),
}


@dataclass(frozen=True)
class BudgetSpec:
    """A budget as asked for; :meth:`make` fits it to a table.

    Parameters
    ----------
    kind : str
        ``"queue"``, ``"bucket"`` or ``"knapsack"``.
    limit : float
        Use a sample (queue), tokens a sample (bucket), or use in all (knapsack).
    use : str
        What is used up: a key of :data:`RESOURCES`, or of :data:`ARM_RESOURCES` where arms use it.
    depth : float
        Of the bucket, in the unit of the use.
    v : float, optional
        V of the queue: larger means less cost and more violation; default sqrt(T).
    step : float, optional
        Of the price of a bucket or a knapsack; default 1/sqrt(T), 0 for no price.
    """

    kind: str
    limit: float
    use: str = "rate"
    depth: float = 10.0
    v: float | None = None
    step: float | None = None

    def __str__(self) -> str:
        if self.kind == "queue":
            return f"{self.use}:{self.limit:g}"
        more = f":{self.depth:g}" if self.kind == "bucket" else ""
        return f"{self.kind}:{self.limit:g}{more}" + ("" if self.use == "rate" else f" ({self.use})")

    @property
    def unit(self) -> str:
        """What is used up in binary offloading, in words."""
        column = RESOURCES.get(self.use)
        return "samples offloaded" if column is None else f"sum of the column {column}"

    def above(self, floor: float, horizon: int) -> BudgetSpec:
        """The same budget on what is used above the `floor` that every sample takes anyway.

        Examples
        --------
        >>> print(parse_budget("money:2.5").above(0.5, 100), parse_budget("knapsack:500").above(1.0, 100))
        money:2 knapsack:400
        """
        return replace(self, limit=self.limit - floor * (horizon if self.kind == "knapsack" else 1))

    def usage(self, table: Any, price: np.ndarray) -> np.ndarray:
        """What offloading each sample uses, float64 (T,), in the unit of the table's column."""
        if self.use not in RESOURCES:
            raise NotSupportedError(
                f"a budget on {self.use} is for tables of split points; "
                f"binary offloading uses {', '.join(RESOURCES)}"
            )
        column = RESOURCES[self.use]
        if column is None:
            return np.ones(len(table))
        if column == "cost":
            return price
        return np.asarray(table.need(column, f"a budget on {self.use}"), dtype=np.float64)

    def make(self, usage: np.ndarray) -> tuple[Budget, np.ndarray, float]:
        """The kernel's budget, the use in units of the largest one, and that unit."""
        T = usage.size
        unit = float(usage.max()) if float(usage.max()) > 0.0 else 1.0
        level = np.zeros(4)
        step = 1.0 / math.sqrt(T) if self.step is None else self.step
        if self.kind == "queue":
            scale = math.sqrt(T) if self.v is None else self.v
            return Budget(VIRTUAL_QUEUE, self.limit / unit, scale, 0.0, level), usage / unit, unit
        if self.kind == "bucket":
            level[0] = self.depth / unit
            return Budget(TOKEN_BUCKET, self.limit / unit, self.depth / unit, step, level), usage / unit, unit
        total = self.limit / unit
        return Budget(KNAPSACK, total / T, total, step, level), usage / unit, unit

    def allowed(self, samples: Any, horizon: int) -> np.ndarray:
        """What may have been used after so many samples, in the unit of the table's column."""
        n = np.asarray(samples, dtype=np.float64)
        if self.kind == "queue":
            return n * self.limit
        if self.kind == "bucket":
            return n * self.limit + self.depth
        return np.full(n.shape, self.limit)

    def rate(self, horizon: int) -> float:
        """Average use a sample over the horizon that the budget allows."""
        if self.kind == "knapsack":
            return self.limit / horizon
        return self.limit + (self.depth / horizon if self.kind == "bucket" else 0.0)


def parse_budget(text: str | BudgetSpec | None) -> BudgetSpec | None:
    """Read a budget.

    Examples
    --------
    >>> print(parse_budget("rate:0.2"), parse_budget("bucket(rate=0.1, depth=5)"))
    rate:0.2 bucket:0.1:5
    >>> parse_budget("knapsack:500").limit
    500.0
    """
    if text is None or isinstance(text, BudgetSpec):
        return text
    if ":" in text and "(" not in text:
        name, *numbers = text.split(":")
        name = name.strip().lower()
        values = [_number(text, n) for n in numbers]
        if name in (*RESOURCES, *ARM_RESOURCES) and len(values) == 1:
            return _checked(text, BudgetSpec("queue", values[0], name))
        if name == "bucket" and len(values) in (1, 2):
            return _checked(
                text, BudgetSpec("bucket", values[0], depth=values[1] if len(values) == 2 else 10.0)
            )
        if name == "knapsack" and len(values) == 1:
            return _checked(text, BudgetSpec("knapsack", values[0]))
        if name not in (*RESOURCES, *ARM_RESOURCES, "bucket", "knapsack"):
            raise unknown("budget", name, [*RESOURCES, *ARM_RESOURCES, "bucket", "knapsack"])
        raise ParameterError(
            f"budget {text!r} has {len(values)} numbers; write rate:0.2, bucket:0.1:10 or knapsack:500"
        )
    if text.strip().lower() in (*RESOURCES, *ARM_RESOURCES, "bucket", "knapsack"):
        raise ParameterError(f"budget {text!r} needs a number; write rate:0.2, bucket:0.1:10 or knapsack:500")
    name, given = parse_spec(text)
    if name not in _PARAMETERS:
        raise unknown("budget", name, [*RESOURCES, *ARM_RESOURCES, *_PARAMETERS])
    known = _PARAMETERS[name]
    for key in given:
        if key not in known:
            raise unknown(f"parameter of the budget {name}", key, known)
    limit = {"queue": "limit", "bucket": "rate", "knapsack": "total"}[name]
    if limit not in given:
        raise ParameterError(f"budget {text!r} needs {limit}, e.g. {name}({limit}=0.2)")
    use = str(given.get("use", "rate"))
    if use not in (*RESOURCES, *ARM_RESOURCES):
        raise unknown("resource", use, (*RESOURCES, *ARM_RESOURCES))
    numbers_only = {k: _number(text, v) for k, v in given.items() if k != "use"}
    return _checked(
        text,
        BudgetSpec(
            name,
            numbers_only[limit],
            use,
            numbers_only.get("depth", 10.0),
            numbers_only.get("v"),
            numbers_only.get("step"),
        ),
    )


def _number(text: str, value: Any) -> float:
    try:
        return float(value)
    except (TypeError, ValueError):
        raise ParameterError(f"budget {text!r}: {value!r} is not a number") from None


def _checked(text: str, spec: BudgetSpec) -> BudgetSpec:
    check_real(f"the limit of budget {text!r}", spec.limit, 0.0)
    check_real(f"the depth of budget {text!r}", spec.depth, 0.0)
    if spec.v is not None:
        check_real(f"v of budget {text!r}", spec.v, 0.0, open_low=True)
    if spec.step is not None:
        check_real(f"step of budget {text!r}", spec.step, 0.0)
    return spec


__all__ = ["ARM_RESOURCES", "NO_BUDGET", "RESOURCES", "BudgetSpec", "parse_budget"]
