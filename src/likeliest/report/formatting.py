"""Numbers and names as people read them: one place, so that both outputs print the same."""

from __future__ import annotations

import math
from collections.abc import Sequence

_SUPERSCRIPT = str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹")
NARROW_SPACE = "\N{NARROW NO-BREAK SPACE}"
NOTHING = "–"


def number(value: float | None, digits: int = 4) -> str:
    """Format a number to so many significant digits; a dash for ``None``.

    Example:
        >>> number(0.123456), number(1797), number(-2.1e-11, 2), number(None)
        ('0.1235', '1,797', '−2.1 × 10⁻¹¹', '–')
    """
    if value is None:
        return NOTHING
    if isinstance(value, int) or (value == round(value) and abs(value) < 1e6):
        return _minus(f"{round(value):,}")
    exponent = math.floor(math.log10(abs(value)))
    if -5 <= exponent < 6:
        return _minus(f"{value:,.{max(digits - 1 - exponent, 0)}f}")
    mantissa, power = f"{value:.{digits - 1}e}".split("e")
    return _minus(mantissa) + " × 10" + str(int(power)).translate(_SUPERSCRIPT)


def setting(value: float | None) -> str:
    """Format a number that somebody chose, such as a learning rate, with no more digits than it has.

    Example:
        >>> setting(0.03), setting(100.0), setting(None)
        ('0.03', '100', '–')
    """
    return NOTHING if value is None else _minus(f"{value:.6g}")


def percent(share: float | None, decimals: int = 1) -> str:
    """Format a share as a percentage.

    Example:
        >>> percent(0.9737).replace(NARROW_SPACE, " ")
        '97.4 %'
    """
    return NOTHING if share is None else f"{_minus(f'{100 * share:.{decimals}f}')}{NARROW_SPACE}%"


def level(share: float) -> str:
    """Format a share that somebody chose as a percentage, with no more digits than it has.

    Example:
        >>> level(0.01).replace(NARROW_SPACE, " "), level(0.975).replace(NARROW_SPACE, " ")
        ('1 %', '97.5 %')
    """
    return f"{100 * share:g}{NARROW_SPACE}%"


def basis_points(value: float | None) -> str:
    """Format a small return in basis points, hundredths of a percent, without the unit.

    Example:
        >>> basis_points(0.00364696)
        '36.47'
    """
    return NOTHING if value is None else _minus(f"{1e4 * value:,.2f}")


def p_value(p: float | None) -> str:
    """Format a p-value with three decimals.

    Example:
        >>> p_value(0.04321), p_value(2e-9), p_value(None)
        ('0.043', '< 0.001', '–')
    """
    if p is None:
        return NOTHING
    return "< 0.001" if p < 0.0005 else f"{p:.3f}"


def duration(seconds: float) -> str:
    """Format a length of time in the unit that suits it.

    Example:
        >>> duration(45.0), duration(1290.0), duration(37_080.0)
        ('45 seconds', '21.5 minutes', '10.3 hours')
    """
    for unit, size in (("hours", 3600.0), ("minutes", 60.0)):
        if seconds >= 2 * size:
            return f"{number(seconds / size, 3)} {unit}"
    return f"{number(seconds, 3)} seconds"


def span(interval: Sequence[float], digits: int = 4) -> str:
    """Format an interval of numbers.

    Example:
        >>> span([0.25, 1.5], 3)
        '0.250 to 1.50'
    """
    return f"{number(interval[0], digits)} to {number(interval[1], digits)}"


def percent_span(interval: Sequence[float]) -> str:
    """Format an interval of shares."""
    return f"{100 * interval[0]:.1f} to {percent(interval[1])}"


def short(text: str, limit: int = 36) -> str:
    """Cut a name that would break the layout; report.json has it in full.

    Example:
        >>> short("a_rather_long_name", 10)
        'a_rather_…'
    """
    return text if len(text) <= limit else text[: limit - 1] + "…"


def tail(text: str, limit: int = 24) -> str:
    """Cut the front of a long name of a file, whose end tells it from others.

    Example:
        >>> tail("holiday/beach/001.jpg", 10)
        '…h/001.jpg'
    """
    return text if len(text) <= limit else "…" + text[1 - limit :]


def plural(count: int | str, noun: str, many: str | None = None) -> str:
    """Format a count, or a number already printed, with its noun.

    Example:
        >>> plural(1, "row"), plural(1797, "row")
        ('1 row', '1,797 rows')
    """
    shown = count if isinstance(count, str) else number(count)
    return f"{shown} {noun if shown == '1' else many or noun + 's'}"


def _minus(text: str) -> str:
    return text.replace("-", "−")
