"""Traces of language-model serving: chains of prefix blocks, batches of experts, sizes of models.

>>> from olearn.traces.llm import ChainTrace
>>> chains = ChainTrace.from_ids([[7, 8, 9], [7, 8, 5]], block_tokens=16)
>>> chains.parents.tolist(), chains.blocks.tolist()
([-1, 0, 1, 1], [0, 1, 2, 0, 1, 3])
"""

from olearn.traces.llm.batches import BatchTrace
from olearn.traces.llm.chains import ChainTrace

__all__ = ["BatchTrace", "ChainTrace"]
