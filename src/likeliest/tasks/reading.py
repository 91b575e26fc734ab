"""What texts are read as: characters or words, and which sentences tell what is likely to be said."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from likeliest.data.sounds import TextRules
from likeliest.errors import InputError, UnknownNameError
from likeliest.speech import Alphabet, read_sentences
from likeliest.speech.alphabet import Unit

UNITS: tuple[Unit, ...] = ("character", "word")
MOST_WORDS, LEAST_SEEN = 100, 10
"""Labels are words where there are at most so many different ones, each said so often; else characters."""


@dataclass(frozen=True)
class Reading:
    """What a user asks for of texts.

    Attributes:
        unit: "character" or "word", which labels then are; None decides by the texts.
        sentences: a text file with a sentence a line, from which words and their order are learnt too.

    Raises:
        UnknownNameError: another unit.
    """

    unit: Unit | None = None
    sentences: Path | None = None

    def __post_init__(self) -> None:
        if self.unit not in (None, *UNITS):
            raise UnknownNameError(f"no unit {self.unit!r} of texts; there are {', '.join(UNITS)}")

    @property
    def options(self) -> dict[str, str | None]:
        """As the command line has them."""
        return {"--unit": self.unit, "--sentences": None if self.sentences is None else str(self.sentences)}

    def alphabet(self, texts: Sequence[str]) -> Alphabet:
        """The alphabet of some texts."""
        return Alphabet.learn(texts, self.unit or _fitting_unit(texts))

    def explanation(self, texts: Sequence[str], alphabet: Alphabet) -> str:
        """Which labels texts are read in, and why."""
        words = len({word for text in texts for word in text.split()})
        if self.unit is not None:
            why = f"{alphabet.unit}s, {len(alphabet) - 1} different ones, as was asked for"
        elif alphabet.unit == "word":
            why = f"words, of which there are {words}, each said {LEAST_SEEN} times or more"
        else:
            why = f"characters, {len(alphabet) - 1} different ones, for of the {words} words some are seldom said"
        return f"{len(texts):,} recordings with {len(set(texts)):,} different texts; the labels are {why}"

    def further(self, alphabet: Alphabet) -> tuple[str, ...]:
        """The sentences, spelt as transcripts are, without those that hold what the alphabet lacks.

        Raises:
            SourceError: the file cannot be read.
            InputError: that leaves none of them.
        """
        if self.sentences is None:
            return ()
        spelt = [TextRules().applied(line)[0] for line in read_sentences(self.sentences).values()]
        legible = tuple(text for text in spelt if text and not alphabet.unknown(text))
        if not legible:
            raise InputError(
                f"{self.sentences}: expected sentences of {alphabet.unit}s that the transcripts have, found none among "
                f"{len(spelt)}; leave the file out, or add recordings of what it holds"
            )
        return legible


AS_FITS = Reading()
"""Nothing is asked for."""


def _fitting_unit(texts: Sequence[str]) -> Unit:
    counts = Counter(word for text in texts for word in text.split())
    return "word" if len(counts) <= MOST_WORDS and min(counts.values(), default=0) >= LEAST_SEEN else "character"
