"""A NumPy ``.npy`` file with a one-dimensional array of whole-number ids."""

from __future__ import annotations

import io
import warnings
from collections.abc import Iterator
from pathlib import PurePath

import numpy as np

from olearn.traces._files import HEAD, Source, said
from olearn.traces._gather import Block
from olearn.traces.readers._base import Reader, key_column, records


class Npy(Reader):
    """An array of ids as ``numpy.save`` writes it."""

    name = "npy"
    extensions = (".npy",)
    description = "NumPy array of ids, one-dimensional"
    example = "numpy.save(file, [7, 3, 7])"

    def sniff(self, head: bytes, path: PurePath) -> float:
        return 0.95 if head.startswith(b"\x93NUMPY") else 0.0

    def blocks(self, source: Source) -> Iterator[Block | None]:
        shape, dtype, start = _header(source)
        if len(shape) != 1:
            raise source.error(f"ids must be one-dimensional, the array has shape {shape}")
        if dtype.kind not in "iub" and not (dtype.kind == "f" and dtype.itemsize <= 8):
            raise source.error(f"ids must be whole numbers, the array has dtype {dtype}")
        wanted, done = shape[0], 0
        if source.size is not None and source.size < start + wanted * dtype.itemsize:
            raise source.error(
                f"corrupt or truncated npy (its header says {wanted} ids, there are bytes for "
                f"{(source.size - start) // dtype.itemsize})"
            )
        for found in records(source, np.dtype([("id", dtype)]), skip=start):
            ids = found["id"][: wanted - done]
            done += ids.size
            if dtype.kind == "f":
                bad = np.flatnonzero(~((np.abs(ids) < 2.0**53) & (np.floor(ids) == ids)))
                if bad.size:
                    place = done - ids.size + int(bad[0])
                    raise source.error(
                        f"element {place}: ids must be whole numbers below 2^53, got {ids[bad[0]]}"
                    )
            yield Block(key_column(ids))
        if done < wanted:
            raise source.error(f"corrupt or truncated npy (its header says {wanted} ids, there are {done})")


def _header(source: Source) -> tuple[tuple[int, ...], np.dtype, int]:
    """Shape and dtype of the array and where it starts."""
    head = io.BytesIO(source.head)
    try:
        with warnings.catch_warnings():  # a header that looks old is a damaged one or does not matter
            warnings.simplefilter("ignore", UserWarning)
            version = np.lib.format.read_magic(head)
            if version not in ((1, 0), (2, 0), (3, 0)):
                raise ValueError(f"version {version}")
            if version == (1, 0):
                shape, _, dtype = np.lib.format.read_array_header_1_0(head, max_header_size=HEAD)
            else:
                shape, _, dtype = np.lib.format.read_array_header_2_0(head, max_header_size=HEAD)
    except Exception as error:  # a damaged header raises whatever its parser meets
        raise source.error(f"corrupt or truncated npy ({said(error)})") from None
    if any(side < 0 for side in shape):
        raise source.error(f"corrupt or truncated npy (shape {shape})")
    return shape, dtype, head.tell()
