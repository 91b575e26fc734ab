"""Every figure of a study of prices."""

from __future__ import annotations

from likeliest.report.charts.common import Chart
from likeliest.report.charts.prices.history import prices, volatility
from likeliest.report.charts.prices.judging import calibration, scores, transforms
from likeliest.report.charts.prices.risk import exceedances, fan
from likeliest.report.charts.race import race, work
from likeliest.report.charts.theory import ladder
from likeliest.report.schema import PriceReport

__all__ = ["figures"]


def figures(report: PriceReport) -> dict[str, Chart]:
    """Return every figure that this report has the numbers for, by name."""
    charts = {f"ladder_{c['model']}": ladder(c) for c in report["certificates"] if c.get("curves")}
    if report["data"]["dates"]:
        charts["prices"] = prices(report["data"])
    if report["score_days"] and report["scores"]:
        charts["scores"] = scores(report)
    if report["volatility"]["days"]:
        charts["volatility"] = volatility(report["volatility"])
    if report["exceedances"]["days"]:
        charts["exceedances"] = exceedances(report["exceedances"])
    if report["transforms"]:
        charts["transforms"] = transforms(report)
    if judged := [m for m in report["trend"]["models"] if m["difference"] is not None and len(m["calibration"]) > 1]:
        charts["trend_calibration"] = calibration(judged)
    if report["tomorrow"]["fan"]["days"] and report["tomorrow"]["fan"]["prices"]:
        charts["fan"] = fan(report["tomorrow"]["fan"])
    return charts | _race(report)


def _race(report: PriceReport) -> dict[str, Chart]:
    charts: dict[str, Chart] = {}
    if "race" in report and report["race"]["curves"]:
        charts["race"] = race(report["race"])
    if "race" in report and report["race"]["rows"]:
        charts["work"] = work(report["race"])
    return charts
