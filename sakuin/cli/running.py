"""What the command lines of this software share: numbers as options, exit codes, errors without tracebacks."""

import math
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from io import TextIOWrapper
from typing import Any, NoReturn

import click

from sakuin.cli.language import failure, language, say
from sakuin.cli.limits import is_want_of_memory
from sakuin.errors import SakuinError
from sakuin.extras import install_command


class FiniteRange(click.FloatRange):
    """A number within bounds. click lets "nan" through any, since it is neither above nor below."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> float:
        """The number that the text ``value`` stands for; fails as click's types do."""
        number = float(super().convert(value, param, ctx))
        if not math.isfinite(number):
            self.fail(say("{value} is no number that can be worked with.", value=value), param, ctx)
        return number


@contextmanager
def needing(extra: str) -> Iterator[None]:
    """Imports of libraries that an extra brings.

    Raises:
        SakuinError: One of them is not installed; the message says by which command it is.
    """
    try:
        yield
    except ModuleNotFoundError as error:
        if not error.name or error.name.startswith("sakuin"):
            raise
        told = say(
            "This needs the extra `{extra}`: {module} is not installed: run `{command}`.",
            **{"extra": extra, "module": error.name.partition(".")[0], "command": install_command(extra)},
        )
        raise SakuinError(told) from error


def run(command: click.Command, name: str, *, interrupted: str, extra: str | None = None) -> NoReturn:
    """Run a command and exit: 0 done, 1 the work failed, 2 wrong usage, 130 interrupted.

    Args:
        command: What to run, on the program's arguments.
        name: What it is called in help and usage.
        interrupted: What to say after Ctrl-C.
        extra: What brings the libraries that it imports beyond those of a base installation.
    """
    # What a terminal or file of another encoding than UTF-8 cannot hold, such as a picture in a title, is no failure.
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, TextIOWrapper) and stream.errors == "strict":
            stream.reconfigure(errors="replace")
    if language() == "ja":
        from sakuin.cli.japanese import speak_japanese

        speak_japanese(command, name)
    try:
        with needing(extra) if extra else nullcontext():
            code = command(prog_name=name, standalone_mode=False)
        sys.exit(code if isinstance(code, int) else 0)
    except click.ClickException as error:
        error.show()
        sys.exit(error.exit_code)
    except (click.Abort, KeyboardInterrupt):
        click.echo(say("Interrupted. {what}", what=say(interrupted)), err=True)
        sys.exit(130)
    except BrokenPipeError:
        # The reader of our output has gone, as `head` does; point stdout elsewhere so that the exit is silent.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(1)
    except (SakuinError, OSError, MemoryError, RuntimeError, ImportError) as error:
        if is_want_of_memory(error):
            told = "There is not enough memory ({detail}). {what}"
            error = SakuinError(say(told, detail=str(error) or type(error).__name__, what=say(interrupted)))
        elif not isinstance(error, SakuinError | OSError):
            raise
        click.echo(say("Error: {message}", message=failure(error)), err=True)
        sys.exit(1)
