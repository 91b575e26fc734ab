"""Torch code as it is differentiated by a witness: in double precision, and by its forward pass alone.

Code under check may hold data in a coarser precision, bring backward passes of its own, cut the graph where it should
not, and end in a plain number. None of that changes the values that it computes, and so none of it changes what its
derivative is. Inside `forward_alone` all of it is set aside, and autograd sees the plain operations of the forward.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor
from torch.overrides import TorchFunctionMode

COARSE = (torch.float32, torch.float16, torch.bfloat16)


class Recorded(TorchFunctionMode):
    """Keeps the last tensor that became a plain number: a loss that ends in ``item`` or ``float`` has a graph still.

    Attributes:
        counted: that tensor.
    """

    counted: Tensor | None = None

    def __torch_function__(
        self, func: Callable[..., Any], types: Any, args: tuple[Any, ...] = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        if func in (Tensor.item, Tensor.__float__):
            self.counted = args[0]
        return func(*args, **(kwargs or {}))

    def graph_of(self, value: Any) -> Tensor:
        """The tensor that a function returned, or that the number which it returned was made from."""
        found = value if isinstance(value, Tensor) else self.counted
        if found is None:
            raise TypeError("no tensor leads to what the function returned")
        return found


class Doubled(Recorded):
    """Every operation sees its floating-point tensors in double precision.

    Data that a function closes over may be single precision, and products of two precisions are an error. Nothing is
    promised of code that writes into a coarse tensor in place: the caller compares the value with the coarse one.

    Example:
        >>> x = torch.ones(2)
        >>> with Doubled():
        ...     (x @ torch.ones(2, dtype=torch.float64)).dtype
        torch.float64
    """

    def __torch_function__(
        self, func: Callable[..., Any], types: Any, args: tuple[Any, ...] = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        if func is Tensor.float:
            func = Tensor.double
        return super().__torch_function__(func, types, mapped(args, raised), mapped(kwargs or {}, raised))


class Attached(Recorded):
    """Nothing is cut off the graph, and nothing hooks into its gradients."""

    def __torch_function__(
        self, func: Callable[..., Any], types: Any, args: tuple[Any, ...] = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        if func in (Tensor.detach, torch.detach, Tensor.data.__get__):  # type: ignore[attr-defined]
            return args[0]
        if func is Tensor.register_hook:
            return None
        return super().__torch_function__(func, types, args, kwargs)


@contextmanager
def doubling() -> Iterator[Recorded]:
    """New tensors, and those of operations, are double precision."""
    default = torch.get_default_dtype()
    torch.set_default_dtype(torch.float64)
    try:
        with Doubled() as seen:
            yield seen
    finally:
        torch.set_default_dtype(default)


@contextmanager
def forward_alone() -> Iterator[Recorded]:
    """Autograd differentiates the forward pass, whatever backward passes were written for it."""
    base = torch.autograd.Function.__mro__[1]  # where Function.apply, however it was bound, finds what it calls

    def apply(cls: Any, *args: Any, **kwargs: Any) -> Any:
        if cls.setup_context is not torch.autograd.Function.setup_context:
            return cls.forward(*args, **kwargs)
        return cls.forward(_Context(args), *args, **kwargs)

    base.apply = classmethod(apply)  # type: ignore[attr-defined]
    try:
        with Attached() as seen:
            yield seen
    finally:
        del base.apply  # type: ignore[attr-defined]


class _Context:
    """What a forward pass may do to its context; nobody will read it."""

    def __init__(self, args: tuple[Any, ...]) -> None:
        self.needs_input_grad = tuple(isinstance(a, Tensor) and a.requires_grad for a in args)
        self.saved_tensors: tuple[Any, ...] = ()

    def save_for_backward(self, *tensors: Any) -> None:
        self.saved_tensors = tensors

    def save_for_forward(self, *tensors: Any) -> None:
        self.saved_tensors = tensors

    def mark_dirty(self, *tensors: Any) -> None:
        pass

    def mark_non_differentiable(self, *tensors: Any) -> None:
        pass

    def set_materialize_grads(self, value: bool) -> None:
        pass


def raised(value: Any) -> Any:
    """A coarse tensor, or the name of its precision, in double precision; all else as it is."""
    if isinstance(value, Tensor):
        return value.double() if value.dtype in COARSE else value
    return torch.float64 if value is torch.float32 else value


def mapped(value: Any, function: Callable[[Any], Any]) -> Any:
    """A function applied to all that tuples, lists and mappings hold, at any depth."""
    if isinstance(value, dict):
        return {key: mapped(held, function) for key, held in value.items()}
    if isinstance(value, tuple) and hasattr(value, "_fields"):
        return type(value)(*(mapped(held, function) for held in value))
    if type(value) in (tuple, list):
        return type(value)(mapped(held, function) for held in value)
    return function(value)


def leaves(value: Any) -> list[Any]:
    """All that tuples, lists and mappings hold, in order."""
    held: list[Any] = []
    mapped(value, held.append)
    return held
