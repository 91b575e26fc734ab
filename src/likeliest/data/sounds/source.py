"""From what a user names to recordings: a folder, a table of files, one file, or the name of a known set."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from likeliest.data.catalogue import catalogue, find_named
from likeliest.data.paths import is_file, part_of
from likeliest.data.problems import LEFT_OUT, Problem, also_found, shortened
from likeliest.data.sounds.digits import find_digits
from likeliest.data.sounds.folders import add_unlisted, find_sounds, is_sound, mostly_sounds
from likeliest.data.sounds.found import Found, Listed
from likeliest.data.sounds.listing import TABLES, find_listed, lists_sounds
from likeliest.data.sounds.recordings import Recordings
from likeliest.data.sounds.remarks import remarked
from likeliest.data.sounds.scanning import SILENT, Scanned, UnreadableError, scan
from likeliest.data.sounds.texts import DONE, EMPTY, TextRules
from likeliest.data.threads import Progress, in_threads
from likeliest.errors import SourceError

LONGEST = 60.0
"""Seconds: a longer recording with a text is no utterance, but many."""
MOST_UNREADABLE = 0.5
"""If a larger share of recordings cannot be read, the source is refused."""

_USUAL = "transcripts"
_NO_FILE = "a transcript without a file"


def read_recordings(
    source: str | Path,
    *,
    target: str | None = None,
    labelled: bool = True,
    rules: TextRules | None = None,
    longest: float = LONGEST,
    progress: Progress | None = None,
) -> Recordings:
    """Read which recordings there are and what is said in each, in the order of the source.

    Every file is looked through once, block by block, and none is kept; its samples are decoded when they are asked
    for. What cannot be used is left out and told in ``problems``.

    Args:
        source: a folder with a table ``transcripts.csv`` (columns file and text, and speaker where it is known) or
            with one folder for each word; such a table; or the name of a catalogued set. Without labels, a file too.
        target: the column of texts where the source is a table; found by its name if ``None``.
        labelled: whether texts are needed. Without, recordings may lie anywhere in a folder, and last any time.
        rules: how texts are spelt; `TextRules` as they stand if ``None``.
        longest: seconds; a longer recording is left out where texts are needed.
        progress: is told how many recordings are done, of how many.

    Raises:
        SourceError: there is nothing that can be read, or too much of it cannot; or soundfile is not installed.
        TableError: a table cannot be read as one, or several of its columns could name the files.
        TargetError: texts are missing.

    Example:
        >>> import pathlib, tempfile
        >>> import numpy as np
        >>> from likeliest.data.sounds import recordings_of_arrays, write_recordings
        >>> folder = pathlib.Path(tempfile.mkdtemp())
        >>> tones = [np.sin(np.arange(800) / k) for k in (2, 3)]
        >>> write_recordings(recordings_of_arrays(tones, 8000, texts=["low", "high"]), folder)
        >>> read_recordings(folder).texts
        ('low', 'high')
    """
    path = Path(source)
    if not path.exists() and is_catalogued(source):
        folder = find_named(str(source), "sounds").folder
        assert folder is not None  # what is not installed was refused
        path = folder
    if not path.exists():
        raise SourceError(f"{source}: no such file or folder; the current folder is {Path.cwd()}")
    try:
        found = find_recordings(path, target, labelled)
    except OSError as error:
        raise SourceError(
            f"{error.filename or path}: cannot be read: {error.strerror}; see to its permissions"
        ) from error
    return _read(found, labelled, rules or TextRules(), longest if labelled else float("inf"), progress)


def is_recordings(source: str | Path) -> bool:
    """Whether a path or a name is a source of recordings; names and a table's first rows are looked at, no sounds.

    A file is, if it is a sound or a table that names sounds; a folder, if it holds such a table or if most of its
    files are sounds.
    """
    path = Path(source)
    if path.is_file():
        return lists_sounds(path) if path.suffix.lower() in TABLES else is_sound(path)
    if path.is_dir():
        return bool(_tables(path)) or mostly_sounds(path)
    return is_catalogued(source)


def is_catalogued(source: str | Path) -> bool:
    """Whether a source is the name of a catalogued set of recordings."""
    return str(source) in [entry.name for entry in catalogue("sounds")]


def find_recordings(path: Path, target: str | None, labelled: bool) -> Found:
    """List what is still to be looked through."""
    if path.is_dir():
        return _in_folder(path, target, labelled)
    if path.suffix.lower() in TABLES:
        return find_listed(path, target=target, labelled=labelled)
    if not labelled and is_sound(path):
        return Found(str(path), [Listed(path.name, path)])
    raise SourceError(
        f"{path}: expected a folder of recordings, a table that lists them with what is said in each, or one of the "
        f"sets {', '.join(entry.name for entry in catalogue('sounds'))}; found none of them"
    )


def _in_folder(folder: Path, target: str | None, labelled: bool) -> Found:
    tables = _chosen(folder, _tables(folder)) if labelled else []
    if not tables:
        return (find_digits(folder) if labelled else None) or find_sounds(folder, labelled=labelled)
    learn = [table for table in tables if part_of(table.name) != "test"]
    several = [find_listed(table, target=target) for table in learn or tables]
    several += [find_listed(table, target=target, test=True) for table in tables if learn and table not in learn]
    found = Found(str(folder), [s for f in several for s in f.sounds], [p for f in several for p in f.problems])
    add_unlisted(found, folder)
    return found


def _tables(folder: Path) -> list[Path]:
    """Return the tables of recordings in a folder; one of the usual name is, whatever is wrong with it."""
    files = (path for path in sorted(folder.iterdir()) if path.suffix.lower() in TABLES and path.name[0] != ".")
    return [path for path in files if is_file(path) and (path.stem.lower() == _USUAL or lists_sounds(path))]


def _chosen(folder: Path, tables: list[Path]) -> list[Path]:
    """Return the table that goes by the usual name, or the only one, or those that are called train and test.

    Raises:
        SourceError: there are several, and their names do not say which is for what.
    """
    usual = [path for path in tables if path.stem.lower() == _USUAL]
    if len(usual) == 1 or len(tables) < 2:
        return usual or tables
    if all(part_of(path.name) for path in tables):
        return tables
    raise SourceError(
        f"{folder}: expected one table of recordings, found {', '.join(path.name for path in tables)}; name one"
    )


def _read(found: Found, labelled: bool, rules: TextRules, longest: float, progress: Progress | None) -> Recordings:
    """Look through all recordings, and keep those that can be used.

    Raises:
        SourceError: there is none, or more than `MOST_UNREADABLE` of them cannot be read.
    """
    if labelled:
        _spell(found, rules)
    if not found.sounds:
        raise SourceError(f"{found.place}: expected recordings, found none{also_found(found.problems)}")
    problems = list(found.problems)
    kept: list[tuple[Listed, Scanned]] = []
    for one, result in zip(found.sounds, in_threads(_attempt, found.sounds, progress), strict=True):
        reason = result if isinstance(result, str) else _unfit(result, one, longest)
        if isinstance(result, Scanned) and reason is None:
            kept.append((one, result))
            problems += [Problem(one.name, what, done) for what, done in result.remarks]
        else:
            problems.append(Problem(one.name, str(reason), LEFT_OUT))
    _refuse_hopeless(found, len(kept), problems[len(found.problems) :])
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


def _refuse_hopeless(found: Found, kept: int, problems: Sequence[Problem]) -> None:
    total = len(found.sounds)
    if kept >= (1 - MOST_UNREADABLE) * total and kept:
        return
    reasons = "; ".join(f"{shortened(problem.name)}: {problem.reason}" for problem in problems[:3])
    raise SourceError(
        f"{found.place}: expected recordings that can be used, found that only {kept:,} of {total:,} can ({reasons}); "
        "see to the files"
    )


def _speakers(listed: Sequence[Listed]) -> list[str] | None:
    """Return the speakers, if all recordings have one."""
    speakers = [one.speaker for one in listed if one.speaker is not None]
    return speakers if speakers and len(speakers) == len(listed) else None
