"""Run by the Python of an environment of its own: one peer's learners on one loss matrix.

Arguments: peer (pyol or noregret), the matrix (.npy), rounds. Prints JSON: for each algorithm the steps
per second and the cumulative loss, so that the two sides can be seen to do the same work. The fastest
of six passes counts, in processor time: other programs then slow neither side down.
"""

import json
import sys
import time

import numpy as np


def pyol(d, T):
    from pyol import learning_rates, oco, projections

    constant = learning_rates.LearningRateConstant
    eta = float(np.sqrt(8 * np.log(d) / T))
    yield "hedge", lambda: oco.EntropyOptimisticFTRL(d, lr_handler=constant(eta))
    yield "adahedge", lambda: oco.AdaHedge(d)
    yield "kt-experts", lambda: oco.KTExperts(d)
    yield "rm", lambda: oco.RM(d)
    yield "rm+", lambda: oco.RMPlus(d)
    for name, projection in (("ogd-simplex", projections.ProjSimplex), ("ogd-ball", projections.ProjL2Ball)):
        step = float(np.sqrt(2.0) / np.sqrt(d / 3.0 * T))

        def make(step=step, projection=projection):
            return oco.L2OptimisticOMD(
                d, x0=np.full(d, 1.0 / d), lr_handler=constant(step), proj_handler=projection()
            )

        yield name, make


def play_pyol(learner, G):
    total = 0.0
    for g in G:
        total += learner.get_x() @ g
        learner.update(g)
    return float(total)


def noregret(d, T):
    from noregret import regret_minimizers as rm

    eta = float(np.sqrt(8 * np.log(d) / T))
    yield "hedge", lambda: rm.MultiplicativeWeightsUpdate(d, learning_rate=eta)
    yield "rm", lambda: rm.RegretMatching(d)
    yield "rm+", lambda: rm.RegretMatchingPlus(d)


def play_noregret(learner, G):
    total = 0.0
    for g in G:
        total += learner.next_strategy() @ g
        learner.observe_utility(-g)
    return float(total)


def main():
    peer, path, rounds = sys.argv[1], sys.argv[2], int(sys.argv[3])
    G = np.load(path)[:rounds]
    factories = {"pyol": pyol, "noregret": noregret}[peer]
    play = {"pyol": play_pyol, "noregret": play_noregret}[peer]
    rows = {}
    for name, make in factories(G.shape[1], rounds):
        try:
            seconds, total = [], 0.0
            for _ in range(6):
                learner = make()
                started = time.process_time()
                total = play(learner, G)
                seconds.append(time.process_time() - started)
            rows[name] = {"rate": rounds / min(seconds), "loss": total}
        except Exception as error:
            rows[name] = {"error": f"{type(error).__name__}: {error}"}
    print(json.dumps(rows))


main()
