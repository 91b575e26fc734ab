"""From what the witnesses said to a certificate: at θ itself, or beside it where θ is a bad place to compare.

At an optimum the gradient is lost in round-off, and on a kink there is none. There the comparison is made once more a
little way off: a gradient is a function, and right or wrong as such.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence

import numpy as np
import torch
from torch import Tensor

from likeliest.certify.certificate import Certificate, CertifiedPart, Finding
from likeliest.certify.compare import Check, Gradient, compare, largest
from likeliest.certify.differences import Values, reach
from likeliest.interfaces import Part
from likeliest.randomness import stream

FINE = 1e-4
"""Where differences resolve no less of the gradient than this, θ is a bad place to compare."""


def certify(
    values: Values,
    gradient: Callable[[Tensor], Gradient],
    theta: Tensor,
    parts: Mapping[str, Part],
    seed: int,
    against: str,
) -> Certificate:
    """Certify a gradient of f at θ (P,), or beside it."""
    checks = compare(values, gradient(theta), theta, parts, seed)
    found = judge(checks, f"Compared with {against} at θ.")
    if found.resolution <= FINE or any(check.in_error for check in checks):
        return found
    reason = "it lies on a kink" if any(c.kinks.any() for c in checks) else "the gradient is too near to zero"
    beside = _beside(values, theta, parts, seed)
    again = compare(values, gradient(beside), beside, parts, seed)
    moved = judge(again, f"Compared with {against} a little way from θ, for at θ itself {reason}.")
    return moved if moved.resolution < found.resolution else found


def _beside(values: Values, theta: Tensor, parts: Mapping[str, Part], seed: int) -> Tensor:
    """θ moved part by part along a random direction, as far as f changes moderately."""
    moved = theta.clone()
    centre = float(values(theta[None])[0])
    for part in parts.values():
        draws = stream(seed, "beside", part.start)
        direction = torch.zeros_like(theta)
        direction[part.slice] = torch.from_numpy(draws.standard_normal(part.size))
        direction /= direction.norm()
        moved += draws.uniform(0.5, 1.0) * reach(values, theta, direction, centre) * direction
    return moved


def judge(checks: Sequence[Check], message: str) -> Certificate:
    """Turn what the witnesses said into a certificate."""
    overall = max((c.largest for c in checks), default=0.0) or max((largest(c.got) for c in checks), default=0.0)
    judged = [_judge(c, overall) for c in checks]
    return Certificate(tuple(p for p, _ in judged), tuple(f for _, f in judged if f is not None), message)


def _judge(check: Check, overall: float) -> tuple[CertifiedPart, Finding | None]:
    scale = (check.largest if check.largest > check.resolution else overall) or 1.0
    finding = _finding(check, scale)
    part = CertifiedPart(
        part=check.name,
        size=check.part.size,
        checked=len(check.entries),
        worst=_relative(check.errors[np.isfinite(check.allowed)], scale),
        worst_autograd=None if check.autograd is None else _relative(check.apart, scale),
        resolution=check.resolution / scale,
        passed=finding is None,
    )
    return part, finding


def _relative(errors: np.ndarray, scale: float) -> float:
    worst = float(errors.max(initial=0.0))
    return worst / scale if math.isfinite(worst) else math.inf


def _finding(check: Check, scale: float) -> Finding | None:
    """The worst that is wrong with a part, told at one place."""
    k, size = len(check.entries), check.part.size
    broken = ~np.isfinite(check.got)
    if broken.any():
        detail = f"{int(broken.sum())} of {size} entries are not finite"
        return _at(check, int(np.argmax(broken)), math.nan, "nonfinite", detail)
    if check.wrong[:k].any():
        worst = int(np.argmax(np.where(check.wrong[:k], check.errors[:k], 0.0)))
        detail = f"{int(check.wrong[:k].sum())} of {k} compared entries are wrong"
        return _at(check, int(check.entries[worst]), float(check.slopes[worst]), "unknown", detail)
    off = ~(check.apart <= check.autograd_allowed)
    if check.autograd is not None and off.any():
        worst = int(np.argmax(np.nan_to_num(check.apart, nan=math.inf)))
        detail = f"{int(off.sum())} of {size} entries differ from autograd"
        return _at(check, worst, float(check.autograd[worst]), "unknown", detail)
    if check.wrong.any():
        worst = int(np.argmax(np.where(check.wrong, check.errors, 0.0)))
        said = (
            f"along a random direction through the part the slope is {check.slopes[worst]:.6g}, and the gradient is "
            f"off by {check.errors[worst]:.2g}; the {k} entries compared one by one are right"
        )
        return _of_part(check, "unknown", said)
    return _unresolved(check, scale)


def _unresolved(check: Check, scale: float) -> Finding | None:
    """What a part is found guilty of when nothing could be compared."""
    if check.resolution < scale:
        return None
    if math.isfinite(check.resolution):
        said = (
            f"an error as large as the gradient itself, {scale:.1e}, would not have been seen above the round-off; "
            "certify where the gradient is larger, or in double precision"
        )
        return _of_part(check, "unknown", said)
    if check.kinks.any():
        return _of_part(
            check, "unknown", "the function has kinks at θ and beside it, where there is nothing to compare"
        )
    return _of_part(check, "nonfinite", "the function is not finite around θ; certify at another θ")


def _of_part(check: Check, cause: str, said: str) -> Finding:
    return Finding(check.name, None, math.nan, math.nan, cause, f"{check.name}: {said}.")


def _at(check: Check, entry: int, expected: float, cause: str, detail: str) -> Finding:
    index = tuple(int(i) for i in np.unravel_index(entry, check.part.shape))
    got = float(check.got[entry])
    wanted = "" if cause == "nonfinite" else f"expected {expected:.6g}, "
    place = f"{check.name}[{', '.join(map(str, index))}]"
    return Finding(check.name, index, expected, got, cause, f"{place}: {wanted}got {got:.6g}; {detail}.")
