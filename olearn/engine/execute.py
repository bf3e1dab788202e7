"""Executors: they run pure cells and hand back what each comes to, in any order.

Cells run on threads over one stream in shared memory, also where there is one thread only: kernels hold no
interpreter lock, and the main thread stays free for the progress bar and for Ctrl-C.
"""

from __future__ import annotations

import queue
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from typing import Any

#: Seconds between two looks of the main thread.
LOOK = 0.05
#: Seconds that a cell gets to end after Ctrl-C; one that does not look up is left behind.
PATIENCE = 3.0


class Pulse:
    """What cells and the main thread tell each other: work done, and the wish to stop."""

    def __init__(self) -> None:
        self.done = 0.0
        self.stopped = False
        self.presses = 0
        self._lock = threading.Lock()

    def advance(self, amount: float) -> None:
        """Count work as done; called by cells."""
        with self._lock:
            self.done += amount

    def stop(self, presses: int = 1) -> None:
        """Ask cells to end with what they have; a second Ctrl-C does not wait for them."""
        self.stopped = True
        self.presses = max(self.presses, presses)


#: Threads that did not stop in time and still run a kernel: the process must not wait for them.
left_behind: list[threading.Thread] = []


def threads(
    count: int, work: Callable[[int], Any], jobs: int, pulse: Pulse
) -> Iterator[tuple[int, Any] | None]:
    """Run ``work(0)`` ... ``work(count - 1)`` on `jobs` threads.

    Yields
    ------
    (k, value) or None
        What cell k came to, or the exception it ended with, as cells end; None now and then in between, so
        that the caller can look around.
    """
    if count == 0:
        return
    results: queue.SimpleQueue[tuple[int, Any]] = queue.SimpleQueue()
    order = iter(range(count))
    lock = threading.Lock()
    started: set[int] = set()

    def serve() -> None:
        while True:
            with lock:
                k = next(order, None) if not pulse.stopped else None
                if k is None:
                    return
                started.add(k)
            try:
                value: Any = work(k)
            except BaseException as error:  # goes to the main thread
                value = error
            results.put((k, value))

    team = [threading.Thread(target=serve, daemon=True, name=f"cell-{i}") for i in range(min(jobs, count))]
    for thread in team:
        thread.start()
    ended: set[int] = set()
    deadline = None
    while True:
        try:
            k, value = results.get(timeout=LOOK)
        except queue.Empty:
            if not any(t.is_alive() for t in team) and results.empty():
                return
            if pulse.stopped:
                deadline = deadline or time.monotonic() + PATIENCE
                if pulse.presses > 1 or time.monotonic() > deadline:
                    left_behind.extend(t for t in team if t.is_alive())
                    return
            yield None
            continue
        ended.add(k)
        yield k, value
        if len(ended) == count:
            return


def in_order(values: Sequence[Any]) -> list[Any]:
    """The values that are there."""
    return [v for v in values if v is not None]
