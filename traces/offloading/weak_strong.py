"""Routing tables of two language models: whether the weak and the strong one answered each prompt right.

Reads CSV files of the RouteLLM layout: one row a prompt, a column of right-or-wrong for each model (0/1,
true/false), optionally a column with a router's score and one with the domain. Without a score
the confidence is 1/2 everywhere, and thresholds can only tell domains apart.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np

from olearn.errors import TraceError, nearest
from olearn.traces.offloading._table import OffloadTable

_WEAK = ("weak_correct", "weak", "mistralai/Mixtral-8x7B-Instruct-v0.1")
_STRONG = ("strong_correct", "strong", "gpt-4-1106-preview")


def weak_strong(
    path: str | Path,
    *,
    weak: str | None = None,
    strong: str | None = None,
    confidence: str | None = None,
    context: str | None = None,
) -> OffloadTable:
    """Read the table of a weak (local) and a strong (remote) model.

    Parameters
    ----------
    path : str or Path
        A CSV file.
    weak, strong : str, optional
        Names of their columns; the usual ones are found.
    confidence : str, optional
        Column with a score in [0, 1] that grows with the chance that the weak model is right.
    context : str, optional
        Column with the domain.
    """
    from pyarrow import ArrowInvalid, csv

    file = Path(path)
    try:
        data = csv.read_csv(file)
    except FileNotFoundError:
        raise TraceError(f"no file {str(path)!r}") from None
    except ArrowInvalid as error:
        raise TraceError(f"{str(path)!r} can't be read as csv: {str(error).splitlines()[0]}") from None
    names = data.column_names

    def column(given: str | None, usual: tuple[str, ...], what: str) -> np.ndarray:
        name = given if given is not None else next((u for u in usual if u in names), None)
        if name is None or name not in names:
            shown = given if given is not None else usual[0]
            hint = nearest(str(shown), names)
            raise TraceError(f"{file.name} has no column {shown!r} for {what}{hint}; it has {', '.join(names)}")
        values: np.ndarray = data.column(name).to_numpy(zero_copy_only=False)
        if values.dtype.kind == "O":
            values = values.astype(str)
            if what.endswith("model"):
                lower = np.char.lower(values)
                if np.isin(lower, ("true", "false")).all():
                    return np.asarray(lower == "true")
        return values

    return OffloadTable(
        np.full(data.num_rows, 0.5) if confidence is None else column(confidence, (), "the confidence"),
        column(weak, _WEAK, "the weak model"),
        column(strong, _STRONG, "the strong model"),
        context=None if context is None else column(context, (), "the context"),
        name=file.stem,
        provenance={"source": file.name, "layout": "RouteLLM: weak and strong model per prompt"},
    )
