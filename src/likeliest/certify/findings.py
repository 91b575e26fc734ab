"""What a certificate says of a wrong gradient: where the error starts, which entry shows it most, and why.

A backward pass carries an error from where it is made to every part before it. So the wrong part nearest to the output
comes first, and is diagnosed with all means; the others are told as what may follow from it.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
from torch import Tensor

from likeliest.certify.behaviour import Misbehaviour
from likeliest.certify.causes import diagnose
from likeliest.certify.certificate import Finding
from likeliest.certify.compare import Check
from likeliest.certify.expected import derivatives, worst_entry
from likeliest.certify.kinks import one_sided
from likeliest.certify.problem import Problem
from likeliest.certify.suspect import Cause, Diagnosis, Suspect
from likeliest.certify.trials import suspected

_GARBAGE, _MANY_DIGITS = 100.0, 0.05
"""Digits are garbage when a plain evaluation is a hundred times less noisy and the noise is a twentieth of the part."""


@dataclass(frozen=True)
class Scene:
    """Where a gradient was compared, and what was seen there.

    Attributes:
        theta: where (P,).
        checks: part by part.
        place: in words.
        strange: parts whose gradient is no function of θ.
        cause: of every error here, if the way to this place tells.
        off: for a kink, part by part the directions along which no subgradient was returned.
    """

    theta: Tensor
    checks: Sequence[Check]
    place: str
    strange: Mapping[str, Misbehaviour]
    cause: Cause | None = None
    off: Mapping[str, np.ndarray] = field(default_factory=dict)


@dataclass(frozen=True)
class Fault:
    """The layer at fault, by its own pullback.

    Attributes:
        layer: its path, or "loss".
        suspect: the wrong array of its pullback that tells most.
        parameter: the name of that parameter; None where it is the layer's input.
        diagnosis: where it is known already.
    """

    layer: str
    suspect: Suspect
    parameter: str | None
    diagnosis: Diagnosis | None = None


Locate = Callable[[Tensor], Fault | None]


def findings(problem: Problem, scene: Scene, overall: float, locate: Locate | None) -> tuple[Finding, ...]:
    """All that is wrong, the origin first."""
    epsilon = float(problem.epsilon.max())
    wrong = [c for c in scene.checks if _is_wrong(c, scene) or _is_garbage(c, overall, epsilon)]
    if not wrong:
        return tuple(f for c in reversed(scene.checks) if (f := _unresolved(c, overall)) is not None)
    origin = _origin(wrong, list(problem.parts))
    first = _told(problem, scene, origin, locate)
    rest = [c for c in reversed(wrong) if c is not origin]
    return (first, *(_follower(scene, c, first) for c in rest))


def _is_wrong(check: Check, scene: Scene) -> bool:
    if scene.strange:
        return check.name in scene.strange
    if scene.cause is Cause.KINK:
        return bool(scene.off[check.name].any())
    return check.in_error


def _is_garbage(check: Check, overall: float, epsilon: float) -> bool:
    """Whether the gradient's digits jump about where a plain evaluation's do not.

    A gradient that is zero but for what cancels, like that of a bias before batch norm, has no digits to lose.
    """
    if check.expected is None or check.noise <= _GARBAGE * max(check.plain, epsilon * overall):
        return False
    return check.noise > _MANY_DIGITS * float(np.median(np.abs(check.expected)))


def _origin(wrong: Sequence[Check], names: Sequence[str]) -> Check:
    """The wrong part nearest to the output; of it and its neighbours in one layer, the largest, which tells most."""
    layer = layer_of(wrong[-1].name)
    by_name = {c.name: c for c in wrong}
    neighbours = []
    for name in reversed(names[: names.index(wrong[-1].name) + 1]):
        if layer_of(name) != layer:
            break
        neighbours.append(name)
    return max((by_name[n] for n in neighbours if n in by_name), key=lambda c: c.part.size)


def layer_of(part: str) -> str:
    """The layer that a part belongs to, by its name: "2.weight" and "2.bias", W2 and b2 are of one layer.

    Example:
        >>> layer_of("encoder.0.weight"), layer_of("W_out") == layer_of("b_out"), layer_of("W1") == layer_of("W2")
        ('encoder.0', True, False)
    """
    if "." in part:
        return part.rpartition(".")[0]
    return re.sub(r"^(weights?|bias(es)?|kernel|coef|intercept|[WwBbCc])_?(?![a-z]{2})", "", part)


def _told(problem: Problem, scene: Scene, check: Check, locate: Locate | None) -> Finding:
    """The finding at the origin."""
    if check.name in scene.strange:
        return _misbehaved(check, scene.strange[check.name])
    if scene.cause is Cause.KINK:
        return _no_subgradient(check, scene.off[check.name])
    if not np.isfinite(check.got).all():
        return _not_finite(check)
    expected = derivatives(problem, scene.theta, check)
    fault = locate(scene.theta) if locate is not None else None
    suspect = suspected(problem, scene.theta, scene.checks, check, expected) if fault is None else fault.suspect
    if scene.cause is Cause.STALE:
        said = "it is right at the θ that came first and wrong at this one: something of the first θ was kept"
        diagnosis = Diagnosis(Cause.STALE, said)
    elif not check.in_error:
        diagnosis = Diagnosis(Cause.PRECISION, _jumpy(check))
    else:
        diagnosis = (fault and fault.diagnosis) or diagnose(suspect)
    return _finding(problem, scene, check, expected, diagnosis, fault)


def _jumpy(check: Check) -> str:
    return (
        f"it changes by {check.noise:.1e} when θ changes in its last digit, and a plain evaluation in the same "
        f"precision by {check.plain:.1e}: digits cancel on the way"
    )


def _finding(
    problem: Problem, scene: Scene, check: Check, expected: np.ndarray, diagnosis: Diagnosis, fault: Fault | None
) -> Finding:
    entry = worst_entry(problem, scene.theta, check, expected)
    wanted = float(expected[entry])
    known = np.isfinite(expected)
    off = int((~(np.abs(check.got - expected) <= check.closeness))[known].sum())
    compared = "entries" if known.all() else "compared entries"
    where = "" if fault is None else f" {_in_layer(fault)}"
    pair = _pair(wanted, float(check.got[entry]))
    said = f"{pair}; {off} of {int(known.sum())} {compared} are wrong.{where}"
    return _at(
        check, entry, wanted, diagnosis, f"{said} {_sentence(diagnosis)}", None if fault is None else fault.layer
    )


def _pair(expected: float, got: float) -> str:
    """Two numbers, with as many digits as it takes to tell them apart."""
    digits = next((d for d in (6, 9, 12) if f"{expected:.{d}g}" != f"{got:.{d}g}"), 17)
    return f"expected {expected:.{digits}g}, got {got:.{digits}g}"


def _in_layer(fault: Fault) -> str:
    if fault.layer == "loss":
        return "The error starts in the loss: its gradient with respect to the output is wrong."
    what = f"its parameter {fault.parameter}" if fault.parameter else "its input"
    return f"The error starts in the layer {fault.layer!r}, in the gradient with respect to {what}."


def _sentence(diagnosis: Diagnosis) -> str:
    return f"Probable cause: {diagnosis.cause}; {diagnosis.detail.rstrip('.')}."


def _follower(scene: Scene, check: Check, first: Finding) -> Finding:
    """A wrong part before the origin."""
    if check.name in scene.strange:
        return _misbehaved(check, scene.strange[check.name])
    if scene.cause is Cause.KINK:
        return _no_subgradient(check, scene.off[check.name])
    if not np.isfinite(check.got).all():
        return _not_finite(check)
    expected = check.found.slope[: len(check.entries)] if check.expected is None else check.expected
    got = check.got[check.entries] if check.expected is None else check.got
    worst = int(np.argmax(np.abs(np.nan_to_num(got - expected))))
    entry = int(check.entries[worst]) if check.expected is None else worst
    pair = _pair(float(expected[worst]), float(got[worst]))
    said = f"{pair}. May follow from the error in {first.part}: mend that first."
    cause = first.cause if layer_of(check.name) == layer_of(first.part) else Cause.UNKNOWN
    return _at(check, entry, float(expected[worst]), Diagnosis(cause, ""), said, None)


def _misbehaved(check: Check, seen: Misbehaviour) -> Finding:
    said = f"it was {seen.first:.6g} and then {seen.later:.6g} at the same θ; {seen.detail}."
    if seen.cause is Cause.STALE:
        said += " Compute it from the θ that it is called with."
    return _at(check, seen.index, seen.first, Diagnosis(seen.cause, seen.detail), said, None)


def _no_subgradient(check: Check, off: np.ndarray) -> Finding:
    row = int(np.argmax(np.where(off, check.errors, -1.0)))
    low, high = sorted(one_sided(check, row))
    said = f"got {check.along[row]:.6g}, which is no subgradient"
    if check.found.kink[row]:
        said = f"{said}: θ lies on a kink there, with the slopes {low:.6g} and {high:.6g} on its two sides"
    else:
        said = f"{said}: θ lies on a kink, and along this direction the slope is {low:.6g}; of those that tie, one wins"
    if row < len(check.entries):
        expected = float(check.found.slope[row])
        return _at(check, int(check.entries[row]), expected, Diagnosis(Cause.KINK, said), f"{said}.", None)
    return _of_part(check, Cause.KINK, f"along a random direction, {said}")


def _not_finite(check: Check) -> Finding:
    broken = ~np.isfinite(check.got)
    entry = int(np.argmax(broken))
    expected = float(check.expected[entry]) if check.expected is not None else np.nan
    said = f"got {check.got[entry]:.6g}; {int(broken.sum())} of {check.part.size} entries are not finite"
    return _at(check, entry, expected, Diagnosis(Cause.NONFINITE, said), f"{said}.", None)


def _unresolved(check: Check, overall: float) -> Finding | None:
    """What a part is found guilty of when nothing could be compared."""
    scale = check.scale(overall)
    if check.seen < scale:
        return None
    if np.isfinite(check.seen):
        said = (
            f"an error as large as the gradient itself, {scale:.1e}, would not have been seen above the round-off; "
            "certify where the gradient is larger, or in double precision"
        )
        cause = Cause.PRECISION if check.noise > _MANY_DIGITS * scale else Cause.UNKNOWN
        return _of_part(check, cause, said)
    if check.kinked:
        said = "the function has kinks at θ and beside it, where there is nothing to compare"
        return _of_part(check, Cause.UNKNOWN, said)
    return _of_part(check, Cause.NONFINITE, "the function is not finite around θ; certify at another θ")


def _of_part(check: Check, cause: Cause, said: str) -> Finding:
    return Finding(check.name, None, np.nan, np.nan, cause, f"{check.name}: {said}.")


def _at(check: Check, entry: int, expected: float, diagnosis: Diagnosis, said: str, layer: str | None) -> Finding:
    index = tuple(int(i) for i in np.unravel_index(entry, check.part.shape))
    place = f"{check.name}[{', '.join(map(str, index))}]" if index else check.name
    got = float(check.got[entry])
    return Finding(check.name, index, expected, got, diagnosis.cause, f"{place}: {said}", layer, diagnosis.factor)
