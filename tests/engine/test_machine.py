"""The machine, on a game of forty lines: cells, chunks, threads, Ctrl-C, breaches, the store."""

import threading

import numpy as np
import pytest

from olearn._interrupts import Held
from olearn.engine import execute, machine
from olearn.engine.choices import Choice
from olearn.engine.game import Ask, Block, BreachError, Cell, Column, Comparators, Game, Outcome, Play, Run
from olearn.errors import OlearnError
from olearn.regret.invariants import within


class Guess:
    """Guesses the same number in every round."""

    name, randomised = "guess", False

    def __init__(self, value=0.5):
        self.value = value

    @classmethod
    def tunable(cls):
        return {"value": None}


class Guessing(Game):
    """Rounds are numbers in [0, 1]; a guess earns 1 minus its distance."""

    name = "guessing"
    rounds_are = "rounds"
    columns = (
        *(Column(name, "text") for name in ("policy",)),
        *(Column(name, "int") for name in ("seed", "rounds")),
        *(Column(name, "float") for name in ("reward", "regret")),
        Column("complete", "bool"),
    )
    digest = "0123456789abcdef"

    def __init__(self, numbers):
        self.numbers = numbers

    @property
    def rounds(self):
        return self.numbers.size

    def cells(self, ask):
        cells = [Cell("all", {})]
        return cells + [Cell("all", {}, c, s) for c in ask.choices for s in ask.seeds]

    def begin(self, cell, longest):
        return Play(cell.choice.build(), {"reward": np.empty(longest)})

    def blocks(self, play, size):
        for start in range(0, self.numbers.size, size):
            stop = min(start + size, self.numbers.size)
            yield Block(start, stop, self.numbers[start:stop])

    def serve(self, play, block, low, high):
        play.out["reward"][low:high] = 1.0 - np.abs(block.data[low:high] - play.policy.value)

    def invariants(self, play, done):
        return within(play.out["reward"][: play.filled], 0.0, 1.0, "rewards")

    def finish(self, cell, play, points, curves, totals, complete):
        row = {"policy": cell.label, "seed": cell.seed, "rounds": play.served, **totals, "complete": complete}
        return Run(row, curves)

    def comparators(self, cell, points):
        best = 1.0 - np.abs(self.numbers - np.median(self.numbers))
        return Outcome([], Comparators({"best": np.cumsum(best)[points - 1]}))

    def measure(self, cell, run, best, points):
        run.row["regret"] = (
            None if best is None else best.curves["best"][run.reward.size - 1] - run.row["reward"]
        )
        return ()

    def manifest(self):
        return {"numbers": self.numbers.size}

    def result(self, manifest, runs, points, comparators):
        return manifest, runs


def plan(numbers, values=(0.5,), seeds=1, **how):
    made = [Choice(lambda value=value: Guess(value), f"guess {value}") for value in values]
    points = np.unique(np.linspace(1, numbers.size, 13).astype(np.int64))
    return machine.plan(Guessing(numbers), Ask(made, range(seeds)), points, **how)


NUMBERS = np.random.default_rng(3).random(5000)


@pytest.fixture
def small(monkeypatch):
    monkeypatch.setattr(machine, "CHUNK", 700)
    monkeypatch.setattr(machine, "FIRST_PIECE", 64)


def test_rows_curves_and_regret(small):
    manifest, runs = plan(NUMBERS, (0.5, 0.9))()
    assert manifest["complete"]
    for run, value in zip(runs, (0.5, 0.9), strict=True):
        earned = np.cumsum(1.0 - np.abs(NUMBERS - value))
        points = np.unique(np.linspace(1, 5000, 13).astype(np.int64))
        np.testing.assert_allclose(run.reward, earned[points - 1], rtol=1e-12)
        best = (1.0 - np.abs(NUMBERS - np.median(NUMBERS))).sum()
        assert run.row["regret"] == pytest.approx(best - earned[-1])


def test_sums_do_not_depend_on_threads_or_pieces(small, monkeypatch):
    one = plan(NUMBERS, (0.1, 0.2, 0.3), seeds=3)()[1]
    monkeypatch.setattr(machine, "FIRST_PIECE", 7)
    two = plan(NUMBERS, (0.1, 0.2, 0.3), seeds=3, jobs=4)()[1]
    assert [r.row["policy"] for r in one] == [r.row["policy"] for r in two]
    assert all(a.reward.tobytes() == b.reward.tobytes() for a, b in zip(one, two, strict=True))


@pytest.mark.parametrize("after", [0, 1, 4999, 5000, 5001, 7000, 9999, 10_001, 14_999])
@pytest.mark.parametrize("jobs", [1, 3])
def test_ctrl_c_after_any_amount_of_work_keeps_what_there_is(small, monkeypatch, after, jobs):
    count = machine.Pulse.advance

    def press(self, amount):
        count(self, amount)
        if self.done >= after:
            self.stop()

    monkeypatch.setattr(machine.Pulse, "advance", press)
    manifest, runs = plan(NUMBERS, (0.5, 0.9), jobs=jobs)()
    full = {r.row["policy"]: r for r in plan_without_press(monkeypatch, count)}
    assert manifest["complete"] == (len(runs) == 2 and all(r.row["complete"] for r in runs))
    for run in runs:
        assert run.row["rounds"] > 0
        np.testing.assert_array_equal(run.reward, full[run.row["policy"]].reward[: run.reward.size])


def plan_without_press(monkeypatch, count):
    monkeypatch.setattr(machine.Pulse, "advance", count)
    return plan(NUMBERS, (0.5, 0.9))()[1]


def test_a_breach_names_policy_and_invariant_and_is_no_row(small, tmp_path):
    with pytest.raises(BreachError, match=r"guess 3.*rewards must lie in \[0, 1\], got -"):
        plan(NUMBERS, (0.5, 3.0), store=tmp_path)()
    again = plan(NUMBERS, (0.5,), store=tmp_path)()[0]
    assert again["restored_runs"] == 1  # the sound one was kept


def test_an_error_in_a_cell_stops_the_others_and_comes_out(small):
    def broken():
        raise OlearnError("no luck")

    made = [Choice(broken, "broken"), *(Choice(Guess, f"g{k}") for k in range(50))]
    points = np.array([NUMBERS.size])
    with pytest.raises(OlearnError, match="no luck"):
        machine.plan(Guessing(NUMBERS), Ask(made, [0]), points, jobs=2)()


def test_a_cell_that_does_not_look_up_is_left_behind(monkeypatch):
    monkeypatch.setattr(execute, "PATIENCE", 0.1)
    hold, pulse = threading.Event(), execute.Pulse()
    got = []
    for item in execute.threads(3, lambda k: hold.wait(30) if k == 1 else k, 2, pulse):
        if item is not None:
            got.append(item)
        if len(got) == 2:
            pulse.stop()
    hold.set()
    assert sorted(got) == [(0, 0), (2, 2)]
    assert len(execute.left_behind) == 1
    execute.left_behind.pop().join()


def test_presses_reach_every_context_around():
    import os
    import signal

    told = []
    before = signal.getsignal(signal.SIGINT)
    with Held() as outer, Held(told.append) as inner:
        os.kill(os.getpid(), signal.SIGINT)
        os.kill(os.getpid(), signal.SIGINT)
    assert (outer.presses, inner.presses, told) == (2, 2, [1, 2])
    with Held() as outer:
        os.kill(os.getpid(), signal.SIGINT)
        late = []
        with Held(late.append):
            assert late == [1]
    assert signal.getsignal(signal.SIGINT) == before


def test_two_writers_and_one_store(small, tmp_path):
    """Two at once on one folder: nobody fails, everything is there once for a third."""
    done = []

    def go(values):
        done.append(plan(NUMBERS, values, seeds=2, store=tmp_path)())

    team = [threading.Thread(target=go, args=(v,)) for v in ((0.1, 0.2, 0.3), (0.3, 0.2, 0.7))]
    for t in team:
        t.start()
    for t in team:
        t.join()
    assert len(done) == 2
    third = plan(NUMBERS, (0.1, 0.2, 0.3, 0.7), seeds=2, store=tmp_path)()
    assert third[0]["restored_runs"] == 8
    assert len(third[1]) == 8
