"""Policies of prefix caches: which blocks of keys and values a language model's server keeps.

A policy's module loads when its class is first asked for.

>>> from olearn.policies.prefix import LRU
>>> LRU.name
'lru'
"""

from olearn.policies._lazy import lazy

__getattr__, __dir__ = lazy(__name__, __path__)
