"""What a gradient check leaves behind: a small value that prints as a table and goes into a report."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that is wrong with a gradient.

    Attributes:
        part: the part of θ where it is.
        index: the worst entry inside that part; None where it shows only along a direction through all of them.
        expected: the derivative there, by the witness.
        got: the derivative there, by the gradient that was checked.
        cause: "nonfinite", or "unknown".
        message: all of this in a sentence.
    """

    part: str
    index: tuple[int, ...] | None
    expected: float
    got: float
    cause: str
    message: str


@dataclass(frozen=True, slots=True)
class CertifiedPart:
    """What was seen of one part. Errors are relative to the part's largest derivative.

    In a part whose gradient cannot be told from zero, they are relative to the largest derivative of all parts.

    Attributes:
        part: its name.
        size: number of parameters in it.
        checked: number of its entries that were compared with central differences one by one.
        worst: the largest error against central differences.
        worst_autograd: the largest error against autograd, over all entries; None where there is no such witness.
        resolution: the smallest error in any one entry that central differences would have seen.
        passed: whether neither witness saw an error.
    """

    part: str
    size: int
    checked: int
    worst: float
    worst_autograd: float | None
    resolution: float
    passed: bool

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
        }


@dataclass(frozen=True, slots=True)
class Certificate:
    """Evidence that a gradient is right, or where it is not.

    Attributes:
        parts: part by part, in the order of θ.
        findings: what is wrong; empty when it passed.
        message: what was compared, and where.
    """

    parts: tuple[CertifiedPart, ...]
    findings: tuple[Finding, ...]
    message: str

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
        }

    def __str__(self) -> str:
        heads = ("part", "size", "checked", "differences", "autograd", "resolution", "")
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
    return min(value, sys.float_info.max)
