"""What was not as expected in a source of pictures or recordings, one by one and counted."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

LEFT_OUT = "left out"

_NAMED = 3
_NAME_LENGTH = 80


@dataclass(frozen=True, slots=True)
class Problem:
    """One file, folder or row that was not as expected: its name, what was found, and what was done about it."""

    name: str
    reason: str
    done: str

    def __str__(self) -> str:
        return f"{shortened(self.name)}: {self.reason}; {self.done}"


def findings(problems: Iterable[Problem]) -> list[str]:
    """Return problems counted: one line for each kind, with the first few names.

    Example:
        >>> findings([Problem("a.wav", "an empty file", LEFT_OUT), Problem("b.wav", "an empty file", LEFT_OUT)])
        ['2 × an empty file; left out: a.wav, b.wav']
    """
    names: dict[tuple[str, str], list[str]] = {}
    for problem in problems:
        names.setdefault((problem.reason, problem.done), []).append(problem.name)
    return [f"{len(they):,} × {reason}; {done}: {listed_names(they)}" for (reason, done), they in names.items()]


def also_found(problems: Iterable[Problem]) -> str:
    """Return what was found in place of what was wanted, to end a message with; nothing where nothing was."""
    names = [f"{problem.name} ({problem.reason})" for problem in problems]
    return f", but {listed_names(names)}" if names else ""


def shortened(name: str) -> str:
    """Return a name that fits in a sentence: a very long one without its middle."""
    if len(name) <= _NAME_LENGTH:
        return name
    half = _NAME_LENGTH // 2 - 1
    return f"{name[:half]}…{name[-half:]}"


def listed_names(names: Sequence[str]) -> str:
    """Return the first few names in a row, and "…" for the rest."""
    return ", ".join(map(shortened, names[:_NAMED])) + (", …" if len(names) > _NAMED else "")
