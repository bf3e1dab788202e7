"""What a reader declares, and what readers of text share."""

from __future__ import annotations

import inspect
from pathlib import PurePath
from typing import Any, BinaryIO, ClassVar, NamedTuple

import numpy as np

from olearn.errors import ParameterError, nearest
from olearn.traces._files import HEAD, Source, at
from olearn.traces._intern import Interner, compiled_pays
from olearn.traces._trace import Trace


class Reader:
    """One trace format. A subclass in a file of this folder is all it takes to add one.

    Third parties name a subclass in the entry-point group ``olearn.readers``. Options of a format are
    keyword parameters of :meth:`read`.
    """

    #: The name that ``format=`` takes, the usual endings of files, and one line on the layout.
    name: ClassVar[str] = ""
    extensions: ClassVar[tuple[str, ...]] = ()
    description: ClassVar[str] = ""

    def sniff(self, head: bytes, path: PurePath) -> float:
        """How sure the reader is that a file is its own, from 0 (it isn't) to 1 (a magic number).

        Parameters
        ----------
        head : bytes
            The first 64 KiB of the file, decompressed.
        path : PurePath
            The file's name without the ending of a compression.
        """
        raise NotImplementedError

    def read(self, source: Source) -> Trace:
        """Read the whole file; mistakes in it raise TraceError with the line or the byte."""
        raise NotImplementedError

    def named(self, path: PurePath) -> bool:
        """Whether the file's name ends as this format's files do."""
        return path.name.lower().endswith(tuple(e.lower() for e in self.extensions))

    @classmethod
    def options(cls) -> list[str]:
        """Names of the keyword parameters of :meth:`read`."""
        return [n for n in inspect.signature(cls.read).parameters if n not in ("self", "source")]

    def check_options(self, options: dict[str, Any]) -> None:
        """Refuse an option that this format does not have."""
        for option in options:
            if option not in self.options():
                allowed = ", ".join(self.options()) or "none"
                raise ParameterError(
                    f"format {self.name!r} has no option {option!r}{nearest(option, self.options())}; "
                    f"its options: {allowed}"
                )


class Interned(NamedTuple):
    """Items of a file that were given dense ids while it was read."""

    items: np.ndarray  # int32 (T,)
    keys: np.ndarray  # (N,)


def head_lines(head: bytes, strict: bool = True) -> list[str]:
    """Whole non-blank lines of the head; nothing if it is binary or, when `strict`, not UTF-8."""
    if b"\0" in head:
        return []
    if len(head) >= HEAD:  # the last line, and a character, may be cut
        head = head[: head.rfind(b"\n") + 1]
    try:
        text = head.decode("utf-8-sig", "strict" if strict else "replace")
    except UnicodeDecodeError:
        return []
    return [line for line in text.splitlines() if line.strip()]


def read_records(
    source: Source, dtype: np.dtype[Any], fields: tuple[str, ...], check: Any = None, *, skip: int = 0
) -> list[Any]:
    """Columns of a file of fixed-size binary records, in pieces so that the records are never all held.

    Parameters
    ----------
    source : Source
        The file.
    dtype : structured dtype
        The record.
    fields : tuple of str
        The columns wanted, the item first. Each comes back as an int64 array of its own, an unsigned one
        of 32 or 64 bits as uint32 or uint64; of a large file, the items come back as :class:`Interned`.
    check : callable(records) -> int or None
        Position of the first record that is impossible, or None.
    skip : int
        Bytes before the first record.
    """
    size = source.size
    expected = None if size is None else max(0, size - skip) // dtype.itemsize
    interner = None
    same = {np.dtype("<u8"): np.uint64, np.dtype("<u4"): np.uint32}
    kinds: list[np.dtype[Any]] = [np.dtype(same.get(dtype[f], np.int64)) for f in fields]
    if kinds[0] == np.uint32:  # keys are interned as 64-bit integers
        kinds[0] = np.dtype(np.int64)
    columns: list[list[np.ndarray]] = [[] for _ in fields]
    if expected is not None:
        whole = [np.empty(expected, kind) for kind in kinds[1:]]
        if compiled_pays(expected):
            interner = Interner(kinds[0])
            kinds[0] = np.dtype(np.int32)
        whole.insert(0, np.empty(expected, kinds[0]))
    done = 0
    with source.open() as stream:
        stream.read(skip)
        buffer = memoryview(bytearray(dtype.itemsize << 16))  # one for all pieces: no fresh pages
        size = _fill(stream, buffer)
        while size:
            count, rest = divmod(size, dtype.itemsize)
            records = np.frombuffer(buffer, dtype, count)
            if check is not None and count:
                bad = check(records)
                if bad is not None:
                    at_byte = skip + (done + bad) * dtype.itemsize
                    raise source.error(f"byte {at_byte}: not a possible record of {dtype.itemsize} bytes")
            if rest:
                at_byte = skip + (done + count) * dtype.itemsize
                raise source.error(
                    f"truncated: the record at byte {at_byte} has {rest} of its {dtype.itemsize} bytes"
                )
            for position, field in enumerate(fields):
                if position == 0 and interner is not None:
                    interner.add(records[field], whole[0][done : done + count])
                elif expected is None:
                    columns[position].append(records[field].astype(kinds[position]))
                else:
                    whole[position][done : done + count] = records[field]
            done += count
            size = _fill(stream, buffer)
    if interner is not None:
        return [Interned(whole[0], interner.keys()), *whole[1:]]
    if expected is not None:
        return whole
    return [np.concatenate(c) for c in columns]


def _fill(stream: BinaryIO, buffer: memoryview) -> int:
    """Read until the buffer is full or the stream ends; returns the number of bytes."""
    done = 0
    got = -1
    while got and done < len(buffer):
        got = stream.readinto(buffer[done:])  # type: ignore[attr-defined]
        done += got
    return done


def build(source: Source, record_bytes: int, keys: Any, *, skip: int = 0, **columns: Any) -> Trace:
    """A trace from columns of binary records; a bad value is reported at the byte of its record."""
    with at(source, lambda position: f"byte {skip + position * record_bytes}"):
        if isinstance(keys, Interned):
            return Trace(keys.items, keys.keys, **columns)
        return Trace.from_keys(keys, **columns)
