"""Elementwise nonlinearities."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any, NamedTuple

import torch
from torch import Tensor

from likeliest.errors import UnknownNameError
from likeliest.interfaces import Draw
from likeliest.predictors.layers.base import Layer, Probe, Shape
from likeliest.predictors.layers.frames import Frames

_aten = torch.ops.aten


class Function(NamedTuple):
    """An elementwise h: ``times_derivative(u, kept)`` is u ⊙ h′(z); ``kept`` is z or h(z), as ``keeps_input`` says.

    ``apply`` writes h over z, and ``times_derivative_`` the product over u, where they can. ``of_affine(b, a, W)`` is
    h(a W + b) in one call, where there is one.
    """

    apply: Callable[[Tensor], Tensor]
    times_derivative: Callable[[Tensor, Tensor], Tensor]
    keeps_input: bool
    init_gain: float
    times_derivative_: Callable[[Tensor, Tensor], Tensor]
    of_affine: Callable[[Tensor, Tensor, Tensor], Tensor] | None = None


ACTIVATIONS = {
    "relu": Function(
        torch.relu_,
        lambda u, a: _aten.threshold_backward(u, a, 0),
        False,
        2.0,
        lambda u, a: _aten.threshold_backward.grad_input(u, a, 0, grad_input=u),
        torch._addmm_activation,
    ),
    "tanh": Function(torch.tanh_, _aten.tanh_backward, False, 1.0, _aten.tanh_backward),
    "logistic": Function(torch.sigmoid_, _aten.sigmoid_backward, False, 1.0, _aten.sigmoid_backward),
    "gelu": Function(torch.nn.functional.gelu, _aten.gelu_backward, True, 2.0, _aten.gelu_backward),
}
"""relu max(0, z), tanh, logistic 1/(1 + e⁻ᶻ), gelu z Φ(z) (Hendrycks and Gimpel, 2016)."""


def function(name: str) -> Function:
    """The function of that name.

    Raises:
        UnknownNameError: there is none.
    """
    if name not in ACTIVATIONS:
        raise UnknownNameError(f"no activation {name!r}; there are {', '.join(ACTIVATIONS)}")
    return ACTIVATIONS[name]


@dataclass(frozen=True)
class Activation(Layer):
    """y = h(x), element by element; pullback: u ⊙ h′(x).

    Args:
        name: one of `ACTIVATIONS`.
    """

    name: str = "relu"
    overwrites: bool = field(default=False, init=False)
    _h: Function = field(init=False, repr=False, compare=False)

    kind = "activation"

    def __post_init__(self) -> None:
        object.__setattr__(self, "_h", function(self.name))

    @property
    def fresh(self) -> bool:
        """Whether the tape holds x and not y."""
        return self._h.keeps_input

    def shape_after(self, shape: Shape) -> Shape:
        """The same."""
        return shape

    def forward(self, views: Any, x: Tensor, draw: Draw | None) -> tuple[Tensor, Tensor]:
        """The tape is x or y."""
        h = self._h
        if h.keeps_input:
            return h.apply(x), x
        y = h.apply(x if self.overwrites else x.clone())
        return y, y

    def pullback(self, views: Any, tape: Tensor, u: Tensor, grads: Any, further: bool = True) -> Tensor:
        """Return u ⊙ h′(x)."""
        return self._h.times_derivative(u, tape)

    def pushforward(self, views: Any, tape: Tensor, directions: Any, dx: Tensor | None) -> Tensor | None:
        """Return dx ⊙ h′(x)."""
        return None if dx is None else self._h.times_derivative(dx, tape)

    def probe(self, views: Any, x: Tensor, draw: Draw | None, path: str, frames: Frames | None = None) -> Probe:
        """As all layers, but x has been shown to somebody and is not overwritten."""
        return super().probe(views, x.clone(), draw, path, frames)

    def placed(self, path: str, writable: bool) -> Activation:
        """Where x may be overwritten, it is."""
        found = replace(self)
        object.__setattr__(found, "overwrites", writable)
        return found
