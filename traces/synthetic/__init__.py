"""Generators of request traces, one a file, each with a seed.

========================  =============================================================
:func:`zipf`              independent requests, Zipf popularity
:func:`shifting_zipf`     the same, ranks permuted or rotated every period
:func:`shot_noise`        items that are born, live and are forgotten
:func:`cyclic`            the adversary of LRU
:func:`alternating`       the adversary of LFU
:func:`mixture`           several traces interleaved at random
:func:`item_sizes`        sizes to go with any of them
========================  =============================================================
"""

from collections.abc import Callable

from olearn.traces._trace import Trace
from olearn.traces.synthetic.alternating import alternating
from olearn.traces.synthetic.cyclic import cyclic
from olearn.traces.synthetic.mixture import mixture
from olearn.traces.synthetic.shifting_zipf import shifting_zipf
from olearn.traces.synthetic.shot_noise import shot_noise
from olearn.traces.synthetic.sizes import item_sizes
from olearn.traces.synthetic.zipf import zipf

__all__ = ["alternating", "cyclic", "item_sizes", "mixture", "shifting_zipf", "shot_noise", "zipf"]

#: The generators that take (requests, items, ..., seed), by name: what ``olearn trace generate`` offers.
GENERATORS: dict[str, Callable[..., Trace]] = {
    "zipf": zipf,
    "shifting_zipf": shifting_zipf,
    "shot_noise": shot_noise,
    "cyclic": cyclic,
    "alternating": alternating,
}
