"""Files to documents: one module for each family of formats.

A reader is a function ``read(source)`` of a :class:`~sakuin.index.readers.source.Source`, a file's bytes and its name.
It yields a :class:`Document` for each document in the file and a :class:`Skipped` for each part of it that had to be
left out. A file that cannot be read at all raises :class:`ReadError`; nothing else is raised for bad content, whatever
the library below thinks of it. `sakuin.index.readers.contract` checks any reader for that.
"""

from sakuin.index.readers.reading import read_file, read_source, require_readable

__all__ = ["read_file", "read_source", "require_readable"]
