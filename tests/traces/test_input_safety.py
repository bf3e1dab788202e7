"""Inputs that once crashed, hung or ate the memory: files that change, pipes, bombs, odd compressions."""

import gzip
import io
import lzma
import os
import resource
import struct
import subprocess
import sys
import threading
import zlib

import numpy as np
import pytest
import zstandard

from olearn.errors import OlearnError, ParameterError, TraceError
from olearn.traces import load
from olearn.traces._files import Source
from olearn.traces._limits import check_memory, memory_limit, parse_bytes

IDS = b"".join(b"%d\n" % (k % 900) for k in range(3000))


def put(folder, name, data):
    path = folder / name
    path.write_bytes(data)
    return path


# -- files that change ---------------------------------------------------------------------------------
def test_a_binary_file_that_shrinks_is_an_error_and_never_memory_read_as_keys(tmp_path):
    records = np.zeros(400_000, [("t", "<u4"), ("id", "<u8"), ("sz", "<u4"), ("nx", "<i8")])
    records["id"], records["nx"] = np.arange(400_000) % 50, -1
    path = put(tmp_path, "t.oracleGeneral", records.tobytes())
    source = Source(path)
    os.truncate(path, 24 * 1000)
    from olearn.traces.readers import formats

    with pytest.raises(TraceError, match=r"was cut to 24000 bytes while it was read; it had 9600000"):
        formats()["oracleGeneral"].read(source)


def test_what_is_appended_while_a_file_is_read_is_left_out_and_said(tmp_path):
    path = put(tmp_path, "t.trace", np.arange(100, dtype=">i4").tobytes())
    source = Source(path)
    with open(path, "ab") as file:
        file.write(np.arange(50, dtype=">i4").tobytes()[:-1])
    from olearn.traces.readers import formats

    assert len(formats()["cache2k"].read(source)) == 100
    source.check_unchanged()
    assert source.notes == ["grew while it was read: the 199 bytes appended are not read"]


# -- pipes ---------------------------------------------------------------------------------------------
def fed(path, data):
    def write():
        with open(path, "wb") as pipe:
            pipe.write(data)

    thread = threading.Thread(target=write, daemon=True)
    thread.start()
    return thread


@pytest.mark.parametrize("data", [IDS, gzip.compress(IDS), lzma.compress(IDS), b"id,size\n007,1\n7,2\n"])
def test_a_named_pipe_is_read_once(data, tmp_path):
    regular = load(put(tmp_path, "regular.csv", data))
    fifo = tmp_path / "fifo"
    os.mkfifo(fifo)
    thread = fed(fifo, data)
    assert load(fifo).digest == regular.digest
    thread.join(5)


@pytest.mark.parametrize("word", ["-", "/dev/stdin", "<(zcat {gz})"])
def test_standard_input_and_process_substitution(word, tmp_path):
    path = put(tmp_path, "ids.txt.gz", gzip.compress(IDS))
    script = "import sys, olearn.traces as t; print(len(t.load(sys.argv[1])))"
    command = f"zcat {path} | {sys.executable} -c '{script}' {word.format(gz=path)}"
    done = subprocess.run(["bash", "-c", command], capture_output=True, text=True, check=False, timeout=60)
    assert (done.stdout, done.stderr) == ("3000\n", "")


def test_a_file_as_standard_input_is_read_as_a_file(tmp_path):
    path = put(tmp_path, "ids.txt", IDS * 200)
    script = "import olearn.traces as t; print(len(t.load('-')))"
    environment = os.environ | {"OLEARN_MEMORY": "40mb"}
    command = f'{sys.executable} -c "{script}" < {path}'
    done = subprocess.run(["bash", "-c", command], capture_output=True, text=True, check=False, env=environment)
    assert (done.stdout, done.stderr) == ("600000\n", "")


def test_an_endless_device_is_refused(monkeypatch):
    monkeypatch.setenv("OLEARN_MEMORY", "8mb")
    with pytest.raises(TraceError, match=r"gives more than the limit of 8.0 MiB for what is not a file"):
        load("/dev/zero")
    with pytest.raises(TraceError, match=r"is empty \(0 bytes\)"):
        load("/dev/null")


@pytest.mark.parametrize(("closed", "word"), [("<&-", "-"), ("2>&-", "/nowhere"), ("<&- 2>&-", "twitter")])
def test_closed_standard_streams(closed, word):
    command = f"{sys.executable} -c 'from olearn.cli import main; main()' trace info {word} {closed}"
    done = subprocess.run(["bash", "-c", command], capture_output=True, text=True, check=False)
    assert "Traceback" not in done.stderr + done.stdout
    assert done.returncode == (0 if word == "twitter" else 2)
    if word == "-":
        assert done.stderr == "olearn: <stdin>: standard input is closed\n"


def test_file_names_that_are_not_utf8(tmp_path):
    name = os.fsencode(tmp_path) + b"/caf\xe9.csv"
    with open(name, "wb") as file:
        file.write(b"id,size\na,1\nb,2\n")
    trace = load(os.fsdecode(name))
    assert trace.name == "caf\\xe9"
    trace.source.encode()
    command = [sys.executable, "-c", "from olearn.cli import main; main()", "trace", "info"]
    done = subprocess.run([*command, name], capture_output=True, check=False)
    assert (done.returncode, done.stderr) == (0, b"")
    with open(name, "wb") as file:
        file.write(b"id,size\na,-1\n")
    done = subprocess.run([*command, name], capture_output=True, text=True, check=False)
    assert (done.returncode, len(done.stderr.splitlines())) == (2, 1)


# -- compressions --------------------------------------------------------------------------------------
def zst(data, **how):
    return zstandard.ZstdCompressor(**how).compress(data)


def skippable(data, kind=0):
    return struct.pack("<II", 0x184D2A50 + kind, len(data)) + data


LONG = zstandard.ZstdCompressionParameters.from_level(3, window_log=27, enable_ldm=True)
LEGAL = {
    "zst, a long window": zstandard.ZstdCompressor(compression_params=LONG).compress(IDS),
    "zst, a leading skippable frame": skippable(b"note", 3) + zst(IDS),
    "zst, skippable frames everywhere": skippable(b"") + zst(IDS) + skippable(b"x" * 9999, 15),
    "zst, several frames": b"".join(zst(IDS[k : k + 100]) for k in range(0, len(IDS), 100)),
    "zst, frames of nothing": zst(b"") + zst(IDS) + zst(b""),
    "zst, frames of a byte": b"".join(zst(IDS[k : k + 1]) for k in range(50)) + zst(IDS[50:]),
    "xz, padded at the end": lzma.compress(IDS) + bytes(8),
    "xz, padded between": lzma.compress(IDS[:800]) + bytes(4) + lzma.compress(IDS[800:]) + bytes(1 << 17),
    "xz, several streams": lzma.compress(IDS[:800]) + lzma.compress(IDS[800:]),
    "gz, several members": gzip.compress(IDS[:800]) + gzip.compress(IDS[800:]),
    "gz, padded": gzip.compress(IDS) + bytes(512),
    "gz, members of nothing": gzip.compress(b"") + gzip.compress(IDS) + gzip.compress(b""),
}  # fmt: skip


@pytest.mark.parametrize("name", LEGAL)
def test_legal_compressed_files_are_read_whole(name, tmp_path):
    assert Source(put(tmp_path, "x", LEGAL[name])).read() == IDS
    assert len(load(put(tmp_path, "ids.txt", LEGAL[name]))) == 3000


@pytest.mark.parametrize(
    ("data", "sentence"),
    [
        (lzma.compress(IDS) + bytes(3), "3 bytes of padding, not a multiple of 4"),
        (lzma.compress(IDS) + b"garbage", "other bytes behind the last stream"),
        (zst(IDS) + b"garbage, not a frame", "corrupt zst stream after"),
        (zst(IDS) + zst(IDS)[:-3], "truncated: the zst stream stops after"),
        (zst(IDS) + zst(IDS)[:5], "truncated: the zst stream stops after"),
        (skippable(b"x" * 100)[:50], "truncated: the zst stream stops after 0 plain bytes"),
        (gzip.compress(IDS) + b"garbage", "corrupt gz stream"),
    ],
)
def test_damage_behind_a_compressed_file_is_said(data, sentence, tmp_path):
    with pytest.raises(TraceError) as caught:
        load(put(tmp_path, "ids.txt", data), "txt")
    assert sentence in str(caught.value)


# -- bombs ---------------------------------------------------------------------------------------------
def gz_bomb(size):
    pack = zlib.compressobj(9, zlib.DEFLATED, 31)
    return b"".join(pack.compress(bytes(1 << 20)) for _ in range(size >> 20)) + pack.flush()


def arc_bomb(lines=1):
    return b"0 2000000000 0 0\n" * lines


def npy_bomb():
    buffer = io.BytesIO()
    np.lib.format.write_array_header_1_0(
        buffer, {"descr": "<i8", "fortran_order": False, "shape": (1_500_000_000,)}
    )
    return buffer.getvalue()


def npz_bomb():
    buffer = io.BytesIO()
    np.savez_compressed(buffer, olearn_trace=np.array(1, np.uint8), items=np.zeros(200_000_000, np.uint8))
    return buffer.getvalue()


BOMBS = {
    "zeros.zst": ("zst", lambda: zst(bytes(1 << 20), level=19) * 3000),
    "one frame.zst": ("txt", lambda: zst(b"7\n" * (1 << 28), level=1)),
    "zeros.xz": ("npz", lambda: lzma.compress(bytes(1 << 28), preset=0) * 4),
    "zeros.gz": ("mooncake", lambda: gz_bomb(1 << 30)),
    "blocks.lis": ("arc", arc_bomb),
    "header.npy": ("npy", npy_bomb),
    "small.npz": ("npz", npz_bomb),
    "counts.csv": ("cachelib-kv", lambda: b"key,op,size,op_count\n7,GET,1,2000000000\n"),
    "offset.csv": ("msr", lambda: b"1,usr,0,Read,0,4000000000000,1\n"),
}
MEASURE = """
import resource, sys, time, olearn.traces as t, olearn.errors, pyarrow, numba
before, start = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss, time.monotonic()
try:
    t.load(sys.argv[1], None if sys.argv[2] == "zst" else sys.argv[2]); print("read")
except olearn.errors.OlearnError as error:
    print("refused:", error)
print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before)
"""


@pytest.mark.jit_only  # interning one key after the other takes minutes as Python
@pytest.mark.parametrize("name", BOMBS)
def test_small_files_that_would_fill_the_memory_are_refused(name, tmp_path):
    format, make = BOMBS[name]
    path = put(tmp_path, name, make())
    done = subprocess.run(
        [sys.executable, "-c", MEASURE, path, format],
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
        env=os.environ | {"OLEARN_MEMORY": "256mb"},
    )
    said, grown = done.stdout.splitlines()
    assert said.startswith(f"refused: {path}: "), done.stdout + done.stderr
    assert int(grown) < 700_000, "KiB"


def test_a_shortage_of_memory_is_one_sentence(tmp_path, monkeypatch):
    from olearn.traces.readers.txt import Txt

    def blocks(self, source):
        yield from ()
        raise MemoryError

    path = put(tmp_path, "ids.txt", IDS)
    monkeypatch.setattr(Txt, "blocks", blocks)
    with pytest.raises(TraceError, match=r"ids.txt: takes more memory than there is .*read a sample"):
        load(path)


def test_the_limit_is_a_quarter_of_the_memory_or_what_is_asked(monkeypatch):
    monkeypatch.delenv("OLEARN_MEMORY", raising=False)
    assert memory_limit() >= 1 << 30
    monkeypatch.setenv("OLEARN_MEMORY", "512mb")
    assert memory_limit() == 512 << 20
    check_memory(512 << 20, "it takes")
    with pytest.raises(
        TraceError, match=r"it takes about 513.0 MiB of memory, more than the limit of 512.0 MiB"
    ):
        check_memory(513 << 20, "it takes")
    for wrong in ("x", "-1", "0", "1.5.2gb", "1pb"):
        with pytest.raises(ParameterError, match="is written 4096, 4kb, 512mb or 8gb"):
            parse_bytes(wrong)
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss > 0


# -- encodings -----------------------------------------------------------------------------------------
@pytest.mark.parametrize("encoding", ["utf-16", "utf-16-le", "utf-16-be", "utf-8-sig"])
def test_utf16_with_a_mark_is_read(encoding, tmp_path):
    text = "id,size\nß,1\nb,2\nß,1\n"
    mark = {"utf-16-le": b"\xff\xfe", "utf-16-be": b"\xfe\xff"}.get(encoding, b"")
    trace = load(put(tmp_path, "t.csv", mark + text.encode(encoding)))
    assert trace.keys[trace.items].tolist() == ["ß", "b", "ß"]
    assert ("UTF-16 text, read as such" in trace.notes) == ("16" in encoding)


@pytest.mark.parametrize("format", [None, "csv", "txt"])
def test_latin1_is_refused_in_one_sentence(format, tmp_path):
    data = "id,size\nb,2\ncafé,1\n".encode("latin-1")
    with pytest.raises(TraceError) as caught:
        load(put(tmp_path, "t.csv", data), format)
    assert "line 3: not UTF-8 text (byte 4 is 0xe9; if it is Latin-1: iconv -f latin1 -t utf-8 t.csv)" in str(
        caught.value
    )


# -- one place for whatever a reader raises ------------------------------------------------------------
@pytest.mark.parametrize("error", [RuntimeError("odd"), KeyError("x"), RecursionError(), ZeroDivisionError()])
def test_any_exception_of_a_reader_becomes_a_sentence(error, tmp_path, monkeypatch):
    from olearn.traces.readers.txt import Txt

    def blocks(self, source):
        source.read()
        yield from ()
        raise error

    path = put(tmp_path, "ids.txt", IDS)
    monkeypatch.setattr(Txt, "blocks", blocks)
    with pytest.raises(OlearnError) as caught:
        load(path)
    assert str(caught.value).startswith(f"{path}: ")
    assert f"before byte {len(IDS)}" in str(caught.value) or "nested too deeply" in str(caught.value)


def test_a_reader_that_fails_to_look_is_passed_over(tmp_path, monkeypatch):
    from olearn.traces.readers.vscsi import Vscsi

    monkeypatch.setattr(Vscsi, "sniff", lambda self, head, path: 1 // 0)
    assert len(load(put(tmp_path, "ids.txt", IDS))) == 3000
