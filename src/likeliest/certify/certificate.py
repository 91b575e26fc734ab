"""What a gradient check leaves behind: a small value that prints as a table and goes into a report."""

from __future__ import annotations

import sys
from dataclasses import dataclass, field
from typing import Any

from likeliest.certify.suspect import Cause


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that is wrong with a gradient.

    Attributes:
        part: the part of θ where it is: for modules layer and parameter, "2.weight".
        index: the worst entry inside that part; None where it shows only along a direction through all of them.
        expected: the derivative there, by the witness.
        got: the derivative there, by the gradient that was checked.
        cause: the probable one.
        message: all of this in sentences, and what a student needs to mend it.
        layer: the path of the module at fault, "2", or "loss"; None where the code has no modules.
        factor: got = factor · expected, where the cause is a scale.
    """

    part: str
    index: tuple[int, ...] | None
    expected: float
    got: float
    cause: Cause
    message: str
    layer: str | None = None
    factor: float | None = None

    def to_json(self) -> dict[str, Any]:
        """Return plain finite values; NaN is None."""
        return {
            "part": self.part,
            "layer": self.layer,
            "index": None if self.index is None else list(self.index),
            "expected": _or_none(self.expected),
            "got": _or_none(self.got),
            "cause": str(self.cause),
            "factor": None if self.factor is None else _or_none(self.factor),
            "message": self.message,
        }


@dataclass(frozen=True, slots=True)
class Curve:
    """The ladder of steps along the direction of a part's largest derivative.

    A right gradient shows the two arms of differentiation: a truncation error that falls with h², and a round-off that
    rises with 1/h. A wrong one shows a plateau.

    Attributes:
        part: the part.
        steps: h, from the largest to the smallest.
        errors: |D(h) − gradient| relative to the part's largest derivative.
    """

    part: str
    steps: tuple[float, ...]
    errors: tuple[float, ...]

    def to_json(self) -> dict[str, Any]:
        """Return plain finite values."""
        return {"part": self.part, "steps": list(self.steps), "errors": [_finite(e) for e in self.errors]}


@dataclass(frozen=True, slots=True)
class CertifiedPart:
    """What was seen of one part. Errors are relative to the part's largest derivative.

    In a part whose gradient cannot be told from zero, they are relative to the largest derivative of all parts.

    Attributes:
        part: its name.
        size: number of parameters in it.
        checked: number of its entries that were compared one by one.
        worst: the largest error against central differences.
        worst_autograd: the largest error, over all entries, against a witness of the whole gradient: autograd, forward
            mode or complex step; None where there is none that central differences agree with.
        resolution: the smallest error in any one entry that would have been seen.
        passed: whether no witness saw an error.
        witnesses: who was heard, in words.
    """

    part: str
    size: int
    checked: int
    worst: float
    worst_autograd: float | None
    resolution: float
    passed: bool
    witnesses: str = "central differences"

    def to_json(self) -> dict[str, Any]:
        """Return plain finite values; an infinite error is the largest number there is."""
        auto = None if self.worst_autograd is None else _finite(self.worst_autograd)
        return {
            "part": self.part,
            "size": self.size,
            "checked": self.checked,
            "worst": _finite(self.worst),
            "worst_autograd": auto,
            "resolution": _finite(self.resolution),
            "passed": self.passed,
            "witnesses": self.witnesses,
        }


@dataclass(frozen=True, slots=True)
class Certificate:
    """Evidence that a gradient is right, or where it is not.

    Attributes:
        parts: part by part, in the order of θ.
        findings: what is wrong, the origin first: the wrong part nearest to the output, for a backward pass carries an
            error from there to all parts before it. Empty when it passed.
        message: what was compared, and where.
        curves: the relative error against the step of the differences, part by part, for a plot.
    """

    parts: tuple[CertifiedPart, ...]
    findings: tuple[Finding, ...]
    message: str
    curves: tuple[Curve, ...] = field(default=(), compare=False, repr=False)

    @property
    def passed(self) -> bool:
        """Whether no witness saw an error that it could tell from round-off."""
        return not self.findings

    @property
    def worst(self) -> float:
        """The largest relative error of all parts against central differences."""
        return max((p.worst for p in self.parts), default=0.0)

    @property
    def resolution(self) -> float:
        """The coarsest resolution of all parts: a smaller relative error in one entry might not have been seen."""
        return max((p.resolution for p in self.parts), default=0.0)

    def to_json(self, model: str) -> dict[str, Any]:
        """Return an entry of a report's ``certificates`` for the model of that name."""
        return {
            "model": model,
            "passed": self.passed,
            "worst": _finite(self.worst),
            "resolution": _finite(self.resolution),
            "parts": [p.to_json() for p in self.parts],
            "message": " ".join([self.message, *(f.message for f in self.findings)]),
            "findings": [f.to_json() for f in self.findings],
            "curves": [c.to_json() for c in self.curves],
        }

    def __str__(self) -> str:
        heads = ("part", "size", "checked", "differences", "all entries", "resolution", "")
        rows = [heads, *(_cells(p) for p in self.parts)]
        name, *widths = (max(map(len, column)) for column in zip(*rows, strict=True))
        lines = [
            "  ".join([first.ljust(name), *(cell.rjust(w) for cell, w in zip(rest, widths, strict=True))]).rstrip()
            for first, *rest in rows
        ]
        return "\n".join([*lines, self.message, *(f.message for f in self.findings)])


def _cells(p: CertifiedPart) -> tuple[str, ...]:
    auto = "-" if p.worst_autograd is None else f"{p.worst_autograd:.1e}"
    verdict = "passed" if p.passed else "FAILED"
    return p.part, str(p.size), str(p.checked), f"{p.worst:.1e}", auto, f"{p.resolution:.1e}", verdict


def _finite(value: float) -> float:
    return min(value, sys.float_info.max) if value == value else sys.float_info.max


def _or_none(value: float) -> float | None:
    return None if value != value else max(-sys.float_info.max, _finite(value))
