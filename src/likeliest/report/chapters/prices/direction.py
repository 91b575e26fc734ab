"""Direction: does anything foretell whether the price rises?"""

from __future__ import annotations

from likeliest.report.blocks import Block, figure, heading, note, prose, table
from likeliest.report.chapters.prices.words import difference
from likeliest.report.formatting import NOTHING, level, number, p_value, percent, plural, short
from likeliest.report.schema import PriceReport, TrendModel


def blocks(report: PriceReport) -> list[Block]:
    """Trend models against the base rate, whether their probabilities are true, and what they know."""
    page = report["trend"]
    if not page["models"]:
        return []
    return [
        _question(report),
        _scores(page["models"]),
        note(report["conclusion"]["direction"], good=True),
        *_calibration(page["models"]),
        *_features(page["features"]),
    ]


def _question(report: PriceReport) -> Block:
    horizon, cost = report["protocol"]["horizon"], report["protocol"]["cost"]
    above = "0" if cost == 0 else f"{percent(cost, 2)}, the cost of trading"
    ahead = "day" if horizon == 1 else plural(horizon, "day")
    overlap = ", and also that returns over several days overlap" if horizon > 1 else ""
    return prose(
        f"The question is whether the return over the next {ahead} is above {above}.",
        f"On {percent(report['trend']['share_up'])} of the days forecast it was. The base rate says each day",
        "the share of the days learnt from. To be of use, a model must say probabilities with a better log score than",
        "that, by more than chance gives to somebody who tries several models. The p-values, adjusted by Holm, and the",
        f"intervals at his levels take this into account{overlap}.",
    )


def _scores(models: list[TrendModel]) -> Block:
    head = ["model", "log score", "less base rate", "Holm's interval", "at level", "p (Holm)", "right", "edge"]
    caption = (
        "Models of the direction, the base rate first. Log scores in nats; right: share of days whose likelier side "
        "came. An edge is claimed only where the whole interval lies above 0."
    )
    return table(head, map(_score, models), caption)


def _score(model: TrendModel) -> list[str]:
    found = model["difference"]
    if found is None:
        return [model["title"], number(model["log_score"]), *[NOTHING] * 4, percent(model["right"]), NOTHING]
    mean, interval, _ = difference(found)
    judged = [mean, interval, level(model["level"]), p_value(model["p_value"]), percent(model["right"])]
    return [model["title"], number(model["log_score"]), *judged, "claimed" if model["claimed"] else "none shown"]


def _calibration(models: list[TrendModel]) -> list[Block]:
    if not any(len(model["calibration"]) > 1 and model["difference"] is not None for model in models):
        return []
    caption = (
        "Forecast probability of a rise against how often the price rose, in bins of equal mass with 95 % intervals. "
        "Dashed: probabilities that are true. A flat cloud knows no more than the base rate."
    )
    return [heading("Are the probabilities true?"), figure("trend_calibration", caption)]


def _features(features: list[dict[str, str]]) -> list[Block]:
    if not features:
        return []
    rows = [[short(f["name"], 40), f["formula"], f["lag"]] for f in features]
    caption = "What the trend models know at each close; lag: days before the close that it was known already."
    return [heading("What they know"), table(["feature", "formula", "lag (days)"], rows, caption, text=2, wide=1)]
