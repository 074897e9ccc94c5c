"""A command whose argument is a query, which may begin with a hyphen."""

import re
from collections.abc import Iterator, Sequence

import click

from sakuin.cli.language import say

_glued = re.compile(r"-\w[=]?\d+")


class QueryCommand(click.Command):
    """Takes what begins with a hyphen and is none of its options for the query: ``-解約``, ``-5℃``.

    What begins with two may be a mistyped option, and stays one, unless there is a space in it.
    """

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Put the query behind ``--``, where it begins with a hyphen."""
        try:
            return super().parse_args(ctx, self._told_apart(args))
        except click.NoSuchOption as error:
            told = "{message} A query that begins so stands behind --: `{command} -- QUERY`."
            told = say(told, message=error.message, command=ctx.command_path)
            raise click.NoSuchOption(error.option_name, told, error.possibilities, ctx) from error

    def _told_apart(self, args: Sequence[str]) -> list[str]:
        """The same arguments, with ``--`` before a query that begins with a hyphen, both at the end."""
        if "--" in args:
            return list(args)
        kept: list[str] = []
        queries: list[str] = []
        for arg, is_value in self._with_values(args):
            (queries if not is_value and self._is_query(arg) else kept).append(arg)
        return [*kept, "--", *queries] if queries else kept

    def _with_values(self, args: Sequence[str]) -> Iterator[tuple[str, bool]]:
        """Each argument, and whether it is the value of the option before it."""
        takes = {name for option in self._options() if not (option.is_flag or option.count) for name in option.opts}
        before = ""
        for arg in args:
            is_value = before in takes
            yield arg, is_value
            before = "" if is_value else arg

    def _is_query(self, arg: str) -> bool:
        names = {name for option in self._options() for name in (*option.opts, *option.secondary_opts)} | {
            "-h",
            "--help",
        }
        if not arg.startswith("-") or arg in names or arg.partition("=")[0] in names:
            return False
        if arg.startswith("--"):
            return any(map(str.isspace, arg))
        return not (arg[:2] in names and _glued.fullmatch(arg))

    def _options(self) -> list[click.Option]:
        return [one for one in self.params if isinstance(one, click.Option)]
