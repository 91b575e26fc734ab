"""From what a source lists to `Recordings`, by several threads and in order; what cannot be used is told."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import NoReturn

from likeliest.data.problems import LEFT_OUT, Problem, also_found, shortened
from likeliest.data.sounds.found import Found, Listed
from likeliest.data.sounds.recordings import Recordings
from likeliest.data.sounds.remarks import remarked
from likeliest.data.sounds.scanning import SILENT, Scanned, UnreadableError, scan
from likeliest.data.sounds.texts import DONE, EMPTY, TextRules
from likeliest.data.threads import Progress, in_threads
from likeliest.errors import SourceError

LONGEST = 60.0
"""Seconds: a longer recording with a text is no utterance, but many."""
MOST_UNREADABLE = 0.5
"""If a larger share of recordings with texts cannot be used, the source is refused."""
BLOCK = 4
"""Recordings that a thread takes at a time: one may be an hour long."""

_NO_FILE = "a transcript without a file"


def read_all(
    found: Found, labelled: bool, rules: TextRules, longest: float, progress: Progress | None = None
) -> Recordings:
    """Look through all recordings, and keep those that can be used.

    Raises:
        SourceError: there is none, or more than `MOST_UNREADABLE` of those with texts, or all others, cannot be used.
    """
    if labelled:
        _spell(found, rules)
    if not found.sounds:
        raise SourceError(f"{found.place}: expected recordings, found none{also_found(found.problems)}")
    problems = list(found.problems)
    kept: list[tuple[Listed, Scanned]] = []
    for one, result in zip(found.sounds, in_threads(_attempt, found.sounds, progress, block=BLOCK), strict=True):
        reason = result if isinstance(result, str) else _unfit(result, one, longest)
        if isinstance(result, Scanned) and reason is None:
            kept.append((one, result))
            problems += [Problem(one.name, what, done) for what, done in result.remarks]
            problems += [Problem(one.name, SILENT, "kept")] * result.silent
        else:
            problems.append(Problem(one.name, str(reason), LEFT_OUT))
    if len(kept) < max((1 - MOST_UNREADABLE) * labelled * len(found.sounds), 1):
        _refuse(found, len(kept), problems[len(found.problems) :])
    listed = [one for one, _ in kept]
    recordings = Recordings.of(
        [scanned.sound for _, scanned in kept],
        names=[one.name for one in listed],
        texts=[one.text or "" for one in listed] if labelled else None,
        speakers=_speakers(listed),
        columns=found.columns_of(listed),
        test=[row for row, one in enumerate(listed) if one.test],
        problems=problems,
    )
    return remarked(recordings) if labelled else recordings


def _spell(found: Found, rules: TextRules) -> None:
    """Bring the texts to one spelling; those of which nothing is left are left out."""
    spelt = []
    for one in found.sounds:
        text, what = rules.applied(one.text or "")
        found.problems += [Problem(one.name, finding, DONE[finding]) for finding in what]
        if text:
            spelt.append(replace(one, text=text))
        else:
            found.problems.append(Problem(one.name, EMPTY, LEFT_OUT))
    found.sounds = spelt


def _attempt(one: Listed) -> Scanned | str:
    """Look through a recording; return the reason where it cannot be used."""
    try:
        return scan(one.path)
    except UnreadableError as error:
        return _NO_FILE if str(error) == "no such file" and one.text is not None else str(error)


def _unfit(scanned: Scanned, one: Listed, longest: float) -> str | None:
    """Return why a recording that can be read is not learnt from, if so."""
    if scanned.silent and one.text is not None:
        return SILENT
    if scanned.sound.frames > longest * scanned.sound.rate:
        return f"longer than {longest:g} seconds: cut it into utterances, each with its text"
    return None


def _refuse(found: Found, kept: int, problems: Sequence[Problem]) -> NoReturn:
    left_out = [problem for problem in problems if problem.done == LEFT_OUT]
    reasons = "; ".join(f"{shortened(problem.name)}: {problem.reason}" for problem in left_out[:3])
    raise SourceError(
        f"{found.place}: expected recordings that can be used, found that only {kept:,} of "
        f"{len(found.sounds):,} can ({reasons}); see to the files"
    )


def _speakers(listed: Sequence[Listed]) -> list[str] | None:
    """Return the speakers, if all recordings have one."""
    speakers = [one.speaker for one in listed if one.speaker is not None]
    return speakers if speakers and len(speakers) == len(listed) else None
