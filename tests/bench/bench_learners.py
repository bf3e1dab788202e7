"""Learners against PyOL and noregret (PyPI, in an environment of their own): 100 experts or coordinates.

Both sides play the same loss matrix, uniform on [0, 1], one core, the fastest pass in processor time.
``loss_gap`` is the difference of the cumulative losses: near 0, it shows that the work is the same (PyOL's
RM and RM+ have another potential). The last row is 1e8 rounds of constant 0/1 losses.
"""

from __future__ import annotations

import json
import math
import subprocess
import tempfile
import time
from pathlib import Path

import numpy as np
from _peers import environment

from olearn.geometry import EuclideanBall, Simplex
from olearn.learners.ader import AderPlusPlus
from olearn.learners.catalogue import get_learner
from olearn.learners.hedge import Hedge
from olearn.learners.ogd import OGD

HERE = Path(__file__).resolve().parent
D = 100


def learners(T: int):
    """Name -> learner over D coordinates, with the parameters that the peers get."""
    yield "hedge", Hedge(D, eta=math.sqrt(8 * math.log(D) / T))
    yield "hedge (anytime)", Hedge(D)
    yield "hedge (log domain)", Hedge(D, eta=0.2)
    for name in ("adahedge", "fixed-share", "kt-experts", "rm", "rm+", "squint", "prod", "ml-prod", "ftpl"):
        yield name, get_learner(name)(D, T)
    step = math.sqrt(2.0) / math.sqrt(D / 3.0 * T)
    start = np.full(D, 1.0 / D)
    yield "ogd-simplex", OGD(Simplex(D), eta=step, start=start)
    yield "ogd-ball", OGD(EuclideanBall(D), eta=step, start=start)
    yield "ader++ (ball)", AderPlusPlus(EuclideanBall(D), T, gradient_bound=6.0)


def rate(learner, G: np.ndarray, passes: int) -> float:
    """Steps a second of the compiled loop, the fastest pass."""
    learner.reset()
    learner.run(G[:2])
    best = math.inf
    for _ in range(passes):
        learner.reset()
        learner.predict()
        started = time.process_time()
        learner.run(G)
        best = min(best, time.process_time() - started)
    return len(G) / best


def peers(G: np.ndarray, rounds: int) -> dict[str, dict]:
    """Peer -> algorithm -> rate and loss; a peer that can't be installed or run is left out with a reason."""
    found = {}
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "losses.npy"
        np.save(path, G[:rounds])
        for peer, package in (("pyol", "pyol==0.0.3"), ("noregret", "noregret")):
            python = environment(peer, package)
            if python is None:
                continue
            command = [str(python), str(HERE / "peers_learners.py"), peer, str(path), str(rounds)]
            out = subprocess.run(command, capture_output=True, text=True)
            if out.returncode:
                print(f"skipping {peer}: {out.stderr.strip().splitlines()[-1]}")
                continue
            found[peer] = json.loads(out.stdout)
            for name, row in found[peer].items():
                if "error" in row:
                    print(f"skipping {peer} {name}: {row['error']}")
    return found


def main(quick: bool = False) -> list[dict]:
    T, rounds, passes = (2_000, 200, 1) if quick else (5_000, 5_000, 40)
    G = np.random.default_rng(0).random((T, D))
    theirs = peers(G, rounds)
    fastest = {name: rate(learner, G, passes) for name, learner in learners(rounds)}
    for peer, rates in peers(G, rounds).items():  # once more: a machine whose speed drifts treats both alike
        for name, row in rates.items():
            if row.get("rate", 0.0) > theirs.get(peer, {}).get(name, {}).get("rate", math.inf):
                theirs[peer][name] = row
    rows = []
    for name, learner in learners(rounds):
        ours = max(fastest[name], rate(learner, G, passes))
        row: dict = {"name": name, "steps_per_second": ours, "ns_per_coordinate": 1e9 / ours / D}
        rivals = {p: r[name] for p, r in theirs.items() if "rate" in r.get(name, {})}
        if rivals:
            best = max(rivals, key=lambda p: rivals[p]["rate"])
            their_rate = rivals[best]["rate"]
            row |= {"best_peer": best, "peer_rate": their_rate, "ratio": ours / their_rate}
            learner.reset()
            row["loss_gap"] = float(learner.run(G[:rounds]).sum()) - rivals[best]["loss"]
        rows.append(row)
    rows.append(long_run(1_000_000 if quick else 100_000_000))
    return rows


def long_run(rounds: int) -> dict:
    """Constant 0/1 losses, then the experts exchanged: rates, and the regret against its bound."""
    learner = Hedge(2, horizon=rounds)
    block = min(rounds // 2, 500_000)
    total, started = 0.0, time.perf_counter()
    for losses in (np.tile([0.0, 1.0], (block, 1)), np.tile([1.0, 0.0], (block, 1))):
        for _ in range(rounds // 2 // block):
            total += float(learner.run(losses).sum())
    seconds = time.perf_counter() - started
    regret = total - rounds / 2
    return {
        "name": f"hedge, 2 experts, {rounds:.0e} rounds of 0/1",
        "steps_per_second": rounds / seconds,
        "regret": regret,
        "regret_over_bound": regret / learner.bound().value,
    }


if __name__ == "__main__":
    from olearn._table import text_table

    print(text_table(main()))
