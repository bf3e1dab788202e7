"""What a reader declares, and what readers of text share."""

from __future__ import annotations

import inspect
from collections.abc import Iterator
from pathlib import PurePath
from typing import Any, BinaryIO, ClassVar

import numpy as np

from olearn.errors import ParameterError, nearest
from olearn.traces._files import HEAD, Source
from olearn.traces._gather import Block, Plan, gather
from olearn.traces._trace import Trace
from olearn.traces.operations import Rule


class Reader:
    """One trace format. A subclass in a file of this folder is all it takes to add one.

    Third parties name a subclass in the entry-point group ``olearn.readers``. A reader either returns
    the whole trace (:meth:`read`) or, better, yields it in blocks (:meth:`blocks`): such a file may be
    longer than memory. Options of a format are keyword parameters of that method.
    """

    #: The name that ``format=`` takes, the usual endings of files, one line on the layout, one line of a file.
    name: ClassVar[str] = ""
    extensions: ClassVar[tuple[str, ...]] = ()
    description: ClassVar[str] = ""
    example: ClassVar[str] = ""
    #: Whether rows are reads, writes and deletes, so that ``operations=`` says which are requests.
    has_operations: ClassVar[bool] = False
    #: The rule where the user gives none.
    default_operations: ClassVar[str] = "get"
    #: Whether a person can tell the columns apart, so that the message on a file of no format offers this one.
    text: ClassVar[bool] = False

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

    def blocks(self, source: Source) -> Iterator[Block | None]:
        """The rows of the file in blocks; None says that what came so far is void and all comes again.

        A generator may set ``source.where`` (from the number of a row to its place, for messages) and
        ``source.plan`` (what is to be done at the end), and tell what it sees with ``source.note``.
        """
        raise NotImplementedError

    def read(self, source: Source, **options: Any) -> Trace:
        """Read the whole file; mistakes in it raise TraceError with the line or the byte."""
        return self.gather(source, options)

    @property
    def streams(self) -> bool:
        """Whether the format is read in blocks."""
        return type(self).blocks is not Reader.blocks

    def gather(
        self, source: Source, options: dict[str, Any], share: float | None = None, seed: int = 0
    ) -> Trace:
        """The trace of the blocks; with `share`, of a share of the items."""
        blocks, rule = self.begin(source, options)
        trace = gather(source, blocks, rule=rule, share=share, seed=seed)
        if rule is not None:
            self.say(source, rule)
        return trace

    @staticmethod
    def say(source: Source, rule: Rule) -> None:
        """Tell what the rule for operations did, where there were any."""
        if rule.left or (rule.taken and rule.text != "all"):
            source.note(rule.told())
            source.told["operations"] = rule.text

    def begin(self, source: Source, options: dict[str, Any]) -> tuple[Iterator[Block | None], Rule | None]:
        """The blocks of the file, and the rule for its operations if the format has any."""
        options = dict(options)
        asked = options.pop("operations", None)
        rule = Rule(asked or self.default_operations) if self.has_operations else None
        source.plan = Plan()
        return self.blocks(source, **options), rule

    def named(self, path: PurePath) -> bool:
        """Whether the file's name ends as this format's files do."""
        return path.name.lower().endswith(tuple(e.lower() for e in self.extensions))

    @classmethod
    def options(cls) -> list[str]:
        """Names of the keyword parameters of :meth:`blocks` or :meth:`read`."""
        method = cls.read if cls.blocks is Reader.blocks else cls.blocks
        skip = ("self", "source")
        names = [
            n
            for n, p in inspect.signature(method).parameters.items()
            if n not in skip and p.kind != p.VAR_KEYWORD
        ]
        return [*names, "operations"] if cls.has_operations else names

    def check_options(self, options: dict[str, Any]) -> None:
        """Refuse an option that this format does not have."""
        for option in options:
            if option not in self.options():
                allowed = ", ".join(self.options()) or "none"
                raise ParameterError(
                    f"format {self.name!r} has no option {option!r}{nearest(option, self.options())}; "
                    f"its options: {allowed}"
                )


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


def records(source: Source, dtype: np.dtype[Any], check: Any = None, *, skip: int = 0) -> Iterator[np.ndarray]:
    """Fixed-size binary records in pieces; `source.where` is set to the byte of a record.

    Parameters
    ----------
    source : Source
        The file.
    dtype : structured dtype
        The record.
    check : callable(records) -> int or None
        Position of the first record that is impossible, or None.
    skip : int
        Bytes before the first record.

    Yields
    ------
    structured ndarray
        A view of a buffer that the next piece overwrites.
    """
    size = dtype.itemsize
    source.where = lambda position: f"byte {skip + position * size}"
    done = 0
    if source.size is not None:
        source.expected = max(0, source.size - skip) // size
    with source.open() as stream:
        stream.read(skip)
        buffer = memoryview(bytearray(size << 16))  # one for all pieces: no fresh pages
        got = _fill(stream, buffer)
        while got:
            count, rest = divmod(got, size)
            found = np.frombuffer(buffer, dtype, count)
            if check is not None and count:
                bad = check(found)
                if bad is not None:
                    raise source.error(f"{source.where(done + bad)}: not a possible record of {size} bytes")
            if rest:
                raise source.error(
                    f"truncated: the record at {source.where(done + count)} has {rest} of its {size} bytes"
                )
            yield found
            done += count
            got = _fill(stream, buffer)


def column(values: np.ndarray) -> np.ndarray:
    """A copy of a record's field as int64; unsigned ones of 32 or 64 bits as uint32 or uint64."""
    kind = {"u8": np.uint64, "u4": np.uint32}.get(f"{values.dtype.kind}{values.dtype.itemsize}", np.int64)
    return np.array(values, dtype=kind)


def key_column(values: np.ndarray) -> np.ndarray:
    """A copy of a record's field as keys: int64, or uint64 for an unsigned one of 64 bits."""
    wide = values.dtype.kind == "u" and values.dtype.itemsize == 8
    return np.array(values, dtype=np.uint64 if wide else np.int64)


def _fill(stream: BinaryIO, buffer: memoryview) -> int:
    """Read until the buffer is full or the stream ends; returns the number of bytes."""
    done = 0
    got = -1
    while got and done < len(buffer):
        got = stream.readinto(buffer[done:])  # type: ignore[attr-defined]
        done += got
    return done
