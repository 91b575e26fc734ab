"""One Altair specification per figure, built from ``report.json`` alone and drawn alike in HTML and PDF.

User text (class, column and rule names) enters as data values and titles, never as a field name or an expression.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from likeliest.report.charts import prices, rows
from likeliest.report.charts.common import Chart
from likeliest.report.kinds import AnyReport, kind_of

__all__ = ["Chart", "figures"]

FIGURES: dict[str, Callable[[Any], dict[str, Chart]]] = {"rows": rows.figures, "prices": prices.figures}


def figures(report: AnyReport) -> dict[str, Chart]:
    """Return every figure that this report has the numbers for, by name."""
    return FIGURES[kind_of(report)](report)
