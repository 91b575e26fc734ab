"""What only a study of texts can show: how frames are read, and what more data would bring."""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

import numpy as np

from likeliest.model import Model
from likeliest.sequences import rows_of
from likeliest.speech import Transcriber, error_rates, greedy
from likeliest.study.candidate import Candidate
from likeliest.study.ground import Ground
from likeliest.study.listening import text_pages
from likeliest.study.said import Said
from likeliest.study.sizes import Judged, size_curve
from likeliest.study.texts import ends

if TYPE_CHECKING:
    from likeliest.report.schema import Reading, SizeCurve, SoundPages


def pages_of_texts(ground: Ground, chosen: Candidate) -> SoundPages:
    """The pages of the recommended model."""
    said = ground.said(chosen.model, ground.split.test)
    assert said.transcripts is not None
    read = [transcript.text for transcript in said.transcripts]
    pages = text_pages(ground, chosen, said.log_prob, read, _sizes(ground))
    return {**pages, "reading": _reading(ground, chosen)}


def _sizes(ground: Ground) -> SizeCurve | None:
    """What more data would bring to the net, whose frames are read alone."""
    recipe, alphabet, test = ground.recipe, ground.examples.alphabet, ground.split.test
    assert recipe is not None
    assert alphabet is not None

    def judge(model: Model) -> Judged:
        said = Said.of(model, rows_of(ground.net_x, test), ground.y[test])
        found = [
            error_rates([alphabet.decode(y)], [greedy(frames, alphabet).text])
            for y, frames in zip(said.y, said.frames or (), strict=True)
        ]
        return Judged(-said.log_prob, np.array([f.errors for f in found]), np.array([f.length for f in found]))

    return size_curve(ground, recipe, "word", judge)


def _reading(ground: Ground, candidate: Candidate) -> Reading:
    """How texts are read from frames, and the wrong test words without lexicon and language model."""
    said, transcriber = ground.said(candidate.model, ground.split.test), candidate.model.transcriber
    assert transcriber is not None
    assert said.frames is not None
    plain = Transcriber(transcriber.alphabet, transcriber.seconds, weight=0.0)
    spoken = [transcriber.alphabet.decode(row) for row in said.y]
    read = [plain.hypotheses(frames)[0].text for frames in said.frames]
    found = error_rates(spoken, read, groups=ground.speakers(ground.split.test))
    return cast(
        "Reading", {**candidate.model.notes["decoding"], "plain_wer": found.rate, "plain_interval": ends(found)}
    )
