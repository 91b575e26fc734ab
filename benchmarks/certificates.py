"""Do gradient certificates catch more than the checks that people use, without false alarms?

    python benchmarks/certificates.py [--right 200] [--needles 20]

Runs, on the same cases,

- likeliest: `check_gradient`;
- torch: `torch.autograd.gradcheck` with its defaults, on the loss as a function of all parameters in double precision;
- one direction: the check of JAX's `check_grads`, written after its source: one random direction with a fixed seed,
  central difference with ε = 1e-4, compared to 1e-5 (f64) or 2e-3 (f32), relative and absolute.

Cases are the bugs planted in tests/certify/planted (a third of which was not run before the checker was finished), the
right gradients of tests/certify/right, and needles: one wrong component among 10⁶ f32 parameters.
"""

from __future__ import annotations

import argparse
import sys
import time
import warnings
from collections.abc import Callable, Iterable, Mapping
from itertools import islice
from pathlib import Path
from typing import Any

import _common  # noqa: F401 (threads are set before torch loads)
import numpy as np
import torch
from torch import Tensor

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "tests"))
import likeliest as lk
from certify.planted import planted
from certify.right import needles, right_gradients

Arguments = Mapping[str, Any]
TOLERANCE = {torch.float64: 1e-5, torch.float32: 2e-3}


class Flat(torch.autograd.Function):
    """A function of one flat θ with the gradient that came with it."""

    @staticmethod
    def forward(ctx: Any, theta: Tensor, fun: Callable[[Tensor], float], grad: Callable[[Tensor], Tensor]) -> Tensor:
        ctx.gradient, ctx.at = grad, theta.detach().clone()
        return theta.new_tensor(fun(theta.detach()))

    @staticmethod
    def backward(ctx: Any, *outer: Tensor) -> tuple[Tensor | None, ...]:
        with torch.enable_grad():  # the gradient may itself be autograd's
            gradient = ctx.gradient(ctx.at)
        return outer[0] * gradient, None, None


def flattened(arguments: Arguments) -> tuple[Callable[[Tensor], Tensor], Tensor]:
    """The loss of a case as a function of one flat θ, differentiable by the gradient under check."""
    if "module" in arguments:
        return _of_module(arguments)
    theta = arguments["theta"]
    named = theta if isinstance(theta, Mapping) else {"theta": theta}
    arrays = {name: torch.as_tensor(value) for name, value in named.items()}
    like = next(iter(named.values()))

    def structured(flat: Tensor) -> Any:
        parts = flat.split([a.numel() for a in arrays.values()])
        values = {n: p.reshape(a.shape).clone() for (n, a), p in zip(arrays.items(), parts, strict=True)}
        if not isinstance(like, Tensor):
            values = {n: v.numpy() for n, v in values.items()}
        return values if isinstance(theta, Mapping) else values["theta"]

    def gradient(flat: Tensor) -> Tensor:
        got = arguments["grad"](structured(flat))
        got = got if isinstance(got, Mapping) else {"theta": got}
        return torch.cat([torch.as_tensor(got[name]).detach().reshape(-1) for name in arrays])

    flat = torch.cat([a.detach().reshape(-1) for a in arrays.values()])
    return lambda t: Flat.apply(t, lambda at: float(arguments["fun"](structured(at))), gradient), flat


def _of_module(arguments: Arguments) -> tuple[Callable[[Tensor], Tensor], Tensor]:
    module, loss, (x, y) = arguments["module"], arguments["loss"], arguments["batch"]
    shapes = {name: p.shape for name, p in module.named_parameters()}

    def value(flat: Tensor) -> Tensor:
        parts = flat.split([shape.numel() for shape in shapes.values()])
        named = {n: p.reshape(s) for (n, s), p in zip(shapes.items(), parts, strict=True)}
        out: Tensor = loss(torch.func.functional_call(module, named, (x,)), y)
        return out

    return value, torch.cat([p.detach().reshape(-1) for p in module.parameters()])


def ours_alarms(arguments: Arguments) -> bool:
    return not lk.check_gradient(**arguments).passed


def torch_alarms(arguments: Arguments) -> bool:
    """Whether gradcheck, as it comes, calls the gradient wrong or gives up with an error."""
    value, flat = flattened(arguments)
    try:
        return not torch.autograd.gradcheck(value, (flat.clone().requires_grad_(),), raise_exception=False)
    except (RuntimeError, ValueError):
        return True


def direction_alarms(arguments: Arguments, step: float = 1e-4) -> bool:
    """Whether the slope along one random direction is off by more than the tolerance."""
    value, flat = flattened(arguments)
    direction = torch.from_numpy(np.random.RandomState(0).randn(len(flat))).to(flat)
    (gradient,) = torch.autograd.grad(value(leaf := flat.clone().requires_grad_()), leaf, materialize_grads=True)
    with torch.no_grad():
        slope = float((value(flat + step * direction) - value(flat - step * direction)) / (2 * step))
    tolerance = TOLERANCE.get(flat.dtype, 1e-1)
    return not abs(float(gradient @ direction) - slope) <= tolerance * (1 + abs(slope))


CONTENDERS = {"likeliest": ours_alarms, "torch gradcheck": torch_alarms, "one direction": direction_alarms}


def shares(cases: Iterable[Arguments], contenders: Mapping[str, Callable[[Arguments], bool]]) -> dict[str, list[bool]]:
    """Whether each contender raised the alarm, case by case; each gets the case as it comes."""
    alarms: dict[str, list[bool]] = {name: [] for name in contenders}
    for arguments in cases:
        for name, contender in contenders.items():
            alarms[name].append(contender(arguments))
    return alarms


def report(title: str, alarms: Mapping[str, list[bool]]) -> None:
    print(f"\n{title}")
    for name, raised in alarms.items():
        print(f"  {name:<18}{sum(raised):>6} of {len(raised)} ({100 * np.mean(raised):.1f} %)")


def exam(title: str, held_out: bool) -> None:
    """Planted bugs: who raises the alarm, and how often our answer names part and cause."""
    cases = planted(held_out)
    report(f"{title}: alarms", {n: [c(case.build()) for case in cases] for n, c in CONTENDERS.items()})
    right = []
    for case in cases:
        findings = lk.check_gradient(**case.build()).findings
        first = findings[0] if findings else None
        right.append(first is not None and first.cause == case.cause and bool({first.part, first.layer} & case.parts))
    print(f"  likeliest names part and cause: {sum(right)} of {len(right)} ({100 * np.mean(right):.1f} %)")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--right", type=int, default=1000, help="so many right gradients")
    parser.add_argument("--needles", type=int, default=100, help="so many draws of the needle")
    arguments = parser.parse_args()
    warnings.simplefilter("ignore")
    exam("Planted bugs, run while the checker was built", held_out=False)
    exam("Planted bugs, not run before it was finished", held_out=True)
    right = (case[1] for case in islice(right_gradients(), arguments.right))
    small = {n: c for n, c in CONTENDERS.items() if n != "torch gradcheck"}
    report("Right gradients: false alarms", shares(right, small))
    report(
        "One wrong component among 10⁶ in f32: alarms",
        shares((n[1] for n in islice(needles(), arguments.needles)), small),
    )
    began = time.perf_counter()
    lk.check_gradient(**next(iter(needles()))[1])
    print(f"\nA certificate of 10⁶ parameters takes {time.perf_counter() - began:.1f} s")


if __name__ == "__main__":
    main()
