"""A torch module with a loss on a batch, as a `Problem`: autograd's own gradient is under check."""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

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
    """The problem of ∂loss(module(…))/∂(parameters, inputs).

    Args:
        module: see `module_problem`.
        loss: output → a scalar, in the module's own precision.
        fine_loss: the same in double precision.
        args: the module's inputs.
        kwargs: and those by name.
        trained: the parameters that are differentiated by.
        moving: names for those of the inputs, by position, that are differentiated by as well.
    """
    twin = _twin(module)
    shapes = {name: tuple(args[at].shape) for name, at in moving.items()}
    parts = in_a_row(shapes | {name: tuple(p.shape) for name, p in trained.items()})
    sources = {name: args[at] for name, at in moving.items()} | dict(trained)
    theta = torch.cat([source.detach().double().reshape(-1) for source in sources.values()])
    own = torch.cat([torch.full((s.numel(),), torch.finfo(s.dtype).eps).double() for s in sources.values()])

    def pieces(flat: Tensor, dtype: torch.dtype | None) -> dict[str, Tensor]:
        return {n: flat[part.slice].reshape(part.shape).to(dtype or sources[n].dtype) for n, part in parts.items()}

    def placed(held: Mapping[str, Tensor], fine: bool) -> tuple[Any, ...]:
        put = list(mapped(args, raised) if fine else args)
        for name, at in moving.items():
            put[at] = held[name]
        return tuple(put)

    def through_twin(held: Mapping[str, Tensor]) -> Any:
        named = {name: held[name] for name in trained}
        return fine_loss(torch.func.functional_call(twin, named, placed(held, True), fine_kwargs))

    def fine_value(at: Tensor, context: Finer) -> float:
        with torch.no_grad(), context():
            return number(through_twin(pieces(at, torch.float64)))

    def forward(at: Tensor) -> Any:
        held = pieces(at, None)
        with torch.no_grad():
            for name, p in trained.items():
                p.copy_(held[name])
        leaves_ = {name: held[name].detach().requires_grad_() for name in moving}
        return loss(module(*placed(leaves_, False), **kwargs)), leaves_

    def value(at: Tensor) -> float:
        with torch.no_grad():
            return number(forward(at)[0])

    def gradient(at: Tensor) -> Tensor:
        with torch.enable_grad():
            output, leaves_ = forward(at)
            sought = [*leaves_.values(), *trained.values()]
            for tensor in sought:
                tensor.grad = None
            if output.requires_grad:
                output.backward()
        grads = [torch.zeros_like(t) if t.grad is None else t.grad for t in sought]
        return torch.cat([g.detach().double().reshape(-1) for g in grads])

    fine_kwargs = mapped(dict(kwargs), raised)
    context = finer(lambda c: fine_value(theta, c), value(theta))

    def values(points: Tensor) -> Tensor:
        each = [value(p) if context is None else fine_value(p, context) for p in points]
        return torch.tensor(each, dtype=torch.float64)

    x = next((leaf for leaf in leaves(args) if isinstance(leaf, Tensor) and leaf.ndim), None)
    return Problem(
        values=values,
        value=value,
        gradient=gradient,
        theta=theta,
        parts=parts,
        epsilon=own,
        rounded=lambda t: torch.cat([p.double().reshape(-1) for p in pieces(t, None).values()]),
        witnesses=tuple(torch_witnesses(through_twin, pieces, context, own=True)),
        sizes={} if x is None else {"batch size": len(x)},
    )


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


def _twin(module: nn.Module) -> nn.Module:
    """A copy in double precision, so that nothing the module keeps is touched; the module itself if it has no copy."""
    try:
        return copy.deepcopy(module).double()
    except Exception:  # cached tensors of a graph, locks, handles
        return module
