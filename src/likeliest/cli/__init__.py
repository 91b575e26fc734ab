"""The command line: parse, call, print.

Exit codes: 0 done, 1 the answer is no, 2 bad usage or input, 130 interrupted.
"""

from __future__ import annotations

from collections.abc import Sequence


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the command line, with the arguments that the shell gave unless others are; always ends in SystemExit."""
    from likeliest.cli.app import app

    app(arguments)
