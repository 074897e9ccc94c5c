"""How the command lines of this software end: exit codes, and errors without tracebacks."""

import os
import sys
from typing import NoReturn

import click

from embedder.errors import SakuinError


def run(command: click.Command, name: str, interrupted: str) -> NoReturn:
    """Run a command and exit: 0 done, 1 the work failed, 2 wrong usage, 130 interrupted.

    Args:
        command: What to run, on the program's arguments.
        name: What it is called in help and usage.
        interrupted: What to say after Ctrl-C.
    """
    try:
        code = command(prog_name=name, standalone_mode=False)
        sys.exit(code if isinstance(code, int) else 0)
    except click.ClickException as error:
        error.show()
        sys.exit(error.exit_code)
    except (click.Abort, KeyboardInterrupt):
        click.echo(f"Interrupted. {interrupted}", err=True)
        sys.exit(130)
    except BrokenPipeError:
        # The reader of our output has gone, as `head` does; point stdout elsewhere so that the exit is silent.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(1)
    except (SakuinError, OSError) as error:
        click.echo(f"Error: {error}", err=True)
        sys.exit(1)
