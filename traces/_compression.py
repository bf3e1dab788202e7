"""Plain bytes of gz, xz and zst files, in bounded pieces whatever the file says.

Python's own readers leave something out: ``lzma`` drops what stands behind padding between two
streams, zstandard's reader does not notice a frame that stops early and its ``decompressobj`` gives
out all that its input holds, gigabytes from a few kilobytes. Here several members, streams or
frames, padding and skippable frames are read as their formats say, never more than asked for at
once, and a window or dictionary above the memory limit is refused.
"""

from __future__ import annotations

import gzip
import lzma
import struct
from typing import Any, BinaryIO

from olearn.traces._limits import VARIABLE, memory_limit, size_text

#: First bytes of each compression that is read.
MAGIC = {b"\x1f\x8b": "gz", b"\xfd7zXZ\x00": "xz", b"\x28\xb5\x2f\xfd": "zst"}
#: Compressed bytes given to zstd at once: one of its blocks of 4 bytes can hold 128 KiB, so that a
#: piece gives at most 64 MiB.
_PIECE = 1 << 11
_LARGEST_WINDOW = 1 << 31


def seen(start: bytes) -> str | None:
    """The compression that the first bytes of a file show."""
    if _skippable(start):
        return "zst"
    return next((name for magic, name in MAGIC.items() if start.startswith(magic)), None)


def other_compression(start: bytes) -> str | None:
    """A compression that is recognised by the first 8 bytes, but not read."""
    if start.startswith(b"BZh") and start[4:8] == b"1AY&":
        return "bz2"
    return "lz4" if start.startswith(b"\x04\x22\x4d\x18") else None


def decompressor(raw: BinaryIO, compression: str) -> Any:
    """Something with ``read(size)`` for the plain bytes; EOFError where the data stop early."""
    if compression == "gz":
        return gzip.GzipFile(fileobj=raw)
    return Xz(raw) if compression == "xz" else Zstd(raw)


def _skippable(start: bytes) -> bool:
    return len(start) >= 4 and start[1:4] == b"\x2a\x4d\x18" and 0x50 <= start[0] <= 0x5F


class Xz:
    """Streams of xz one after the other, with padding of zeros between and behind them."""

    def __init__(self, raw: BinaryIO) -> None:
        self._raw = raw
        self._stream: lzma.LZMADecompressor | None = None
        self._left = b""
        self._limit = memory_limit()

    def read(self, size: int) -> bytes:
        plain = b""
        while not plain:
            if self._stream is None and not self._next():
                return b""
            assert self._stream is not None
            data = b""
            if self._stream.needs_input:
                data, self._left = self._left or self._raw.read(1 << 16), b""
                if not data:
                    raise EOFError
            try:
                plain = self._stream.decompress(data, size)
            except lzma.LZMAError as error:
                if "emory" not in str(error):
                    raise
                raise ValueError(
                    f"its dictionary is above the limit of {size_text(self._limit)} that {VARIABLE} sets"
                ) from None
            if self._stream.eof:
                self._left, self._stream = self._stream.unused_data, None
        return plain

    def _next(self) -> bool:
        """Pass the padding and begin the next stream; False at the end of the file."""
        zeros = 0
        data, self._left = self._left or self._raw.read(1 << 16), b""
        while data:
            plain = data.lstrip(b"\0")
            zeros += len(data) - len(plain)
            if plain:
                data = plain
                break
            data = self._raw.read(1 << 16)
        if zeros % 4:
            raise ValueError(f"{zeros} bytes of padding, not a multiple of 4")
        if not data:
            return False
        while len(data) < 6:
            more = self._raw.read(6 - len(data))
            if not more:
                break
            data += more
        if not data.startswith(b"\xfd7zXZ\x00"):
            raise ValueError("other bytes behind the last stream")
        self._stream = lzma.LZMADecompressor(lzma.FORMAT_XZ, memlimit=self._limit)
        self._left = data
        return True


class Zstd:
    """Frames of zstd one after the other; skippable ones are skipped."""

    def __init__(self, raw: BinaryIO) -> None:
        import zstandard

        self._raw, self._zstd = raw, zstandard
        self._frame: Any = None
        self._left = b""
        self._plain = memoryview(b"")

    def read(self, size: int) -> bytes:
        while not self._plain:
            if self._frame is None and not self._next():
                return b""
            data, self._left = self._left[:_PIECE] or self._raw.read(_PIECE), self._left[_PIECE:]
            if not data:
                raise EOFError
            try:
                self._plain = memoryview(self._frame.decompress(data))
            except self._zstd.ZstdError as error:
                raise ValueError(str(error)) from None
            if self._frame.eof:
                self._left, self._frame = self._frame.unused_data + self._left, None
        plain = bytes(self._plain[:size])
        self._plain = self._plain[size:]
        return plain

    def _need(self, count: int) -> bool:
        """Have so many bytes at hand; False at the end of the file."""
        while len(self._left) < count:
            more = self._raw.read(max(_PIECE, count - len(self._left)))
            if not more:
                return False
            self._left += more
        return True

    def _next(self) -> bool:
        """Pass skippable frames and begin the next one; False at the end of the file."""
        while self._need(4) and _skippable(self._left):
            if not self._need(8):
                raise EOFError
            rest = 8 + struct.unpack("<I", self._left[4:8])[0]
            while rest:
                if not self._left and not self._need(1):
                    raise EOFError
                step = min(rest, len(self._left))
                self._left, rest = self._left[step:], rest - step
        if not self._left:
            return False
        self._need(18)  # the longest header of a frame
        try:
            window = self._zstd.get_frame_parameters(self._left[:18]).window_size
        except self._zstd.ZstdError as error:
            if len(self._left) < 18 and b"\x28\xb5\x2f\xfd".startswith(self._left[:4]):
                raise EOFError from None
            raise ValueError(str(error)) from None
        if window > memory_limit():
            raise ValueError(
                f"its window of {size_text(window)} is above the limit of {size_text(memory_limit())} "
                f"that {VARIABLE} sets"
            )
        self._frame = self._zstd.ZstdDecompressor(max_window_size=_LARGEST_WINDOW).decompressobj()
        return True
