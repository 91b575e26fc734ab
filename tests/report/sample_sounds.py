"""What a study of sounds would store, for tests of its pages: tones, and a model that sometimes mishears them."""

from __future__ import annotations

import copy
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from likeliest.speech import Alphabet
from likeliest.study.speakers import scores_of_texts, scores_of_words
from likeliest.study.utterances import frames_json
from likeliest.tasks.spectrograms import spectrogram

from ..tones import RATE, SPEAKERS, WORDS, tone

Wave = Callable[[str, int, np.random.Generator], np.ndarray]
HOP = 0.02


def said_as_tones(word: str, speaker: int, draws: np.random.Generator) -> np.ndarray:
    return np.rint(32767 * tone(word, speaker, draws)).astype(np.int16)


def at_a_glance(seconds: np.ndarray) -> dict[str, Any]:
    """The first chapter's page."""
    counts, edges = np.histogram(seconds, bins=24)
    counted = {"reason": "empty recording", "done": "left out", "count": 2, "names": ["a/07.wav", "b/<i>.wav"]}
    return {
        "rate": RATE,
        "clip": 0.25,
        "duration": float(seconds.sum()),
        "durations": {"label": "all recordings", "edges": edges.tolist(), "counts": counts.tolist()},
        "rates": [{"rate": 8000, "count": 300}, {"rate": 44100, "count": 3}],
        "speakers": [
            {"name": name, "train": 60 * (k < 2), "validation": 60 * (k == 2), "test": 60 * (k == 3)}
            for k, name in enumerate(SPEAKERS)
        ],
        "strangers": True,
        "problems": [counted],
    }


def sizes(unit: str) -> dict[str, Any]:
    """A curve that still falls."""
    found = ((240, 24.0, 0.61, 0.17), (480, 12.0, 0.35, 0.098), (960, 6.0, 0.22, 0.058))
    return {
        "unit": unit,
        "work": 0.2,
        "method": "t interval over 4 speakers",
        "points": [
            {
                "rows": rows,
                "passes": passes,
                "nll": nll,
                "nll_interval": [0.6 * nll, 1.4 * nll],
                "error": error,
                "error_interval": [0.5 * error, 1.6 * error],
            }
            for rows, passes, nll, error in found
        ],
    }


def word_pages(wave: Wave = said_as_tones, words: Sequence[str] = WORDS, rate: int = RATE) -> dict[str, Any]:
    """Surprises, what is listened to, and four speakers, of single words."""
    draws = np.random.default_rng(0)
    surprises, listening = [], []
    for k in range(6):
        p = draws.dirichlet([1.5, 0.8, 0.4])
        order = np.argsort(-p)
        said, sound = words[k % len(words)], wave(words[k % len(words)], k % 4, draws)
        picture, length = spectrogram(sound, rate), len(sound) / rate
        named = [words[(k + j) % len(words)] for j in order]
        surprises.append(
            {
                "row": 17 * k + 3,
                "file": f"recordings/{k}_{SPEAKERS[k % 4]}.wav",
                "speaker": SPEAKERS[k % 4],
                "observed": said,
                "understood": named[0],
                "nll": float(-np.log(p[0])),
                "spectrogram": picture,
                "guesses": [{"word": word, "p": float(p[j])} for word, j in zip(named, order, strict=True)],
                "frames": None,
            }
        )
        times = np.arange(0.05, length - 0.05, 0.02)
        falls = -4 * np.exp(-(((times - 0.4 * length) / 0.05) ** 2)) + 0.5 * np.sin(20 * times)
        listening.append(
            {
                "file": f"recordings/{k}.wav",
                "observed": said,
                "understood": said,
                "p": 0.97,
                "spectrogram": picture,
                "times": times.tolist(),
                "falls": falls.tolist(),
            }
        )
    speakers = [name for name in SPEAKERS for _ in range(60)]
    wrong = draws.uniform(size=240) < np.repeat([0.01, 0.03, 0.05, 0.15], 60)
    scores = scores_of_words(speakers, wrong)
    return {
        "surprises": surprises,
        "listening": listening,
        "stretch": 0.1,
        "reading": None,
        "speakers": scores,
        "sizes": sizes("recording"),
    }


def text_pages(
    wave: Wave = said_as_tones, words: Sequence[str] = WORDS, rate: int = RATE, longest: int = 6
) -> dict[str, Any]:
    """Surprises over time, and four speakers, of texts."""
    draws = np.random.default_rng(1)
    alphabet = Alphabet.learn([" ".join(words)])
    surprises, said, understood, speakers = [], [], [], []
    for k in range(12):
        text = [words[j] for j in draws.integers(0, len(words), draws.integers(3, longest))]
        heard = list(text)
        heard[k % len(text)] = words[k % len(words)]
        if k % 3 == 0:
            heard.insert(1, words[0])
        if k % 3 == 1:
            heard.pop()
        said.append(" ".join(text))
        understood.append(" ".join(heard))
        speakers.append(SPEAKERS[k % 4])
        if k >= 2:
            continue
        sound = np.concatenate([np.append(wave(w, k, draws), np.zeros(rate // 8, np.int16)) for w in text])
        log_p = frames_of(understood[-1], alphabet, len(sound) / rate, draws)
        frames, (start, end) = frames_json(log_p, alphabet, said[-1], understood[-1], HOP)
        stretch = sound[round(start * rate) : round(end * rate)]
        surprises.append(
            {
                "row": 5 * k + 1,
                "file": f"{k}.wav",
                "speaker": SPEAKERS[k % 4],
                "observed": said[-1],
                "understood": understood[-1],
                "nll": 12.5 - k,
                "spectrogram": spectrogram(stretch, rate, start),
                "guesses": [],
                "frames": frames,
            }
        )
    return {
        "surprises": surprises,
        "listening": [],
        "stretch": None,
        "reading": {
            "chosen": "lexicon",
            "rows": 40,
            "trials": [
                {"name": "frames alone", "weight": 0.0, "errors": 31, "words": 160},
                {"name": "lexicon", "weight": 0.0, "errors": 22, "words": 160},
            ],
            "plain_wer": 0.203,
            "plain_interval": [0.153, 0.271],
        },
        "speakers": scores_of_texts(speakers, said, understood),
        "sizes": None,
    }


def frames_of(text: str, alphabet: Alphabet, duration: float, draws: np.random.Generator) -> np.ndarray:
    """Log-probabilities (T, K) in which a text can be read, each label in a frame or two."""
    frames = round(duration / HOP)
    eta = draws.normal(size=(frames, len(alphabet)))
    eta[:, 0] += 5
    labels = alphabet.labels(text)
    for label, at in zip(labels, np.linspace(3, frames - 4, len(labels)).astype(int), strict=True):
        eta[at, label] += 8
        eta[at + 1, label] += draws.uniform(2, 6)
    return eta - np.logaddexp.reduce(eta, axis=1, keepdims=True)


def of_sounds(report: dict[str, Any], pages: dict[str, Any]) -> dict[str, Any]:
    """A report of pictures' numbers with pages of sounds."""
    report = copy.deepcopy(report)
    report["data"]["sounds"] = at_a_glance(np.random.default_rng(2).gamma(20, 0.01, 300))
    report["data"]["columns"] = []
    report["sounds"] = pages
    if pages["stretch"] is None:
        report["data"]["sounds"] |= {
            "clip": None,
            "texts": {
                "different": 11,
                "words": 55,
                "vocabulary": 3,
                "commonest": [{"word": word, "count": 25 - 7 * k} for k, word in enumerate(WORDS)],
                "longest": 5,
                "unseen": 2,
            },
        }
        report["data"]["target"] |= {"kind": "texts", "classes": None}
        report["application"] |= {"confusion": None}
        report["application"]["base_rate"] = {"nll_test": 41.5, "wer_test": 1.0}
        for model in report["models"]:
            del model["accuracy_test"], model["accuracy_interval"]
            model |= {
                "nll_per_label_test": 0.37,
                "wer_test": 0.173,
                "wer_interval": [0.124, 0.241],
                "cer_test": 0.0821,
                "cer_interval": None,
                "interval_method": "t interval of the log rate over 4 speakers",
                "edits": {"words": 128, "substitutions": 14, "deletions": 7, "insertions": 1},
            }
    return report
