"""Policy failure or working-set failure? The misses of a policy split against what was possible.

With T requests and capacity C:

* *compulsory*: first requests. Any cache that fetches on demand has them at any capacity.
* *capacity*: further misses of Belady's rule with bypass. No demand policy of this capacity avoids them.
* *avoidable*: what the policy missed beyond that. The part that the best static set (fetch-charged) would
  have had is *static*: a policy with no static regret recovers it. The rest is *left over*: only a
  comparator that moves could get it.

The diagnosis asks who would have had the avoidable misses; compulsory ones count for neither side:

* *policy failure*: another policy of the table, or the best static set, had at least a tenth of them. The
  capacity is not what is wrong: that policy needs no more of it.
* *working-set failure*: nobody had. What is left takes more places, or knowledge of the future.

The comparators start empty, like a demand policy. A policy that starts full (OGB's random prefill) can
have fewer misses than Belady; `avoidable` is then negative, and the text says so.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np

from olearn.errors import check_positive_int
from olearn.optima._inputs import check_items
from olearn.regret.curves import check_rewards

#: Share of the avoidable misses that another policy must have had for a policy to have failed.
MATERIAL = 0.1
_STATIC = "the best static set"


class Decomposition(NamedTuple):
    """Misses by cause; ``compulsory + capacity + static + left_over == misses`` up to rounding."""

    requests: int
    misses: float
    compulsory: float
    capacity: float
    static: float
    left_over: float
    #: Misses of the best static set, fetch-charged, and of Belady with bypass.
    static_misses: float
    belady_misses: float
    word: str
    text: str

    @property
    def avoidable(self) -> float:
        """Misses that some demand policy of this capacity would have avoided."""
        return self.misses - self.belady_misses


def decompose(items: Any, rewards: Any, capacity: int, *, catalog_size: int | None = None) -> Decomposition:
    """Split the misses of a unit-size cache into compulsory, capacity, static and left over.

    Parameters
    ----------
    items : array_like of int, shape (T,)
    rewards : array_like, shape (T,)
        Hits (or fractions of hits) of the policy.
    capacity : int

    Returns
    -------
    Decomposition
        `word` is ``"policy failure"`` if the best static set had at least a tenth of the avoidable misses,
        else ``"working-set failure"``; ``"no misses"`` or ``"better than demand paging"``.

    Notes
    -----
    O(T log64 T): one run of Belady's rule and one static optimum.

    Examples
    --------
    >>> d = decompose([0, 1, 0, 1, 0, 1], [0, 0, 0, 0, 0, 0], capacity=1)
    >>> d.compulsory, d.capacity, d.static, d.left_over, d.word
    (2.0, 2.0, 2.0, 0.0, 'policy failure')
    """
    from olearn.optima.paging import belady_bypass
    from olearn.optima.static import static_fetch_charged

    ids, n = check_items(items, catalog_size)
    c = check_positive_int("capacity", capacity)
    total = ids.size
    misses = total - float(check_rewards(rewards, total).sum())
    compulsory = float(np.count_nonzero(np.bincount(ids, minlength=n)))
    least = total - belady_bypass(ids, c, catalog_size=n).value
    fixed = total - static_fetch_charged(ids, c, catalog_size=n).value
    return from_counts(int(total), misses, compulsory, least, fixed)


def from_counts(
    requests: int,
    misses: float,
    compulsory: float,
    belady_misses: float,
    static_misses: float,
    others: Mapping[str, float] | None = None,
) -> Decomposition:
    """The same split from counts that are known already.

    Parameters
    ----------
    requests : int
    misses : float
        Of the policy.
    compulsory : float
        First requests.
    belady_misses : float
        Of Belady with bypass.
    static_misses : float
        Of the best static set, fetch-charged.
    others : mapping of str to float, optional
        Misses of other policies of the same capacity on the same requests.

    Examples
    --------
    >>> from_counts(100, 60.0, 10.0, 20.0, 45.0, {"lfu": 40.0}).text
    'policy failure: 50 of 100 requests missed beyond first requests, 40 of them avoidable: lfu had 20 of these, the best static set 15'
    >>> from_counts(100, 60.0, 10.0, 58.0, 59.9).word
    'working-set failure'
    """  # noqa: E501
    left = min(misses, static_misses) - belady_misses
    static = max(0.0, misses - static_misses)
    word, text = _words(requests, misses, compulsory, belady_misses, static_misses, others or {})
    return Decomposition(
        requests,
        misses,
        compulsory,
        belady_misses - compulsory,
        static,
        left,
        static_misses,
        belady_misses,
        word,
        text,
    )


def _words(
    total: int, misses: float, compulsory: float, least: float, fixed: float, others: Mapping[str, float]
) -> tuple[str, str]:
    if misses <= 0.0:
        return "no misses", "no misses"
    if misses < least:
        return (
            "better than demand paging",
            f"{misses / total:.1%} misses, below the {least / total:.1%} of any cache that starts empty: "
            "the policy started with items in place or fetched ahead",
        )
    avoidable = misses - least
    rivals = {**others, _STATIC: fixed}
    had = {name: max(0.0, misses - their) for name, their in rivals.items()}
    best = max(had, key=lambda name: had[name])
    failed = avoidable > 0.0 and had[best] >= MATERIAL * avoidable
    told = f"{best} had {had[best]:,.0f} of these"
    if best != _STATIC:
        told += f", {_STATIC} {had[_STATIC]:,.0f}"
    if not failed:
        told = f"no policy here had a tenth of these ({told})" if avoidable else "nobody could have had more"
    word = "policy failure" if failed else "working-set failure"
    return word, (
        f"{word}: {misses - compulsory:,.0f} of {total:,} requests missed beyond first requests, "
        f"{avoidable:,.0f} of them avoidable: {told}"
    )
