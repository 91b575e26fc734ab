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
from likeliest.certify.problem import Problem
from likeliest.certify.suspect import Cause, Diagnosis, Suspect
from likeliest.certify.telling import LOST, diagnosed, following, misbehaved, no_subgradient, not_finite, unresolved
from likeliest.certify.trials import suspected

_GARBAGE = 100.0
"""Digits are garbage where a plain evaluation is so many times less noisy, and much of the part is noise."""


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
        return tuple(f for c in reversed(scene.checks) if (f := unresolved(c, overall)) is not None)
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
    return check.noise > LOST * float(np.median(np.abs(check.expected)))


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
    if (plain := _without_diagnosis(scene, check)) is not None:
        return plain
    expected = derivatives(problem, scene.theta, check)
    fault = locate(scene.theta) if locate is not None else None
    entry = worst_entry(problem, scene.theta, check, expected)
    diagnosis = _diagnosis(problem, scene, check, expected, fault)
    return diagnosed(check, entry, expected, diagnosis, *((fault.layer, fault.parameter) if fault else ()))


def _without_diagnosis(scene: Scene, check: Check) -> Finding | None:
    """What needs no right gradient to be told: where there is no function of θ, no derivative or no number."""
    if check.name in scene.strange:
        return misbehaved(check, scene.strange[check.name])
    if scene.cause is Cause.KINK:
        return no_subgradient(check, scene.off[check.name])
    return None if np.isfinite(check.got).all() else not_finite(check)


def _diagnosis(problem: Problem, scene: Scene, check: Check, expected: np.ndarray, fault: Fault | None) -> Diagnosis:
    if scene.cause is Cause.STALE:
        said = "it is right at the θ that came first and wrong at this one: something of the first θ was kept"
        return Diagnosis(Cause.STALE, said)
    if not check.in_error:
        said = (
            f"it changes by {check.noise:.1e} when θ changes in its last digit, and a plain evaluation in the same "
            f"precision by {check.plain:.1e}: digits cancel on the way"
        )
        return Diagnosis(Cause.PRECISION, said)
    if fault is not None:
        return fault.diagnosis or diagnose(fault.suspect)
    return diagnose(suspected(problem, scene.theta, scene.checks, check, expected))


def _follower(scene: Scene, check: Check, first: Finding) -> Finding:
    """A wrong part before the origin: of the same bug in the same layer, of unknown cause in others."""
    same = layer_of(check.name) == layer_of(first.part)
    return _without_diagnosis(scene, check) or following(check, first.part, first.cause if same else Cause.UNKNOWN)
