"""Chapters 2 and 3: the probability function and its gradient."""

from __future__ import annotations

from likeliest.report.blocks import Block, figure, formula, heading, note, prose, table
from likeliest.report.formatting import NOTHING, number, plural
from likeliest.report.schema import Certificate, CertifiedPart, Report


def title_of(report: Report, name: str) -> str:
    """The title of a model for people; its name where no such model was stored."""
    return next((m["title"] for m in report["models"] if m["name"] == name), name)


def probability(report: Report) -> list[Block]:
    """The function p(y | η), and this data under it."""
    family = report["family"]
    blocks = [
        prose(
            "A model here has two parts. A predictor turns the row into a number η (one for each class where there are",
            "many); a probability function says how likely each outcome is, given η. To learn is to choose the weights",
            "under which the outcomes that were observed are as likely as possible: the smallest negative",
            "log-likelihood (NLL), in nats a row. Being sure and wrong costs most.",
        ),
        prose(
            f"{sentence_case(family['reason']).rstrip('.')}.",
            f"The family is {family['name']} with the {family['link']} link:",
        ),
        formula([family["log_prob"], family["mean"]]),
    ]
    if "probability" in report:
        page = report["probability"]
        title = title_of(report, page["model"])
        caption = f"Above, the probability function. Below, the test rows as the model sees them ({title})."
        blocks += [figure("probability", caption), prose(page.get("explanation", ""))]
    return blocks


def gradient(report: Report) -> list[Block]:
    """The formula for exactly these models, and the evidence."""
    blocks = [
        prose(
            "The gradient of the NLL is the same two steps for every model. First the score, the slope of log p in η:",
        ),
        formula([report["family"]["score"]]),
        prose(
            "It is the gap between what happened and what was promised. Then this gap is pulled back through the",
            "predictor to each weight: once for a linear model, layer by layer (backpropagation) for a net.",
        ),
    ]
    for entry in report["gradient"]["formulas"] if "gradient" in report else []:
        blocks += [heading(sentence_case(title_of(report, entry["model"]))), formula(entry["steps"])]
    if report["certificates"]:
        blocks += [heading("Is it right?"), _how_compared(report)]
    for certificate in report["certificates"]:
        blocks += certified(certificate, title_of(report, certificate["model"]))
    return blocks


def sentence_case(text: str) -> str:
    """The text with a capital at its start."""
    return text[:1].upper() + text[1:]


def _how_compared(report: Report) -> Block:
    rows = f"on {plural(report['gradient']['rows'], 'row')}" if "gradient" in report else ""
    return prose(
        f"Two independent ways to differentiate were compared with these formulas {rows}:",
        "central differences, which nudge one weight up and down and watch the NLL, and automatic differentiation.",
        "Errors are relative to the part's largest entry. Below the resolution, central differences see but rounding.",
    )


def certified(certificate: Certificate, title: str) -> list[Block]:
    """A certificate part by part, its answer, and where they were kept the errors step by step."""
    head = ["part", "size", "checked", "error against differences", "against autograd", "resolution"]
    worst = f"{number(certificate['worst'], 2)}, resolution {number(certificate['resolution'], 2)}"
    answer = "Passed" if certificate["passed"] else "Failed"
    caption = f"Gradient certificate: {title}."
    blocks = [
        table(head, map(_part, certificate["parts"]), caption),
        note(
            f"{answer}: {title}. Worst relative error {worst}. {certificate.get('message', '')}".strip(),
            certificate["passed"],
        ),
    ]
    return [*blocks, _ladder(certificate, title)] if certificate.get("curves") else blocks


def _ladder(certificate: Certificate, title: str) -> Block:
    return figure(
        f"ladder_{certificate['model']}",
        f"Central differences against the gradient, step by step ({title}). From the right, the error of a right "
        "gradient falls with h² and then rises with round-off; a wrong one leaves a plateau.",
    )


def _part(part: CertifiedPart) -> list[str]:
    autograd = NOTHING if part["worst_autograd"] is None else number(part["worst_autograd"], 2)
    name = part["part"] if part["passed"] else f"{part['part']} (failed)"
    counts = [number(part["size"]), number(part["checked"])]
    return [name, *counts, number(part["worst"], 2), autograd, number(part["resolution"], 2)]
