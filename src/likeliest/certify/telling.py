"""The sentences of a finding: place, both numbers, and what a student needs to mend it."""

from __future__ import annotations

import numpy as np

from likeliest.certify.behaviour import Misbehaviour
from likeliest.certify.certificate import Finding
from likeliest.certify.compare import Check
from likeliest.certify.differences import SAFETY
from likeliest.certify.kinks import one_sided
from likeliest.certify.suspect import Cause, Diagnosis

LOST = 0.05
"""Digits are lost where so much of a part is noise."""


def diagnosed(
    check: Check,
    entry: int,
    expected: np.ndarray,
    diagnosis: Diagnosis,
    layer: str | None = None,
    parameter: str | None = None,
) -> Finding:
    """The worst entry of a wrong part, of which ``expected`` (size,) is right where it is known, and the cause."""
    known = np.isfinite(expected)
    off = int((~(np.abs(check.got - expected) <= _explained(check)))[known].sum())
    entries = "entries" if known.all() else "compared entries"
    count = (
        f"{off} of {int(known.sum())} {entries} are wrong" if off else "it shows along a direction through all entries"
    )
    said = f"{_pair(float(expected[entry]), float(check.got[entry]))}; {count}."
    said += "" if layer is None else f" {_in_layer(layer, parameter)}"
    said += f" Probable cause: {diagnosis.cause}; {diagnosis.detail.rstrip('.')}."
    return _at(check, entry, float(expected[entry]), diagnosis, said, layer)


def _explained(check: Check) -> float:
    """By how much an entry may be off for round-off, and for what differences do not resolve."""
    if check.expected is not None:
        return check.closeness
    bounds = check.found.bound[: len(check.entries)]
    return check.rounding + SAFETY * float(bounds[np.isfinite(bounds)].max(initial=0.0))


def _pair(expected: float, got: float) -> str:
    """Two numbers, with as many digits as it takes to tell them apart."""
    digits = next((d for d in (6, 9, 12) if f"{expected:.{d}g}" != f"{got:.{d}g}"), 17)
    return f"expected {expected:.{digits}g}, got {got:.{digits}g}"


def _in_layer(layer: str, parameter: str | None) -> str:
    if layer == "loss":
        return "The error starts in the loss: its gradient with respect to the output is wrong."
    what = f"its parameter {parameter}" if parameter else "its input"
    return f"The error starts in the layer {layer!r}, in the gradient with respect to {what}."


def following(check: Check, origin: str, cause: Cause) -> Finding:
    """A wrong part whose error may come from the origin."""
    expected = check.found.slope[: len(check.entries)] if check.expected is None else check.expected
    got = check.got[check.entries] if check.expected is None else check.got
    worst = int(np.argmax(np.abs(np.nan_to_num(got - expected))))
    entry = int(check.entries[worst]) if check.expected is None else worst
    said = (
        f"{_pair(float(expected[worst]), float(got[worst]))}. May follow from the error in {origin}: mend that first."
    )
    return _at(check, entry, float(expected[worst]), Diagnosis(cause, ""), said)


def misbehaved(check: Check, seen: Misbehaviour) -> Finding:
    """A part whose gradient is no function of θ."""
    said = f"it was {seen.first:.6g} and then {seen.later:.6g} at the same θ; {seen.detail}."
    if seen.cause is Cause.STALE:
        said += " Compute it from the θ that it is called with."
    return _at(check, seen.index, seen.first, Diagnosis(seen.cause, seen.detail), said)


def no_subgradient(check: Check, off: np.ndarray) -> Finding:
    """A part that is no subgradient along the directions ``off`` (m,)."""
    row = int(np.argmax(np.where(off, check.errors, -1.0)))
    low, high = sorted(one_sided(check, row))
    said = f"got {check.along[row]:.6g}, which is no subgradient"
    if check.found.kink[row]:
        said = f"{said}: θ lies on a kink there, with the slopes {low:.6g} and {high:.6g} on its two sides"
    else:
        said = f"{said}: θ lies on a kink, and along this direction the slope is {low:.6g}; of those that tie, one wins"
    if row < len(check.entries):
        expected = float(check.found.slope[row])
        return _at(check, int(check.entries[row]), expected, Diagnosis(Cause.KINK, said), f"{said}.")
    return _of_part(check, Cause.KINK, f"along a random direction, {said}")


def not_finite(check: Check) -> Finding:
    """A part with entries that are not finite."""
    broken = ~np.isfinite(check.got)
    entry = int(np.argmax(broken))
    expected = float(check.expected[entry]) if check.expected is not None else np.nan
    said = f"got {check.got[entry]:.6g}; {int(broken.sum())} of {check.part.size} entries are not finite"
    return _at(check, entry, expected, Diagnosis(Cause.NONFINITE, said), f"{said}.")


def unresolved(check: Check, overall: float) -> Finding | None:
    """What a part is found guilty of when nothing could be compared."""
    scale = check.scale(overall)
    if check.seen < scale:
        return None
    if np.isfinite(check.seen):
        said = (
            f"an error as large as the gradient itself, {scale:.1e}, would not have been seen above the round-off; "
            "certify where the gradient is larger, or in double precision"
        )
        cause = Cause.PRECISION if check.noise > LOST * scale else Cause.UNKNOWN
        return _of_part(check, cause, said)
    if check.kinked:
        said = "the function has kinks at θ and beside it, where there is nothing to compare"
        return _of_part(check, Cause.UNKNOWN, said)
    return _of_part(check, Cause.NONFINITE, "the function is not finite around θ; certify at another θ")


def _of_part(check: Check, cause: Cause, said: str) -> Finding:
    return Finding(check.name, None, np.nan, np.nan, cause, f"{check.name}: {said}.")


def _at(
    check: Check, entry: int, expected: float, diagnosis: Diagnosis, said: str, layer: str | None = None
) -> Finding:
    index = tuple(int(i) for i in np.unravel_index(entry, check.part.shape))
    place = f"{check.name}[{', '.join(map(str, index))}]" if index else check.name
    got = float(check.got[entry])
    return Finding(check.name, index, expected, got, diagnosis.cause, f"{place}: {said}", layer, diagnosis.factor)
