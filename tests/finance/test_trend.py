"""Models of the direction: labels, the purge, and agreement with scikit-learn's logistic regression."""

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression
from tests.finance.markets import days

from likeliest.finance.trend import BaseRate, Logistic, TrendNet, rises, standardised, trend_models, walk_trend
from likeliest.finance.walk_forward import walk_forward


@pytest.mark.parametrize(("horizon", "cost"), [(1, 0.0), (5, 0.0), (3, 0.01)])
def test_a_rise_is_a_return_over_the_horizon_above_the_cost(horizon, cost):
    own = days(60)
    found = rises(own, horizon, cost)
    for t in range(60):
        if t + horizon > 60:
            assert np.isnan(found[t])
        else:
            assert found[t] == (own.returns[t : t + horizon].sum() > cost)


def sample(n=400, k=5, seed=0):
    rng = np.random.default_rng(seed)
    x = rng.normal(3, 2, (n, k))
    return x, (rng.random(n) < 1 / (1 + np.exp(-(x[:, 0] - 3) / 2))).astype(float)


def test_the_logistic_regression_is_scikit_learns_in_units_of_its_own():
    x, y = sample()
    found = Logistic("logistic", "", l2=7.0).fit(x, y)
    z = standardised(x)[0]
    peer = LogisticRegression(C=1 / 7, tol=1e-10, max_iter=10_000).fit(z, y)
    np.testing.assert_allclose(found.log_odds(x), z @ peer.coef_[0] + peer.intercept_[0], atol=1e-6)


def test_the_base_rate_is_a_share_and_never_sure():
    x, y = sample()
    assert 1 / (1 + np.exp(-BaseRate("", "").fit(x, y).log_odds(x)[0])) == pytest.approx(y.mean())
    assert np.isfinite(BaseRate("", "").fit(x, np.ones(len(y))).log_odds(x)).all()


def test_the_net_learns_what_there_is_to_learn():
    x, y = sample(2_000)
    net, base = TrendNet("", "", l2=1.0).fit(x, y), BaseRate("", "").fit(x, y)
    told, plain = (float(np.mean(np.logaddexp(0, np.where(y > 0, -1, 1) * f.log_odds(x)))) for f in (net, base))
    assert told < plain - 0.05


def test_a_walk_learns_from_labels_that_are_known_by_then():
    own, horizon = days(500), 7
    labels, folds = rises(own, horizon), list(walk_forward(500, first=400, every=50, horizon=horizon))
    changed = labels.copy()
    changed[400 - horizon + 1 :] = 1 - changed[400 - horizon + 1 :]
    for model in trend_models(horizon).values():
        first, other = (walk_trend(model, own, given, folds[:1]).log_odds for given in (labels, changed))
        assert np.array_equal(first, other), model.name
        assert len(first) == 50


def test_days_whose_label_is_not_known_yet_are_not_judged():
    own = days(500)
    labels = rises(own, 5)
    walked = walk_trend(BaseRate("", ""), own, labels, list(walk_forward(500, first=450, horizon=5)))
    assert len(walked.log_odds) == 50
    assert walked.log_score(labels[450:]).shape == (46,)
    np.testing.assert_allclose(np.exp(walked.log_score(np.ones(50))), walked.probability)
