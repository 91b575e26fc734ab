"""Any torch.nn.Module as a predictor, through autograd."""

from __future__ import annotations

from typing import Any, Literal, NoReturn

import numpy as np
import torch
from torch import Tensor, nn

from likeliest.errors import ShapeError, SpecificationError
from likeliest.interfaces import Draw
from likeliest.predictors.base import Predictor


class Module(Predictor):
    """η = module(x), with the module's parameters laid out on one flat θ.

    Runs are looped over: vectorising them breaks batch normalisation and is slower. Parameters with two axes or more
    count as weights (penalised), the others as intercepts. The module's own parameters are never written to;
    ``load_into`` does that on request.

    Args:
        module: any module whose forward takes x (n, …) and returns η (n, K).
        outputs: K; where it is not given it is learnt from the first row of the data.
        start: "reset" draws new initial parameters through each layer's ``reset_parameters``, so that seeds differ;
            "given" starts every run from the module's present ones, as fine-tuning wants.

    Example:
        >>> import likeliest as lk, torch
        >>> lk.Module(torch.nn.Linear(3, 2), outputs=2).size
        8
    """

    def __init__(
        self, module: nn.Module, *, outputs: int | None = None, start: Literal["reset", "given"] = "reset"
    ) -> None:
        self.module, self.start = module, start
        self.outputs = outputs if outputs is not None else 0
        shapes = {n: (tuple(p.shape), p.ndim > 1) for n, p in module.named_parameters()}
        self._lay_out(shapes)

    def _init_one(self, stream: np.random.Generator) -> Tensor:
        if self.start == "reset":
            with torch.random.fork_rng(devices=[]):
                # reset_parameters takes no generator: torch's global state is the only way to seed it.
                torch.manual_seed(int(stream.integers(2**63)))
                for layer in self.module.modules():
                    if callable(reset := getattr(layer, "reset_parameters", None)):
                        reset()
        return torch.cat([p.detach().double().flatten() for p in self.module.parameters()])

    def check_inputs(self, x: Tensor) -> None:
        """Try the first row, and learn from it how many columns η has where that was not said.

        Raises:
            ShapeError: the module does not take such rows, or gives other columns than it was said to.
        """
        given = torch.cat([p.detach().flatten() for p in self.module.parameters()]).to(x.dtype)
        try:
            eta, _ = self.forward(given, x[:1])
        except RuntimeError as error:
            raise ShapeError(f"the module takes no rows of shape {tuple(x.shape[1:])}: {error}") from error
        if eta.ndim != 2 or self.outputs not in (0, eta.shape[-1]):
            wanted = self.outputs or "K"
            raise ShapeError(f"the module needs to give (n, {wanted}) for n rows, found {tuple(eta.shape)} for one")
        self.outputs = eta.shape[-1]

    def _call(self, theta: Tensor, x: Tensor) -> Tensor:
        named = {n: theta[p.slice].view(p.shape) for n, p in self.parts.items()}
        eta: Tensor = torch.func.functional_call(self.module, named, (x,))
        return eta

    def _call_runs(self, theta: Tensor, x: Tensor) -> Tensor:
        return self._call(theta, x) if theta.ndim == 1 else torch.stack([self._call(t, x) for t in theta])

    def forward(
        self, theta: Tensor, x: Tensor, draw: Draw | None = None
    ) -> tuple[Tensor, tuple[Tensor, Tensor, Tensor]]:
        """Return η (…, n, K); the tape holds autograd's graph. Layers are in training mode under a draw alone."""
        self.module.train(draw is not None)
        with torch.enable_grad():
            leaf = theta.detach().requires_grad_()
            eta = self._call_runs(leaf, x)
        return eta.detach(), (leaf, eta, x)

    def pullback(self, theta: Tensor, tape: tuple[Tensor, Tensor, Tensor], u: Any, out: Tensor) -> None:
        """Autograd's vector–Jacobian product."""
        leaf, eta, _ = tape
        out.copy_(torch.autograd.grad(eta, leaf, u, retain_graph=True)[0])

    def pushforward(self, theta: Tensor, tape: tuple[Tensor, Tensor, Tensor], v: Tensor) -> Tensor:
        """Autograd's forward mode, in evaluation mode."""
        self.module.eval()
        pushed: Tensor = torch.func.jvp(lambda t: self._call_runs(t, tape[2]), (theta.detach(),), (v,))[1]
        return pushed

    def load_into(self, theta: Tensor) -> nn.Module:
        """Write θ (P,) to the module's own parameters and return the module."""
        with torch.no_grad():
            for parameter, part in zip(self.module.parameters(), self.parts.values(), strict=True):
                parameter.copy_(theta[part.slice].view(part.shape))
        return self.module

    def to_json(self) -> NoReturn:
        """Refuse: a module is code, and a model file holds none.

        Raises:
            SpecificationError: always; the message says what to save instead.
        """
        raise SpecificationError(
            "a model around torch.nn.Module cannot be saved as a model file, which holds no code; "
            "write θ to the module with predictor.load_into(theta) and save its state_dict"
        )
