"""Exact arithmetic for the references: precision raised until two precisions agree, and the unit in the last place."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from typing import NamedTuple

from mpmath import mp, mpf

FIRST, DEEP, LAST = 128, 2048, 4096
AGREED = mpf(2) ** -70


class Jet(NamedTuple):
    """log p with its first and second derivatives by the columns of η."""

    value: mpf
    score: tuple[mpf, ...]
    hessian: tuple[tuple[mpf, ...], ...]

    def numbers(self) -> Iterator[mpf]:
        yield self.value
        yield from self.score


class Format(NamedTuple):
    """A binary floating-point format."""

    digits: int
    least: int
    """Exponent of the smallest subnormal number."""
    greatest: int
    """All finite numbers lie below 2 to this power."""

    def ulp(self, x: mpf) -> mpf:
        """The gap between neighbours at x: never below the smallest subnormal, nor above the gap at the largest."""
        exponent = min(mp.mag(x), self.greatest) if x else self.least
        return mpf(2) ** max(exponent - self.digits, self.least)

    @property
    def largest(self) -> mpf:
        return mpf(2) ** self.greatest - mpf(2) ** (self.greatest - self.digits)


DOUBLE, SINGLE = Format(53, -1074, 1024), Format(24, -149, 128)


def settled(jet: Callable[[], Jet], floor: mpf) -> Jet:
    """Evaluate at twice the precision until two results agree in 70 bits, or to within the floor.

    Two zeros agree only where the least number of double precision is not lost beside 1.
    """
    precision = FIRST
    with mp.workprec(precision):
        before = jet()
    while precision < LAST:
        precision *= 2
        with mp.workprec(precision):
            now = jet()
            if all(_agree(a, b, floor, precision) for a, b in zip(before.numbers(), now.numbers(), strict=True)):
                return now
        before = now
    raise ArithmeticError(f"no two precisions up to {LAST} bits agree: {before} and {now}")


def _agree(a: mpf, b: mpf, floor: mpf, precision: int) -> bool:
    if not b and not floor:
        return a == b and precision >= DEEP
    return abs(a - b) <= max(AGREED * abs(b), floor)


def guarded(*sizes: mpf) -> AbstractContextManager[None]:
    """Compute with as many more bits as second differences of functions cancel at arguments so large."""
    return mp.workprec(mp.prec + 2 * max(0, *map(mp.mag, filter(None, sizes))))


def exp(x: mpf) -> mpf:
    """e^x; 0 where even the product with any number that we meet is far below the smallest subnormal."""
    return mp.exp(x) if x > -(10**5) else mpf(0)
