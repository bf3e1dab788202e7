"""Tables of split points: run the first p blocks of a network on the device and the rest on a server.

Cutting after block p costs the device's time for blocks 1..p, the upload of what block p puts out,
and the server's time for the rest; p = 0 sends the input itself, p = P keeps everything on the
device and never uses the link. The device's times are known (profiled once); what the link and the
server need is what a learner such as ANS finds out.

Builders: :func:`splits_from_stats` (two measured machines in the layout of Scission's
``*-stats.csv``, and a link) and :class:`SplitTable` from your own arrays.

Examples
--------
>>> table = SplitTable(
...     front=[0.0, 30.0, 100.0],
...     remote=[[80.0, 40.0, 0.0], [90.0, 45.0, 0.0]],
...     features=[[2.0, 1.0], [1.0, 0.5], [0.0, 0.0]],
... )
>>> table.delay().tolist()
[[80.0, 70.0, 100.0], [90.0, 75.0, 100.0]]

References
----------
.. [1] L. Lockhart et al., "Scission: performance-driven and context-aware cloud-edge distribution of
   deep neural networks", UCC 2020 (the layout of the measurements).
.. [2] L. Zhang, L. Chen and J. Xu, "Autodidactic Neurosurgeon", WWW 2021, arXiv:2102.02638 (the features).
"""

from __future__ import annotations

import csv
import difflib
import math
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, ClassVar, NamedTuple

import numpy as np

from olearn._rng import generator
from olearn.errors import ParameterError, TraceError, check_positive_int, check_real, unknown
from olearn.traces.offloading._arm_table import ArmTable
from olearn.traces.offloading._columns import check_finite, check_nonnegative, check_unit


class SplitTable(ArmTable):
    """Delays of the P+1 split points of one network for n frames, in milliseconds.

    Parameters
    ----------
    front : array_like, shape (P+1,)
        The device's time up to each split point, known and not falling; ``front[0]`` is usually 0.
    remote : array_like, shape (n, P+1)
        Link and server time of each frame at each split point; the last column, all on the device, is 0.
    features : array_like, shape (P+1, d)
        What is known about the remote part at each split point; the last row is 0.
    weight : array_like, shape (n,), optional
        How much each frame matters, in [0, 1) (ANS's L_t: key frames explore less); default 0.
    split_names : sequence of str, optional
        Names of the split points; default ``0, 1, ..., P``.
    sent : array_like, shape (P+1,), optional
        What is uploaded at each split point, MB of 2**20 bytes; 0 for all on the device. Budgets on
        ``upload`` need it.
    name, provenance
        See :class:`~olearn.traces.offloading._columns.ColumnTable`.

    Raises
    ------
    TraceError
        One sentence for a value that is not allowed.
    """

    kind: ClassVar[str] = "splits"
    required: ClassVar[tuple[str, ...]] = ("remote",)
    optional: ClassVar[tuple[str, ...]] = ("weight",)

    def __init__(
        self,
        front: Any,
        remote: Any,
        features: Any,
        weight: Any = None,
        *,
        split_names: Sequence[str] | None = None,
        sent: Any = None,
        name: str = "",
        provenance: Mapping[str, str] | None = None,
    ) -> None:
        self._given: dict[str, Any] = {
            "front": front,
            "features": features,
            "split_names": split_names,
            "sent": sent,
        }
        super().__init__({"remote": remote, "weight": weight}, name, provenance)

    def _set(
        self, front: Any, features: Any, split_names: Sequence[str] | None = None, sent: Any = None
    ) -> None:
        self.front = check_nonnegative("front", np.asarray(front))
        points = self.points
        if self.front.shape != (points,):
            raise TraceError(f"front must hold {points} times, one a split point, got shape {self.front.shape}")
        if np.any(np.diff(self.front) < 0):
            i = int(np.flatnonzero(np.diff(self.front) < 0)[0])
            raise TraceError(
                f"front must not fall, got {self.front[i]:g} and then {self.front[i + 1]:g} at split {i + 1}"
            )
        x = np.ascontiguousarray(check_finite("features", np.asarray(features)))
        if x.ndim != 2 or x.shape[0] != points:
            raise TraceError(
                f"features must have one row for each of {points} split points, got shape {x.shape}"
            )
        if np.any(x[-1] != 0.0):
            raise TraceError(f"the last row of features must be 0 (nothing is remote there), got {x[-1]}")
        self.features = x
        names = tuple(split_names or (str(p) for p in range(points)))
        if len(names) != points:
            raise TraceError(f"split_names must hold {points} names, one a split point, got {len(names)}")
        self.split_names = tuple(str(n) for n in names)
        self.sent: np.ndarray | None = None
        if sent is not None:
            self.sent = check_nonnegative("sent", np.asarray(sent))
            if self.sent.shape != (points,) or self.sent[-1] != 0.0:
                raise TraceError(
                    f"sent must hold {points} sizes in MB, the last one 0 (all on the device), got {self.sent}"
                )

    def _validate(self) -> None:
        c = self.columns
        if c["remote"].ndim != 2 or c["remote"].shape[1] < 2:
            raise TraceError(
                f"remote needs a column for each of at least two split points, got {c['remote'].shape}"
            )
        c["remote"] = check_nonnegative("remote", c["remote"])
        if np.any(c["remote"][:, -1] != 0.0):
            row = int(np.flatnonzero(c["remote"][:, -1])[0])
            raise TraceError(
                f"the last column of remote, all on the device, must be 0, got a delay in row {row + 1}"
            )
        if "weight" in c:
            c["weight"] = check_unit("weight", c["weight"])
            if c["weight"].ndim != 1 or c["weight"].max() >= 1.0:
                raise TraceError("weight must be one number below 1 a frame")
        self._set(**self._given)

    @property
    def points(self) -> int:
        """Number of split points, P+1."""
        return int(self.columns["remote"].shape[1])

    @property
    def arms(self) -> tuple[str, ...]:
        """Names of the constant choices: the split points."""
        return self.split_names

    def delay(self) -> np.ndarray:
        """End-to-end delay of each frame at each split point, ms, shape (n, P+1)."""
        return np.asarray(self.columns["remote"] + self.front)

    def linear_error(self) -> float:
        """Largest error in ms of the best linear fit of the mean remote delay on the features.

        ANS assumes that this is 0; where it is not, its regret has a part that grows linearly.
        """
        mean = self.columns["remote"].mean(axis=0)
        theta = np.linalg.lstsq(self.features, mean, rcond=None)[0]
        return float(np.max(np.abs(self.features @ theta - mean)))

    def _extra(self) -> dict[str, Any]:
        return {
            "front": self.front.tolist(),
            "features": self.features.tolist(),
            "split_names": list(self.split_names),
        } | ({} if self.sent is None else {"sent": self.sent.tolist()})

    def _restore(self, extra: Mapping[str, Any]) -> None:
        for key in ("front", "features"):
            if key not in extra:
                raise TraceError(
                    f"a table of split points is saved as .npz or .parquet, the file has no {key!r}"
                )
        self._given = {k: extra[k] for k in ("front", "features", "split_names", "sent") if k in extra}


class Block(NamedTuple):
    """One block of a network as measured on one machine."""

    name: str
    layers: tuple[str, ...]
    flops: float
    params: float
    output: float  # MB of 2**20 bytes
    time: float  # ms


def read_stats(path: str | os.PathLike[str]) -> dict[str, list[Block]]:
    """Read a file in the layout of Scission's ``*-stats.csv``: per model, per block.

    Returns
    -------
    dict
        Model name -> its blocks, in order. Times are ms, outputs MB of 2**20 bytes (an input of
        224 x 224 x 3 floats is 0.574).

    Raises
    ------
    TraceError
        The sentence names the line (counted from 1).
    """
    where = os.fspath(path)
    try:
        with open(path, encoding="utf-8", newline="") as file:
            lines = [[cell.strip() for cell in row] for row in csv.reader(file)]
    except FileNotFoundError:
        raise TraceError(f"there is no file {where!r}") from None
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise TraceError(f"{where!r} can't be read ({error})") from None
    models: dict[str, list[Block]] = {}
    model, numbers, kinds, details = "", {}, {}, False  # type: str, dict[str, list[str]], dict[str, tuple[str, ...]], bool

    def close(line: int) -> None:
        if not model:
            return
        missing = [k for k in ("layers", "flops", "params", "output", "times") if k not in numbers]
        if missing:
            raise TraceError(
                f"{where!r}: model {model!r}, which ends before line {line}, has no row {missing[0]!r}"
            )
        blocks = []
        for i, block in enumerate(numbers["layers"]):
            values = []
            for key in ("flops", "params", "output", "times"):
                try:
                    values.append(float(numbers[key][i]))
                    if not 0.0 <= values[-1] < math.inf:
                        raise ValueError
                except (IndexError, ValueError):
                    got = numbers[key][i] if i < len(numbers[key]) else "nothing"
                    raise TraceError(
                        f"{where!r}: {key} of block {block} of {model!r} must be a number from 0, got {got!r}"
                    ) from None
            blocks.append(Block(block, kinds.get(block, ()), *values))
        models[model] = blocks

    for number, row in enumerate(lines, start=1):
        row = [cell for cell in row if cell]
        if not row:
            continue
        if len(row) == 1 and row[0] == "block details:":
            details = True
        elif row[0] in ("layers", "flops", "params", "output", "times") and len(row) > 1 and not details:
            if not model:
                raise TraceError(f"{where!r}, line {number}: a row {row[0]!r} before the name of a model")
            numbers[row[0]] = row[1:]
        elif len(row) == 1:
            close(number)
            model, numbers, kinds, details = row[0], {}, {}, False
        elif details:
            kinds[row[0]] = tuple(row[1:])
        else:
            raise TraceError(f"{where!r}, line {number}: {row[0]!r} is not a row of a stats file")
    close(len(lines) + 1)
    if not models:
        raise TraceError(f"{where!r} holds no model in the layout of Scission's stats files")
    return models


class Link(NamedTuple):
    """A link: one-way latency in ms and rate in Mbit/s."""

    latency: float
    rate: float


def read_links(path: str | os.PathLike[str]) -> dict[tuple[str, str], Link]:
    """Read ``source,destination,ping(ms),bandwidth(mbps)`` lines: Scission's ``network_stats*.csv``."""
    where = os.fspath(path)
    links: dict[tuple[str, str], Link] = {}
    try:
        with open(path, encoding="utf-8", newline="") as file:
            rows = list(csv.reader(file))
    except FileNotFoundError:
        raise TraceError(f"there is no file {where!r}") from None
    for number, row in enumerate(rows[1:], start=2):
        if not row:
            continue
        try:
            source, destination, ping, rate = (cell.strip() for cell in row)
            links[source, destination] = Link(float(ping), float(rate))
        except ValueError:
            raise TraceError(
                f"{where!r}, line {number}: expected source,destination,ping,bandwidth, got {','.join(row)!r}"
            ) from None
    if not links:
        raise TraceError(f"{where!r} holds no link")
    return links


#: Layer types by what they compute; every other type counts as activation-like.
CONVOLUTIONS = ("Conv2D", "SeparableConv2D", "DepthwiseConv2D")
DENSE = ("Dense",)


def split_features(blocks: Sequence[Block], *, intercept: bool = True) -> np.ndarray:
    """ANS's description of the remote part at each split point, float64 of shape (P+1, 7 or 8).

    Columns: operations of convolutions, of dense layers, of all other layers; number of layers of the
    three types; size of what is sent; and, with `intercept`, 1 wherever anything is remote (a link's
    latency does not shrink with the work). Each column is divided by its largest entry; the last row,
    everything on the device, is 0. A block of several layers counts as its heaviest type.
    """
    counts = np.zeros((len(blocks), 3))
    work = np.zeros((len(blocks), 3))
    for i, block in enumerate(blocks):
        kinds = [0 if k in CONVOLUTIONS else 1 if k in DENSE else 2 for k in block.layers]
        for kind in kinds:
            counts[i, kind] += 1.0
        work[i, min(kinds, default=2)] += block.flops
    rest = np.cumsum(np.hstack([work, counts])[::-1], axis=0)[::-1]
    # Split point p = i+1 cuts after block i; the remote part is everything behind it.
    remote = np.vstack([rest[1:], np.zeros((1, 6))])
    sent = np.array([b.output for b in blocks])[:, None]
    x = np.hstack([remote, sent] + ([np.ones((len(blocks), 1))] if intercept else []))
    x[-1] = 0.0
    largest = x.max(axis=0)
    return np.asarray(x / np.where(largest > 0.0, largest, 1.0))


def aligned(front: Sequence[Block], back: Sequence[Block]) -> tuple[list[Block], list[Block]]:
    """The two measurements of one network block by block.

    Library versions differ by a few light blocks (a ``ZeroPadding2D`` more); such a block's time is
    added to the next block that both have. More than a tenth of blocks without a partner is an error.
    """
    key = lambda blocks: [b.layers for b in blocks]  # noqa: E731
    match = difflib.SequenceMatcher(None, key(front), key(back), autojunk=False)
    pairs = [(m.a + i, m.b + i) for m in match.get_matching_blocks() for i in range(m.size)]
    most = max(len(front), len(back))
    if not pairs or len(pairs) < 0.9 * most:
        raise TraceError(f"the two machines measured different networks: {len(pairs)} of {most} blocks agree")
    if pairs[-1] != (len(front) - 1, len(back) - 1):
        raise TraceError("the two machines measured networks with different last blocks")

    def merged(blocks: Sequence[Block], ends: list[int]) -> list[Block]:
        result, start = [], 0
        for end in ends:
            part = blocks[start : end + 1]
            last = blocks[end]
            result.append(last._replace(time=sum(b.time for b in part), flops=sum(b.flops for b in part)))
            start = end + 1
        return result

    return merged(front, [a for a, _ in pairs]), merged(back, [b for _, b in pairs])


def splits_from_stats(
    device: str | os.PathLike[str],
    server: str | os.PathLike[str],
    model: str,
    link: Link | tuple[float, float],
    *,
    samples: int = 1000,
    noise: float = 0.1,
    rates: Any = None,
    loads: Any = None,
    key_frames: float = 0.0,
    key_weight: float = 0.9,
    intercept: bool = True,
    seed: int = 0,
) -> SplitTable:
    """Build a table from the measurements of a network on two machines and a link between them.

    Parameters
    ----------
    device, server : path
        Files in the layout of :func:`read_stats`.
    model : str
        A network both have, e.g. ``"mobilenet"``.
    link : Link or (latency ms, rate Mbit/s)
    samples : int, default 1000
        Frames n.
    noise : float, default 0.1
        Standard deviation of the remote delay of a frame, as a share of its mean (lognormal).
    rates, loads : array_like, shape (n,), optional
        The link's rate (Mbit/s) and the factor on the server's times for each frame: a link that
        degrades, a server that fills up. Defaults: the link's rate and 1.
    key_frames, key_weight : float
        Every ``1/key_frames``-th frame is a key frame of weight `key_weight`.
    intercept : bool, default True
        Whether the features have a constant for the link's latency (ANS's seven have none).

    Returns
    -------
    SplitTable
        P+1 split points for P+1 measured blocks, the input layer being the first: split 0 sends the
        input, the last one keeps everything. Remote delay = latency + size / rate + load * time of
        the server's blocks, with the noise on top.
    """
    first, second = read_stats(device), read_stats(server)
    for path, models in ((device, first), (server, second)):
        if model not in models:
            raise unknown(f"model in {Path(path).name}", model, models)
    front, back = aligned(first[model], second[model])
    latency, rate = link
    check_real("latency", latency, 0.0)
    check_real("rate", rate, 0.0, open_low=True)
    n = check_positive_int("samples", samples)
    rate_t = np.full(n, rate, np.float64) if rates is None else _per_frame("rates", rates, n, positive=True)
    load_t = np.ones(n) if loads is None else _per_frame("loads", loads, n, positive=False)
    sigma = check_real("noise", noise, 0.0)
    front_time = np.cumsum([b.time for b in front])
    behind = np.cumsum([b.time for b in back][::-1])[::-1]
    server_time = np.append(behind[1:], 0.0)
    size = np.array([b.output for b in front])
    upload = size * (8 * 2**20 / 1e6) / rate_t[:, None] * 1e3  # MiB over Mbit/s, in ms
    remote = latency + upload + load_t[:, None] * server_time
    if sigma > 0.0:
        spread = math.sqrt(math.log1p(sigma * sigma))
        remote = remote * np.exp(generator(seed).normal(-0.5 * spread * spread, spread, (n, 1)))
    remote[:, -1] = 0.0
    weight = None
    if check_real("key_frames", key_frames, 0.0, 1.0) > 0.0:
        weight = np.where(np.arange(n) % max(round(1.0 / key_frames), 1) == 0, key_weight, 0.0)
    return SplitTable(
        front_time,
        remote,
        split_features(front, intercept=intercept),
        weight,
        split_names=[b.name for b in front],
        sent=np.append(size[:-1], 0.0),
        name=f"{model}: {Path(device).stem} to {Path(server).stem}",
        provenance={
            "device": Path(device).name,
            "server": Path(server).name,
            "link": f"{latency:g} ms, {rate:g} Mbit/s",
        },
    )


def _per_frame(name: str, values: Any, samples: int, *, positive: bool) -> np.ndarray:
    array = check_nonnegative(name, np.asarray(values))
    if array.shape != (samples,):
        raise ParameterError(
            f"{name} must hold one number for each of {samples} frames, got shape {array.shape}"
        )
    if positive and not (array > 0.0).all():
        raise ParameterError(f"{name} must be greater than 0, got 0 at frame {int(np.argmin(array > 0.0))}")
    return array
