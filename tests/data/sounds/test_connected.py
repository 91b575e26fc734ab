"""Connected speech: one speaker at a time, the levels and gaps asked for, the same for the same seed."""

from __future__ import annotations

import itertools
from pathlib import Path

import numpy as np
import pytest

from likeliest.data import (
    Recordings,
    SoundEncoder,
    join_recordings,
    read_recordings,
    recordings_of_arrays,
    write_recordings,
)
from likeliest.errors import ShapeError, SpecificationError

RATE = 8000


@pytest.fixture
def words() -> Recordings:
    """Eight tones of each of three speakers, at different levels and rates."""
    draw = np.random.default_rng(0)
    texts = [str(number) for number in range(8)] * 3
    speakers = [who for who in ("ada", "carl", "emmy") for _ in range(8)]
    lengths = draw.integers(1600, 3200, 24)
    waves = [draw.uniform(0.01, 0.9) * np.sin(np.arange(m) * draw.uniform(0.2, 1)) for m in lengths]
    return recordings_of_arrays(waves, RATE, texts=texts, speakers=speakers)


def level(wave: np.ndarray) -> float:
    return float(10 * np.log10(np.mean((wave / 32_768) ** 2)))


def spans(joined: Recordings, row: int) -> list[tuple[int, int]]:
    """Where words begin and end, in samples, as the table says it to a millisecond."""
    pairs = (span.split("-") for span in joined.columns["times"][row].split(" | "))
    return [(round(float(start) * RATE), round(float(end) * RATE)) for start, end in pairs]


def test_no_utterance_mixes_speakers_and_all_take_turns(words: Recordings) -> None:
    joined = join_recordings(words, count=31, seed=1)
    row = {name: row for row, name in enumerate(words.names)}
    for number in range(31):
        rows = [row[part] for part in joined.columns["parts"][number].split(" | ")]
        assert joined.texts[number] == " ".join(words.texts[r] for r in rows)
        assert {words.speakers[r] for r in rows} == {joined.speakers[number]}
        assert 3 <= len(rows) == len(set(rows)) <= 7
    assert sorted(joined.speakers.count(who) for who in set(joined.speakers)) == [10, 10, 11]
    assert {len(text.split()) for text in joined.texts} == {3, 4, 5, 6, 7}


def test_the_same_seed_gives_the_same_samples_and_a_longer_set_begins_alike(words: Recordings) -> None:
    first, again = join_recordings(words, count=4, seed=3), join_recordings(words, count=9, seed=3)
    assert first.texts == again.texts[:4]
    assert first.digests() == again.digests()[:4]
    assert all(np.array_equal(first.samples(r, RATE), again.samples(r, RATE)) for r in range(4))
    other = join_recordings(words, count=4, seed=4)
    assert not set(other.digests()) & set(first.digests())


def test_gaps_levels_and_noise_are_those_asked_for(words: Recordings) -> None:
    joined = join_recordings(
        words, count=6, seed=0, gap=(0.1, 0.2), level=(-20, -18), accent=(-1, 1), noise=(-40, -30), rate=RATE
    )
    for row in range(6):
        wave, at = joined.samples(row, RATE), [(0, 0), *spans(joined, row)]
        gaps = [second[0] - first[1] for first, second in itertools.pairwise(at)]
        assert all(0.1 * RATE - 8 <= gap <= 0.2 * RATE + 8 for gap in [*gaps, len(wave) - at[-1][1]])
        assert len(wave) == round(joined.seconds[row] * RATE)
        loud = [level(wave[start:end]) for start, end in at[1:]]
        assert -21.5 < min(loud) <= max(loud) < -16.5
        quiet = np.concatenate([wave[first[1] : second[0]] for first, second in itertools.pairwise(at)])
        assert -61.5 < level(quiet) < -46.5


def test_words_are_there_as_they_were_recorded(words: Recordings) -> None:
    joined = join_recordings(words, count=1, seed=0, noise=(-200, -200), level=(-20, -20))
    (start, end), name = joined.sounds[0].spans[0], joined.columns["parts"][0].split(" | ")[0]  # type: ignore[attr-defined]
    piece, word = joined.samples(0, RATE)[start:end], words.samples(words.names.index(name), RATE)
    assert len(piece) == len(word)
    assert np.corrcoef(piece[50:-50], word[50:-50])[0, 1] > 0.9999


def test_loud_words_are_not_cut_off(words: Recordings) -> None:
    joined = join_recordings(words, count=3, seed=0, level=(3, 6))
    for row in range(3):
        wave = joined.samples(row, RATE).astype(int)
        assert np.abs(wave).max() == pytest.approx(0.98 * 32_768, abs=1)
        assert (np.abs(wave) == np.abs(wave).max()).sum() < 3


def test_what_is_written_is_what_is_encoded(words: Recordings, tmp_path: Path) -> None:
    joined = join_recordings(words, count=5, seed=0)
    write_recordings(joined, tmp_path)
    again = read_recordings(tmp_path)
    assert (again.texts, again.speakers) == (joined.texts, joined.speakers)
    assert again.columns.equals(joined.columns)
    encoder = SoundEncoder.learn(again, words=False)
    assert encoder.rate == RATE
    assert bool((encoder.encode(again)[:] == encoder.encode(joined)[:]).all())


def test_few_words_are_said_again(words: Recordings) -> None:
    joined = join_recordings(words.take(np.array([0, 9])), count=2, seed=0)
    assert all(len(set(text.split())) == 1 and len(text.split()) >= 3 for text in joined.texts)


def test_what_cannot_be_joined_is_refused(words: Recordings) -> None:
    with pytest.raises(ShapeError, match="recordings with texts"):
        join_recordings(recordings_of_arrays([np.ones(9)], RATE), count=1, seed=0)
    with pytest.raises(SpecificationError, match="count"):
        join_recordings(words, count=0, seed=0)
    with pytest.raises(SpecificationError, match="words do not overlap"):
        join_recordings(words, count=1, seed=0, gap=(-0.1, 0.1))
    with pytest.raises(SpecificationError, match="turn it round"):
        join_recordings(words, count=1, seed=0, level=(0, -6))
