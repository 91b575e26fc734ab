"""From the frames of a sound to its text, and how good that is.

::

    alphabet                    the symbols that texts are written in
    lexicon                     the words that may stand in them             ┐
    kneser_ney ┐                                                             │
    arpa       ┴ ngrams,        how likely a word is after others            ├─ grammar ─ beam ┐
                 language_model                                              ┘                 ├─ decoding
    timing                      log p of chosen texts, and in which frames their labels are    ┘
    edits      ┐
    intervals  ┴ error_rates    how many words or characters are wrong, and how surely
    confidence                  how probable it is that a word is right
    transcriber                 all of it in one value, and how sure each word is
"""

from likeliest.speech.alphabet import Alphabet, normalised
from likeliest.speech.confidence import Confidence, word_features
from likeliest.speech.decoding import Hypothesis, Word, beam_search, greedy
from likeliest.speech.edits import Chunk, alignment
from likeliest.speech.error_rates import Counts, ErrorRate, error_rates
from likeliest.speech.intervals import Interval, rate_interval
from likeliest.speech.language_model import NGram, read_sentences
from likeliest.speech.lexicon import Lexicon
from likeliest.speech.transcriber import SpokenWord, Transcriber, Transcript

__all__ = [
    "Alphabet",
    "Chunk",
    "Confidence",
    "Counts",
    "ErrorRate",
    "Hypothesis",
    "Interval",
    "Lexicon",
    "NGram",
    "SpokenWord",
    "Transcriber",
    "Transcript",
    "Word",
    "alignment",
    "beam_search",
    "error_rates",
    "greedy",
    "normalised",
    "rate_interval",
    "read_sentences",
    "word_features",
]
