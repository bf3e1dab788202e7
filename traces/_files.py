"""Bytes of a trace file: decompression seen by its magic bytes, whole files written or none."""

from __future__ import annotations

import gzip
import io
import lzma
import os
import sys
import tempfile
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cached_property
from pathlib import Path
from typing import Any, BinaryIO, cast

from olearn.errors import OlearnError, TraceError

#: Bytes, after decompression, that a reader sees when it is asked whether a file is its own.
HEAD = 1 << 16

_MAGIC = {b"\x1f\x8b": "gz", b"\xfd7zXZ\x00": "xz", b"\x28\xb5\x2f\xfd": "zst"}


def _other_compression(start: bytes) -> str | None:
    """A compression that is recognised by the first 8 bytes, but not read."""
    if start.startswith(b"BZh") and start[4:8] == b"1AY&":
        return "bz2"
    return "lz4" if start.startswith(b"\x04\x22\x4d\x18") else None


class ValueAtError(TraceError):
    """A value of one request is not allowed; a reader turns `position` into a line or a byte."""

    def __init__(self, what: str, position: int) -> None:
        super().__init__(f"{what} at position {position}")
        self.what = what
        self.position = int(position)


class Source:
    """One trace file: its name for messages, its compression, a stream of its plain bytes.

    Parameters
    ----------
    path : path-like or str
        The file; ``-`` is standard input.

    Raises
    ------
    TraceError
        It is not there, not a file, or empty.
    """

    def __init__(self, path: str | Path) -> None:
        self.path = Path(path)
        self._data: bytes | None = None
        if str(path) == "-":
            self.path = Path("<stdin>")
            self._data = sys.stdin.buffer.read()
        elif self.path.is_dir():
            raise self.error("is a folder, not a trace file")
        elif not self.path.exists():
            raise TraceError(f"no trace file {str(self.path)!r}")
        with self._raw() as file:
            start = file.read(8)
        if not start:
            raise self.error("is empty (0 bytes)")
        if other := _other_compression(start):
            raise self.error(f"is compressed with {other}, olearn reads gz, xz and zst")
        self.compression: str | None = next((n for m, n in _MAGIC.items() if start.startswith(m)), None)
        if not self.head:
            raise self.error(f"is empty once decompressed ({self.compression})")

    def __str__(self) -> str:
        return str(self.path)

    def error(self, what: str) -> TraceError:
        """An error that names the file: ``what`` continues the sentence."""
        return TraceError(f"{self.path}: {what}")

    @property
    def plain_name(self) -> str:
        """The file's name without the ending of a compression."""
        name = self.path.name
        for ending in (".gz", ".xz", ".zst", ".zstd", ".lzma"):
            if name.lower().endswith(ending):
                return name[: -len(ending)]
        return name

    @property
    def size(self) -> int | None:
        """Number of plain bytes, None where that takes decompressing everything."""
        if self.compression is not None:
            return None
        return len(self._data) if self._data is not None else self.path.stat().st_size

    @cached_property
    def head(self) -> bytes:
        """The first 64 KiB of the plain bytes."""
        with self.open() as stream:
            return stream.read(HEAD)

    def _raw(self) -> BinaryIO:
        if self._data is not None:
            return io.BytesIO(self._data)
        try:
            return open(self.path, "rb")
        except OSError as error:
            raise self.error(f"can't be read: {error.strerror}") from None

    def open(self) -> BinaryIO:
        """A buffered stream of the plain bytes, from the start; broken compression raises TraceError."""
        raw = self._raw()
        if self.compression is None:
            return raw
        opened: Any
        if self.compression == "gz":
            opened = gzip.GzipFile(fileobj=raw)
        elif self.compression == "xz":
            opened = lzma.LZMAFile(raw)  # noqa: SIM115 - closed with the stream around it
        else:
            opened = _Zstd(raw)
        return cast(BinaryIO, io.BufferedReader(_Checked(opened, raw, self), 1 << 20))

    def read(self) -> bytes:
        """All plain bytes."""
        with self.open() as stream:
            return stream.read()

    def lines(self) -> Iterator[tuple[int, str]]:
        """Numbered lines (from 1) without their ends; bytes that are not UTF-8 raise TraceError."""
        with self.open() as stream:
            for number, line in enumerate(stream, 1):
                try:
                    yield number, line.decode("utf-8-sig" if number == 1 else "utf-8").rstrip("\r\n")
                except UnicodeDecodeError as error:
                    raise self.error(f"line {number}: not UTF-8 text (byte {error.start + 1})") from None


class _Checked(io.RawIOBase):
    """Turns what decompressors raise into one sentence with the place reached."""

    def __init__(self, stream: Any, raw: BinaryIO, source: Source) -> None:
        self._stream, self._below, self._source, self._done = stream, raw, source, 0

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        try:
            data = self._stream.read(len(buffer))
        except EOFError:
            raise self._source.error(
                f"truncated: the {self._source.compression} stream stops after {self._done} plain bytes"
            ) from None
        except (OSError, zlib.error, lzma.LZMAError, ValueError) as error:
            raise self._source.error(
                f"corrupt {self._source.compression} stream after {self._done} plain bytes ({error})"
            ) from None
        buffer[: len(data)] = data
        self._done += len(data)
        return len(data)

    def close(self) -> None:
        if not self.closed:
            self._below.close()
        super().close()


class _Zstd:
    """Plain bytes of zstd frames; unlike the library's reader it notices a frame that stops early."""

    def __init__(self, raw: BinaryIO) -> None:
        import zstandard

        self._raw, self._zstd = raw, zstandard
        self._frame: Any = None
        self._left = b""
        self._plain = b""

    def read(self, size: int) -> bytes:
        while not self._plain:
            data = self._left or self._raw.read(1 << 18)
            self._left = b""
            if not data:
                if self._frame is not None:
                    raise EOFError
                return b""
            if self._frame is None:
                self._frame = self._zstd.ZstdDecompressor().decompressobj()
            try:
                self._plain = self._frame.decompress(data)
            except self._zstd.ZstdError as error:
                raise ValueError(str(error)) from None
            if self._frame.eof:
                self._left, self._frame = self._frame.unused_data, None
        plain, self._plain = self._plain[:size], self._plain[size:]
        return plain


def compression_of(path: str | Path) -> str | None:
    """The compression that a file's ending asks for: gz, xz, zst or None."""
    ending = Path(path).suffix.lower().lstrip(".")
    return ending if ending in _MAGIC.values() else None


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
