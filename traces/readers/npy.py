"""A NumPy ``.npy`` file with a one-dimensional array of whole-number ids."""

from __future__ import annotations

import io
import warnings
from pathlib import PurePath

import numpy as np

from olearn.traces._files import Source, at, said
from olearn.traces._trace import Trace
from olearn.traces.readers._base import Reader


class Npy(Reader):
    """An array of ids as ``numpy.save`` writes it."""

    name = "npy"
    extensions = (".npy",)
    description = "NumPy array of ids, one-dimensional"

    def sniff(self, head: bytes, path: PurePath) -> float:
        return 0.95 if head.startswith(b"\x93NUMPY") else 0.0

    def read(self, source: Source) -> Trace:
        data = io.BytesIO(source.read())
        try:
            with warnings.catch_warnings():  # a header that looks old is a damaged one or does not matter
                warnings.simplefilter("ignore", UserWarning)
                ids = np.load(data, allow_pickle=False)
        except Exception as error:  # a damaged header raises whatever its parser meets
            raise source.error(f"corrupt or truncated npy ({said(error)})") from None
        with at(source, lambda position: f"element {position}"):
            return Trace.from_keys(ids)
