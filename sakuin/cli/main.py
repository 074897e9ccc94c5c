"""The command `index`: its subcommands together."""

import click

from sakuin.cli.adapting import adapt
from sakuin.cli.building import add, build, remove, watch
from sakuin.cli.describing import info
from sakuin.cli.running import run
from sakuin.cli.searching import search
from sakuin.cli.serving import serve, ui
from sakuin.cli.tuning import tune
from sakuin.cli.upkeep import compact, repair, verify


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="sakuin")
def cli() -> None:
    """Search your own Japanese and English documents by meaning and by words.

    \b
    index build docs/                   read a folder into .sakuin
    index search "有給休暇の申請方法"     find passages
    index ui                            explore in the browser
    index serve                         answer programs over HTTP
    index build docs/                   later: read only what changed

    Reads txt, md, html, csv, tsv, jsonl, pdf and docx.
    """


for command in (build, add, remove, watch, search, info, ui, serve, tune, adapt, verify, repair, compact):
    cli.add_command(command)


def main() -> None:
    """Run the command line."""
    run(cli, "index", interrupted="The last commit, if there was one, stands; the same command does the rest.")
