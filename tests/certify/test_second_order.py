"""Second-order products: right ones pass, spoilt ones are found in their part, and what was not looked at is said."""

from __future__ import annotations

import numpy as np
import pytest
import torch

import likeliest as lk
from likeliest.certify import certify_objective, check_gradient
from likeliest.certify.information import family_at_fault
from likeliest.families import Automatic, families
from likeliest.randomness import stream

F64 = torch.float64

# Functions, with the Hessian and a Gauss-Newton product by hand

DRAWS = np.random.default_rng(0)
X, Y = DRAWS.normal(size=(30, 4)), DRAWS.normal(size=30)
THETA = {"weight": DRAWS.normal(size=(4,)), "bias": np.array([0.3]), "scale": np.array([0.7])}


def residual(t):
    return t["scale"] * np.tanh(X @ t["weight"] + t["bias"]) - Y


def fun(t):
    return 0.5 * np.sum(residual(t) ** 2)


def jacobian(t):
    a = np.tanh(X @ t["weight"] + t["bias"])
    inner = t["scale"] * (1 - a**2)
    return np.concatenate([inner[:, None] * X, inner[:, None], a[:, None]], 1)


def split(flat):
    return {"weight": flat[:4], "bias": flat[4:5], "scale": flat[5:]}


def joined(t):
    return np.concatenate([t["weight"], t["bias"], t["scale"]])


def grad(t):
    return split(jacobian(t).T @ residual(t))


def gauss_newton(t):
    return jacobian(t).T @ jacobian(t)


def curvature(t):
    a = np.tanh(X @ t["weight"] + t["bias"])
    padded = np.concatenate([X, np.ones((30, 1))], 1)
    twice = residual(t) * t["scale"] * -2 * a * (1 - a**2)
    matrix = np.zeros((6, 6))
    matrix[:5, :5] = padded.T @ (twice[:, None] * padded)
    matrix[:5, 5] = matrix[5, :5] = padded.T @ (residual(t) * (1 - a**2))
    return gauss_newton(t) + matrix


def certified(hessian=None, fisher=None, gradient=grad):
    def product(matrix):
        return None if matrix is None else lambda t, v: split(matrix(t) @ joined(v))

    return check_gradient(fun, gradient, THETA, order=2, hessian=product(hessian), fisher=product(fisher))


def spoilt(matrix, spoil):
    def wrong(t):
        m = matrix(t).copy()
        spoil(m)
        return m

    return wrong


def test_right_products_pass_and_the_resolution_is_stated():
    certificate = certified(curvature, gauss_newton)
    assert certificate.passed, certificate
    assert "Hessian product at θ: symmetry, differences of the gradient along 2 directions" in certificate.message
    assert "Fisher product at θ: symmetry, vᵀFv ≥ 0." in certificate.message
    assert float(certificate.message.split("resolution ")[1].split(".\x20")[0]) < 1e-6


def scale_part(m):
    m[:4] *= 2


def zero_block(m):
    m[4, :4] = 0


def zero_both_blocks(m):
    m[:4, 5] = m[5, :4] = 0


def one_entry(m):
    m[2, 2] *= 1.0001


@pytest.mark.parametrize(
    ("spoil", "parts", "words"),
    [
        (scale_part, {"weight"}, "scale; it is 2 times"),
        (zero_block, {"bias"}, "and only where v moves weight"),
        (zero_both_blocks, {"scale", "weight"}, "and only where v moves weight"),
        (one_entry, {"weight"}, "and only where v moves weight"),
        (lambda m: m.__imul__(-1), {"scale", "bias", "weight"}, "sign"),
    ],
)
def test_a_spoilt_hessian_product_is_found_in_its_part(spoil, parts, words):
    certificate = certified(spoilt(curvature, spoil))
    assert {f.part for f in certificate.findings} == parts
    assert {p.part for p in certificate.parts if not p.passed} == parts
    assert "Hessian product along a random v" in certificate.findings[0].message
    assert words in certificate.findings[0].message


def test_a_gauss_newton_product_is_no_hessian_product():
    certificate = certified(gauss_newton)
    assert "bias" in {f.part for f in certificate.findings}


@pytest.mark.parametrize(
    ("spoil", "part", "words"),
    [
        (zero_block, "bias", "not symmetric for u in weight and v in bias"),
        (lambda m: m[:4, :4].__iadd__(np.triu(np.ones((4, 4)), 1)), "weight", "not symmetric within weight"),
        (lambda m: m[4:5, 4:5].__imul__(-1), "bias", "most of it in bias"),
        (lambda m: m[:4, :4].__isub__(1e-3 * np.eye(4) * 1e3), "weight", "never negative"),
        (lambda m: m.__imul__(-1), "weight", "never negative"),
    ],
)
def test_a_spoilt_fisher_product_of_a_function_is_found_in_its_part(spoil, part, words):
    certificate = certified(fisher=spoilt(gauss_newton, spoil))
    assert [f.part for f in certificate.findings] == [part]
    assert words in certificate.findings[0].message
    assert certificate.findings[0].message.startswith("Fisher product: ")


def test_one_negative_curvature_among_many_is_found():
    diagonal = np.linspace(1, 5, 40)
    diagonal[17] = -0.01
    certificate = check_gradient(
        lambda t: float(np.sum(t**2)),
        lambda t: 2 * t,
        np.ones(40),
        order=2,
        fisher=lambda t, v: diagonal * v,
        parts={"a": slice(0, 10), "b": slice(10, 30), "c": slice(30, 40)},
    )
    assert [f.part for f in certificate.findings] == ["b"]


def test_nan_products_are_wrong():
    assert not certified(lambda t: np.full((6, 6), np.nan)).passed
    assert not certified(fisher=lambda t: np.full((6, 6), np.nan)).passed


def test_where_the_gradient_is_wrong_the_hessian_is_not_certified_and_the_fisher_product_is():
    certificate = certified(curvature, spoilt(gauss_newton, zero_block), lambda t: split(-joined(grad(t))))
    assert "Hessian product: not certified, for the gradient is wrong; mend that first." in certificate.message
    assert "Hessian product" not in " ".join(f.message for f in certificate.findings)
    assert "not symmetric" in certificate.findings[-1].message


def test_a_wrong_hessian_product_does_not_stop_the_fisher_product():
    certificate = certified(spoilt(curvature, scale_part), spoilt(gauss_newton, zero_block))
    assert [f.message.split(":")[0] for f in certificate.findings if "symmetric" in f.message] == ["Fisher product"]


# Modules


def net(activation=torch.nn.Tanh, dtype=F64):
    torch.manual_seed(0)
    return torch.nn.Sequential(torch.nn.Linear(4, 6), activation(), torch.nn.Linear(6, 2)).to(dtype)


def batch(dtype=F64, n=24):
    g = torch.Generator().manual_seed(1)
    return torch.randn(n, 4, generator=g, dtype=dtype), torch.randint(2, (n,), generator=g)


@pytest.mark.parametrize("dtype", [F64, torch.float32])
@pytest.mark.parametrize("activation", [torch.nn.Tanh, torch.nn.ReLU, torch.nn.GELU])
def test_a_modules_double_backward_passes(activation, dtype):
    module = net(activation, dtype)
    certificate = check_gradient(module=module, loss=torch.nn.CrossEntropyLoss(), batch=batch(dtype), order=2)
    assert certificate.passed, certificate
    assert "Hessian product" in certificate.message


def test_a_relu_net_on_a_kink_is_compared_beside_it():
    x, y = batch()
    x[:5] = 0
    module = net(torch.nn.ReLU)
    torch.nn.init.zeros_(module[0].bias)
    certificate = check_gradient(module=module, loss=torch.nn.CrossEntropyLoss(), batch=(x, y), order=2)
    assert certificate.passed, certificate
    assert "Hessian product a little way from θ, for at θ itself it lies on a kink" in certificate.message


class Square(torch.autograd.Function):
    """z², whose backward is right and whose backward's derivative is cut off."""

    @staticmethod
    def forward(ctx, z):
        ctx.save_for_backward(z)
        return z**2

    @staticmethod
    def backward(ctx, outer):
        (z,) = ctx.saved_tensors
        return outer * 2 * z.detach()


class Squares(torch.nn.Module):
    def forward(self, z):
        return Square.apply(z)


def test_a_backward_that_cannot_be_differentiated_is_found_before_its_layer():
    module = net(Squares)
    certificate = check_gradient(module=module, loss=torch.nn.CrossEntropyLoss(), batch=batch(), order=2)
    assert {f.part for f in certificate.findings} == {"0.weight", "0.bias"}
    assert all("Hessian product" in f.message for f in certificate.findings)


# Objectives


def columns(make, names):
    return lk.Columns(**{name: make(4, 1) for name in names})


def linear(inputs, outputs):
    return lk.Linear(inputs, outputs)


def mlp(inputs, outputs):
    return lk.MLP((inputs, 5, outputs), activation="tanh")


SUBJECTS = {
    "normal": (lambda: lk.family("normal"), lambda make: columns(make, ("mean", "log_scale"))),
    "probit": (lambda: lk.family("bernoulli", link="probit"), lambda make: make(4, 1)),
    "categorical": (lambda: lk.family("categorical"), lambda make: make(4, 3)),
    "gamma": (lambda: lk.family("gamma"), lambda make: columns(make, lk.family("gamma").columns)),
    "student_t": (lambda: lk.family("student_t"), lambda make: columns(make, lk.family("student_t").columns)),
    "poisson": (lambda: lk.family("poisson"), lambda make: make(4, 1)),
}


def objective(subject, make, spoil=None, l2=0.3):
    """Targets drawn from the family itself, at the θ of the certificate."""
    family, predictor = SUBJECTS[subject][0](), SUBJECTS[subject][1](make)
    x = torch.randn(40, 4, generator=torch.Generator().manual_seed(2), dtype=F64)
    theta = 0.3 * torch.randn(predictor.size, generator=torch.Generator().manual_seed(3), dtype=F64)
    y = family.sample(predictor.forward(theta, x)[0], stream(0, "y"))
    weight = torch.linspace(0.5, 2, 40, dtype=F64)
    found = lk.Objective(family, predictor, x, y, weight, l2=l2)
    return (found if spoil is None else spoil(found)), theta


@pytest.mark.parametrize("make", [linear, mlp])
@pytest.mark.parametrize("subject", SUBJECTS)
def test_products_of_objectives_pass(subject, make):
    certificate = certify_objective(*objective(subject, make), order=2)
    assert certificate.passed, certificate
    assert "Fisher product at θ: symmetry, differences of η, with the family's F," in certificate.message
    assert ("Hessian product" in certificate.message) is (make is linear)


def with_fisher(factor):
    def spoil(found):
        family = found.family
        right = type(family).fisher_times

        class Spoilt(type(family)):
            def fisher_times(self, eta, v):
                product = right(self, eta, v)
                if isinstance(product, torch.Tensor):
                    return product * factor
                return (*product[:-1], product[-1] * factor)

        settings = {name: getattr(family, name) for name in getattr(family, "__dataclass_fields__", {})}
        wrong = Spoilt(**settings)
        return lk.Objective(
            wrong, found.predictor, found.x, found.y, found.weight, l2=0.0 if found.l2 is None else found.l2
        )

    return spoil


@pytest.mark.parametrize("make", [linear, mlp])
@pytest.mark.parametrize("subject", SUBJECTS)
def test_a_wrong_fisher_information_of_a_family_is_found_in_its_column(subject, make):
    wrong, theta = objective(subject, make, with_fisher(2.0))
    certificate = certify_objective(wrong, theta, order=2)
    columns = wrong.family.columns
    named = columns[-1] if columns and len(columns) > 1 else "bias"
    assert named in certificate.findings[0].part
    message = certificate.findings[0].message
    assert "the family's Fisher information is wrong in the column" in message
    assert certificate.findings[0].got == pytest.approx(2 * certificate.findings[0].expected, rel=0.1)


def test_a_fisher_information_that_is_negative_is_found():
    wrong, theta = objective("gamma", linear, with_fisher(-1.0), l2=0.0)
    certificate = certify_objective(wrong, theta, order=2)
    assert certificate.findings[0].part.startswith("log_")
    assert certificate.findings[0].got < 0 < certificate.findings[0].expected


def with_pushforward(part, factor):
    def spoil(found):
        class Spoilt(type(found.predictor)):
            def pushforward(self, theta, tape, v):
                v = v.clone()
                v[..., self.parts[part].slice] *= factor
                return super().pushforward(theta, tape, v)

        predictor = found.predictor
        arguments = (predictor.sizes,) if hasattr(predictor, "sizes") else (4, predictor.outputs)
        keywords = {"activation": predictor.activation} if hasattr(predictor, "activation") else {}
        return lk.Objective(found.family, Spoilt(*arguments, **keywords), found.x, found.y, found.weight, l2=found.l2)

    return spoil


@pytest.mark.parametrize("factor", [2.0, 0.0, 1.001])
@pytest.mark.parametrize(("make", "part"), [(linear, "bias"), (mlp, "layer1.weight"), (mlp, "layer2.bias")])
def test_a_pushforward_that_is_wrong_in_one_part_is_found_with_the_part_of_v(make, part, factor):
    wrong, theta = objective("categorical", make, with_pushforward(part, factor))
    certificate = certify_objective(wrong, theta, order=2)
    assert not certificate.passed
    assert f"and only where v moves {part}" in certificate.findings[0].message


def test_a_hessian_product_of_an_objective_that_is_wrong_is_found():
    def spoil(found):
        class Spoilt(type(found.family)):
            def observed_times(self, eta, y, v):
                mean, scale = super().observed_times(eta, y, v)
                return mean, 1.01 * scale

        return lk.Objective(Spoilt(), found.predictor, found.x, found.y, found.weight, l2=found.l2)

    wrong, theta = objective("normal", linear, spoil)
    certificate = certify_objective(wrong, theta, order=2)
    assert {f.part.split(".")[0] for f in certificate.findings} == {"log_scale"}
    assert all("Hessian product" in f.message for f in certificate.findings)


def test_where_an_objectives_gradient_is_wrong_its_products_are_not_certified():
    def spoil(found):
        class Spoilt(type(found.family)):
            def score(self, eta, y):
                return 2 * super().score(eta, y)

        return lk.Objective(Spoilt(), found.predictor, found.x, found.y)

    certificate = certify_objective(*objective("categorical", linear, spoil), order=2)
    assert not certificate.passed
    assert "Fisher product: not certified" in certificate.message
    assert "Hessian product: not certified" in certificate.message


def test_a_family_of_ones_own_without_fisher_information_is_certified_by_its_hessian_alone():
    class Gumbel(Automatic):
        columns = ("mode", "log_scale")

        def log_prob(self, eta, y):
            mode, log_scale = eta
            z = (y - mode) * torch.exp(-log_scale)
            return -z - torch.exp(-z) - log_scale

    x, y = torch.randn(30, 4, dtype=F64), torch.randn(30, dtype=F64)
    found = lk.Objective(Gumbel(), lk.Columns(mode=lk.Linear(4), log_scale=lk.Constant()), x, y)
    certificate = certify_objective(found, torch.full((6,), 0.1, dtype=F64), order=2)
    assert certificate.passed, certificate
    assert "Fisher" not in certificate.message
    assert "Hessian product" in certificate.message


@pytest.mark.parametrize("family", [f for f in families() if f.has_fisher], ids=lambda f: f"{f.name}-{f.link}")
@pytest.mark.parametrize("size", [0.3, 2.0])
def test_the_variance_of_every_familys_score_raises_no_alarm(family, size):
    k = len(family.columns) if family.columns else 3
    g = torch.Generator().manual_seed(4)
    eta = size * torch.randn(20, k, generator=g, dtype=F64)
    eta[:, 1:] = eta[:, 1:].clamp(min=-1)  # a t distribution with fewer degrees of freedom draws infinities
    eta[:, 0] = eta[:, 0].clamp(family.domain[0] + 0.1, family.domain[1] - 0.1)

    class Free(lk.predictors.Predictor):
        """η = θ, a row each."""

        outputs = k

        def __init__(self):
            self._lay_out({"eta": ((20, k), True)})

        def forward(self, theta, x, draw=None):
            (own,) = self.views(theta)
            return (own if k == 1 or family.columns is None else own.unbind(-1)), None

        def pullback(self, theta, tape, u, out):
            out.copy_((torch.stack(u, -1) if isinstance(u, tuple) else u).reshape(-1))

        def pushforward(self, theta, tape, v):
            return self.forward(v, None)[0]

        def to_json(self):
            return {}

    y = family.sample(eta if k == 1 or family.columns is None else eta.unbind(-1), stream(1, "y"))
    found = lk.Objective(family, Free(), torch.zeros(20, 1, dtype=F64), y)
    for seed in range(2):
        assert not family_at_fault(found, eta.reshape(-1), seed)


def test_events_too_rare_to_be_drawn_raise_no_alarm():
    x, y = torch.zeros(20, 1, dtype=F64), torch.zeros(20, dtype=F64)
    found = lk.Objective(lk.family("poisson"), lk.Linear(1), x, y)
    for seed in range(3):
        assert not family_at_fault(found, torch.tensor([0.0, -14.0], dtype=F64), seed)


def test_a_fisher_information_that_is_wrong_between_two_columns_alone_is_found():
    def spoil(found):
        class Spoilt(type(found.family)):
            def fisher_times(self, eta, v):
                mean, scale = super().fisher_times(eta, v)
                between = torch.exp(-eta[1])
                return mean + between * v[1], scale + between * v[0]

        return lk.Objective(Spoilt(), found.predictor, found.x, found.y, found.weight, l2=found.l2)

    certificate = certify_objective(*objective("normal", linear, spoil), order=2)
    assert not certificate.passed
    assert "the family's Fisher information is wrong in a mixture of all columns" in certificate.findings[0].message
