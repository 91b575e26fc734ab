"""A certificate for every family × link, every layer of every predictor and every penalty; a planted error in each.

A right gradient has to pass with a resolution of 1e-5 or finer. A wrong one, off by ten times as much, has to be found
in the part where it was planted and in no other.
"""

import math

import numpy as np
import pytest
import torch
from torch import nn

import likeliest as lk
from likeliest.certify import certify_objective, check_gradient
from likeliest.certify.reference import has_reference
from likeliest.families import Automatic, Categorical, ExponentialFamily, Normal
from likeliest.interfaces import Need
from likeliest.local import Local
from likeliest.predictors import ACTIVATIONS, columns_of
from likeliest.randomness import stream

F64 = torch.float64
N, P = 16, 2
RESOLUTION, PLANTED = 1e-5, 1e-4


def drawn(what, *shape, seed=0):
    return torch.from_numpy(stream(seed, what).normal(size=shape))


def certified(objective, theta, order=1):
    """The certificate of a right gradient, which passes, part by part, and with nothing left to doubt."""
    certificate = certify_objective(objective, theta, order=order)
    assert certificate.passed, certificate
    learnt = [name for name, part in objective.predictor.parts.items() if part.learnt]
    assert [p.part for p in certificate.parts] == learnt
    assert certificate.worst <= certificate.resolution <= RESOLUTION
    assert certificate.message.startswith("Compared with central differences and autograd on")
    assert all(p.worst_autograd is not None and p.worst_autograd < 1e-12 for p in certificate.parts)
    alone = objective.family.derivatives == "autograd"
    assert ("its only independent witness" in certificate.message) is alone
    return certificate


def wrong_parts(certificate):
    assert certificate.passed is not bool(certificate.findings)
    return {f.part for f in certificate.findings}


def off(right, factors):
    """A function of a family or a predictor whose columns are off by these factors."""

    def spoilt(*given):
        found = right(*given)
        slopes = [c * f for c, f in zip(columns_of(found), factors, strict=True)]
        return tuple(slopes) if isinstance(found, tuple) else torch.stack(slopes, -1)

    return spoilt


# Families


class Gumbel(Automatic):
    """By its log p alone."""

    columns = ("mode", "log_scale")

    def log_prob(self, eta, y):
        mode, log_scale = eta
        z = (y - mode) * torch.exp(-log_scale)
        return -z - torch.exp(-z) - log_scale

    def sample(self, eta, generator):
        return eta[0] + eta[1].exp() * torch.from_numpy(generator.gumbel(size=len(eta[0])))


class Exponential(ExponentialFamily):
    """By A, T and log h."""

    columns = ("minus_rate",)
    domain = (-math.inf, 0.0)

    def log_partition(self, eta):
        return -torch.log(-eta[..., 0])

    def log_base(self, y):
        return torch.zeros_like(y)

    def sample(self, eta, generator):
        return torch.from_numpy(generator.exponential(size=len(eta))) / -eta[..., 0]


QUANTILES = [lk.family("asymmetric_laplace", level=level) for level in (0.1, 0.5, 0.9)]
OF_ROWS = [f for f in lk.families() if f.name != "asymmetric_laplace" and f.event_dims == 1]
FAMILIES = [*OF_ROWS, *QUANTILES, Gumbel(), Exponential()]
CLASSES = 3
ROLES = ("estimated", "fixed", "predicted")


def width(family):
    return CLASSES if family.columns is None else columns(family)


def centre(family):
    """A value of the first column well inside its domain."""
    low, high = family.domain
    if math.isfinite(low) and math.isfinite(high):
        return (low + high) / 2
    return low + 1.5 if math.isfinite(low) else high - 1.2 if math.isfinite(high) else 0.4


def arrangements(family):
    """Every column in every role: all predicted, and the roles dealt out in turn; something is left to be learnt."""
    if family.columns is None:
        return [("predicted",), ("estimated",)]
    rotated = [tuple(ROLES[(k + turn) % 3] for k in range(columns(family))) for turn in range(3)]
    return [r for r in dict.fromkeys([("predicted",) * columns(family), *rotated]) if set(r) != {"fixed"}]


def arranged(family, roles):
    return pytest.param(
        family, roles, id="-".join(map(str, (family.name, family.link, *family.settings.values(), *roles)))
    )


def columns(family):
    """Of how many predictors its η is made: unnamed columns come from one."""
    return 1 if family.columns is None else len(family.columns)


ARRANGED = [arranged(f, roles) for f in FAMILIES for roles in arrangements(f)]
PREDICTED = [arranged(f, ("predicted",) * columns(f)) for f in FAMILIES]
ESTIMATED = [arranged(f, ("estimated",) * columns(f)) for f in FAMILIES]


def column(role, start, outputs=1):
    return {
        "estimated": lambda: lk.Constant(outputs),
        "fixed": lambda: lk.Fixed(start),
        "predicted": lambda: lk.Linear(P, outputs),
    }[role]()


def family_objective(family, roles):
    """Weights, some of them 0, an offset on every column and a penalty; targets drawn from the family itself."""
    starts = [centre(family), 0.3, 1.5, 0.4][: len(roles)]
    if len(roles) == 1:
        predictor = column(roles[0], starts[0], width(family))
    else:
        given = zip(family.columns, roles, starts, strict=True)
        predictor = lk.Columns(**{name: column(role, start) for name, role, start in given})
    theta = 0.15 * drawn("theta", predictor.size)
    for name, part in predictor.parts.items():
        if name.endswith(("bias", "value")):
            theta[part.slice] += starts[family.columns.index(name.split(".")[0])] if "." in name else starts[0]
    x, weight = drawn("x", N, P).clamp(-1.5, 1.5), drawn("weight", N).abs().mul(2).round() / 2
    offset = {name: 0.1 * drawn(name, N).clamp(-1, 1) for name in family.columns or ()}
    offset = offset or 0.1 * drawn("offset", N, width(family))
    y = targets(family, predictor, theta, x)
    return lk.Objective(family, predictor, x, y, weight, offset, 0.7), theta


def targets(family, predictor, theta, x):
    eta = predictor.forward(theta, x)[0]
    eta = tuple(c.expand(N) for c in eta) if isinstance(eta, tuple) else eta.expand(N, -1)
    y = family.sample(eta, stream(0, "y"))
    if family.name == "binomial":  # of several trials a row, and none in the first
        y = sum((family.sample(eta, stream(k, "y")) for k in range(4)), y)
        y[0] = 0
    return y


@pytest.mark.parametrize(("family", "roles"), ARRANGED)
def test_every_family_and_link_with_every_column_estimated_fixed_and_predicted(family, roles):
    objective, theta = family_objective(family, roles)
    certified(objective, theta)
    # What a rule reads that asks for the value as well comes from one pass of its own.
    both = objective.at(theta, needs=frozenset({Need.VALUE, Need.GRAD})).grad.clone()
    torch.testing.assert_close(both, objective.at(theta).grad, rtol=1e-13, atol=1e-14)


@pytest.mark.parametrize(("family", "roles"), PREDICTED)
def test_a_score_that_is_off_in_one_column_is_found_in_that_column_alone(family, roles, monkeypatch):
    objective, theta = family_objective(family, roles)
    right = type(family).score
    for k in range(len(roles)):
        factors = [1 + PLANTED * (j == k or family.columns is None) for j in range(width(family))]
        monkeypatch.setattr(type(family), "score", off(right, factors))
        own = "" if len(roles) == 1 else f"{family.columns[k]}."
        found = wrong_parts(certify_objective(objective, theta))
        assert found == {name for name in objective.predictor.parts if name.startswith(own)}


def second_order(objective, theta):
    """The certificate of right products: Fisher's, and the Hessian's where it is on offer."""
    certificate = certified(objective, theta, order=2)
    assert ("Fisher product " in certificate.message) is (Need.FISHER in objective.offers)
    assert ("Hessian product " in certificate.message) is (Need.HESSIAN in objective.offers)


@pytest.mark.parametrize(("family", "roles"), ESTIMATED)
def test_curvature_of_every_family_and_link(family, roles):
    second_order(*family_objective(family, roles))


@pytest.mark.parametrize("k", [0, 1])
def test_an_observed_information_that_is_off_in_one_column_is_found_in_that_column(k, monkeypatch):
    objective, theta = family_objective(lk.family("normal"), ("predicted", "predicted"))
    spoilt = off(Normal.observed_times, [1 + 10 * PLANTED * (j == k) for j in range(2)])
    monkeypatch.setattr(Normal, "observed_times", spoilt)
    certificate = certify_objective(objective, theta, order=2)
    own = ("mean", "log_scale")[k]
    assert wrong_parts(certificate) == {f"{own}.weight", f"{own}.bias"}
    assert all("Hessian product along a random v" in f.message for f in certificate.findings)


@pytest.mark.parametrize("factors", [(-1.0, -1.0, -1.0), (1.0, 2.0, 1.0), (1.5, 1.5, 1.5)], ids=str)
def test_a_fisher_information_that_is_not_the_familys_is_found(factors, monkeypatch):
    """Negative, not symmetric, or of the wrong size."""
    objective, theta = family_objective(lk.family("categorical"), ("predicted",))
    monkeypatch.setattr(Categorical, "fisher_times", off(Categorical.fisher_times, factors))
    certificate = certify_objective(objective, theta, order=2)
    assert not certificate.passed
    assert "Fisher product" in certificate.findings[0].message


def test_a_pushforward_that_is_off_is_found_in_its_own_predictor(monkeypatch):
    objective, theta = family_objective(lk.family("normal"), ("predicted", "predicted"))
    mean = objective.predictor.components["mean"]
    monkeypatch.setattr(mean, "pushforward", off(mean.pushforward, [1 + 10 * PLANTED]))
    certificate = certify_objective(objective, theta, order=2)
    fisher = {f.part for f in certificate.findings if "Fisher product" in f.message}
    assert fisher == {"mean.weight", "mean.bias"}
    assert "Hessian product" in certificate.findings[-1].message


@pytest.mark.parametrize(("name", "outputs"), [("bernoulli", 1), ("categorical", 3), ("poisson", 1)])
def test_targets_that_are_probabilities_and_rates(name, outputs):
    y = torch.softmax(drawn("soft", N, 3), -1)
    objective = lk.Objective(
        lk.family(name), lk.Linear(P, outputs), drawn("x", N, P), y if outputs > 1 else y[:, 0], l2=0.5
    )
    certified(objective, 0.5 * drawn("theta", objective.predictor.size))


# Predictors


class Recurrent(nn.Module):
    """Two steps of one input each, so that the weights of the hidden state matter; the last state is η."""

    def __init__(self):
        super().__init__()
        self.cell = nn.GRU(1, 2, batch_first=True)

    def forward(self, x):
        return self.cell(x.unsqueeze(-1))[0][:, -1]


class Attention(nn.Module):
    """Each input a token of one number."""

    def __init__(self):
        super().__init__()
        self.mix, self.out = nn.MultiheadAttention(1, 1, batch_first=True), nn.Linear(P, 1)

    def forward(self, x):
        tokens = x.unsqueeze(-1)
        return self.out(self.mix(tokens, tokens, tokens)[0].squeeze(-1))


def normalised():
    net = nn.Sequential(nn.Linear(P, 3), nn.BatchNorm1d(3), nn.LayerNorm(3), nn.Linear(3, 1))
    net[1].running_mean, net[1].running_var = torch.tensor([0.1, -0.2, 0.3]), torch.tensor([0.5, 1.0, 2.0])
    return net


def module(build):
    return lambda: lk.Module(build().double())


def convolved(outputs=2):
    return nn.Sequential(nn.Unflatten(1, (1, P)), nn.Conv1d(1, 2, 2), nn.GELU(), nn.Flatten(), nn.Linear(2, outputs))


PREDICTORS = {
    "linear": lambda: lk.Linear(P),
    "linear, no intercept": lambda: lk.Linear(P, intercept=False),
    "linear, three outputs": lambda: lk.Linear(P, 3),
    "linear, three outputs, no intercept": lambda: lk.Linear(P, 3, intercept=False),
    "mlp, 0 hidden": lambda: lk.MLP((P, 3)),
    **{
        f"mlp, {h}, {depth} hidden": lambda h=h, depth=depth: lk.MLP((P, *(3, 2, 2)[:depth], 2), activation=h)
        for h in ACTIVATIONS
        for depth in (1, 2, 3)
    },
    "constant": lambda: lk.Constant(),
    "constants": lambda: lk.Constant(3),
    "columns, constant last": lambda: lk.Columns(mean=lk.Linear(P), log_scale=lk.Constant()),
    "columns, constant first": lambda: lk.Columns(mean=lk.Constant(), log_scale=lk.Linear(P, intercept=False)),
    "columns, fixed last": lambda: lk.Columns(mean=lk.MLP((P, 3, 1)), log_scale=lk.Fixed(0.3)),
    "columns, fixed first": lambda: lk.Columns(lk.Fixed(0.2), log_scale=lk.Linear(P)),
    "columns, all three": lambda: lk.Columns(mean=lk.Linear(P), log_scale=lk.Constant(), log_df=lk.Fixed(1.5)),
    "columns, two from one": lambda: lk.Columns(lk.MLP((P, 2, 2), activation="gelu"), log_df=lk.Constant(start=1.0)),
    "columns, two constants from one": lambda: lk.Columns(lk.Constant(2)),
    "columns, each a net": lambda: lk.Columns(
        mean=lk.MLP((P, 3, 1), activation="tanh"), log_scale=lk.MLP((P, 2, 1), activation="logistic")
    ),
    "columns in columns": lambda: lk.Columns(lk.Columns(mean=lk.Linear(P), log_scale=lk.Constant())),
    "columns, module": lambda: lk.Columns(mean=lk.Module(convolved(1).double(), outputs=1), log_scale=lk.Linear(P)),
    "module, linear": module(lambda: nn.Linear(P, 3)),
    "module, convolution": module(convolved),
    "module, batch norm and layer norm": module(normalised),
    "module, gru": module(Recurrent),
    "module, attention": module(Attention),
}
_OF_COLUMNS = {1: "bernoulli", 2: "normal", 3: "student_t"}


def predictor_objective(name, seed=0, **kw):
    predictor = PREDICTORS[name]()
    x = drawn("x", N, P, seed=seed)
    predictor.check_inputs(x)
    plain = not isinstance(predictor, lk.Columns) and predictor.outputs > 1
    family = lk.family("categorical" if plain else _OF_COLUMNS[predictor.outputs])
    if family.discrete:
        y = torch.from_numpy(stream(seed, "y").integers(0, max(2, predictor.outputs), N))
    else:
        y = drawn("y", N, seed=seed)
    theta = predictor.init([stream(seed, "init")], F64)[0] + 0.3 * drawn("theta", predictor.size, seed=seed)
    return lk.Objective(family, predictor, x, y, **kw), theta


every_predictor = pytest.mark.parametrize("name", PREDICTORS)


@every_predictor
def test_every_part_of_every_predictor_has_a_certificate(name):
    objective, theta = predictor_objective(name, l2=0.5)
    assert has_reference(objective.predictor)
    second_order(objective, theta)


# The error is planted behind the pullback, whatever the activation: each of them and each depth is there once or more.
NETS = {"mlp, 0 hidden", "mlp, relu, 1 hidden", "mlp, tanh, 2 hidden", "mlp, logistic, 3 hidden", "mlp, gelu, 1 hidden"}


@pytest.mark.parametrize("name", [n for n in PREDICTORS if not n.startswith("mlp") or n in NETS])
def test_one_wrong_entry_of_a_pullback_is_found_in_its_own_part(name, monkeypatch):
    objective, theta = predictor_objective(name)
    predictor, right = objective.predictor, objective.predictor.pullback
    clean = objective.at(theta).grad.clone()
    for place, part in [(n, p) for n, p in predictor.parts.items() if p.learnt]:
        entry = int(stream(0, place).integers(part.size))
        error = PLANTED * float(clean[part.slice].abs().max())
        assert error > 0

        def pullback(theta, tape, u, out, at=part.start + entry, error=error):
            right(theta, tape, u, out)
            out[..., at] += error

        monkeypatch.setattr(predictor, "pullback", pullback)
        certificate = certify_objective(objective, theta)
        assert wrong_parts(certificate) == {place}
        assert [p.part for p in certificate.parts if not p.passed] == [place]
        assert np.ravel_multi_index(certificate.findings[0].index, part.shape) == entry


# Penalties, mini-batches, blocks and runs


PENALISED = ["linear, three outputs", "mlp, tanh, 2 hidden", "columns, two from one", "module, convolution"]


def penalty(kind, predictor):
    return 2.0 if kind == "scalar" else drawn("l2", predictor.size).clamp(min=0.0)


@pytest.mark.parametrize("kind", ["scalar", "vector"])
@pytest.mark.parametrize("name", PENALISED)
def test_every_penalty_has_a_certificate_and_its_gradient_is_in_it(name, kind, monkeypatch):
    objective, theta = predictor_objective(name, l2=penalty(kind, PREDICTORS[name]()))
    certified(objective, theta)
    pulled, right = objective.predictor.parts, Local._penalised
    touched = {place for place, part in pulled.items() if bool(objective.penalty[part.slice].any())}
    assert touched
    assert (touched == {place for place, part in pulled.items() if part.penalised}) is (kind == "scalar")
    for factor in (0.0, 0.999, -1.0):

        def penalised(self, out, v, factor=factor):
            return right(self, out, factor * v)

        monkeypatch.setattr(Local, "_penalised", penalised)
        assert wrong_parts(certify_objective(objective, theta)) == touched


def at_hand(objective, theta, rows=None, needs=frozenset()):
    """The certificate of what a rule sees: some rows, several runs, or the gradient that comes with the value."""
    shape = (-1, objective.predictor.size)
    runs = theta.reshape(shape).shape[0]
    parts = {
        f"{place} of run {r}": slice(r * shape[1] + part.start, r * shape[1] + part.slice.stop)
        for r in range(runs)
        for place, part in objective.predictor.parts.items()
    }
    return check_gradient(
        lambda t: objective.at(t, rows).value.sum(),
        lambda t: objective.at(t, rows, needs=needs).grad.clone(),
        theta,
        parts=parts,
    )


ROWS, WHOLE = torch.tensor([3, 14, 4, 4, 11, 0, 15]), 16_384
VIEWS = {
    "mini-batch": (1, ROWS, WHOLE, ()),
    "mini-batch in blocks of two runs, with the value": (2, ROWS, 5, (Need.VALUE, Need.GRAD)),
    "blocks, with the value": (1, None, 10, (Need.VALUE, Need.GRAD)),
    "two runs": (2, None, WHOLE, ()),
}


@pytest.mark.parametrize("view", VIEWS)
@pytest.mark.parametrize("name", ["linear", "mlp, tanh, 1 hidden", "columns, constant last", "module, linear"])
def test_mini_batches_blocks_and_runs_in_lockstep(name, view):
    runs, rows, block, needs = VIEWS[view]
    weight = drawn("weight", N).abs()
    objective, theta = predictor_objective(name, weight=weight, l2=0.5, block=block)
    theta = theta if runs == 1 else torch.stack((theta, 0.5 - theta))
    certificate = at_hand(objective, theta, rows, frozenset(needs))
    assert certificate.passed, certificate
    assert certificate.worst <= certificate.resolution <= RESOLUTION


def test_one_run_that_is_wrong_is_found_in_that_run(monkeypatch):
    objective, theta = predictor_objective("mlp, tanh, 1 hidden", l2=0.5)
    right = objective.predictor.pullback

    def pullback(theta, tape, u, out):
        right(theta, tape, u, out)
        out[1, objective.predictor.parts["layer2.bias"].slice] *= 1 + 10 * PLANTED

    monkeypatch.setattr(objective.predictor, "pullback", pullback)
    assert wrong_parts(at_hand(objective, torch.stack((theta, 0.5 - theta)), ROWS)) == {"layer2.bias of run 1"}


def test_batches_that_make_up_all_rows_have_the_whole_gradient_as_their_mean():
    """No batch is biased: the mean of their gradients is the certified whole, weights and penalty included."""
    objective, theta = predictor_objective("mlp, tanh, 1 hidden", weight=drawn("weight", N).abs(), l2=0.5)
    batches = [objective.at(theta, rows).grad.clone() for rows in torch.randperm(N).split(4)]
    torch.testing.assert_close(torch.stack(batches).mean(0), objective.at(theta).grad, rtol=1e-12, atol=1e-14)
