"""The command line: parse, call, print.

Exit codes: 0 done, 1 the answer is no, 2 bad usage or input, 130 interrupted.
"""

from __future__ import annotations

import sys

INTERRUPTED = 130


def main() -> None:
    """Run the command line; a named error is one line on stderr and exit code 2, never a traceback."""
    from likeliest.cli.app import app
    from likeliest.errors import LikeliestError

    try:
        app()
    except LikeliestError as error:
        print(f"likeliest: {error}", file=sys.stderr)
        sys.exit(2)
    except KeyboardInterrupt:
        print("likeliest: interrupted", file=sys.stderr)
        sys.exit(INTERRUPTED)
    except BrokenPipeError:
        # A reader such as `head` closed the pipe: what it wanted, it has. Python would complain again while flushing.
        sys.stderr.close()
        sys.exit(0)
