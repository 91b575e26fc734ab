"""What the chapters of prices say again and again."""

from __future__ import annotations

from likeliest.report.blocks import Block, note
from likeliest.report.chapters.theory import sentence_case
from likeliest.report.formatting import NOTHING, number, p_value
from likeliest.report.schema import Difference, PriceModel, PriceReport


def disclaimer(report: PriceReport) -> Block:
    """That this is no investment advice, so that nobody can miss it."""
    return note(report["conclusion"]["disclaimer"], good=False)


def title_of(report: PriceReport, name: str) -> str:
    """The title of a model of the distribution, or of the trend ("trend_" before its name); else the name."""
    titles = {model["name"]: model["title"] for model in report["models"]}
    titles |= {f"trend_{model['name']}": f"trend: {model['title']}" for model in report["trend"]["models"]}
    return titles.get(name, name)


def recommended(report: PriceReport) -> PriceModel | None:
    """The model to use, where it was stored."""
    return next((m for m in report["models"] if m["name"] == report["conclusion"]["model"]), None)


def place_of(report: PriceReport) -> int:
    """The row of the recommended model in a table of all; −1 where it has none."""
    return next((i for i, m in enumerate(report["models"]) if m["name"] == report["conclusion"]["model"]), -1)


def difference(found: Difference | None) -> list[str]:
    """A difference of log scores, its interval and its p-value as cells of a table."""
    if found is None:
        return [NOTHING, NOTHING, NOTHING]
    interval = f"{nats(found['low'])} to {nats(found['high'])}".replace("+", "")
    return [nats(found["mean"]), interval, p_value(found["p_value"])]


def nats(value: float) -> str:
    """A difference in nats, with its sign, so that columns line up."""
    shown = number(round(value, 4), 4) if value == round(value) else f"{value:.4f}".replace("-", "−")
    return f"+{shown}" if value > 0 else shown


def yes(value: bool) -> str:
    """A flag as a word."""
    return "yes" if value else "no"


def sentence(text: str) -> str:
    """The text with a capital at its start and a full stop at its end; nothing where it is empty."""
    text = text.strip()
    return sentence_case(text) + ("" if text.endswith((".", "!", "?")) else ".") if text else ""
