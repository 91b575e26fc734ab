"""The multilayer perceptron, with its backpropagation written out by hand.

Layer l computes z_l = a_{l−1} W_l + b_l and a_l = h(z_l); the last layer has no h, and η = z_L. Pulling u = u_L back:

    ∂/∂W_l = a_{l−1}ᵀ u_l,    ∂/∂b_l = Σ_rows u_l,    u_{l−1} = (u_l W_lᵀ) ⊙ h′(z_{l−1})

which is the linear predictor's rule at every layer (Rumelhart, Hinton and Williams, 1986). No autograd graph is built.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Self

from likeliest.errors import SpecificationError
from likeliest.predictors.layered import Compute, Layered
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

    def to_json(self) -> dict[str, Any]:
        """Plain values; see `Predictor.to_json`. What is as a net has it unless told otherwise is left out."""
        told = {"dropout": self.dropout, "batch_norm": self.batch_norm, "compute": self.compute}
        plain = {"kind": "mlp", "sizes": list(self.sizes), "activation": self.activation}
        return plain | {name: value for name, value in told.items() if value}

    @classmethod
    def from_json(cls, values: dict[str, Any]) -> Self:
        """Inverse of `to_json`."""
        return cls(tuple(values["sizes"]), **{k: v for k, v in values.items() if k not in ("kind", "sizes")})
