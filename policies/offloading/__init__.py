"""Policies of inference offloading: answer a sample locally, send it on, or choose where.

A policy's module loads when its class is first asked for.

>>> from olearn.policies.offloading import HILF
>>> HILF.name
'hil-f'
"""

from olearn.policies._lazy import lazy

__getattr__, __dir__ = lazy(__name__, __path__)
