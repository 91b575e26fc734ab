"""Colours and chart settings. The palette is Okabe and Ito's (2008), told apart with any kind of colour vision.

Source: M. Okabe, K. Ito, "Color Universal Design", https://jfly.uni-koeln.de/color/, without its yellow, which is too
pale on white, and with a violet and two greys.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

INK, MUTED, PALE = "#1f2933", "#6b7785", "#c5ccd3"
ACCENT, SOFT, CONTRAST, WASH = "#0072b2", "#7fb3d5", "#d55e00", "#f4f6f8"
PALETTE = [ACCENT, "#e69f00", "#009e73", "#cc79a7", "#56b4e9", CONTRAST, "#7a5195", "#4d5a66", "#9aa5b1", "#000000"]
FONT = "Inter"
FONTS = Path(__file__).parent / "fonts"
TEMPLATES = Path(__file__).parent / "templates"

CONFIG: dict[str, Any] = {
    "font": FONT,
    "background": "white",
    "view": {"stroke": None},
    "axis": {
        "labelColor": MUTED,
        "titleColor": INK,
        "titleFontWeight": 400,
        "titleFontSize": 12,
        "labelFontSize": 11,
        "gridColor": "#e9edf0",
        "domainColor": PALE,
        "tickColor": PALE,
        "tickSize": 4,
        "labelLimit": 200,
        "titlePadding": 8,
    },
    "axisBand": {"grid": False, "domain": False, "ticks": False, "labelColor": INK},
    "legend": {"labelColor": INK, "labelFontSize": 12, "symbolSize": 90, "labelLimit": 160, "offset": 6},
    "header": {"labelColor": INK, "labelFontSize": 12, "labelPadding": 4},
    "range": {"category": PALETTE},
}
