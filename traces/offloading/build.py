"""Real offloading tables from pairs of classifiers: every prediction out of fold.

The confidence of a classifier on the samples it was fitted on means nothing, so each sample is
predicted by models that have not seen its fold. Needs scikit-learn (``pip install 'olearn[offload]'``).

The recipes of :data:`RECIPES` are the pairs of small and large model that this project's numbers are
about; on scikit-learn 1.9 they give (accuracy local / remote, mean cost of the best threshold):

=================  =====================================  ==============  ===========
recipe             local model                            local / remote  best
=================  =====================================  ==============  ===========
digits             tree of depth 6 on 4x4 pooled images   .769 / .990     .164 (beta .3)
digits-logistic    logistic on 4x4 pooled images          .904 / .990     .042 (beta .1)
digits-bayes       Gaussian naive Bayes, over-confident   .851 / .990     .068 (beta .1)
breast-cancer      logistic on 2 features                 .706 / .977     .220 (beta .3)
wine               tree of depth 2 on 2 features
=================  =====================================  ==============  ===========
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from olearn.errors import NotSupportedError, TraceError, check_int, unknown
from olearn.traces.offloading._table import OffloadTable


def _sklearn() -> None:
    try:
        import sklearn  # noqa: F401
    except ImportError:
        raise NotSupportedError(
            "building a table from classifiers needs scikit-learn: pip install 'olearn[offload]'"
        ) from None


def from_classifiers(
    local: Any,
    remote: Any,
    X: Any,
    y: Any,
    *,
    X_local: Any = None,
    folds: int = 5,
    seed: int = 0,
    name: str = "",
    **columns: Any,
) -> OffloadTable:
    """A table from two classifiers, each sample predicted by models fitted without its fold.

    Parameters
    ----------
    local, remote : scikit-learn classifiers
        `local` must have ``predict_proba``; both are cloned, never fitted in place.
    X, y : array_like, shape (T, d) and (T,)
        Samples and their classes; `remote` sees X.
    X_local : array_like, shape (T, e), optional
        What the local model sees instead of X (fewer features, a smaller picture).
    folds : int
        Stratified, shuffled with `seed`.
    **columns
        Further columns of the table (cost, context, latency_local, ...).

    Returns
    -------
    OffloadTable
        With the columns confidence, local_correct, remote_correct, scores and label.
    """
    _sklearn()
    from sklearn.model_selection import StratifiedKFold, cross_val_predict

    check_int("folds", folds, minimum=2)
    if not hasattr(local, "predict_proba"):
        raise NotSupportedError(f"the local model {type(local).__name__} has no predict_proba")
    classes, codes = np.unique(np.asarray(y), return_inverse=True)
    fold = StratifiedKFold(folds, shuffle=True, random_state=seed)
    small = np.asarray(X if X_local is None else X_local)
    try:
        scores = cross_val_predict(local, small, codes, cv=fold, method="predict_proba")
        answers = cross_val_predict(remote, np.asarray(X), codes, cv=fold)
    except ValueError as error:
        raise TraceError(f"the classifiers can't be fitted: {str(error).splitlines()[0]}") from None
    scores = np.clip(scores, 0.0, 1.0)
    return OffloadTable(
        local_correct=scores.argmax(axis=1) == codes,
        remote_correct=answers == codes,
        scores=scores / scores.sum(axis=1, keepdims=True),
        label=codes,
        name=name,
        provenance={
            "local": _one_line(local),
            "remote": _one_line(remote),
            "method": f"out of fold, {folds} stratified folds, seed {seed}",
            "classes": ", ".join(str(c) for c in classes),
        },
        **columns,
    )


def _one_line(model: Any) -> str:
    return " ".join(repr(model).split())


def _pooled(images: np.ndarray) -> np.ndarray:
    """8x8 images to means over 2x2 squares: 16 features."""
    return np.asarray(images.reshape(-1, 4, 2, 4, 2).mean(axis=(2, 4)).reshape(-1, 16))


def digits(seed: int = 0, folds: int = 5) -> OffloadTable:
    """scikit-learn's digits: a tree of depth 6 on 4x4 pooled images against an SVC on all pixels."""
    _sklearn()
    from sklearn.datasets import load_digits
    from sklearn.svm import SVC
    from sklearn.tree import DecisionTreeClassifier

    X, y = load_digits(return_X_y=True)
    tree = DecisionTreeClassifier(max_depth=6, random_state=0)
    return from_classifiers(
        tree, SVC(gamma=0.001), X, y, X_local=_pooled(X), seed=seed, folds=folds, name="digits"
    )


def digits_logistic(seed: int = 0, folds: int = 5) -> OffloadTable:
    """scikit-learn's digits: logistic regression on standardised 4x4 pooled images against an SVC."""
    _sklearn()
    from sklearn.datasets import load_digits
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler
    from sklearn.svm import SVC

    X, y = load_digits(return_X_y=True)
    local = make_pipeline(StandardScaler(), LogisticRegression(max_iter=1000))
    return from_classifiers(
        local, SVC(gamma=0.001), X, y, X_local=_pooled(X), seed=seed, folds=folds, name="digits-logistic"
    )


def digits_bayes(seed: int = 0, folds: int = 5) -> OffloadTable:
    """scikit-learn's digits: Gaussian naive Bayes, which is sure of nearly everything, against an SVC."""
    _sklearn()
    from sklearn.datasets import load_digits
    from sklearn.naive_bayes import GaussianNB
    from sklearn.svm import SVC

    X, y = load_digits(return_X_y=True)
    return from_classifiers(GaussianNB(), SVC(gamma=0.001), X, y, seed=seed, folds=folds, name="digits-bayes")


def breast_cancer(seed: int = 0, folds: int = 5) -> OffloadTable:
    """scikit-learn's breast cancer: logistic on smoothness and fractal dimension against an SVC on all 30."""
    _sklearn()
    from sklearn.datasets import load_breast_cancer
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler
    from sklearn.svm import SVC

    X, y = load_breast_cancer(return_X_y=True)
    local = make_pipeline(StandardScaler(), LogisticRegression())
    remote = make_pipeline(StandardScaler(), SVC())
    return from_classifiers(
        local, remote, X, y, X_local=X[:, [4, 9]], seed=seed, folds=folds, name="breast-cancer"
    )


def wine(seed: int = 0, folds: int = 5) -> OffloadTable:
    """scikit-learn's wine: a tree of depth 2 on alcohol and malic acid against an SVC on all 13 features."""
    _sklearn()
    from sklearn.datasets import load_wine
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler
    from sklearn.svm import SVC
    from sklearn.tree import DecisionTreeClassifier

    X, y = load_wine(return_X_y=True)
    tree = DecisionTreeClassifier(max_depth=2, random_state=0)
    remote = make_pipeline(StandardScaler(), SVC())
    return from_classifiers(tree, remote, X, y, X_local=X[:, :2], seed=seed, folds=folds, name="wine")


def signals(samples: int = 2400, seed: int = 0, folds: int = 5) -> OffloadTable:
    """Procedural one-dimensional signals: a network of 64 hidden units against an SVC."""
    _sklearn()
    from sklearn.neural_network import MLPClassifier
    from sklearn.svm import SVC

    from olearn.traces.offloading.mnist1d import mnist1d

    X, y = mnist1d(samples, seed=seed)
    local = MLPClassifier((64,), max_iter=300, early_stopping=True, random_state=0)
    return from_classifiers(local, SVC(C=10.0), X, y, seed=seed, folds=folds, name="mnist1d")


#: Recipe -> builder.
RECIPES: dict[str, Callable[..., OffloadTable]] = {
    "digits": digits,
    "digits-logistic": digits_logistic,
    "digits-bayes": digits_bayes,
    "breast-cancer": breast_cancer,
    "wine": wine,
    "mnist1d": signals,
}


def build(recipe: str, *, samples: int | None = None, seed: int = 0, folds: int = 5) -> OffloadTable:
    """Build a recipe of :data:`RECIPES`, resampled to `samples` if given (mnist1d makes that many anew)."""
    if recipe not in RECIPES:
        raise unknown("recipe", recipe, RECIPES)
    if recipe == "mnist1d":
        return signals(samples if samples is not None else 2400, seed=seed, folds=folds)
    table = RECIPES[recipe](seed=seed, folds=folds)
    return table if samples is None else table.resample(samples, seed)
