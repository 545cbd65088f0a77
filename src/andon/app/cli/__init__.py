"""The command line. The module of a command is imported when it is called, so that ``andon --help`` stays quick."""

from __future__ import annotations

import codecs
import gc
import os
import sys
import textwrap
from typing import NoReturn

from andon.app.cli.interrupt import ends_at_once
from andon.core.errors import AndonError, UnknownName
from andon.core.text import printable


def main() -> None:
    """Entry point of the ``andon`` command: errors become one sentence and an exit status, never a traceback."""
    # Libraries make hundreds of thousands of objects that all stay: while they are imported nobody looks for garbage
    # among them, and afterwards not often; see command_table.load.
    gc.disable()
    gc.set_threshold(50_000, 20, 20)
    # pydantic would read the metadata of every installed package for plugins, which no model of ours has
    os.environ.setdefault("PYDANTIC_DISABLE_PLUGINS", "__all__")
    with ends_at_once():
        from andon.app.cli.command_table import app

    # None where a scheduler started us with a closed descriptor
    sys.stdout = sys.stdout or open(os.devnull, "w")  # noqa: SIM115 - for as long as the process lives
    sys.stderr = sys.stderr or open(os.devnull, "w")  # noqa: SIM115
    _write_anything()
    try:
        _require_text(sys.argv[1:])
        app()
    except AndonError as error:
        _end(str(error), 2 if isinstance(error, UnknownName) else 1)  # as for any option that is wrong
    except KeyboardInterrupt:
        sys.exit(130)
    except BrokenPipeError:  # `andon logs | head`: the reader left, which is no error
        _leave(0)
    except SystemExit as end:  # what prints help and errors makes a failure of it
        if isinstance(end.__context__, BrokenPipeError):
            _leave(getattr(end.__context__.__context__, "exit_code", 0))
        raise
    except OSError as error:
        if error.filename is not None:
            raise
        # files are named in errors of our own: what has no name is where the output goes
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        _end(f"the output cannot be written: {error.strerror or error}", 1)


def _leave(status: int) -> NoReturn:
    """End where nobody reads the output any more: what is still to be written goes nowhere."""
    nowhere = os.open(os.devnull, os.O_WRONLY)
    for stream in (sys.stdout, sys.stderr):
        os.dup2(nowhere, stream.fileno())
    sys.exit(status)


def _end(sentence: str, status: int) -> NoReturn:
    said = f"andon: {printable(sentence)}"
    if sys.stderr.isatty() and "\n" not in said:
        said = textwrap.fill(
            said,
            os.get_terminal_size(sys.stderr.fileno()).columns or 80,
            subsequent_indent="  ",
            break_long_words=False,
            break_on_hyphens=False,
        )
    print(said, file=sys.stderr)  # noqa: T201 - the last word of a command
    sys.exit(status)


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


def _require_text(arguments: list[str]) -> None:
    """Bytes that are no text in this locale can be no name or message we know; a file may be called so."""
    for argument in arguments:
        try:
            argument.encode()
        except UnicodeEncodeError:
            if not os.path.lexists(argument):
                _end(f"the argument {argument} is not valid UTF-8: convert it, or set the terminal to UTF-8", 2)


__all__ = ["main"]
