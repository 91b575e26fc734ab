"""A gradient beside its witnesses, part by part, and the judgement.

Small parts are compared with central differences entry by entry. In a large part that is done for the entry of the
largest derivative and a seeded sample, and the whole part is compared along random directions d with entries ±1/√size:
an error e in any one entry, sampled or not, changes the slope along each of them by e/√size. On that rests the stated
resolution.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from likeliest.certify.certificate import Certificate, CertifiedPart, Finding
from likeliest.certify.differences import SAFETY, Values, slopes
from likeliest.interfaces import Part
from likeliest.randomness import stream

WHOLE, SAMPLED, DIRECTIONS = 16, 8, 3
"""Up to WHOLE entries are compared one by one; of larger parts SAMPLED entries, and DIRECTIONS random directions."""


@dataclass(frozen=True)
class Check:
    """What the witnesses said of one part; errors here are absolute.

    Attributes:
        name: of the part.
        part: where it lies on θ.
        got: its gradient (size,), the one that is checked.
        entries: the k of its entries that were compared one by one.
        slopes: by central differences (m,): along the k entries, then along the random directions.
        errors: by how much the gradient differs from them (m,).
        allowed: by how much it may (m,): round-off, and half the jump at a kink.
        autograd: the gradient by autograd (size,), where there is one.
        autograd_allowed: by how much the two may differ: their round-off.
    """

    name: str
    part: Part
    got: np.ndarray
    entries: np.ndarray
    slopes: np.ndarray
    errors: np.ndarray
    allowed: np.ndarray
    autograd: np.ndarray | None = None
    autograd_allowed: float = 0.0

    @property
    def resolution(self) -> float:
        """The smallest error in any one entry that central differences would have seen."""
        k, size = len(self.entries), self.part.size
        one_by_one = float(self.allowed[:k].max())
        return one_by_one if k == size else max(one_by_one, math.sqrt(size) * float(self.allowed[k:].min()))

    @property
    def largest(self) -> float:
        """The largest derivative that a witness saw."""
        seen = self.slopes[: len(self.entries)] if self.autograd is None else self.autograd
        return _size(seen)


def compare(
    values: Values, theta: Tensor, got: Tensor, parts: Mapping[str, Part], epsilon: float, seed: int
) -> list[Check]:
    """Compare a gradient (P,) with central differences of f at θ (P,), both in double precision.

    Args:
        values: f at many points.
        theta: θ.
        got: the gradient to be checked.
        parts: names of slices of θ.
        epsilon: the relative precision in which the gradient was computed.
        seed: names the sample of entries and the random directions.
    """
    chosen = {name: _chosen(got[part.slice], stream(seed, "certify", part.start)) for name, part in parts.items()}
    found = slopes(values, theta, _directions(theta, parts, chosen, seed))
    checks, at = [], 0
    for name, part in parts.items():
        own, entries = got[part.slice].numpy(), chosen[name]
        signs = _signs(part, entries, seed)
        along = np.concatenate((own[entries], signs @ own / math.sqrt(part.size)))
        here = slice(at, at + len(along))
        rounding = SAFETY * epsilon * _size(own)
        allowed = found.bound[here] + found.half_jump[here] + rounding
        checks.append(Check(name, part, own, entries, found.slope[here], np.abs(along - found.slope[here]), allowed))
        at = here.stop
    return checks


def _chosen(gradient: Tensor, draws: np.random.Generator) -> np.ndarray:
    """The entries of a part that are compared one by one."""
    size = len(gradient)
    if size <= WHOLE:
        return np.arange(size)
    return np.union1d(draws.choice(size, SAMPLED, replace=False), int(gradient.abs().nan_to_num(torch.inf).argmax()))


def _signs(part: Part, entries: np.ndarray, seed: int) -> np.ndarray:
    """Random signs (DIRECTIONS, size) for a part that is not compared as a whole."""
    rows = DIRECTIONS if len(entries) < part.size else 0
    return stream(seed, "certify directions", part.start).choice((-1.0, 1.0), (rows, part.size))


def _directions(
    theta: Tensor, parts: Mapping[str, Part], chosen: Mapping[str, np.ndarray], seed: int
) -> Iterator[Tensor]:
    """Unit vectors (P,): each part's entries, then its random directions; one at a time, for θ may be long."""
    for name, part in parts.items():
        for entry in chosen[name]:
            direction = torch.zeros_like(theta)
            direction[part.start + int(entry)] = 1.0
            yield direction
        for signs in _signs(part, chosen[name], seed):
            direction = torch.zeros_like(theta)
            direction[part.slice] = torch.from_numpy(signs) / math.sqrt(part.size)
            yield direction


def judge(checks: Sequence[Check], message: str) -> Certificate:
    """Turn what the witnesses said into a certificate."""
    largest = max((c.largest for c in checks), default=0.0) or max((_size(c.got) for c in checks), default=0.0)
    judged = [_judge(c, largest) for c in checks]
    return Certificate(tuple(p for p, _ in judged), tuple(f for _, f in judged if f is not None), message)


def _judge(check: Check, largest: float) -> tuple[CertifiedPart, Finding | None]:
    scale = (check.largest if check.largest > check.resolution else largest) or 1.0
    finding = _finding(check, scale)
    auto = None
    if check.autograd is not None:
        auto = _relative(float(np.abs(check.got - check.autograd).max()), scale)
    part = CertifiedPart(
        part=check.name,
        size=check.part.size,
        checked=len(check.entries),
        worst=_relative(float(check.errors.max()), scale),
        worst_autograd=auto,
        resolution=check.resolution / scale,
        passed=finding is None,
    )
    return part, finding


def _size(values: np.ndarray) -> float:
    """The largest finite absolute value."""
    return float(np.abs(values[np.isfinite(values)]).max(initial=0.0))


def _relative(error: float, scale: float) -> float:
    return error / scale if math.isfinite(error) else math.inf


def _finding(check: Check, scale: float) -> Finding | None:
    """The worst that is wrong with a part, told at one place."""
    k, name = len(check.entries), check.name
    if not np.isfinite(check.got).all():
        at = int(np.argmin(np.isfinite(check.got)))
        count = f"{int((~np.isfinite(check.got)).sum())} of {check.part.size} entries are not finite"
        return _found(check, at, math.nan, "nonfinite", count)
    if not np.isfinite(check.allowed).all():
        said = f"{name}: the function is not finite around θ, so that nothing can be compared; certify at another θ."
        return Finding(name, None, math.nan, math.nan, "nonfinite", said)
    wrong = check.errors > check.allowed
    if wrong[:k].any():
        at = int(np.argmax(np.where(wrong[:k], check.errors[:k], 0.0)))
        count = f"{int(wrong[:k].sum())} of {k} compared entries are wrong"
        return _found(check, int(check.entries[at]), float(check.slopes[at]), "unknown", count)
    if check.autograd is not None and not (np.abs(check.got - check.autograd) <= check.autograd_allowed).all():
        error = np.abs(check.got - check.autograd)
        at = int(np.argmax(np.nan_to_num(error, nan=math.inf)))
        count = f"{int((error > check.autograd_allowed).sum())} of {check.part.size} entries differ from autograd"
        return _found(check, at, float(check.autograd[at]), "unknown", count)
    if wrong.any():
        at = int(np.argmax(np.where(wrong, check.errors, 0.0)))
        said = (
            f"{name}: along a random direction the slope is {check.slopes[at]:.6g}, and the gradient is off by "
            f"{check.errors[at]:.2g}; the {k} entries compared one by one are right."
        )
        return Finding(name, None, float(check.slopes[at]), math.nan, "unknown", said)
    if check.resolution >= scale:
        said = (
            f"{name}: an error as large as the gradient itself, {scale:.1e}, would not have been seen above the "
            "round-off; certify where the gradient is larger, or in double precision."
        )
        return Finding(name, None, math.nan, math.nan, "unknown", said)
    return None


def _found(check: Check, entry: int, expected: float, cause: str, detail: str) -> Finding:
    index = tuple(int(i) for i in np.unravel_index(entry, check.part.shape))
    got = float(check.got[entry])
    place = f"{check.name}[{', '.join(map(str, index))}]"
    said = f"{place}: got {got:.6g}" if cause == "nonfinite" else f"{place}: expected {expected:.6g}, got {got:.6g}"
    return Finding(check.name, index, expected, got, cause, f"{said}; {detail}.")
