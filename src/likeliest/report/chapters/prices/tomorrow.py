"""Tomorrow: the recommended model's forecast from the last day on."""

from __future__ import annotations

from likeliest.report.blocks import Block, figure, heading, prose, table
from likeliest.report.chapters.prices.words import title_of
from likeliest.report.formatting import NOTHING, level, percent, plural, short
from likeliest.report.schema import PriceReport, RiskRow, Tomorrow

QUANTILES = (0.01, 0.05, 0.1, 0.25, 0.5, 0.75, 0.9, 0.95, 0.99)
"""Shown where more are stored than a table has room for."""


def blocks(report: PriceReport) -> list[Block]:
    """Mean, deviation and quantiles of the next return; risk over several days; the fan of prices."""
    page = report["tomorrow"]
    return [
        prose(
            f"{title_of(report, page['model'])}, fitted to all days, sees this after the close of {page['after']}:",
            f"the next return has a mean of {percent(page['mean'], 3)} and a standard deviation of",
            f"{percent(page['sigma'], 2)}, a volatility of {percent(page['annual_volatility'])} a year.",
            f"The model gives a rise a probability of {percent(page['up'])}, from its mean and its shape, which is no",
            "claim that the direction can be foretold.",
        ),
        *_quantiles(page),
        *_risk(report),
        *_fan(report),
    ]


def _quantiles(page: Tomorrow) -> list[Block]:
    few = len(page["quantiles"]) <= len(QUANTILES)
    shown = [pair for pair in page["quantiles"] if few or any(abs(pair[0] - q) < 1e-9 for q in QUANTILES)]
    if not shown:
        return []
    head = ["probability of less", *(level(share) for share, _ in shown)]
    row = ["return", *(percent(value, 2) for _, value in shown)]
    return [table(head, [row], "Quantiles of the next day's return.")]


def _risk(report: PriceReport) -> list[Block]:
    page = report["tomorrow"]
    levels = sorted({row["level"] for row in page["risk"]})
    days = sorted({row["days"] for row in page["risk"]})
    if not days:
        return []
    names = [f"{kind} {level(a)}" for a in levels for kind in ("VaR", "ES")]
    rows = [[plural(n, "day"), *(cell for a in levels for cell in _cells(page["risk"], n, a))] for n in days]
    simulated = any(row["error"] for row in page["risk"])
    drawn = " After ±, the Monte Carlo standard error of a value at risk that was simulated." if simulated else ""
    caption = f"Value at risk and expected shortfall over so many days, as log returns in percent.{drawn}"
    by = [prose(_several(report))] if simulated and page["several_days"] != page["model"] else []
    return [heading("Risk over the days to come"), *by, table(["over", *names], rows, caption)]


def _several(report: PriceReport) -> str:
    """Who forecasts more than one day, where the recommended model cannot."""
    page = report["tomorrow"]
    return (
        f"What {title_of(report, page['model'])} learns from each day is not known of days to come. More than one day "
        f"ahead, here and in the figure below, is simulated from {title_of(report, page['several_days'])}, the best of "
        "the models that need nothing but returns."
    )


def _cells(rows: list[RiskRow], days: int, alpha: float) -> list[str]:
    found = next((row for row in rows if row["days"] == days and row["level"] == alpha), None)
    if found is None:
        return [NOTHING, NOTHING]
    error = found["error"]
    var = f"{100 * found['var']:.2f} ± {percent(error, 2)}".replace("-", "−") if error else percent(found["var"], 2)
    return [var, percent(found["es"], 2)]


def _fan(report: PriceReport) -> list[Block]:
    fan = report["tomorrow"]["fan"]
    if not fan["days"] or not fan["prices"]:
        return []
    caption = (
        f"Price of {short(report['data']['asset'], 60)} on the last {plural(len(fan['past_days']), 'day')}, and where "
        f"it may be on the {plural(len(fan['days']), 'day')} to come: the line is the median, and each percentage "
        "says how probable it is that the price lies below that edge."
    )
    return [heading("Where the price may be"), figure("fan", caption)]
