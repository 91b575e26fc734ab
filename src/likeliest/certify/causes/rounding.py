"""Right as far as its digits go: computed in fewer of them, cut off, or lost in a difference of large numbers."""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator

import numpy as np

from likeliest.certify.causes.matching import epsilon, explains, known, number, tolerance, wrong
from likeliest.certify.suspect import Cause, Diagnosis, Suspect

_FORMATS = {"float16": (11, -24), "bfloat16": (8, -133), "float32": (24, -149)}
"""Bits of the significand, and the exponent of the smallest number."""
_ROUGH = 0.25
_ENOUGH = 3


def few_digits(suspect: Suspect) -> Diagnosis | None:
    """Every number fits in a format of fewer digits than the code's own, and is right as far as that goes."""
    got = suspect.got[known(suspect)]
    if np.count_nonzero(got) < _ENOUGH or not _roughly(suspect):
        return None
    for name, (bits, smallest) in _FORMATS.items():
        if (
            2.0 ** (1 - bits) > epsilon(suspect)
            and _fits(got, bits, smallest)
            and not _fits(suspect.expected, bits, smallest)
        ):
            said = (
                f"every entry is a {name} number, and right to no more than its digits: compute it in {suspect.dtype}"
            )
            return Diagnosis(Cause.PRECISION, said)
    return None


def _fits(a: np.ndarray, bits: int, smallest: int) -> bool:
    _, exponent = np.frexp(a)
    unit = np.exp2(np.maximum(exponent - bits, smallest).astype(np.float64))
    return bool((np.rint(a / unit) * unit == a).all(where=np.isfinite(a)))


def _roughly(suspect: Suspect) -> bool:
    seen = known(suspect)
    size = max(np.abs(suspect.expected[seen]).max(), np.abs(suspect.got[seen]).max())
    return bool(np.abs(suspect.got - suspect.expected)[seen].max() <= _ROUGH * size)


def on_a_grid(suspect: Suspect) -> Diagnosis | None:
    """All numbers are multiples of one: rounded, or added to something large, where the last digits fall off."""
    seen = known(suspect)
    got, expected = suspect.got[seen], suspect.expected[seen]
    if len(got) < _ENOUGH or not got.any():
        return None
    for step in _steps(got):
        if np.abs(got - expected).max() <= 2 * step + tolerance(suspect)[seen].max() and not _on(expected, step):
            said = (
                f"it is right to the nearest multiple of {number(step)}: it is rounded, made an integer, or its last "
                "digits fall off where it is added to something large and taken out again"
            )
            return Diagnosis(Cause.PRECISION, said)
    return None


def _steps(got: np.ndarray) -> Iterator[float]:
    """The largest power of two, and of ten, of which all numbers are multiples."""
    for base, digits in ((2.0, 24), (10.0, 7)):
        top = math.ceil(math.log(np.abs(got).max(), base)) + 1
        yield from itertools.islice((s for k in range(digits) if _on(got, s := base ** (top - k))), 1)


def _on(a: np.ndarray, step: float) -> bool:
    return bool((np.abs(a / step - np.rint(a / step)) <= 1e-6 * np.maximum(1, np.abs(a / step))).all())


def underflow(suspect: Suspect) -> Diagnosis | None:
    """All entries below some size are zero, and all above it are right."""
    seen = known(suspect)
    lost = wrong(suspect) & (suspect.got == 0)
    if not lost.any() or (wrong(suspect) & ~lost).any() or lost.sum() < _ENOUGH:
        return None
    kept = seen & (suspect.got != 0)
    if kept.sum() < _ENOUGH:
        return None
    edge, smallest = np.abs(suspect.expected[lost]).max(), np.abs(suspect.expected[kept]).min()
    if edge >= smallest:
        return None
    said = (
        f"every entry below {number(float(smallest))} in size is zero, and those above are right: small numbers "
        "underflow, or are cut off"
    )
    return Diagnosis(Cause.PRECISION, said)


def clipped(suspect: Suspect) -> Diagnosis | None:
    """All entries beyond some size are that size."""
    off = wrong(suspect)
    bound = np.abs(suspect.got[off]).max(initial=0.0)
    if off.sum() < _ENOUGH or not explains(suspect, suspect.expected.clip(-bound, bound), tolerance(suspect)):
        return None
    said = f"no entry is larger than {number(float(bound))}, and those that should be are cut off there: it is clipped"
    return Diagnosis(Cause.UNKNOWN, said)
