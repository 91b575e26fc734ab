"""From a problem to a certificate: at θ itself, or beside it where θ is a bad place to compare.

At an optimum the gradient is lost in round-off, and on a kink there is none. There the comparison is made once more a
little way off: a gradient is a function, and right or wrong as such. For the same reason a gradient that is right at θ
is looked at once more elsewhere: one that remembers θ is right there and nowhere else.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

from likeliest.certify.behaviour import observed
from likeliest.certify.certificate import Certificate, CertifiedPart, Curve
from likeliest.certify.compare import DIFFERENCES, Check, compare, largest, whole
from likeliest.certify.differences import noise_of, reach, slopes
from likeliest.certify.findings import Locate, Scene, findings
from likeliest.certify.kinks import around, outside
from likeliest.certify.problem import Problem
from likeliest.certify.suspect import Cause
from likeliest.randomness import stream

FINE = 1e-4
"""Where differences resolve no less of the gradient than this, θ is a bad place to compare."""
_SUSPICIOUS, _DIGITS = 1e-3, 512.0


def certify(problem: Problem, seed: int, compared: str = "", locate: Locate | None = None) -> Certificate:
    """Certify a gradient of f at θ, or beside it.

    Args:
        problem: what is checked.
        seed: names the sample of entries and the random directions.
        compared: what else to say of the comparison, " on 60 rows".
        locate: finds the layer at fault, where the code has layers.
    """
    beside = _beside(problem, seed)
    scene = _scene(problem, beside, seed)
    overall = scale_of(scene.checks)
    found = findings(problem, scene, overall, locate)
    wrong = {f.part for f in found}
    parts = tuple(_certified(c, overall, c.name not in wrong) for c in scene.checks)
    names = sorted({w for p in parts for w in p.witnesses.split(" and ")}, key=lambda w: w != DIFFERENCES)
    message = f"Compared with {' and '.join(names)}{compared} {scene.place}."
    return Certificate(parts, found, message, tuple(_curve(c, overall) for c in scene.checks))


def _scene(problem: Problem, beside: Tensor, seed: int) -> Scene:
    """Where the gradient is compared, and what came of it."""
    theta = problem.theta
    strange = observed(problem, beside)
    checks = compare(problem, theta, seed)
    here = Scene(theta, checks, "at θ", strange)
    if strange:
        return here
    if any(c.kinked for c in checks):
        return _on_a_kink(problem, beside, seed)
    if any(c.in_error for c in checks):
        return here if any(c.in_error and c.clearly for c in checks) else _second_opinion(problem, beside, here, seed)
    if _resolution(checks) > max(FINE, _DIGITS * float(problem.epsilon.max()) * math.sqrt(len(theta))):
        again = compare(problem, beside, seed)
        place = "a little way from θ, for at θ itself the gradient is too near to zero"
        better = _resolution(again) < _resolution(checks) or any(c.in_error for c in again)
        return Scene(beside, again, place, {}) if better else here
    if _follows(problem, beside, checks, seed):
        return here
    again = compare(problem, beside, seed)
    return Scene(beside, again, "at another θ", {}, Cause.STALE) if any(c.in_error for c in again) else here


def _second_opinion(problem: Problem, beside: Tensor, here: Scene, seed: int) -> Scene:
    """Kinks beside θ may lie closer than round-off lets differences see; elsewhere they lie elsewhere."""
    again = compare(problem, beside, seed)
    if any(c.in_error for c in again) or _resolution(again) >= _resolution(here.checks):
        return here
    return Scene(beside, again, "a little way from θ, for at θ itself differences are not clear", {})


def _on_a_kink(problem: Problem, beside: Tensor, seed: int) -> Scene:
    """Right beside the kink, and between the one-sided slopes on it: then all is well."""
    again = compare(problem, beside, seed)
    if any(c.in_error for c in again):
        return Scene(beside, again, "a little way from θ, for at θ itself it lies on a kink", {})
    on_it = compare(problem, problem.theta, seed, closely=True)
    near = around(problem, seed)
    off = {c.name: outside(c, other, near) for c, other in zip(on_it, again, strict=True)}
    if any(rows.any() for rows in off.values()):
        return Scene(problem.theta, on_it, "at θ, which lies on a kink", {}, Cause.KINK, off)
    return Scene(beside, again, "a little way from θ, for at θ itself it lies on a kink", {})


def _follows(problem: Problem, beside: Tensor, checks: Sequence[Check], seed: int) -> bool:
    """Whether the gradient still seems right at another θ; a doubt is enough to look closer."""
    got = problem.gradient(beside)
    if not bool(torch.isfinite(got).all()):
        return False
    witnesses = {c.witness for c in checks}
    witness = witnesses.pop()
    if not witnesses and witness is not None and witness.gradient is not None:
        full = whole(witness, beside)
        assert full is not None
        pairs = [(c, (got - full)[c.part.slice].abs().max()) for c in checks]
        return all(float(apart) <= max(c.closeness, _SUSPICIOUS * c.largest) for c, apart in pairs)
    draws = torch.from_numpy(stream(seed, "elsewhere").choice((-1.0, 1.0), len(beside)))
    direction = draws / math.sqrt(len(beside))
    found = slopes(problem.values, beside, [direction], noise_of(problem, beside))
    error = abs(float(got @ direction) - float(found.slope[0]))
    return bool(found.kink[0]) or error <= found.bound[0] + max(c.rounding for c in checks)


def _beside(problem: Problem, seed: int) -> Tensor:
    """θ moved part by part along a random direction, as far as f changes moderately."""
    theta = problem.theta
    centre = float(problem.values(theta[None])[0])
    step = torch.zeros_like(theta)
    for part in problem.parts.values():
        draws = stream(seed, "beside", part.start)
        direction = torch.zeros_like(theta)
        direction[part.slice] = torch.from_numpy(draws.standard_normal(part.size))
        direction /= direction.norm()
        step += draws.uniform(0.5, 1.0) * reach(problem.values, theta, direction, centre) * direction
    for halves in range(6):
        moved = theta + step / 2**halves
        if abs(float(problem.values(moved[None])[0]) - centre) <= 1 + abs(centre):
            break
    return problem.rounded(moved)


def scale_of(checks: Sequence[Check]) -> float:
    """The largest derivative of all parts."""
    return max((c.largest for c in checks), default=0.0) or max((largest(c.got) for c in checks), default=0.0)


def _resolution(checks: Sequence[Check]) -> float:
    overall = scale_of(checks)
    return max(c.seen / c.scale(overall) for c in checks)


def _certified(check: Check, overall: float, passed: bool) -> CertifiedPart:
    scale = check.scale(overall)
    heard = DIFFERENCES if check.witness is None else f"{DIFFERENCES} and {check.witness.name}"
    return CertifiedPart(
        part=check.name,
        size=check.part.size,
        checked=check.checked,
        worst=_relative(check.errors[np.isfinite(check.allowed)], scale),
        worst_autograd=None if check.expected is None else _relative(check.apart, scale),
        resolution=check.resolution / scale,
        passed=passed,
        witnesses=heard,
    )


def _relative(errors: np.ndarray, scale: float) -> float:
    worst = float(errors.max(initial=0.0))
    return worst / scale if math.isfinite(worst) else math.inf


def _curve(check: Check, overall: float) -> Curve:
    """The ladder along the compared entry of the largest derivative."""
    row = int(np.argmax(np.abs(np.nan_to_num(check.found.slope[: len(check.entries)]))))
    with np.errstate(invalid="ignore"):
        errors = np.abs(check.found.central[row] - check.along[row]) / check.scale(overall)
    return Curve(check.name, tuple(map(float, check.found.steps[row])), tuple(map(float, errors)))
