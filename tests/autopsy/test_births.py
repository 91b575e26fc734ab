"""The operation that makes the first number that is not finite is found, and said to be undefined where it is."""

import math

import pytest
import torch
from torch import nn

from likeliest.autopsy.births import Births, InSingle

X = torch.tensor([0.5, 2.0, 3.0])


@pytest.mark.parametrize(
    ("evaluate", "operation", "undefined"),
    [
        (lambda: torch.log(X - 2), "log", "the log of a negative number"),
        (lambda: torch.log(torch.relu(X - 2)), "log", "the log of 0"),
        (lambda: torch.log1p(-X), "log1p", "the log of a negative number"),
        (lambda: torch.sqrt(X - 1), "sqrt", "the square root of a negative number"),
        (lambda: X / (X - 2), "div", "a division by 0"),
        (lambda: (X - 2) / (X - 2), "div", "0/0"),
        (lambda: (X - 2).rsqrt(), "rsqrt", "the square root of a negative number"),
        (lambda: torch.acos(X), "acos", "acos where it has no value"),
        (lambda: (X - 2) ** -1.5, "pow", "a power of 0 or of a negative number"),
        (lambda: torch.exp(100 * X), "exp", ""),
        (lambda: (1e30 * X) * (1e30 * X), "mul", ""),
        (lambda: X.mul_(1e30).clone().square_().log(), "pow", ""),
        (lambda: (1e5 * X).half(), "_to_copy", ""),
    ],
)
def test_names_the_operation(evaluate, operation, undefined):
    kept = X.clone()
    with Births() as births:
        evaluate()
    X.copy_(kept)
    assert births.first.operation.rstrip("_") == operation
    assert births.first.undefined == undefined
    assert births.halves == births.first.half == (operation == "_to_copy")


def test_a_slope_that_is_undefined_is_born_on_the_way_back():
    x = torch.zeros(3, requires_grad=True)
    with torch.enable_grad(), Births() as births:
        root = torch.sqrt(x).sum()
        assert births.birth is None
        root.backward()
    assert "0" in births.first.undefined


def test_infinities_on_purpose_are_no_births_but_the_nan_they_make_is():
    scores = torch.randn(4, 5)
    with Births() as births:
        scores.masked_fill(torch.arange(5) > 2, -math.inf).softmax(1)
        torch.empty(100).new_empty(3)
    assert births.birth is None
    with Births() as births:
        scores.masked_fill(torch.ones(5, dtype=torch.bool), -math.inf).softmax(1)
    assert births.first is None
    assert "softmax" in births.birth.undefined


class Half(nn.Linear):
    def forward(self, x):
        with torch.autocast("cpu", dtype=torch.bfloat16):
            inner = super().forward(x)
        return inner.float() + nn.functional.linear(x.half(), self.weight.half(), self.bias.half()).float()


def test_in_single_computes_as_if_half_had_never_been_asked_for():
    torch.manual_seed(0)
    layer, x = Half(6, 4), torch.randn(5, 6)
    with InSingle(), Births() as births:
        found = layer(x)
        slope = torch.autograd.grad(found.sum(), layer.weight)[0]
    assert not births.halves
    expected = 2 * nn.functional.linear(x, layer.weight, layer.bias)
    torch.testing.assert_close(found, expected)
    torch.testing.assert_close(slope, torch.autograd.grad(expected.sum(), layer.weight)[0])
    assert not torch.allclose(layer(x), expected, rtol=1e-6, atol=1e-6)
