"""How every verb ends: a named error is one line on stderr and exit code 2, never a traceback."""

from __future__ import annotations

import os
import sys
from typing import Any

import typer
from typer.core import TyperGroup

from likeliest.errors import LikeliestError

BAD_INPUT = 2
INTERRUPTED = 130


class Verbs(TyperGroup):
    """All verbs; what one of them raises becomes a message and an exit code."""

    def invoke(self, ctx: Any) -> Any:
        """Run one verb, and its output out of the door while a reader who left can still be noticed."""
        try:
            result = super().invoke(ctx)
            sys.stdout.flush()
        except LikeliestError as error:
            print(f"likeliest: {error}", file=sys.stderr)
            raise typer.Exit(BAD_INPUT) from error
        except KeyboardInterrupt as stop:
            print("likeliest: interrupted", file=sys.stderr)
            raise typer.Exit(INTERRUPTED) from stop
        except BrokenPipeError as closed:
            # A reader such as `head` has what it wanted. Python flushes once more at exit: into nothing, then.
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
            raise typer.Exit from closed
        return result
