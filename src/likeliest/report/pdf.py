"""The document as a tagged PDF with selectable text, set by typst."""

from __future__ import annotations

import json
from collections.abc import Mapping

import typst

from likeliest.report.blocks import Document
from likeliest.report.svg import Drawing
from likeliest.report.theme import FONTS, TEMPLATES


def to_pdf(document: Document, drawings: Mapping[str, Drawing]) -> bytes:
    """Set the document as PDF/UA-1. Data reaches typst as JSON strings, never as source."""
    inputs = {"document": json.dumps(document, ensure_ascii=False), "figures": json.dumps(drawings, ensure_ascii=False)}
    return typst.compile(
        TEMPLATES / "report.typ",
        root=TEMPLATES,
        font_paths=[FONTS],
        sys_inputs=inputs,
        pdf_standards=["ua-1"],
        timestamp=0,
    )
