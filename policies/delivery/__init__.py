"""Policies of inference delivery: which models each node of a network holds.

A policy's module loads when its class is first asked for.

>>> from olearn.policies.delivery import INFIDA
>>> INFIDA.name
'infida'
"""

from olearn.policies._lazy import lazy

__getattr__, __dir__ = lazy(__name__, __path__)
