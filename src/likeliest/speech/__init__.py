"""From the frames of a sound to its text, and how good that is.

::

    alphabet                    the symbols that texts are written in
    lexicon                     the words that may stand in them             ┐
    kneser_ney ┐                                                             │
    arpa       ┴ ngrams,        how likely a word is after others            ├─ grammar ─ beam ┐
                 language_model                                              ┘                 ├─ decoding
    timing                      log p of chosen texts, and in which frames their labels are    ┘
"""

from likeliest.speech.alphabet import Alphabet, normalised
from likeliest.speech.decoding import Hypothesis, Word, beam_search, greedy
from likeliest.speech.language_model import NGram
from likeliest.speech.lexicon import Lexicon

__all__ = ["Alphabet", "Hypothesis", "Lexicon", "NGram", "Word", "beam_search", "greedy", "normalised"]
