"""One spelling for transcripts: what stays, what goes, in any script."""

from __future__ import annotations

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from likeliest.data import TextRules
from likeliest.data.sounds.texts import DIGITS, DONE, EMOJI, PUNCTUATION, UPPER


@pytest.mark.parametrize(
    ("text", "spelt", "found"),
    [
        ("yes", "yes", ()),
        ("  yes \t no\n", "yes no", ()),
        ("Yes", "yes", (UPPER,)),
        ("“Stop!”, she said.", "stop she said", (UPPER, PUNCTUATION)),
        ("don’t 'quote' rock'n'roll", "don't quote rock'n'roll", (PUNCTUATION,)),
        ("twenty-one", "twenty one", (PUNCTUATION,)),
        ("call 555-0100", "call 555 0100", (PUNCTUATION, DIGITS)),
        ("left_hand", "left hand", (PUNCTUATION,)),
        ("caf\u0065\u0301", "caf\u00e9", ()),
        ("GROẞE STRAßE", "große straße", (UPPER,)),
        ("ok 👍🏽 👩‍👩‍👧 ❤️ 🇩🇪", "ok", (EMOJI,)),
        ("5 + 5 = 10 €", "5 5 10", (PUNCTUATION, DIGITS)),
        ("שָׁלוֹם, עוֹלָם", "שָׁלוֹם עוֹלָם", (PUNCTUATION,)),
        ("\u200fمرحبا\u200e ١٢", "مرحبا ١٢", (DIGITS,)),
        ("می\u200cخواهم", "می\u200cخواهم", ()),
        ("नमस्ते।", "नमस्ते", (PUNCTUATION,)),
        ("你好，世界", "你好 世界", (PUNCTUATION,)),
        ("?!", "", (PUNCTUATION,)),
        ("", "", ()),
    ],
)
def test_what_stays_and_what_goes(text: str, spelt: str, found: tuple[str, ...]) -> None:
    ours, what = TextRules().applied(text)
    assert ours == unicodedata.normalize("NFC", spelt)
    assert set(what) == set(found) <= set(DONE)


def test_rules_can_be_overridden() -> None:
    assert TextRules(case="keep").applied("Don't Stop!") == ("Don't Stop", (PUNCTUATION,))
    assert TextRules(keep="-<>").applied("<uh> twenty-one") == ("<uh> twenty-one", ())


@given(st.text(max_size=30), st.sampled_from(["lower", "keep"]))
def test_a_spelling_is_its_own(text: str, case: str) -> None:
    spelt, _ = TextRules(case).applied(text)
    again, found = TextRules(case).applied(spelt)
    assert again == spelt
    assert set(found) <= {DIGITS}
    assert unicodedata.is_normalized("NFC", spelt)
    assert spelt == " ".join(spelt.split())
