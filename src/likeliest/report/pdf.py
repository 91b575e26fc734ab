"""The document as a tagged PDF with selectable text, set by typst."""

from __future__ import annotations

import json
from collections.abc import Mapping

import typst

from likeliest.report.blocks import Document
from likeliest.report.svg import Drawing
from likeliest.report.theme import FONTS, TEMPLATES


_NO_GLYPH = "could not be displayed"


def to_pdf(document: Document, drawings: Mapping[str, Drawing]) -> bytes:
    """Set the document as tagged PDF, to the standard PDF/UA-1 where the fonts at hand have every character.

    Data reaches typst as JSON strings, never as source. Text in a script that no font here knows (an emoji in a column's
    name, say) cannot meet the standard; it is printed as boxes, and the file is still tagged.
    """
    inputs = {"document": json.dumps(document, ensure_ascii=False), "figures": json.dumps(drawings, ensure_ascii=False)}
    try:
        return _compile(inputs, standards=["ua-1"])
    except typst.TypstError as error:
        if _NO_GLYPH not in str(error):
            raise
        return _compile(inputs, standards=[])


def _compile(inputs: dict[str, str], standards: list[str]) -> bytes:
    source = TEMPLATES / "report.typ"
    return typst.compile(
        source, root=TEMPLATES, font_paths=[FONTS], sys_inputs=inputs, pdf_standards=standards, timestamp=0
    )
