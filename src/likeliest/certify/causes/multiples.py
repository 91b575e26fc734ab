"""Right up to a factor: 0, −1, the batch size, 2, ½ or any other number."""

from __future__ import annotations

import math
from collections.abc import Iterator

import numpy as np

from likeliest.certify.causes.matching import CLOSE, along, explains, known, number, tolerance, wrong
from likeliest.certify.suspect import Cause, Diagnosis, Suspect

_NOTHING = 1e-9
"""A gradient that is smaller than the right one by so much is none."""


def nonfinite(suspect: Suspect) -> Diagnosis | None:
    """Some of the gradient is not finite, where the function is."""
    broken = ~np.isfinite(suspect.got)
    if not broken.any():
        return None
    kinds = "NaN" if np.isnan(suspect.got).all(where=broken) else "infinite" if np.isinf(suspect.got).any() else "NaN"
    said = (
        f"{int(broken.sum())} of {broken.size} entries are {kinds}; look for an overflow of exp, a division by 0, the "
        "log or root of 0, or ∞ − ∞ and 0 · ∞, which a mask multiplied in afterwards does not take away"
    )
    return Diagnosis(Cause.NONFINITE, said)


def zeroed(suspect: Suspect) -> Diagnosis | None:
    """The gradient is zero, and should not be."""
    seen = known(suspect)
    size = np.abs(suspect.expected[seen]).max(initial=0.0)
    if (np.abs(suspect.got[seen]) > np.minimum(tolerance(suspect)[seen], _NOTHING * size)).any():
        return None
    said = "it is zero, as if it had been detached, overwritten or never added"
    return Diagnosis(Cause.ZEROED, said)


def sign(suspect: Suspect) -> Diagnosis | None:
    """The gradient is minus the right one."""
    if not explains(suspect, -suspect.expected, tolerance(suspect)):
        return None
    said = "it has the wrong sign: minus the right gradient, as of what is to be maximised, or of target − output"
    return Diagnosis(Cause.SIGN, said)


def scale(suspect: Suspect) -> Diagnosis | None:
    """The gradient is a constant times the right one.

    A factor of about 1 is none. One number is always a multiple of another: where no more than that was wrong, the
    factor needs a name, or it has to be the same at another θ or in another part.
    """
    factor = fitted(suspect)
    if factor is None or abs(factor - 1) <= CLOSE:
        return None
    if not explains(suspect, factor * suspect.expected, tolerance(suspect) * max(1.0, abs(factor))):
        return None
    factor, advice = named(factor, suspect)
    if informative(suspect) <= 2 and not advice and not _confirmed(suspect, factor):
        return None
    said = f"it is {number(factor)} times the right one{advice or _unnamed(factor)}"
    return Diagnosis(Cause.SCALE, said, factor)


def scaled_by_axis(suspect: Suspect) -> Diagnosis | None:
    """Each row, or each column, has a factor of its own: a weight or a standard deviation of its own is left out."""
    expected, got = suspect.expected, suspect.got
    if not known(suspect).all():
        return None
    for axis in range(expected.ndim):
        others = tuple(a for a in range(expected.ndim) if a != axis)
        if math.prod(expected.shape[a] for a in others) < 3 or expected.shape[axis] < 2:
            continue
        squares = (expected**2).sum(others, keepdims=True)
        factors = np.divide((got * expected).sum(others, keepdims=True), squares, where=squares > 0, out=0 * squares)
        allowed = tolerance(suspect) * np.maximum(1.0, np.abs(factors))
        if np.abs(factors - 1).max() > CLOSE and explains(suspect, factors * expected, allowed):
            said = (
                f"its {along(axis, expected.ndim)} are off by a factor of their own each, from "
                f"{number(float(factors.min()))} to {number(float(factors.max()))}: one that goes with axis {axis}, "
                "a weight or a standard deviation, is left out or comes in twice"
            )
            return Diagnosis(Cause.SCALE, said)
    return None


def fitted(suspect: Suspect) -> float | None:
    """The factor c of least squares in got = c · expected; None where nothing is expected but zero."""
    seen = known(suspect)
    expected, got = suspect.expected[seen], suspect.got[seen]
    largest = np.abs(expected).max(initial=0.0)
    if largest == 0:
        return None
    return float((got / largest) @ (expected / largest) / ((expected / largest) @ (expected / largest)))


def informative(suspect: Suspect) -> int:
    """The number of wrong entries whose right value stands out of the round-off."""
    return int((wrong(suspect) & (np.abs(suspect.expected) > 10 * tolerance(suspect))).sum())


def named(factor: float, suspect: Suspect) -> tuple[float, str]:
    """Recognise a factor: as it should have been exactly, and what that says."""
    for value, said in _names(suspect):
        for sign_ in (1.0, -1.0):
            if abs(factor - sign_ * value) <= CLOSE * value:
                return sign_ * value, said + (", with the sign turned round" if sign_ < 0 else "")
    return factor, ""


def _unnamed(factor: float) -> str:
    size = abs(factor)
    if size > 2 and abs(size - round(size)) <= CLOSE * size:
        return ", perhaps the number of rows: a sum here and a mean in the loss"
    if size < 0.5 and abs(1 / size - round(1 / size)) <= CLOSE / size:
        return ", perhaps one over the number of rows: a mean here and a sum in the loss"
    return ": a constant factor is left out, or one too many"


def _names(suspect: Suspect) -> Iterator[tuple[float, str]]:
    for name, size in suspect.sizes.items():
        if size > 2:
            yield float(size), f", the {name}: divide by it, or take the sum in the loss too"
            yield 1 / size, f", one over the {name}: take the sum here, or the mean in the loss too"
    yield 2.0, ": the 2 of a square's derivative is one too many, or the same gradient is added twice"
    yield 0.5, ": the 2 of a square's derivative is missing, or there is a ½ that the loss does not have"
    for name, size in suspect.sizes.items():
        if size > 2:
            yield 2.0 * size, f", twice the {name}: sum and mean are mixed up, and the 2 of a square's derivative"
            yield 2.0 / size, f", two over the {name}: sum and mean are mixed up, and the 2 of a square's derivative"
            yield size / 2.0, f", half the {name}: sum and mean are mixed up, and the 2 of a square's derivative"
            yield 0.5 / size, f", one over twice the {name}: sum and mean are mixed up, and a square's derivative"
            yield math.sqrt(size), f", the root of the {name}"
            yield 1 / math.sqrt(size), f", one over the root of the {name}"
            yield size / (size - 1.0), f", n / (n − 1) for the {name} n"
            yield (size - 1.0) / size, f", (n − 1) / n for the {name} n"
    for axis, length in enumerate(suspect.expected.shape):
        if length > 2 and suspect.expected.ndim > 1:
            yield float(length), f", the length of axis {axis}: a sum is taken where a mean belongs, or added so often"
            yield 1.0 / length, f", one over the length of axis {axis}: a mean is taken where a sum belongs"


def _confirmed(suspect: Suspect, factor: float) -> bool:
    """Whether another part, or the same part at another θ, is off by the same factor."""
    for expected, got in suspect.others.values():
        if expected.size > 2 and np.abs(got - factor * expected).max() <= CLOSE * np.abs(got).max() > 0:
            return True
    if suspect.probe is None or suspect.name not in suspect.theta_all:
        return False
    elsewhere = suspect.probe({name: 1.3 * a + 0.1 for name, a in suspect.theta_all.items()})
    expected, got = (arrays[suspect.name] for arrays in elsewhere)
    return bool(np.abs(got - factor * expected).max() <= 10 * CLOSE * np.abs(got).max() > 0)
