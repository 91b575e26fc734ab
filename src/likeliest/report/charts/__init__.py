"""One Altair specification per figure, built from ``report.json`` alone and drawn alike in HTML and PDF.

User text (class, column and rule names) enters as data values and titles, never as a field name or an expression.
"""

from __future__ import annotations

from likeliest.report.charts.common import Chart
from likeliest.report.charts.pictures import training
from likeliest.report.charts.race import race, work
from likeliest.report.charts.result import calibration, confusion, predictions
from likeliest.report.charts.theory import ladder, probability, target, updates
from likeliest.report.schema import Application, Report

__all__ = ["Chart", "figures"]


def figures(report: Report) -> dict[str, Chart]:
    """Return every figure that this report has the numbers for, by name."""
    charts: dict[str, Chart] = {"target": target(report["data"]["target"])}
    if "probability" in report:
        charts["probability"] = probability(report["probability"])
    charts |= {f"ladder_{c['model']}": ladder(c) for c in report["certificates"] if c.get("curves")}
    if "learning_rule" in report and report["learning_rule"]["curves"]:
        charts["updates"] = updates(report["learning_rule"])
    if "race" in report and report["race"]["curves"]:
        charts["race"] = race(report["race"])
    if "race" in report and report["race"]["rows"]:
        charts["work"] = work(report["race"])
    if "training" in report:
        charts["training"] = training(report["training"])
    if "application" in report:
        charts |= _application(report, report["application"])
    return charts


def _application(report: Report, page: Application) -> dict[str, Chart]:
    """Calibration, and confusion or predictions."""
    model = next(m for m in report["models"] if m["name"] == page["model"])
    is_number = report["data"]["target"]["classes"] is None
    charts: dict[str, Chart] = {"calibration": calibration(model["calibration"], is_number)}
    if page["confusion"] is not None:
        charts["confusion"] = confusion(page["confusion"])
    if page["predictions"] is not None:
        charts["predictions"] = predictions(page["predictions"])
    return charts
