"""What only a study of recordings can show: surprises seen and heard, errors by speaker, what more data would bring."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from likeliest.data.sounds import SoundEncoder
from likeliest.model import Model
from likeliest.speech.alphabet import normalised
from likeliest.study.application import most_surprising
from likeliest.study.candidate import Candidate
from likeliest.study.gallery import varied
from likeliest.study.ground import Ground
from likeliest.study.occlusion import silenced
from likeliest.study.said import Said
from likeliest.study.sizes import Judged, size_curve
from likeliest.study.speakers import scores_of_texts, scores_of_words
from likeliest.study.utterances import frames_json
from likeliest.tasks.spectrograms import spectrogram

if TYPE_CHECKING:
    from likeliest.report.schema import Guess, Heard, Listening, SizeCurve, SoundPages, Spectrogram

SHOWN = 6
"""Recordings on each page."""
OF_A_KIND = 2
"""Of them one word taken for another, at most."""
GUESSES = 3
STRETCH = 0.1
"""Seconds that are silenced at a time."""


def word_pages(ground: Ground, candidates: list[Candidate], chosen: Candidate) -> SoundPages:
    """The pages of the recommended model of single words; what the net listens to is asked of the net in any case."""
    net = next(c for c in candidates if c.name == "net")
    said, speakers = ground.said(chosen.model, ground.split.test), ground.speakers(ground.split.test)
    return {
        "surprises": [_word(ground, said, i) for i in _of_several_kinds(said)],
        "listening": _listening(ground, net),
        "stretch": STRETCH,
        "reading": None,
        "speakers": None if speakers is None else scores_of_words(speakers, ~said.right),
        "sizes": _sizes(ground),
    }


def text_pages(
    ground: Ground,
    chosen: Candidate,
    log_prob: NDArray[np.float64],
    understood: Sequence[str],
    sizes: SizeCurve | None = None,
) -> SoundPages:
    """The pages of the recommended model of texts.

    Args:
        ground: what the study stands on.
        chosen: the recommended model; it has a transcriber.
        log_prob: log p of the text of each test row (n,).
        understood: what the model makes of each test row, n texts.
        sizes: what more data would bring, if that was asked.
    """
    test, texts = ground.split.test, ground.examples.raw.texts
    speakers = ground.speakers(test)
    said = [normalised(texts[row]) for row in ground.examples.kept[test]]
    labels = np.maximum(np.count_nonzero(ground.y[test], axis=1), 1)
    worst = np.argsort(log_prob / labels, kind="stable")[:SHOWN]
    return {
        "surprises": [_text(ground, chosen.model, int(i), float(log_prob[i]), understood[i]) for i in worst],
        "listening": [],
        "stretch": None,
        "reading": None,
        "speakers": None if speakers is None else scores_of_texts(speakers, said, understood),
        "sizes": sizes,
    }


def _of_several_kinds(said: Said) -> list[int]:
    """The most surprising rows, of each pair of a word and what was understood a few at most."""
    seen: Counter[tuple[int, int]] = Counter()
    found = []
    for i in most_surprising(said, len(said.y)).tolist():
        pair = int(said.y[i]), int(said.predicted[i])
        seen[pair] += 1
        if seen[pair] <= OF_A_KIND:
            found.append(i)
    return found[:SHOWN]


def _word(ground: Ground, said: Said, i: int) -> Heard:
    """A test row of single words with its three likeliest words."""
    row, classes, p = int(ground.split.test[i]), _classes(ground), said.probabilities
    assert p is not None
    likeliest = np.argsort(-p[i], kind="stable")[:GUESSES]
    rate, at = _rate(ground), int(ground.examples.kept[row])
    picture = spectrogram(ground.examples.raw.samples(at, rate), rate)
    heard = _heard(ground, row, classes[int(said.y[i])], classes[likeliest[0]], float(said.log_prob[i]), picture)
    guesses: list[Guess] = [{"word": classes[k], "p": float(p[i, k])} for k in likeliest]
    return {**heard, "guesses": guesses}


def _text(ground: Ground, model: Model, i: int, log_prob: float, understood: str) -> Heard:
    """A test row of a text with its frames, or those of the stretch that is worth to be shown."""
    row, transcriber, heard = int(ground.split.test[i]), model.transcriber, ground.said(model, ground.split.test).frames
    assert transcriber is not None
    assert heard is not None
    at, rate = int(ground.examples.kept[row]), _rate(ground)
    said = normalised(ground.examples.raw.texts[at])
    frames, (start, end) = frames_json(heard[i], transcriber.alphabet, said, understood, transcriber.seconds)
    samples = ground.examples.raw.samples(at, rate)[round(start * rate) : round(end * rate)]
    shown = _heard(ground, row, said, understood, log_prob, spectrogram(samples, rate, start))
    return {**shown, "frames": frames}


def _heard(ground: Ground, row: int, observed: str, understood: str, log_prob: float, picture: Spectrogram) -> Heard:
    """A recording, and what a model makes of it."""
    at = int(ground.examples.kept[row])
    speakers = ground.examples.raw.speakers
    return {
        "row": ground.examples.row_number(row),
        "file": ground.examples.raw.names[at],
        "speaker": None if speakers is None else speakers[at],
        "observed": observed,
        "understood": understood,
        "nll": float(min(-log_prob, np.finfo(float).max)),
        "spectrogram": picture,
        "guesses": [],
        "frames": None,
    }


def _listening(ground: Ground, net: Candidate) -> list[Listening]:
    """Test words named rightly and wrongly, and what silence does to each."""
    said, classes, rate = ground.said(net.model, ground.split.test), _classes(ground), _rate(ground)
    assert said.probabilities is not None
    rows = varied(said, ground.plan.seed, SHOWN)
    clips = ground.net_x[ground.split.test[rows]]
    stretch = round(STRETCH * rate)
    starts, changes = silenced(net.model, clips, said.predicted[rows], stretch)
    middles = starts + min(stretch, clips.shape[1]) / 2
    return [
        {
            "file": ground.examples.raw.names[int(ground.examples.kept[ground.split.test[i]])],
            "observed": classes[int(said.y[i])],
            "understood": classes[int(said.predicted[i])],
            "p": float(said.probabilities[i].max()),
            "spectrogram": spectrogram(clip[start:end], rate, start / rate),
            "times": (middles[inside] / rate).tolist(),
            "falls": change[inside].tolist(),
        }
        for i, clip, change in zip(rows, clips, changes, strict=True)
        for start, end in [_spoken(clip)]
        for inside in [(middles >= start) & (middles <= end)]
    ]


def _spoken(clip: NDArray[np.int16]) -> tuple[int, int]:
    """The first sample of a clip that is no silence added to it, and the one after the last; of silence alone all."""
    sounding = np.flatnonzero(clip)
    return (int(sounding[0]), int(sounding[-1]) + 1) if len(sounding) else (0, len(clip))


def _sizes(ground: Ground) -> SizeCurve | None:
    """What more data would bring to the net of single words, before any calibration."""
    if ground.recipe is None:
        return None

    def judge(model: Model) -> Judged:
        said = Said.of(model, ground.net_x[ground.split.test], ground.y[ground.split.test])
        return Judged(-said.log_prob, ~said.right, np.ones(len(said.y)))

    return size_curve(ground, ground.recipe, "recording", judge)


def _classes(ground: Ground) -> list[str]:
    return [str(name) for name in ground.examples.target.classes or ()]


def _rate(ground: Ground) -> int:
    encoder = ground.net_encoder
    assert isinstance(encoder, SoundEncoder)
    return encoder.rate
