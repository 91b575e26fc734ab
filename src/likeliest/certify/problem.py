"""What is checked: a function, its gradient, the θ they meet at, and whoever else knows the derivative.

All that follows speaks of one flat θ in double precision. A `Layout` is what stands between it and the arrays, tensors
or mappings of them that the caller's code wants.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, TypeAlias

import numpy as np
import torch
from torch import Tensor

from likeliest.errors import ShapeError, SpecificationError
from likeliest.interfaces import Part

Values: TypeAlias = Callable[[Tensor], Tensor]
"""Points (k, P) → f at each of them (k,), both in double precision."""


@dataclass(frozen=True)
class Witness:
    """Someone who knows derivatives of the same function. Each is compared with differences before it is believed.

    Attributes:
        name: in words.
        gradient: θ (P,) → the whole gradient (P,).
        slope: (θ, d) → the derivative along d, where that is what it can tell.
        coarse: the gradient once more in the precision of the code under check, which shows what that alone costs.
        independent: whether it shares no derivation with the code under check.
        exact: whether it is right to round-off if it is right at all; a complex step can be a little wrong, where an
            absolute value of something small stops it, and is believed no more closely than differences agree with it.
    """

    name: str
    gradient: Callable[[Tensor], Tensor] | None = None
    slope: Callable[[Tensor, Tensor], float] | None = None
    coarse: Callable[[Tensor], Tensor] | None = None
    independent: bool = True
    exact: bool = True


@dataclass(frozen=True)
class Problem:
    """A gradient to be checked.

    Attributes:
        values: f in the finest precision in which it can be had.
        value: f as the caller has it, at one θ (P,).
        gradient: θ (P,) → the gradient under check (P,).
        theta: where, (P,).
        parts: slices of θ by name, in forward order.
        epsilon: the last digit of each entry of θ (P,), relative.
        rounded: θ → the nearest θ that the code under check can represent.
        witnesses: who else knows the derivative, the best first.
        sizes: known sizes that a wrong factor may be named by.
        rounding: θ → what is known beforehand of the gradient's round-off (P,).
        noises: σ of the round-off of f, by the bytes of the θ near which it was measured.
    """

    values: Values
    value: Callable[[Tensor], float]
    gradient: Callable[[Tensor], Tensor]
    theta: Tensor
    parts: Mapping[str, Part]
    epsilon: Tensor
    rounded: Callable[[Tensor], Tensor] = lambda theta: theta
    witnesses: tuple[Witness, ...] = ()
    sizes: Mapping[str, int] = field(default_factory=dict)
    rounding: Callable[[Tensor], Tensor] | None = None
    noises: dict[bytes, float] = field(default_factory=dict, repr=False, compare=False)

    @property
    def dtype(self) -> str:
        """The coarsest precision that the code computes in."""
        coarsest = float(self.epsilon.max())
        known = (torch.float64, torch.float32, torch.float16, torch.bfloat16)
        return next(str(d).removeprefix("torch.") for d in known if torch.finfo(d).eps >= coarsest)


class Layout:
    """How θ came: an array, a tensor, or a mapping from names to either.

    Attributes:
        theta: the same, flat (P,).
        parts: where its parts lie there.
        is_torch: whether all of it are tensors.
        is_numpy: whether all of it are arrays.

    Raises:
        SpecificationError: θ has no floating-point entries.
        ShapeError: a part is no slice of θ.
    """

    def __init__(self, theta: Any, parts: Mapping[str, slice | Part] | None = None) -> None:
        self._is_mapping = isinstance(theta, Mapping)
        if self._is_mapping and parts is not None:
            raise SpecificationError("a mapping names its own parts; pass it without parts")
        named = dict(theta) if self._is_mapping else {"theta": theta}
        self._like = {n: t.detach() if isinstance(t, Tensor) else np.asarray(t) for n, t in named.items()}
        for like in self._like.values():
            if math.prod(like.shape) == 0 or not torch.as_tensor(like).is_floating_point():
                raise SpecificationError(
                    f"θ needs floating-point entries, found {like.dtype} of shape {tuple(like.shape)}"
                )
        if not self._like:
            raise SpecificationError("θ needs floating-point entries, found an empty mapping")
        self.is_torch = all(isinstance(like, Tensor) for like in self._like.values())
        self.is_numpy = all(isinstance(like, np.ndarray) for like in self._like.values())
        self._places = in_a_row({name: tuple(like.shape) for name, like in self._like.items()})
        self._cuts = [(n, like, self._places[n].slice, self._places[n].shape) for n, like in self._like.items()]
        self.theta = self.flat(theta)
        self.parts = self._places if parts is None else _placed(parts, len(self.theta))

    @property
    def epsilon(self) -> Tensor:
        """The relative last digit of each entry (P,)."""
        last = [
            torch.full((math.prod(t.shape),), torch.finfo(torch.as_tensor(t).dtype).eps) for t in self._like.values()
        ]
        return torch.cat(last).double()

    def like(self, flat: Tensor, dtype: torch.dtype | None = None) -> Any:
        """A fresh θ of the caller's kind and shape, which may be written to; in its own precision if none is named."""
        if self.is_numpy:
            array = flat.numpy()
            return self._built(
                lambda like, cut, shape: array[cut].reshape(shape).astype(np.float64 if dtype else like.dtype)
            )
        return self._built(lambda like, cut, shape: _made(flat[cut].reshape(shape), like, dtype))

    def complex(self, flat: np.ndarray) -> Any:
        """The same of a complex θ (P,), for arrays."""
        return self._built(lambda _, cut, shape: flat[cut].reshape(shape).copy())

    def rounded(self, flat: Tensor) -> Tensor:
        """The nearest θ that the caller's precision can represent."""
        return self.flat(self.like(flat))

    def flat(self, structured: Any) -> Tensor:
        """What is shaped like θ as one vector (P,) in double precision.

        Raises:
            ShapeError: it is not shaped like θ.
        """
        named = structured if self._is_mapping else {"theta": structured}
        if not isinstance(named, Mapping) or set(named) != set(self._like):
            found = sorted(named) if isinstance(named, Mapping) else type(named).__name__
            raise ShapeError(f"the gradient needs the names of θ, {sorted(self._like)}; found {found}")
        arrays = [self._checked(name, named[name]) for name in self._like]
        return torch.cat([array.double().reshape(-1) for array in arrays])

    def _checked(self, name: str, given: Any) -> Tensor:
        array = given.detach() if isinstance(given, Tensor) else torch.as_tensor(np.asarray(given))
        wanted = self._places[name].shape
        if tuple(array.shape) != wanted:
            what = f"the gradient of {name!r}" if self._is_mapping else "the gradient"
            raise ShapeError(f"{what} needs the shape of θ, {wanted}; found {tuple(array.shape)}")
        return array

    def _built(self, make: Callable[[Any, slice, tuple[int, ...]], Any]) -> Any:
        built = {name: make(like, cut, shape) for name, like, cut, shape in self._cuts}
        return built if self._is_mapping else built["theta"]


def in_a_row(shapes: Mapping[str, tuple[int, ...]]) -> dict[str, Part]:
    """Parts of these shapes, one after the other."""
    placed, at = {}, 0
    for name, shape in shapes.items():
        placed[name] = Part(at, shape, False)
        at += placed[name].size
    return placed


def number(value: Any) -> float:
    """What a function returned, as a number.

    Raises:
        ShapeError: it is more than one number.
    """
    array = value.detach().double().numpy() if isinstance(value, Tensor) else np.asarray(value, dtype=np.float64)
    if array.size != 1:
        raise ShapeError(f"the function needs to return one number; found the shape {array.shape}")
    return float(array.reshape(()))


def _made(shaped: Tensor, like: Any, dtype: torch.dtype | None) -> Any:
    if isinstance(like, Tensor):
        return shaped.to(dtype or like.dtype, copy=True)
    return shaped.detach().numpy().astype(like.dtype if dtype is None else np.float64)


def _placed(parts: Mapping[str, slice | Part], size: int) -> dict[str, Part]:
    """Slices as parts, whose entries are numbered from the start of the slice."""
    placed = {}
    for name, part in parts.items():
        cut = part.slice if isinstance(part, Part) else part
        start, stop, step = cut.indices(size)
        if step != 1 or not 0 <= start < stop or (cut.stop is not None and cut.stop > size):
            raise ShapeError(f"part {name!r} needs a slice of at least one of the {size} entries of θ, found {cut}")
        placed[name] = part if isinstance(part, Part) else Part(start, (stop - start,), False)
    return placed
