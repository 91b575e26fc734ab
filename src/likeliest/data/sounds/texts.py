"""What is said, as it is learnt: transcripts brought to one spelling, and what that took said in words."""

from __future__ import annotations

import unicodedata
from dataclasses import dataclass
from typing import Literal

UPPER = "upper case in the text"
PUNCTUATION = "punctuation or symbols in the text"
EMOJI = "emoji in the text"
DIGITS = "digits in the text"
DONE = {
    UPPER: "made lower case",
    PUNCTUATION: "taken out",
    EMOJI: "taken out",
    DIGITS: "kept as they are; write numbers out as they are spoken",
}
"""What is done about what is found in a text."""
EMPTY = "a text of which nothing is left"

_APOSTROPHES = "'’‘ʼ＇"
_JOINERS = "\u200c\u200d"  # zero-width characters that Persian and the scripts of India spell words with
_ARROWS = "\u2190"  # symbols before the arrows, such as ° and ©, are no emoji


@dataclass(frozen=True, slots=True)
class TextRules:
    """How transcripts are brought to one spelling. Characters are told apart by their Unicode category.

    First NFC, so that "é" is one character however it was typed. Letters and the marks on them stay, of every script
    and in the order in which they are read. So do digits, as they are: whether "10" was said "ten" or "one zero" only
    the speaker knows, and a text with digits is named. Punctuation (P), symbols such as "+" and emoji (S) and control
    characters become a space, but an apostrophe within a word stays, as "'". Marks that only steer display (Cf, the
    variants of emoji, and the frames around characters, Me) go. Several blanks are one.

    Attributes:
        case: "lower" makes letters lower case, as `str.lower` does ("ẞ" to "ß", never to "ss"); "keep" leaves them.
        keep: characters of punctuation and symbols that stay where they are.

    Example:
        >>> TextRules().applied("don’t stop: it's five o'clock! ")
        ("don't stop it's five o'clock", ('punctuation or symbols in the text',))
        >>> TextRules(case="keep", keep="?").applied("Really?")
        ('Really?', ())
    """

    case: Literal["lower", "keep"] = "lower"
    keep: str = ""

    def applied(self, text: str) -> tuple[str, tuple[str, ...]]:
        """Return a text in its one spelling, and what was found in it, each a key of `DONE`."""
        composed = unicodedata.normalize("NFC", text)
        pieces = [self._kept(composed, at) for at in range(len(composed))]
        plain = " ".join("".join(pieces).split())
        spelt = unicodedata.normalize("NFC", plain.lower()) if self.case == "lower" else plain
        gone = [c for c, piece in zip(composed, pieces, strict=True) if not piece.strip() and _category(c)[0] in "PS"]
        found = {
            UPPER: spelt != plain,
            PUNCTUATION: not all(map(_is_emoji, gone)),
            EMOJI: any(map(_is_emoji, gone)),
            DIGITS: any(_category(c) == "Nd" for c in spelt),
        }
        return spelt, tuple(what for what, is_so in found.items() if is_so)

    def _kept(self, text: str, at: int) -> str:
        """Return what becomes of one character."""
        character, category = text[at], _category(text[at])
        if character in self.keep:
            return character
        if character in _APOSTROPHES:
            return "'" if _within(text, at) else " "
        if category in ("Cf", "Me") or "\ufe00" <= character <= "\ufe0f":
            return character if character in _JOINERS and _within(text, at) else ""
        return " " if category[0] in "PSCZ" else character


def _category(character: str) -> str:
    return unicodedata.category(character)


def _is_emoji(character: str) -> bool:
    """Whether a character is a pictograph, or colours one."""
    return _category(character) in ("So", "Sk") and character >= _ARROWS


def _within(text: str, at: int) -> bool:
    """Whether a letter or a mark stands on both sides."""
    return 0 < at < len(text) - 1 and all(_category(side)[0] in "LM" for side in (text[at - 1], text[at + 1]))
