"""Offloading tables: validation, files, slices, shifts, builders."""

from __future__ import annotations

import sys

import numpy as np
import pytest

from olearn import optima
from olearn.errors import NotSupportedError, OlearnError, TraceError
from olearn.traces.offloading import OffloadTable, read_table, shift
from olearn.traces.offloading.build import RECIPES, build, from_classifiers
from olearn.traces.offloading.mnist1d import mnist1d
from olearn.traces.offloading.weak_strong import weak_strong


def small(**more):
    return OffloadTable([0.9, 0.4, 0.6, 0.4], [1, 0, 1, 1], [1, 1, 0, 1], **more)


@pytest.mark.parametrize(
    ("columns", "sentence"),
    [
        (
            {"confidence": [0.5, 1.2], "local_correct": [1, 1]},
            "confidence must be a probability between 0 and 1, got 1.2 in row 2",
        ),
        ({"confidence": [0.5, float("nan")], "local_correct": [1, 1]}, "got nan in row 2"),
        ({"confidence": [0.5, -0.1], "local_correct": [1, 1]}, "got -0.1 in row 2"),
        ({"confidence": [0.5, 0.5], "local_correct": [1, 2]}, "local_correct must be 0 or 1, got 2. in row 2"),
        (
            {"confidence": [0.5], "local_correct": [1], "remote_correct": [0.5]},
            "remote_correct must be 0 or 1, got 0.5 in row 1",
        ),
        (
            {"confidence": [0.5, 0.1], "local_correct": [1, 1], "cost": [0.1, -1]},
            "cost must be at least 0, got -1. in row 2",
        ),
        (
            {"confidence": [0.5], "local_correct": [1], "cost": [float("inf")]},
            "cost must be a finite number, got inf in row 1",
        ),
        (
            {"confidence": [0.5, 0.1], "local_correct": [1]},
            "column 'local_correct' has shape (1,), but 'confidence' has 2 samples",
        ),
        ({"confidence": [], "local_correct": []}, "the table has no samples"),
        ({"local_correct": [1]}, "the table has no column 'confidence'"),
        ({"confidence": ["a"], "local_correct": [1]}, "column 'confidence' must hold numbers"),
        (
            {"confidence": [0.5, 0.5], "local_correct": [1, 1], "time": [2.0, 1.0]},
            "time must not go back, but does in row 2",
        ),
        (
            {"scores": [[0.5, 0.6]], "local_correct": [1]},
            "scores must be class probabilities that sum to 1, but row 1 does not",
        ),
        (
            {"confidence": [0.5], "local_correct": [1], "context": [0.5]},
            "context must be whole numbers from 0, or texts",
        ),
        (
            {"confidence": [0.5], "local_correct": [1], "label": [0.5]},
            "label must be a whole number from 0, got 0.5 in row 1",
        ),
    ],
)
def test_bad_values_are_one_sentence(columns, sentence):
    with pytest.raises(OlearnError) as caught:
        OffloadTable(**columns)
    text = str(caught.value)
    assert sentence in text
    assert "\n" not in text


def test_columns_derived():
    table = OffloadTable(local_correct=[1, 0], scores=[[0.2, 0.8], [0.6, 0.4]], context=["b", "a"])
    assert table["confidence"].tolist() == [0.8, 0.6]
    assert table["context"].tolist() == [1, 0]
    assert table.context_names == ("a", "b")
    assert table.contexts == 2
    with pytest.raises(ValueError, match="read-only"):
        table["confidence"][0] = 0.1


@pytest.mark.parametrize("ending", ["csv", "parquet", "npz"])
def test_files_give_back_the_same_table(tmp_path, ending):
    table = OffloadTable(
        local_correct=[1, 0, 1],
        remote_correct=[1, 1, 0],
        scores=[[0.25, 0.75], [0.6, 0.4], [0.1, 0.9]],
        cost=[0.1, 0.2, 0.3],
        time=[0.0, 1.5, 1.5],
        context=["x", "y", "x"],
        tokens=[10, 20, 30],
        energy=[1.0, 2.0, 3.0],
        name="t",
        provenance={"source": "here"},
    )
    back = read_table(table.save(tmp_path / f"t.{ending}"))
    assert back == table
    assert back.digest() == table.digest()
    assert back.context_names == ("x", "y")
    assert back.name == "t"
    if ending != "csv":
        assert back.provenance == {"source": "here"}


def test_files_that_are_not_tables(tmp_path):
    for name, data, sentence in [
        ("a.csv", b"x,y\n1,2\n", "a.csv has the columns x, y, but a table needs"),
        ("b.csv", b"confidence,local_correct\n0.5,1\n,1\n", "column 'confidence' has no value in row 2"),
        ("c.csv", b"confidence,local_correct\n0.5,1\n1.5,1\n", "c.csv: confidence must be a probability"),
        ("d.npz", b"PK nonsense", "'d.npz' can't be read as npz"),
        ("e.parquet", b"nonsense", "e.parquet' can't be read as parquet"),
        ("f.txt", b"", "the ending must be"),
        ("g.csv", b"", "can't be read as csv"),
    ]:
        (tmp_path / name).write_bytes(data)
        with pytest.raises(TraceError) as caught:
            read_table(tmp_path / name)
        assert sentence.split("'")[-1] in str(caught.value)
        assert "\n" not in str(caught.value)
    with pytest.raises(TraceError, match="did you mean 'digits'"):
        read_table("digit")


def test_columns_under_other_names(tmp_path):
    path = tmp_path / "log.csv"
    path.write_text("id,p,ok,remote_correct\na,0.5,1,1\nb,0.25,0,1\n")
    with pytest.raises(TraceError, match=r"log.csv has the columns id, p, ok, remote_correct"):
        read_table(path)
    table = read_table(path, {"confidence": "p", "local_correct": "ok"})
    assert table["confidence"].tolist() == [0.5, 0.25]
    assert list(table.columns) == ["remote_correct", "confidence", "local_correct"]
    with pytest.raises(TraceError, match=r"has no column 'oky' .did you mean 'ok'"):
        read_table(path, {"confidence": "p", "local_correct": "oky"})
    path.write_text("confidence,local_correct,local_corect\n0.5,1,1\n")
    with pytest.raises(OlearnError, match=r"unknown column 'local_corect' .did you mean 'local_correct'"):
        read_table(path)


def test_slices_and_digest():
    table = small(time=[0.0, 1.0, 2.0, 3.0])
    assert table[1:3]["confidence"].tolist() == [0.4, 0.6]
    assert table[1:3].levels.tolist() == [0.4, 0.6]
    assert table.digest() != table[[0, 2, 1, 3]].digest()
    assert table[[3, 0]]["time"].tolist() == [0.0, 3.0]  # places keep their times
    assert table.levels[table.cells].tolist() == table["confidence"].tolist()
    with pytest.raises(OlearnError, match="single position"):
        table[2]
    with pytest.raises(OlearnError, match="no column 'nonsense'"):
        table["nonsense"]


def test_resample_keeps_the_distribution():
    digits = read_table("digits")
    many = digits.resample(40_000, seed=1)
    assert many == digits.resample(40_000, seed=1)
    assert many != digits.resample(40_000, seed=2)
    # 5 standard errors: chance of a false alarm 6e-7
    assert abs(many.local_accuracy - digits.local_accuracy) < 5 * np.sqrt(0.18 / 40_000)


def test_drift_makes_samples_harder():
    digits = read_table("digits")
    x = shift.drift(digits, 8000, seed=1)
    assert x[-2000:].local_accuracy < x[:2000].local_accuracy - 0.1
    easier = shift.drift(digits, 8000, amount=-2, seed=1)
    assert easier[-2000:].local_accuracy > easier[:2000].local_accuracy + 0.05


def test_label_shift_moves_the_classes_only():
    digits = read_table("digits")
    x = shift.label_shift(digits, 20_000, shape="abrupt", seed=1)
    before = np.bincount(x["label"][:10_000], minlength=10) / 10_000
    after = np.bincount(x["label"][10_000:], minlength=10) / 10_000
    base = np.bincount(digits["label"], minlength=10) / len(digits)
    wanted = 0.5 ** np.arange(1, 11)
    # 5 standard errors each, 20 shares: false alarm below 2e-5
    assert np.abs(before - base).max() < 5 * np.sqrt(0.25 / 10_000)
    assert np.abs(after - wanted / wanted.sum()).max() < 5 * np.sqrt(0.25 / 10_000)
    with pytest.raises(NotSupportedError, match="label shift needs the column 'label'"):
        shift.label_shift(small(), 10)
    with pytest.raises(OlearnError, match="10 shares"):
        shift.label_shift(digits, 10, to=[1.0])


def test_calibration_shift_keeps_order_and_answers():
    digits = read_table("digits")
    same = digits.take(
        np.random.Generator(np.random.PCG64(np.random.SeedSequence(3))).integers(0, len(digits), 5000)
    )
    x = shift.calibration_shift(digits, 5000, temperature=0.25, shape="abrupt", seed=3)
    assert (x["local_correct"] == same["local_correct"]).all()
    late = slice(2500, None)
    order = np.argsort(same["confidence"][late], kind="stable")
    assert (np.diff(x["confidence"][late][order]) >= 0).all()
    assert x["confidence"][late].mean() > same["confidence"][late].mean() + 0.03
    np.testing.assert_allclose(x["confidence"][:2500], same["confidence"][:2500], atol=1e-12)


def test_strengths():
    for shape in shift.SHAPES:
        s = shift.strength(101, shape)
        assert s.min() >= 0.0
        assert s.max() == pytest.approx(1.0, abs=1e-3)
    with pytest.raises(OlearnError, match="unknown shape"):
        shift.strength(5, "lineal")


def test_weak_and_strong(tmp_path, shared):
    table = weak_strong(shared / "traces" / "routellm" / "gsm8k_correct.csv")
    # RouteLLM's GSM8K: 1,319 prompts, Mixtral .6384, GPT-4 .8567
    assert (len(table), round(table.local_accuracy, 4), round(table.remote_accuracy, 4)) == (
        1319,
        0.6384,
        0.8567,
    )
    file = tmp_path / "m.csv"
    file.write_text("prompt,a,b,d\nx,True,False,law\ny,False,True,maths\n")
    table = weak_strong(file, weak="a", strong="b", context="d")
    assert table["local_correct"].tolist() == [1, 0]
    assert table.context_names == ("law", "maths")
    with pytest.raises(TraceError, match="no column 'weak_correct' for the weak model"):
        weak_strong(file)
    with pytest.raises(TraceError, match="no file"):
        weak_strong(tmp_path / "none.csv")


# accuracy local and remote, mean cost of the best threshold at beta, from an independent prototype with the
# same folds. Trees break ties by scikit-learn's version: one standard error of a share of 1,797 is .010
REFERENCE = {
    "digits": (0.7657, 0.9900, 0.3, 0.1595, 0.011),
    "digits-logistic": (0.9043, 0.9900, 0.1, 0.0418, 0.002),
    "digits-bayes": (0.8509, 0.9900, 0.1, 0.0676, 0.002),
    "breast-cancer": (0.7065, 0.9772, 0.3, 0.2200, 0.002),
}


@pytest.mark.parametrize("recipe", REFERENCE)
def test_recipes_are_the_pairs_of_the_reference(recipe):
    pytest.importorskip("sklearn")
    local, remote, beta, best, within = REFERENCE[recipe]
    table = build(recipe)
    assert table.local_accuracy == pytest.approx(local, abs=within)
    assert table.remote_accuracy == pytest.approx(remote, abs=0.002)
    loss = 1.0 - table["local_correct"]
    got = optima.best_threshold(table["confidence"], loss, np.full(len(table), beta)).value / len(table)
    assert got == pytest.approx(best, abs=within)


def test_the_bundled_table_is_the_recipe():
    pytest.importorskip("sklearn")
    bundled, made = read_table("digits"), build("digits")
    assert len(bundled) == len(made)
    # scikit-learn's versions may break ties of the tree differently
    assert np.mean(bundled["local_correct"] == made["local_correct"]) > 0.97


def test_builders_of_small_tables():
    pytest.importorskip("sklearn")
    from sklearn.linear_model import LogisticRegression
    from sklearn.svm import SVC

    X, y = mnist1d(300, seed=2)
    assert X.shape == (300, 40)
    assert (mnist1d(300, seed=2)[0] == X).all()
    table = from_classifiers(
        LogisticRegression(max_iter=200), SVC(C=10.0), X, y, folds=3, cost=np.full(300, 0.2)
    )
    assert len(table) == 300
    assert table["cost"][0] == 0.2
    # far from chance (.1) and remote better than local: 300 samples, 5 standard errors are .14
    assert table.remote_accuracy > 0.3
    assert len(build("wine", samples=50)) == 50
    with pytest.raises(NotSupportedError, match="SVC has no predict_proba"):
        from_classifiers(SVC(), SVC(), X, y)
    with pytest.raises(OlearnError, match="did you mean 'digits'"):
        build("digit")
    assert set(RECIPES) > set(REFERENCE)


def test_without_scikit_learn(monkeypatch):
    monkeypatch.setitem(sys.modules, "sklearn", None)
    with pytest.raises(NotSupportedError, match="needs scikit-learn: pip install"):
        build("digits")
