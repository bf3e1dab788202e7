"""Request traces: the :class:`Trace`, readers for the formats of the field, generators, statistics.

>>> from olearn.traces import Trace
>>> trace = Trace.from_keys([3, 1, 3, 2])
>>> trace.items
array([0, 1, 0, 2], dtype=int32)
"""

if __name__ != "olearn.traces":
    raise ImportError("this folder is the package olearn.traces: write 'from olearn.traces import load'")

from olearn.traces._trace import Trace

__all__ = ["Trace"]
