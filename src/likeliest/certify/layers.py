"""Which layer is at fault: each is asked for its own pullback alone.

A layer's pullback u ↦ Jᵀu is the gradient of ⟨u, layer(input)⟩ with respect to its input and its parameters, so it can
be certified like any other gradient, and an error elsewhere does not reach it. The layers are asked from the output
back; one that fails while all that it is made of passes is at fault.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from likeliest.certify.compare import Check, compare
from likeliest.certify.expected import derivatives
from likeliest.certify.findings import Fault
from likeliest.certify.modules import Loss, located
from likeliest.certify.plainly import leaves, mapped, raised
from likeliest.certify.problem import Problem
from likeliest.certify.suspect import Cause, Diagnosis, Suspect
from likeliest.certify.trials import suspected
from likeliest.randomness import stream

LOSS = "loss"


@dataclass(frozen=True)
class Call:
    """One call of a layer, as it was seen in a pass through the whole.

    Attributes:
        path: of the layer.
        module: the layer.
        args: its inputs.
        kwargs: those by name.
        upstream: the gradients that came back to its outputs, one for each of its floating-point tensors.
    """

    path: str
    module: nn.Module
    args: tuple[Any, ...]
    kwargs: Mapping[str, Any]
    upstream: tuple[Tensor, ...]


class _Output(nn.Module):
    """A layer that gives its input: the loss is then a problem like the others."""

    def forward(self, output: Any) -> Any:
        return output


def layer_at_fault(module: nn.Module, loss: Loss, args: tuple[Any, ...], target: Any, seed: int) -> Fault | None:
    """The layer whose own pullback is wrong while those of its children are right; None if there is none."""
    calls, output = _calls(module, loss, args, target)
    if isinstance(output, Tensor) and output.is_floating_point():
        call = Call(LOSS, _Output(), (output.detach(),), {}, ())
        problem = located(
            call.module, lambda o: loss(o, target), lambda o: loss(o, _fine(target)), call.args, {}, {}, {"input": 0}
        )
        if (fault := _fault(problem, call, seed)) is not None:
            return fault
    return _deepest(calls, seed)


def _deepest(calls: list[Call], seed: int, inside: str = "") -> Fault | None:
    """The last failing call among the children of a layer, and in it the last failing of its children, and so on."""
    for call in reversed([c for c in calls if _parent(c.path, calls) == inside]):
        fault = _own_fault(call, seed)
        if fault is not None:
            return _deepest(calls, seed, call.path) or fault
    return None


def _own_fault(call: Call, seed: int) -> Fault | None:
    """The fault of a layer's pullback of what came back to it.

    For the diagnosis the question is put once more with random numbers in place of what came back: that may be constant
    along an axis, or zero, which hides what the layer does with it.
    """
    problem = _own_problem(call)
    fault = None if problem is None else _fault(problem, call, seed)
    if fault is None:
        return None
    generic = replace(call, upstream=_generic(call.upstream, seed))
    problem = _own_problem(generic)
    return (None if problem is None else _fault(problem, generic, seed)) or fault


def _generic(upstream: tuple[Tensor, ...], seed: int) -> tuple[Tensor, ...]:
    """Random numbers of the size of what came back."""
    size = max((float(u.abs().nan_to_num(0.0, 0.0, 0.0).max()) for u in upstream if u.numel()), default=1.0)
    drawn = (stream(seed, "upstream", i).standard_normal(tuple(u.shape)) for i, u in enumerate(upstream))
    return tuple((size * torch.from_numpy(np.asarray(d))).to(u.dtype) for d, u in zip(drawn, upstream, strict=True))


def _parent(path: str, calls: list[Call]) -> str:
    """The nearest layer above that was itself called; a ModuleList is not."""
    called = {c.path for c in calls}
    while path:
        path = path.rpartition(".")[0]
        if path in called:
            break
    return path


def _calls(module: nn.Module, loss: Loss, args: tuple[Any, ...], target: Any) -> tuple[list[Call], Any]:
    """Every call of a layer below the module, in the order in which they ended, and the module's output."""
    waiting: list[tuple[Any, Any]] = []
    seen: list[tuple[str, nn.Module, Any, Any, list[Tensor]]] = []
    hooks = []

    def before(layer: nn.Module, given: tuple[Any, ...], named: dict[str, Any]) -> None:
        waiting.append((mapped(given, _cut), mapped(named, _cut)))

    for path, layer in module.named_modules():
        if path:

            def after(layer: nn.Module, given: Any, output: Any, path: str = path) -> None:
                seen.append((path, layer, *waiting.pop(), _floating(output)))

            hooks += [layer.register_forward_pre_hook(before, with_kwargs=True), layer.register_forward_hook(after)]
    try:
        with torch.enable_grad():
            output = module(*args)
            value = loss(output, target)
    finally:
        for hook in hooks:
            hook.remove()
    outputs = [o for *_, outs in seen for o in outs if o.requires_grad]
    grads: Sequence[Tensor | None] = torch.autograd.grad(value, outputs, allow_unused=True) if outputs else ()
    came_back = {id(o): torch.zeros_like(o) if g is None else g for o, g in zip(outputs, grads, strict=True)}
    upstream = [tuple(came_back.get(id(o), torch.zeros_like(o)).detach() for o in outs) for *_, outs in seen]
    calls = [Call(*call[:4], back) for call, back in zip(seen, upstream, strict=True)]
    return calls, output


def _cut(value: Any) -> Any:
    """A tensor off the graph, safe from what is written in place later."""
    return value.detach().clone() if isinstance(value, Tensor) else value


def _own_problem(call: Call) -> Problem | None:
    """⟨u, layer(inputs)⟩ as a problem; None where nothing came back or nothing goes further back."""
    moving = _inputs(call.args)
    trained = {name: p for name, p in call.module.named_parameters() if p.requires_grad}
    upstream = _scaled(call.upstream)
    if upstream is None or not (moving or trained):
        return None

    def weighed(output: Any) -> Tensor:
        terms = [(u.to(o.dtype) * o).sum() for u, o in zip(upstream, _floating(output), strict=True)]
        return torch.stack(terms).sum()

    try:
        return located(call.module, weighed, weighed, call.args, call.kwargs, trained, moving)
    except Exception:  # a layer need not be callable on its own
        return None


def _scaled(upstream: tuple[Tensor, ...]) -> tuple[Tensor, ...] | None:
    """The upstream gradients, which are right as the layer's own question whatever they are, if they are any."""
    finite = tuple(u.nan_to_num(0.0, 0.0, 0.0) for u in upstream)
    return finite if any(bool(u.any()) for u in finite) else None


def _fault(problem: Problem, call: Call, seed: int) -> Fault | None:
    checks = compare(problem, problem.theta, seed)
    wrong = [c for c in checks if c.in_error and not c.kinked]
    if not wrong:
        return None
    moving = [c for c in wrong if c.name in _inputs(call.args)]
    worst = max([c for c in wrong if c not in moving] or moving, key=lambda c: c.part.size)
    expected = derivatives(problem, problem.theta, worst)
    suspect = suspected(problem, problem.theta, checks, worst, expected, _is_elementwise(call))
    return Fault(call.path, suspect, None if worst in moving else worst.name, _passed_on(call, suspect, checks))


def _passed_on(call: Call, suspect: Suspect, checks: Sequence[Check]) -> Diagnosis | None:
    """What came back to a layer's output, found in the gradient of its input: alone, or where it is missing."""
    if len(call.upstream) != 1 or call.upstream[0].shape != suspect.got.shape or suspect.name not in _inputs(call.args):
        return None
    back = call.upstream[0].double().numpy()
    close = 4 * np.max(suspect.allowed) + 1e-6 * np.abs(back).max()
    if len(checks) == 1 and np.all(np.abs(suspect.got - back) <= close):
        said = "what comes back to the layer's output is passed on as it is: multiply it by the layer's own derivative"
        return Diagnosis(Cause.NONLINEARITY, said)
    if np.all(np.abs(suspect.expected - suspect.got - back) <= close):
        said = (
            "what comes back to the layer's output is missing: the path that goes around the layer's function, a skip"
        )
        return Diagnosis(Cause.MISSING_TERM, said)
    return None


def _is_elementwise(call: Call) -> bool:
    """Whether each number of the output depends on the same one of the input alone: change some, the others stay."""
    if call.path == LOSS or len(_inputs(call.args)) != 1:
        return False
    (at,) = _inputs(call.args).values()
    given = call.args[at]
    chosen = torch.arange(given.numel()).reshape(given.shape) % 2 == 0
    with torch.no_grad():
        before, after = (call.module(*_put(call.args, at, x), **call.kwargs) for x in (given, given + 0.1 * chosen))
    same_shape = isinstance(before, Tensor) and before.shape == given.shape
    return same_shape and torch.equal(before[~chosen], after[~chosen])


def _put(args: tuple[Any, ...], at: int, value: Any) -> tuple[Any, ...]:
    return (*args[:at], value, *args[at + 1 :])


def _inputs(args: tuple[Any, ...]) -> dict[str, int]:
    """Names for the inputs that can be differentiated by, and where they stand."""
    at = [i for i, a in enumerate(args) if isinstance(a, Tensor) and a.is_floating_point()]
    return {f"input {i}" if i else "input": i for i in at}


def _floating(value: Any) -> list[Tensor]:
    return [leaf for leaf in leaves(value) if isinstance(leaf, Tensor) and leaf.is_floating_point()]


def _fine(target: Any) -> Any:
    return mapped(target, raised)
