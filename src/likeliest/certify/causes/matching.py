"""What an explanation is measured by: it has to reproduce the wrong gradient, up to round-off, from the right one."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

import numpy as np

from likeliest.certify.suspect import Suspect

CLOSE = 1e-3
"""An explanation that leaves so little of the error is right about it, whatever the round-off was thought to be."""
_BETTER = 0.1
_FEW = 1024
_EPSILON = {"float64": 2.0**-52, "float32": 2.0**-23, "float16": 2.0**-10, "bfloat16": 2.0**-7}


def known(suspect: Suspect) -> np.ndarray:
    """The entries whose right value is known."""
    return np.asarray(np.isfinite(suspect.expected) & np.isfinite(tolerance(suspect)))


def tolerance(suspect: Suspect) -> np.ndarray:
    """What round-off explains, for each entry."""
    return np.broadcast_to(np.asarray(suspect.allowed, np.float64), suspect.expected.shape)


def wrong(suspect: Suspect) -> np.ndarray:
    """The entries that are wrong beyond round-off."""
    return np.asarray(known(suspect) & ~(np.abs(suspect.got - suspect.expected) <= tolerance(suspect)))


def epsilon(suspect: Suspect) -> float:
    """The spacing of numbers near 1 in the arithmetic of the code."""
    return _EPSILON.get(suspect.dtype.removeprefix("torch."), 2.0**-52)


def explains(suspect: Suspect, predicted: np.ndarray, allowed: np.ndarray | float, *, strict: bool = False) -> bool:
    """Whether a prediction of ``got`` holds wherever it is made.

    It has to be good to round-off and far better than ``expected``; or, unless ``strict``, so good that the rest is
    small beside the error.
    """
    if _clearly_not(suspect, predicted):
        return False
    seen = known(suspect) & np.isfinite(predicted)
    if not seen.any():
        return False
    error = np.abs(suspect.got - suspect.expected)[seen].max()
    left = np.abs(suspect.got - predicted)[seen]
    if not strict and left.max() <= CLOSE * error:
        return True
    allowed = np.broadcast_to(allowed, seen.shape)[seen] + 16 * epsilon(suspect) * np.abs(predicted[seen]).max()
    return bool((left <= allowed).all() and left.max() <= _BETTER * error)


def _clearly_not(suspect: Suspect, predicted: np.ndarray) -> bool:
    """Whether a few entries rule a prediction out: whatever holds leaves less than a share of the largest error.

    A large part is compared with hundreds of predictions, all but one of which are wrong nearly everywhere.
    """
    if predicted.size <= _FEW:
        return False
    few = slice(None, None, predicted.size // _FEW)
    expected, got, said = (a.flat[few] for a in (suspect.expected, suspect.got, predicted))
    seen = np.isfinite(expected) & np.isfinite(tolerance(suspect).flat[few]) & np.isfinite(said)
    return bool(np.abs(got - said)[seen].max(initial=0.0) > _BETTER * suspect.largest_error)


def restricted(suspect: Suspect, axes: tuple[np.ndarray, ...]) -> Suspect:
    """The part of a suspect that lies at the given indices of each axis."""
    box = np.ix_(*axes)
    return replace(
        suspect,
        expected=suspect.expected[box],
        got=suspect.got[box],
        theta=suspect.theta[box],
        allowed=tolerance(suspect)[box],
    )


def hull(mask: np.ndarray) -> tuple[np.ndarray, ...]:
    """The indices along each axis at which a mask is true anywhere."""
    return tuple(
        np.flatnonzero(mask.any(axis=tuple(a for a in range(mask.ndim) if a != axis))) for axis in range(mask.ndim)
    )


def place(axes: tuple[np.ndarray, ...], shape: tuple[int, ...]) -> str:
    """Name the entries at the given indices of each axis: "rows 8 to 15, column 3"."""
    named = [
        f"{_axis(axis, len(shape), len(chosen))} {runs(chosen)}"
        for axis, (chosen, length) in enumerate(zip(axes, shape, strict=True))
        if len(chosen) < length
    ]
    return ", ".join(named) or "all entries"


def _axis(axis: int, ndim: int, count: int) -> str:
    if ndim > 2:
        return f"axis {axis} at"
    one, many = ("entry", "entries") if ndim == 1 else (("row", "rows"), ("column", "columns"))[axis]
    return one if count == 1 else many


def along(axis: int, ndim: int) -> str:
    """Name what lies side by side along an axis: "rows"."""
    return f"slices along axis {axis}" if ndim > 2 else _axis(axis, ndim, 2)


def runs(indices: Iterable[int]) -> str:
    """Write indices shortly: "0, 3, 8 to 15"."""
    chosen = np.asarray(list(indices))
    cuts = np.split(chosen, np.flatnonzero(np.diff(chosen) != 1) + 1)
    said = [str(c[0]) if len(c) == 1 else f"{c[0]} {'and' if len(c) == 2 else 'to'} {c[-1]}" for c in cuts]
    return ", ".join(said[:4]) + (", …" if len(said) > 4 else "")


def number(value: float) -> str:
    """Write a number as one would say it: 32, 1/3, 0.0271828."""
    if abs(value) >= 1 or value == 0:
        return f"{value:.6g}"
    inverse = 1 / value
    whole = round(inverse)
    return (
        f"{'-' if whole < 0 else ''}1/{abs(whole)}" if abs(inverse - whole) <= CLOSE * abs(inverse) else f"{value:.6g}"
    )
