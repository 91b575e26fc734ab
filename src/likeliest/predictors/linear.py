"""η = x W + b: the predictor of linear, logistic, softmax and Poisson regression."""

from __future__ import annotations

import math
from typing import Any, Self

import torch
from torch import Tensor

from likeliest.interfaces import Draw
from likeliest.predictors.base import Predictor


def affine(a: Tensor, weight: Tensor, bias: Tensor) -> Tensor:
    """A W + b for one run, or for runs on leading axes of a, W and b."""
    if weight.ndim == 2:
        return torch.addmm(bias, a, weight)
    return torch.matmul(a, weight).add_(bias.unsqueeze(-2))


def write_product(a: Tensor, u: Any, out: Tensor) -> None:
    """Write aᵀu, summed over rows, into a view of the flat gradient, which may be finer than they are."""
    if out.ndim == 2 and out.dtype == u.dtype:
        torch.mm(a.mT, u, out=out)
    else:
        out.copy_(torch.matmul(a.mT, u))


def write_row_sum(u: Any, out: Tensor) -> None:
    """Write the sum of u over rows into a view of the flat gradient."""
    if out.ndim == 1:
        torch.sum(u, 0, dtype=out.dtype, out=out)
    else:
        out.copy_(u.sum(-2, dtype=out.dtype))


def shared_affine(x: Tensor, weight: Tensor, bias: Tensor | None) -> Tensor:
    """X W_r + b_r for runs r that share X (n, p), as one product with the (p, R·K) matrix of all their columns."""
    runs, inputs, outputs = weight.shape
    columns = weight.transpose(0, 1).reshape(inputs, runs * outputs)
    eta = torch.mm(x, columns).view(len(x), runs, outputs).transpose(0, 1)
    return eta if bias is None else eta.add_(bias.unsqueeze(-2))


def write_shared_product(x: Tensor, u: Any, out: Tensor) -> None:
    """Write Xᵀu_r of runs r that share X (n, p) into views of their gradients, from one product."""
    runs, rows, outputs = u.shape
    columns = u.transpose(0, 1).reshape(rows, runs * outputs)
    out.copy_(torch.mm(x.mT, columns).view(-1, runs, outputs).transpose(0, 1))


class Linear(Predictor):
    """η = x W + b, with W (p, K) and b (K,).

    Pullback: ∂/∂W = xᵀu and ∂/∂b = Σu, so under a canonical link the gradient is Xᵀ(y − μ).

    Args:
        inputs: p, the length of a row of x.
        outputs: K, the number of columns of η.
        intercept: whether there is a b. It is never penalised.

    Example:
        >>> import likeliest as lk
        >>> {name: part.shape for name, part in lk.Linear(3, 2).parts.items()}
        {'weight': (3, 2), 'bias': (2,)}
    """

    linear = True
    inputs: int

    def __init__(self, inputs: int, outputs: int = 1, *, intercept: bool = True) -> None:
        self.inputs, self.outputs, self.intercept = inputs, outputs, intercept
        bias = {"bias": ((outputs,), False)} if intercept else {}
        self._lay_out({"weight": ((inputs, outputs), True), **bias})

    def forward(self, theta: Tensor, x: Tensor, draw: Draw | None = None) -> tuple[Tensor, Tensor]:
        """Return η (…, n, K); the tape is x itself."""
        weight, *bias = self.views(theta)
        if weight.ndim == 3 and x.ndim == 2:
            return shared_affine(x, weight, bias[0] if bias else None), x
        return (affine(x, weight, bias[0]) if bias else torch.matmul(x, weight)), x

    def pullback(self, theta: Tensor, tape: Tensor, u: Any, out: Tensor) -> None:
        """Write (xᵀu, Σu)."""
        weight, *bias = self.views(out)
        if weight.ndim == 3 and tape.ndim == 2:
            write_shared_product(tape, u, weight)
        else:
            write_product(tape, u, weight)
        if bias:
            write_row_sum(u, bias[0])

    def pushforward(self, theta: Tensor, tape: Tensor, v: Tensor) -> Tensor:
        """Return x V + c: η is its own derivative."""
        return self.forward(v, tape)[0]

    def jacobian(self, theta: Tensor, tape: Tensor) -> list[tuple[Tensor, Tensor]]:
        """Every column of η has the same matrix, (x, 1)."""
        x = torch.cat((tape, tape.new_ones(len(tape), 1)), -1) if self.intercept else tape
        rows = torch.arange(x.shape[-1], device=x.device) * self.outputs
        return [(x, rows + k) for k in range(self.outputs)]

    @property
    def jacobian_widths(self) -> tuple[int, ...]:
        """p, and 1 for the intercept, for every column."""
        return (self.inputs + self.intercept,) * self.outputs

    def gauge(self) -> Tensor:
        """Adding one number to a whole row of (W; b): rows of (W; b) times 1/√K, one direction each."""
        rows = self.inputs + self.intercept
        ones = torch.full((self.outputs, 1), 1 / math.sqrt(self.outputs), dtype=torch.float64)
        return torch.kron(torch.eye(rows, dtype=torch.float64), ones)

    def reexpress(self, theta: Tensor, centre: Tensor, scale: Tensor) -> Tensor:
        """W / scale, and b − centre · (W / scale)."""
        weight, *bias = self.views(theta)
        rescaled = weight / scale.unsqueeze(-1)
        moved = [b - torch.matmul(centre, rescaled) for b in bias]
        return torch.cat((rescaled.flatten(-2), *moved), -1)

    def affine_output(self, theta: Tensor, scale: float, shift: float) -> Tensor:
        """W · scale, b · scale + shift."""
        if not self.intercept:
            return super().affine_output(theta, scale, shift)
        moved = theta * scale
        moved[..., self.parts["bias"].slice] += shift
        return moved

    @property
    def has_intercepts(self) -> bool:
        """Whether there is a b."""
        return self.intercept

    def to_json(self) -> dict[str, Any]:
        """Plain values; see `Predictor.to_json`."""
        return {"kind": "linear", "inputs": self.inputs, "outputs": self.outputs, "intercept": self.intercept}

    @classmethod
    def from_json(cls, values: dict[str, Any]) -> Self:
        """Inverse of `to_json`."""
        return cls(values["inputs"], values["outputs"], intercept=values["intercept"])
