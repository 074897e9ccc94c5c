"""The command `index`: its subcommands together."""

import click

from sakuin.cli.adapting import adapt
from sakuin.cli.building import add, build, remove, watch
from sakuin.cli.clusters import cluster
from sakuin.cli.describing import info
from sakuin.cli.exporting import export
from sakuin.cli.judging import judgements
from sakuin.cli.language import say
from sakuin.cli.limits import LIGHT_MB, READING_MB, WRITING_MB, require_address_space
from sakuin.cli.reading import duplicates, read, similar
from sakuin.cli.running import run
from sakuin.cli.searching import search
from sakuin.cli.serving import mcp, serve, ui
from sakuin.cli.tuning import tune
from sakuin.cli.upkeep import backup, compact, repair, restore, verify


def show_version(context: click.Context, _: click.Parameter, wanted: bool) -> None:
    """Print the version, and whether texts are encoded by the compiled core."""
    if wanted:
        from sakuin import __version__
        from sakuin.embedder.core import native

        how = "with the compiled core" if native else "without the compiled core: see Install in the README"
        click.echo(say("index, version {version} ({how})", version=__version__, how=say(how)))
        context.exit()


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
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
        names = {command.name: needed for needed, some in NEEDED for command in some}
        require_address_space(names.get(asked, READING_MB), f"`index {asked}`")


WRITING = (build, add, remove, watch, tune, adapt, verify, repair, backup, restore, compact, cluster)
LIGHT = (info, verify, judgements)
"""Those that load neither model nor FAISS."""

READING = (search, read, similar, duplicates, export, info, judgements, ui, serve, mcp)
NEEDED = ((WRITING_MB, WRITING), (READING_MB, READING), (LIGHT_MB, LIGHT))
"""Address space, and which commands need so much; what stands later counts."""

for command in (*WRITING, *READING):
    cli.add_command(command)


def main() -> None:
    """Run the command line."""
    run(cli, "index", interrupted="The last commit, if there was one, stands; the same command does the rest.")
