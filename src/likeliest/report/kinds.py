"""The kinds of report: how they are told apart, and what none of a kind can do without."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypeAlias

from likeliest.report.schema import PriceReport, Report

AnyReport: TypeAlias = Report | PriceReport

_ALWAYS = ("likeliest", "data", "models", "certificates", "conclusion", "provenance", "plan", "seconds")
_OF_PRICES = ("protocol", "lookahead", "trend", "tomorrow", "volatility", "exceedances", "transforms", "scores")
NEEDED: Mapping[str, tuple[str, ...]] = {
    "rows": (*_ALWAYS, "family"),
    "prices": (*_ALWAYS, *_OF_PRICES, "score_days"),
}
"""Keys by kind."""


def kind_of(report: Mapping[str, Any]) -> Any:
    """Return the kind of a report; one that names none is of rows, the first kind there was."""
    return report.get("kind", "rows")
