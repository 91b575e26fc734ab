"""Optima on the edge of a link's domain, beside cell means, searches along the edge and scipy's constrained ones."""

import numpy as np
import pytest
import torch
from scipy.optimize import LinearConstraint, minimize, minimize_scalar

import likeliest as lk
from likeliest.edge import edge_verdict
from likeliest.glm import fit_linear

CELL = np.repeat([0, 1, 2], 20)
SHARES = np.array([0.35, 0.6, 1.0])
Y = (np.tile(np.arange(20), 3) < np.repeat(20 * SHARES, 20)).astype(float)
INDICATORS = np.column_stack((CELL == 1, CELL == 2)).astype(float)
LINKS = pytest.mark.parametrize("link", ["log", "identity"])


def p_of(eta, link):
    return np.exp(eta) if link == "log" else eta


def nll(eta, y, link):
    """Of etas that rounding may have led a little too far."""
    p = np.clip(p_of(eta, link), 1e-13, 1 - 1e-13)
    return -(y * np.log(p) + (1 - y) * np.log(1 - p)).sum()


def linear(x, found):
    return x @ found.weight[:, 0].numpy() + float(found.bias[0])


def bernoulli(x, y, link, **given):
    return fit_linear(lk.family("bernoulli", link), x, y, **given)


@LINKS
def test_a_cell_of_ones_has_its_share_and_so_have_the_others(link):
    found = bernoulli(INDICATORS, Y, link)
    assert found.verdict.kind == "boundary"
    assert found.verdict.evidence["rows"] == list(range(40, 60))
    assert found.verdict.evidence["edges"] == [0.0 if link == "log" else 1.0]
    assert "rows 40, 41, 42, 43, 44, 45 and 14 more" in found.verdict.message
    np.testing.assert_allclose(p_of(linear(INDICATORS, found), link), SHARES[CELL], atol=1e-7)


@LINKS
def test_trials_that_all_succeed(link):
    k, m = np.array([3.0, 4.0, 6.0]), np.array([8.0, 6.0, 6.0])
    found = fit_linear(lk.family("binomial", link), INDICATORS[::20], np.column_stack((k, m - k)))
    assert found.verdict.kind == "boundary"
    assert found.verdict.evidence["rows"] == [2]
    np.testing.assert_allclose(p_of(linear(INDICATORS[::20], found), link), k / m, atol=1e-7)


def test_both_ends_of_a_probability():
    y = np.where(CELL == 0, 0.0, Y)
    found = bernoulli(INDICATORS, y, "identity")
    assert found.verdict.evidence["edges"] == [0, 1]
    assert "η = 0 in rows 0, 1" in found.verdict.message
    assert "η = 1 in rows 40, 41" in found.verdict.message
    np.testing.assert_allclose(linear(INDICATORS, found), np.array([0.0, 0.6, 1.0])[CELL], atol=1e-7)


@LINKS
def test_a_slope_that_the_edge_holds_is_the_best_along_it(link):
    found = bernoulli(CELL[:, None], Y, link)
    edge = 0.0 if link == "log" else 1.0
    best = minimize_scalar(
        lambda b: nll(edge + (CELL - 2) * b, Y, link),
        bounds=(0.01, 3.0 if link == "log" else 0.49),
        method="bounded",
        options={"xatol": 1e-10},
    )
    assert found.verdict.kind == "boundary"
    assert float(found.weight[0, 0]) == pytest.approx(best.x, abs=1e-6)
    assert nll(linear(CELL[:, None], found), Y, link) <= best.fun + 1e-6


@LINKS
@pytest.mark.parametrize("l2", [0.0, 2.0], ids=["free", "penalised"])
def test_several_columns_beside_scipy(link, l2):
    rng = np.random.default_rng(3)
    x = rng.normal(size=(80, 2)) * [1.0, 5.0]
    y = (rng.random(80) < np.clip(0.55 + 0.35 * x[:, 0], 0, 1)).astype(float)
    design = np.column_stack((x, np.ones(80)))
    low, high = lk.family("bernoulli", link).domain
    found = bernoulli(x, y, link, l2=l2)

    def objective(theta):
        return nll(design @ theta, y, link) + 0.5 * l2 * (theta[:2] ** 2).sum()

    def gradient(theta):
        eta = np.clip(design @ theta, low + 1e-13, high - 1e-13)
        slope = np.where(y == 1, 1.0, -np.exp(eta) / -np.expm1(eta)) if link == "log" else y / eta - (1 - y) / (1 - eta)
        return -design.T @ slope + l2 * theta * [1, 1, 0]

    start = [0.0, 0.0, -0.7 if link == "log" else 0.5]
    within = LinearConstraint(design, low, high)
    theirs = minimize(objective, start, jac=gradient, constraints=within, method="SLSQP", tol=1e-14)
    ours = found.theta.numpy()
    assert found.verdict.kind == "boundary"
    assert objective(ours) <= theirs.fun + 1e-6
    np.testing.assert_allclose(ours, theirs.x, atol=1e-6)
    ways = np.minimum(design @ ours - low, high - design @ ours)
    assert found.verdict.evidence["rows"] == np.flatnonzero(ways < 1e-6).tolist()


def test_one_outcome_alone():
    assert bernoulli(INDICATORS, np.ones(60), "log").verdict.evidence["edges"] == [0]
    assert bernoulli(INDICATORS, np.ones(60), "identity").verdict.evidence["edges"] == [1]
    assert bernoulli(INDICATORS, np.zeros(60), "identity").verdict.evidence["edges"] == [0]
    assert bernoulli(INDICATORS, np.zeros(60), "log").verdict.evidence["null_eta"] == [-np.inf]


@LINKS
def test_an_optimum_inside_is_none_on_the_edge_however_near(link):
    y = np.concatenate((np.ones(2999), [0], np.tile([0.0, 1.0], 50)))
    group = np.repeat([1.0, 0.0], [3000, 100])[:, None]
    found = bernoulli(group, y, link)
    assert found.verdict.good
    assert p_of(linear(group, found)[0], link) == pytest.approx(2999 / 3000, rel=1e-9)


@LINKS
def test_a_point_on_the_edge_that_is_no_optimum_is_not_taken_for_one(link):
    objective = lk.Objective(lk.family("bernoulli", link), lk.Linear(1), CELL[:, None] / 1.0, Y)
    edge = 0.0 if link == "log" else 1.0
    best = bernoulli(CELL[:, None], Y, link).theta
    assert edge_verdict(objective, best) is not None
    for slope in (float(best[0]) - 0.1, float(best[0]) + 0.1):
        assert edge_verdict(objective, torch.tensor([slope, edge - 2 * slope]).double()) is None


def test_rows_without_weight_hold_nothing():
    y, weight = np.append(Y, 1.0), np.append(np.ones(60), 0.0)
    found = bernoulli(np.vstack((INDICATORS, INDICATORS[-1:])), y, "identity", weight=weight)
    assert found.verdict.evidence["rows"] == list(range(40, 60))


def test_an_estimator_warns_by_name():
    with pytest.warns(lk.errors.BoundaryWarning, match="the identity link of bernoulli allows: η = 1 in rows 40"):
        lk.GLMRegressor("bernoulli", "identity").fit(INDICATORS, Y)


def test_links_without_an_edge_are_not_asked():
    objective = lk.Objective(lk.family("bernoulli"), lk.Linear(1), CELL[:, None] / 1.0, Y)
    assert edge_verdict(objective, torch.zeros(2).double()) is None
