"""Tables for choosing a server under load: when requests arrive, how big they are, who else is queueing.

A :class:`ServerTable` holds requests (arrival time, tokens read, tokens written) and a handful of
servers, each a first-in-first-out queue with its own speeds and network delay. Some requests are
*ours*; the others are background load bound for a fixed server. :func:`arrivals_from_azure` reads the
layout of the Azure LLM inference traces of 2023; :func:`poisson_arrivals` generates requests.

The delay of a request of ours at server k is network + waiting + service. With ``self_load=False``
our requests do not lengthen the queues: every server's delay is the same whatever we did before
(an oblivious adversary, and regret against the best fixed server means what it says). With
``self_load=True`` they do, and the best fixed server is found by replaying all of them there.

Examples
--------
>>> table = ServerTable([0.0, 1.0, 1.5], [100, 100, 100], [0, 0, 0], owner=[-1, 0, -1],
...                     servers=[Server("near", 5.0, 100.0, 10.0), Server("far", 50.0, 400.0, 10.0)])
>>> table.delays().round(3).tolist()  # ms; the background request at 1.0 s keeps "near" busy until 2.0 s
[[1005.0, 300.0], [1505.0, 300.0]]
"""

from __future__ import annotations

import datetime
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, ClassVar, NamedTuple

import numpy as np

from olearn._rng import generator
from olearn.errors import TraceError, check_int, check_positive_int, check_real
from olearn.traces.offloading._arm_table import ArmTable
from olearn.traces.offloading._columns import check_finite, check_nonnegative
from olearn.traces.offloading.exits import read_csv


class Server(NamedTuple):
    """A server: a queue with the speeds at which it reads and writes tokens."""

    name: str
    network: float  # ms, both ways together
    read: float  # tokens read (prompt) a second
    write: float  # tokens written (answer) a second
    price: float = 0.0  # money a request


#: Three servers of different kinds: small, near and one's own; medium; large, far and dear.
SERVERS = (
    Server("edge", 5.0, 8_000.0, 600.0),
    Server("region", 30.0, 20_000.0, 1_200.0, 1.0),
    Server("cloud", 120.0, 60_000.0, 2_500.0, 3.0),
)


class ServerTable(ArmTable):
    """Requests and the servers that compete for them.

    Parameters
    ----------
    time : array_like, shape (n,)
        Arrival times in seconds, not falling.
    read, write : array_like, shape (n,)
        Tokens of the prompt and of the answer, at least 0.
    owner : array_like of int, shape (n,), optional
        -1 for a request of ours, k for a background request bound for server k; default all ours.
    servers : sequence of Server
        At least two.
    name, provenance
        See :class:`~olearn.traces.offloading._columns.ColumnTable`.
    """

    kind: ClassVar[str] = "servers"
    required: ClassVar[tuple[str, ...]] = ("time", "read", "write")
    optional: ClassVar[tuple[str, ...]] = ("owner",)

    def __init__(
        self,
        time: Any,
        read: Any,
        write: Any,
        owner: Any = None,
        *,
        servers: Sequence[Server] = SERVERS,
        name: str = "",
        provenance: Mapping[str, str] | None = None,
    ) -> None:
        self._given: dict[str, Any] = {"servers": servers}
        super().__init__({"time": time, "read": read, "write": write, "owner": owner}, name, provenance)

    def _set(self, servers: Sequence[Sequence[Any]] = SERVERS) -> None:
        found = []
        for s in servers:
            server = Server(str(s[0]), *(float(v) for v in s[1:]))
            check_real(f"network of server {server.name!r}", server.network, 0.0)
            check_real(f"read of server {server.name!r}", server.read, 0.0, open_low=True)
            check_real(f"write of server {server.name!r}", server.write, 0.0, open_low=True)
            check_real(f"price of server {server.name!r}", server.price, 0.0)
            found.append(server)
        if len(found) < 2:
            raise TraceError(f"a choice needs at least two servers, got {len(found)}")
        self.servers = tuple(found)
        owner = self.columns.get("owner")
        if owner is not None and owner.max() >= len(found):
            row = int(np.argmax(owner)) + 1
            raise TraceError(
                f"owner must be -1 or a server 0 .. {len(found) - 1}, got {owner.max()} in row {row}"
            )

    def _validate(self) -> None:
        c = self.columns
        for key in c:
            if c[key].ndim != 1:
                raise TraceError(f"column {key!r} must have one dimension, got shape {c[key].shape}")
        c["time"] = check_finite("time", c["time"])
        back = np.flatnonzero(np.diff(c["time"]) < 0.0)
        if back.size:
            raise TraceError(f"time must not go back, but does in row {int(back[0]) + 2}")
        c["read"], c["write"] = check_nonnegative("read", c["read"]), check_nonnegative("write", c["write"])
        if "owner" in c:
            owner = check_finite("owner", c["owner"])
            if (owner != np.floor(owner)).any() or owner.min() < -1:
                raise TraceError("owner must be -1 (ours) or the number of a server")
            c["owner"] = owner.astype(np.int32)
            if not (c["owner"] == -1).any():
                raise TraceError("no request is ours: owner is nowhere -1")
        self._set(**self._given)

    @property
    def arms(self) -> tuple[str, ...]:
        """Names of the constant choices: the servers."""
        return tuple(s.name for s in self.servers)

    @property
    def owner(self) -> np.ndarray:
        """Who decides about each request: -1 for us, else the server it is bound for; int32, shape (n,)."""
        found = self.columns.get("owner")
        return np.full(len(self), -1, np.int32) if found is None else found

    @property
    def ours(self) -> np.ndarray:
        """Positions of our requests, int64."""
        return np.flatnonzero(self.owner == -1)

    def work(self) -> np.ndarray:
        """Seconds of service each request takes at each server, float64 of shape (n, K)."""
        read, write = self.columns["read"][:, None], self.columns["write"][:, None]
        speeds = np.array([[s.read, s.write] for s in self.servers])
        return np.asarray(read / speeds[:, 0] + write / speeds[:, 1])

    def price(self) -> np.ndarray:
        """Money a request costs at each server, shape (K,)."""
        return np.array([s.price for s in self.servers])

    def network(self) -> np.ndarray:
        """Network time of each server in seconds, shape (K,)."""
        return np.array([s.network for s in self.servers]) / 1e3

    def delays(self) -> np.ndarray:
        """Delay in ms of each request of ours at each server if none of ours lengthens a queue, shape (m, K).

        The queue of server k before request t follows Lindley's recursion on the background alone.
        """
        time, owner, work = self.columns["time"], self.owner, self.work()
        ours = self.ours
        result = np.empty((ours.size, len(self.servers)))
        for k in range(len(self.servers)):
            # Work in system after each arrival, W = max(W - gap, 0) + s, as a running maximum.
            arriving = np.where(owner == k, work[:, k], 0.0)
            done = np.concatenate([[0.0], np.cumsum(arriving)])  # work that came before request t
            idle = np.maximum.accumulate(time - done[:-1])  # the last moment the queue was empty, less work
            waiting = np.maximum(idle + done[:-1] - time, 0.0)
            result[:, k] = waiting[ours] + work[ours, k]
        return np.asarray((result + self.network()) * 1e3)

    def with_background(
        self, share: float, weights: Sequence[float] | None = None, seed: int = 0
    ) -> ServerTable:
        """Turn a random `share` of the requests into background, each bound for a server drawn by `weights`."""
        check_real("share", share, 0.0, 1.0, open_high=True)
        rng = generator(seed)
        count = len(self.servers)
        p = (
            np.full(count, 1.0 / count)
            if weights is None
            else check_nonnegative("weights", np.asarray(weights))
        )
        if p.shape != (count,) or p.sum() <= 0.0:
            raise TraceError(f"weights must hold {count} numbers, one a server, not all 0, got {p}")
        owner = np.where(rng.random(len(self)) < share, rng.choice(count, len(self), p=p / p.sum()), -1)
        owner[0] = -1
        c = self.columns
        return ServerTable(
            c["time"],
            c["read"],
            c["write"],
            owner,
            servers=self.servers,
            name=self.name,
            provenance=self.provenance,
        )

    def take(self, index: Any) -> ServerTable:
        """A new table of the requests at `index`; if the order changes, arrival times stay in place."""
        columns = {k: v[index] for k, v in self.columns.items()}
        columns["time"] = np.sort(columns["time"])
        return self._like(columns)

    def _extra(self) -> dict[str, Any]:
        return {"servers": [list(s) for s in self.servers]}

    def _restore(self, extra: Mapping[str, Any]) -> None:
        self._given = {"servers": extra["servers"]} if "servers" in extra else {}


def arrivals_from_azure(
    path: str | os.PathLike[str],
    *,
    servers: Sequence[Server] = SERVERS,
    background: float = 0.5,
    weights: Sequence[float] | None = None,
    speedup: float = 1.0,
    seed: int = 0,
) -> ServerTable:
    """Read requests in the layout of the Azure LLM inference traces of 2023.

    Parameters
    ----------
    path : path
        CSV with the columns ``TIMESTAMP``, ``ContextTokens``, ``GeneratedTokens``.
    servers : sequence of Server
    background : float, default 0.5
        Share of the requests that belong to others, each bound for a server drawn by `weights`.
    speedup : float, default 1
        The times between arrivals are divided by it: 2 doubles the load.
    """
    return arrivals_of(read_csv(path), os.fspath(path), servers, background, weights, speedup, seed)


def arrivals_of(
    columns: Mapping[str, np.ndarray],
    where: str,
    servers: Sequence[Server] = SERVERS,
    background: float = 0.5,
    weights: Sequence[float] | None = None,
    speedup: float = 1.0,
    seed: int = 0,
) -> ServerTable:
    """The requests in the columns of the file `where`, named as :func:`arrivals_from_azure` says."""
    for need in ("TIMESTAMP", "ContextTokens", "GeneratedTokens"):
        if need not in columns:
            raise TraceError(f"{where!r} has no column {need!r}; it has {', '.join(columns)}")
    stamp = columns["TIMESTAMP"]
    if stamp.dtype.kind == "M":
        seconds = (stamp - stamp[0]).astype("timedelta64[ns]").astype(np.int64) / 1e9
    elif stamp.dtype.kind in "iuf":
        seconds = stamp.astype(np.float64) - float(stamp[0])
    else:
        seconds = np.array([_seconds(text, where, row) for row, text in enumerate(stamp, start=1)])
        seconds -= seconds[0]
    table = ServerTable(
        seconds / check_real("speedup", speedup, 0.0, open_low=True),
        columns["ContextTokens"],
        columns["GeneratedTokens"],
        servers=servers,
        name=Path(where).stem,
        provenance={"source": Path(where).name},
    )
    return table.with_background(background, weights, seed) if background > 0.0 else table


def _seconds(text: Any, where: str, row: int) -> float:
    """Seconds of a time stamp with up to seven digits behind the point."""
    head, _, fraction = str(text).strip().partition(".")
    try:
        moment = datetime.datetime.fromisoformat(head).replace(tzinfo=datetime.UTC)
        return moment.timestamp() + (float(f"0.{fraction}") if fraction else 0.0)
    except ValueError:
        raise TraceError(f"{where!r}: TIMESTAMP {str(text)!r} in row {row} is not a date and a time") from None


def poisson_arrivals(
    samples: int,
    rate: float,
    *,
    read: float = 1155.0,
    write: float = 211.0,
    servers: Sequence[Server] = SERVERS,
    background: float = 0.5,
    weights: Sequence[float] | None = None,
    bursts: int = 0,
    seed: int = 0,
) -> ServerTable:
    """Generate requests: Poisson arrivals, exponential sizes.

    Parameters
    ----------
    samples : int
    rate : float
        Requests a second, of ours and of others.
    read, write : float
        Mean tokens read and written; defaults are the means of Azure's conversation trace.
    bursts : int, default 0
        Number of stretches in turn, the background of each bound for one server only: what is best
        changes, as an adversary would have it. 0 spreads it over all servers by `weights`.
    """
    n = check_positive_int("samples", samples)
    check_real("rate", rate, 0.0, open_low=True)
    check_int("bursts", bursts, minimum=0)
    rng = generator(seed)
    table = ServerTable(
        np.cumsum(rng.exponential(1.0 / rate, n)),
        np.round(rng.exponential(check_real("read", read, 0.0), n)),
        np.round(rng.exponential(check_real("write", write, 0.0), n)),
        servers=servers,
        name="poisson-arrivals",
        provenance={"source": f"poisson_arrivals, {rate:g} a second, seed {seed}"},
    )
    if background <= 0.0:
        return table
    table = table.with_background(background, weights, seed)
    if bursts:
        owner = table.columns["owner"].copy()
        turn = (np.arange(n) * bursts // n) % len(table.servers)
        table = table._like({**table.columns, "owner": np.where(owner >= 0, turn, -1)})
    return table
