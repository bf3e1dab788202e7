"""Readers of trace files, one format a file. A new file in this folder with a
:class:`~olearn.traces.readers._base.Reader` in it is found by itself; a package of your own names its
reader in the entry-point group ``olearn.readers``.
"""

from __future__ import annotations

import importlib
import pkgutil
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from importlib.metadata import entry_points
from pathlib import Path, PurePath
from typing import Any

from olearn.errors import OlearnError, ParameterError, TraceError, check_real, nearest, unknown
from olearn.traces._files import Source, said, shown
from olearn.traces._gather import describe_sizes, describe_times, picked
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
    scores = _scores(source)
    best = max(scores, key=lambda name: scores[name])
    return best, scores[best]


def _scores(source: Source) -> dict[str, float]:
    path = PurePath(source.plain_name)
    found = {}
    for name, reader in formats().items():
        try:
            found[name] = float(reader.sniff(source.head, path))
        except Exception:  # a damaged head must not stop the readers that it does not concern
            found[name] = 0.0
    return found


def candidates(source: Source, least: float = 0.0) -> list[str]:
    """Formats that a file of no certain format may have, the likeliest first."""
    scores = _scores(source)
    likely = sorted((n for n in scores if scores[n] > least), key=lambda n: -scores[n])
    binary = b"\0" in source.head
    if binary and source.size is not None:
        likely += [
            n for n, size in (("cache2k", 4), ("corda", 8)) if source.size % size == 0 and n not in likely
        ]
    return likely


def load(
    path: str | Path,
    format: str | None = None,
    *,
    name: str | None = None,
    sample: float | None = None,
    sample_seed: int = 0,
    on_disk: bool = False,
    **options: Any,
) -> Trace:
    """Read a trace from a file, plain or compressed (gz, xz, zst, seen by its content).

    Parameters
    ----------
    path : path-like or str
        The file, ``-`` for standard input, the folder of a store, or the name of a bundled trace
        (``"twitter"``).
    format : str, optional
        A name of :func:`formats`; by default recognised by content and ending.
    name : str, optional
        Name of the trace; by default the file's name without its endings.
    sample : float, optional
        Read only the requests of this share of the items, chosen by a hash of the key: the same items in
        every file (:meth:`Trace.sample`).
    sample_seed : int
        Another seed is another sample.
    on_disk : bool
        Keep the trace in files in the folder for temporary ones and read it block by block: for traces
        longer than memory. Convert a file that is read often (``olearn trace convert --to store``).
    **options
        Options of the format, e.g. ``columns={"item": "url", "time": 1}`` for csv, ``operations="all"`` for
        formats with reads and writes, ``block="4kb"`` for block devices.

    Returns
    -------
    Trace
        Its ``notes`` say what was skipped, changed or not used, ``origin`` which format and columns it is
        read from.

    Raises
    ------
    TraceError
        Missing, empty, truncated or corrupt file (with the line or the byte), no format fits, or reading it
        would take more memory than the limit (a quarter of the machine's; ``OLEARN_MEMORY=8gb``).
    UnknownNameError
        No such format; the nearest name is offered.

    Examples
    --------
    >>> import olearn.traces
    >>> olearn.traces.load("twitter")
    <Trace 'twitter': 250,000 requests, 47,198 items, sizes, times>
    """
    from olearn.traces import _store

    kept = None if sample is None else check_real("sample", sample, 0.0, 1.0, open_low=True)
    if _store.is_store(path) and format in (None, "store"):
        stored: Trace = _store.open_store(path)
        asked = options.pop("operations", None)
        stored = picked(stored, asked, lambda what: TraceError(f"{shown(path)}: {what}"))
        for option in options:
            raise ParameterError(f"a store has no option {option!r}; its options: operations, sample")
        return _named(stored if kept is None else stored.sample(kept, sample_seed), name)
    if format == "store":
        raise TraceError(
            f"{shown(path)}: is not the folder of a store; olearn trace convert --to store makes one"
        )
    format = _known(format)
    if not Path(path).exists() and format in (None, "npz"):
        from olearn.traces.data import BUNDLED, bundled

        if str(path) in BUNDLED:
            trace = bundled(str(path))
            trace = trace if kept is None else trace.sample(kept, sample_seed)
            return _told(trace, name, {"format": "npz", "bundled": True})
        hint = nearest(str(path), BUNDLED)
        if hint:
            raise TraceError(f"no trace file or bundled trace {str(path)!r}{hint}")
    if on_disk:
        kept_items = {"sample": kept, "sample_seed": sample_seed}
        return _named(_store.load_on_disk(path, format, **kept_items, **options), name)
    with opened(path, format, options) as (source, reader):
        with sentences(source, reader.name):
            if reader.streams:
                trace = reader.gather(source, options, kept, sample_seed)
            else:
                trace = reader.read(source, **options)
                trace = trace if kept is None else trace.sample(kept, sample_seed)
        source.check_unchanged()
        return finish(trace, source, reader, name)


def _named(trace: Trace, name: str | None) -> Trace:
    trace.name = name or trace.name
    return trace


def finish(trace: Trace, source: Source, reader: Reader, name: str | None = None) -> Trace:
    """Give a trace its name and what is to be told about where it comes from."""
    trace.source = str(source)
    trace.notes = (*trace.notes, *source.notes)
    about = {"format": reader.name, "compression": source.compression, **source.told}
    return _told(trace, name or _short_name(source, reader), about)


def _told(trace: Trace, name: str | None, about: dict[str, Any]) -> Trace:
    trace.name = name or trace.name
    said = [*trace.notes, *filter(None, (describe_sizes(trace), describe_times(trace)))]
    trace.notes = tuple(dict.fromkeys(said))
    trace.origin = {**trace.origin, **about, "notes": list(trace.notes)}
    return trace


@contextmanager
def opened(path: str | Path, format: str | None, options: dict[str, Any]) -> Iterator[tuple[Source, Reader]]:
    """The file and the reader for it; the file is closed behind the block."""
    known = formats()
    source = Source(path)
    try:
        guess, sure = recognise(source)
        if format is None:
            if sure < _SURE and not options:
                raise source.error(_unfit(source))
            format = _with_options(guess, options)
        reader = known[format]
        reader.check_options(options)
        try:
            yield source, reader
        except TraceError as error:
            if guess != format and sure >= 0.5:
                raise TraceError(f"{error} (read as {format}; it looks like {guess})") from None
            raise
    finally:
        source.close()


def _known(format: str | None) -> str | None:
    """The registered spelling of a format's name."""
    known = formats()
    if format is None or format in known:
        return format
    folded = {n.lower(): n for n in known}
    if format.lower() not in folded:
        raise unknown("trace format", format, [*known, "store"])
    return folded[format.lower()]


@contextmanager
def sentences(source: Source, format: str) -> Iterator[None]:
    """Whatever a reader raises becomes one sentence with the file and the byte reached."""
    try:
        yield
    except OlearnError:
        raise
    except MemoryError:
        raise source.error(
            f"takes more memory than there is (after {source.reached:,} plain bytes); read a sample "
            "(--sample 1%) or convert it to a store (--to store)"
        ) from None
    except RecursionError:
        raise source.error(f"is nested too deeply to be read as {format}") from None
    except Exception as error:
        what = f"{type(error).__name__}: {said(error)}"
        raise source.error(
            f"can't be read as {format}: something is wrong before byte {source.reached} ({what})"
        ) from None


def _unfit(source: Source) -> str:
    """Why a file can't be recognised, and what to give."""
    head = source.head
    if b"\0" not in head:
        for number, line in enumerate(head.split(b"\n")[:-1] or [head], 1):
            try:
                line.decode("utf-8-sig" if number == 1 else "utf-8")
            except UnicodeDecodeError as error:
                if sum(byte < 9 for byte in head) == 0:
                    return str(source.not_utf8(number, error.start, line)).removeprefix(f"{source}: ")
                break
    names = ", ".join(formats())
    likely = candidates(source)
    if likely:
        maybe = " or ".join(likely)
        return f"fits no known trace format for certain; it may be {maybe}: give format= one of: {names}"
    return f"fits no known trace format; give format= one of: {names}"


def _with_options(guess: str, options: dict[str, Any]) -> str:
    """The guess or, where it lacks the options given, the one format that has them all: they name it."""
    able = [n for n, r in formats().items() if set(options) <= set(r.options())]
    if not options or guess in able:
        return guess
    if "columns" in options and "csv" in able:
        return "csv"
    return able[0] if len(able) == 1 else guess


def _short_name(source: Source, reader: Reader) -> str:
    name = source.plain_name
    for ending in sorted(reader.extensions, key=len, reverse=True):
        if name.lower().endswith(ending.lower()) and len(name) > len(ending):
            return name[: -len(ending)]
    stem, dot, ending = name.rpartition(".")
    return stem if dot and stem and 0 < len(ending) <= 6 else name
