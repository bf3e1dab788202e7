"""What a policy or a learner promises: a regret bound with the assumptions it rests on.

``policy.bound(requests)`` is what is promised beforehand. Some bounds get smaller when one knows what the
policy itself did, its reward or what it moved: ``policy.realised()`` says that after a run, as numbers, and
``policy.bound(requests, realised=numbers)`` is the smaller bound that applies to that run. It needs nothing
from the comparator, so it is as much of a promise as the first.
"""

from __future__ import annotations

import math
from typing import NamedTuple


class Bound(NamedTuple):
    """A regret bound at one horizon.

    Attributes
    ----------
    value : float
        The bound on the regret, in the unit of the reward (hits, or losses), constants included.
    formula : str
        The same as text, in the symbols of the docstring.
    comparator : str
        What the regret is measured against, e.g. ``"best static set, prefilled"``.
    guarantee : str
        ``"every sequence"``, ``"in expectation"`` or ``"with probability 1-delta"``.
    assumptions : tuple of str
        What has to hold for the bound to apply, one sentence each.
    source : str
        Where the bound is proved.
    """

    value: float
    formula: str
    comparator: str
    guarantee: str
    assumptions: tuple[str, ...]
    source: str


def declared(
    value: float, formula: str, comparator: str, guarantee: str, assumptions: tuple[str, ...], source: str
) -> Bound | None:
    """A bound, or None where its value is not finite: an infinite bound says nothing, so none is declared.

    Examples
    --------
    >>> declared(float("inf"), "T / eta", "best static set, prefilled", "every sequence", (), "") is None
    True
    """
    if not math.isfinite(value):
        return None
    return Bound(value, formula, comparator, guarantee, assumptions, source)
