"""Commands whose modules are imported when one is asked for: a search needs nothing of what serves or builds."""

from collections.abc import Iterator, Mapping, Sequence
from importlib import import_module

import click


class LazyCommands(Mapping[str, click.Command]):
    """Commands by their names, for a `click.Group`."""

    def __init__(self, package: str, modules: Mapping[str, Sequence[str]]) -> None:
        """Nothing is imported yet.

        Args:
            package: Of the modules.
            modules: The names of each one's commands, which they have in it, too.
        """
        self._modules = {name: f"{package}.{module}" for module, names in modules.items() for name in names}
        self._loaded: dict[str, click.Command] = {}

    def __getitem__(self, name: str) -> click.Command:
        if name not in self._loaded:
            self._loaded[name] = getattr(import_module(self._modules[name]), name)
        return self._loaded[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._modules)

    def __len__(self) -> int:
        return len(self._modules)
