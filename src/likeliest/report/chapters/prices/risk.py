"""Risk: how often losses exceeded the value at risk, and whether the distributions are true as a whole."""

from __future__ import annotations

from likeliest.report.blocks import Block, figure, heading, listing, note, prose, table
from likeliest.report.chapters.prices.words import place_of, recommended, sentence, title_of
from likeliest.report.formatting import basis_points, level, number, p_value, percent, plural
from likeliest.report.schema import Coverage, PriceModel, PriceReport, TransformChart

TESTS = (
    "Kupiec (unconditional coverage): is the share of exceedances the one that was said?",
    "indep. (independence): does one exceedance make another on the next day more probable? It should not.",
    "cond. (conditional coverage, Christoffersen): both of these at once.",
    "DQ (dynamic quantile, Engle and Manganelli): can earlier exceedances, or the VaR itself, foretell others?",
    "ES (expected shortfall, Acerbi and Székely): were the losses beyond the VaR no larger than was said?",
    "Berkowitz: are the days' transforms independent and uniform, by their mean, variance and memory?",
    "Anderson–Darling: are they uniform, with an eye on the tails?",
)


def blocks(report: PriceReport) -> list[Block]:
    """Exceedances, a table of coverage for each level, what the tests ask, and the transforms."""
    if not report["models"]:
        return []
    return [
        prose(
            "The value at risk (VaR) at 1 % is the loss that a day should exceed once in a hundred days; the expected",
            "shortfall (ES) is the mean loss on such days. Both are losses, as log returns. If forecasts",
            "are true, exceedances are as many as was said, and they come without a pattern.",
        ),
        *_exceedances(report),
        *_coverage(report),
        heading("What the tests ask"),
        listing(TESTS),
        prose(
            "A small p-value (below 0.05, say) speaks against a model; a large one is no proof that it is right, for",
            "few exceedances show little. Of many p-values some are small by chance alone.",
        ),
        *_transforms(report),
    ]


def _exceedances(report: PriceReport) -> list[Block]:
    page = report["exceedances"]
    if not page["days"]:
        return []
    title = title_of(report, report["conclusion"]["model"])
    model = recommended(report)
    lines = [float(key) for key in page["quantiles"]]
    covered = [c for c in model["coverage"] if c["level"] in lines] if model else []
    counts = [f"{number(c['exceedances'])} beyond {level(c['level'])}" for c in covered]
    counted = f" Of {plural(report['protocol']['days'], 'day')}: {', '.join(counts)}." if counts else ""
    caption = (
        f"Daily returns, and the quantiles −VaR that {title} forecast for them. Marks: days below a line.{counted}"
    )
    return [figure("exceedances", caption)]


def _coverage(report: PriceReport) -> list[Block]:
    head = ["model", "days", "share", "Kupiec", "indep.", "cond.", "DQ", "ES", "pinball (bp)"]
    blocks: list[Block] = []
    for place, alpha in enumerate(report["protocol"]["levels"]):
        rows = [_covered(m, m["coverage"][place]) for m in report["models"] if place < len(m["coverage"])]
        name, days = level(alpha), plural(report["protocol"]["days"], "day")
        caption = (
            f"VaR at {name}: days of {days} with a loss beyond it, their share (to be {name}), p-values of the tests "
            "below, and the mean pinball loss in basis points (smaller is better)."
        )
        blocks.append(table(head, rows, caption, strong=place_of(report)))
    return blocks


def _covered(model: PriceModel, page: Coverage) -> list[str]:
    tests = [page[k] for k in ("kupiec", "independence", "christoffersen", "dynamic_quantile", "shortfall")]
    counts = [number(page["exceedances"]), percent(page["share"])]
    return [model["title"], *counts, *map(p_value, tests), basis_points(page["pinball"])]


def _transforms(report: PriceReport) -> list[Block]:
    head = ["model", "Berkowitz p", "Anderson–Darling p"]
    rows = [[m["title"], p_value(m["berkowitz"]), p_value(m["uniformity"])] for m in report["models"]]
    caption = "Tests of the transforms u = F(y) of the days forecast."
    return [
        heading("Is the whole distribution true?"),
        prose(
            "Put each return into the distribution that was forecast for it: u = F(y) is the probability that had been",
            "given to all that is smaller. If forecasts are true, u is uniform and its histogram flat. A hump in the",
            "middle says that forecasts were too wide, bars at both ends that they were too narrow.",
        ),
        *([figure("transforms", _band(report))] if report["transforms"] else []),
        *(_statement(report, page) for page in report["transforms"]),
        table(head, rows, caption, strong=place_of(report)),
    ]


def _band(report: PriceReport) -> str:
    return (
        f"Histogram of the transforms u of {plural(report['protocol']['days'], 'day')}. In the band all bins of a true "
        "forecast lie at once, 95 times of 100; dashed: perfectly flat."
    )


def _statement(report: PriceReport, page: TransformChart) -> Block:
    inside = all(page["low"] <= count <= page["high"] for count in page["counts"])
    return note(f"{title_of(report, page['model'])}. {sentence(page['statement'])}", good=inside)
