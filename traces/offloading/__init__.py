"""Offloading tables: what a local and a remote model said about the same samples.

:func:`read_table` reads a file or a bundled name; :class:`OffloadTable` is the table of binary
offloading; builders make real ones from fitted classifiers; :mod:`.shift` moves a table's
distribution.
"""

from __future__ import annotations

from olearn.traces.offloading._columns import KINDS, ColumnTable
from olearn.traces.offloading._files import bundled_names, read_table
from olearn.traces.offloading._table import OffloadTable

__all__ = ["KINDS", "ColumnTable", "OffloadTable", "bundled_names", "read_table"]
