"""Cuts at pauses: no speech is lost, no piece is too long, and a cut lies where nothing is said."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

from likeliest.data import pauses

RATE = 1000
RNG = np.random.default_rng(0)


def speech(spans: list[tuple[float, float]], seconds: float, noise: float = 20, level: float = 4000) -> np.ndarray:
    """Noise, and loud noise where something is said."""
    wave = noise * RNG.normal(size=round(seconds * RATE))
    for start, end in spans:
        wave[round(start * RATE) : round(end * RATE)] += level * RNG.normal(
            size=round(end * RATE) - round(start * RATE)
        )
    return np.clip(wave, -32_767, 32_767).astype(np.int16)


def talk(seconds: float, seed: int, most: float = 6.0) -> list[tuple[float, float]]:
    draw, at, spans = np.random.default_rng(seed), 0.5, []
    while at < seconds - most - 1:
        spans.append((at, at + draw.uniform(0.1, most)))
        at = spans[-1][1] + draw.uniform(0.05, 1.5)
    return spans


def test_a_short_recording_is_one_piece() -> None:
    assert pauses(speech([], 3.0), RATE) == [(0.0, 3.0)]
    assert pauses(speech([(1, 2)], 30.0), RATE) == [(0.0, 30.0)]


@pytest.mark.parametrize("seed", range(6))
@pytest.mark.parametrize("noise", [0, 20, 300])
def test_all_speech_is_covered_by_pieces_that_are_short_enough(seed: int, noise: float) -> None:
    spans = talk(200, seed)
    pieces = pauses(speech(spans, 200, noise), RATE)
    assert all(0 < end - start <= 30 + 1e-9 for start, end in pieces)
    assert all(first[1] <= second[0] for first, second in itertools.pairwise(pieces))
    for start, end in spans:
        assert sum(a - 0.03 <= start and end <= b + 0.03 for a, b in pieces) == 1
    assert len(pieces) <= 2 * 200 / 30 + 1  # joined as far as they may be


def test_speech_without_pauses_is_cut_where_it_is_quietest() -> None:
    wave = speech([(0.5, 79.5)], 80, noise=0)
    for at in (22.0, 47.0):
        wave[round(at * RATE) : round((at + 0.06) * RATE)] //= 50
    pieces = pauses(wave, RATE)
    assert [round(end) for _, end in pieces[:2]] == [22, 47]
    assert sum(end - start for start, end in pieces) >= 79
    assert max(end - start for start, end in pieces) <= 30


def test_silence_and_steady_sound() -> None:
    assert pauses(np.zeros(40 * RATE, dtype=np.int16), RATE) == []
    pieces = pauses(speech([], 70, noise=500), RATE)  # no telling whether it is background
    assert (pieces[0][0], pieces[-1][1]) == (0, 70)
    assert all(first[1] == second[0] for first, second in itertools.pairwise(pieces))


def test_the_same_cuts_at_any_level_and_rate() -> None:
    spans = talk(90, 1)
    wave = speech(spans, 90, noise=40)
    softer = pauses((wave // 4).astype(np.int16), RATE)
    assert np.allclose(pauses(wave, RATE), softer, atol=0.03)
    doubled = pauses(np.repeat(wave, 2), 2 * RATE)
    assert np.allclose(pauses(wave, RATE), doubled, atol=0.03)
