"""The command `index`: its subcommands together."""

from collections.abc import MutableMapping
from typing import cast

import click

from sakuin.cli.language import say
from sakuin.cli.lazily import LazyCommands
from sakuin.cli.limits import LIGHT_MB, READING_MB, WRITING_MB, require_address_space
from sakuin.cli.running import run

COMMANDS = LazyCommands(
    "sakuin.cli",
    {
        "adapting": ("adapt",),
        "building": ("add", "build", "remove", "watch"),
        "clusters": ("cluster",),
        "describing": ("info",),
        "exporting": ("export",),
        "judging": ("judgements",),
        "reading": ("duplicates", "read", "similar"),
        "searching": ("search",),
        "serving": ("mcp", "serve", "ui"),
        "tuning": ("tune",),
        "upkeep": ("backup", "compact", "repair", "restore", "verify"),
    },
)
"""Those of each module, which is imported when one of them is asked for."""

WRITING = (
    *("build", "add", "remove", "watch", "tune", "adapt", "verify", "repair", "backup", "restore", "compact"),
    "cluster",
)
LIGHT = ("info", "verify", "judgements")
"""Those that load neither model nor FAISS."""

NEEDED = dict.fromkeys(COMMANDS, READING_MB) | dict.fromkeys(WRITING, WRITING_MB) | dict.fromkeys(LIGHT, LIGHT_MB)
"""The address space that a command needs, in megabytes."""


def show_version(context: click.Context, _: click.Parameter, wanted: bool) -> None:
    """Print the version, and whether texts are encoded by the compiled core."""
    if wanted:
        from sakuin import __version__
        from sakuin.embedder.core import native

        how = "with the compiled core" if native else "without the compiled core: see Install in the README"
        click.echo(say("index, version {version} ({how})", version=__version__, how=say(how)))
        context.exit()


@click.group(
    # click changes them only where it is asked to add one.
    commands=cast(MutableMapping[str, click.Command], COMMANDS),
    context_settings={"help_option_names": ["-h", "--help"]},
)
@click.option("--version", is_flag=True, is_eager=True, expose_value=False, callback=show_version, help="Say which.")
def cli() -> None:
    """Search your own Japanese and English documents by meaning and by words.

    \b
    index build docs/                   read a folder into .sakuin
    index search "有給休暇の申請方法"     find passages
    index ui                            explore in the browser
    index serve                         answer programs over HTTP
    index mcp                           answer assistants
    index build docs/                   later: read only what changed

    Reads Office files, PDF, web pages, mail, archives, tables and any other text.
    """
    asked = click.get_current_context().invoked_subcommand
    if asked:
        require_address_space(NEEDED.get(asked, READING_MB), f"`index {asked}`")


def main() -> None:
    """Run the command line."""
    run(cli, "index", interrupted="The last commit, if there was one, stands; the same command does the rest.")
