"""The multilayer perceptron, with its backpropagation written out by hand.

Layer l computes z_l = a_{l−1} W_l + b_l and a_l = h(z_l); the last layer has no h, and η = z_L. Pulling u = u_L back:

    ∂/∂W_l = a_{l−1}ᵀ u_l,    ∂/∂b_l = Σ_rows u_l,    u_{l−1} = (u_l W_lᵀ) ⊙ h′(z_{l−1})

which is the linear predictor's rule at every layer (Rumelhart, Hinton and Williams, 1986). No autograd graph is built.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Self

import torch
from torch import Tensor

from likeliest.errors import SpecificationError
from likeliest.interfaces import Draw
from likeliest.predictors.compute import Compute
from likeliest.predictors.layered import Layered, Tape
from likeliest.predictors.layers import Activation, BatchNorm, Dense, Dropout, Layer
from likeliest.predictors.layers.activation import function


class MLP(Layered):
    """A fully connected net: η = h(… h(x W₁ + b₁) …) W_L + b_L.

    Weights start normal with variance gain / fan-in, gain 2 for relu and gelu (He et al., 2015) and 1 otherwise (LeCun
    et al., 1998), the last layer with gain 1; intercepts start at 0.

    Args:
        sizes: widths from the inputs to the columns of η, such as (784, 256, 10); two of them make a linear model.
        activation: "relu", "tanh", "logistic" or "gelu".
        dropout: rate in [0, 1) after the activation of each hidden layer.
        batch_norm: whether hidden layers have it, before their activation.
        compute: "bfloat16" or None; see `Layered`.

    Raises:
        SpecificationError: fewer than two widths, or one below 1; a dropout rate outside [0, 1).
        UnknownNameError: no activation or precision goes by that name.

    Example:
        >>> import likeliest as lk
        >>> lk.MLP((4, 8, 3)).size
        67
        >>> [name for name, part in lk.MLP((4, 8, 3), batch_norm=True).parts.items() if not part.learnt]
        ['norm1.mean', 'norm1.variance']
    """

    inputs: int

    def __init__(
        self,
        sizes: Sequence[int],
        *,
        activation: str = "relu",
        dropout: float = 0.0,
        batch_norm: bool = False,
        compute: Compute = None,
    ) -> None:
        if len(sizes) < 2 or min(sizes) < 1:
            raise SpecificationError(
                f"an MLP needs at least two widths of 1 or more, such as (784, 256, 10); found {sizes}"
            )
        self.sizes = tuple(sizes)
        self.activation, self.dropout, self.batch_norm = activation, dropout, batch_norm
        gain = function(activation).init_gain
        depth = len(self.sizes) - 1
        layers: dict[str, Layer] = {}
        for i in range(1, depth):
            layers[f"layer{i}"] = Dense(self.sizes[i - 1], self.sizes[i], gain)
            if batch_norm:
                layers[f"norm{i}"] = BatchNorm(self.sizes[i])
            layers[f"activation{i}"] = Activation(activation)
            if dropout:
                layers[f"dropout{i}"] = Dropout(dropout)
        layers[f"layer{depth}"] = Dense(self.sizes[-2], self.sizes[-1])
        super().__init__(self.sizes[:1], layers, compute=compute)
        self.linear = depth == 1
        self._h = function(activation)
        self._plain = not batch_norm and not dropout
        self._weights = sum(part.size for part in self.parts.values() if part.penalised)

    # One run of a plain net goes through one loop: a call for each layer costs a twentieth of a small net's step. The
    # tape is the layers' own, so that pushforward and the rest are theirs.

    def forward(self, theta: Tensor, x: Tensor, draw: Draw | None = None) -> tuple[Tensor, Any]:
        """See `Layered.forward`."""
        if not self._plain or theta.ndim > 1:
            return super().forward(theta, x, draw)
        views, cast = self._views_for(theta, draw)
        h, (weight, bias) = self._h, views[-1]
        a = x if x.dtype == weight.dtype else x.to(weight.dtype)
        tapes = [a]
        for hidden_weight, hidden_bias in views[:-1:2]:
            if h.of_affine is not None:
                a = z = h.of_affine(hidden_bias, a, hidden_weight)
            else:
                z = torch.addmm(hidden_bias, a, hidden_weight)
                a = h.apply(z)
            tapes += (z if h.keeps_input else a, a)
        eta = torch.addmm(bias, a, weight)
        return (eta.to(theta.dtype) if cast else eta), Tape(views, tapes, cast)

    def pullback(self, theta: Tensor, tape: Any, u: Any, out: Tensor) -> None:
        """Backpropagation: see the module's docstring."""
        if not self._plain or theta.ndim > 1:
            super().pullback(theta, tape, u, out)
            return
        self._renew(theta, tape)
        grads = products = self._nested.of(out)
        if tape.cast:
            u = u.to(tape.layers[0].dtype)
            # Products come as coarse as their factors are; all of them are cast at once.
            coarse = self._room("gradient", out)
            products = self._nested.of(coarse)
        views, kept = tape.views, tape.layers
        for i in range(len(views) - 1, -1, -2):
            torch.mm(kept[i].mT, u, out=products[i][0])
            torch.sum(u, 0, dtype=out.dtype, out=grads[i][1])
            if i:
                u = self._h.times_derivative_(torch.mm(u, views[i][0].mT), kept[i - 1])
        if tape.cast:
            out[: self._weights].copy_(coarse[: self._weights])

    def to_json(self) -> dict[str, Any]:
        """Plain values; see `Predictor.to_json`. What is as a net has it unless told otherwise is left out."""
        told = {"dropout": self.dropout, "batch_norm": self.batch_norm, "compute": self.compute}
        plain = {"kind": "mlp", "sizes": list(self.sizes), "activation": self.activation}
        return plain | {name: value for name, value in told.items() if value}

    @classmethod
    def from_json(cls, values: dict[str, Any]) -> Self:
        """Inverse of `to_json`."""
        return cls(tuple(values["sizes"]), **{k: v for k, v in values.items() if k not in ("kind", "sizes")})
