r"""Interpolated n-grams with modified Kneser–Ney discounts, from counts to tables.

With c(h w) how often a word w follows the words h, and h′ what is left of h without its first word,

    p(w | h) = (c(h w) − D(c(h w))) / c(h ·) + γ(h) p(w | h′),    γ(h) = Σ_w D(c(h w)) / c(h ·),

where c(h ·) = Σ_w c(h w) and D(c) is 0, D₁, D₂ or D₃ for c = 0, 1, 2 and more. Below the highest order c(g) is no count
of tokens, but of the different words that g follows: how many contexts a word completes says more of it than how often
it stands after the same one. What begins with <s> follows nothing, and keeps its count of tokens. Below the unigrams
lies the uniform distribution over all words, </s> and <unk>, so that γ / |V| is the probability of <unk>.

With n_c how many n-grams of an order have the count c, and Y = n₁ / (n₁ + 2 n₂),

    D_c = c − (c + 1) Y n_{c+1} / n_c,    c = 1, 2, 3.

Where one of n₁, n₂, n₃ is 0 or a D_c ≤ 0, as in small or odd corpora, the order takes `FALLBACK`: D_c > 0 lets every
word be possible everywhere.

Source: Chen and Goodman (1999), An empirical study of smoothing techniques for language modeling, Computer Speech and
Language 13, section 3; Kneser and Ney (1995), Improved backing-off for m-gram language modeling. The counts of n-grams
that begin with <s>, and the fallback, are those of Heafield, Pouzyrevsky, Clark and Koehn (2013), Scalable modified
Kneser-Ney language model estimation, and of its program.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from likeliest.speech.ngrams import Ints, Level

FALLBACK = (0.5, 1.0, 1.5)
"""D₁, D₂ and D₃ where counts of counts do not give them."""


@dataclass(frozen=True, slots=True, eq=False)
class Counts:
    """The different n-grams of one order, in the order of their keys (see `Level`).

    Attributes:
        keys: (m,).
        context: (m,) the row of the n-gram without its last word, one level above.
        suffix: (m,) the row of the n-gram without its first word, one level above.
        tokens: (m,) how often each stands in the sentences.
        begins: (m,) whether its first word is <s>.
    """

    keys: Ints
    context: Ints
    suffix: Ints
    tokens: Ints
    begins: NDArray[np.bool_]


def counted(sentences: Sequence[Sequence[int]], words: int, order: int) -> list[Counts]:
    """Count the n-grams of each order from 1 to ``order``, or to the longest sentence's length if that is less.

    Args:
        sentences: ids of <s>, the words, and </s>.
        words: how many ids there are. Each has a unigram, seen or not.
        order: the highest.
    """
    lengths = np.array([len(sentence) for sentence in sentences])
    ids = np.fromiter((word for sentence in sentences for word in sentence), np.int64, int(lengths.sum()))
    place = np.arange(len(ids)) - np.repeat(np.cumsum(lengths) - lengths, lengths)
    unigrams, nothing = np.arange(words), np.zeros(words, np.int64)
    levels = [Counts(unigrams, nothing, nothing, np.bincount(ids, minlength=words), unigrams == ids[0])]
    row = ids.copy()  # of the n-gram that ends at each token, one level above the one being counted
    for n in range(2, min(order, int(lengths.max())) + 1):
        ends = np.flatnonzero(place >= n - 1)
        context, suffix = row[ends - 1], row[ends]
        keys, first, inverse, tokens = np.unique(
            context * words + ids[ends], return_index=True, return_inverse=True, return_counts=True
        )
        levels.append(Counts(keys, context[first], suffix[first], tokens, place[ends[first]] == n - 1))
        row[ends] = inverse
    return levels


def smoothed(levels: Sequence[Counts], begin: int) -> tuple[Level, ...]:
    """Return the interpolated probabilities and back-off weights of all counted n-grams.

    Args:
        levels: as `counted` returns them.
        begin: the id of <s>, which is never predicted.
    """
    made: list[Level] = []
    below = np.array([1 / (len(levels[0].keys) - 1)])  # uniform over all words but <s>
    for n, level in enumerate(levels):
        count = _adjusted(level, levels[n + 1] if n + 1 < len(levels) else None)
        if n == 0:
            count[begin] = 0
        discount = np.array([0.0, *discounts(count)])[np.minimum(count, 3)]
        total = np.bincount(level.context, count)
        weight = np.bincount(level.context, discount) / np.maximum(total, 1)
        p = (count - discount) / total[level.context] + weight[level.context] * below[level.suffix]
        if n == 0:
            p[begin] = 0.0
        else:
            made[-1].log_back_off[: len(weight)] = np.log(weight, out=np.zeros(len(weight)), where=weight > 0)
        with np.errstate(divide="ignore"):
            made.append(Level(level.keys, np.log(p), np.zeros(len(p))))
        below = p
    return tuple(made)


def _adjusted(level: Counts, above: Counts | None) -> Ints:
    """Return the different words before each n-gram; tokens at the highest order and after <s>."""
    if above is None:
        return level.tokens.copy()
    return np.where(level.begins, level.tokens, np.bincount(above.suffix, minlength=len(level.keys)))


def discounts(count: Ints) -> tuple[float, float, float]:
    """Return D₁, D₂ and D₃ of one order, from the counts of its n-grams.

    Example:
        >>> discounts(np.array([1, 1, 1, 1, 2, 2, 3, 4]))
        (0.5, 1.25, 1.0)
        >>> discounts(np.array([1, 1, 2])) == FALLBACK
        True
    """
    n1, n2, n3, n4 = (int((count == c).sum()) for c in (1, 2, 3, 4))
    if not (n1 and n2 and n3):
        return FALLBACK
    y = n1 / (n1 + 2 * n2)
    found = (1 - 2 * y * n2 / n1, 2 - 3 * y * n3 / n2, 3 - 4 * y * n4 / n3)
    return found if min(found) > 0 else FALLBACK
