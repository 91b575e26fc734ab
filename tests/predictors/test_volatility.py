"""Volatility models against the package arch, and what they promise of the future and of their bounds."""

import importlib
import warnings

import numpy as np
import pytest
import torch

import likeliest as lk
from likeliest.errors import NotOnOfferError, ShapeError, SpecificationError
from likeliest.inference import inference, read
from likeliest.predictors import from_json
from likeliest.predictors.volatility import LinearVariance, Term, presample_variance

WANTED = "the judge of volatility models: pip install arch==8.0.0"
MODELS = {"garch": ("GARCH", 0), "gjr": ("GARCH", 1), "egarch": ("EGARCH", 1)}
TAILS = {"normal": "normal", "t": "standardised_student_t"}
SERIES = ("sp500", "nasdaq", "vix", "wti", "simulated")


def returns_of(name):
    if name == "simulated":
        return simulated(2500)
    pytest.importorskip("arch", reason=WANTED)
    table = importlib.import_module(f"arch.data.{name}").load()
    prices = table["Adj Close" if "Adj Close" in table else table.columns[0]].dropna()
    return np.diff(np.log(prices[prices > 0].to_numpy(float)))


def simulated(n, omega=2e-6, alpha=0.08, beta=0.9, seed=0):
    rng, h, r = np.random.default_rng(seed), omega / (1 - alpha - beta), []
    for _ in range(n):
        r.append(3e-4 + np.sqrt(h) * rng.standard_t(7) * np.sqrt(5 / 7))
        h = omega + alpha * (r[-1] - 3e-4) ** 2 + beta * h
    return np.array(r)


def volatility(kind, r):
    vol, o = MODELS[kind]
    return lk.egarch(r, 1, o, 1) if vol == "EGARCH" else lk.garch(r, 1, o, 1)


def objective_of(kind, tail, r):
    predictor = volatility(kind, r)
    if tail == "t":
        predictor = lk.Columns(predictor, log_df_above_two=lk.Constant(start=1.8))
    return lk.Objective(lk.family(TAILS[tail]), predictor, r[:, None], r)


def in_percent(names, values, kind, power=1):
    """What the parameters of 100 times the returns are, as arch wants its numbers; with power −1 the other way."""
    scaled = dict(zip(names, values, strict=True))
    scaled["mean"] *= 100.0**power
    if kind == "egarch":
        scaled["omega"] += power * (1 - scaled["beta[1]"]) * np.log(1e4)
    else:
        scaled["omega"] *= 1e4**power
    return np.array(list(scaled.values()))


@pytest.mark.parametrize("tail", TAILS)
@pytest.mark.parametrize("kind", MODELS)
@pytest.mark.parametrize("name", SERIES)
def test_fits_are_those_of_arch_or_better(name, kind, tail):
    arch = pytest.importorskip("arch", reason=WANTED)
    r = returns_of(name)
    objective = objective_of(kind, tail, r)
    fit = lk.fit(objective, "levenberg_marquardt", budget=lk.Budget(steps=300))
    ours = -float(objective.at(fit.theta).value) * objective.n
    vol, o = MODELS[kind]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        model = arch.arch_model(100 * r, vol=vol, o=o, dist=tail)
        peer = model.fit(disp="off", tol=1e-10, options={"maxiter": 1000})
    theirs = peer.loglikelihood + len(r) * np.log(100)
    assert ours >= theirs - 1e-4
    natural = read(objective, fit.theta)
    assert as_arch_has_it(model, kind, natural, r) == pytest.approx(ours, abs=1e-4)
    if ours > theirs + 1e-4:
        return
    values = in_percent(natural.names, peer.params.to_numpy(), kind, power=-1)
    for name, value, other in zip(natural.names, natural.values.tolist(), values, strict=True):
        tolerance = {"abs": 1e-4} if name in natural.at_bound else {"rel": 1e-3, "abs": 1e-9}
        assert value == pytest.approx(other, **tolerance), name


def as_arch_has_it(model, kind, natural, r):
    """The log-likelihood of arch's recursion at our parameters, of returns in their own units."""
    values = in_percent(natural.names, natural.values.numpy(), kind)
    before = 1e4 * float(presample_variance(torch.from_numpy(r)))
    bounds = model.volatility.variance_bounds(model.resids(model.starting_values()))
    backcast = np.log(before) if kind == "egarch" else before
    clean = np.where(np.abs(values) < 1e-10, 0.0, values)
    return -model._loglikelihood(clean, np.zeros(len(r)), backcast, bounds) + len(r) * np.log(100)


@pytest.mark.parametrize("tail", TAILS)
@pytest.mark.parametrize(
    ("kind", "name"), [("garch", "sp500"), ("garch", "wti"), ("gjr", "nasdaq"), ("gjr", "simulated")]
)
def test_standard_errors_are_those_of_archs_likelihood(kind, name, tail):
    """Of its likelihood and not its own: where α is 0 its Hessian goes across the bound."""
    arch = pytest.importorskip("arch", reason=WANTED)
    from arch.univariate.base import approx_fprime, approx_hess

    r = returns_of(name)
    objective = objective_of(kind, tail, r)
    found = inference(objective, lk.fit(objective, "levenberg_marquardt").theta)
    model = arch.arch_model(100 * r, o=MODELS[kind][1], dist=tail)
    model.fit(disp="off")  # which sets it up
    residuals = model.resids(model.starting_values())
    kept = [k for k, e in enumerate(found.estimates) if not e.at_bound]
    value = in_percent([e.name for e in found.estimates], [e.value for e in found.estimates], kind)

    def likelihood(free, individual=False):
        parameters = np.where(np.isin(np.arange(len(value)), kept), value, 0.0)
        parameters[kept] = free
        bounds, backcast = model.volatility.variance_bounds(residuals), model.volatility.backcast(residuals)
        return model._loglikelihood(parameters, np.zeros(len(r)), backcast, bounds, individual)

    inverse = np.linalg.inv(approx_hess(value[kept], likelihood))
    plain = np.sqrt(np.diag(inverse))
    scores = approx_fprime(value[kept], likelihood, kwargs={"individual": True})
    robust = np.sqrt(np.diag(inverse @ (len(r) * np.cov(scores.T)) @ inverse))
    units = np.array([{"mean": 100.0, "omega": 1e4}.get(found.estimates[k].name, 1.0) for k in kept])
    np.testing.assert_allclose([found.estimates[k].standard_error for k in kept] * units, plain, rtol=0.01)
    np.testing.assert_allclose([found.estimates[k].robust_error for k in kept] * units, robust, rtol=0.01)


@pytest.mark.parametrize(
    "make",
    [lk.garch, lambda r: lk.garch(r, 2, 1, 2), lk.egarch, lk.har, lk.ewma, lambda r: lk.garch(r, 3, 0, 0)],
)
def test_what_is_said_of_a_day_never_changes_with_that_day_or_later_ones(make):
    r = simulated(600)
    predictor = make(r)
    theta = predictor.init([np.random.default_rng(0)], torch.float64)[0]
    said = predictor.forward(theta, torch.from_numpy(r)[:, None])[0]
    for day in (0, 1, 22, 311):
        other = np.concatenate((r[:day], 7 * simulated(150, seed=day + 1)))
        assert torch.equal(predictor.forward(theta, torch.from_numpy(other)[:, None])[0][: day + 1], said[: day + 1])


def test_series_in_lockstep_are_the_series_alone():
    r = np.stack([simulated(1000, alpha=a, seed=k) for k, a in enumerate((0.04, 0.06, 0.08))])

    def objective(r):
        predictor = lk.Columns(lk.garch(r), log_df_above_two=lk.Constant(start=1.8))
        return lk.Objective(lk.family("standardised_student_t"), predictor, r[..., None], r)

    together = lk.fit(objective(r), "levenberg_marquardt")
    assert [verdict.kind for verdict in together.verdicts] == ["converged"] * 3
    for own, theta in zip(r, together.theta, strict=True):
        alone = objective(own)
        fit = lk.fit(alone, "levenberg_marquardt", theta=theta + 0.1)
        assert float(alone.at(fit.theta).value) == pytest.approx(float(alone.at(theta).value), abs=1e-9)
        torch.testing.assert_close(fit.theta, theta, rtol=0, atol=1e-3)


def test_weights_leave_the_end_of_a_shorter_series_out():
    r, short = simulated(500), simulated(400, seed=1)
    both = np.stack((r, np.concatenate((short, np.zeros(100)))))
    weight = np.ones((2, 500))
    weight[1, 400:] = 0.0
    predictor = LinearVariance([Term("square")], 1, presample=[1e-4, 2e-4])
    together = lk.Objective(lk.family("normal"), predictor, both[..., None], both, weight)
    alone = lk.Objective(
        lk.family("normal"), LinearVariance([Term("square")], 1, presample=2e-4), short[:, None], short
    )
    theta = predictor.init([np.random.default_rng(0)], torch.float64)[0]
    found = together.at(torch.stack((theta, theta))).value[1] * together.total_weight
    assert float(found) == pytest.approx(float(alone.at(theta).value) * 400, rel=1e-12)


def test_a_persistence_of_one_and_a_zero_are_named():
    predictor = lk.garch(simulated(300), 1, 1, 1)
    theta = predictor.init([np.random.default_rng(0)], torch.float64)[0]
    assert predictor.natural(theta).at_bound == ()
    theta[predictor.parts["persistence"].slice] = 40.0
    theta[predictor.parts["shares"].start] = -60.0
    found = predictor.natural(theta)
    assert found.names == ("mean", "omega", "alpha[1]", "gamma[1]", "beta[1]")
    assert found.at_bound == ("alpha[1]", "persistence")


@pytest.mark.parametrize("make", [lk.garch, lambda r: lk.garch(r, 2, 1, 1), lk.egarch, lk.har, lk.ewma])
def test_natural_parameters_come_with_their_derivatives(make):
    predictor = make(simulated(300))
    theta = predictor.init([np.random.default_rng(0)], torch.float64)[0]
    found = predictor.natural(theta)
    step = 1e-6 * torch.eye(len(theta), dtype=torch.float64)
    moved = [(predictor.natural(theta + s).values - predictor.natural(theta - s).values) / 2e-6 for s in step]
    torch.testing.assert_close(found.jacobian, torch.stack(moved, 1), rtol=1e-6, atol=1e-9)


def test_stationarity_holds_wherever_theta_goes():
    predictor, rng = lk.garch(simulated(300), 2, 2, 2), np.random.default_rng(0)
    for _ in range(100):
        theta = torch.from_numpy(rng.normal(scale=5.0, size=predictor.size))
        value = dict(zip(*predictor.natural(theta)[:2], strict=True))
        alpha, gamma, beta = ([float(value[f"{kind}[{i}]"]) for i in (1, 2)] for kind in ("alpha", "gamma", "beta"))
        assert min(alpha + beta) >= 0
        assert min(a + g for a, g in zip(alpha, gamma, strict=True)) >= -1e-12
        assert sum(alpha) + sum(gamma) / 2 + sum(beta) <= 1 + 1e-12


def test_exponential_smoothing_is_riskmetrics_recursion():
    r = simulated(200)
    predictor = lk.ewma(r, mean=lk.Fixed(0.0))
    theta = torch.tensor([np.log(0.06 / 0.94)])
    h = [float(presample_variance(torch.from_numpy(r)))]
    h[0] = 0.06 * h[0] + 0.94 * h[0]
    for e in r[:-1]:
        h.append(0.06 * e**2 + 0.94 * h[-1])
    found = predictor.forward(theta, torch.from_numpy(r)[:, None])[0]
    np.testing.assert_allclose(found[:, 1].exp().square(), h, rtol=1e-12)


@pytest.mark.parametrize("make", [lk.garch, lambda r: lk.garch(r, 1, 2, 1), lk.egarch, lk.har, lk.ewma])
def test_json_makes_the_same_predictor(make):
    predictor = make(simulated(300))
    again, x = from_json(predictor.to_json()), torch.from_numpy(simulated(50))[:, None]
    theta = predictor.init([np.random.default_rng(0)], torch.float64)[0]
    assert again.to_json() == predictor.to_json()
    assert torch.equal(again.forward(theta, x)[0], predictor.forward(theta, x)[0])


@pytest.mark.parametrize(
    ("make", "error", "said"),
    [
        (lambda r: lk.garch(r, 0, 0, 1), SpecificationError, r"needs p \+ o ≥ 1"),
        (lambda r: lk.egarch(r, 0, 0, 1), SpecificationError, r"needs p \+ o ≥ 1"),
        (lambda r: lk.har(r, [0, 5]), SpecificationError, "windows are of one day or more"),
        (lambda r: lk.garch(np.ones(50)), SpecificationError, "do not vary"),
        (lambda r: lk.garch(r[:1]), ShapeError, "two days or more"),
        (lambda r: lk.garch(np.append(r, np.nan)), ShapeError, "finite numbers"),
        (lambda r: LinearVariance([Term("measure"), Term("gain")], presample=1.0), SpecificationError, "after all"),
        (lambda r: LinearVariance([Term("square")], presample=0.0), SpecificationError, "above 0"),
        (lambda r: lk.Objective(lk.family("normal"), lk.garch(r), r, r), ShapeError, "columns or more"),
        (lambda r: lk.Objective(lk.family("normal"), lk.garch(r), r[:, None], r[1:]), ShapeError, "both need one row"),
    ],
)  # fmt: skip
def test_what_cannot_be_is_refused_with_the_reason(make, error, said):
    with pytest.raises(error, match=said):
        make(simulated(100))


def test_a_series_is_not_cut():
    r = simulated(100)
    objective = lk.Objective(lk.family("normal"), lk.garch(r), r[:, None], r)
    with pytest.raises(NotOnOfferError, match="no batch may cut"):
        lk.fit(objective, "adam", batch_size=10)
    with pytest.raises(NotOnOfferError, match="not cut"):
        objective.subset(np.arange(10))
    assert objective.until(40).n == 40


@pytest.mark.parametrize(
    "make",
    [lk.garch, lambda r: lk.garch(r, 2, 1, 2), lambda r: lk.garch(r, 1, 0, 0), lk.egarch, lk.har, lk.ewma,
     lambda r: lk.egarch(r, 2, 1, 2)],
)  # fmt: skip
@pytest.mark.parametrize("n", [3, 400])
def test_a_simulated_path_is_one_that_the_model_itself_explains(make, n):
    """Each path put behind the series has, by the model's own forward, the very shocks that made it."""
    r = simulated(400)
    predictor, seen = make(r), torch.from_numpy(r[:n])
    theta = predictor.init([np.random.default_rng(0)], torch.float64)[0]
    noise = torch.from_numpy(np.random.default_rng(1).normal(size=(3, 30)))
    paths = predictor.simulate(theta, seen[:, None], noise)
    for path, own in zip(paths, noise, strict=True):
        whole = torch.cat((seen, path))
        mean, log_scale = predictor.forward(theta, whole[:, None])[0].unbind(-1)
        torch.testing.assert_close(((whole - mean) * torch.exp(-log_scale))[n:], own, rtol=1e-9, atol=1e-11)


def test_the_variance_of_simulated_paths_is_garchs_closed_form():
    predictor = LinearVariance([Term("square")], 1, presample=2e-4)
    omega, alpha, beta = 2e-6, 0.08, 0.9
    logit = np.log((alpha + beta) / (1 - alpha - beta))
    theta = torch.tensor([0.0, np.log(omega), logit, np.log(alpha / beta)], dtype=torch.float64)
    r, noise = torch.from_numpy(simulated(100)), torch.from_numpy(np.random.default_rng(2).normal(size=(40_000, 10)))
    paths = predictor.simulate(theta, r[:, None], noise)
    first = predictor.forward(theta, torch.cat((r, r[:1]))[:, None])[0][-1, 1].exp().square()
    level = omega / (1 - alpha - beta)
    expected = sum(level + (alpha + beta) ** k * (first - level) for k in range(10))
    assert float(paths.sum(1).var()) == pytest.approx(float(expected), rel=0.03)


def test_days_whose_measures_have_not_come_are_not_simulated():
    predictor = LinearVariance([Term("measure", 1, 5)], presample=1e-4)
    theta = predictor.init([np.random.default_rng(0)], torch.float64)[0]
    with pytest.raises(NotOnOfferError, match="have not come"):
        predictor.simulate(theta, torch.rand(50, 2, dtype=torch.float64), torch.zeros(2, 3, dtype=torch.float64))
