"""Where in an evaluation a number that is not finite is born: the first operation that makes one of finite numbers.

Two modes of torch's dispatcher, which sees every operation that a net or a family is made of, one's own code included.
`Births` watches; `InSingle` has the same code compute in single precision wherever it asks for half.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_iter

HALVES = (torch.float16, torch.bfloat16)
_ROOM = ("empty", "new_empty", "empty_like", "empty_strided", "new_empty_strided", "resize_")
"""Operations that give memory as it is: what stands there says nothing."""
_OVERWRITES = ("copy_", "fill_", "zero_", "normal_", "uniform_")


@dataclass(frozen=True)
class Birth:
    """The operation that made the first number that is not finite.

    Attributes:
        operation: its name in torch.
        undefined: what it was asked for where it has no value, such as "the log of 0"; empty where it overflowed.
        largest: the largest finite number that went into it, by magnitude.
        half: whether it gave half precision.
    """

    operation: str
    undefined: str
    largest: float
    half: bool

    def __str__(self) -> str:
        if self.undefined:
            return self.undefined
        place = " in half precision" if self.half else ""
        return f"{self.operation} overflowed{place} on numbers up to {self.largest:.3g}"


class Births(TorchDispatchMode):
    """Watches one evaluation.

    Attributes:
        first: the first number that is not finite made of finite ones.
        nan: the first NaN made of numbers that are none, of infinities on purpose, say, such as a mask's.
        halves: whether anything was in half precision.
    """

    def __init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.first: Birth | None = None
        self.nan: Birth | None = None
        self.halves = False

    @property
    def birth(self) -> Birth | None:
        """The one that there was."""
        return self.first or self.nan

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        kwargs = kwargs or {}
        name = func._schema.name.removeprefix("aten::")
        read = _read(func, args, kwargs) if self.first is None and name not in _ROOM else None
        fine = read is not None and _all_finite(read)
        if fine and func._schema.is_mutable:
            read = [v.clone() if isinstance(v, Tensor) else v for v in read or ()]
        result = func(*args, **kwargs)
        made = [t for t in tree_iter(result) if isinstance(t, Tensor) and t.is_floating_point()]
        half = any(t.dtype in HALVES for t in made)
        self.halves |= half
        if read is not None and not fine and self.nan is None and _any_nan(made) and not _any_nan(read):
            self.nan = Birth(name, f"{name} where it has no value, of infinite numbers", 0.0, half)
        if fine and not _all_finite(made):
            self.first = Birth(name, undefined(name, read or [], made), _largest(read or []), half)
        return result


class InSingle(TorchDispatchMode):
    """Has float32 made wherever half precision is asked for."""

    def __init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call]

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        kwargs = dict(kwargs or {})
        if kwargs.get("dtype") in HALVES:
            kwargs["dtype"] = torch.float32
        return func(*args, **kwargs)


def undefined(name: str, read: list[Any], made: list[Tensor]) -> str:
    """What an operation was asked for where it has no value; empty where it has one that is too large."""
    name = name.rstrip("_").removeprefix("special_")
    x = read[0] if read and isinstance(read[0], Tensor) else None
    if x is not None and name in ("log", "log2", "log10", "log1p"):
        at = x + 1 if name == "log1p" else x
        return "the log of a negative number" if _any(at < 0) else "the log of 0" if _any(at == 0) else ""
    if x is not None and name in ("sqrt", "rsqrt") and _any(x < 0):
        return "the square root of a negative number"
    if name in ("div", "true_divide", "reciprocal", "rsqrt"):
        above, below = (None, x) if name in ("reciprocal", "rsqrt") else (x, read[1] if len(read) > 1 else None)
        zero = below == 0
        if _any(zero):
            return "0/0" if above is not None and _any((above == 0) & zero) else "a division by 0"
        return ""
    if name == "pow" and x is not None:
        return "a power of 0 or of a negative number" if _any(x <= 0) and _largest([x]) < _HUGE else ""
    if any(_any(torch.isnan(t)) for t in made) and _largest(read) < _HUGE:
        return f"{name} where it has no value"
    if name in ("atanh", "logit", "erfinv", "lgamma", "digamma", "polygamma") and _largest(read) < _HUGE:
        return f"{name} at a pole"
    return ""


_HUGE = 1e6


def _any(which: Any) -> bool:
    return bool(which.any()) if isinstance(which, Tensor) else bool(which)


def _read(func: Any, args: Any, kwargs: Any) -> list[Any]:
    """The numbers that an operation reads: tensors of floating point, and plain numbers."""
    name = func._schema.name.removeprefix("aten::")
    written = [
        a.name for a in func._schema.arguments if a.alias_info is not None and a.alias_info.is_write
    ] if name in _OVERWRITES or func._overloadname == "out" else []  # fmt: skip
    named = dict(zip((a.name for a in func._schema.arguments), args, strict=False)) | kwargs
    return list(_numbers({k: v for k, v in named.items() if k not in written}))


def _numbers(values: Any) -> Iterator[Any]:
    for value in tree_iter(values):
        if (isinstance(value, Tensor) and value.is_floating_point()) or isinstance(value, float):
            yield value


def _all_finite(values: list[Any]) -> bool:
    return all(bool(torch.isfinite(v).all()) if isinstance(v, Tensor) else math.isfinite(v) for v in values)


def _any_nan(values: list[Any]) -> bool:
    return any(bool(torch.isnan(v).any()) if isinstance(v, Tensor) else math.isnan(v) for v in values)


def _largest(values: list[Any]) -> float:
    sizes = [float(v.detach().abs().max()) for v in values if isinstance(v, Tensor) and v.numel()]
    return max(sizes, default=0.0)
