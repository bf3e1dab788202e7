"""Policies of networks of caches: which items each node holds.

A policy's module loads when its class is first asked for.
"""

from olearn.policies._lazy import lazy

__getattr__, __dir__ = lazy(__name__, __path__)
