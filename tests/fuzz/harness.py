"""Seeded mutations of good files of every format, and what reading them may do.

A case is a format, a number and nothing else: the same number makes the same bytes, so that a failure
found by hand is one line. Reading may succeed or raise an OlearnError of one sentence that names the
file; anything else (another exception, two lines, more memory or time than allowed) is a fault.
"""

import gzip
import io
import lzma
import random
import time
import warnings
import zlib

import numpy as np
import zstandard

from olearn.errors import OlearnError
from olearn.traces import load
from olearn.traces.offloading import read_table
from tests.traces.samples import FORCED, SAMPLES, VSCSI2, lcs

#: No case may take longer, in seconds of the processor.
PATIENCE = 10.0
_WORDS = [
    b"0", b"-1", b"007", b"0x7", b"1e400", b"nan", b"inf", b"18446744073709551616", b"9" * 30, b"9" * 5000,
    b"\xff", b"\xe9", b"\x00", b"\n", b"\r", b"\r\n", b",", b'"', b'""', b" ", b"\t", b"*", b"[" * 3000,
    b"{" * 3000, b"\xff\xfe", b"\xef\xbb\xbf", b"\x1f\x8b\x08", b"\xfd7zXZ\x00", b"\x28\xb5\x2f\xfd",
    b"\x50\x2a\x4d\x18\xff\xff\xff\xff", b"2000000000", b"4294967295", b"true", b"null", b"1970-01-01",
    b"\xed\xb0\x80", b"\xc3\xa9", b"\x00\x00\x00\x00",
]  # fmt: skip


def _tables():
    """Good offloading tables in each kind of file."""
    text = b"confidence,local_correct,remote_correct,cost\n0.5,1,1,0.1\n0.25,0,1,0.2\n1,1,0,0\n"
    routing = b"weak_correct,strong_correct,context\n1,1,a\n0,1,b\n0,0,a\n"
    azure = b"TIMESTAMP,ContextTokens,GeneratedTokens\n2023-11-16 18:15:46.68,374,44\n2023-11-16 18:15:47,1,2\n"
    routellm = b'prompt,m-8x7b,gpt,m-8x7b_response\n"a\nb",True,False,"x\ny"\nc,False,True,d\n'
    exits = b"conf_1,conf_2,correct_1,correct_2\n.5,.9,0,1\n.25,.75,1,1\n"
    texts = {"binary": text, "routing": routing, "azure": azure, "routellm": routellm, "exits": exits}
    files = {f"table-{name}.csv": data for name, data in texts.items()}
    buffer = io.BytesIO()
    np.savez_compressed(buffer, confidence=np.array([0.5, 0.25]), local_correct=np.array([1, 0]))
    return files | {"table.npz": buffer.getvalue()}


def _npz(**members):
    buffer = io.BytesIO()
    np.savez_compressed(buffer, **members)
    return buffer.getvalue()


def _corpus():
    """Name -> (file name, format to force or None, bytes)."""
    corpus = {name: (s.name, None, s.data) for name, s in SAMPLES.items()}
    corpus["vscsi2"] = ("v2", None, VSCSI2.data)
    corpus |= {f"lcs{version}": ("t.lcs", "lcs", lcs(version)) for version in (1, 2, 5)}
    corpus |= {name: (name, "table", data) for name, data in _tables().items()}
    mark = {"olearn_trace": np.array(1, np.uint8), "keys": np.array([7, 8])}
    for kind in ("?", "f8", "c16", "u8", "i1"):
        corpus[f"npz-{kind}"] = (f"items-{kind[-1]}.npz", "npz", _npz(**mark, items=np.array([0, 0, 1], kind)))
    corpus["npz-version"] = (
        "version.npz",
        "npz",
        _npz(**mark | {"olearn_trace": np.array(["x"])}, items=[0, 0]),
    )
    return corpus


CORPUS = _corpus()
assert not FORCED & set(CORPUS)
_PACK = {
    "gz": lambda data: gzip.compress(data, mtime=0),
    "xz": lzma.compress,
    "zst": zstandard.ZstdCompressor().compress,
    "zlib": zlib.compress,
}


def mutate(rng: random.Random, data: bytes) -> bytes:
    """One to four changes of a kind that files meet: flips, cuts, repeats, odd words, other files' pieces."""
    made = bytearray(data)
    for _ in range(rng.randint(1, 4)):
        size = len(made)
        start = rng.randint(0, size)
        end = min(size, start + rng.choice((1, 1, 2, 4, 8, 24, 100)))
        kind = rng.randrange(8)
        if kind == 0 and size:
            made[rng.randrange(size)] ^= 1 << rng.randrange(8)
        elif kind == 1:
            made[start:end] = rng.choice(_WORDS)
        elif kind == 2:
            made[start:start] = rng.choice(_WORDS)
        elif kind == 3:
            del made[start:end]
        elif kind == 4:
            del made[start:]
        elif kind == 5:
            made[start:end] = bytes(made[start:end]) * rng.choice((2, 3, 500))
        elif kind == 6:
            other = CORPUS[rng.choice(list(CORPUS))][2]
            at = rng.randint(0, len(other))
            made[start:start] = other[at : at + rng.choice((1, 8, 64, 5000))]
        else:
            made[start:end] = rng.randbytes(end - start)
    return bytes(made)


def case(name: str, number: int) -> tuple[str, str | None, bytes]:
    """The file name, the format to force and the bytes of a case."""
    rng = random.Random(f"{name}/{number}")
    file, force, data = CORPUS[name]
    if number == 0:
        return file, force, data
    data = mutate(rng, data)
    if rng.random() < 0.15:
        data = _PACK[rng.choice(list(_PACK))](data)
        if rng.random() < 0.7:
            data = mutate(rng, data)
    if force is None and rng.random() < 0.5:
        force = name if name in SAMPLES else None
    return file, force, data


def fault(folder, name: str, number: int) -> str | None:
    """What is wrong with the reading of a case; None if nothing is."""
    file, force, data = case(name, number)
    path = folder / file
    path.write_bytes(data)
    start = time.process_time()
    said = ""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            if force == "table":
                assert len(read_table(path)) > 0
            else:
                trace = load(path, force)
                assert len(trace) > 0
                assert trace.items.max() < trace.catalog_size
    except OlearnError as error:
        said = str(error)
        if "\n" in said.strip() or not said.strip():
            return f"not one sentence: {said!r}"
        if "(did you mean" not in said and file.split(".")[0] not in said:
            return f"no file named: {said!r}"
    except BaseException as error:  # whatever it is, the case is to be told
        return f"{type(error).__name__}: {error}"
    spent = time.process_time() - start
    return f"took {spent:.1f} s ({said})" if spent > PATIENCE else None
