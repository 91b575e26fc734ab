"""What is handed to a diagnosis, and what comes back: a gradient that is wrong, and the name of its bug."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from functools import cached_property
from typing import TypeAlias

import numpy as np

Arrays: TypeAlias = Mapping[str, np.ndarray]
"""Parts of θ by name, in forward order, in double precision."""

Probe: TypeAlias = Callable[[Arrays], tuple[Arrays, Arrays]]
"""θ → what the witnesses expect there and what the gradient under check says, part by part."""


class Cause(StrEnum):
    """What makes a gradient wrong, as far as it can be seen from outside."""

    SIGN = "sign"
    SCALE = "scale"
    MISSING_TERM = "missing_term"
    ZEROED = "zeroed"
    TRANSPOSED = "transposed"
    PERMUTED = "permuted"
    SHIFTED = "shifted"
    STALE = "stale"
    BROADCAST = "broadcast"
    NONLINEARITY = "nonlinearity"
    KINK = "kink"
    NONDETERMINISTIC = "nondeterministic"
    PRECISION = "precision"
    NONFINITE = "nonfinite"
    UNKNOWN = "unknown"


@dataclass(frozen=True)
class Suspect:
    """A gradient that is wrong at one place.

    Attributes:
        name: the part, "2.weight", or a layer's input, "2 (input)".
        expected: what it should be, in the part's shape; NaN where no witness looked.
        got: what it is, in the same shape.
        allowed: by how much the two may differ for round-off alone; a number, or one for each entry.
        theta: the part's parameters, or the layer's input, in the same shape.
        sizes: known sizes, {"batch size": 32}, which a factor may be named by.
        dtype: of the code under check, "float32".
        elementwise: whether the fault is in a layer that acts on each number by itself.
        others: what is expected and got of the other parts, in forward order.
        theta_all: all parameters, by part.
        probe: compares the two at another θ; None where that cannot be done.
    """

    name: str
    expected: np.ndarray
    got: np.ndarray
    allowed: float | np.ndarray
    theta: np.ndarray
    sizes: Mapping[str, int] = field(default_factory=dict)
    dtype: str = "float64"
    elementwise: bool = False
    others: Mapping[str, tuple[np.ndarray, np.ndarray]] = field(default_factory=dict)
    theta_all: Arrays = field(default_factory=dict)
    probe: Probe | None = None

    @cached_property
    def largest_error(self) -> float:
        """The largest error of an entry whose right value is known."""
        error = np.abs(self.got - self.expected)[np.isfinite(self.expected)]
        return float(error.max(initial=0.0))


@dataclass(frozen=True)
class Diagnosis:
    """The probable cause of a wrong gradient.

    Attributes:
        cause: its name.
        detail: what a student needs to mend it, as the end of a sentence: "it is 32 times too large, the batch size".
        factor: got = factor · expected, for a scale.
    """

    cause: Cause
    detail: str
    factor: float | None = None
