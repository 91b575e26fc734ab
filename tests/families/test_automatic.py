"""Families of one's own: from log p alone, and from A, T and log h, everywhere that a family can stand."""

import math
from dataclasses import dataclass

import numpy as np
import polars as pl
import pytest
import torch
from scipy import stats
from sklearn.base import clone

import likeliest as lk
from likeliest.certify import certify_objective
from likeliest.data import TableEncoder, Target
from likeliest.errors import ModelFileError, NotOnOfferError, ShapeError, SupportError, UnknownNameError
from likeliest.families import Automatic, ExponentialFamily, Normal, Poisson, from_json

F64 = torch.float64


class Gumbel(Automatic):
    name = "gumbel"
    columns = ("mode", "log_scale")

    def log_prob(self, eta, y):
        mode, log_scale = eta
        z = (y - mode) * torch.exp(-log_scale)
        return -z - torch.exp(-z) - log_scale


class Weibull(Automatic):
    """One column, a bounded support, and a mean."""

    support = "a number y > 0"

    def supports(self, y):
        return y > 0

    def log_prob(self, eta, y):
        hazard = 1.5 * (y.log() - eta[..., 0])
        return math.log(1.5) + hazard - y.log() - hazard.exp()

    def mean(self, eta):
        return eta[..., 0].exp() * math.gamma(1 + 1 / 1.5)


class OwnPoisson(ExponentialFamily):
    columns = ("log_mean",)
    discrete = True
    support = "a count"

    def supports(self, y):
        return y >= 0

    def log_partition(self, eta):
        return eta[..., 0].exp()

    def log_base(self, y):
        return -torch.lgamma(y + 1)


class OwnNormal(ExponentialFamily):
    """Natural parameters μ/σ² and −1/(2σ²)."""

    columns = ("precision_mean", "minus_half_precision")

    def statistic(self, y):
        return torch.stack((y, y.square()), -1)

    def log_partition(self, eta):
        first, second = eta.unbind(-1)
        return -first.square() / (4 * second) - 0.5 * torch.log(-2 * second)

    def log_base(self, y):
        return torch.full_like(y, -0.5 * math.log(2 * math.pi))


class LogProbNormal(Automatic):
    columns = ("mean", "log_scale")

    def log_prob(self, eta, y):
        return Normal().log_prob(eta, y)


@dataclass(frozen=True)
class PowerGumbel(Automatic):
    power: float = 1.0

    columns = ("mode", "log_scale")

    def log_prob(self, eta, y):
        return self.power * Gumbel().log_prob(eta, y)


def drawn(seed, *shape, n=7):
    return torch.from_numpy(np.random.default_rng(seed).normal(size=(*shape, n)))


def gumbel_data(n=300):
    rng = np.random.default_rng(0)
    x = torch.from_numpy(rng.normal(size=(n, 2)))
    return x, 1 + x @ torch.tensor([2.0, -1.0], dtype=F64) + torch.from_numpy(rng.gumbel(scale=0.7, size=n))


def test_log_prob_is_scipys():
    mode, log_scale, y = drawn(0), drawn(1), drawn(2)
    expected = stats.gumbel_r(mode.numpy(), log_scale.exp().numpy()).logpdf(y.numpy())
    torch.testing.assert_close(Gumbel().log_prob((mode, log_scale), y), torch.from_numpy(expected))


@pytest.mark.parametrize("lead", [(), (3,)], ids=["one run", "runs"])
@pytest.mark.parametrize("wide", [True, False], ids=["rows", "constant scale"])
def test_what_autograd_derives_is_what_a_hand_derived(lead, wide):
    ours, normal = LogProbNormal(), Normal()
    eta = drawn(0, *lead), drawn(1, *lead, n=7 if wide else 1)
    y, v = drawn(2), (drawn(3, *lead), drawn(4, *lead, n=7 if wide else 1))
    for mine, theirs in (
        (ours.score(eta, y), normal.score(eta, y)),
        (ours.log_prob_and_score(eta, y)[1], normal.score(eta, y)),
        (ours.observed_times(eta, y, v), normal.observed_times(eta, y, v)),
    ):
        for a, b in zip(mine, theirs, strict=True):
            torch.testing.assert_close(a, b, rtol=1e-12, atol=1e-12)
    torch.testing.assert_close(ours.observed(eta, y), normal.observed(eta, y), rtol=1e-12, atol=1e-12)


def test_a_constant_in_every_column_has_a_slope_a_row():
    y = drawn(0)
    slope, _ = Gumbel().score((torch.zeros(1, dtype=F64), torch.zeros(1, dtype=F64)), y)
    torch.testing.assert_close(slope, 1 - torch.exp(-y))


def test_it_works_where_gradients_are_switched_off_and_leaves_no_graph():
    eta, y = (drawn(0), drawn(1)), drawn(2)
    with torch.no_grad():
        log_prob, score = Gumbel().log_prob_and_score(eta, y)
    assert not log_prob.requires_grad
    assert not any(column.requires_grad for column in (*score, *Gumbel().observed_times(eta, y, eta)))


def test_the_score_is_the_callers_to_overwrite():
    eta, y = drawn(0)[:, None], drawn(1).exp()
    kept = eta.clone()
    Weibull().score(eta, y).mul_(0)
    assert torch.equal(eta, kept)


def test_an_exponential_family_is_the_one_that_it_states():
    eta, y = drawn(0, 3)[..., None], torch.arange(7).double()
    ours, theirs = OwnPoisson(), Poisson()
    for mine, others in (
        (ours.log_prob(eta, y), theirs.log_prob(eta, y)),
        (ours.score(eta, y), theirs.score(eta, y)),
        (ours.mean(eta), theirs.mean(eta)),
        (ours.deviation(eta), theirs.deviation(eta)),
        (ours.fisher(eta), theirs.fisher(eta)),
        (ours.observed(eta, y), theirs.observed(eta, y)),
        (ours.null_eta(y), theirs.null_eta(y)),
    ):
        torch.testing.assert_close(mine, others, rtol=1e-10, atol=1e-12)
    assert ours.canonical
    assert ours.has_fisher


def test_two_natural_parameters():
    family, y = OwnNormal(), drawn(2)
    mean, scale = 0.3, 1.7
    eta = (torch.tensor([mean / scale**2], dtype=F64), torch.tensor([-0.5 / scale**2], dtype=F64))
    torch.testing.assert_close(family.log_prob(eta, y), torch.from_numpy(stats.norm(mean, scale).logpdf(y.numpy())))
    assert family.mean_statistic(eta)[0].tolist() == pytest.approx([mean, mean**2 + scale**2])
    first, second = family.score(eta, y)
    torch.testing.assert_close(first, y - mean)
    torch.testing.assert_close(second, y**2 - mean**2 - scale**2)
    moments = stats.norm(mean, scale).moment
    variance = [
        [scale**2, moments(3) - mean * moments(2)],
        [moments(3) - mean * moments(2), moments(4) - moments(2) ** 2],
    ]
    torch.testing.assert_close(family.fisher(eta)[0], torch.tensor(variance, dtype=F64))
    assert not family.canonical
    with pytest.raises(
        NotOnOfferError, match="no mean of y, but mean_statistic, that of T\\(y\\); define mean in the class"
    ):
        family.mean(eta)


@pytest.mark.parametrize("rule", ["newton", "lbfgs"])
def test_fits_recover_what_drew_the_sample(rule):
    x, y = gumbel_data(3000)
    objective = lk.Objective(Gumbel(), lk.Columns(mode=lk.Linear(2), log_scale=lk.Constant()), x, y)
    found = lk.fit(objective, rule)
    assert found.verdict.good, found.verdict
    assert found.theta.tolist() == pytest.approx([2, -1, 1, math.log(0.7)], abs=0.08)


def test_adam_in_mini_batches_comes_near():
    x, y = gumbel_data()
    objective = lk.Objective(Gumbel(), lk.Columns(mode=lk.Linear(2), log_scale=lk.Constant()), x.float(), y)
    best = float(lk.fit(lk.Objective(Gumbel(), objective.predictor, x, y), "lbfgs").trace.records[-1].value[0])
    found = lk.fit(objective, lk.rule("adam", lr=0.02), batch_size=32, budget=60)
    assert float(found.trace.records[-1].value[0]) < best + 0.02


def test_runs_in_lockstep_and_distributional_regression():
    x, y = gumbel_data()
    objective = lk.Objective(
        Gumbel(), lk.Columns(mode=lk.MLP((2, 4, 1), activation="tanh"), log_scale=lk.Linear(2)), x, y
    )
    theta = torch.from_numpy(np.random.default_rng(1).normal(size=(3, objective.predictor.size)))
    together = objective.at(theta).grad.clone()
    for run, alone in zip(together, theta, strict=True):
        torch.testing.assert_close(run, objective.at(alone).grad)


@pytest.mark.parametrize("family", [Gumbel(), OwnNormal()], ids=lambda f: f.name)
def test_its_certificate_passes(family):
    x, y = gumbel_data(60)
    fixed = lk.Fixed(-0.5) if isinstance(family, OwnNormal) else lk.Constant()
    objective = lk.Objective(family, lk.Columns(**dict(zip(family.columns, (lk.Linear(2), fixed), strict=True))), x, y)
    assert family.derivatives == "autograd"
    found = certify_objective(objective, torch.full((objective.predictor.size,), 0.3))
    assert found.passed
    assert f"The score of {family.name} is autograd's, so that differences of log p are its only" in found.message


class Wrong(Gumbel):
    """A score that somebody wrote over autograd's, and got wrong."""

    def score(self, eta, y):
        mode, log_scale = super().score(eta, y)
        return mode, log_scale + 1


def test_the_certificate_sees_a_wrong_score():
    x, y = gumbel_data(60)
    objective = lk.Objective(Wrong(), lk.Columns(mode=lk.Linear(2), log_scale=lk.Constant()), x, y)
    found = certify_objective(objective, torch.full((4,), 0.3))
    assert [finding.part for finding in found.findings] == ["log_scale.value"]
    assert Wrong.derivatives == "analytic"
    assert "autograd's" not in found.message


def test_rules_that_need_the_fisher_information_are_refused_where_there_is_none():
    x, y = gumbel_data(40)
    objective = lk.Objective(Gumbel(), lk.Columns(mode=lk.Linear(2), log_scale=lk.Constant()), x, y)
    with pytest.raises(NotOnOfferError, match="irls needs FISHER; gumbel on Columns does not offer it"):
        lk.fit(objective, "irls")
    counts = lk.Objective(OwnPoisson(), lk.Linear(2), x, torch.ones(40))
    assert lk.fit(counts, "irls").verdict.good


@pytest.mark.parametrize("weighted", [False, True])
def test_null_eta_is_scipys_maximum(weighted):
    y = np.random.default_rng(3).gumbel(1e4, 30.0, 50)
    weight = np.random.default_rng(4).integers(0, 3, 50) if weighted else None
    repeated = y if weight is None else np.repeat(y, weight)
    mode, scale = stats.gumbel_r.fit(repeated)
    null = Gumbel().null_eta(torch.from_numpy(y), None if weight is None else torch.from_numpy(weight))
    assert null.tolist() == pytest.approx([mode, math.log(scale)], rel=1e-6)
    score = torch.stack(Gumbel().score(tuple(null[:, None]), torch.from_numpy(repeated)))
    assert score.mean(-1).abs().max() < 1e-9


def test_null_eta_begins_inside_the_domain():
    y = torch.from_numpy(np.random.default_rng(5).normal(3.0, 0.7, 40))
    first, second = OwnNormal().null_eta(y).tolist()
    assert (-first / (2 * second), -0.5 / second) == pytest.approx((float(y.mean()), float(y.var(correction=0))))
    with pytest.raises(
        NotOnOfferError, match=r"is finite for no η that was tried.*define null_eta in the class Weibull"
    ):
        Weibull().null_eta(-y)


def test_null_eta_of_several_runs_of_y():
    y = drawn(0, 2, 3, n=20)
    null = Gumbel().null_eta(y)
    assert null.shape == (2, 3, 2)
    torch.testing.assert_close(null[1, 2], Gumbel().null_eta(y[1, 2]))


def test_a_glm_and_a_net_take_it():
    rng = np.random.default_rng(0)
    x = rng.normal(size=(400, 2))
    y = np.exp(0.5 + x @ [0.8, -0.4]) * rng.weibull(1.5, 400)
    glm = clone(lk.GLMRegressor(family=Weibull())).fit(x, y)
    assert glm.verdict_.good
    assert glm.coef_ == pytest.approx([0.8, -0.4], abs=0.12)
    assert glm.predict(x[:1]) == pytest.approx(np.exp(glm.intercept_ + x[:1] @ glm.coef_) * math.gamma(1 + 1 / 1.5))
    net = lk.NetRegressor(
        family=Weibull(), hidden=(4,), activation="tanh", rule="lbfgs", l2=1.0, validation_fraction=0.0
    ).fit(x, y)
    assert np.corrcoef(np.log(net.predict(x)), np.log(glm.predict(x)))[0, 1] > 0.9
    with pytest.raises(SupportError, match=r"row 0: Weibull needs a number y > 0, found -1\.0"):
        lk.GLMRegressor(family=Weibull()).fit(x[:1], [-1.0])
    gumbel = lk.GLMRegressor(family=Gumbel()).fit(x, np.log(y))
    assert gumbel.extra_.keys() == {"log_scale"}
    with pytest.raises(NotOnOfferError, match="gumbel gives no mean; define mean in the class Gumbel to have it"):
        gumbel.predict(x)


@pytest.mark.parametrize("what", ["mean", "deviation", "sample", "cdf", "quantile", "deviance", "fisher_times"])
def test_what_is_not_given_is_not_on_offer(what):
    eta = torch.zeros(1), torch.zeros(1)
    arguments = {"mean": (), "deviation": (), "sample": (np.random.default_rng(0),)}.get(what, (torch.zeros(1),))
    with pytest.raises(NotOnOfferError, match=f"gumbel gives no {what}; define {what} in the class Gumbel"):
        getattr(Gumbel(), what)(eta, *arguments)


class Rowless(Automatic):
    def log_prob(self, eta, y):
        return -((y - eta) ** 2)


def test_a_forgotten_axis_is_explained():
    with pytest.raises(ShapeError, match=r"one number a row; it gives \(5, 5\).*write eta\[\.\.\., 0\]"):
        Rowless().score(torch.zeros(5, 1), torch.zeros(5))


class Flat(Automatic):
    def log_prob(self, eta, y):
        return -y.abs()


def test_what_does_not_depend_on_eta_has_no_slope():
    eta, y = torch.zeros(3, 1), torch.ones(3)
    assert Flat().score(eta, y).tolist() == [[0], [0], [0]]
    assert Flat().observed(eta, y).tolist() == [[[0]]] * 3


def test_families_are_values_named_by_their_class():
    assert Weibull().name == "Weibull"
    assert Gumbel() == Gumbel() != OwnPoisson()
    assert PowerGumbel(2.0) != PowerGumbel(3.0)
    assert len({Gumbel(), Gumbel(), PowerGumbel(), PowerGumbel(2.0)}) == 3
    assert PowerGumbel(2.0).settings == {"power": 2.0}
    assert from_json(PowerGumbel(2.0).to_json(), [Gumbel, PowerGumbel]) == PowerGumbel(2.0)
    with pytest.raises(
        UnknownNameError, match=r"is no part of likeliest but of the class .*Gumbel, and only Weibull came"
    ):
        from_json(Gumbel().to_json(), [Weibull])


def model(family):
    frame = pl.DataFrame({"a": [0.0, 1.0, 2.0, 4.0], "y": [1.0, 2.0, 3.0, 5.0]})
    encoder, target = TableEncoder.learn(frame.drop("y"), standardise=False), Target.learn(frame["y"], "normal")
    width = len(encoder.names)
    predictor = lk.Columns(mode=lk.Linear(width), log_scale=lk.Constant())
    return lk.Model(encoder, target, family, predictor, torch.zeros(predictor.size, dtype=F64)), frame


def test_a_model_file_asks_for_the_class(tmp_path):
    saved, frame = model(Gumbel())
    saved.save(path := tmp_path / "m.likeliest")
    loaded = lk.load(path, families=[Gumbel])
    assert loaded.family == Gumbel()
    x = saved.encoder.encode(frame.drop("y"))
    assert (loaded.log_prob(x, frame["y"].to_numpy().copy()) == saved.log_prob(x, frame["y"].to_numpy().copy())).all()
    expected = r"m\.likeliest: the family gumbel is no part of likeliest but of the class .*\.Gumbel, and none came"
    with pytest.raises(ModelFileError, match=expected + r": import that class and pass it, as families=\[Gumbel\]"):
        lk.load(path)


class WithMean(Gumbel):
    name = "gumbel"

    def mean(self, eta):
        return eta[0] + 0.5772156649015329 * eta[1].exp()


def test_a_model_predicts_what_its_family_gives(tmp_path):
    given, frame = model(WithMean())
    assert given.predict(frame).to_frame().columns == ["row", "prediction", "mean"]
    assert given.predict(frame).labels == pytest.approx([0.5772156649015329] * 4)
