"""Objects that several chapters share."""

from __future__ import annotations

from typing import Any, NotRequired, TypedDict


class Histogram(TypedDict):
    """Counts between edges."""

    label: str
    """What was counted: a class, "test rows", …"""
    edges: list[float]
    """(bins + 1,) rising edges, in the unit of the axis. Histograms of one chart share their edges."""
    counts: list[int]
    """(bins,) rows in each bin."""


class Curve(TypedDict):
    """A line of one chart."""

    label: str
    """The line's name in the legend."""
    x: list[float]
    """(points,) abscissae, rising."""
    y: list[float]
    """(points,) ordinates."""


class VerdictJson(TypedDict):
    """Why a fit ended: ``Verdict.to_json()``."""

    kind: str
    """A ``VerdictKind``: "converged", "separated", "plateau", …"""
    message: str
    """One or two sentences with the evidence and, where something is wrong, the remedy."""
    evidence: dict[str, Any]
    """Numbers that prove it (gradient norm, Newton decrement, …) and names (columns, …), plain values."""


class CertifiedPart(TypedDict):
    """One named slice of θ in a certificate. Errors are relative to the part's largest gradient entry."""

    part: str
    """Name of the slice, such as "layer 1 weight"."""
    size: int
    """Number of parameters in it."""
    checked: int
    """Number of its entries that were compared with central differences."""
    worst: float
    """Worst relative error against central differences in f64."""
    worst_autograd: float | None
    """Worst relative error against autograd; ``None`` where autograd has no such function."""
    resolution: float
    """Relative error that central differences cannot tell from rounding here: a smaller ``worst`` proves no more."""
    passed: bool
    """Whether both errors are as small as the comparison can resolve."""
    witnesses: NotRequired[str]
    """Who was heard, in words: "central differences and autograd"."""


class LadderCurve(TypedDict):
    """Central differences along the direction of a part's largest derivative, one for each step."""

    part: str
    """Name of the slice."""
    steps: list[float]
    """Steps h, from the largest to the smallest."""
    errors: list[float]
    """Errors against the gradient, relative to the part's largest derivative."""


class GradientFinding(TypedDict):
    """One thing that is wrong with a gradient."""

    part: str
    """Name of the slice."""
    layer: str | None
    """The module at fault, where the code has modules."""
    index: list[int] | None
    """The worst entry inside the part."""
    expected: float | None
    """The derivative there, by the witnesses."""
    got: float | None
    """The derivative there, by the gradient that was checked."""
    cause: str
    """The probable cause, from a fixed vocabulary."""
    factor: float | None
    """Got = factor · expected, where the cause is a scale."""
    message: str
    """All of this in sentences."""


class Certificate(TypedDict):
    """Evidence that a model's gradient is right, or where it is not."""

    model: str
    """``Model.name``."""
    passed: bool
    """Whether every part passed."""
    worst: float
    """Worst relative error of all parts against central differences."""
    resolution: float
    """The coarsest resolution among the parts."""
    parts: list[CertifiedPart]
    """Part by part, in the order of θ."""
    message: NotRequired[str]
    """A sentence on what was compared where (at which θ, on how many rows), or on what failed."""
    findings: NotRequired[list[GradientFinding]]
    """What is wrong, the origin first; empty when it passed."""
    curves: NotRequired[list[LadderCurve]]
    """Error against step, part by part."""
