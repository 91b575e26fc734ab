"""Any torch.nn.Module as a predictor, through autograd."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from typing import Any, Literal, NoReturn

import numpy as np
import torch
from torch import Tensor, nn

from likeliest.errors import ShapeError, SpecificationError
from likeliest.interfaces import Draw
from likeliest.predictors.base import Predictor
from likeliest.randomness import stream


class Module(Predictor):
    """η = module(x), with the module's parameters and its buffers of numbers laid out on one flat θ.

    Runs are looped over: vectorising them breaks batch normalisation and is slower. Parameters with two axes or more
    count as weights (penalised), the others as intercepts; buffers, such as a batch norm's averages, are not learnt.
    The module's own tensors are never written to; ``load_into`` does that on request. What its layers draw from
    torch's generator under a draw, as dropout does, is seeded by that draw: a batch's numbers repeat, though unlike
    our own layers' they depend on which rows share the batch.

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
        learnt = {n: (tuple(p.shape), p.ndim > 1) for n, p in module.named_parameters()}
        buffers = {n: b for n, b in module.named_buffers() if b.is_floating_point()}
        self._lay_out(learnt, {n: tuple(b.shape) for n, b in buffers.items()})

    def _tensors(self) -> list[Tensor]:
        """The module's own tensors, in the order of the parts."""
        named = {**dict(self.module.named_parameters()), **dict(self.module.named_buffers())}
        return [named[name].detach() for name in self.parts]

    def _init_one(self, stream: np.random.Generator) -> Tensor:
        if self.start == "reset":
            with _seeded(int(stream.integers(2**63)), torch.device("cpu")):  # reset_parameters takes no generator
                for layer in self.module.modules():
                    if callable(reset := getattr(layer, "reset_parameters", None)):
                        reset()
        return self._given(torch.float64)

    def _given(self, dtype: torch.dtype) -> Tensor:
        """θ (P,) as the module has it now."""
        return torch.cat([t.to(dtype).flatten() for t in self._tensors()])

    def check_inputs(self, x: Tensor) -> None:
        """Try the first row, and learn from it how many columns η has where that was not said.

        Raises:
            ShapeError: the module does not take such rows, or gives other columns than it was said to.
        """
        try:
            eta, _ = self.forward(self._given(x.dtype).to(x.device), x[:1])
        except RuntimeError as error:
            raise ShapeError(f"the module takes no rows of shape {tuple(x.shape[1:])}: {error}") from error
        if eta.ndim != 2 or self.outputs not in (0, eta.shape[-1]):
            wanted = self.outputs or "K"
            raise ShapeError(f"the module needs to give (n, {wanted}) for n rows, found {tuple(eta.shape)} for one")
        self.outputs = eta.shape[-1]

    def _call(self, theta: Tensor, kept: Tensor, x: Tensor) -> Tensor:
        """η of one run; buffers live on ``kept``, where a module in training writes to them."""
        named = {n: (theta if p.learnt else kept)[p.slice].view(p.shape) for n, p in self.parts.items()}
        eta: Tensor = torch.func.functional_call(self.module, named, (x,))
        return eta

    def _call_runs(self, theta: Tensor, kept: Tensor, x: Tensor) -> Tensor:
        if theta.ndim == 1:
            return self._call(theta, kept, x)
        return torch.stack([self._call(t, k, x) for t, k in zip(theta, kept, strict=True)])

    def forward(
        self, theta: Tensor, x: Tensor, draw: Draw | None = None
    ) -> tuple[Tensor, tuple[Tensor, Tensor, Tensor]]:
        """Return η (…, n, K); the tape holds autograd's graph. Layers are in training mode under a draw alone."""
        self.module.train(draw is not None)
        kept = theta.detach()
        with torch.enable_grad(), nullcontext() if draw is None else _seeded(_address(draw), x.device):
            # A module that writes to its buffers must not write to what autograd keeps for the way back.
            leaf = (theta.detach() if draw is None else theta.detach().clone()).requires_grad_()
            eta = self._call_runs(leaf, kept, x)
        return eta.detach(), (leaf, eta, x)

    def pullback(self, theta: Tensor, tape: tuple[Tensor, Tensor, Tensor], u: Any, out: Tensor) -> None:
        """Autograd's vector–Jacobian product."""
        leaf, eta, _ = tape
        out.copy_(torch.autograd.grad(eta, leaf, u, retain_graph=True)[0])

    def pushforward(self, theta: Tensor, tape: tuple[Tensor, Tensor, Tensor], v: Tensor) -> Tensor:
        """Autograd's forward mode, in evaluation mode."""
        self.module.eval()
        pushed: Tensor = torch.func.jvp(lambda t: self._call_runs(t, theta.detach(), tape[2]), (theta.detach(),), (v,))[
            1
        ]
        return pushed

    def _probed(
        self, theta: Tensor, x: Tensor, draw: Draw | None
    ) -> tuple[Tensor, Tensor, list[tuple[str, Tensor, Tensor]]]:
        """θ as a leaf, η, and (name, output, its values then) of each submodule in the order in which they finish."""
        met: list[tuple[str, Tensor, Tensor]] = []

        def meet(name: str, output: Any) -> None:
            if isinstance(output, Tensor) and output.is_floating_point():
                met.append((name, output, output.detach().clone()))
            elif isinstance(output, (tuple, list)):
                for inner in output:
                    meet(name, inner)
            elif isinstance(output, dict):
                meet(name, list(output.values()))

        submodules = [(name, inner) for name, inner in self.module.named_modules() if name]
        handles = [
            inner.register_forward_hook(lambda _, __, output, name=name: meet(name, output))
            for name, inner in submodules
        ]
        try:
            eta, (leaf, attached, _) = self.forward(theta.clone(), x, draw)
        finally:
            for handle in handles:
                handle.remove()
        return leaf, attached, [*met, ("eta", attached, eta)]

    def probe(self, theta: Tensor, x: Tensor, draw: Draw | None = None) -> Iterator[tuple[str, Tensor]]:
        """Yield (a submodule's name, its output) in the order in which they finish, and η last."""
        for name, _, values in self._probed(theta, x, draw)[2]:
            yield name, values

    def probe_back(
        self, theta: Tensor, x: Tensor, u: Any, draw: Draw | None = None
    ) -> Iterator[tuple[str, Tensor, bool]]:
        """Yield the derivative by each submodule's output, named by what follows it, then that by each part."""
        leaf, eta, met = self._probed(theta, x, draw)
        outputs = [output for _, output, _ in met[:-1] if output.requires_grad]
        names = [name for name, output, _ in met[:-1] if output.requires_grad]
        *back, by_theta = torch.autograd.grad(eta, [*outputs, leaf], u, allow_unused=True)
        followed_by = [*names[1:], "eta"]
        for name, derivative in zip(reversed(followed_by), reversed(back), strict=True):
            if derivative is not None:
                yield name, derivative, len(derivative) == len(x)
        for layer in reversed(self.layer_names):
            for name, part in self.parts.items():
                if name.rpartition(".")[0] == layer and by_theta is not None:
                    yield layer or "eta", by_theta[part.slice], False

    def load_into(self, theta: Tensor) -> nn.Module:
        """Write θ (P,) to the module's own parameters and buffers and return the module."""
        for own, part in zip(self._tensors(), self.parts.values(), strict=True):
            own.copy_(theta[part.slice].view(part.shape))
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


def _address(draw: Draw) -> int:
    """A seed for all that the layers draw on this batch: by its first row, its epoch and the user's seed."""
    return int(stream(draw.seed, "module", draw.epoch, int(draw.rows[0])).integers(2**63))


@contextmanager
def _seeded(seed: int, device: torch.device) -> Iterator[None]:
    """The processor's and the device's global generator at a known place, and afterwards where they were."""
    with torch.random.fork_rng(devices=[device] if device.type == "cuda" else []):
        torch.default_generator.manual_seed(seed)  # which, unlike torch.manual_seed, touches no other device
        if device.type == "cuda":
            with torch.cuda.device(device):
                torch.cuda.manual_seed(seed)
        yield
