"""From the frames of a sound to its text, and how good that is.

::

    alphabet        the symbols that a text is written in
    lexicon         the words that may stand in it            ┐
    language_model  how likely a word is after others: n-grams├─ decoding: greedy, prefix beam search
    arpa            the same, as others write and read it     ┘
"""
