"""What a trace is like: popularity, footprint, reuse, working set.

Examples
--------
>>> from olearn.traces import Trace
>>> summary = describe(Trace.from_keys(list("abacab"), sizes=[2, 1, 2, 5, 2, 1]))
>>> summary.requests, summary.items, summary.one_hit_wonders, summary.footprint_bytes
(6, 3, 1, 8)
>>> summary.reuse_distance["median"], summary.interarrival_requests["median"]
(1, 2)
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from olearn.errors import check_positive_int
from olearn.traces._trace import Trace

#: The quantiles that :func:`describe` reports, by name.
QUANTILES = {"p10": 0.1, "p25": 0.25, "median": 0.5, "p75": 0.75, "p90": 0.9, "p99": 0.99}
#: Windows into which :func:`describe` cuts a trace unless told otherwise.
WINDOWS = 100


@dataclass(frozen=True)
class TraceStats:
    """The answer of :func:`describe`.

    Attributes
    ----------
    requests, items : int
        T and N; the footprint in items is N.
    one_hit_wonders : int
        Items requested once.
    footprint_bytes, total_bytes : int or None
        Sum over items of their size at their first request; sum over requests. None without sizes.
    skew : float or None
        Zipf exponent, see :func:`zipf_exponent`; None for fewer than two items.
    top_share : dict
        Share of all requests that go to the most popular 1 % and 10 % of the items.
    reuse_distance : dict
        Quantiles, over requests that are not an item's first, of the number of distinct other items
        requested since: LRU with C places hits exactly the requests with a distance below C.
        Empty if nothing is requested twice.
    interarrival_requests, interarrival_time : dict
        Quantiles of the gap between two requests of an item, in requests and in the unit of `times`
        (empty without times; in the order of time where the trace is not).
    window : int
        Requests in a window.
    working_set : int64 ndarray
        Distinct items in each window; the last one may be shorter.
    new_items : int64 ndarray
        Items whose first request is in each window.
    """

    requests: int
    items: int
    one_hit_wonders: int
    footprint_bytes: int | None
    total_bytes: int | None
    skew: float | None
    top_share: dict[str, float]
    reuse_distance: dict[str, int]
    interarrival_requests: dict[str, int]
    interarrival_time: dict[str, float]
    window: int
    working_set: np.ndarray
    new_items: np.ndarray

    def as_dict(self) -> dict[str, Any]:
        """The attributes as a dict, for JSON."""
        return asdict(self)


def describe(trace: Trace, window: int | None = None) -> TraceStats:
    """Statistics of a trace.

    Parameters
    ----------
    trace : Trace
    window : int, optional
        Requests in a window of the working set; by default a hundredth of the trace.

    Returns
    -------
    TraceStats

    Notes
    -----
    Cost: O(T log T), dominated by the reuse distances; memory 20 bytes a request at the peak.
    """
    length = len(trace)
    window = max(1, -(-length // WINDOWS)) if window is None else check_positive_int("window", window)
    counts = trace.counts()
    nexts = trace.next_use()
    sizes = trace.sizes
    return TraceStats(
        requests=length,
        items=trace.catalog_size,
        one_hit_wonders=int(np.count_nonzero(counts == 1)),
        footprint_bytes=None if sizes is None else int(trace.item_sizes().sum()),
        total_bytes=None if sizes is None else int(sizes.sum()),
        skew=zipf_exponent(counts),
        top_share=_top_share(counts),
        reuse_distance=_reuse_quantiles(trace),
        interarrival_requests=_gaps(nexts),
        interarrival_time=_time_gaps(trace, nexts),
        window=window,
        working_set=_working_set(nexts, window),
        new_items=np.bincount(trace.first_requests // window, minlength=-(-length // window)),
    )


def reuse_distances(trace: Trace) -> np.ndarray:
    """Distinct other items requested since the last request of the same item, exact.

    Returns
    -------
    int32 ndarray, shape (T,)
        -1 at the first request of an item. LRU with C places hits exactly where 0 <= distance < C.

    Notes
    -----
    Cost: O(T log T), about 0.1 us a request for 20 M requests of 1 M items; memory 8 bytes
    a request and an item.

    Examples
    --------
    >>> from olearn.traces import Trace
    >>> reuse_distances(Trace.from_keys(list("abbca"))).tolist()
    [-1, -1, 0, -1, 2]
    """
    from olearn.traces._reuse import fill_reuse_distances

    distances = np.empty(len(trace), dtype=np.int32)
    words = np.zeros((len(trace) + 63) // 64, dtype=np.uint64)
    tree = np.zeros(words.size + 1, dtype=np.int32)
    last = np.full(trace.catalog_size, -1, dtype=np.int32)
    fill_reuse_distances(trace.items, last, words, tree, distances)
    return distances


def zipf_exponent(counts: np.ndarray) -> float | None:
    """Exponent of the Zipf law that makes the counts most likely, for items ranked by count.

    The maximiser over alpha >= 0 of ``-alpha sum_r c_r ln r - T ln sum_r r^-alpha``, that is the
    alpha at which the mean of ln(rank) under the law equals its mean over the requests. Ranks are
    those of the sample, which biases the estimate upwards where most items have few requests; it is a
    description of the trace, not a test that its popularity is Zipf.

    Parameters
    ----------
    counts : ndarray, shape (N,)
        Requests of each item, in any order.

    Returns
    -------
    float or None
        None for fewer than two items; at most 50.

    Examples
    --------
    >>> import numpy as np
    >>> round(zipf_exponent(1_000_000 / np.arange(1, 1001) ** 0.8), 6)
    0.8
    """
    if counts.size < 2:
        return None
    ordered = np.sort(counts)[::-1].astype(np.float64)
    log_rank = np.log(np.arange(1, counts.size + 1))
    wanted = float(ordered @ log_rank / ordered.sum())

    def excess(alpha: float) -> float:
        chances = np.exp(-alpha * log_rank)
        return float(chances @ log_rank / chances.sum()) - wanted

    top = 50.0
    if excess(0.0) <= 0.0:  # level counts: alpha would be 0 up to rounding
        return 0.0
    if excess(top) >= 0.0:
        return top
    from scipy.optimize import brentq

    return float(brentq(excess, 0.0, top, xtol=1e-10))


def _top_share(counts: np.ndarray) -> dict[str, float]:
    ordered = np.sort(counts)[::-1]
    total = int(ordered.sum())
    return {
        name: float(ordered[: max(1, round(share * counts.size))].sum() / total)
        for name, share in (("1%", 0.01), ("10%", 0.1))
    }


def _reuse_quantiles(trace: Trace) -> dict[str, int]:
    distances = reuse_distances(trace)
    histogram = np.bincount(distances[distances >= 0])
    if not histogram.size:
        return {}
    below = np.cumsum(histogram)
    return {n: int(np.searchsorted(below, q * below[-1])) for n, q in QUANTILES.items()}


def _gaps(nexts: np.ndarray, times: np.ndarray | None = None) -> dict[str, Any]:
    """Quantiles (a value of the sample, no interpolation) of the gaps between requests of an item."""
    again = np.flatnonzero(nexts < nexts.size)
    if not again.size:
        return {}
    after = nexts[again]
    gaps = after - again if times is None else times[after] - times[again]
    values = np.quantile(gaps, list(QUANTILES.values()), method="inverted_cdf")
    return {name: value.item() for name, value in zip(QUANTILES, values)}


def _time_gaps(trace: Trace, nexts: np.ndarray) -> dict[str, Any]:
    """Quantiles of the gaps in time between requests of an item, in the order of time: never negative."""
    times = trace.times
    if times is None:
        return {}
    if (times[1:] < times[:-1]).any():
        from olearn.geometry.nextuse import next_use

        order = np.argsort(times, kind="stable")
        times, nexts = times[order], next_use(trace.items[order], trace.catalog_size)
    return _gaps(nexts, times)


def _working_set(nexts: np.ndarray, window: int) -> np.ndarray:
    """Requests of a window that are the last of their item in it, counted: its distinct items."""
    windows = -(-nexts.size // window)
    distinct = np.empty(windows, dtype=np.int64)
    for k in range(windows):
        part = nexts[k * window : (k + 1) * window]
        distinct[k] = np.count_nonzero(part >= k * window + part.size)
    return distinct
