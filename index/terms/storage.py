"""What readers and writers of a generation share: its fields, its files, and what tantivy's failures mean."""

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

from sakuin.index.errors import IndexFolderError, full_disk, has_no_room

if TYPE_CHECKING:
    import tantivy

ID_FIELD = "id"
TERMS_FIELD = "terms"

META = "meta.json"
"""Names the segments of a generation, and how many passages each has."""

COPIED = (META, ".managed.json")
"""Files that tantivy changes; all others are written once."""

WRITE_REMEDY = "Check that the disk has room and that the folder may be written, then build again."
READ_REMEDY = "If its files may be read by you, it is damaged: `index repair` makes it anew from the documents."


def schema() -> "tantivy.Schema":
    """A passage is its id and its terms, counted but without positions; no text is stored."""
    from tantivy import SchemaBuilder

    builder = SchemaBuilder()
    builder.add_unsigned_field(ID_FIELD, indexed=True, fast=True)
    builder.add_text_field(TERMS_FIELD, tokenizer_name="whitespace", index_option="freq")
    return builder.build()


def link(base: Path, folder: Path) -> None:
    """Gives ``folder`` the files of ``base``: segments by hard link, or by copy where the disk cannot link."""
    for file in base.iterdir():
        if file.suffix == ".lock" or not file.is_file():
            continue
        target = folder / file.name
        if file.name in COPIED:
            shutil.copyfile(file, target)
            continue
        try:
            os.link(file, target)
        except OSError:
            shutil.copyfile(file, target)


def linked(folder: Path) -> "TemporaryDirectory[str]":
    """A folder of links to the files of a generation, which may be written where the generation's own may not."""
    # Windows deletes nothing that is mapped: what is left lies among other temporary files.
    links = TemporaryDirectory(prefix="sakuin-", ignore_cleanup_errors=True)
    for file in folder.iterdir():
        if file.suffix != ".lock":
            link_to(file.resolve(), Path(links.name, file.name))
    return links


def link_to(file: Path, target: Path) -> None:
    """Give a file that nobody changes another name: on Windows not everybody may make symbolic links."""
    with suppress(OSError):
        target.symlink_to(file)
        return
    try:
        os.link(file, target)
    except OSError:
        shutil.copyfile(file, target)


@contextmanager
def explained(folder: Path, what: str, remedy: str) -> Iterator[None]:
    """Turns what tantivy raises into our error; a panic inside it is no ``Exception`` to Python."""
    try:
        yield
    except (IndexFolderError, KeyboardInterrupt, SystemExit, MemoryError):
        raise
    except BaseException as error:
        if has_no_room(folder, error):
            raise full_disk(folder.parents[1]) from error
        raise IndexFolderError(f"The term index in {folder} {what}: {error}. {remedy}") from error
