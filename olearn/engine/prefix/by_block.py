"""A caching policy as a policy of a prefix cache: it sees single blocks and knows nothing of chains.

The blocks of a chain are requested from its end to its beginning, so that the beginning is the most recent.
A chain hits as many leading blocks as were held when it arrived. Blocks in use can be evicted for each
other: such a policy is not told. What came in and went out is taken from the policy's events.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from olearn._jit import kernel
from olearn.errors import NotSupportedError


@kernel
def follow(held, starts, blocks, admitted, offsets, evicted, hits):
    """Leading blocks held of every chain, from the events of its blocks in reverse; `held` follows."""
    at = 0
    for r in range(starts.size - 1):
        low, high = starts[r], starts[r + 1]
        count = 0
        for p in range(low, high):
            if held[blocks[p]] == 0:
                break
            count += 1
        hits[r] = count
        for p in range(high - 1, low - 1, -1):
            if admitted[at]:
                held[blocks[p]] = 1
            for k in range(offsets[at], offsets[at + 1]):
                held[evicted[k]] = 0
            at += 1


class ByBlock:
    """Wraps a caching policy with the capability ``"events"``.

    Parameters
    ----------
    policy : CachingPolicy
    """

    randomised: bool
    offline = False

    def __init__(self, policy: Any) -> None:
        if "events" not in policy.capabilities or policy.fractional:
            raise NotSupportedError(
                f"{policy.name} does not report who comes and goes: it can't keep blocks of chains"
            )
        if policy.offline:
            raise NotSupportedError(
                f"{policy.name} reads the future of single blocks, not of chains: use clairvoyant"
            )
        self.policy = policy
        self.name = policy.name
        self.randomised = policy.randomised
        self.seed = policy.seed
        self.held = np.zeros(policy.catalog_size, np.uint8)
        self.held[list(policy)] = 1

    def parameters(self) -> dict[str, Any]:
        """The policy's."""
        found: dict[str, Any] = self.policy.parameters()
        return found

    def bound(self, requests: int | None = None) -> None:
        """None: the policy's bound is about single blocks."""
        return

    @property
    def stats(self) -> dict[str, float]:
        """Blocks written and evicted, occupancy."""
        s = self.policy.stats
        return {
            "written": s["fetched"] + s["fetched_other"],
            "evicted": s["evicted"],
            "occupancy": s["occupancy"],
            "peak_occupancy": s["peak_occupancy"],
        }

    def serve(self, starts: np.ndarray, blocks: np.ndarray, hits: np.ndarray) -> None:
        """Serve chains: `starts` (int64) begins with 0, `hits` (int32) receives the leading blocks held."""
        counts = np.diff(starts)
        order = np.repeat(starts[:-1] + starts[1:] - 1, counts) - np.arange(blocks.size)
        _, admitted, offsets, evicted = self.policy.request_many(blocks[order], events=True)
        follow(self.held, starts, blocks, admitted, offsets, evicted, hits)
