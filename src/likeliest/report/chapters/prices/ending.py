"""Gradients and rules, and the conclusion."""

from __future__ import annotations

from likeliest.report.blocks import Block, heading, listing, note, prose
from likeliest.report.chapters.comparison import raced
from likeliest.report.chapters.prices.words import disclaimer, title_of
from likeliest.report.chapters.theory import certified
from likeliest.report.formatting import plural, setting
from likeliest.report.schema import PriceReport, Race


def gradients(report: PriceReport) -> list[Block]:
    """Certificates of the gradients, and the race of learning rules where there was one."""
    blocks: list[Block] = []
    if report["certificates"]:
        blocks += [
            prose(
                "A fit follows the gradient of the log-likelihood, which for these models runs back through all days.",
                "A wrong gradient would spoil every number here without a sound. So it was compared with two",
                "independent ways to differentiate: central differences, which nudge one parameter up and down and",
                "watch the likelihood, and automatic differentiation. Errors are relative to the part's largest entry;",
                "below the resolution, central differences see but rounding.",
            )
        ]
    for certificate in report["certificates"]:
        blocks += certified(certificate, title_of(report, certificate["model"]))
    if "race" in report:
        blocks += [heading("Learning rules, raced"), _protocol(report["race"]), *raced(report["race"])]
    return blocks


def _protocol(race: Race) -> Block:
    return prose(
        f"Each rule learnt the same model ({race['model']}) from {plural(race['seeds'], 'seed')}. All rules share",
        "what a seed draws, which makes the comparison paired.",
        f"Each tried {plural(race['trials'], 'learning rate')} and may spend",
        f"{plural(setting(race['budget']), 'pass', 'passes')} over the days.",
    )


def conclusion(report: PriceReport) -> list[Block]:
    """What was found, what it does not show, and that it is no advice."""
    page = report["conclusion"]
    found = [text for text in (page["direction"], page["volatility"], *page["risk"]) if text]
    return [
        note(page["sentence"], good=True),
        *([listing(found)] if found else []),
        *([heading("What this does not show"), listing(page["cautions"])] if page["cautions"] else []),
        disclaimer(report),
    ]
