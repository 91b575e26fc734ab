"""The scikit-learn contract, and each estimator against scikit-learn's own, scipy and numpy."""

import pickle
import warnings

import numpy as np
import pandas as pd
import polars as pl
import pytest
import torch
from scipy.optimize import minimize
from scipy.special import expit, log_expit
from sklearn.base import clone
from sklearn.datasets import load_breast_cancer, load_diabetes, load_digits, load_iris, load_wine
from sklearn.linear_model import LinearRegression, LogisticRegression, PoissonRegressor, Ridge
from sklearn.model_selection import cross_val_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.utils.class_weight import compute_class_weight, compute_sample_weight
from sklearn.utils.estimator_checks import parametrize_with_checks

import likeliest as lk
from likeliest.calibration.priors import correct_priors
from likeliest.errors import (
    AliasingWarning,
    BoundaryWarning,
    ConvergenceWarning,
    SeparationWarning,
    ShapeError,
    SpecificationError,
    SupportError,
    TargetError,
    UnknownNameError,
)
from likeliest.randomness import stream

FULL_BATCH = {"rule": "lbfgs", "validation_fraction": 0.0}
SMOOTH = {"hidden": (8,), "activation": "tanh", "l2": 1.0} | FULL_BATCH
LINEAR = [lk.LinearRegression(), lk.LogisticRegression(), lk.GLMRegressor()]
NETS = [net(**settings) for net in (lk.NetClassifier, lk.NetRegressor) for settings in ({}, SMOOTH)]


LEARNT = (
    "check_class_weight_classifiers",
    "check_classifiers_classes",
    "check_classifiers_train",
    "check_regressors_int",
    "check_regressors_train",
    "check_sample_weight_equivalence_on_dense_data",
)
"""The checks that judge what was learnt; all others ask how an estimator behaves, whatever it has learnt."""


def not_expected(estimator):
    """A weight of 2 is the row twice only where no mini-batch can hold the one copy without the other."""
    if getattr(estimator, "rule", "lbfgs") == "lbfgs":
        return {}
    return {"check_sample_weight_equivalence_on_dense_data": "mini-batches"}


@pytest.mark.filterwarnings("ignore::likeliest.errors.LikeliestWarning")
@parametrize_with_checks([*LINEAR, *NETS], expected_failed_checks=not_expected)
def test_scikit_learns_contract(estimator, check):
    """Nets learn as long as they do by default where that is judged, and five passes elsewhere."""
    if "budget" in estimator.get_params() and check.func.__name__ not in LEARNT:
        estimator = clone(estimator).set_params(budget=5)
    check(estimator)


@pytest.fixture(params=[*LINEAR, lk.NetClassifier(**SMOOTH), lk.NetRegressor(**SMOOTH)], ids=lambda e: type(e).__name__)
def estimator(request):
    return clone(request.param)


@pytest.fixture
def rng():
    return np.random.default_rng(7)


def overlapping_iris():
    x, y = load_iris(return_X_y=True)
    return x[y > 0], y[y > 0]


# Against the estimators that everybody knows.


@pytest.mark.parametrize("l2", [1e-3, 1.0, 100.0])
@pytest.mark.parametrize("intercept", [True, False])
def test_linear_regression_is_ridge(l2, intercept):
    x, y = load_diabetes(return_X_y=True)
    ours = lk.LinearRegression(l2=l2, fit_intercept=intercept).fit(x, y)
    ridge = Ridge(alpha=l2, fit_intercept=intercept).fit(x, y)
    np.testing.assert_allclose(ours.coef_, ridge.coef_, rtol=1e-8)
    assert ours.intercept_ == pytest.approx(ridge.intercept_, rel=1e-8, abs=1e-12)
    assert ours.scale_ == pytest.approx(np.sqrt(np.mean((y - ridge.predict(x)) ** 2)), rel=1e-8)


def test_linear_regression_is_least_squares(rng):
    x, y = load_diabetes(return_X_y=True)
    weight = rng.uniform(0.5, 2.0, len(y))
    ours, theirs = (e.fit(x, y, sample_weight=weight) for e in (lk.LinearRegression(), LinearRegression()))
    np.testing.assert_allclose(ours.coef_, theirs.coef_, rtol=1e-8)
    np.testing.assert_allclose(ours.predict(x), theirs.predict(x), rtol=1e-10)
    assert ours.score(x, y) == pytest.approx(theirs.score(x, y), rel=1e-12)


@pytest.mark.parametrize("load", [load_breast_cancer, load_iris, load_wine, load_digits])
def test_logistic_regression_is_scikit_learns(load):
    x, y = load(return_X_y=True)
    x = StandardScaler().fit_transform(x)
    ours = lk.LogisticRegression(l2=2.0).fit(x, y)
    theirs = LogisticRegression(C=0.5, solver="newton-cg", tol=1e-12, max_iter=1000).fit(x, y)
    assert ours.verdict_.kind == "converged"
    assert ours.coef_.shape == theirs.coef_.shape
    np.testing.assert_allclose(ours.coef_, theirs.coef_, atol=1e-6)
    np.testing.assert_allclose(
        ours.intercept_ - ours.intercept_.mean(), theirs.intercept_ - theirs.intercept_.mean(), atol=1e-5
    )
    np.testing.assert_allclose(ours.predict_proba(x), theirs.predict_proba(x), atol=1e-6)
    np.testing.assert_array_equal(ours.predict(x), theirs.predict(x))


def test_logistic_regression_is_scipys_optimum(rng):
    x, y = overlapping_iris()
    sign, weight = 2.0 * (y == 2) - 1, rng.uniform(0.5, 2.0, len(y))
    ours = lk.LogisticRegression(l2=0.3).fit(x, y, sample_weight=weight)

    def objective(theta):
        margin = sign * (x @ theta[1:] + theta[0])
        u = -weight * sign * expit(-margin)
        grad = np.concatenate(([u.sum()], x.T @ u + 0.3 * theta[1:]))
        return -(weight * log_expit(margin)).sum() + 0.15 * theta[1:] @ theta[1:], grad

    best = minimize(objective, np.zeros(5), jac=True, method="BFGS", options={"gtol": 1e-11}).x
    np.testing.assert_allclose(np.append(ours.intercept_, ours.coef_), best, atol=1e-8)


def test_multinomial_coefficients_sum_to_zero_over_classes():
    x, y = load_wine(return_X_y=True)
    for l2 in (0.0, 1.0):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", SeparationWarning)
            model = lk.LogisticRegression(l2=l2).fit(x, y)
        size = np.abs(model.coef_).max(0)
        np.testing.assert_allclose(model.coef_.sum(0) / size, 0, atol=1e-14)
        np.testing.assert_allclose(model.intercept_.sum() / np.abs(model.intercept_).max(), 0, atol=1e-14)


def test_glm_regressor_is_scikit_learns(rng):
    x = rng.normal(size=(200, 3))
    y = rng.poisson(np.exp(x @ [0.5, -0.3, 0.0] + 1))
    ours = lk.GLMRegressor(l2=200 * 0.1).fit(x, y)
    theirs = PoissonRegressor(alpha=0.1, solver="newton-cholesky", tol=1e-10).fit(x, y)
    np.testing.assert_allclose(ours.coef_, theirs.coef_, rtol=1e-8)
    np.testing.assert_allclose(ours.predict(x), theirs.predict(x), rtol=1e-8)
    normal = lk.GLMRegressor(lk.family("normal"), l2=3.0).fit(x, y)
    assert normal.scale_ == lk.LinearRegression(l2=3.0).fit(x, y).scale_
    with pytest.warns(BoundaryWarning):
        lk.GLMRegressor().fit(x, 0 * y)


# Ends that are not an optimum.


@pytest.mark.parametrize("load", [load_breast_cancer, load_wine, load_iris, load_digits])
def test_separable_data_give_finite_coefficients_and_a_warning_with_the_remedy(load):
    x, y = load(return_X_y=True)
    with pytest.warns(SeparationWarning, match="pass l2=1 or collect more rows") as caught:
        model = lk.LogisticRegression().fit(x, y)
    assert caught[0].filename == __file__
    assert model.verdict_.kind == "separated"
    assert model.verdict_.evidence["complete"] == (load is not load_iris)
    assert np.isfinite(model.coef_).all()
    assert np.isfinite(model.intercept_).all()
    if model.verdict_.evidence["complete"]:
        assert model.score(x, y) == 1
        assert -model.predict_log_proba(x)[np.arange(len(y)), y].mean() <= 1e-8
    assert lk.LogisticRegression(l2=1.0).fit(x, y).verdict_.kind == "converged"


def test_verdicts_name_the_columns_of_a_frame():
    frame = load_breast_cancer(as_frame=True)
    with pytest.warns(SeparationWarning, match="'mean radius'|'worst radius'|'radius error'|'mean area'|'worst area'"):
        lk.LogisticRegression().fit(frame.data, frame.target)
    wide = load_diabetes(as_frame=True).data.assign(twice=lambda x: 2 * x.bmi)
    with pytest.warns(AliasingWarning, match="'twice' can be computed from other columns"):
        model = lk.LinearRegression().fit(wide, load_diabetes().target)
    theirs = LinearRegression().fit(wide, load_diabetes().target)
    np.testing.assert_allclose(model.coef_, theirs.coef_, rtol=1e-8)


def test_as_many_columns_as_rows(rng):
    x, y = rng.normal(size=(8, 20)), rng.normal(size=8)
    with pytest.warns(BoundaryWarning):
        model = lk.LinearRegression().fit(x, y)
    assert model.scale_ == 0
    np.testing.assert_allclose(model.coef_, LinearRegression().fit(x, y).coef_, atol=1e-12)
    np.testing.assert_allclose(model.predict(x), y, atol=1e-12)


def test_a_net_whose_budget_is_too_small_says_so(rng):
    x = rng.normal(size=(60, 2))
    with pytest.warns(ConvergenceWarning, match="allow more passes"):
        model = lk.NetClassifier(budget=2).fit(x, x[:, 0] > 0)
    assert model.verdict_.kind == "budget"
    assert model.n_iter_ == 4


@pytest.mark.filterwarnings("error")
def test_good_ends_are_silent():
    x, y = overlapping_iris()
    assert lk.LogisticRegression().fit(x, y).verdict_.good
    assert lk.LinearRegression().fit(x, y).verdict_.good
    assert lk.NetClassifier().fit(x, y).verdict_.kind == "plateau"


# Input.


def test_frames_and_arrays_are_the_same(estimator):
    frame = load_iris(as_frame=True).data
    y = load_iris().target % 2 if "Logistic" in str(estimator) else load_iris().target
    estimator.set_params(l2=1.0)
    on_array = clone(estimator).fit(frame.to_numpy(copy=True), y).predict(frame.to_numpy(copy=True))
    for given, target in ((frame, pd.Series(y)), (pl.from_pandas(frame), pl.Series(y))):
        fitted = clone(estimator).fit(given, target)
        assert list(fitted.feature_names_in_) == list(frame.columns)
        np.testing.assert_array_equal(fitted.predict(given), on_array)


def test_rows_of_weight_zero_are_left_out(estimator, rng):
    x, y = load_iris(return_X_y=True)
    kept = rng.uniform(size=150) < 0.6
    estimator.set_params(l2=1.0)
    weighted = clone(estimator).fit(x, y, sample_weight=kept.astype(float))
    shortened = clone(estimator).fit(x[kept], y[kept], sample_weight=np.ones(kept.sum()))
    np.testing.assert_array_equal(weighted.predict(x), shortened.predict(x))


def test_fitted_estimators_are_pickled_and_cloned(estimator):
    x, y = load_iris(return_X_y=True)
    model = estimator.set_params(l2=1.0).fit(x, y)
    again = pickle.loads(pickle.dumps(model))
    np.testing.assert_array_equal(again.predict(x), model.predict(x))
    assert again.verdict_ == model.verdict_
    assert clone(model).get_params() == model.get_params()


def test_labels_of_any_kind(rng):
    x, y = overlapping_iris()
    names = np.array(["", "versicolor", "virginica"])[y]
    model = lk.LogisticRegression().fit(x, names)
    assert model.classes_.tolist() == ["versicolor", "virginica"]
    np.testing.assert_array_equal(model.predict(x), np.where(model.decision_function(x) > 0, "virginica", "versicolor"))
    assert model.score(x, names) == lk.LogisticRegression().fit(x, y == 2).score(x, y == 2)


def test_one_class_is_refused_with_its_name():
    for classifier in (lk.LogisticRegression(), lk.NetClassifier()):
        with pytest.raises(TargetError, match=r"at least two classes; found one class, .*'yes'.*, in all 3 rows"):
            classifier.fit([[0.0], [1.0], [2.0]], ["yes"] * 3)


@pytest.mark.parametrize(
    ("wrong", "error", "match"),
    [
        (lk.LogisticRegression(l2=-1.0), SpecificationError, "l2 must be at least 0, found -1.0"),
        (lk.GLMRegressor("categorical"), SpecificationError, "use LogisticRegression or NetClassifier"),
        (lk.GLMRegressor("poison"), UnknownNameError, "did you mean 'poisson'"),
        (lk.GLMRegressor(lk.family("poisson"), link="identity"), SpecificationError, "leave link out"),
        (lk.NetClassifier(validation_fraction=1.0), SpecificationError, "validation_fraction"),
        (lk.NetClassifier(precision="half"), SpecificationError, "float32, float64 or None, found 'half'"),
        (lk.NetClassifier(batch_size=0), SpecificationError, "batch_size must be at least 1"),
        (lk.NetClassifier(rule="adamm"), UnknownNameError, "did you mean adam"),
        (lk.NetClassifier(activation="step"), UnknownNameError, "relu"),
        (lk.NetRegressor(rule="lbfgs", lr=0.1), SpecificationError, "lbfgs has no learning rate"),
        (lk.NetRegressor("bernoulli"), SupportError, r"bernoulli needs y in \[0, 1\], found 2.0"),
    ],
    ids=lambda v: str(v)[:40],
)
def test_what_does_not_fit_is_refused(wrong, error, match):
    with pytest.raises(error, match=match):
        wrong.fit([[0.0], [1.0], [2.0]], [0, 1, 2])


# Probabilities.


def test_log_probabilities_are_exact_where_probabilities_are_not():
    x, y = [[-1.0], [1.0]], [0, 1]
    with pytest.warns(SeparationWarning):
        model = lk.LogisticRegression().fit(x, y)
    far = 2000 / model.coef_[0, 0]
    assert model.predict_proba([[far]]).tolist() == [[0.0, 1.0]]
    np.testing.assert_allclose(model.predict_log_proba([[far]])[0, 0], -2000, rtol=1e-6)
    near = 40 / model.coef_[0, 0]
    np.testing.assert_allclose(model.predict_log_proba([[near]])[0, 1], -np.exp(-40), rtol=1e-5)
    three = lk.LogisticRegression(l2=1e-4).fit([[-1.0], [0.0], [1.0]] * 9, [0, 1, 2] * 9)
    assert np.isfinite(three.predict_log_proba([[1e4]])).all()
    np.testing.assert_allclose(np.exp(three.predict_log_proba([[0.3]])).sum(), 1, rtol=1e-14)


def test_bernoulli_regression_gives_the_probability():
    x, y = overlapping_iris()
    mean = lk.GLMRegressor("bernoulli").fit(x, y - 1).predict(x)
    np.testing.assert_allclose(mean, lk.LogisticRegression().fit(x, y).predict_proba(x)[:, 1], rtol=1e-10)


# Nets.


def test_a_net_without_hidden_layers_is_logistic_regression():
    for x, y in (overlapping_iris(), load_iris(return_X_y=True)):
        net = lk.NetClassifier(hidden=(), l2=0.7, **FULL_BATCH).fit(x, y)
        linear = lk.LogisticRegression(l2=0.7).fit(x, y)
        assert net.verdict_.kind == "converged"
        np.testing.assert_allclose(net.coefs_[0].T, linear.coef_, atol=1e-7)
        np.testing.assert_allclose(net.decision_function(x), linear.decision_function(x), atol=1e-6)


def test_a_net_without_hidden_layers_is_ridge(rng):
    x, y = load_diabetes(return_X_y=True)
    weight = rng.uniform(0.5, 2.0, len(y))
    net = lk.NetRegressor(hidden=(), l2=0.3, **FULL_BATCH).fit(x, y, sample_weight=weight)
    ridge = Ridge(alpha=0.3).fit(x, y, sample_weight=weight)
    np.testing.assert_allclose(net.coefs_[0][:, 0], ridge.coef_, rtol=1e-6)
    assert net.scale_ == pytest.approx(np.sqrt(np.average((y - ridge.predict(x)) ** 2, weights=weight)), rel=1e-8)


def test_a_nets_penalty_is_in_the_users_units(rng):
    """Σ (y − f)²/2 + ½ l2 ‖W‖², written down here in numpy: from what was learnt scipy finds nothing lower."""
    x = rng.normal(size=(60, 2)) * [100.0, 0.1] + [1e3, 5.0]
    y = 50 * np.sin(x[:, 0] / 100) + rng.normal(size=60) + 300
    net = lk.NetRegressor(hidden=(4,), activation="tanh", l2=0.5, **FULL_BATCH).fit(x, y)
    parts = [*net.coefs_, *net.intercepts_]
    learnt = np.concatenate([p.ravel() for p in parts])
    cuts = np.cumsum([p.size for p in parts])[:-1]

    def objective(relative):
        flat = np.split(learnt * relative, cuts)
        w1, w2, b1, b2 = (part.reshape(like.shape) for part, like in zip(flat, parts, strict=True))
        residual = y - (np.tanh(x @ w1 + b1) @ w2 + b2)[:, 0]
        return 0.5 * residual @ residual + 0.25 * (np.sum(w1**2) + np.sum(w2**2))

    start = np.ones(len(learnt))
    assert minimize(objective, start, method="BFGS").fun >= (1 - 1e-6) * objective(start)
    assert minimize(objective, 1.001 * start, method="BFGS").fun < (1 - 1e-6) * objective(1.001 * start)


@pytest.mark.filterwarnings("ignore::likeliest.errors.ConvergenceWarning")
def test_a_net_learns_what_no_line_can():
    x = np.random.default_rng(0).uniform(-1, 1, (600, 2))
    y = (x[:, 0] * x[:, 1] > 0).astype(int)
    assert lk.NetClassifier(lr=0.01).fit(x, y).score(x, y) > 0.95
    assert lk.LogisticRegression().fit(x, y).score(x, y) < 0.7
    assert lk.NetRegressor(lr=0.01).fit(x, x[:, 0] ** 2).score(x, x[:, 0] ** 2) > 0.95


def test_the_same_number_gives_the_same_net_and_none_is_zero():
    x, y = overlapping_iris()
    fits = [lk.NetClassifier(random_state=seed, lr=0.01).fit(x, y).coefs_[0] for seed in (0, 0, None, 1)]
    np.testing.assert_array_equal(fits[0], fits[1])
    np.testing.assert_array_equal(fits[0], fits[2])
    assert not np.array_equal(fits[0], fits[3])


def test_a_rule_of_ones_own_and_its_learning_rate():
    x, y = overlapping_iris()
    by_name = lk.NetClassifier(rule="momentum", lr=0.01, hidden=(8,)).fit(x, y)
    by_value = lk.NetClassifier(rule=lk.rule("momentum", lr=0.01), hidden=(8,)).fit(x, y)
    np.testing.assert_array_equal(by_name.coefs_[1], by_value.coefs_[1])


def test_counts_by_a_net(rng):
    x = rng.uniform(-2, 2, (500, 1))
    mean = np.exp(1 + np.abs(x[:, 0]))
    net = lk.NetRegressor("poisson", hidden=(32,), lr=0.01).fit(x, rng.poisson(mean))
    assert not hasattr(net, "scale_")
    assert np.abs(np.log(net.predict(x) / mean)).mean() < 0.1


def test_in_a_pipeline_under_cross_validation():
    x, y = load_breast_cancer(return_X_y=True)
    scores = cross_val_score(
        make_pipeline(StandardScaler(), lk.LogisticRegression(l2=1.0)), x, y, scoring="neg_log_loss"
    )
    theirs = cross_val_score(
        make_pipeline(StandardScaler(), LogisticRegression(C=1.0, tol=1e-10)), x, y, scoring="neg_log_loss"
    )
    np.testing.assert_allclose(scores, theirs, rtol=1e-5)


# Nets: what people expect of training.

QUICK = {"hidden": (16,), "lr": 0.01, "budget": 8, "random_state": 2}


def rare_events(rng, n=4000):
    """Two classes of which one is rare, and the true log-odds."""
    x = rng.normal(size=(n, 2))
    eta = 1.5 * x[:, 0] - x[:, 1] - 3.5
    return x, (rng.uniform(size=n) < expit(eta)).astype(int), eta


def blobs(rng, n=300):
    y = rng.integers(0, 3, n)
    return rng.normal(size=(n, 2)) + 3 * np.eye(3)[y, :2], np.array(["a", "b", "c"])[y]


@pytest.fixture
def quiet():
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        yield


@pytest.mark.usefixtures("quiet")
@pytest.mark.parametrize("given", ["balanced", {1: 20.0}])
def test_class_weights_move_decisions_and_leave_probabilities_true(given, rng):
    x, y, eta = rare_events(rng)
    net = lk.NetClassifier(hidden=(), rule="lbfgs", validation_fraction=0.0, class_weight=given).fit(x, y)
    plain = lk.NetClassifier(hidden=(), rule="lbfgs", validation_fraction=0.0).fit(x, y)
    p = net.predict_proba(x)
    assert p[:, 1].mean() == pytest.approx(y.mean(), abs=0.01)
    assert np.abs(p[:, 1] - expit(eta)).mean() < 0.02
    np.testing.assert_allclose(p.sum(1), 1, rtol=1e-12)
    assert net.predict(x).mean() > 3 * plain.predict(x).mean()
    weighted = expit(net.decision_function(x))
    np.testing.assert_allclose(p, correct_priors(weighted, net.class_weight_), rtol=1e-10)


@pytest.mark.usefixtures("quiet")
def test_class_weights_are_sample_weights_of_scikit_learns_balance(rng):
    x, y, _ = rare_events(rng, 600)
    settings = {"hidden": (4,), "rule": "lbfgs", "activation": "tanh", "l2": 1.0, "validation_fraction": 0.0}
    balanced = lk.NetClassifier(class_weight="balanced", **settings).fit(x, y)
    np.testing.assert_allclose(
        balanced.class_weight_, compute_class_weight("balanced", classes=np.array([0, 1]), y=y), rtol=1e-12
    )
    by_rows = lk.NetClassifier(**settings).fit(x, y, sample_weight=compute_sample_weight("balanced", y))
    np.testing.assert_allclose(balanced.decision_function(x), by_rows.decision_function(x), rtol=1e-6, atol=1e-6)


@pytest.mark.usefixtures("quiet")
def test_three_classes_of_which_one_counts_more(rng):
    x, y = blobs(rng)
    net = lk.NetClassifier(class_weight={"b": 9.0}, **QUICK).fit(x, y)
    np.testing.assert_array_equal(net.class_weight_, [1, 9, 1])
    softmax = np.exp(net.decision_function(x) - net.decision_function(x).max(1, keepdims=True))
    np.testing.assert_allclose(
        net.predict_proba(x), correct_priors(softmax / softmax.sum(1, keepdims=True), [1, 9, 1]), rtol=1e-9
    )


@pytest.mark.parametrize(
    ("given", "match"),
    [("balance", "mapping"), ({"d": 1.0}, "none of the classes"), ({"a": 0.0}, "positive and finite")],
)
def test_class_weights_that_do_not_fit_are_named(given, match, rng):
    with pytest.raises(SpecificationError, match=match):
        lk.NetClassifier(class_weight=given).fit(*blobs(rng))


@pytest.mark.usefixtures("quiet")
def test_own_validation_rows_end_the_fit_at_their_best(rng):
    x, y = blobs(rng)
    held_x, held_y = blobs(rng, 150)
    net = lk.NetClassifier(hidden=(64,), lr=0.03, patience=3, budget=200).fit(x, y, validation=(held_x, held_y))
    assert net.verdict_.kind == "plateau"
    index = np.searchsorted(net.classes_, held_y)
    nll = -net.predict_log_proba(held_x)[np.arange(150), index].mean()
    assert nll == pytest.approx(net.trace_.column("validation").min(), rel=1e-4)
    number = lk.NetRegressor(**QUICK).fit(x, x[:, 0], validation=(held_x, held_x[:, 0], np.ones(150)))
    assert len(number.trace_.column("validation"))
    with pytest.raises(TargetError, match="none of the classes"):
        lk.NetClassifier(**QUICK).fit(x, y, validation=(held_x, np.where(held_y == "a", "d", held_y)))
    with pytest.raises(ValueError, match="is expecting 2 features"):
        lk.NetClassifier(**QUICK).fit(x, y, validation=(held_x[:, :1], held_y))


@pytest.mark.usefixtures("quiet")
def test_each_class_has_its_share_of_the_rows_held_out(rng):
    x = rng.normal(size=(200, 2))
    y = np.repeat([0, 1], [180, 20])
    net = lk.NetClassifier(**QUICK)
    rows = net._class_rows(x, y, None)
    learnt, held = net._split(rows, 0)
    assert held is not None
    assert np.bincount(held.y).tolist() == [18, 2]
    assert np.bincount(learnt.y).tolist() == [162, 18]


OPTIONS = [
    {"dropout": 0.3},
    {"batch_norm": True},
    {"weight_decay": 0.3},
    {"label_smoothing": 0.2},
    {"mixup": 0.5},
    {"clip_norm": 0.05},
    {"average": 0.95},
    {"schedule": "one_cycle"},
    {"compute": "bfloat16"},
]


@pytest.mark.usefixtures("quiet")
@pytest.mark.parametrize("option", OPTIONS, ids=lambda option: next(iter(option)))
def test_every_option_changes_the_fit_repeats_and_still_learns(option, rng):
    x, y = blobs(rng)
    plain, one, two = (lk.NetClassifier(**QUICK, **given).fit(x, y) for given in ({}, option, option))
    np.testing.assert_array_equal(one.coefs_[0], two.coefs_[0])
    assert not np.array_equal(one.coefs_[0], plain.coefs_[0])
    assert one.score(x, y) > 0.8
    assert [w.shape for w in one.coefs_] == [(2, 16), (16, 3)]
    if "label_smoothing" not in option:
        number = lk.NetRegressor(**QUICK, **option).fit(x, x[:, 0])
        assert number.score(x, x[:, 0]) > 0.5


@pytest.mark.usefixtures("quiet")
def test_coefs_of_a_batch_norm_net_are_the_whole_model(rng):
    x, y = blobs(rng)
    net = lk.NetClassifier(batch_norm=True, activation="tanh", **QUICK).fit(100 + 5 * x, y)
    eta = np.tanh((100 + 5 * x) @ net.coefs_[0] + net.intercepts_[0]) @ net.coefs_[1] + net.intercepts_[1]
    np.testing.assert_allclose(net.decision_function(100 + 5 * x), eta, rtol=1e-9, atol=1e-9)
    assert net.score(100 + 5 * x, y) > 0.8
    np.testing.assert_array_equal(pickle.loads(pickle.dumps(net)).predict_proba(x), net.predict_proba(x))


def test_partial_fit_makes_the_steps_of_one_optimiser(rng):
    """Full batches, so that torch.optim meets the same rows: its Adam, never restarted, on standardised columns."""
    x, y = rng.normal(5.0, 3.0, size=(40, 2)), rng.integers(0, 2, 40)
    net = lk.NetClassifier(hidden=(), lr=0.05, batch_size=40, precision="float64")
    z = torch.from_numpy((x - x.mean(0)) / x.std(0))
    layer = torch.nn.Linear(2, 1, dtype=torch.float64)
    optimiser = torch.optim.Adam(layer.parameters(), lr=0.05)
    for call in range(4):
        net.partial_fit(x, y, classes=[0, 1] if call == 0 else None)
        if call == 0:  # the first step from the net's own start is taken as given
            with torch.no_grad():
                start = lk.MLP((2, 1)).init([stream(0, "init")], torch.float64)[0]
                layer.weight.copy_(start[None, :2])
                layer.bias.copy_(start[2:])
        optimiser.zero_grad()
        loss = torch.nn.functional.binary_cross_entropy_with_logits(layer(z)[:, 0], torch.from_numpy(y).double())
        loss.backward()
        optimiser.step()
        with torch.no_grad():
            np.testing.assert_allclose(net.decision_function(x), layer(z)[:, 0].numpy(), rtol=1e-9, atol=1e-9)
    assert net.n_iter_ == 4


def test_partial_fit_learns_in_passes_on_frames_and_survives_a_pickle(rng):
    x, y = blobs(rng)
    x = pd.DataFrame(x, columns=["u", "v"])
    one, two = (lk.NetClassifier(hidden=(16,), lr=0.01, dropout=0.1) for _ in range(2))
    for _ in range(6):
        for rows in np.array_split(np.arange(300), 3):
            one.partial_fit(x.iloc[rows], y[rows], classes=["a", "b", "c"])
            two.partial_fit(x.iloc[rows], y[rows], classes=["c", "b", "a"])
        two = pickle.loads(pickle.dumps(two))
    assert one.score(x, y) > 0.85
    np.testing.assert_array_equal(one.coefs_[0], two.coefs_[0])
    with pytest.raises(ValueError, match="feature names should match"):
        one.partial_fit(x.rename(columns={"u": "w"}), y)


@pytest.mark.usefixtures("quiet")
def test_partial_fit_goes_on_from_a_fit_and_a_fit_starts_anew(rng):
    x, y = blobs(rng)
    net = lk.NetClassifier(**QUICK).fit(x, y)
    before = net.decision_function(x)
    net.partial_fit(x, y)
    assert 0 < np.abs(net.decision_function(x) - before).mean() < 0.3
    np.testing.assert_array_equal(net.fit(x, y).decision_function(x), before)


def test_partial_fit_of_numbers(rng):
    x = rng.normal(size=(200, 1))
    y = 1000 + 500 * np.abs(x[:, 0])
    net = lk.NetRegressor(hidden=(16,), lr=0.02)
    for _ in range(60):
        net.partial_fit(x, y)
    assert net.score(x, y) > 0.95
    assert net.scale_ == pytest.approx(np.sqrt(np.mean((y - net.predict(x)) ** 2)), rel=1e-6)


@pytest.mark.parametrize(
    ("settings", "options", "match"),
    [
        ({}, {}, "pass classes="),
        ({"class_weight": "balanced"}, {"classes": "abc"}, "all rows at once"),
        ({"average": 0.9}, {"classes": "abc"}, "average is for whole fits"),
        ({"schedule": "cosine"}, {"classes": "abc"}, "schedule is for whole fits"),
    ],
)
def test_what_partial_fit_cannot_do_is_named(settings, options, match, rng):
    classes = {name: list(value) for name, value in options.items()}
    with pytest.raises(SpecificationError, match=match):
        lk.NetClassifier(**settings).partial_fit(*blobs(rng), **classes)


def test_a_rule_for_all_rows_has_no_passes():
    assert not hasattr(lk.NetRegressor(rule="lbfgs"), "partial_fit")
    with pytest.raises(AttributeError, match="no attribute 'partial_fit'") as refused:
        lk.NetClassifier(rule="lbfgs").partial_fit([[0.0]], [0])
    assert "lbfgs takes all rows; try adam" in str(refused.value.__cause__)


def test_a_class_that_was_not_named_at_first_is_refused(rng):
    x, y = blobs(rng)
    with pytest.raises(TargetError, match="'c', which is none of the classes 'a', 'b'"):
        lk.NetClassifier().partial_fit(x, y, classes=["a", "b"])
    net = lk.NetClassifier().partial_fit(x, y, classes=["a", "b", "c"])
    with pytest.raises(SpecificationError, match="since the first call"):
        net.partial_fit(x, y, classes=["a", "b"])


@pytest.mark.usefixtures("quiet")
def test_a_warm_start_is_where_the_last_fit_ended(rng):
    x, y = blobs(rng)
    settings = QUICK | {"validation_fraction": 0.0, "warm_start": True, "batch_norm": True}
    net = lk.NetClassifier(**settings).fit(x, y)
    before = -net.predict_log_proba(x)[np.arange(300), np.searchsorted(net.classes_, y)].mean()
    net.fit(x, y)
    assert net.trace_.column("value")[0, 0] == pytest.approx(before, rel=1e-4)
    with pytest.raises(ShapeError, match="the earlier net has"):
        net.set_params(hidden=(4,)).fit(x, y)


@pytest.mark.usefixtures("quiet")
def test_callbacks_see_the_users_theta_and_stop_a_fit_without_a_warning(rng, capsys):
    x, y = rng.normal(50.0, 9.0, size=(200, 2)), rng.integers(0, 2, 200)
    seen = []

    def second(progress):
        eta, _ = lk.MLP((2, 16, 1)).forward(progress.theta, torch.from_numpy(x))
        nll = torch.nn.functional.binary_cross_entropy_with_logits(eta[:, 0], torch.from_numpy(y).double())
        seen.append((float(nll), float(progress.record.value[0])))
        return len(seen) == 2

    with warnings.catch_warnings():
        warnings.simplefilter("error")
        settings = QUICK | {"validation_fraction": 0.0, "callbacks": [second], "verbose": True}
        net = lk.NetClassifier(**settings).fit(x, y)
    assert net.verdict_.kind == "stopped"
    for ours, recorded in seen:
        assert ours == pytest.approx(recorded, rel=1e-4)
    assert len(capsys.readouterr().err.splitlines()) == 2


@pytest.mark.usefixtures("quiet")
def test_a_checkpoint_is_gone_on_from(rng, tmp_path):
    x, y = blobs(rng)
    path = tmp_path / "net.checkpoint"
    lk.NetClassifier(**QUICK | {"budget": 3}, checkpoint=path).fit(x, y)
    resumed = lk.NetClassifier(**QUICK, checkpoint=str(path)).fit(x, y)
    np.testing.assert_array_equal(resumed.coefs_[0], lk.NetClassifier(**QUICK).fit(x, y).coefs_[0])
