"""Files that come through the browser: kept in a folder of their own, then read as `index add` reads them.

They are kept because an index is made anew from files. Where the index is kept in step with a folder of documents they
go into `uploads` in it, so that the next `index build` finds them; else into a folder beside the index, and
`index build` leaves them in the index like all that was added from elsewhere.
"""

import os
import re
import unicodedata
from collections.abc import Iterable, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from sakuin.files import make_folder, sync_folder
from sakuin.index import store
from sakuin.index.build import add, remove
from sakuin.index.corpus import is_index, uri_of
from sakuin.index.documents import Skipped
from sakuin.index.errors import IndexFolderError, ReadError, has_no_room
from sakuin.index.lock import WAIT_SECONDS
from sakuin.index.readers import require_readable
from sakuin.index.readers.source import Source
from sakuin.index.reasons import Reason
from sakuin.index.report import Progress, Report, no_progress
from sakuin.index.settings import Settings
from sakuin.index.store.listing import documents_in, reading

NAME = "uploads"
MAX_FILES = 100
MAX_MEGABYTES = 100
"""Of one file: the server holds uploads in memory. `index add` reads larger ones."""

# Most file systems allow 255 bytes; some room for a number and for encrypted names.
NAME_BYTES = 140
# Windows cannot have them in a name, and a corpus may be copied there; nor names of devices, whatever follows a dot.
FORBIDDEN = str.maketrans(dict.fromkeys('<>:"|?*', "_"))
DEVICE = re.compile(r"(con|prn|aux|nul|conin\$|conout\$|(com|lpt)[0-9¹²³])\s*(\.|$)", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Uploaded:
    """What came of uploads.

    Attributes:
        kept: The name a file was given as, and its uri in the index.
        skipped: Files, or parts of them, that were left out, and why; of a file left out as a whole nothing is kept.
        report: Of reading them; None where there was nothing to read.
    """

    kept: list[tuple[str, str]]
    skipped: list[Skipped]
    report: Report | None


def corpus_of(folder: Path) -> str:
    """The folder of documents an index is kept in step with; "" where it has none or is not there yet."""
    if not (folder / store.NAME).is_file():
        return ""
    with closing(store.connect(folder, read_only=True)) as connection:
        return store.read_manifest(connection, folder).corpus


def uploads_folder(folder: Path) -> Path:
    """Where the uploads of an index go; the folder need not exist yet."""
    folder = folder.resolve()
    if corpus := corpus_of(folder):
        inside = Path(corpus) / NAME
        nearest = inside if inside.exists() else inside.parent
        writable = nearest.is_dir() and os.access(nearest, os.W_OK | os.X_OK)
        # A folder behind a link, and an index, are not read by `index build`.
        if writable and not inside.is_symlink() and not is_index(inside):
            return inside
    # Not hidden, for should it ever stand in a corpus, hidden folders of that are passed over.
    return folder.parent / f"{folder.name.lstrip('.') or 'index'}-{NAME}"


def safe_name(name: str) -> str:
    """A name for an uploaded file: without folders, control characters and dots in front, and not too long."""
    name = name.replace("\\", "/").rpartition("/")[2]
    # C: control characters, what turns the direction of writing, halves of pairs.
    name = "".join(c for c in name if c.isspace() or not unicodedata.category(c).startswith("C"))
    # All white space becomes one blank.
    name = unicodedata.normalize("NFC", " ".join(name.translate(FORBIDDEN).split())).strip(" .")
    suffix = PurePosixPath(name).suffix
    stem = name.removesuffix(suffix).encode()[: NAME_BYTES - len(suffix)].decode(errors="ignore")
    name = f"{stem.rstrip(' .') or 'file'}{suffix}"
    return f"_{name}" if DEVICE.match(name) else name


def save(target: Path, name: str, content: bytes) -> tuple[Path, bool]:
    """Write an upload under a free name, durably; whether that made a new file: one of the same name and bytes is kept.

    Args:
        target: A folder.
        name: Of `safe_name`; taken by other bytes, it gets " (2)".
        content: Bytes of the file.
    """
    for path in names_like(target / name):
        try:
            with path.open("xb") as file:
                try:
                    file.write(content)
                    file.flush()
                    os.fsync(file.fileno())
                except BaseException:
                    path.unlink(missing_ok=True)
                    raise
            sync_folder(target)
            return path, True
        except FileExistsError:
            if path.is_file() and not path.is_symlink() and same_bytes(path, content):
                return path, False
    raise AssertionError("unreachable")


def names_like(path: Path) -> Iterator[Path]:
    """The path itself, then "name (2).txt" and so on."""
    yield path
    number = 2
    while True:
        yield path.with_name(f"{path.stem} ({number}){path.suffix}")
        number += 1


def same_bytes(path: Path, content: bytes) -> bool:
    """Whether a file holds just that."""
    try:
        return path.stat().st_size == len(content) and path.read_bytes() == content
    except OSError:
        return False


def add_uploads(
    uploads: Sequence[tuple[str, bytes]],
    folder: Path,
    progress: Progress = no_progress,
    *,
    settings: Settings = Settings(),
    max_files: int = MAX_FILES,
    max_megabytes: int = MAX_MEGABYTES,
    timeout: float = WAIT_SECONDS,
) -> Uploaded:
    """Keep uploaded files and read them into an index, which is made if it is not there.

    Args:
        uploads: Names as the browser gives them, and bytes.
        folder: The index.
        progress: As for `index.build.add`.
        settings: As for `index.build.add`.
        max_files: What comes after so many is left out.
        max_megabytes: A file that is larger is left out.
        timeout: Seconds to wait for another writer.

    Raises:
        IndexFolderError: another process is writing, or a folder cannot be written; nothing is kept then.
    """
    target = uploads_folder(folder)
    skipped: list[Skipped] = []
    saved: list[tuple[str, Path, bool]] = []
    try:
        for number, (name, content) in enumerate(uploads):
            try:
                checked = safe_name(name)
                if number >= max_files:
                    raise ReadError(Reason("too_many_uploads", {"limit": max_files}))
                if len(content) > max_megabytes * 1024 * 1024:
                    raise ReadError(Reason("upload_too_large", {"limit": max_megabytes}))
                require_readable(Source(uri=checked, data=content))
            except ReadError as error:
                skipped.append(Skipped(name, error.reason))
                continue
            make_folder(target)
            saved.append((name, *save(target, checked, content)))
        if not saved:
            return Uploaded([], skipped, None)
        paths = [path for _, path, _ in saved]
        report = add(paths, folder, settings, progress=progress, keep_empty=True, timeout=timeout)
    except OSError as error:
        discard(path for _, path, new in saved if new)
        if has_no_room(target, error):
            raise IndexFolderError(
                f"The disk of {target} is full: nothing was added. Make room on it first."
            ) from error
        raise IndexFolderError(
            f"Cannot write to {target} ({error.strerror or error}). Nothing was added: see that the disk has room and "
            f"that the folder may be written."
        ) from error
    except BaseException:
        discard(path for _, path, new in saved if new)
        raise
    corpus = corpus_of(folder)
    root = Path(corpus) if corpus else None
    named = {uri_of(path, root): (name, path, new) for name, path, new in saved}
    with reading(folder) as connection:
        empty = [uri for uri, number in documents_in(connection, list(named)).items() if not number]
    forgotten = [uri for uri in empty if named[uri][2]]
    if forgotten:
        report = remove_after(report, forgotten, folder, settings)
        discard(named[uri][1] for uri in forgotten)
    for item in report.skipped:
        # Of a file that was not kept the name that the user knows it by.
        name = named[item.uri][0] if item.uri in empty else item.uri
        skipped.append(Skipped(name, item.reason))
    return Uploaded([(name, uri) for uri, (name, _, _) in named.items() if uri not in empty], skipped, report)


def remove_after(report: Report, uris: Sequence[str], folder: Path, settings: Settings) -> Report:
    """Remove files of which nothing was taken; the report of reading them, with what the index holds now."""
    later = remove(uris, folder, settings)
    report.documents, report.passages, report.bytes = later.documents, later.passages, later.bytes
    return report


def uploaded_files(folder: Path, files: Iterable[str]) -> dict[str, Path]:
    """Those of some files of an index, by uri, that stand in its folder of uploads, and where."""
    target = uploads_folder(folder)
    corpus = corpus_of(folder)
    found = {}
    for uri in files:
        path = Path(corpus, uri)
        # By its one true name: an index may come from anywhere, and its names may hold "..".
        if path.is_file() and not path.is_symlink() and path.parent.resolve() == target.resolve():
            found[uri] = path
    return found


def remove_documents(uris: Sequence[str], folder: Path, delete: Sequence[str] = ()) -> Report:
    """Remove files or documents from an index, and delete those of the files that were uploaded.

    Args:
        uris: As for `index.build.remove`.
        folder: The index.
        delete: Uris of files among them to delete from the disk too; only those that were uploaded are.

    Raises:
        IndexFolderError: as `index.build.remove`; nothing is deleted then.
    """
    paths = uploaded_files(folder, [uri for uri in delete if uri in uris])
    report = remove(uris, folder)
    discard(paths.values())
    return report


def discard(paths: Iterable[Path]) -> None:
    """Delete files; one that cannot be is left."""
    for path in paths:
        try:
            path.unlink(missing_ok=True)
        except OSError:
            continue
