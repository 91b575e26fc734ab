"""A study of rows as a document: its title, the facts in its head, and the order of its chapters."""

from __future__ import annotations

from collections.abc import Callable

from likeliest.report.blocks import Block, Document, fact, told
from likeliest.report.chapters import comparison, data, learning, result, theory
from likeliest.report.formatting import duration, number, percent, percent_span, plural, short, span
from likeliest.report.schema import Data, Model, Report

CHAPTERS: dict[str, tuple[str, Callable[[Report], list[Block]]]] = {
    "data": ("The data at a glance", data.blocks),
    "probability": ("Probability", theory.probability),
    "gradient": ("Gradient", theory.gradient),
    "learning-rule": ("Learning rule", learning.blocks),
    "comparison": ("Comparison", comparison.blocks),
    "application": ("Application", result.application),
    "conclusion": ("Conclusion", result.conclusion),
    "provenance": ("Provenance", result.provenance),
}


def tell(report: Report) -> Document:
    """Turn a stored report into a document; chapters with nothing to say are left out."""
    table = report["data"]
    return {
        "title": f"Predicting {short(table['target']['name'], 60)} from {short(table['name'], 60)}",
        "subtitle": ", ".join([*_size(table), f"{report['family']['name']} family"]),
        "lead": report["conclusion"]["sentence"],
        "facts": _facts(report),
        "chapters": told(CHAPTERS, report),
        "version": report["likeliest"],
    }


def _size(data: Data) -> list[str]:
    """How much there is to learn from."""
    if "pictures" in data:
        page = data["pictures"]
        return [plural(data["rows"], "picture"), f"{number(page['width'])} × {number(page['height'])} pixels"]
    if "sounds" in data:
        return [plural(data["rows"], "recording"), duration(data["sounds"]["duration"])]
    return [plural(data["rows"], "row"), plural(data["inputs"], "input")]


def _facts(report: Report) -> list[dict[str, str]]:
    """The few numbers that a hurried reader wants."""
    model = next(m for m in report["models"] if m["name"] == report["conclusion"]["model"])
    base = f"base rate {number(report['application']['base_rate']['nll_test'])}" if "application" in report else ""
    facts = [fact("Held-out NLL", number(model["nll_test"]), base), _score(model)]
    if report["certificates"]:
        worst = max(report["certificates"], key=lambda c: c["worst"])
        passed = all(c["passed"] for c in report["certificates"])
        note = f"worst error {number(worst['worst'], 2)}"
        facts.append(fact("Gradients", "certified" if passed else "failed", note))
    if "race" in report and report["race"]["reference"] is not None:
        best = next(r for r in report["race"]["rows"] if r["rule"] == report["race"]["reference"])
        facts.append(
            fact("Least work", best["rule"], f"{plural(number(best['work_to_target'], 3), 'pass', 'passes')} to target")
        )
    return facts


def _score(model: Model) -> dict[str, str]:
    if "rmse_test" in model:
        interval = f"95 %: {span(model['rmse_interval'])}" if "rmse_interval" in model else ""
        return fact("Held-out RMSE", number(model["rmse_test"]), interval)
    if "wer_test" in model:
        ends = model.get("wer_interval")
        return fact("Held-out word errors", percent(model["wer_test"]), f"95 %: {percent_span(ends)}" if ends else "")
    interval = f"95 %: {percent_span(model['accuracy_interval'])}" if "accuracy_interval" in model else ""
    return fact("Held-out accuracy", percent(model.get("accuracy_test")), interval)
