"""Charts to static SVG: no script, no network, readable aloud."""

from __future__ import annotations

import io
import re
import xml.etree.ElementTree as ET
from collections.abc import Mapping
from typing import Any, TypedDict

import vl_convert

from likeliest.report.blocks import Document
from likeliest.report.charts import Chart
from likeliest.report.sheets import Sheet
from likeliest.report.theme import CONFIG, FONTS

_SVG = "http://www.w3.org/2000/svg"
_XLINK = "{http://www.w3.org/1999/xlink}href"
_REFERENCE = re.compile(r"url\(#([^)]+)\)")


class Drawing(TypedDict):
    """A chart as both outputs take it."""

    svg: str
    """The element, its title and description inside."""
    width: float
    """Natural width in pixels."""
    description: str
    """Alternative text."""


def draw_all(charts: Mapping[str, Chart], sheets: Mapping[str, Sheet], document: Document) -> dict[str, Drawing]:
    """Draw every chart and sheet that the document has a place for, with its caption as alternative text."""
    drawings: dict[str, Drawing] = {}
    blocks = [block for chapter in document["chapters"] for block in chapter["blocks"] if block["kind"] == "figure"]
    for block in blocks:
        if block["name"] in sheets:
            svg = sheets[block["name"]].svg(block["name"], block["label"], block["caption"])
        else:
            svg = draw(charts[block["name"]].to_dict(), block["name"], block["label"], block["caption"])
        width = float(ET.fromstring(svg).attrib["width"])
        drawings[block["name"]] = {"svg": svg, "width": width, "description": block["caption"]}
    return drawings


def draw(spec: dict[str, Any], name: str, title: str, description: str) -> str:
    """Draw one Vega-Lite specification as an accessible SVG element whose identifiers no other figure shares.

    Args:
        spec: the specification, data inside.
        name: a word that is unique on the page.
        title: what a screen reader calls the figure.
        description: what it reads when asked for more.
    """
    vl_convert.register_font_directory(str(FONTS))
    root = ET.fromstring(vl_convert.vegalite_to_svg(spec, config=CONFIG, allowed_base_urls=[]))
    _rename(root, name)
    _describe(root, name, title, description)
    ET.register_namespace("", _SVG)
    buffer = io.BytesIO()
    ET.ElementTree(root).write(buffer, encoding="utf-8")
    return buffer.getvalue().decode("utf-8")


def _rename(root: ET.Element, name: str) -> None:
    """Number identifiers anew, since Vega goes on counting from chart to chart, and drop its per-mark labels."""
    identifiers = [element.attrib["id"] for element in root.iter() if "id" in element.attrib]
    new = {old: f"{name}-{place}" for place, old in enumerate(identifiers)}
    for element in root.iter():
        kept = {key: value for key, value in element.attrib.items() if key != "role" and not key.startswith("aria-")}
        element.attrib.clear()
        for key, value in kept.items():
            key = "href" if key == _XLINK else key  # HTML knows no prefixes of its own making
            element.set(key, new[value] if key == "id" else _REFERENCE.sub(lambda m: f"url(#{new[m[1]]})", value))


def _describe(root: ET.Element, name: str, title: str, description: str) -> None:
    """Make the figure one image with a title and a description."""
    root.set("role", "img")
    root.set("aria-labelledby", f"{name}-title {name}-description")
    for place, (tag, text) in enumerate({"title": title, "desc": description}.items()):
        element = ET.Element(f"{{{_SVG}}}{tag}", {"id": f"{name}-{'title' if tag == 'title' else 'description'}"})
        element.text = text
        root.insert(place, element)
