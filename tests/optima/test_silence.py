"""Solvers side by side: standard output and warnings come back when the last one has left."""

import os
import subprocess
import sys
import threading
import warnings

from olearn.optima._solve import quiet


def test_overlapping_silences_end_with_the_last(capfd):
    first, second = threading.Event(), threading.Event()

    def early():
        with quiet():
            first.set()
            second.wait(10)

    thread = threading.Thread(target=early)
    before = list(warnings.filters)
    thread.start()
    first.wait(10)
    with quiet():
        second.set()
        thread.join()  # the first to come in leaves first
        os.write(1, b"not this\n")
    os.write(1, b"but this\n")
    assert capfd.readouterr().out == "but this\n"
    assert warnings.filters == before


def test_a_table_in_bytes_is_printed_whatever_solves_beside_it(tmp_path):
    """Two capacities, two threads, a MILP in each: the table went to /dev/null in five runs of six."""
    command = [
        sys.executable,
        "-m",
        "olearn",
        "replay",
        "twitter",
        "-p",
        "lru",
        "--no-plot",
        "--limit",
        "20000",
    ]
    command += ["-c", "8kb", "-c", "64kb", "-c", "256kb", "--jobs", "3"]
    for _ in range(2):
        done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True)
        assert done.returncode == 0, done.stderr
        assert done.stdout.count("\nlru ") == 3
