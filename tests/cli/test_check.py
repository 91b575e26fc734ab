"""`likeliest check` as a student meets it: a loss and a gradient in a file, right and wrong; and model files."""

from __future__ import annotations

import json
from pathlib import Path
from textwrap import dedent

import pytest

from .conftest import Cli

NUMPY = """
    import numpy as np

    draws = np.random.default_rng(0)
    X, y = draws.normal(size=(32, 3)), draws.normal(size=32)
    theta = np.array([0.3, -0.1, 0.7])

    def loss(theta):
        return np.mean((X @ theta - y) ** 2) + 0.5 * np.sum(theta**2)

    def loss_grad(theta):
        return {gradient}
"""
RIGHT = "2 * X.T @ (X @ theta - y) / len(y) + theta"
TORCH = """
    import torch

    draws = torch.Generator().manual_seed(0)
    x, y = torch.randn(16, 4, generator=draws).double(), torch.randn(16, 1, generator=draws).double()
    batch = (x, y)

    class Squash(torch.autograd.Function):
        @staticmethod
        def forward(ctx, z):
            a = torch.tanh(z)
            ctx.save_for_backward(a)
            return a

        @staticmethod
        def backward(ctx, outer):
            (a,) = ctx.saved_tensors
            return outer * ({derivative})

    class Layer(torch.nn.Module):
        def forward(self, z):
            return Squash.apply(z)

    def net():
        torch.manual_seed(1)
        return torch.nn.Sequential(torch.nn.Linear(4, 5), Layer(), torch.nn.Linear(5, 1)).double()

    loss = torch.nn.functional.mse_loss
"""


@pytest.fixture
def file(tmp_path: Path):
    def write(code: str) -> Path:
        path = tmp_path / "mine.py"
        path.write_text(dedent(code), encoding="utf-8")
        return path

    return write


def test_a_right_gradient_passes(cli: Cli, file):
    ran = cli("check", f"{file(NUMPY.format(gradient=RIGHT))}:loss")
    assert ran.code == 0
    assert "theta" in ran.out
    assert "passed" in ran.out


@pytest.mark.parametrize(
    ("gradient", "cause", "words"),
    [
        (f"-({RIGHT})", "sign", "sign"),
        ("2 * X.T @ (X @ theta - y) + 32 * theta", "scale", "32"),
        ("2 * X.T @ (X @ theta - y) / len(y)", "missing_term", "theta"),
        (f"np.roll({RIGHT}, 1)", "shifted", "shifted"),
        (f"np.array([1, 0, 1]) * ({RIGHT})", "zeroed", "theta[1]"),
    ],
)
def test_a_wrong_one_fails_and_the_message_says_why(cli: Cli, file, gradient, cause, words):
    path = file(NUMPY.format(gradient=gradient))
    ran = cli("check", f"{path}:loss")
    assert ran.code == 1
    assert words in ran.out
    told = cli("check", f"{path}:loss", "--json")
    assert told.code == 1
    assert json.loads(told.out)["findings"][0]["cause"] == cause


@pytest.mark.parametrize(("derivative", "code"), [("1 - a**2", 0), ("1 - a", 1), ("1 + 0 * a", 1)])
def test_a_torch_module_with_a_backward_of_its_own(cli: Cli, file, derivative, code):
    ran = cli("check", f"{file(TORCH.format(derivative=derivative))}:net", "--json")
    assert ran.code == code
    findings = json.loads(ran.out)["findings"]
    if code:
        assert (findings[0]["layer"], findings[0]["cause"]) == ("1", "nonlinearity")


def test_a_dictionary_of_arguments(cli: Cli, file):
    code = NUMPY.format(gradient=RIGHT) + "\n    case = {'fun': loss, 'grad': loss_grad, 'theta': theta}\n"
    assert cli("check", f"{file(code)}:case").code == 0


@pytest.mark.parametrize(
    ("code", "name", "message"),
    [
        ("def loss(theta): return 0.0", "loss", "needs its gradient, a function of θ; define loss_grad"),
        ("def loss(t): return 0.0\ndef loss_grad(t): return t", "loss", "define loss_theta in the file"),
        ("def loss(theta): return 0.0", "lose", "it has no lose; did you mean loss?"),
        ("def loss(theta:\n", "loss", "mine.py line 1: "),
        ("import nothing_of_that_name", "loss", "line 1: ModuleNotFoundError"),
        ("loss = 3.0", "loss", "found a float"),
        (
            "import numpy as np\ntheta = np.ones(2)\ndef loss(t): return t.total()\ndef loss_grad(t): return t",
            "loss",
            "line 3, in loss: AttributeError",
        ),
        ("import torch\nnet = torch.nn.Linear(2, 1)", "net", "net needs a function of (output, y)"),
    ],
)
def test_a_file_that_cannot_be_used_is_an_error_with_its_place(cli: Cli, file, code, name, message):
    ran = cli("check", f"{file(code)}:{name}")
    assert ran.code == 2
    assert message in ran.err
    assert "Traceback" not in ran.err


def test_a_file_that_is_not_there(cli: Cli, tmp_path: Path):
    ran = cli("check", tmp_path / "none.py:loss")
    assert ran.code == 2
    assert "no such file" in ran.err


def test_a_model_file_with_data_and_without(cli: Cli, people_csv: Path, tmp_path: Path):
    model = tmp_path / "people.likeliest"
    assert cli("fit", people_csv, "--target", "smoker", "--model", "linear", "-o", model).code == 0
    for more in ((), ("--data", people_csv)):
        ran = cli("check", model, *more)
        assert ran.code == 0, ran.err
        assert "passed" in ran.out
    ran = cli("check", f"{tmp_path / 'mine.py'}:loss", "--data", people_csv)
    assert ran.code == 2
    assert "leave out the data" in ran.err


PRODUCTS = """
    def loss_hessian(theta, v):
        return {factor} * 2 * X.T @ (X @ v) / len(y) + v

    def loss_fisher(theta, v):
        return 2 * X.T @ (X @ v) / len(y)
"""


@pytest.mark.parametrize(("factor", "code"), [(1, 0), (3, 1)])
def test_second_order_products_beside_the_gradient_are_certified_when_asked_for(cli: Cli, file, factor, code):
    path = file(NUMPY.format(gradient=RIGHT) + PRODUCTS.format(factor=factor))
    assert cli("check", f"{path}:loss").code == 0
    ran = cli("check", f"{path}:loss", "--order", "2")
    assert ran.code == code
    assert "Hessian product" in ran.out
    assert "Fisher product" in ran.out


def test_second_order_of_modules_and_models_and_of_a_function_without_products(cli: Cli, file, people_csv, tmp_path):
    ran = cli("check", f"{file(TORCH.format(derivative='1 - a**2'))}:net", "--order", "2")
    assert ran.code == 0
    assert "Hessian product" in ran.out
    model = tmp_path / "people.likeliest"
    assert cli("fit", people_csv, "--target", "smoker", "--model", "linear", "-o", model).code == 0
    ran = cli("check", model, "--order", "2")
    assert ran.code == 0, ran.err
    assert "Fisher product" in ran.out
    ran = cli("check", f"{file(NUMPY.format(gradient=RIGHT))}:loss", "--order", "2")
    assert ran.code == 2
    assert "order=2 needs hessian or fisher" in ran.err
