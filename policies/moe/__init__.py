"""Policies of expert caches: which experts of a mixture-of-experts model stay in fast memory.

A policy's module loads when its class is first asked for.

>>> from olearn.policies.moe import LRU
>>> LRU.name
'lru'
"""

from olearn.policies._lazy import lazy

__getattr__, __dir__ = lazy(__name__, __path__)
