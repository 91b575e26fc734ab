"""A function and its gradient, as the caller wrote them, as a `Problem`."""

from __future__ import annotations

import inspect
import math
import warnings
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager, nullcontext
from typing import Any, TypeAlias

import numpy as np
import torch
from torch import Tensor

from likeliest.certify.plainly import doubling, forward_alone
from likeliest.certify.problem import Layout, Problem, Values, Witness, number
from likeliest.interfaces import Part

Finer: TypeAlias = Callable[[], AbstractContextManager[Any]]

FEW = 512
"""Up to so many parameters, a witness that tells one slope at a time is asked for all of them."""
_AGREE = 0.05
"""By how much of 1 + |f| the values in two precisions may differ and still be values of one function."""
_TINY = 2.0**-133


def function_problem(
    fun: Callable[[Any], Any],
    grad: Callable[[Any], Any],
    theta: Any,
    parts: Mapping[str, slice | Part] | None,
) -> Problem:
    """Pose the problem in the finest precision that ``fun`` accepts, with all witnesses that its code allows."""
    layout = Layout(theta, parts)

    def value(at: Tensor) -> float:
        return number(fun(layout.like(at)))

    values, context = _finest(fun, layout, value)
    return Problem(
        values=values,
        value=value,
        gradient=lambda at: layout.flat(grad(layout.like(at))),
        theta=layout.theta,
        parts=layout.parts,
        epsilon=layout.epsilon,
        rounded=layout.rounded,
        witnesses=tuple(_witnesses(fun, layout, context)),
        sizes=_known_sizes(fun, grad),
    )


def _finest(fun: Callable[[Any], Any], layout: Layout, value: Callable[[Tensor], float]) -> tuple[Values, Finer | None]:
    """The values in double precision if fun accepts it and still is the same function, and the context it needs."""

    def each(evaluate: Callable[[Tensor], float]) -> Values:
        return lambda points: torch.tensor([evaluate(point) for point in points], dtype=torch.float64)

    def within(context: Finer) -> Callable[[Tensor], float]:
        def fine(at: Tensor) -> float:
            with context():
                return number(fun(layout.like(at, torch.float64)))

        return fine

    if not bool((layout.epsilon > torch.finfo(torch.float64).eps).any()):
        return each(value), nullcontext
    coarse = value(layout.theta)
    context = finer(lambda c: within(c)(layout.theta), coarse)
    return each(value if context is None else within(context)), context


def finer(evaluate: Callable[[Finer], float], coarse: float) -> Finer | None:
    """The context in which code can be evaluated in double precision: none, or `doubling`; None where neither does."""
    for context in (nullcontext, doubling):
        try:
            fine = evaluate(context)
        except Exception:  # whatever code does that was not written for another precision
            continue
        if abs(fine - coarse) <= _AGREE * (1 + abs(coarse)):
            return context
    return None


def _witnesses(fun: Callable[[Any], Any], layout: Layout, context: Finer | None) -> list[Witness]:
    if layout.is_torch:
        return torch_witnesses(fun, layout.like, context)
    return [_complex_step(fun, layout)] if layout.is_numpy else []


def torch_witnesses(
    fun: Callable[[Any], Any],
    like: Callable[[Tensor, torch.dtype | None], Any],
    context: Finer | None,
    own: bool = False,
) -> list[Witness]:
    """Autograd through the forward pass of a torch function of θ, and forward mode.

    Args:
        fun: of what ``like`` makes of a flat θ and a precision; None is the caller's own.
        like: see there.
        context: in which fun can be evaluated in double precision; None where it cannot.
        own: whether autograd is what is under check.
    """

    def differentiated(at: Tensor, dtype: torch.dtype | None, context: Finer) -> Tensor:
        leaf = at.detach().clone().requires_grad_()
        with torch.enable_grad(), forward_alone() as seen, context():
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                value = seen.graph_of(fun(like(leaf, dtype)))
            (grad,) = torch.autograd.grad(value, leaf)
        return grad.double()

    def coarse(at: Tensor) -> Tensor:
        return differentiated(at, None, nullcontext)

    def fine(at: Tensor) -> Tensor:
        assert context is not None
        return differentiated(at, torch.float64, context)

    def slope(at: Tensor, direction: Tensor) -> float:
        assert context is not None
        with forward_alone() as seen, context(), warnings.catch_warnings():
            warnings.simplefilter("ignore")
            both = torch.func.jvp(lambda t: seen.graph_of(fun(like(t, torch.float64))), (at.detach(),), (direction,))
        return number(both[1])

    if context is None:
        return [] if own else [Witness("autograd", coarse)]
    return [
        Witness("autograd in double precision", fine, coarse=None if own else coarse, independent=not own),
        Witness("forward mode in double precision", slope=slope),
    ]


def _complex_step(fun: Callable[[Any], Any], layout: Layout) -> Witness:
    """f′ along d is Im f(θ + i h d) / h for a tiny h, without cancellation, if f is analytic as it is coded.

    Source: Squire and Trapp (1998), Using complex variables to estimate derivatives of real functions.
    """

    def slope(at: Tensor, direction: Tensor) -> float:
        point = at.numpy() + 1j * _TINY * direction.numpy()
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            value = np.asarray(fun(layout.complex(point)))
        if not np.iscomplexobj(value) or value.size != 1:
            raise TypeError("the imaginary part was dropped on the way")
        return float(value.imag.reshape(())) / _TINY

    return Witness("complex step", slope=slope, exact=False)


def _known_sizes(*functions: Callable[[Any], Any]) -> dict[str, int]:
    """The lengths of the arrays that the functions close over: what a sum is forgotten to be divided by."""
    sizes: dict[str, int] = {}
    for function in functions:
        try:
            held = inspect.getclosurevars(inspect.unwrap(function)).nonlocals
        except (TypeError, ValueError):
            continue
        for name, value in held.items():
            shape = tuple(getattr(value, "shape", ()))
            if shape and math.prod(shape) > 1:
                sizes.setdefault(f"number of rows of {name}", int(shape[0]))
    return sizes
