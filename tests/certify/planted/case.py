"""One planted bug: a function with a gradient that is wrong in a known part for a known cause."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

ARCHITECTURES = ("linear", "mlp", "conv", "recurrent", "softmax", "batch_norm", "attention")
CAUSES = (
    "sign", "scale", "missing_term", "zeroed", "transposed", "permuted", "shifted", "stale", "broadcast",
    "nonlinearity", "kink", "nondeterministic", "precision", "nonfinite", "unknown",
)  # fmt: skip


@dataclass(frozen=True)
class Planted:
    """A bug and the answer that a certificate owes to it.

    Attributes:
        name: unique, as in "numpy-mlp-sign-w2".
        architecture: one of `ARCHITECTURES`.
        cause: one of `CAUSES`.
        parts: the acceptable answers to "which part": the wrong part nearest to the output, for a backward pass
            carries an error from there to all parts before it. Weight and bias of one layer are both accepted where
            both are wrong; so are a module's path where a layer without parameters is at fault, and "loss".
        build: fresh arguments for ``check_gradient``, the same at each call.
        right: the right gradient at that θ, by name; an array that has no names is called "theta".
        factor: got = factor · expected, for "scale".
    """

    name: str
    architecture: str
    cause: str
    parts: frozenset[str]
    build: Callable[[], Mapping[str, Any]]
    right: Callable[[], Mapping[str, np.ndarray]]
    factor: float | None = None
