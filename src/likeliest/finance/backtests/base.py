"""What a test found, as a value; and the days that tests are given, checked.

Returns y (n,) are one number a day. Value at risk and expected shortfall are losses, positive as a rule, in the unit of
the returns: with q the quantile of y at the tail probability a, the ``level``,

    VaR = −q,    ES = −E[y | y ≤ q],    I = [y < −VaR] is an exceedance.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any, ClassVar

import numpy as np
from numpy.typing import ArrayLike, NDArray

from likeliest.errors import InputError, ShapeError, SpecificationError, SupportError

Floats = NDArray[np.float64]
Flags = NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class TestResult:
    """What a test found.

    Attributes:
        name: of the test.
        statistic: what it computed.
        p_value: how often the null hypothesis gives such a statistic or one that speaks more against it. It is uniform
            under the null: at most 5 % in 5 % of all samples.
        method: how the p-value was made, in words.
        n: days.
        null: the null hypothesis, in words.
        counts: what was counted, beside what was expected.
        evidence: other numbers that the test rests on, by name.
        p_range: least and largest p-value that lots among equal values of the statistic could have drawn; None where
            no two values are equal. The largest is the p-value without lots: valid, but too large on average.
    """

    __test__: ClassVar[bool] = False  # pytest takes classes called Test… for tests
    name: str
    statistic: float
    p_value: float
    method: str
    n: int
    null: str
    counts: Mapping[str, float] = field(default_factory=dict)
    evidence: Mapping[str, float | str] = field(default_factory=dict)
    p_range: tuple[float, float] | None = None

    def __str__(self) -> str:
        lots = ""
        if self.p_range is not None and self.p_range[1] - self.p_range[0] >= 5e-4:
            lots = f", by lot between {self.p_range[0]:.3f} and {self.p_range[1]:.3f}"
        counted = "".join(f", {value:g} {name.replace('_', ' ')}" for name, value in self.counts.items())
        found = f"statistic {self.statistic:.4g}, p = {self.p_value:.3g}{lots}"
        return f"{self.name}: {found}{counted}, {self.n} days ({self.method})"

    def to_json(self) -> dict[str, Any]:
        """Return plain values, as reports hold them."""
        limits = None if self.p_range is None else list(self.p_range)
        return {**asdict(self), "counts": dict(self.counts), "evidence": dict(self.evidence), "p_range": limits}


def exceedances(y: ArrayLike, var: ArrayLike) -> Flags:
    """Return on which days the loss was above the value at risk, I = [y < −VaR] (n,).

    Args:
        y: returns (n,).
        var: value at risk, (n,) or a number.

    Raises:
        ShapeError: they do not have one length.
        SupportError: a number is not finite.

    Example:
        >>> exceedances([0.01, -0.03, -0.02], 0.02).tolist()
        [False, True, False]
    """
    y, var = days("exceedances", {"y": y, "var": var}, fewest=1, why="there is none without a day")
    exceeds: Flags = y < -var
    return exceeds


def days(what: str, given: Mapping[str, ArrayLike], *, fewest: int, why: str) -> tuple[Floats, ...]:
    """Return series of one value a day as float64 (n,), the first of them telling n; numbers stand for every day.

    Args:
        what: who asks, for the messages.
        given: the series by name.
        fewest: days that it needs.
        why: what so many are needed for.

    Raises:
        ShapeError: a series has not the length of the first.
        InputError: there are too few days.
        SupportError: a value is not finite.
    """
    found = {name: np.asarray(values, np.float64) for name, values in given.items()}
    first, *rest = found
    shape = found[first].shape
    if len(shape) != 1 or any(found[name].shape not in (shape, ()) for name in rest):
        shapes = ", ".join(f"{name} {values.shape}" for name, values in found.items())
        raise ShapeError(f"{what} needs one value a day, all series (n,) of the same days; found {shapes}")
    if shape[0] < fewest:
        raise InputError(f"{what} needs at least {fewest} days, {why}; found {shape[0]}: test over a longer time")
    for name, values in found.items():
        finite(what, name, values)
    return tuple(np.broadcast_to(values, shape) for values in found.values())


def finite(what: str, name: str, values: Floats) -> None:
    """Raise SupportError, with the place, where a value is not finite."""
    if len(wrong := np.argwhere(~np.isfinite(values))):
        place = ", ".join(map(str, wrong[0].tolist()))
        raise SupportError(
            f"{what} needs finite numbers, found {name}[{place}] = {values[tuple(wrong[0])]}, one of {len(wrong)} that "
            "are none: leave such days out of all series"
        )


def tail(what: str, level: float) -> float:
    """Return a tail probability, or raise SpecificationError where it is none."""
    if not 0 < level < 1:
        raise SpecificationError(
            f"{what} needs a tail probability between 0 and 1 as its level, found {level}: say 0.01 for the worst 1 %"
        )
    return float(level)
