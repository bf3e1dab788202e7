"""One peer's steps a second on a Bernoulli bandit (and LinUCB), run by that peer's own Python.

Usage: ``python peers_bandits.py PEER ROUNDS``; prints JSON {algorithm: {"rate", "regret"} or {"error"}}.
A step is choose, draw a reward, update. The peer's own loop is used where it has one (PyMAB).
"""

import json
import sys
import time
import warnings

import numpy as np

MEANS = np.arange(1, 11) / 11
D = 10

warnings.simplefilter("ignore")


def timed(step, rounds):
    """Rate of `step` (which returns the arm) and the pseudo-regret, after a tenth as warm-up."""
    for _ in range(max(12, rounds // 10)):
        step()
    regret = 0.0
    started = time.perf_counter()
    for _ in range(rounds):
        regret += MEANS[-1] - MEANS[step()]
    return {"rate": rounds / (time.perf_counter() - started), "regret": regret}


def contexts(rounds):
    x = np.random.default_rng(1).standard_normal((rounds, D))
    return x / np.linalg.norm(x, axis=1, keepdims=True)


THETA = np.random.default_rng(2).standard_normal((len(MEANS), D)) / np.sqrt(D)


def river(rounds):
    from river import bandit, proba

    rng = np.random.default_rng(0)
    arms = list(range(len(MEANS)))

    def play(policy):
        def step():
            arm = policy.pull(arms)
            policy.update(arm, float(rng.random() < MEANS[arm]))
            return arm

        return step

    def play_linear(policy):
        rows, at = [dict(enumerate(row)) for row in contexts(1000)], [0]
        matrix = contexts(1000)

        def step():
            t = at[0] = (at[0] + 1) % 1000
            arm = policy.pull(arms, context=rows[t])
            policy.update(arm, rows[t], float(THETA[arm] @ matrix[t]))
            return arm

        return step

    yield "ucb1", play(bandit.UCB(delta=1.0, seed=1)), rounds
    yield "thompson", play(bandit.ThompsonSampling(reward_obj=proba.Beta(seed=1), seed=1)), rounds
    # its weights overflow after some thousand rounds
    yield "exp3", play(bandit.Exp3(gamma=0.1, seed=1)), min(rounds, 3000)
    yield "linucb", play_linear(bandit.LinUCBDisjoint(alpha=1.0, seed=1)), max(50, rounds // 20)


def mabwiser(rounds):
    from mabwiser.mab import MAB, LearningPolicy

    rng = np.random.default_rng(0)
    arms = list(range(len(MEANS)))

    def play(learning):
        policy = MAB(arms, learning, seed=1)
        policy.fit(arms, [float(rng.random() < m) for m in MEANS])

        def step():
            arm = policy.predict()
            policy.partial_fit([arm], [float(rng.random() < MEANS[arm])])
            return arm

        return step

    def play_linear():
        policy, matrix, at = MAB(arms, LearningPolicy.LinUCB(alpha=1.0), seed=1), contexts(1000), [0]
        policy.fit(arms, [0.0] * len(arms), matrix[: len(arms)])

        def step():
            t = at[0] = (at[0] + 1) % 1000
            arm = policy.predict(matrix[t : t + 1])
            policy.partial_fit([arm], [float(THETA[arm] @ matrix[t])], matrix[t : t + 1])
            return arm

        return step

    yield "ucb1", play(LearningPolicy.UCB1(alpha=1.0)), rounds // 4
    yield "thompson", play(LearningPolicy.ThompsonSampling()), rounds // 4
    yield "linucb", play_linear(), max(50, rounds // 20)


def smpybandits(rounds):
    from SMPyBandits import Policies

    rng = np.random.default_rng(0)
    k = len(MEANS)

    def play(policy):
        policy.startGame()

        def step():
            arm = policy.choice()
            policy.getReward(arm, float(rng.random() < MEANS[arm]))
            return arm

        return step

    yield "ucb1", play(Policies.UCBalpha(k, alpha=4)), rounds
    yield "kl-ucb", play(Policies.klUCB(k)), rounds // 4
    yield "thompson", play(Policies.Thompson(k)), rounds
    yield "exp3", play(Policies.Exp3WithHorizon(k, horizon=rounds)), rounds
    yield "tsallis-inf", play(Policies.TsallisInf(k)), rounds // 4


def pymab(rounds):
    import pymab
    import pymab.policies as policies

    k = len(MEANS)

    def run(environment, policy, horizon):
        experiment = pymab.Experiment(
            environment=environment,
            policies={"p": policy},
            config=pymab.ExperimentConfig(horizon=horizon, n_replicates=1, seed=1),
        )
        started = time.perf_counter()
        result = experiment.run()
        rate = horizon / (time.perf_counter() - started)
        return {"rate": rate, "regret": float(np.asarray(result.cumulative_regret)[..., -1].mean())}

    def play(make):
        def whole(horizon):
            for size in (100, horizon):  # the first is a warm-up
                bernoulli = pymab.BanditEnvironment(means=MEANS, reward_model=pymab.BernoulliReward())
                row = run(bernoulli, make(), size)
            return row

        return whole

    def play_linear(horizon):
        provider = pymab.GaussianContextProvider(n_arms=k, n_features=D)
        environment = pymab.LinearContextualEnvironment(theta=THETA, context_provider=provider)
        run(environment, policies.LinUCBPolicy(n_arms=k, n_features=D), 100)
        return run(environment, policies.LinUCBPolicy(n_arms=k, n_features=D), horizon)

    yield "ucb1", play(lambda: policies.UCBPolicy(n_arms=k)), 10 * rounds
    yield "kl-ucb", play(lambda: policies.KLUCBPolicy(n_arms=k)), 5 * rounds
    yield "thompson", play(lambda: policies.BernoulliThompsonSamplingPolicy(n_arms=k)), 10 * rounds
    yield "exp3", play(lambda: policies.EXP3Policy(n_arms=k)), 10 * rounds
    yield "linucb", play_linear, rounds


def main():
    peer, rounds = sys.argv[1], int(sys.argv[2])
    games = {"river": river, "mabwiser": mabwiser, "smpybandits": smpybandits, "pymab": pymab}[peer]
    rows = {}
    for name, play, size in games(rounds):
        try:
            rows[name] = play(size) if peer == "pymab" else timed(play, size)
        except Exception as error:
            rows[name] = {"error": f"{type(error).__name__}: {error}"}
    print(json.dumps(rows))


if __name__ == "__main__":
    main()
