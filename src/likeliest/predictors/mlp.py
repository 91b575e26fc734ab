"""The multilayer perceptron, with its backpropagation written out by hand.

Layer l computes z_l = a_{l−1} W_l + b_l and a_l = h(z_l); the last layer has no h, and η = z_L. Pulling u = u_L back:

    ∂/∂W_l = a_{l−1}ᵀ u_l,    ∂/∂b_l = Σ_rows u_l,    u_{l−1} = (u_l W_lᵀ) ⊙ h′(z_{l−1})

which is the linear predictor's rule at every layer (Rumelhart, Hinton and Williams, 1986). No autograd graph is built.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple, Self

import numpy as np
import torch
from torch import Tensor

from likeliest.errors import SpecificationError, UnknownNameError
from likeliest.interfaces import Draw
from likeliest.predictors.base import Predictor
from likeliest.predictors.linear import affine, write_product, write_row_sum

_aten = torch.ops.aten


class Activation(NamedTuple):
    """An elementwise h: ``times_derivative(u, kept)`` is u ⊙ h′(z); ``kept`` is z or h(z), as ``keeps_input`` says."""

    apply: Callable[[Tensor], Tensor]
    times_derivative: Callable[[Tensor, Tensor], Tensor]
    keeps_input: bool
    init_gain: float


ACTIVATIONS = {
    "relu": Activation(torch.relu_, lambda u, a: _aten.threshold_backward(u, a, 0), False, 2.0),
    "tanh": Activation(torch.tanh_, _aten.tanh_backward, False, 1.0),
    "logistic": Activation(torch.sigmoid_, _aten.sigmoid_backward, False, 1.0),
    "gelu": Activation(torch.nn.functional.gelu, _aten.gelu_backward, True, 2.0),
}
"""relu max(0, z), tanh, logistic 1/(1 + e⁻ᶻ), gelu z Φ(z) (Hendrycks and Gimpel, 2016)."""


class MLP(Predictor):
    """A fully connected net: η = h(… h(x W₁ + b₁) …) W_L + b_L.

    Weights start normal with variance gain / fan-in, gain 2 for relu and gelu (He et al., 2015) and 1 otherwise (LeCun
    et al., 1998), the last layer with gain 1; intercepts start at 0.

    Args:
        sizes: widths from the inputs to the columns of η, such as (784, 256, 10); two of them make a linear model.
        activation: "relu", "tanh", "logistic" or "gelu".

    Raises:
        SpecificationError: fewer than two widths, or one below 1.
        UnknownNameError: no activation goes by that name.

    Example:
        >>> import likeliest as lk
        >>> lk.MLP((4, 8, 3)).size
        67
    """

    def __init__(self, sizes: Sequence[int], *, activation: str = "relu") -> None:
        if len(sizes) < 2 or min(sizes) < 1:
            raise SpecificationError(
                f"an MLP needs at least two widths of 1 or more, such as (784, 256, 10); found {sizes}"
            )
        if activation not in ACTIVATIONS:
            raise UnknownNameError(f"no activation {activation!r}; there are {', '.join(ACTIVATIONS)}")
        self.sizes, self.activation = tuple(int(s) for s in sizes), activation
        self.inputs, self.outputs = self.sizes[0], self.sizes[-1]
        self.linear = len(self.sizes) == 2
        layers = list(zip(self.sizes, self.sizes[1:], strict=False))
        weights = {f"layer{i}.weight": (shape, True) for i, shape in enumerate(layers, 1)}
        biases = {f"layer{i}.bias": (shape[1:], False) for i, shape in enumerate(layers, 1)}
        self._lay_out({**weights, **biases})
        self._depth = len(layers)
        self._h = ACTIVATIONS[activation]

    def _init_one(self, stream: np.random.Generator) -> Tensor:
        theta = torch.zeros(self.size, dtype=torch.float64)
        for layer, weight in enumerate(self.views(theta)[: self._depth], 1):
            gain = self._h.init_gain if layer < self._depth else 1.0
            scale = math.sqrt(gain / weight.shape[0])
            weight.copy_(torch.from_numpy(stream.normal(0.0, scale, tuple(weight.shape))))
        return theta

    def forward(self, theta: Tensor, x: Tensor, draw: Draw | None = None) -> tuple[Tensor, list[tuple[Tensor, Tensor]]]:
        """Return η (…, n, K); the tape holds for each layer its input and what h′ is computed from."""
        views, depth, h = self.views(theta), self._depth, self._h
        a, kept, tape = x, x, []
        for layer in range(depth - 1):
            tape.append((a, kept))
            z = affine(a, views[layer], views[depth + layer])
            a = h.apply(z)
            kept = z if h.keeps_input else a
        tape.append((a, kept))
        return affine(a, views[depth - 1], views[-1]), tape

    def pullback(self, theta: Tensor, tape: Any, u: Any, out: Tensor) -> None:
        """Backpropagation: see the module's docstring."""
        views, grads, depth = self.views(theta), self.views(out), self._depth
        for layer in range(depth - 1, -1, -1):
            a, kept = tape[layer]
            write_product(a, u, grads[layer])
            write_row_sum(u, grads[depth + layer])
            if layer:
                u = self._h.times_derivative(torch.matmul(u, views[layer].mT), kept)

    def pushforward(self, theta: Tensor, tape: Any, v: Tensor) -> Tensor:
        """The derivative of z_l along v: a_{l−1} V_l + c_l + (ż_{l−1} ⊙ h′) W_l."""
        views, direction, depth = self.views(theta), self.views(v), self._depth
        dz = affine(tape[0][0], direction[0], direction[depth])
        for layer in range(1, depth):
            a, kept = tape[layer]
            da = self._h.times_derivative(dz, kept)
            dz = affine(a, direction[layer], direction[depth + layer]) + torch.matmul(da, views[layer])
        return dz

    def reexpress(self, theta: Tensor, centre: Tensor, scale: Tensor) -> Tensor:
        """The first layer's W₁ / scale, and b₁ − centre · (W₁ / scale); the layers above see no difference."""
        moved = theta.clone()
        views = self.views(moved)
        weight, bias = views[0], views[self._depth]
        weight /= scale.unsqueeze(-1)
        bias -= torch.matmul(centre, weight)
        return moved

    @property
    def has_intercepts(self) -> bool:
        """True: every layer has them."""
        return True

    def affine_output(self, theta: Tensor, scale: float, shift: float) -> Tensor:
        """The last layer's W · scale, b · scale + shift."""
        moved = theta.clone()
        weight, bias = self.parts[f"layer{self._depth}.weight"], self.parts[f"layer{self._depth}.bias"]
        moved[..., weight.slice] *= scale
        moved[..., bias.slice] = moved[..., bias.slice] * scale + shift
        return moved

    def to_json(self) -> dict[str, Any]:
        """Plain values; see `Predictor.to_json`."""
        return {"kind": "mlp", "sizes": list(self.sizes), "activation": self.activation}

    @classmethod
    def from_json(cls, values: dict[str, Any]) -> Self:
        """Inverse of `to_json`."""
        return cls(tuple(values["sizes"]), activation=values["activation"])
