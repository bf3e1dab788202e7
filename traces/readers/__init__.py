"""Readers of trace files, one format a file. A new file in this folder with a
:class:`~olearn.traces.readers._base.Reader` in it is found by itself; a package of your own names its
reader in the entry-point group ``olearn.readers``.
"""

from __future__ import annotations

import importlib
import pkgutil
import warnings
from functools import cache
from importlib.metadata import entry_points
from pathlib import Path, PurePath
from typing import Any

from olearn.errors import TraceError, nearest, unknown
from olearn.traces._files import Source
from olearn.traces._trace import Trace
from olearn.traces.readers._base import Reader

__all__ = ["Reader", "formats", "load", "recognise"]

#: Below this, a file's content fits no format.
_SURE = 0.3


@cache
def formats() -> dict[str, Reader]:
    """Every known format, by name: the files of this folder and the installed plug-ins.

    Examples
    --------
    >>> formats()["oracleGeneral"].extensions
    ('.oracleGeneral', '.oracleGeneral.bin')
    """
    found: dict[str, Reader] = {}
    for module_info in pkgutil.iter_modules(__path__):
        if module_info.name.startswith("_"):
            continue
        module = importlib.import_module(f"{__name__}.{module_info.name}")
        for thing in vars(module).values():
            if isinstance(thing, type) and issubclass(thing, Reader) and thing.__module__ == module.__name__:
                found[thing.name] = thing()
    for entry in entry_points(group="olearn.readers"):
        try:
            thing = entry.load()
            reader = thing() if isinstance(thing, type) else thing
            found.setdefault(reader.name, reader)
        except Exception as error:  # somebody else's package must not take ours down
            warnings.warn(f"the reader {entry.value} of another package can't be loaded: {error}", stacklevel=2)
    return dict(sorted(found.items(), key=lambda pair: pair[0].lower()))


def recognise(source: Source) -> tuple[str, float]:
    """The format that fits a file's content and name best, and how sure it is (0 to 1)."""
    path = PurePath(source.plain_name)
    scores = {name: reader.sniff(source.head, path) for name, reader in formats().items()}
    best = max(scores, key=lambda name: scores[name])
    return best, scores[best]


def load(path: str | Path, format: str | None = None, *, name: str | None = None, **options: Any) -> Trace:
    """Read a trace from a file, plain or compressed (gz, xz, zst, seen by its content).

    Parameters
    ----------
    path : path-like or str
        The file, ``-`` for standard input, or the name of a bundled trace (``"twitter"``).
    format : str, optional
        A name of :func:`formats`; by default recognised by content and ending.
    name : str, optional
        Name of the trace; by default the file's name without its endings.
    **options
        Options of the format, e.g. ``columns={"item": "url", "time": 1}`` for csv.

    Returns
    -------
    Trace

    Raises
    ------
    TraceError
        Missing, empty, truncated or corrupt file (with the line or the byte), or no format fits.
    UnknownNameError
        No such format; the nearest name is offered.

    Examples
    --------
    >>> import olearn.traces
    >>> olearn.traces.load("twitter")
    <Trace 'twitter': 250,000 requests, 47,198 items, sizes, times>
    """
    known = formats()
    if format is not None and format not in known:
        folded = {n.lower(): n for n in known}
        if format.lower() not in folded:
            raise unknown("trace format", format, known)
        format = folded[format.lower()]
    if not Path(path).exists() and format in (None, "npz"):
        from olearn.traces.data import BUNDLED, bundled

        if str(path) in BUNDLED:
            trace = bundled(str(path))
            trace.name = name or trace.name
            return trace
        hint = nearest(str(path), BUNDLED)
        if hint:
            raise TraceError(f"no trace file or bundled trace {str(path)!r}{hint}")
    source = Source(path)
    guess, sure = recognise(source)
    if format is None:
        if sure < _SURE and not options:
            raise source.error(f"fits no known trace format; give format= one of: {', '.join(known)}")
        format = _with_options(guess, options)
    reader = known[format]
    reader.check_options(options)
    try:
        trace = reader.read(source, **options)
    except TraceError as error:
        if guess != format and sure >= 0.5:
            raise TraceError(f"{error} (read as {format}; it looks like {guess})") from None
        raise
    trace.name = name or _short_name(source, reader)
    trace.source = str(source)
    return trace


def _with_options(guess: str, options: dict[str, Any]) -> str:
    """The guess or, where it lacks the options given, the one format that has them all: they name it."""
    able = [n for n, r in formats().items() if set(options) <= set(r.options())]
    return able[0] if options and guess not in able and len(able) == 1 else guess


def _short_name(source: Source, reader: Reader) -> str:
    name = source.plain_name
    for ending in sorted(reader.extensions, key=len, reverse=True):
        if name.lower().endswith(ending.lower()) and len(name) > len(ending):
            return name[: -len(ending)]
    stem, dot, ending = name.rpartition(".")
    return stem if dot and stem and 0 < len(ending) <= 6 else name
