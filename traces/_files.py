"""Bytes of a trace file: decompression seen by its magic bytes, whole files written or none."""

from __future__ import annotations

import codecs
import gzip
import io
import lzma
import os
import stat
import sys
import tempfile
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from functools import cached_property
from pathlib import Path
from typing import Any, BinaryIO, cast

from olearn.errors import OlearnError, TraceError
from olearn.traces._compression import MAGIC, decompressor, other_compression, seen
from olearn.traces._limits import VARIABLE, check_memory, memory_limit, size_text

#: Bytes, after decompression, that a reader sees when it is asked whether a file is its own.
HEAD = 1 << 16
#: No text trace has longer lines.
LONGEST_LINE = 1 << 26


class ValueAtError(TraceError):
    """A value of one request is not allowed; a reader turns `position` into a line or a byte."""

    def __init__(self, what: str, position: int) -> None:
        super().__init__(f"{what} at position {position}")
        self.what = what
        self.position = int(position)


class Source:
    """One trace file: its name for messages, its compression, a stream of its plain bytes.

    The file is opened once and read as it was at that moment: what is appended later is not read, what
    is cut off is an error. A pipe, a device or standard input is read once, into a temporary file.

    Parameters
    ----------
    path : path-like or str
        The file; ``-`` is standard input.

    Raises
    ------
    TraceError
        It is not there, not a file, or empty.

    Attributes
    ----------
    notes : list of str
        What a reader has to say about the input; see :meth:`note`.
    told : dict
        Facts for the trace's ``origin``: columns, operations, ...
    where : callable
        From the number of a request (from 0) to its place in the file, for messages.
    reached, rows, expected : int
        Plain bytes read by the stream opened last; rows that a reader has counted; how many rows it
        expects, 0 if it can't know.
    """

    def __init__(self, path: str | Path) -> None:
        self.notes: list[str] = []
        self.told: dict[str, Any] = {}
        self.plan: Any = None
        self.where: Callable[[int], str] = lambda position: f"request {position + 1}"
        self.reached = self.rows = self.expected = 0
        self._file = -1
        self._utf16 = False
        self.path = Path("<stdin>" if str(path) == "-" else path)
        if str(path) == "-":
            stream = getattr(sys.stdin, "buffer", None)
            if stream is None:
                raise self.error("standard input is closed")
            if not self._redirected(stream):
                self._spool(stream)
        elif self.path.is_dir():
            raise self.error("is a folder, not a trace file")
        elif not self.path.exists():
            raise TraceError(f"no trace file {shown(self.path)!r}")
        else:
            self._open_once()
        self._length = os.fstat(self._file).st_size
        start = os.pread(self._file, 8, 0)
        if not start:
            raise self.error("is empty (0 bytes)")
        if other := other_compression(start):
            raise self.error(f"is compressed with {other}, olearn reads gz, xz and zst")
        self.compression: str | None = seen(start)
        if not self.head:
            raise self.error(f"is empty once decompressed ({self.compression})")
        if _is_utf16(self.head):
            del self.head
            self._utf16 = True
            self.note("UTF-16 text, read as such")

    def _open_once(self) -> None:
        try:
            self._file = os.open(self.path, os.O_RDONLY | getattr(os, "O_CLOEXEC", 0))
        except OSError as error:
            raise self.error(f"can't be read: {error.strerror}") from None
        if not stat.S_ISREG(os.fstat(self._file).st_mode):
            with open(self._file, "rb", buffering=0) as pipe:
                self._file = -1
                self._spool(cast(BinaryIO, pipe))

    def _redirected(self, stream: BinaryIO) -> bool:
        """Whether standard input is a whole file (``< file``), which is then read as one."""
        with suppress(OSError, ValueError, AttributeError):
            number = stream.fileno()
            if stat.S_ISREG(os.fstat(number).st_mode) and os.lseek(number, 0, os.SEEK_CUR) == 0:
                self._file = os.dup(number)
                return True
        return False

    def _spool(self, stream: BinaryIO) -> None:
        """Keep what comes through a pipe in a temporary file without a name."""
        limit = memory_limit()
        try:
            with tempfile.TemporaryFile() as file:
                length = 0
                while data := stream.read(1 << 20):
                    length += len(data)
                    if length > limit:
                        raise self.error(
                            f"gives more than the limit of {size_text(limit)} for what is not a file; write it "
                            f"to a file first, or let {VARIABLE} (or --memory) raise it"
                        )
                    file.write(data)
                file.flush()
                self._file = os.dup(file.fileno())
        except (OSError, ValueError) as error:
            if isinstance(error, OlearnError):
                raise
            raise self.error(f"can't be read: {getattr(error, 'strerror', None) or error}") from None

    def close(self) -> None:
        """Give the file back."""
        if self._file >= 0:
            os.close(self._file)
            self._file = -1

    def __del__(self) -> None:
        with suppress(OSError, AttributeError):
            self.close()

    def __str__(self) -> str:
        return shown(self.path)

    def error(self, what: str) -> TraceError:
        """An error that names the file: ``what`` continues the sentence."""
        return TraceError(f"{self}: {what}")

    def note(self, text: str) -> None:
        """Keep a sentence about the input; whoever loads the trace is told."""
        if text not in self.notes:
            self.notes.append(text)

    @property
    def plain_name(self) -> str:
        """The file's name without the ending of a compression."""
        name = shown(self.path.name)
        for ending in (".gz", ".xz", ".zst", ".zstd", ".lzma"):
            if name.lower().endswith(ending):
                return name[: -len(ending)]
        return name

    @property
    def size(self) -> int | None:
        """Number of plain bytes, None where that takes decompressing everything."""
        return self._length if self.compression is None and not self._utf16 else None

    @cached_property
    def head(self) -> bytes:
        """The first 64 KiB of the plain bytes."""
        with self.open() as stream:
            return stream.read(HEAD)

    def open(self) -> BinaryIO:
        """A buffered stream of the plain bytes, from the start; broken compression raises TraceError."""
        raw: Any = _At(self._file, self._length, self)
        opened: Any = raw
        if self.compression is not None:
            opened = decompressor(cast(BinaryIO, io.BufferedReader(raw, 1 << 18)), self.compression)
        if self._utf16:
            opened = _Recoded(opened)
        return cast(BinaryIO, io.BufferedReader(_Checked(opened, self), 1 << 20))

    def check_unchanged(self) -> None:
        """Note that the file has grown since it was opened; what was appended is not read."""
        now = os.fstat(self._file).st_size
        if now > self._length:
            self.note(f"grew while it was read: the {now - self._length:,} bytes appended are not read")

    def read(self) -> bytes:
        """All plain bytes, if they fit into the memory limit."""
        if self.size is not None:
            check_memory(2 * self.size, f"{self}: takes")
        limit, pieces, length = memory_limit(), [], 0
        with self.open() as stream:
            while data := stream.read(1 << 22):
                pieces.append(data)
                length += len(data)
                if 2 * length > limit:
                    check_memory(2 * length, f"{self}: takes (decompressed)")
        return b"".join(pieces)

    def lines(self) -> Iterator[tuple[int, str]]:
        """Numbered lines (from 1) without their ends; bytes that are not UTF-8 raise TraceError."""
        with self.open() as stream:
            number = 0
            while line := stream.readline(LONGEST_LINE):
                number += 1
                if len(line) == LONGEST_LINE:
                    raise self.error(f"line {number}: longer than {size_text(LONGEST_LINE)}, not a text trace")
                try:
                    yield number, line.decode("utf-8-sig" if number == 1 else "utf-8").rstrip("\r\n")
                except UnicodeDecodeError as error:
                    raise self.not_utf8(number, error.start, line) from None

    def not_utf8(self, number: int, start: int, line: bytes) -> TraceError:
        """The error for a line that is no UTF-8 text."""
        advice = ""
        if b"\0" not in line:
            advice = f"; if it is Latin-1: iconv -f latin1 -t utf-8 {self.path.name}"
        return self.error(f"line {number}: not UTF-8 text (byte {start + 1} is 0x{line[start]:02x}{advice})")


def shown(path: str | Path) -> str:
    """A file's name as text that can be printed, whatever bytes it has."""
    return os.fsencode(path).decode("utf-8", "backslashreplace")


def _is_utf16(head: bytes) -> bool:
    """Text in UTF-16 with its mark at the front."""
    if not head.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        return False
    with suppress(UnicodeDecodeError):
        text = codecs.getincrementaldecoder("utf-16")().decode(head)
        return bool(text) and not any(c < " " and c not in "\t\r\n" for c in text)
    return False


class _At(io.RawIOBase):
    """A file as it was when it was opened, through a descriptor that others read too."""

    def __init__(self, file: int, length: int, source: Source) -> None:
        self._file, self._length, self._source, self._place = file, length, source, 0

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        want = min(len(buffer), self._length - self._place)
        if want <= 0:
            return 0
        if self._source._file < 0:
            raise self._source.error("was closed while it was read")
        got = _read_at(self._file, memoryview(buffer)[:want], self._place)
        if not got:
            raise self._source.error(
                f"was cut to {self._place} bytes while it was read; it had {self._length} at the start"
            )
        self._place += got
        return got


def _read_at(file: int, buffer: memoryview, place: int) -> int:
    if hasattr(os, "preadv"):
        return os.preadv(file, [buffer], place)
    data = os.pread(file, len(buffer), place)
    buffer[: len(data)] = data
    return len(data)


class _Recoded:
    """UTF-16 as UTF-8."""

    def __init__(self, stream: Any) -> None:
        self._stream = stream
        self._decoder = codecs.getincrementaldecoder("utf-16")()
        self._left = b""

    def read(self, size: int) -> bytes:
        while not self._left:
            data = self._stream.read(1 << 16)
            self._left = self._decoder.decode(data or b"", final=not data).encode("utf-8", "surrogatepass")
            if not data:
                break
        piece, self._left = self._left[:size], self._left[size:]
        return piece


class _Checked(io.RawIOBase):
    """Turns what decompressors raise into one sentence with the place reached."""

    def __init__(self, stream: Any, source: Source) -> None:
        self._stream, self._source, self._done = stream, source, 0
        source.reached = 0

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        compression = self._source.compression
        try:
            if isinstance(self._stream, _At):
                size = self._stream.readinto(buffer)
            else:
                data = self._stream.read(len(buffer))
                size = len(data)
                buffer[:size] = data
        except TraceError:
            raise
        except EOFError:
            raise self._source.error(
                f"truncated: the {compression} stream stops after {self._done} plain bytes"
            ) from None
        except (OSError, zlib.error, lzma.LZMAError, ValueError) as error:
            kind = f"corrupt {compression} stream" if compression else "not readable"
            raise self._source.error(f"{kind} after {self._done} plain bytes ({error})") from None
        self._done += size
        self._source.reached = self._done
        return size


def compression_of(path: str | Path) -> str | None:
    """The compression that a file's ending asks for: gz, xz, zst or None."""
    ending = Path(path).suffix.lower().lstrip(".")
    return ending if ending in MAGIC.values() else None


@contextmanager
def _compressed(file: BinaryIO, compression: str | None) -> Iterator[BinaryIO]:
    """A stream that compresses into `file`; the bytes depend on nothing but the input."""
    if compression == "gz":
        with gzip.GzipFile("", "wb", fileobj=file, mtime=0) as stream:
            yield cast(BinaryIO, stream)
    elif compression == "xz":
        with lzma.LZMAFile(file, "wb") as stream_xz:
            yield cast(BinaryIO, stream_xz)
    elif compression == "zst":
        import zstandard

        with zstandard.ZstdCompressor(level=9).stream_writer(file, closefd=False) as stream_zst:
            yield cast(BinaryIO, stream_zst)
    else:
        yield file


def write_whole(path: str | Path, write: Callable[[BinaryIO], object], compress: bool = True) -> Path:
    """Let `write` fill a new file beside `path` and put it in place only when it is complete.

    An ending .gz, .xz or .zst compresses it, if `compress`. A link keeps pointing where it points; a device
    or a pipe (/dev/stdout) is written to, not replaced by a file.
    """
    path = Path(path)
    compression = compression_of(path) if compress else None
    if path.is_relative_to("/dev") or (path.exists() and not path.is_file()):
        try:
            with open(path, "wb") as file, _compressed(file, compression) as stream:
                write(stream)
        except OSError as error:
            raise OlearnError(f"can't write {path}: {error.strerror}") from None
        return path
    path = path.resolve() if path.is_symlink() else path
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    except OSError as error:
        raise OlearnError(f"can't write {path}: {error.strerror}") from None
    try:
        with os.fdopen(handle, "wb") as file, _compressed(file, compression) as stream:
            write(stream)
        umask = os.umask(0)
        os.umask(umask)
        os.chmod(name, 0o666 & ~umask)
        os.replace(name, path)
    except OSError as error:
        Path(name).unlink(missing_ok=True)
        raise OlearnError(f"can't write {path}: {error.strerror}") from None
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise
    return path


def said(error: Exception) -> str:
    """What a library's error says, cut to a piece of a sentence; its type if it says nothing."""
    return (str(error).splitlines() or [type(error).__name__])[0][:80]


@contextmanager
def at(source: Source, where: Callable[[int], str]) -> Iterator[None]:
    """Inside the block, a wrong value's position becomes a place in the file, and the file is named."""
    try:
        yield
    except ValueAtError as error:
        raise source.error(f"{where(error.position)}: {error.what}") from None
    except TraceError as error:
        if str(error).startswith(str(source)):
            raise
        raise source.error(str(error)) from None
