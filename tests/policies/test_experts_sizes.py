"""`experts` counts the bytes that its real cache holds, also where the size of an item changes."""

import numpy as np

from olearn.policies.caching import Experts


def test_counted_bytes_are_the_bytes_held_when_sizes_change():
    cache = Experts(60, 20, 200, unit="bytes")
    own = np.random.default_rng(7).integers(1, 40, 20)
    items = np.random.default_rng(20240501).integers(0, 20, 200).astype(np.int32)
    sizes = own[items].astype(np.int64)
    sizes[::7] += 5
    held = {}
    for item, size in zip(items, sizes, strict=True):
        events = cache.request_many(np.array([item]), np.array([size]), events=True)
        if events.admitted[0]:
            held[int(item)] = int(size)
        for gone in events.evicted.tolist():
            held.pop(gone)
        assert sum(held.values()) == cache.stats["bytes"] <= 60
    assert cache.stats["size_changes"] > 0  # the case that the test is about did occur
