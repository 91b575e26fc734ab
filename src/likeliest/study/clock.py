"""How long the stages of a study take, and what is said while they run."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field


@dataclass
class Clock:
    """Seconds by stage; they stand in the report under ``seconds`` and nowhere else."""

    say: Callable[[str], None]
    seconds: dict[str, float] = field(default_factory=dict)

    @contextmanager
    def stage(self, name: str, words: str) -> Iterator[None]:
        """Say what is done now, and note how long it takes."""
        self.say(words)
        began = time.perf_counter()
        yield
        self.seconds[name] = time.perf_counter() - began
