"""What goes into a model and what comes out: the promise of an encoder, and a prediction."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any, Protocol

import numpy as np
import polars as pl
from numpy.typing import NDArray

from likeliest.speech import Transcript


class Encoder(Protocol):
    """How raw rows become x: a small value that was learnt, and lives in the model file."""

    @property
    def names(self) -> tuple[str, ...]:
        """The inputs' names."""
        ...

    @property
    def described(self) -> str:
        """What rows are to a model, in words that begin with "on"."""
        ...

    @property
    def text_columns(self) -> tuple[str, ...]:
        """Columns to be read as text from a file."""
        ...

    def encode(self, raw: Any) -> NDArray[Any]:
        """Raw rows as x (n, …)."""
        ...

    def to_json(self) -> dict[str, Any]:
        """Plain values, for the model file."""
        ...


@dataclass(frozen=True)
class Prediction:
    """What a model says of n rows.

    Attributes:
        labels: the likeliest class of each row, the mean of a number, or the text of a recording.
        probabilities: (n, K), one column a class; None for a number.
        classes: the K class labels; None for a number.
        intervals: for a number, ``sigma``, ``q05`` and ``q95``, each (n,).
        files: the names of n pictures or recordings; None for rows of a table.
        transcripts: of n recordings whose texts are read; else None.
    """

    labels: NDArray[Any]
    probabilities: NDArray[np.float64] | None
    classes: tuple[Any, ...] | None
    intervals: Mapping[str, NDArray[np.float64]] = field(default_factory=dict)
    files: tuple[str, ...] | None = None
    transcripts: tuple[Transcript, ...] | None = None

    def to_frame(self) -> pl.DataFrame:
        """A table: ``row`` or ``file``, ``prediction``, then ``p_CLASS`` a class, or ``mean`` and ``intervals``.

        Of transcripts: ``file``, ``text``, ``confidence``, and a column of lists, ``words``: ``text``, ``start`` and
        ``end`` in seconds, ``p``.
        """
        rows = {"row": np.arange(1, len(self.labels) + 1)}
        named = rows if self.files is None else {"file": pl.Series(self.files, dtype=pl.String)}
        if self.transcripts is not None:
            return pl.DataFrame(named | _said(self.transcripts))
        columns: dict[str, Any] = {**named, "prediction": self.labels}
        if self.probabilities is not None and self.classes is not None:
            return pl.DataFrame(columns | {f"p_{c}": self.probabilities[:, k] for k, c in enumerate(self.classes)})
        return pl.DataFrame(columns | {"mean": self.labels} | dict(self.intervals))


_WORD = pl.Struct({"text": pl.String, "start": pl.Float64, "end": pl.Float64, "p": pl.Float64})


def _said(transcripts: tuple[Transcript, ...]) -> dict[str, pl.Series]:
    """The columns of transcripts."""
    return {
        "text": pl.Series([t.text for t in transcripts], dtype=pl.String),
        "confidence": pl.Series([t.confidence for t in transcripts], dtype=pl.Float64),
        "words": pl.Series([[asdict(word) for word in t.words] for t in transcripts], dtype=pl.List(_WORD)),
    }
