"""Risk over several days against closed forms, within Monte Carlo error."""

import math

import numpy as np
import pytest
import torch
from scipy.stats import norm
from tests.finance.markets import days

from likeliest.errors import NotOnOfferError, SpecificationError
from likeliest.families import family
from likeliest.finance.distributions import MODELS, Fitted, Volatility
from likeliest.finance.risk import paths, risk, simulates
from likeliest.interfaces import Verdict, VerdictKind
from likeliest.predictors import Columns, Constant, garch

GOOD = Verdict(VerdictKind.CONVERGED, "given")


def test_independent_normal_days_have_the_closed_form():
    own = days(300)
    mu, sigma = 0.002, 0.013
    predictor = Columns(mean=Constant(), log_scale=Constant())
    theta = torch.tensor([mu, math.log(sigma)], dtype=torch.float64)
    fitted = Fitted(MODELS["random_walk"], family("normal"), predictor, theta, 0, GOOD)
    for found in risk(fitted, own, horizons=(1, 5, 20), levels=(0.01, 0.05)):
        h, z = found.days, norm.ppf(found.level)
        var = -h * mu - z * math.sqrt(h) * sigma
        es = -h * mu + math.sqrt(h) * sigma * norm.pdf(z) / found.level
        assert found.var == pytest.approx(var, abs=4 * found.error or 1e-12)
        assert found.es == pytest.approx(es, abs=8 * found.error or 1e-12)


def test_garchs_variance_over_days_is_that_of_its_recursion():
    own = days(1_000)
    fitted = MODELS["garch"].fit(own, slice(0, len(own)))
    named = fitted.predictor.natural(fitted.theta)
    at = dict(zip(named.names, named.values.tolist(), strict=True))
    omega, alpha, beta = at["omega"], at["alpha[1]"], at["beta[1]"]
    n = len(own)
    h = float(fitted.forecast(own, slice(n, n + 1)).sigma[0]) ** 2
    expected = []
    for _ in range(20):
        expected.append(h)
        h = omega + (alpha + beta) * h
    drawn = paths(fitted, own, 20, draws=200_000)
    totals = drawn - drawn.mean(0)
    for horizon in (1, 5, 10, 20):
        sums = totals[:, :horizon].sum(1)
        error = np.square(sums).std() / math.sqrt(len(sums))
        assert np.square(sums).mean() == pytest.approx(sum(expected[:horizon]), abs=4 * error)


def test_a_day_is_in_closed_form_and_deeper_levels_are_deeper():
    own = days(600)
    fitted = MODELS["gjr"].fit(own, slice(0, len(own)))
    found = risk(fitted, own, horizons=(1, 10), draws=20_000)
    one = [row for row in found if row.days == 1]
    tomorrow = fitted.forecast(own, slice(600, 601))
    assert [row.var for row in one] == [float(tomorrow.value_at_risk(a)[0]) for a in (0.01, 0.025, 0.05)]
    assert all(row.error == 0 for row in one)
    for rows in (found[:3], found[3:]):
        assert rows[0].var > rows[1].var > rows[2].var
        assert all(row.es > row.var for row in rows)


def test_paths_repeat_with_their_seed():
    own = days(400)
    fitted = MODELS["ewma"].fit(own, slice(0, len(own)))
    first, again, other = (paths(fitted, own, 3, draws=50, seed=seed) for seed in (0, 0, 1))
    assert np.array_equal(first, again)
    assert not np.array_equal(first, other)


def test_a_model_of_one_day_says_so():
    own = days(400, ranges=True)
    fitted = MODELS["har"].fit(own, slice(0, len(own)))
    assert not simulates(fitted)
    assert risk(fitted, own, horizons=(1,))[0].var > 0
    with pytest.raises(NotOnOfferError, match="measure"):
        paths(fitted, own, 2)


def test_what_is_no_risk_is_refused():
    own = days(200)
    fitted = MODELS["random_walk"].fit(own, slice(0, len(own)))
    with pytest.raises(SpecificationError, match="one day or more"):
        paths(fitted, own, 0)
    with pytest.raises(SpecificationError, match=r"between 0 and 0\.5"):
        risk(fitted, own, levels=(0.7,))


def test_a_volatility_without_a_tail_is_simulated_too():
    own = days(400)
    plain = Volatility("plain", "GARCH, normal", "", "", "normal", garch)
    fitted = plain.fit(own, slice(0, len(own)))
    assert simulates(fitted)
    assert paths(fitted, own, 5, draws=10).shape == (10, 5)
