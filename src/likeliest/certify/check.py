"""`check_gradient`: any gradient against central differences of its function."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import torch
from torch import Tensor

from likeliest.certify.certificate import Certificate
from likeliest.certify.compare import Gradient
from likeliest.certify.judge import certify
from likeliest.errors import ShapeError, SpecificationError
from likeliest.interfaces import Part


def check_gradient(
    fun: Callable[[Any], Any],
    grad: Callable[[Any], Any],
    theta: Any,
    *,
    parts: Mapping[str, slice | Part] | None = None,
    seed: int = 0,
) -> Certificate:
    """Certify that ``grad`` is the gradient of ``fun`` at θ, or say where it is not.

    Args:
        fun: θ → a number.
        grad: θ → ∂fun/∂θ, shaped like θ.
        theta: a NumPy array or a torch tensor of any shape; both functions get what is of its kind, shape and dtype.
        parts: names for slices of the flattened θ; None is one part named "theta".
        seed: names the sample of entries and the random directions.

    Raises:
        ShapeError: the gradient is not shaped like θ.
        SpecificationError: θ has no floating-point entries.

    Example:
        >>> import likeliest as lk, numpy as np
        >>> lk.check_gradient(lambda t: np.sum(t**3), lambda t: 3 * t**2, np.array([1.0, -2.0])).passed
        True
        >>> certificate = lk.check_gradient(lambda t: np.sum(t**3), lambda t: -3 * t**2, np.array([1.0, -2.0]))
        >>> print(certificate.findings[0].message)
        theta[1]: expected 12, got -12; 2 of 2 compared entries are wrong.
    """
    like = theta.detach() if isinstance(theta, Tensor) else np.asarray(theta)
    flat = torch.as_tensor(like).double().reshape(-1)
    if flat.numel() == 0 or not torch.as_tensor(like).is_floating_point():
        raise SpecificationError(f"θ needs floating-point entries, found {like.dtype} of shape {tuple(like.shape)}")
    placed = {"theta": Part(0, tuple(like.shape), False)} if parts is None else _placed(parts, flat.numel())

    def values(points: Tensor) -> Tensor:
        return torch.tensor([float(fun(_like(point, like))) for point in points], dtype=torch.float64)

    def gradient(at: Tensor) -> Gradient:
        got = torch.as_tensor(grad(_like(at, like))).detach()
        if tuple(got.shape) != tuple(like.shape):
            raise ShapeError(f"the gradient needs the shape of θ, {tuple(like.shape)}; found {tuple(got.shape)}")
        epsilon = torch.finfo(got.dtype).eps if got.is_floating_point() else 0.0
        double = got.double().reshape(-1)
        return Gradient(double, epsilon * double.abs())

    return certify(values, gradient, flat, placed, seed, "central differences")


def _like(flat: Tensor, like: Any) -> Any:
    """A fresh θ of the caller's kind, shape and dtype, which may be written to."""
    shaped = flat.reshape(tuple(like.shape))
    return shaped.to(like.dtype, copy=True) if isinstance(like, Tensor) else shaped.numpy().astype(like.dtype)


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
