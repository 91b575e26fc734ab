"""Fields of application: what their data look like and what they expect. No new mathematics lives here."""

from __future__ import annotations

from difflib import get_close_matches
from pathlib import Path

from likeliest.data import catalogue
from likeliest.data.batch import Batch
from likeliest.data.images import FlatPixels, ImageEncoder
from likeliest.data.sounds import MeanSpectra, MelFrames, SoundEncoder
from likeliest.errors import SourceError, TargetError
from likeliest.model import Model
from likeliest.tasks.base import Coding, Examples, Kind, Source, Task
from likeliest.tasks.image import Image
from likeliest.tasks.reading import AS_FITS, Reading
from likeliest.tasks.recipe import Recipe
from likeliest.tasks.sound import Words
from likeliest.tasks.table import Table
from likeliest.tasks.transcription import Transcription

__all__ = [
    "AS_FITS",
    "TASKS",
    "Batch",
    "Coding",
    "Examples",
    "Image",
    "Kind",
    "Reading",
    "Recipe",
    "Source",
    "Table",
    "Task",
    "Transcription",
    "Words",
    "task_for",
    "task_of",
]

TASKS: tuple[Task, ...] = (Words(), Transcription(), Image(), Table())


def task_for(source: Source, target: str | None = None, family: str | None = None, reading: Reading = AS_FITS) -> Task:
    """The first task that recognises a path or a name.

    Args:
        source: the path or name.
        target: the column to predict, if one was named.
        family: that of a fitted model, or one that was asked for: recordings are told apart by it.
        reading: what is asked for of texts.

    Raises:
        SourceError: none does; the message lists what can be given.
        TargetError: something is asked for of texts, and there are none to be read.
    """
    for task in TASKS:
        if task.recognises(source, target, family):
            return task if reading == AS_FITS else _reading_as_asked(source, task, reading)
    names = [entry.name for entry in catalogue()]
    found = "a file" if Path(source).exists() else "nothing"
    meant = get_close_matches(str(source), names, n=1)
    raise SourceError(
        "expected a CSV, TSV or Parquet file, a folder of pictures or recordings, or one of the data sets "
        f"{', '.join(names)}; found {found} at {str(source)!r}{f'; did you mean {meant[0]!r}?' if meant else ''}"
    )


def _reading_as_asked(source: Source, task: Task, reading: Reading) -> Transcription:
    """The task that reads texts as it is asked to.

    Raises:
        TargetError: the task reads no texts.
    """
    if not isinstance(task, Transcription):
        raise TargetError(
            f"{source}: expected recordings whose texts are read, for --unit and --sentences, found {task.name}; leave "
            "them out, or read single words as texts with --family ctc"
        )
    return Transcription(reading)


def task_of(model: Model) -> Task:
    """The task that a fitted model is of: what it is to predict is read as that, whatever it looks like.

    Args:
        model: fitted, with the encoder of one of the fields.
    """
    if isinstance(model.encoder, SoundEncoder | MeanSpectra | MelFrames):
        return Words() if model.transcriber is None else Transcription()
    return Image() if isinstance(model.encoder, ImageEncoder | FlatPixels) else Table()
