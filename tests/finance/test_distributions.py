"""Models of tomorrow's return: agreement with scipy and arch, warm starts, units, and no look into the future."""

import numpy as np
import pytest
import torch
from scipy import optimize, stats
from tests.finance.markets import days, garch_returns

from likeliest.certify import certify_objective
from likeliest.finance.distributions import BASELINES, MODELS, at_hand, in_units
from likeliest.finance.fitting import fit_series, reached
from likeliest.finance.walk_forward import walk_forward
from likeliest.finance.walking import walk
from likeliest.inference import read
from likeliest.interfaces import VerdictKind
from likeliest.predictors import MLP, Columns
from likeliest.study.prices.single import inside

QUICK = [name for name in MODELS if name not in ("egarch", "skewed")]


@pytest.fixture(scope="module")
def own():
    return days(700, ranges=True)


def test_the_baselines_come_first():
    assert tuple(MODELS)[: len(BASELINES)] == BASELINES


def test_the_base_rate_is_scipys_student_t(own):
    r = own.returns
    fitted = MODELS["base_rate"].fit(own, slice(0, len(own)))
    value = float(fitted.forecast(own, slice(0, len(own))).log_score(r).sum())

    def loss(p):
        df = 2 + np.exp(p[2])
        return -stats.t.logpdf(r, df, p[0], np.exp(p[1]) * np.sqrt((df - 2) / df)).sum()

    best = optimize.minimize(loss, [r.mean(), np.log(r.std()), 1.0], method="Nelder-Mead", options={"maxiter": 4_000})
    assert value == pytest.approx(-best.fun, abs=1e-3)
    assert value >= -best.fun - 1e-6


def test_the_random_walk_has_no_drift(own):
    fitted = MODELS["random_walk"].fit(own, slice(0, 500))
    said = fitted.forecast(own, slice(500, 501))
    assert said.mean[0] == 0
    assert said.sigma[0] == pytest.approx(np.sqrt(np.mean(own.returns[:500] ** 2)))


def test_garch_is_archs(own):
    arch = pytest.importorskip("arch", reason="needs the peer: pip install arch==8.0.0")
    r = own.returns
    fitted = MODELS["garch"].fit(own, slice(0, len(own)))
    peer = arch.arch_model(100 * r, dist="t").fit(disp="off", options={"ftol": 1e-12})
    value = -float(fitted.objective(own, slice(0, len(own))).at(fitted.theta).value) * len(r)
    assert value >= peer.loglikelihood + len(r) * np.log(100) - 1e-4
    ahead = np.sqrt(peer.forecast(horizon=1).variance.to_numpy()[-1, 0]) / 100
    n = len(own)
    assert fitted.forecast(own, slice(n, n + 1)).sigma[0] == pytest.approx(ahead, rel=2e-3)


@pytest.mark.parametrize("name", MODELS)
def test_what_is_said_of_a_day_depends_on_days_before_it(own, name):
    fitted = MODELS[name].fit(own, slice(0, 500))
    first = fitted.forecast(own, slice(500, 600)).columns
    cut = own.until(550)
    assert np.array_equal(first[:50], fitted.forecast(cut, slice(500, 550)).columns)
    assert np.array_equal(first[50], fitted.forecast(cut, slice(550, 551)).columns[0])
    if (
        name != "egarch"
    ):  # on these days its filter cannot be inverted at the maximum, where the likelihood is all kinks
        assert reached(fitted.verdict)


@pytest.mark.parametrize("name", [name for name in QUICK if name != "net"])
def test_a_warm_start_ends_where_a_cold_one_does(own, name):
    model, later = MODELS[name], slice(0, 600)
    warm, cold = model.fit(own, later, model.fit(own, slice(0, 579))), model.fit(own, later)
    values = [float(one.objective(own, later).at(one.theta).value) for one in (warm, cold)]
    assert values[0] == pytest.approx(values[1], abs=1e-6)


def test_a_maximum_at_a_bound_is_named():
    r = np.random.default_rng(3).normal(0, 0.01, 400)
    fitted = MODELS["garch"].fit(days(400, returns=r), slice(0, 400))
    if fitted.verdict.kind is VerdictKind.BOUNDARY:
        held = fitted.verdict.evidence["at_bound"]
        assert all(name in fitted.verdict.message for name in held)
    own = days(900, returns=-np.abs(garch_returns(900, 5)) + 0.006)
    held = MODELS["gjr"].fit(own, slice(0, 900))
    names = held.predictor.natural(held.theta).at_bound
    assert (held.verdict.kind is VerdictKind.BOUNDARY) == bool(names)


def test_weights_are_carried_to_the_units_of_features_and_returns():
    rng = np.random.default_rng(0)
    x, centre, spread, unit = rng.normal(5, 3, (20, 4)), rng.normal(5, 1, 4), rng.uniform(1, 4, 4), 0.013
    nets = {name: MLP((4, 3, 1), activation="tanh") for name in ("mean", "log_scale", "log_df_above_two")}
    predictor = Columns(**nets)
    theta = torch.from_numpy(rng.normal(size=predictor.size))
    z = torch.from_numpy((x - centre) / spread)
    mean, log_scale, tail = (c.squeeze(-1) for c in predictor.forward(theta, z)[0])
    moved = predictor.forward(in_units(predictor, theta, centre, spread, unit), torch.from_numpy(x))[0]
    expected = (unit * mean, log_scale + np.log(unit), tail)
    for column, own in zip(moved, expected, strict=True):
        torch.testing.assert_close(column.squeeze(-1), own, rtol=1e-10, atol=1e-12)


def test_a_walk_is_its_folds_one_by_one(own):
    folds = list(walk_forward(700, first=500, every=80))
    walked = walk(MODELS["ewma"], own, folds)
    assert (len(walked.forecast), walked.refits, walked.failed) == (200, 3, 0)
    alone = MODELS["ewma"].fit(own, folds[0].learnt).forecast(own, folds[0].forecast)
    assert np.array_equal(walked.forecast.columns[:80], alone.columns)


def test_a_slow_model_learns_less_often(own):
    walked = walk(MODELS["net"], own, list(walk_forward(700, first=600, every=10)))
    assert (len(walked.forecast), walked.refits) == (100, 1)


def test_volatility_that_clusters_is_forecast_better_than_by_one_size():
    own = days(2_000, 7)
    folds = list(walk_forward(2_000, first=1_000, every=250))
    scores = {
        name: walk(MODELS[name], own, folds).forecast.log_score(own.returns[1_000:]).mean()
        for name in ("base_rate", "garch")
    }
    assert scores["garch"] > scores["base_rate"] + 0.02


def test_parameters_of_a_simulated_garch_are_found():
    own = days(6_000, 1)
    fitted = MODELS["garch"].fit(own, slice(0, 6_000))
    named = read(fitted.objective(own, slice(0, 6_000)), fitted.theta)
    at = dict(zip(named.names, named.values.tolist(), strict=True))
    assert at["alpha[1]"] == pytest.approx(0.08, abs=0.025)
    assert at["beta[1]"] == pytest.approx(0.9, abs=0.03)
    assert at["df"] == pytest.approx(6, abs=1.2)


def test_the_search_is_not_worse_than_the_first_start():
    own = days(300, 11)
    objective = MODELS["gjr"].fit(own, slice(0, 300)).objective(own, slice(0, 300))
    alone, searched = fit_series(objective, search=False), fit_series(objective)
    assert float(objective.at(searched.theta).value) <= float(objective.at(alone.theta).value) + 1e-12


def test_without_numba_there_is_no_egarch(monkeypatch):
    assert at_hand() == tuple(MODELS)
    monkeypatch.setattr("likeliest.finance.distributions.find_spec", lambda name: None)
    assert set(MODELS) - set(at_hand()) == {"egarch"}


@pytest.mark.parametrize(("seed", "name"), [(9, "garch"), (21, "garch"), (0, "ewma"), (3, "gjr")])
def test_gradients_are_certified_at_bounds_too(seed, name):
    own = days(600, seed)
    fitted = MODELS[name].fit(own, slice(0, 600))
    found = certify_objective(fitted.objective(own, slice(0, 600)), inside(fitted), seed=seed)
    assert found.passed, found.message
