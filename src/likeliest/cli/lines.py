"""Lines for people: a label in a margin, and a text."""

from __future__ import annotations

_MARGIN = 13


def line(label: str, text: str) -> str:
    """A labelled line."""
    return f"{label:<{_MARGIN}}{text}"


def number(value: float | None, form: str = ".4f") -> str:
    """A number, or a dash for one that is not there or not finite."""
    return "–" if value is None else format(value, form)
