"""Certificates: planted errors are found in the right part, right gradients raise no alarm, and no more is claimed."""

import json
import time

import numpy as np
import pytest
import torch
from scipy import optimize

import likeliest as lk
from likeliest.certify import certify_objective, check_gradient
from likeliest.certify.differences import noise, slopes
from likeliest.certify.reference import has_reference, reference_eta
from likeliest.errors import ShapeError, SpecificationError
from likeliest.interfaces import Part
from likeliest.predictors import Predictor, columns_of
from likeliest.randomness import stream
from likeliest.report.schema import Certificate as Schema
from likeliest.report.schema import CertifiedPart as PartSchema

F64 = torch.float64


def data(n=60, p=4, seed=0, classes=3):
    g = torch.Generator().manual_seed(seed)
    x = torch.randn(n, p, generator=g, dtype=F64)
    return x, torch.randint(classes, (n,), generator=g), torch.randn(n, generator=g, dtype=F64)


def net_objective(sizes=(4, 8, 3), activation="relu", seed=0, **kw):
    x, y, _ = data(seed=seed)
    objective = lk.Objective(lk.family("categorical"), lk.MLP(sizes, activation=activation), x, y, **kw)
    return objective, objective.predictor.init([stream(seed, "init")], F64)[0]


def planted(objective, theta, spoil, numpy=False):
    """The certificate of the right function and a spoilt gradient, part by part; in NumPy differences stand alone."""

    def grad(t):
        g = objective.at(t).grad.clone()
        spoil({name: g[part.slice].view(part.shape) for name, part in objective.predictor.parts.items()})
        return g

    def value(t):
        return float(objective.at(torch.as_tensor(t)).value)

    if numpy:
        return check_gradient(
            value, lambda t: grad(torch.as_tensor(t)).numpy(), theta.numpy(), parts=objective.predictor.parts
        )
    return check_gradient(value, grad, theta, parts=objective.predictor.parts)


# Right gradients


@pytest.mark.parametrize("seed", range(50))
def test_no_false_alarm_at_random_nets(seed):
    activation = ("relu", "tanh", "logistic", "gelu")[seed % 4] if seed >= 25 else "relu"
    sizes = [(4, 3), (4, 8, 3), (4, 30, 3), (4, 8, 8, 3)][seed % 4]
    objective, theta = net_objective(sizes, activation, seed, l2=float(seed % 3))
    certificate = certify_objective(objective, theta, seed=seed)
    assert certificate.passed, certificate
    assert certificate.worst <= certificate.resolution < 1e-3
    assert all(p.worst_autograd < 1e-12 for p in certificate.parts)


@pytest.mark.parametrize("seed", range(10))
def test_kinks_at_theta_are_no_failure(seed):
    # Rows of zeros under intercepts of zero: their rectifiers sit at the kink itself.
    x, y, _ = data(seed=seed)
    x[:20] = 0.0
    objective = lk.Objective(lk.family("categorical"), lk.MLP((4, 8, 3)), x, y)
    certificate = certify_objective(objective, objective.predictor.init([stream(seed, "init")], F64)[0])
    assert certificate.passed
    assert certificate.resolution < 1e-3
    assert "at θ itself it lies on a kink" in certificate.message


@pytest.mark.parametrize("name", ["bernoulli", "poisson", "normal", "heteroscedastic", "fixed scale", "module"])
def test_every_family_and_predictor_certifies_with_weights_offsets_and_penalty(name):
    x, y, z = data(classes=2)
    weight = torch.rand(len(y), dtype=F64) + 0.1
    normal, offset = {"normal": lk.Columns(mean=lk.Linear(4), log_scale=lk.Constant())}, z / 2
    normal |= {"heteroscedastic": lk.Columns(lk.MLP((4, 5, 2), activation="gelu"))}
    normal |= {"fixed scale": lk.Columns(mean=lk.Linear(4), log_scale=lk.Fixed(0.3))}
    if name in normal:
        objective = lk.Objective(lk.family("normal"), normal[name], x, z, weight, {"mean": offset}, 0.5)
    elif name == "module":
        module = torch.nn.Sequential(torch.nn.Linear(4, 5), torch.nn.Tanh(), torch.nn.Linear(5, 1))
        objective = lk.Objective(lk.family("bernoulli"), lk.Module(module, outputs=1), x, y, weight, offset, 0.5)
    else:
        objective = lk.Objective(lk.family(name), lk.Linear(4), x, y, weight, offset, 0.5)
    theta = objective.predictor.init([stream(1, "init")], F64)[0] + 0.1
    certificate = certify_objective(objective, theta)
    assert certificate.passed, certificate
    assert certificate.resolution < 1e-5
    assert [p.part for p in certificate.parts] == list(objective.predictor.parts)


def test_single_precision_objectives_are_certified_in_double():
    x, y, _ = data()
    objective = lk.Objective(lk.family("categorical"), lk.MLP((4, 8, 3), activation="tanh"), x.float(), y, l2=0.1)
    theta = objective.predictor.init([stream(0, "init")])[0]
    assert certify_objective(objective, theta).resolution < 1e-6


def test_columns_in_any_unit():
    x, y, _ = data(classes=2)
    x = x * torch.tensor([1e-6, 1.0, 1e4, 1e9]).double()
    theta = torch.tensor([2e5, 0.3, 1e-4, 1e-9, 0.1]).double()
    certificate = certify_objective(lk.Objective(lk.family("bernoulli"), lk.Linear(4), x, y), theta)
    assert certificate.passed
    assert certificate.resolution < 1e-5
    assert certificate.message.endswith("at θ.")


@pytest.mark.parametrize("seed", range(8))
def test_what_cancels_in_the_sum_over_rows_is_no_error(seed):
    # As many ones as zeros under a small η: the intercept's gradient is what is left of 100 halves of either sign.
    x = 1e-3 * torch.randn(200, 3, dtype=F64, generator=torch.Generator().manual_seed(seed))
    objective = lk.Objective(lk.family("bernoulli"), lk.MLP((3, 20, 1), activation="tanh"), x, torch.arange(200) % 2)
    theta = objective.predictor.init([stream(seed, "init")], F64)[0]
    assert certify_objective(objective, theta).passed


def test_at_an_optimum_it_compares_beside_it_and_says_so():
    x, y, _ = data(classes=2)
    objective = lk.Objective(lk.family("bernoulli"), lk.Linear(4), x, y, l2=1.0)
    optimum = lk.fit(objective, "newton", tolerance=1e-12).theta
    certificate = certify_objective(objective, optimum)
    assert certificate.passed
    assert certificate.resolution < 1e-5
    assert "a little way from θ, for at θ itself the gradient is too near to zero" in certificate.message


def test_the_numbers_repeat_and_theta_stays():
    objective, theta = net_objective()
    kept = theta.clone()
    assert certify_objective(objective, theta, seed=3) == certify_objective(objective, theta, seed=3)
    assert torch.equal(theta, kept)


def test_two_seconds_are_enough_for_a_net_of_9610_weights():
    g = torch.Generator().manual_seed(0)
    x, y = torch.randn(512, 64, generator=g), torch.randint(10, (512,), generator=g)
    objective = lk.Objective(lk.family("categorical"), lk.MLP((64, 128, 10)), x, y)
    theta = objective.predictor.init([stream(0, "init")])[0]
    start = time.process_time()
    certificate = certify_objective(objective, theta, rows=512)
    assert time.process_time() - start < 2.0
    assert certificate.passed
    assert certificate.resolution < 1e-3


# Planted errors


def negate(g):
    g["layer1.weight"].neg_()


def double(g):
    g["layer2.weight"].mul_(2)


def forget_penalty(g):
    g["layer2.weight"].sub_(1e-3)


def transpose(g):
    g["layer2.weight"].copy_(g["layer2.weight"].mT.clone())


def zero(g):
    g["layer1.bias"].zero_()


def one_component(g):
    g["layer1.weight"][5, 7] += g["layer1.weight"].abs().median()


BUGS = {
    negate: "layer1.weight",
    double: "layer2.weight",
    forget_penalty: "layer2.weight",
    transpose: "layer2.weight",
    zero: "layer1.bias",
    one_component: "layer1.weight",
}


@pytest.mark.parametrize("bug", BUGS, ids=lambda bug: bug.__name__)
@pytest.mark.parametrize("seed", range(3))
def test_planted_errors_are_found_in_their_part(bug, seed):
    x = torch.randn(80, 10, dtype=F64, generator=torch.Generator().manual_seed(seed))
    y = torch.randint(8, (80,), generator=torch.Generator().manual_seed(seed))
    objective = lk.Objective(lk.family("categorical"), lk.MLP((10, 8, 8)), x, y, l2=1.0)
    theta = objective.predictor.init([stream(seed, "init")], F64)[0]
    certificate = planted(objective, theta, bug)
    assert {f.part for f in certificate.findings} == {BUGS[bug]}
    assert not certificate.passed
    assert certificate.worst > certificate.resolution


def test_a_score_of_the_wrong_sign_or_scale_is_found_in_the_objective():
    objective, theta = net_objective()
    right = type(objective.family).score
    for factor in (-1.0, 2.0):

        class Spoilt(type(objective.family)):
            def score(self, eta, y, factor=factor):
                return right(self, eta, y) * factor

        wrong = lk.Objective(Spoilt(), objective.predictor, objective.x, objective.y)
        certificate = certify_objective(wrong, theta)
        assert not any(p.passed for p in certificate.parts)
        first = certificate.findings[0]
        assert first.got == pytest.approx(factor * first.expected, rel=1e-6)


def test_autograd_sees_every_entry_of_a_spoilt_pullback():
    class Spoilt(lk.MLP):
        def pullback(self, theta, tape, u, out):
            super().pullback(theta, tape, u, out)
            out[..., 100] += 1e-9

    x, y, _ = data()
    objective = lk.Objective(lk.family("categorical"), Spoilt((4, 60, 3)), x, y)
    theta = objective.predictor.init([stream(0, "init")], F64)[0]
    certificate = certify_objective(objective, theta)
    assert [(f.part, f.index) for f in certificate.findings] == [("layer1.weight", (1, 40))]
    assert "differences and autograd" in certificate.message


def test_a_finding_names_part_index_and_both_numbers():
    theta = np.array([[1.0, 2.0], [3.0, 4.0]])
    wrong = np.array([[1.0, 1.0], [1.0, -1.0]])
    certificate = check_gradient(lambda t: np.sum(t**2), lambda t: 2 * t * wrong, theta)
    (finding,) = certificate.findings
    assert (finding.part, finding.index, finding.cause) == ("theta", (1, 1), "sign")
    assert finding.expected == pytest.approx(8.0)
    assert finding.got == -8.0
    assert finding.message.startswith(
        "theta[1, 1]: expected 8, got -8; 1 of 4 entries are wrong. Probable cause: sign;"
    )


def test_non_finite_gradients_and_functions_are_called_so():
    theta = np.array([1.0, 2.0])
    certificate = check_gradient(lambda t: np.sum(t), lambda t: np.array([1.0, np.nan]), theta)
    assert (certificate.findings[0].cause, certificate.findings[0].index) == ("nonfinite", (1,))
    assert certificate.worst == np.inf
    json.dumps(certificate.to_json("m"), allow_nan=False)
    nowhere = check_gradient(lambda t: np.nan, lambda t: t, theta)
    assert {f.cause for f in nowhere.findings} == {"nonfinite"}
    json.dumps(nowhere.to_json("m"), allow_nan=False)


# Resolution: it never claims more than it saw


@pytest.mark.parametrize("factor", [3.0, 1 / 30])
def test_resolution_is_where_detection_ends(factor):
    objective, theta = net_objective((4, 20, 3), "tanh")
    clean = planted(objective, theta, lambda g: None, numpy=True)
    part = next(p for p in clean.parts if p.part == "layer1.weight")
    scale = float(objective.at(theta).grad[objective.predictor.parts["layer1.weight"].slice].abs().max())

    def spoil(g):
        g["layer1.weight"].view(-1)[33] += factor * part.resolution * scale

    assert planted(objective, theta, spoil, numpy=True).passed is (factor < 1)


def test_a_gradient_of_zero_everywhere_is_told_from_one_that_is_lost_in_round_off():
    assert check_gradient(lambda t: 5.0, lambda t: 0 * t, np.ones(3)).passed
    lost = check_gradient(lambda t: float(1e6 + 1e-12 * np.sum(t)), lambda t: np.full(3, 1e-12), np.ones(3))
    assert not lost.passed
    assert "would not have been seen" in lost.findings[0].message


def test_a_part_without_gradient_is_measured_by_the_others():
    # Zero weights in the last layer: nothing reaches the first.
    objective, theta = net_objective()
    theta[objective.predictor.parts["layer2.weight"].slice] = 0
    certificate = certify_objective(objective, theta)
    assert certificate.passed
    assert certificate.resolution < 1e-3
    wrong = planted(objective, theta, lambda g: g["layer1.weight"].add_(0.01))
    assert [f.part for f in wrong.findings] == ["layer1.weight"]


# Any function


@pytest.mark.parametrize("kind", [np.float64, np.float32, F64, torch.float32])
def test_numpy_and_torch_in_both_precisions(kind):
    start = np.array([[-1.2, 1.0, 0.7], [0.4, -0.3, 1.1]])
    theta = torch.tensor(start, dtype=kind) if isinstance(kind, torch.dtype) else start.astype(kind)

    def pair(t):
        assert type(t) is type(theta)
        assert t.dtype == theta.dtype
        assert t.shape == theta.shape
        return np.asarray(t, dtype=np.float64).ravel()

    def cast(g):
        shaped = g.reshape(2, 3)
        return torch.tensor(shaped, dtype=kind) if isinstance(kind, torch.dtype) else shaped.astype(kind)

    right = check_gradient(lambda t: optimize.rosen(pair(t)), lambda t: cast(optimize.rosen_der(pair(t))), theta)
    assert right.passed, right
    assert right.resolution < 0.05
    wrong = check_gradient(lambda t: optimize.rosen(pair(t)), lambda t: cast(-optimize.rosen_der(pair(t))), theta)
    assert not wrong.passed


@pytest.mark.parametrize("seed", range(10))
def test_no_false_alarm_in_single_precision(seed):
    g = torch.Generator().manual_seed(seed)
    a, theta = torch.randn(40, 30, generator=g), torch.randn(30, generator=g)

    def fun(t):
        return torch.nn.functional.softplus(a @ t).mean()

    def grad(t):
        return a.mT @ torch.sigmoid(a @ t) / 40

    assert check_gradient(fun, grad, theta, seed=seed).passed
    assert not check_gradient(fun, lambda t: 1.5 * grad(t), theta, seed=seed).passed


def test_slices_and_parts_name_places():
    theta = np.arange(1.0, 7.0)
    wrong = np.array([1, 1, 1, 1, 1, 2])
    for parts in ({"a": slice(0, 2), "b": slice(2, None)}, {"a": Part(0, (2,), True), "b": Part(2, (2, 2), True)}):
        certificate = check_gradient(lambda t: np.sum(t**2), lambda t: 2 * t * wrong, theta, parts=parts)
        assert [p.passed for p in certificate.parts] == [True, False]
    assert certificate.findings[0].index == (1, 1)


def test_what_does_not_fit_is_refused():
    theta = np.ones(3)
    with pytest.raises(ShapeError, match=r"needs the shape of θ, \(3,\); found \(2,\)"):
        check_gradient(np.sum, lambda t: np.ones(2), theta)
    with pytest.raises(ShapeError, match="part 'a' needs a slice"):
        check_gradient(np.sum, np.ones_like, theta, parts={"a": slice(2, 5)})
    with pytest.raises(SpecificationError, match="floating-point entries, found int64"):
        check_gradient(np.sum, np.ones_like, np.arange(3))
    objective, theta = net_objective()
    with pytest.raises(ShapeError, match=r"one run; found \(2, 67\)"):
        certify_objective(objective, theta.expand(2, -1))


# Differences and the reference


@pytest.mark.parametrize("sparse", [False, True])
def test_slopes_lie_within_their_bounds_on_functions_known_exactly(sparse):
    theta = torch.tensor([0.3, -1.1], dtype=F64)
    cases = {
        "exp": (lambda t: torch.exp(t).sum(-1), torch.exp(theta)),
        "sin of a large argument": (lambda t: torch.sin(1e3 * t).sum(-1), 1e3 * torch.cos(1e3 * theta)),
        "kink nearby": (lambda t: (t - 0.3001).abs().sum(-1), torch.sign(theta - 0.3001)),
        "large constant": (lambda t: 1e8 + torch.tanh(t).sum(-1), 1 - torch.tanh(theta) ** 2),
    }
    assert slopes(cases["exp"][0], theta, torch.eye(2, dtype=F64), sparse=sparse).bound.max() < (
        5e-8 if sparse else 5e-11
    )
    for name, (f, exact) in cases.items():
        found = slopes(f, theta, torch.eye(2, dtype=F64), sparse=sparse)
        assert (np.abs(found.slope - exact.numpy()) <= found.bound).all(), name
        assert not found.kink.any(), name
        assert (found.bound < 1e-3 * exact.abs().max().item()).all(), name


def test_a_kink_at_theta_is_seen():
    found = slopes(
        lambda t: t.abs().sum(-1) + t[:, 0] / 2, torch.tensor([0.0, 2.0], dtype=F64), torch.eye(2, dtype=F64)
    )
    assert found.kink.tolist() == [True, False]
    assert found.slope[1] == pytest.approx(1.0, abs=1e-9)


@pytest.mark.parametrize("sigma", [1e-12, 1e-6, 1e-3])
def test_noise_is_measured(sigma):
    rng = np.random.default_rng(0)
    theta = torch.ones(3, dtype=F64)
    found = [
        noise(lambda t: t.sum(-1) + sigma * torch.from_numpy(rng.standard_normal(len(t))), theta, 3.0)
        for _ in range(20)
    ]
    assert sigma / 3 < np.median(found) < 3 * sigma


def test_noise_beside_a_large_entry_is_that_of_the_others():
    # η is rounded to the digits of 10⁶, which steps of the intercept alone do not show.
    x = torch.from_numpy(np.random.default_rng(0).standard_normal((50, 3)))
    theta = torch.tensor([0.3, -0.2, 0.1, 1e6], dtype=F64)
    y = x @ theta[:3] + 1e6 + 1

    def values(t):
        return torch.log1p((t[:, :3] @ x.T + t[:, 3:] - y) ** 2).mean(-1)

    digit = 2.0**-33
    assert noise(values, theta, float(values(theta[None])[0])) > 0.1 * digit / np.sqrt(12 * 50)
    slope = slopes(values, theta, torch.eye(4, dtype=F64))
    residual = x @ theta[:3] + theta[3] - y
    exact = torch.column_stack((x, torch.ones(50, dtype=F64))).T @ (2 * residual / (1 + residual**2)) / 50
    assert (np.abs(slope.slope - exact.numpy()) <= slope.bound).all()
    assert slope.bound.max() < 1e-5


@pytest.mark.parametrize("predictor", [
    lk.Linear(4, 2), lk.Linear(4, intercept=False), lk.MLP((4, 3, 2), activation="gelu"), lk.Constant(2),
    lk.Columns(lk.Linear(4, 2), log_scale=lk.Constant(), log_df=lk.Fixed(1.0)),
    lk.Module(torch.nn.Linear(4, 2).double(), outputs=2),
])  # fmt: skip
def test_the_reference_is_the_forward(predictor):
    x = data()[0]
    theta = torch.randn(predictor.size, dtype=F64)
    assert has_reference(predictor)
    pairs = zip(columns_of(reference_eta(predictor, theta, x)), columns_of(predictor.forward(theta, x)[0]), strict=True)
    for reference, column in pairs:
        torch.testing.assert_close(reference, column.expand_as(reference), rtol=1e-13, atol=1e-13)


def test_a_predictor_without_reference_is_certified_by_differences_alone():
    class Squares(Predictor):
        def __init__(self):
            self._lay_out({"weight": ((4, 1), True)})

        def forward(self, theta, x, draw=None):
            return (x @ self.views(theta)[0].square()), x

        def pullback(self, theta, tape, u, out):
            out.copy_((2 * self.views(theta)[0] * (tape.mT @ u)).flatten(-2))

        def pushforward(self, theta, tape, v):
            return tape @ (2 * self.views(theta)[0] * self.views(v)[0])

        def to_json(self):
            return {}

    x, y, _ = data(classes=2)
    certificate = certify_objective(lk.Objective(lk.family("bernoulli"), Squares(), x, y), torch.ones(4, dtype=F64))
    assert certificate.passed
    assert certificate.parts[0].worst_autograd is None


# What it looks like


def test_json_is_the_schema():
    objective, theta = net_objective()
    values = certify_objective(objective, theta).to_json("net")
    assert set(values) == set(Schema.__annotations__)
    assert set(values["parts"][0]) == set(PartSchema.__annotations__)
    assert json.loads(json.dumps(values, allow_nan=False)) == values
    assert values["model"] == "net"


def test_it_prints_as_a_table():
    objective, theta = net_objective()
    lines = str(certify_objective(objective, theta)).splitlines()
    assert lines[0].split() == ["part", "size", "checked", "differences", "all", "entries", "resolution"]
    assert [line.split()[0] for line in lines[1:5]] == list(objective.predictor.parts)
    assert all(line.endswith("passed") for line in lines[1:5])
    assert lines[5] == "Compared with central differences and autograd on 60 rows at θ."


# Second-order products


MATRIX = np.array([[2.0, 1.0], [1.0, 3.0]])


def second_order(hessian=None, fisher=None):
    return check_gradient(
        lambda t: float(0.5 * t @ MATRIX @ t + np.sum(t**4)),
        lambda t: MATRIX @ t + 4 * t**3,
        np.array([0.7, -0.4]),
        order=2,
        hessian=hessian,
        fisher=fisher,
    )


def test_right_products_pass():
    assert second_order(lambda t, v: MATRIX @ v + 12 * t**2 * v, lambda t, v: MATRIX @ v).passed


@pytest.mark.parametrize("hessian", [lambda t, v: -MATRIX @ v - 12 * t**2 * v, lambda t, v: MATRIX @ v])
def test_a_wrong_hessian_product_is_found_by_differences_of_the_gradient(hessian):
    certificate = second_order(hessian)
    assert not certificate.passed
    assert "Hessian product" in certificate.findings[0].message


def test_fisher_products_are_symmetric_and_never_negative():
    assert "never negative" in second_order(fisher=lambda t, v: -MATRIX @ v).findings[0].message
    skew = np.array([[0.0, 1.0], [-1.0, 0.0]])
    assert "not symmetric" in second_order(fisher=lambda t, v: (MATRIX + skew) @ v).findings[0].message


def test_products_of_objectives_and_modules_pass():
    x, y, _ = data(classes=2)
    objective = lk.Objective(lk.family("bernoulli"), lk.Linear(4), x, y, l2=0.5)
    certificate = certify_objective(objective, torch.full((5,), 0.1, dtype=F64), order=2)
    assert certificate.passed, certificate
    assert "Fisher product" in certificate.message
    assert "Hessian product" in certificate.message
    net = torch.nn.Sequential(torch.nn.Linear(4, 3), torch.nn.Tanh(), torch.nn.Linear(3, 1)).double()
    loss = torch.nn.BCEWithLogitsLoss()
    assert check_gradient(module=net, loss=loss, batch=(x, y[:, None].double()), order=2).passed
