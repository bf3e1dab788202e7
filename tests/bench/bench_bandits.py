"""Bandit policies against PyMAB, river, MABWiser and SMPyBandits (PyPI, each in an environment of its own).

Work: choose, draw a Bernoulli reward of 10 arms (LinUCB: 10 models of 10 features), update, account; one
core. Ours is the fused loop, the fastest of several passes; a peer's own loop is used where it has one.
``regret`` is the pseudo-regret of the rounds timed. The last rows are long runs of rewards that are always 0
or always 1.
"""

from __future__ import annotations

import json
import math
import subprocess
import time
from pathlib import Path

import numpy as np
from _peers import environment

from olearn.environments import bernoulli, constant, random_linear
from olearn.learners.bandits import BANDITS, LinTS, LinUCB, bandit_class

HERE = Path(__file__).resolve().parent
ARMS = 10
PEERS = (
    ("pymab", ["pymab==2.0.1"]),
    ("river", ["river==0.26.1"]),
    ("mabwiser", ["mabwiser==2.7.4"]),
    ("smpybandits", ["SMPyBandits==0.9.7", "scipy<1.14"]),
)
#: Policies that are slower by design get fewer rounds.
SHORTER = {"bayes-ucb": 20, "thompson": 5, "thompson-gaussian": 5, "hybrid": 10, "fpl": 10, "kl-ucb": 2}


def fastest(policy, env, rounds: int, passes: int) -> tuple[float, float]:
    """Steps a second of the fused loop, and the pseudo-regret of one pass."""
    policy.copy().play(env.data(), np.array([2]))
    best, value = math.inf, 0.0
    for _ in range(passes):
        fresh, data = policy.copy(), env.data()
        started = time.perf_counter()
        record = fresh.play(data, np.array([rounds]))
        best = min(best, time.perf_counter() - started)
        value = float(record.value[-1])
    return rounds / best, env.best_value(rounds, policy.set_size) - value


def peers(rounds: int) -> dict[str, dict]:
    """Peer -> algorithm -> rate and regret; what can't be installed or run is left out with a reason."""
    found = {}
    for peer, packages in PEERS:
        python = environment(peer, *packages)
        if python is None:
            continue
        command = [str(python), str(HERE / "peers_bandits.py"), peer, str(rounds)]
        out = subprocess.run(command, capture_output=True, text=True)
        if out.returncode:
            print(f"skipping {peer}: {(out.stderr.strip().splitlines() or ['no message'])[-1]}")
            continue
        found[peer] = json.loads(out.stdout.strip().splitlines()[-1])
        for name, row in found[peer].items():
            if "error" in row:
                print(f"skipping {peer} {name}: {row['error']}")
    return found


def main(quick: bool = False) -> list[dict]:
    rounds, passes = (20_000, 1) if quick else (1_000_000, 5)
    theirs = peers(500 if quick else 10_000)
    env, rows = bernoulli(np.arange(1, ARMS + 1) / (ARMS + 1)), []
    games = []
    for name in BANDITS:
        cls = bandit_class(name)
        size = rounds // SHORTER.get(name, 1)
        if cls.shape == "arm":
            games.append((name, name, cls(ARMS, size), env, size))
        elif cls.shape == "set":
            games.append((name, f"{name} (m=3)", cls(ARMS, size, m=3), env, size))
    games.append(("exp3", "exp3 (anytime)", bandit_class("exp3")(ARMS), env, rounds))
    shared, joint = random_linear(ARMS, 10, shared=True, std=0.1), random_linear(ARMS, 10, std=0.1)
    games.append(
        ("linucb", "linucb (disjoint)", LinUCB(ARMS, 10, disjoint=True, alpha=1.0), shared, rounds // 5)
    )
    games.append(("-", "linucb (one model)", LinUCB(ARMS, 10, alpha=1.0), joint, rounds // 5))
    games.append(("-", "lints (one model)", LinTS(ARMS, 10, v=0.3), joint, rounds // 5))
    for key, label, policy, game, size in games:
        rate, regret = fastest(policy, game, size, passes)
        row = {"name": label, "rounds": size, "steps_per_second": rate, "regret": regret}
        rivals = {p: r[key]["rate"] for p, r in theirs.items() if "rate" in r.get(key, {})}
        if rivals:
            best = max(rivals, key=rivals.__getitem__)
            row |= {"best_peer": best, "peer_rate": rivals[best], "ratio": rate / rivals[best]}
        rows.append(row)
    exp3 = [r["exp3"]["rate"] for r in theirs.values() if "rate" in r.get("exp3", {})]
    tsallis = next(r["steps_per_second"] for r in rows if r["name"] == "tsallis-inf")
    if exp3:
        rows.append({"name": "tsallis-inf over the best peer's exp3", "ratio": tsallis / max(exp3)})
    rows += long_runs(100_000 if quick else 100_000_000)
    return rows


def long_runs(rounds: int) -> list[dict]:
    """Rewards at 0 or 1 for ever: everything stays finite and the rate stays what it is."""
    rows = []
    for name in ("ucb1", "exp3", "tsallis-inf"):
        for reward in (0.0, 1.0):
            policy = bandit_class(name)(2, rounds)
            env = constant([reward] * 2)
            started = time.perf_counter()
            record = policy.play(env.data(), np.array([rounds]))
            seconds = time.perf_counter() - started
            finite = all(np.isfinite(np.asarray(field, float)).all() for field in policy.state)
            rows.append(
                {
                    "name": f"{name}, {rounds:.0e} rewards of {reward:g}",
                    "rounds": rounds,
                    "steps_per_second": rounds / seconds,
                    "finite": finite and record.gain[-1] == reward * rounds,
                }
            )
    return rows


if __name__ == "__main__":
    from olearn._table import text_table

    print(text_table(main()))
