"""What a page is made of. A chapter is a list of blocks; HTML and PDF are two ways to set the same blocks.

Blocks are plain values, because one of their readers is typst, which gets them as JSON.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, TypeAlias, TypedDict, TypeVar

from likeliest.report.formatting import NOTHING

Block: TypeAlias = dict[str, Any]
Stored = TypeVar("Stored")
"""A report of one kind."""


class Chapter(TypedDict):
    """A heading and what stands under it."""

    id: str
    title: str
    blocks: list[Block]


class Document(TypedDict):
    """The whole report, with every number already printed."""

    title: str
    subtitle: str
    lead: str
    facts: list[dict[str, str]]
    chapters: list[Chapter]
    version: str


def prose(*sentences: str) -> Block:
    """Return a paragraph."""
    return {"kind": "prose", "text": " ".join(s for s in sentences if s)}


def heading(text: str) -> Block:
    """Return a heading within a chapter."""
    return {"kind": "heading", "text": text}


def formula(lines: Iterable[str]) -> Block:
    """Return lines of mathematics as Unicode text, one under the other."""
    return {"kind": "formula", "lines": list(lines)}


def note(text: str, good: bool) -> Block:
    """Return a sentence that must not be missed: an answer where ``good``, else a caution."""
    return {"kind": "note", "text": text, "tone": "good" if good else "caution"}


def listing(items: Iterable[str]) -> Block:
    """Return a bulleted list."""
    return {"kind": "list", "items": list(items)}


def table(
    head: Sequence[str], rows: Iterable[Sequence[str]], caption: str, *, text: int = 1, strong: int = -1, wide: int = -1
) -> Block:
    """Return a table; columns in which nothing stands are left out.

    Args:
        head: names of the columns.
        rows: cells, printed.
        caption: what the table shows.
        text: the first so many columns hold words, the others numbers.
        strong: the row that stands out.
        wide: the column of words that gets most room.
    """
    rows = [list(row) for row in rows]
    kept = [i for i in range(len(head)) if i == 0 or any(row[i] not in ("", NOTHING) for row in rows)]
    return {
        "kind": "table",
        "head": [head[i] for i in kept],
        "rows": [[row[i] for i in kept] for row in rows],
        "align": ["left" if i < text else "right" for i in kept],
        "wide": kept.index(wide) if wide in kept else -1,
        "strong": strong,
        "caption": caption,
    }


def figure(name: str, caption: str) -> Block:
    """Return a place for the chart of that name."""
    return {"kind": "figure", "name": name, "caption": caption}


def fact(label: str, value: str, note: str = "") -> dict[str, str]:
    """Return one of the few numbers that stand in the head."""
    return {"label": label, "value": value, "note": note}


def told(chapters: Mapping[str, tuple[str, Callable[[Stored], list[Block]]]], report: Stored) -> list[Chapter]:
    """Return the chapters, by key (title, what writes its blocks), that have something to say, captions numbered."""
    found = [Chapter(id=key, title=title, blocks=blocks(report)) for key, (title, blocks) in chapters.items()]
    found = [chapter for chapter in found if chapter["blocks"]]
    number_captions(found)
    return found


def number_captions(chapters: Iterable[Chapter]) -> None:
    """Give figures and tables their numbers, in reading order."""
    counts = {"figure": 0, "table": 0}
    for chapter in chapters:
        for block in chapter["blocks"]:
            if block["kind"] in counts:
                counts[block["kind"]] += 1
                block["label"] = f"{block['kind'].capitalize()} {counts[block['kind']]}"
