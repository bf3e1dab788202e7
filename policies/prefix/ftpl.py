r"""Follow the perturbed leader over the blocks of chains.

Rule: a block's score is its number of requests plus :math:`\eta\,z`, z drawn once; hold the blocks with the
largest scores, as far as they were requested: a block is written only if its score exceeds that of the leaf
which would have to leave. A reward of one block is earned for every block of the prefix that is held, so a
request adds 1 to the score of every block of its chain. For the leader to be a set of whole prefixes, z
falls along a chain: :math:`z = \min(z_{parent}, g)`, g Gaussian: then no block scores above its parent, and
the C largest scores are closed under taking parents: the oracle is a heap of leaves, exactly.

Cost: O(log C) an eviction, O(1) a block else. Memory: 34 bytes a block of the tree.

Regret: none is declared: the known bounds are for independent Gaussian noise and one item a request.

Parameters
----------
eta : float, optional
    Scale of the noise in requests; by default :math:`(4 \pi \ln(N e/C))^{-1/4} \sqrt{T/C}`, the choice for
    single items.

References
----------
.. [1] R. Bhattacharjee, S. Banerjee and A. Sinha, "Fundamental limits on the regret of online network-caching",
   SIGMETRICS 2020 (single items).

Examples
--------
>>> cache = FTPL(capacity=2, parents=[-1, 0, -1], eta=0.01, seed=1)
>>> [cache.request(chain) for chain in ([0, 1], [0, 1], [2], [0, 1])]
[0, 2, 0, 2]
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from olearn import _rng
from olearn._jit import kernel
from olearn.errors import ParameterError, check_real
from olearn.policies.prefix._base import PrefixPolicy
from olearn.policies.prefix._leaves import Leaves, leading, leaves, place


@kernel
def run(state, starts, blocks, hits):
    for r in range(hits.size):
        chain = blocks[starts[r] : starts[r + 1]]
        hits[r] = leading(state, chain)
        for block in chain:
            state.first[block] += 1.0
        place(state, chain, hits[r])


@kernel
def falling(parents, noise):
    """No block's noise above its parent's, in place; parents come before children."""
    for block in range(parents.size):
        above = parents[block]
        if above >= 0 and noise[above] < noise[block]:
            noise[block] = noise[above]


class FTPL(PrefixPolicy):
    __doc__ = __doc__

    name = "ftpl"
    randomised = True
    rule = "hold the prefixes with the largest requests + eta z, z drawn once and falling along a chain"
    reference = "after Bhattacharjee, Banerjee and Sinha, SIGMETRICS 2020"
    run = staticmethod(run)

    def __init__(
        self,
        capacity: int,
        parents: Any,
        horizon: int | None = None,
        *,
        eta: float | None = None,
        seed: int = 0,
    ) -> None:
        super().__init__(capacity, parents, horizon, seed=seed)
        self._eta = eta

    @property
    def eta(self) -> float:
        """Scale of the noise."""
        if self._eta is not None:
            return check_real("eta", self._eta, 0.0)
        if self.horizon is None:
            raise ParameterError("ftpl: give horizon (number of requests) or eta")
        n = max(len(self.parents), self.capacity)
        return (4 * math.pi * math.log(n * math.e / self.capacity)) ** -0.25 * math.sqrt(
            self.horizon / self.capacity
        )

    def validate(self) -> None:
        super().validate()
        _ = self.eta

    def _init(self, parents: np.ndarray) -> Leaves:
        state = leaves(parents, self.capacity, bypass=True)
        state.first[:] = _rng.generator(self.seed).standard_normal(parents.size)
        falling(parents, state.first)
        state.first[:] *= self.eta
        return state
