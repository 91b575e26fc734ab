"""Gradients and rules, and the conclusion."""

from __future__ import annotations

from likeliest.report.blocks import Block, heading, listing, note, prose, table
from likeliest.report.chapters.comparison import raced
from likeliest.report.chapters.prices.words import disclaimer, title_of
from likeliest.report.chapters.theory import certified
from likeliest.report.formatting import number, plural, setting
from likeliest.report.schema import Certificate, PriceReport, Race


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
        blocks += _certificates(report)
    if "race" in report:
        blocks += [heading("Learning rules, raced"), _protocol(report["race"]), *raced(report["race"])]
    return blocks


def _certificates(report: PriceReport) -> list[Block]:
    """One row a model; part by part the recommended model's, and those that failed."""
    rows = [_row(report, certificate) for certificate in report["certificates"]]
    failed = [title_of(report, c["model"]) for c in report["certificates"] if not c["passed"]]
    answer = f"Failed: {', '.join(failed)}." if failed else f"Passed: {plural(len(rows), 'model')}, part by part."
    head = ["model", "certificate", "parts", "worst error", "resolution"]
    caption = "Gradient certificates of all models; report.json has each part by part."
    shown = [c for c in report["certificates"] if not c["passed"] or c["model"] == report["conclusion"]["model"]]
    parts = [block for c in shown for block in certified(c, title_of(report, c["model"]))]
    return [note(answer, good=not failed), table(head, rows, caption, text=2, wide=0), *parts]


def _row(report: PriceReport, page: Certificate) -> list[str]:
    errors = [number(page["worst"], 2), number(page["resolution"], 2)]
    answer = "passed" if page["passed"] else "failed"
    return [title_of(report, page["model"]), answer, number(len(page["parts"])), *errors]


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
