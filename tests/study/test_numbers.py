"""The numbers of a report, computed again from what it prints, or by scipy, statsmodels, scikit-learn and autograd."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from scipy import special, stats
from sklearn.linear_model import LogisticRegression, PoissonRegressor, Ridge
from sklearn.metrics import confusion_matrix
from statsmodels.stats.proportion import proportion_confint

from .conftest import Done

Array = NDArray[Any]
CLASSES, NUMBERS = ("breast_cancer", "wine", "flights"), ("diabetes", "counts", "wide")
StudyOf = Callable[[str], Done]


def updates(report: Any) -> dict[str, Any]:
    return {update["model"]: update for update in report["learning_rule"]["updates"]}


def mean_of(model: str, eta: Array) -> Array:
    """What the model's name says of its mean."""
    if model == "linear regression":
        return eta
    if model == "Poisson regression":
        return np.exp(eta)
    return special.expit(eta) if len(eta) == 1 else special.softmax(eta)


def nll_of(model: str, eta: Array, y: Array) -> float:
    if model == "linear regression":
        return float(-stats.norm.logpdf(y[0], eta[0]))
    if model == "Poisson regression":
        return float(-stats.poisson.logpmf(y[0], np.exp(eta[0])))
    if len(eta) == 1:
        return float(np.logaddexp(0, eta[0]) - y[0] * eta[0])
    return float(special.logsumexp(eta) - y @ eta)


def test_every_update_of_a_linear_model_can_be_checked_by_hand(done: Done) -> None:
    for name, update in updates(done.study.report).items():
        if name == "net":
            continue
        first, lr = update["outputs"][0], update["lr"]
        x, w, gradient, change = (
            np.array([row[key] for row in update["inputs"]]) for key in ("x", "weight", "gradient", "change")
        )
        eta, y, error, after = (
            np.array([out[key] for out in update["outputs"]]) for key in ("eta", "y", "error", "eta_after")
        )
        np.testing.assert_allclose(x @ w + update["eta_rest"], first["eta"], rtol=1e-12)
        np.testing.assert_allclose([out["mean"] for out in update["outputs"]], mean_of(name, eta), rtol=1e-12)
        np.testing.assert_allclose(error, y - mean_of(name, eta), atol=1e-14)
        np.testing.assert_allclose(gradient, -first["error"] * x, rtol=1e-10, atol=1e-15)
        np.testing.assert_allclose(change, -lr * gradient, rtol=1e-14)
        np.testing.assert_allclose(after, eta + lr * error * update["squared_norm"], rtol=1e-10, atol=1e-13)
        np.testing.assert_allclose([out["mean_after"] for out in update["outputs"]], mean_of(name, after), rtol=1e-12)
        np.testing.assert_allclose(update["nll_before"], nll_of(name, eta, y), rtol=1e-11)
        np.testing.assert_allclose(update["nll_after"], nll_of(name, after, y), rtol=1e-11)
        assert update["nll_after"] < update["nll_before"]
        assert lr * update["squared_norm"] <= 1 < 10 * lr * update["squared_norm"]


@pytest.mark.parametrize("kind", ["breast_cancer", "wine", "diabetes", "counts"])
def test_the_update_of_a_net_is_that_of_autograd(study_of: StudyOf, kind: str) -> None:
    done = study_of(kind)
    update, report = updates(done.study.report)["net"], done.study.report["learning_rule"]
    row = int(np.flatnonzero(done.ground.examples.kept == report["row"] - 1)[0])
    x, y = torch.tensor(done.ground.standard_x[row]), torch.tensor(done.ground.y[row])
    net = done.study.models["net"].model
    parts = [net.theta[p.slice].reshape(p.shape).clone() for p in list(net.predictor.parts.values())[:4]]
    if kind == "diabetes":  # shown for y standardised on the training rows
        train = done.ground.y[done.ground.split.train]
        y = (y - train.mean()) / train.std()
        parts[3] = (parts[3] - train.mean()) / train.std()
        parts[1] = parts[1] / train.std()
    for part in parts:
        part.requires_grad_()

    def eta() -> torch.Tensor:
        return torch.relu(x @ parts[0] + parts[2]) @ parts[1] + parts[3]

    def nll() -> torch.Tensor:
        if kind == "wine":
            return torch.nn.functional.cross_entropy(eta(), y)
        if kind == "breast_cancer":
            return torch.nn.functional.binary_cross_entropy_with_logits(eta()[0], y.double())
        if kind == "counts":
            return torch.nn.functional.poisson_nll_loss(eta()[0], y) + torch.lgamma(y + 1)
        return torch.nn.functional.gaussian_nll_loss(eta()[0], y, torch.tensor(1.0), full=True)

    assert nll().item() == pytest.approx(update["nll_before"], rel=1e-10)
    gradients = torch.autograd.grad(nll(), parts)
    norms = [part["gradient_norm"] for part in update["parts"]]
    np.testing.assert_allclose(norms, [float(g.norm()) for g in gradients], rtol=1e-9, atol=1e-14)
    with torch.no_grad():
        for part, gradient in zip(parts, gradients, strict=True):
            part -= update["lr"] * gradient
    after = sorted(out["eta_after"] for out in update["outputs"])
    np.testing.assert_allclose(after, sorted(eta().tolist()), rtol=1e-9)
    assert nll().item() == pytest.approx(update["nll_after"], rel=1e-10)


@pytest.mark.parametrize("kind", ["breast_cancer", "wine", "diabetes", "counts"])
def test_the_updates_start_at_weights_that_scikit_learn_finds_too(study_of: StudyOf, kind: str) -> None:
    done = study_of(kind)
    train, linear = done.ground.split.train, done.study.models["linear"]
    x, y, l2 = done.ground.standard_x[train], done.ground.y[train], max(linear.l2, 1.0)
    name, judge, shown = {
        "breast_cancer": ("logistic regression", LogisticRegression(C=1 / l2, tol=1e-12, max_iter=10_000), 0),
        "wine": ("logistic regression", LogisticRegression(C=1 / l2, tol=1e-12, max_iter=10_000), None),
        "diabetes": ("linear regression", Ridge(alpha=l2), 0),
        "counts": ("Poisson regression", PoissonRegressor(alpha=l2 / len(x), tol=1e-12, max_iter=10_000), 0),
    }[kind]
    judge.fit(x, (y - y.mean()) / y.std() if kind == "diabetes" else y)
    update = updates(done.study.report)[name]
    names = list(done.ground.standard_encoder.names)
    k = (
        [str(c) for c in done.ground.examples.target.classes or ()].index(update["outputs"][0]["name"])
        if shown is None
        else 0
    )
    coefficients = np.atleast_2d(judge.coef_)[k]
    for listed in update["inputs"][:-1]:
        assert listed["weight"] == pytest.approx(coefficients[names.index(listed["name"])], rel=1e-4, abs=1e-6)


def test_the_base_rate_by_hand(done: Done) -> None:
    base, (train, _, test) = done.study.report["application"]["base_rate"], done.ground.split
    y, y_test = done.ground.y[train], done.ground.y[test]
    if done.ground.examples.target.classes is not None:
        shares = np.bincount(y) / len(y)
        assert base["accuracy_test"] == (y_test == shares.argmax()).mean()
        log_prob = np.log(shares)[y_test]
    elif done.ground.family.name == "poisson":
        log_prob = stats.poisson.logpmf(y_test, y.mean())
    else:
        log_prob = stats.norm.logpdf(y_test, y.mean(), y.std())
    assert base["nll_test"] == pytest.approx(-log_prob.mean(), rel=1e-12)
    if "rmse_test" in base:
        assert base["rmse_test"] == pytest.approx(np.sqrt(np.mean((y_test - y.mean()) ** 2)), rel=1e-12)


def predicted(done: Done, name: str, rows: Array) -> Any:
    """What the model's own predict says of rows of the raw table."""
    frame = done.ground.examples.raw
    return done.study.models[name].model.predict(frame[done.ground.examples.kept[rows]])


@pytest.mark.parametrize("kind", CLASSES)
def test_classes_are_judged_by_what_predict_says(study_of: StudyOf, kind: str) -> None:
    done = study_of(kind)
    rows, report = done.ground.split.test, done.study.report
    y = done.ground.y[rows]
    for model in report["models"]:
        said = predicted(done, model["name"], rows)
        if (
            model["name"] != "linear_unpenalised"
        ):  # separated: its probabilities round to 0 and 1, its NLL is taken from η
            nll = -np.log(said.probabilities[np.arange(len(y)), y]).mean()
            assert model["nll_test"] == pytest.approx(nll, rel=1e-9)
        right = int((said.labels == done.ground.examples.target.decode(y)).sum())
        assert model["accuracy_test"] == right / len(y)
        assert model["accuracy_interval"] == pytest.approx(proportion_confint(right, len(y), method="wilson"), rel=1e-9)
    chosen = report["application"]
    said = predicted(done, chosen["model"], rows)
    counts = confusion_matrix(done.ground.examples.target.decode(y), said.labels, labels=list(said.classes))
    assert chosen["confusion"]["counts"] == counts.tolist()
    loudest = np.sort(-np.log(said.probabilities[np.arange(len(y)), y]))[::-1][:10]
    np.testing.assert_allclose([s["nll"] for s in chosen["surprises"]], loudest, rtol=1e-9)


@pytest.mark.parametrize("kind", NUMBERS)
def test_numbers_are_judged_by_what_predict_says(study_of: StudyOf, kind: str) -> None:
    done = study_of(kind)
    rows, report = done.ground.split.test, done.study.report
    y = done.ground.y[rows]
    for model in report["models"]:
        said = predicted(done, model["name"], rows)
        assert model["rmse_test"] == pytest.approx(np.sqrt(np.mean((y - said.labels) ** 2)), rel=1e-12)
        if model["verdict"]["kind"] == "boundary":
            assert model["nll_test"] is None
            assert (said.intervals["sigma"] == 0).all()
            continue
        if kind == "counts":
            law = stats.poisson(said.labels)
            log_prob = law.logpmf(y)
        else:
            law = stats.norm(said.labels, said.intervals["sigma"])
            log_prob = law.logpdf(y)
        assert model["nll_test"] == pytest.approx(-log_prob.mean(), rel=1e-10)
        np.testing.assert_allclose(said.intervals["sigma"], law.std(), rtol=1e-12)
        np.testing.assert_allclose(said.intervals["q05"], law.ppf(0.05), rtol=1e-9)
        np.testing.assert_allclose(said.intervals["q95"], law.ppf(0.95), rtol=1e-9)


def test_surprises_name_rows_of_the_file(done: Done) -> None:
    target, table = done.ground.examples.target, done.ground.examples
    for surprise in done.study.report["application"]["surprises"]:
        example = int(np.flatnonzero(table.kept == surprise["row"] - 1)[0])
        assert example in done.ground.split.test
        y = done.ground.y[example]
        assert surprise["observed"] == (f"{y:.6g}" if target.classes is None else str(target.classes[y]))
        assert len(surprise["cells"]) == min(3, len(done.ground.raw_encoder.kinds))


def test_the_recommended_model_is_the_simplest_within_one_standard_error_of_the_best(done: Done) -> None:
    models, chosen = done.study.models, done.study.recommended
    no_end = ("separated", "boundary", "diverged", "non_finite")
    eligible = [n for n in ("linear", "linear_unpenalised", "net") if models[n].verdict.kind not in no_end]
    best = min(eligible, key=lambda name: models[name].nll_judged)
    near = [n for n in eligible if n == best or standard_errors_between(done, best, n) <= 1]
    assert chosen == near[0]
    assert done.study.report["conclusion"]["model"] == chosen


def standard_errors_between(done: Done, better: str, worse: str) -> float:
    """By how many standard errors of the paired difference the validation NLL of one model is the smaller."""
    rows = [done.study.models[name].judged for name in (better, worse)]
    return float(stats.ttest_rel(*rows).statistic)
