"""What the tables of arms share: named constants beside the columns, and who needs which column."""

from __future__ import annotations

import hashlib
import json
from typing import Any

import numpy as np

from olearn.errors import NotSupportedError
from olearn.traces.offloading._columns import ColumnTable


class ArmTable(ColumnTable):
    """Samples, and what each of a few arms would bring on them."""

    #: Constants as given (costs, names, ...): checked once the columns are there, kept by slices and files.
    _given: dict[str, Any]

    @property
    def arms(self) -> tuple[str, ...]:
        """Names of the constant choices."""
        raise NotImplementedError

    def need(self, column: str, who: str) -> np.ndarray:
        """The column, or an error that says who needs it."""
        if column not in self.columns:
            raise NotSupportedError(
                f"{who} needs the column {column!r}; the table has {', '.join(self.columns)}"
            )
        return self.columns[column]

    def digest(self) -> str:
        """A hash of kind, columns and constants: equal tables have equal digests."""
        constants = json.dumps(self._extra(), sort_keys=True)
        return hashlib.blake2b(f"{super().digest()}\0{constants}".encode(), digest_size=16).hexdigest()
