"""A torch module with a loss on a batch, as a `Problem`: autograd's own gradient is under check."""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor, nn

from likeliest.certify.functions import Finer, finer, torch_witnesses
from likeliest.certify.plainly import leaves, mapped, raised
from likeliest.certify.problem import Problem, in_a_row, number
from likeliest.errors import SpecificationError

Loss = Callable[[Any, Any], Any]


@contextmanager
def left_as_found(module: nn.Module) -> Iterator[None]:
    """Put back, afterwards, a module's parameters, buffers, gradients and the state of torch's generator."""
    parameters = [(p, p.detach().clone(), p.grad) for p in module.parameters()]
    buffers = [(b, b.detach().clone()) for b in module.buffers()]
    numpy_state = np.random.get_state()  # noqa: NPY002 - the generator that a user's code may draw from
    with torch.random.fork_rng(devices=[]):
        try:
            yield
        finally:
            np.random.set_state(numpy_state)  # noqa: NPY002
            with torch.no_grad():
                for p, value, grad in parameters:
                    p.copy_(value)
                    p.grad = grad
                for b, value in buffers:
                    b.copy_(value)


def module_problem(module: nn.Module, loss: Loss, inputs: tuple[Any, ...], target: Any) -> Problem:
    """Pose the problem of a module's gradient with respect to its trainable parameters.

    Raises:
        SpecificationError: the module has nothing to train.
    """
    trained = {name: p for name, p in module.named_parameters() if p.requires_grad}
    if not trained:
        raise SpecificationError("the module has no parameters that require a gradient")
    return located(module, lambda o: loss(o, target), lambda o: loss(o, _fine(target)), inputs, {}, trained, {})


def located(
    module: nn.Module,
    loss: Callable[[Any], Any],
    fine_loss: Callable[[Any], Any],
    args: tuple[Any, ...],
    kwargs: Mapping[str, Any],
    trained: Mapping[str, nn.Parameter],
    moving: Mapping[str, int],
) -> Problem:
    """The problem of ∂loss(module(…))/∂(inputs, parameters).

    Args:
        module: see `module_problem`.
        loss: output → a scalar, in the module's own precision.
        fine_loss: the same in double precision.
        args: the module's inputs.
        kwargs: and those by name.
        trained: the parameters that are differentiated by.
        moving: names for those of the inputs, by position, that are differentiated by as well.
    """
    pieces = _Pieces(args, trained, moving)
    own = _Own(module, loss, args, kwargs, trained, pieces)
    twin = _Twin(_copied(module), fine_loss, mapped(args, raised), mapped(dict(kwargs), raised), tuple(trained), pieces)
    context = finer(lambda c: twin.value(pieces.theta, c), own.value(pieces.theta))

    def values(points: Tensor) -> Tensor:
        each = [own.value(p) if context is None else twin.value(p, context) for p in points]
        return torch.tensor(each, dtype=torch.float64)

    x = next((leaf for leaf in leaves(args) if isinstance(leaf, Tensor) and leaf.ndim), None)
    return Problem(
        values=values,
        value=own.value,
        gradient=own.gradient,
        theta=pieces.theta,
        parts=pieces.parts,
        epsilon=pieces.epsilon,
        rounded=pieces.rounded,
        witnesses=tuple(torch_witnesses(twin.output, pieces.of, context, own=True)),
        sizes={} if x is None else {"batch size": len(x)},
    )


class _Pieces:
    """Inputs and parameters on one flat θ, and back.

    Attributes:
        moving: names of the inputs among them, and where they stand.
        theta: (P,).
        parts: where each lies there.
        epsilon: the last digit of each entry (P,).
    """

    def __init__(self, args: tuple[Any, ...], trained: Mapping[str, nn.Parameter], moving: Mapping[str, int]) -> None:
        self.moving = moving
        sources = {name: args[at] for name, at in moving.items()} | dict(trained)
        self._dtypes = {name: source.dtype for name, source in sources.items()}
        self.theta = torch.cat([source.detach().double().reshape(-1) for source in sources.values()])
        self.parts = in_a_row({name: tuple(source.shape) for name, source in sources.items()})
        last = [torch.full((s.numel(),), torch.finfo(s.dtype).eps).double() for s in sources.values()]
        self.epsilon = torch.cat(last)

    def of(self, flat: Tensor, dtype: torch.dtype | None = None) -> dict[str, Tensor]:
        """The pieces of a flat θ, each in its own precision if none is named."""
        return {n: flat[p.slice].reshape(p.shape).to(dtype or self._dtypes[n]) for n, p in self.parts.items()}

    def rounded(self, flat: Tensor) -> Tensor:
        return torch.cat([piece.double().reshape(-1) for piece in self.of(flat).values()])

    def placed(self, args: tuple[Any, ...], held: Mapping[str, Tensor]) -> tuple[Any, ...]:
        """The inputs, with those that move put in their places."""
        at = {place: held[name] for name, place in self.moving.items()}
        return tuple(at.get(i, given) for i, given in enumerate(args))


class _Own(NamedTuple):
    """The module as it is, in its own precision, and the gradient that its ``backward`` leaves behind."""

    module: nn.Module
    loss: Callable[[Any], Any]
    args: tuple[Any, ...]
    kwargs: Mapping[str, Any]
    trained: Mapping[str, nn.Parameter]
    pieces: _Pieces

    def forward(self, at: Tensor) -> tuple[Any, list[Tensor]]:
        """The loss, and what it is differentiated by."""
        held = self.pieces.of(at)
        with torch.no_grad():
            for name, p in self.trained.items():
                p.copy_(held[name])
        inputs = {name: held[name].detach().requires_grad_() for name in self.pieces.moving}
        output = self.module(*self.pieces.placed(self.args, inputs), **self.kwargs)
        return self.loss(output), [*inputs.values(), *self.trained.values()]

    def value(self, at: Tensor) -> float:
        with torch.no_grad():
            return number(self.forward(at)[0])

    def gradient(self, at: Tensor) -> Tensor:
        with torch.enable_grad():
            output, sought = self.forward(at)
            for tensor in sought:
                tensor.grad = None
            if output.requires_grad:
                output.backward()
        grads = [torch.zeros_like(t) if t.grad is None else t.grad for t in sought]
        return torch.cat([g.detach().double().reshape(-1) for g in grads])


class _Twin(NamedTuple):
    """A copy of the module in double precision, whose parameters are given with each call."""

    module: nn.Module
    loss: Callable[[Any], Any]
    args: tuple[Any, ...]
    kwargs: Mapping[str, Any]
    trained: tuple[str, ...]
    pieces: _Pieces

    def output(self, held: Mapping[str, Tensor]) -> Any:
        named = {name: held[name] for name in self.trained}
        args = self.pieces.placed(self.args, held)
        return self.loss(torch.func.functional_call(self.module, named, args, dict(self.kwargs)))

    def value(self, at: Tensor, context: Finer) -> float:
        with torch.no_grad(), context():
            return number(self.output(self.pieces.of(at, torch.float64)))


def double_backward(
    module: nn.Module, loss: Loss, inputs: tuple[Any, ...], target: Any
) -> Callable[[Tensor, Tensor], Tensor]:
    """(θ, v) → Hv by autograd through autograd, of the module as it is."""
    trained = [p for p in module.parameters() if p.requires_grad]

    def pieces(flat: Tensor) -> list[Tensor]:
        cut = flat.split([p.numel() for p in trained])
        return [c.reshape(p.shape).to(p.dtype) for c, p in zip(cut, trained, strict=True)]

    def product(theta: Tensor, v: Tensor) -> Tensor:
        with torch.no_grad():
            for p, value in zip(trained, pieces(theta), strict=True):
                p.copy_(value)
        with torch.enable_grad():
            grads = torch.autograd.grad(
                loss(module(*inputs), target), trained, create_graph=True, materialize_grads=True
            )
            along = torch.stack([(g * d).sum() for g, d in zip(grads, pieces(v), strict=True)]).sum()
            found = torch.autograd.grad(along, trained, materialize_grads=True)
        return torch.cat([f.detach().double().reshape(-1) for f in found])

    return product


def taken_apart(batch: Any) -> tuple[tuple[Any, ...], Any]:
    """A batch as inputs and target.

    Raises:
        SpecificationError: it is no pair.
    """
    if not isinstance(batch, tuple | list) or len(batch) != 2:
        raise SpecificationError("a batch is a pair (x, y); x may be a tuple of inputs")
    x, y = batch
    return tuple(x) if isinstance(x, tuple | list) else (x,), y


def _fine(value: Any) -> Any:
    return mapped(value, raised)


def _copied(module: nn.Module) -> nn.Module:
    """A copy in double precision, so that nothing the module keeps is touched; the module itself if it has no copy."""
    try:
        return copy.deepcopy(module).double()
    except Exception:  # cached tensors of a graph, locks, handles
        return module
