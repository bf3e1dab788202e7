"""What a policy or a learner promises: a regret bound with the assumptions it rests on."""

from __future__ import annotations

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
