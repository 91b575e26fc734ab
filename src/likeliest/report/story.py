"""The report as a document: stored results in, headings, sentences and tables out, every number printed."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from likeliest.report import price_story, row_story
from likeliest.report.blocks import Document
from likeliest.report.kinds import AnyReport, kind_of

STORIES: dict[str, Callable[[Any], Document]] = {"rows": row_story.tell, "prices": price_story.tell}


def tell(report: AnyReport) -> Document:
    """Turn a stored report into a document, in the way of its kind; chapters with nothing to say are left out."""
    return STORIES[kind_of(report)](report)
