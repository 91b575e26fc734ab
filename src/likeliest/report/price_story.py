"""A study of prices as a document: its title, the facts in its head, and the order of its chapters."""

from __future__ import annotations

from collections.abc import Callable

from likeliest.report.blocks import Block, Document, fact, told
from likeliest.report.chapters import result
from likeliest.report.chapters.prices import direction, distribution, ending, forecasting, glance, risk, tomorrow
from likeliest.report.formatting import level, number, p_value, percent, plural, short
from likeliest.report.schema import PriceReport

CHAPTERS: dict[str, tuple[str, Callable[[PriceReport], list[Block]]]] = {
    "prices": ("Prices at a glance", glance.blocks),
    "forecasting": ("How it was forecast", forecasting.blocks),
    "distribution": ("Distribution of tomorrow's return", distribution.blocks),
    "risk": ("Risk", risk.blocks),
    "direction": ("Direction", direction.blocks),
    "tomorrow": ("Tomorrow", tomorrow.blocks),
    "gradients": ("Gradients and rules", ending.gradients),
    "conclusion": ("Conclusion", ending.conclusion),
    "provenance": ("Provenance", result.provenance),
}


def tell(report: PriceReport) -> Document:
    """Turn a stored study of prices into a document."""
    data, protocol = report["data"], report["protocol"]
    days = plural(data["days"], "daily price")
    return {
        "title": f"Forecasting the returns of {short(data['asset'], 60)}",
        "subtitle": f"{days}, {data['first']} to {data['last']}; {plural(protocol['days'], 'day')} forecast",
        "lead": report["conclusion"]["sentence"],
        "facts": _facts(report),
        "chapters": told(CHAPTERS, report),
        "version": report["likeliest"],
    }


def _facts(report: PriceReport) -> list[dict[str, str]]:
    """The few numbers that a hurried reader wants."""
    page = report["tomorrow"]
    yearly = f"{percent(page['annual_volatility'])} a year"
    facts = [fact("Volatility tomorrow", percent(page["sigma"], 2), yearly), *_risk(report), *_direction(report)]
    if report["lookahead"]:
        passed = sum(test["passed"] for test in report["lookahead"])
        clean = passed == len(report["lookahead"])
        note = f"{passed} of {plural(len(report['lookahead']), 'test')} passed"
        facts.append(fact("Look-ahead test", "passed" if clean else "failed", note))
    if report["certificates"]:
        worst = max(certificate["worst"] for certificate in report["certificates"])
        passed_all = all(certificate["passed"] for certificate in report["certificates"])
        facts.append(fact("Gradients", "certified" if passed_all else "failed", f"worst error {number(worst, 2)}"))
    return facts


def _risk(report: PriceReport) -> list[dict[str, str]]:
    """Value at risk of the next day at the smallest tail probability."""
    rows = [row for row in report["tomorrow"]["risk"] if row["days"] == 1]
    if not rows:
        return []
    row = min(rows, key=lambda found: found["level"])
    return [fact(f"VaR {level(row['level'])} tomorrow", percent(row["var"], 2), f"shortfall {percent(row['es'], 2)}")]


def _direction(report: PriceReport) -> list[dict[str, str]]:
    tried = [model for model in report["trend"]["models"] if model["difference"] is not None]
    if not tried:
        return []
    claimed = any(model["claimed"] for model in tried)
    least = p_value(min(model["p_value"] for model in tried))
    note = f"least p {least} (Holm)" if least.startswith("<") else f"least p = {least} (Holm)"
    return [fact("Edge on direction", "claimed" if claimed else "none shown", note)]
