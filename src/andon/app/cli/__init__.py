"""The command line. The module of a command is imported when it is called, so that ``andon --help`` stays quick."""

from __future__ import annotations

import codecs
import os
import sys

from andon.app.cli.interrupt import ends_at_once
from andon.core.errors import AndonError
from andon.core.text import printable


def main() -> None:
    """Entry point of the ``andon`` command: errors become one sentence and an exit status, never a traceback."""
    with ends_at_once():
        from andon.app.cli.main import app

    # None where a scheduler started us with a closed descriptor
    sys.stdout = sys.stdout or open(os.devnull, "w")  # noqa: SIM115 - for as long as the process lives
    sys.stderr = sys.stderr or open(os.devnull, "w")  # noqa: SIM115
    _write_anything()
    try:
        _require_text(sys.argv[1:])
        app()
    except AndonError as error:
        print(f"andon: {printable(str(error))}", file=sys.stderr)  # noqa: T201 - the last word of a command
        sys.exit(error.exit_status)
    except KeyboardInterrupt:
        sys.exit(130)
    except BrokenPipeError:  # `andon logs | head`: the reader left, which is no error
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(0)
    except OSError as error:
        if error.filename is not None:
            raise
        # files are named in errors of our own: what has no name is where the output goes
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        print(f"andon: the output cannot be written: {error.strerror or error}", file=sys.stderr)  # noqa: T201
        sys.exit(1)


#: What stands for our own signs where the output's encoding has none; for other characters a question mark does.
_STAND_INS = {"…": ".", "→": ">", "≤": "<", "≥": ">", "×": "x", "–": "-", "—": "-", "·": "."}


def _write_anything() -> None:
    """Where the output is not UTF-8 (a pipe on Windows, an old locale), what it cannot hold is replaced, not fatal."""
    codecs.register_error("andon", _stand_in)
    for stream in (sys.stdout, sys.stderr):
        if not (stream.encoding or "").lower().startswith("utf"):
            stream.reconfigure(errors="andon")  # type: ignore[union-attr]  # both are text files here


def _stand_in(error: UnicodeError) -> tuple[str, int]:
    if not isinstance(error, UnicodeEncodeError):
        raise error
    return "".join(_STAND_INS.get(c, "?") for c in error.object[error.start : error.end]), error.end


class _NoText(AndonError):
    """An argument is not text."""

    exit_status = 2


def _require_text(arguments: list[str]) -> None:
    """Bytes that are no text in this locale can be no name or message we know; a file may be called so."""
    for argument in arguments:
        try:
            argument.encode()
        except UnicodeEncodeError:
            if not os.path.lexists(argument):
                raise _NoText(
                    f"the argument {printable(argument)} is not valid UTF-8: convert it, or set the terminal to UTF-8"
                ) from None


__all__ = ["main"]
