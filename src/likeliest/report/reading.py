"""``report.json`` from disk, fit to be shown."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, cast

from likeliest.errors import SourceError
from likeliest.report.kinds import NEEDED, AnyReport, kind_of

# XML knows no control characters and UTF-8 no lone surrogates, and either can stand in a cell of somebody's table.
_UNPRINTABLE = dict.fromkeys(
    [*range(0x20), *range(0x7F, 0xA0), *range(0xD800, 0xE000), 0xFFFE, 0xFFFF], "\N{REPLACEMENT CHARACTER}"
)
_UNPRINTABLE |= dict.fromkeys(map(ord, "\t\n\r\v\f"), " ")


def read_report(path: Path) -> AnyReport:
    """Read a stored report, with whatever cannot be printed made visible as U+FFFD.

    Raises:
        SourceError: the file cannot be read, is not JSON, is of no kind known here, or lacks a chapter that no
            report of its kind can do without.
    """
    try:
        report = json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise SourceError(
            f"{path}: expected a report.json, found: {error.strerror}; run `likeliest study` first"
        ) from error
    except ValueError as error:
        raise SourceError(f"{path}: expected JSON, found: {error}; run the study again") from error
    report = report if isinstance(report, dict) else {}
    if not isinstance(kind := kind_of(report), str) or kind not in NEEDED:
        raise SourceError(
            f"{path}: expected a report of {' or '.join(NEEDED)}, found one of {kind!r}; "
            "render it with the version of likeliest that wrote it"
        )
    missing = [key for key in NEEDED[kind] if key not in report]
    if missing:
        raise SourceError(
            f"{path}: expected the keys of a likeliest report, found none named {missing}; run the study again"
        )
    return cast(AnyReport, printable(report))


def printable(value: Any) -> Any:
    """Return the value with control characters and lone surrogates replaced in every string, keys included."""
    if isinstance(value, str):
        return value.translate(_UNPRINTABLE)
    if isinstance(value, dict):
        return {printable(key): printable(item) for key, item in value.items()}
    if isinstance(value, list):
        return [printable(item) for item in value]
    return value
