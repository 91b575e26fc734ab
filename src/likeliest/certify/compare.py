"""A gradient beside its witnesses, part by part.

Small parts are compared with central differences entry by entry. In a large part that is done for the entry of the
largest derivative and a seeded sample, and the whole part is compared along random directions d with entries ±1/√size:
an error e in any one entry, sampled or not, changes the slope along each of them by e/√size. On that rests the stated
resolution.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from likeliest.certify.differences import SAFETY, Values, slopes
from likeliest.interfaces import Part
from likeliest.randomness import stream

WHOLE, SAMPLED, DIRECTIONS = 16, 8, 3
"""Up to WHOLE entries are compared one by one; of larger parts SAMPLED entries, and DIRECTIONS random directions."""


class Gradient(NamedTuple):
    """A gradient at one θ, in double precision: the one to be checked, its round-off, and autograd's, each (P,)."""

    got: Tensor
    rounding: Tensor
    autograd: Tensor | None = None


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
        allowed: by how much it may (m,); infinite where differences have no say, at a kink or where f is not finite.
        kinks: whether θ lies on a kink (m,).
        autograd: the gradient by autograd (size,), where there is one.
        autograd_allowed: by how much the two may differ.
    """

    name: str
    part: Part
    got: np.ndarray
    entries: np.ndarray
    slopes: np.ndarray
    errors: np.ndarray
    allowed: np.ndarray
    kinks: np.ndarray
    autograd: np.ndarray | None
    autograd_allowed: float

    @property
    def resolution(self) -> float:
        """The smallest error in any one entry that central differences would have seen."""
        k, size = len(self.entries), self.part.size
        one_by_one = float(self.allowed[:k].max())
        return one_by_one if k == size else max(one_by_one, math.sqrt(size) * float(self.allowed[k:].min()))

    @property
    def largest(self) -> float:
        """The largest derivative that a witness saw."""
        return largest(self.slopes[: len(self.entries)] if self.autograd is None else self.autograd)

    @property
    def wrong(self) -> np.ndarray:
        """Where the gradient differs from the differences by more than it may (m,)."""
        return self.errors > self.allowed

    @property
    def apart(self) -> np.ndarray:
        """By how much each entry differs from autograd's (size,); zero where there is no such witness."""
        return np.zeros(self.part.size) if self.autograd is None else np.abs(self.got - self.autograd)

    @property
    def in_error(self) -> bool:
        """Whether a witness saw an error."""
        finite = bool(np.isfinite(self.got).all())
        return not finite or bool(self.wrong.any()) or not bool((self.apart <= self.autograd_allowed).all())


def compare(values: Values, gradient: Gradient, theta: Tensor, parts: Mapping[str, Part], seed: int) -> list[Check]:
    """Compare a gradient with central differences of f at θ (P,), and with autograd's."""
    got = gradient.got
    chosen = {name: _chosen(got[part.slice], stream(seed, "certify", part.start)) for name, part in parts.items()}
    found = slopes(values, theta, _directions(theta, parts, chosen, seed))
    checks, at = [], 0
    for name, part in parts.items():
        own, entries = got[part.slice].numpy(), chosen[name]
        along = np.concatenate((own[entries], _signs(part, entries, seed) @ own / math.sqrt(part.size)))
        here = slice(at, at + len(along))
        slope, kinks = found.slope[here], found.kink[here]
        rounding = SAFETY * largest(gradient.rounding[part.slice].numpy())
        allowed = np.where(kinks, np.inf, found.bound[here] + rounding)
        auto = None if gradient.autograd is None else gradient.autograd[part.slice].numpy()
        checks.append(Check(name, part, own, entries, slope, np.abs(along - slope), allowed, kinks, auto, rounding))
        at = here.stop
    return checks


def largest(values: np.ndarray) -> float:
    """The largest finite absolute value."""
    return float(np.abs(values[np.isfinite(values)]).max(initial=0.0))


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
