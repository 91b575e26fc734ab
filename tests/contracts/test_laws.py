"""Families as distributions: scipy.stats judges mean, spread, quantiles and samples; fits recover what drew them."""

import numpy as np
import pytest
import torch
from scipy import stats

import likeliest as lk
from likeliest.errors import NotOnOfferError
from likeliest.families.ctc import frames_needed, lengths_of
from likeliest.families.location_scale import LocationScale

from .laws import F64, MEAN, PROBABILITY, Case, all_cases

RUNS, ROWS, MANY = 3, 7, 10_000
CASES = all_cases()
EVERY = pytest.mark.parametrize("case", CASES, ids=str)
NUMBERS = [case for case in CASES if case.name not in ("bernoulli", "binomial", "categorical", "ctc")]
OF_NUMBERS = pytest.mark.parametrize("case", NUMBERS, ids=str)


def close(actual, expected, rtol=1e-12, atol=1e-13):
    torch.testing.assert_close(actual, torch.as_tensor(expected, dtype=actual.dtype), rtol=rtol, atol=atol)


@EVERY
def test_mean_is_scipys(case):
    flat = case.flat(0, RUNS, ROWS)
    close(case.family.mean(case.eta(flat)), case.one(flat).mean())


@OF_NUMBERS
def test_deviation_cdf_and_quantile_are_scipys(case):
    flat = case.flat(12, RUNS, ROWS)
    eta, law, y = case.eta(flat), case.law(flat.numpy()), case.y(np.random.default_rng(12), ROWS)
    close(case.family.deviation(eta), law.std())
    close(case.family.cdf(eta, y), law.cdf(case.variable(y)), rtol=1e-11)
    for level in (0.01, 0.3, 0.5, 0.95):
        close(case.family.quantile(eta, torch.tensor(level, dtype=F64)), law.ppf(level), rtol=1e-11)


@OF_NUMBERS
def test_quantile_and_cdf_undo_each_other(case):
    flat, level = case.flat(13, ROWS), torch.linspace(0.02, 0.98, ROWS, dtype=F64)
    eta, family = case.eta(flat), case.family
    y = family.quantile(eta, level)
    if family.discrete:
        assert bool((family.cdf(eta, y) >= level).all())
        below = family.cdf(eta, y - 1)
        assert bool((below < level).all())
    else:
        close(family.cdf(eta, y), level, rtol=1e-11)


@pytest.mark.parametrize("case", [case for case in CASES if case not in NUMBERS], ids=str)
def test_classes_and_unknown_numbers_of_trials_have_no_quantiles(case):
    why = {"binomial": "η says nothing of how many trials", "ctc": "its y are texts; read the prob"}
    why = why.get(case.name, "its y are classes; read the prob")
    eta, y = case.eta(case.flat(0, 2)), torch.zeros(2)
    for ask in (case.family.deviation, lambda e: case.family.cdf(e, y), lambda e: case.family.quantile(e, y)):
        with pytest.raises(
            NotOnOfferError, match=f"has no (standard deviation|distribution function|quantiles): {why}"
        ):
            ask(eta)


@EVERY
def test_samples_repeat_and_follow_scipys_law(case):
    """P(Y < y) plus a random share of P(Y = y) is uniform if and only if Y has the law."""
    flat = case.flat(8, MANY)
    eta, rng = case.eta(flat), np.random.default_rng(9)
    y = case.family.sample(eta, np.random.default_rng(8))
    assert torch.equal(y, case.family.sample(eta, np.random.default_rng(8)))
    case.family.check_support(y, case.columns)
    law, drawn = case.one(flat), case.variable(y)
    upper = law.cdf(drawn)
    lower = law.cdf(drawn - 1) if case.family.discrete else upper
    assert stats.kstest(lower + rng.uniform(size=MANY) * (upper - lower), "uniform").pvalue > 1e-3


# --- deviance ---------------------------------------------------------------------------------------------------------


@EVERY
def test_deviance_is_twice_the_gap_to_the_saturated_model(case):
    flat, y = case.flat(14, ROWS), saturable(case, case.y(np.random.default_rng(14), ROWS))
    eta = case.eta(flat)
    try:
        deviance = case.family.deviance(eta, y)
    except NotOnOfferError:
        assert isinstance(case.family, LocationScale)
        return
    perfect = case.eta(saturated(case, flat, y))
    gap = 2 * (case.family.log_prob(perfect, y) - case.family.log_prob(eta, y))
    close(deviance, gap * (flat[:, 1].exp() if case.name == "gamma" else 1.0), rtol=1e-11, atol=1e-11)
    assert bool((deviance >= 0).all())
    close(case.family.deviance(perfect, y), torch.zeros(ROWS, dtype=F64), atol=1e-11)


def saturable(case: Case, y: torch.Tensor) -> torch.Tensor:
    """Y whose saturated η is finite: shares and counts off the ends; or a text that is itself a path."""
    if case.name == "bernoulli":
        return torch.linspace(0.1, 0.9, ROWS, dtype=F64)
    if case.name == "ctc":
        return y * (frames_needed(y) == lengths_of(y))[:, None]
    return y.clamp(min=1) if case.family.discrete and case.family.columns is not None else y


def saturated(case: Case, flat: torch.Tensor, y: torch.Tensor) -> torch.Tensor:
    """η whose mean is y, by bisection of scipy's inverse link; columns after the first stay."""
    if case.family.columns is None:
        certain = torch.where(torch.arange(case.columns) == y[..., None], 0.0, -torch.inf).double()
        return case.flatten(certain)
    share = y[:, 0] / y.sum(-1) if case.name == "binomial" else y.double()
    inverse = (PROBABILITY if case.name in ("bernoulli", "binomial") else MEAN)[case.family.link]
    closed = {"log": np.log, "identity": lambda m: m, "inverse": lambda m: 1 / m}.get(case.family.link)
    first = closed(share.numpy()) if closed else bisected(inverse, share.numpy())
    return torch.cat((torch.from_numpy(first)[:, None], flat[:, 1:]), -1)


def bisected(rising, target):
    low, high = np.full_like(target, -30.0), np.full_like(target, 30.0)
    for _ in range(200):
        middle = (low + high) / 2
        low, high = np.where(rising(middle) < target, middle, low), np.where(rising(middle) < target, high, middle)
    return middle


# --- fits -------------------------------------------------------------------------------------------------------------

COEFFICIENTS = {"log": (0.3, -0.2, -0.9), "identity": (0.15, -0.1, 0.5), "inverse": (0.15, -0.1, 0.6)}
"""Slopes and intercept of η's first column for links with a domain; all rows have |x| ≤ 1."""
OTHERS = {"log_scale": 0.4, "log_df": 1.2, "log_df_above_two": 1.2, "skew": -0.4, "log_dispersion": -0.5}


@pytest.mark.parametrize("case", [case for case in CASES if not case.event], ids=str)
@pytest.mark.parametrize("rest", ["constant", "fixed", "linear"])
def test_a_fit_recovers_what_drew_the_sample(case, rest):
    """All parameters lie within 4 standard errors; a scale, shape or tail estimated, known, or with its own slopes."""
    columns = case.family.columns
    several = columns is not None and len(columns) > 1
    if not several and rest != "constant":
        pytest.skip("there is one column")
    x = torch.from_numpy(np.random.default_rng(15).uniform(-1, 1, (MANY, 2)))
    predictor, truth = planned(case, rest)
    eta, _ = predictor.forward(truth, x)
    eta = tuple(c.expand(MANY) for c in eta) if isinstance(eta, tuple) else eta
    y = case.family.sample(eta, np.random.default_rng(16))
    objective = lk.Objective(case.family, predictor, x, y)
    found = lk.fit(
        objective, "newton" if case.family.smooth else "lbfgs", theta=start(case, predictor, y), tolerance=1e-7
    )
    assert found.verdict.kind == "converged" or not case.family.smooth, found.verdict
    off = found.theta - truth
    if case.family.gauge is not None:
        off = off.view(3, -1) - off.view(3, -1).mean(-1, keepdim=True)
    spread = standard_errors(objective, found.theta)
    assert bool((off.flatten().abs() <= 4 * spread).all()), (off, spread)


def planned(case: Case, rest: str) -> tuple[lk.Linear | lk.Columns, torch.Tensor]:
    """The predictor, and the θ that the sample is drawn at."""
    columns, link = case.family.columns, case.family.link
    if columns is None:
        return lk.Linear(2, case.outputs), torch.from_numpy(np.random.default_rng(17).normal(size=3 * case.outputs))
    has_domain = case.name in ("bernoulli", "binomial") and link in ("log", "identity")
    has_domain |= case.name == "gamma" and link != "log"
    first = COEFFICIENTS[link] if has_domain else (0.8, -0.5, 0.3)
    if len(columns) == 1:
        return lk.Linear(2), torch.tensor(first).double()
    constants = [OTHERS[name] for name in columns[1:]]
    theta = [*first]
    if rest == "fixed":
        others = {name: lk.Fixed(value) for name, value in zip(columns[1:], constants, strict=True)}
    elif rest == "constant":
        others, theta = {name: lk.Constant() for name in columns[1:]}, theta + constants
    else:
        others = {name: lk.Linear(2) for name in columns[1:]}
        theta += [number for value in constants for number in (0.3, -0.2, value)]
    return lk.Columns(**{columns[0]: lk.Linear(2)}, **others), torch.tensor(theta).double()


def start(case: Case, predictor: lk.Linear | lk.Columns, y: torch.Tensor) -> torch.Tensor:
    """The best η without inputs, which lies in the domain."""
    theta, null = torch.zeros(predictor.size, dtype=F64), case.family.null_eta(y, None, case.outputs)
    if case.family.columns is None or len(case.family.columns) == 1:
        theta[predictor.parts["bias"].slice] = null
        return theta
    for name, value in zip(case.family.columns, null, strict=True):
        for part in (f"{name}.bias", f"{name}.value"):
            if part in predictor.parts:
                theta[predictor.parts[part].slice] = value
    return theta


def standard_errors(objective: lk.Objective, theta: torch.Tensor) -> torch.Tensor:
    """From the observed information; from the expected one where the likelihood has kinks."""
    local = objective.at(theta)
    information = MANY * (local.hessian_matrix() if objective.family.smooth else local.fisher_matrix())
    return torch.linalg.pinv(information, hermitian=True).diagonal().sqrt()
