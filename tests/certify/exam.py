"""What a certificate answers to a planted bug, and how that is marked."""

from __future__ import annotations

import warnings
from collections.abc import Iterable
from dataclasses import dataclass

import likeliest as lk

from .planted import Planted


@dataclass(frozen=True)
class Mark:
    """Was the bug caught, was the part named, was the cause named (for a scale with its factor)."""

    name: str
    caught: bool
    part: bool
    cause: bool
    said: str

    @property
    def right(self) -> bool:
        return self.caught and self.part and self.cause


def mark(case: Planted) -> Mark:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # bugs overflow and divide by zero
        certificate = lk.check_gradient(**case.build())
    if certificate.passed:
        return Mark(case.name, False, False, False, str(certificate))
    first = certificate.findings[0]
    cause = first.cause == case.cause
    if case.factor is not None:
        cause &= first.factor is not None and abs(first.factor / case.factor - 1) < 1e-3
    return Mark(case.name, True, first.part in case.parts or first.layer in case.parts, cause, str(certificate))


def shares(marks: Iterable[Mark]) -> tuple[float, float]:
    """The share of bugs that were caught, and of those with the right part and the right cause."""
    marks = list(marks)
    return sum(m.caught for m in marks) / len(marks), sum(m.right for m in marks) / len(marks)
