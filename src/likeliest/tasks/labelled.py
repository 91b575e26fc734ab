"""Files with a label each, whatever they hold: labels as numbers, and what all of it is told by."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence

import numpy as np
from numpy.typing import NDArray

from likeliest.data import Target
from likeliest.errors import TargetError


def class_indices(
    names: Sequence[str], labels: Sequence[str], target: Target, *, learnt: str, remedy: str
) -> NDArray[np.int64]:
    """Return the class of each file as its index in the target's classes, (n,).

    Raises:
        TargetError: a label that was not ``learnt``, with its file and the remedy.
    """
    index = {str(name): k for k, name in enumerate(target.classes or ())}
    for name, label in zip(names, labels, strict=True):
        if label not in index:
            known = ", ".join(list(index)[:10])
            raise TargetError(f"{name}: expected one of the {learnt} learnt ({known}), found {label!r}; {remedy}")
    return np.array([index[label] for label in labels], dtype=np.int64)


def sha256(digests: Iterable[bytes], y: NDArray[np.int64]) -> str:
    """Return the digest of every file's contents and label, in order."""
    return hashlib.sha256(b"".join(digests) + y.astype("<i8").tobytes()).hexdigest()
