"""Caching policies, one a file; a policy's module loads when its class is first asked for.

>>> from olearn.policies.caching import OGB
>>> OGB.name
'ogb'
"""

from olearn.policies._lazy import lazy

__getattr__, __dir__ = lazy(__name__, __path__)
