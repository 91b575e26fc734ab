"""Prices at a glance: how many, how they moved, and what was not as expected."""

from __future__ import annotations

from likeliest.report.blocks import Block, figure, heading, listing, note, prose, table
from likeliest.report.chapters.prices.words import disclaimer
from likeliest.report.formatting import number, percent, plural, short
from likeliest.report.schema import Extreme, PriceData, PriceReport


def blocks(report: PriceReport) -> list[Block]:
    """The disclaimer, the prices and their returns, a summary of these, and findings."""
    data = report["data"]
    return [
        disclaimer(report),
        *_reading(data),
        *([figure("prices", _caption(data))] if data["dates"] else []),
        _summary(data),
        *_findings(data),
    ]


def _reading(data: PriceData) -> list[Block]:
    several = len(data["assets"]) > 1
    others = f"It is one of {plural(len(data['assets']), 'asset')} in the source." if several else ""
    called = f" ({short(data['name'], 60)})" if data["name"] != data["asset"] else ""
    known = ", ".join(short(name, 30) for name in data["columns"][:12])
    return [
        prose(
            f"{short(data['asset'], 60)}{called} has {plural(data['days'], 'daily price')},",
            f"from {data['first']} to {data['last']}.",
            others,
            f"Of each day this was known: {known}." if known else "",
        ),
        prose(
            "Prices wander and have no level to return to, so that what is forecast are returns: the log return",
            "r[t] = log p[t] − log p[t−1] from one close to the next. For small moves it is the change in percent,",
            "and returns of several days add up.",
        ),
    ]


def _caption(data: PriceData) -> str:
    worst, best = data["summary"]["worst"], data["summary"]["best"]
    thinned = len(data["dates"]) < data["days"]
    drawn = (
        f" {plural(len(data['dates']), 'day')} are drawn, of each stretch that of the largest return."
        if thinned
        else ""
    )
    return (
        f"Price of {short(data['asset'], 60)} (above) and its daily returns (below). The worst day was {worst['day']}, "
        f"the best {best['day']}.{drawn}"
    )


def _summary(data: PriceData) -> Block:
    page = data["summary"]
    rows = [
        ["mean return a day", percent(page["mean"], 3), "small beside the deviation: hard to tell from 0"],
        ["standard deviation a day", percent(page["deviation"], 2), "the size of a usual move"],
        [
            "volatility a year",
            percent(page["annual_volatility"]),
            f"the same times √{number(data['days_a_year'])}, the trading days a year",
        ],
        ["skewness", number(page["skewness"], 3), "0 if gains and losses were alike"],
        ["kurtosis", number(page["kurtosis"], 3), "3 if returns were normal; above, extremes are more frequent"],
        ["memory of returns", number(page["memory"], 2), "first autocorrelation; near 0, yesterday's sign says little"],
        [
            "memory of squared returns",
            number(page["memory_of_squares"], 2),
            "the same of squares; above 0, calm and unrest come in clusters",
        ],
        ["worst day", *_extreme(page["worst"])],
        ["best day", *_extreme(page["best"])],
    ]
    return table(["all returns", "value", "what it says"], rows, "All returns in a few numbers.", text=3)


def _extreme(day: Extreme) -> list[str]:
    return [percent(day["value"], 2), f"on {day['day']}"]


def _findings(data: PriceData) -> list[Block]:
    head = heading("What was not as expected")
    if not data["findings"] and not data["alarms"]:
        return [head, prose("Nothing: no gaps, no repeated days, no prices that cannot be.")]
    listed = [listing(data["findings"])] if data["findings"] else []
    return [head, *listed, *(note(text, good=False) for text in data["alarms"])]
