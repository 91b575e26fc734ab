"""What a reader of an HTML report sees, by the standard library's parser."""

from __future__ import annotations

from html.parser import HTMLParser


class Page(HTMLParser):
    """Visible text outside figures, one string an element; and every tag and attribute, those of figures included."""

    HIDDEN = ("head", "svg")

    def __init__(self, html: str) -> None:
        super().__init__()
        self.blocks: list[str] = [""]
        self.tags: list[str] = []
        self.attributes: list[tuple[str, str]] = []
        self.hidden = 0
        self.feed(html)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.attributes += [(name, value or "") for name, value in attrs]
        self.hidden += tag in self.HIDDEN
        self.blocks.append("")

    def handle_endtag(self, tag: str) -> None:
        self.hidden -= tag in self.HIDDEN
        self.blocks.append("")

    def handle_data(self, data: str) -> None:
        if not self.hidden:
            self.blocks[-1] += data

    @property
    def texts(self) -> list[str]:
        return [block for block in self.blocks if block.strip()]
