"""Sheets of pictures as SVG: each picture with its words under it, drawn alike in HTML and PDF.

The pictures are PNG files inside report.json; here they are placed, never decoded. Words are data and are escaped.
"""

from __future__ import annotations

import xml.etree.ElementTree as ET
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import cast

from likeliest.report.formatting import short
from likeliest.report.kinds import AnyReport, kind_of
from likeliest.report.schema import Report, Shot
from likeliest.report.theme import FONT, INK, MUTED

WIDTH = 620.0
"""Of a sheet that fills the column, in pixels."""
_LINE = 13.0
_GAP = 14.0
_SIZE = 10.5
_LETTER = 5.6
"""Mean width of a letter at that size, with room to spare."""


@dataclass(frozen=True)
class Sheet:
    """Pictures in rows of so many columns.

    Attributes:
        shots: the pictures, row by row.
        columns: how many stand side by side.
        height: of a picture, in pixels.
        width: of a picture; None is what the columns leave.
        beside: whether words stand at the left of each picture, in place of under it.
    """

    shots: Sequence[Shot]
    columns: int
    height: float
    width: float | None = None
    beside: bool = False

    def svg(self, name: str, title: str, description: str) -> str:
        """Draw the sheet as an accessible SVG element whose identifiers start with ``name``."""
        cell = (WIDTH - _GAP * (self.columns - 1)) / self.columns
        across = self.columns * (self.width + _GAP) - _GAP if self.width is not None else WIDTH
        cell = self.width if self.width is not None else cell
        lines = 0 if self.beside else max((len(shot["lines"]) for shot in self.shots), default=0)
        step = self.height + lines * _LINE + _GAP * (0.45 if self.beside else 1.0)
        rows = -(-len(self.shots) // self.columns)
        size = {"width": f"{across:g}", "height": f"{max(rows * step - _GAP * 0.45, 1):g}"}
        root = ET.Element("svg", {**size, "viewBox": f"0 0 {size['width']} {size['height']}", **_described(name)})
        root.set("xmlns", "http://www.w3.org/2000/svg")
        for tag, text in (("title", title), ("desc", description)):
            ET.SubElement(root, tag, {"id": f"{name}-{'title' if tag == 'title' else 'description'}"}).text = text
        for place, shot in enumerate(self.shots):
            row, column = divmod(place, self.columns)
            self._draw(root, shot, column * (cell + _GAP), row * step, cell)
        return ET.tostring(root, encoding="unicode")

    def _draw(self, root: ET.Element, shot: Shot, x: float, y: float, cell: float) -> None:
        indent = 118.0 if self.beside else 0.0
        box = {"x": f"{x + indent:g}", "y": f"{y:g}", "width": f"{cell - indent:g}", "height": f"{self.height:g}"}
        keep = {"preserveAspectRatio": "xMinYMid meet" if self.beside else "xMinYMax meet"}
        look = {"image-rendering": "optimizeSpeed", "style": "image-rendering: pixelated"}
        ET.SubElement(root, "image", {"href": f"data:image/png;base64,{shot['png']}", **box, **keep, **look})
        letters = int((indent or cell) / _LETTER)
        top = y + self.height / 2 - _LINE * (len(shot["lines"]) - 1) / 2 - 9 if self.beside else y + self.height
        for place, line in enumerate(shot["lines"]):
            ink = INK if place == 0 else MUTED
            at = {"x": f"{x:g}", "y": f"{top + (place + 1) * _LINE:g}", "font-size": f"{_SIZE:g}"}
            ET.SubElement(root, "text", {**at, "font-family": FONT, "fill": ink}).text = short(line, letters)


def _described(name: str) -> dict[str, str]:
    return {"role": "img", "aria-labelledby": f"{name}-title {name}-description"}


def sheets(report: AnyReport) -> Mapping[str, Sheet]:
    """Return every sheet that this report has pictures for, by name; prices have none."""
    return _sheets(cast(Report, report)) if kind_of(report) == "rows" else {}


def _sheets(report: Report) -> Mapping[str, Sheet]:
    found: dict[str, Sheet] = {}
    if (data := report["data"].get("pictures")) is not None:
        samples = data["samples"]
        found["samples"] = Sheet(samples, 1 if len(samples) <= 10 else 2, 36.0, beside=True)
        pairs = [shot for pair in data["near"] for shot in (pair["held_out"], pair["earlier"])]
        found["near"] = Sheet(pairs, 6, 84.0)
    if (pages := report.get("pictures")) is not None:
        found["weights"] = Sheet(pages["weights"], 5, 84.0)
        found["surprises"] = Sheet(pages["surprises"], 5, 96.0)
        found["looks"] = Sheet([shot for look in pages["looks"] for shot in (look["picture"], look["map"])], 4, 132.0)
        found["suspects"] = Sheet(pages["suspects"]["examples"], 6, 84.0)
    return {name: sheet for name, sheet in found.items() if sheet.shots}
