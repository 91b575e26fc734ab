"""The document as a tagged PDF with selectable text, set by typst."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Literal

import typst

from likeliest.report.blocks import Document
from likeliest.report.svg import Drawing
from likeliest.report.theme import FONTS, TEMPLATES

_NO_GLYPH = "could not be displayed"


def to_pdf(document: Document, drawings: Mapping[str, Drawing]) -> bytes:
    """Set the document as tagged PDF, to the standard PDF/UA-1 where the fonts at hand have every character.

    Data reaches typst as JSON strings, never as source. Text in a script that no font here knows (an emoji in a
    column's name, say) cannot meet the standard; it is printed as boxes, and the file is still tagged.
    """
    values = {"document": document, "figures": drawings}
    inputs = {name: json.dumps(value, ensure_ascii=False) for name, value in values.items()}
    try:
        return _compile(inputs, standard="ua-1")
    except typst.TypstError as error:
        if _NO_GLYPH not in str(error):
            raise
        return _compile(inputs, standard="1.7")


def _compile(inputs: dict[str, str], standard: Literal["ua-1", "1.7"]) -> bytes:
    source = TEMPLATES / "report.typ"
    return typst.compile(
        source, root=TEMPLATES, font_paths=[FONTS], sys_inputs=inputs, pdf_standards=standard, timestamp=0
    )
