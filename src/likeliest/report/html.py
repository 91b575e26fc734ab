"""The document as one HTML file that needs nothing else: fonts, style and figures inside, no script."""

from __future__ import annotations

import base64
from collections.abc import Mapping

import jinja2
from markupsafe import Markup

from likeliest.report.blocks import Document
from likeliest.report.svg import Drawing
from likeliest.report.theme import FONTS, TEMPLATES

_FACES = {400: "Inter-Regular.ttf", 600: "Inter-SemiBold.ttf"}


def to_html(document: Document, drawings: Mapping[str, Drawing]) -> bytes:
    """Set the document as HTML; whatever comes from data is escaped, the drawings excepted, which are our own."""
    loader = jinja2.FileSystemLoader(TEMPLATES)
    environment = jinja2.Environment(
        loader=loader, autoescape=True, undefined=jinja2.StrictUndefined, keep_trailing_newline=True
    )
    fonts = [
        {"weight": weight, "base64": base64.b64encode((FONTS / file).read_bytes()).decode()}
        for weight, file in _FACES.items()
    ]
    css = Markup((TEMPLATES / "report.css").read_text(encoding="utf-8"))
    template = environment.get_template("report.html.j2")
    return template.render(document=document, figures=drawings, fonts=fonts, css=css).encode("utf-8")
