"""Standard errors against statsmodels, and what cannot have any."""

import numpy as np
import pytest
import statsmodels.api as sm
import torch

import likeliest as lk
from likeliest.errors import NotOnOfferError, ShapeError, SpecificationError
from likeliest.inference import inference, row_scores

RNG = np.random.default_rng(0)
X = RNG.normal(size=(400, 2)) * [1.0, 30.0]
ETA = X @ [0.5, -0.02] + 0.3
TARGETS = {
    "bernoulli": RNG.binomial(1, 1 / (1 + np.exp(-ETA))).astype(float),
    "poisson": RNG.poisson(np.exp(ETA)).astype(float),
}
PEERS = {"bernoulli": sm.families.Binomial, "poisson": sm.families.Poisson}


@pytest.mark.parametrize("family", TARGETS)
def test_both_kinds_are_those_of_statsmodels(family):
    y, design = TARGETS[family], sm.add_constant(X, prepend=False)
    objective = lk.Objective(lk.family(family), lk.Linear(2), X, y)
    found = inference(objective, lk.fit(objective, "newton", standardise=True).theta)
    peer = sm.GLM(y, design, family=PEERS[family]()).fit(tol=1e-12)
    np.testing.assert_allclose([e.standard_error for e in found.estimates], peer.bse, rtol=1e-6)
    robust = sm.GLM(y, design, family=PEERS[family]()).fit(cov_type="HC0", tol=1e-12)
    np.testing.assert_allclose([e.robust_error for e in found.estimates], robust.bse, rtol=1e-6)
    np.testing.assert_allclose([e.p_value for e in found.estimates], robust.pvalues, rtol=1e-5)
    assert found.log_likelihood == pytest.approx(peer.llf, abs=1e-8)
    assert found.aic == pytest.approx(peer.aic, abs=1e-7)
    assert found.bic == pytest.approx(peer.bic_llf, abs=1e-7)


def test_differences_of_gradients_are_the_exact_hessian():
    y = TARGETS["poisson"]
    linear = lk.Objective(lk.family("poisson"), lk.Linear(2), X, y)
    theta = lk.fit(linear, "newton", standardise=True).theta
    net = lk.Objective(lk.family("poisson"), lk.MLP((2, 1)), X, y)
    same = lk.Objective(lk.family("poisson"), lk.Module(torch.nn.Linear(2, 1).double(), outputs=1), X, y)
    assert net.predictor.linear
    assert not same.predictor.linear
    exact, differenced = inference(linear, theta), inference(same, theta)
    np.testing.assert_allclose(differenced.covariance, exact.covariance, rtol=1e-6)


def test_constant_columns_are_read_as_what_they_mean():
    y = X[:, 0] + RNG.standard_t(5, size=400) * 0.5
    predictor = lk.Columns(mean=lk.Linear(2), log_scale=lk.Constant(), log_df=lk.Constant(start=1.5))
    objective = lk.Objective(lk.family("student_t"), predictor, X, y)
    fit = lk.fit(objective, "irls", standardise=True)
    found = inference(objective, fit.theta)
    assert [e.name for e in found.estimates][-2:] == ["scale", "df"]
    assert found["scale"].value == pytest.approx(float(fit.theta[-2].exp()))
    assert found["df"].value == pytest.approx(float(fit.theta[-1].exp()))
    assert found["df"].low < 5 < found["df"].high


def test_scores_add_up_to_the_gradient():
    weight = RNG.uniform(0.5, 2.0, size=400)
    objective = lk.Objective(lk.family("bernoulli"), lk.Linear(2), X, TARGETS["bernoulli"], weight)
    theta = torch.tensor([0.1, 0.01, -0.2], dtype=torch.float64)
    total = -row_scores(objective, theta).sum(0) / objective.total_weight
    torch.testing.assert_close(total, objective.at(theta).grad, rtol=1e-10, atol=1e-12)


def test_intervals_hold_the_truth_as_often_as_they_say():
    held, rng = 0, np.random.default_rng(5)
    for _ in range(300):
        x = rng.normal(size=(150, 1))
        y = rng.poisson(np.exp(0.4 * x[:, 0] + 0.2)).astype(float)
        objective = lk.Objective(lk.family("poisson"), lk.Linear(1), x, y)
        slope = inference(objective, lk.fit(objective, "newton").theta).estimates[0]
        held += slope.low <= 0.4 <= slope.high
    assert 270 <= held <= 295  # 95 % of 300 is 285, its standard deviation 3.8; the sandwich is a little short


@pytest.mark.parametrize(
    ("change", "error", "said"),
    [
        ({"theta": torch.zeros(2)}, ShapeError, "one run"),
        ({"level": 1.0}, SpecificationError, "level"),
        ({"l2": 1.0}, SpecificationError, "fit without l2"),
        ({"predictor": lk.MLP((2, 200, 1))}, NotOnOfferError, "500 parameters"),
    ],
)
def test_what_has_no_standard_errors_says_so(change, error, said):
    predictor = change.get("predictor", lk.Linear(2))
    objective = lk.Objective(lk.family("bernoulli"), predictor, X, TARGETS["bernoulli"], l2=change.get("l2", 0.0))
    with pytest.raises(error, match=said):
        inference(objective, change.get("theta", torch.zeros(predictor.size)), level=change.get("level", 0.95))
