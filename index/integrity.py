"""Whether an index is as it was written."""

import sqlite3
from contextlib import closing
from pathlib import Path

from sakuin.index import store
from sakuin.index.errors import DATABASE_ERRORS, IndexFolderError
from sakuin.index.problems import Problem
from sakuin.index.store import Manifest
from sakuin.index.terms import Terms
from sakuin.index.vectors import Vectors, sha256_of

# A writer that commits meanwhile sweeps away files under our eyes.
ATTEMPTS = 5


def verify(folder: Path) -> list[Problem]:
    """Check every file of an index against its checksum, and SQLite's own check; returns what is wrong.

    Raises:
        IndexFolderError: there is no index, or not even its manifest can be read.
    """
    problems: list[Problem] = []
    for _ in range(ATTEMPTS):
        manifest, problems = check(folder)
        if not problems or read_generation(folder) == manifest.generation:
            break
        # A writer committed meanwhile and swept away files under our eyes.
    return problems


def read_generation(folder: Path) -> int:
    """The number of the last commit."""
    with closing(store.connect(folder, read_only=True, any_schema=True)) as connection:
        return store.read_manifest(connection, folder).generation


def check(folder: Path) -> tuple[Manifest, list[Problem]]:
    """The committed manifest, and what does not agree with it."""
    with closing(store.connect(folder, read_only=True, any_schema=True)) as connection:
        manifest = store.read_manifest(connection, folder)
        store.require_commit(folder, manifest)
        problems = database_problems(connection, manifest)
        if problems:
            return manifest, [*problems, *changed_files(folder, manifest).values()]
        removed = store.removed_passages(connection)
    passages = manifest.passages
    problems += changed_files(folder, manifest).values()
    if problems:
        return manifest, problems
    try:
        vectors = Vectors(folder / "vectors", manifest.segments, removed)
        terms = Terms(folder / "terms" / f"{manifest.generation:08d}")
    except IndexFolderError as error:
        return manifest, [Problem("derived_files", {"detail": str(error)})]
    for part, number in {"vectors": len(vectors), "terms": terms.num_passages}.items():
        if number != passages:
            problems.append(Problem("derived_count", {"part": part, "number": number, "passages": passages}))
    return manifest, problems


def database_problems(connection: sqlite3.Connection, manifest: Manifest) -> list[Problem]:
    """What is wrong with the documents themselves, from which all else can be made anew."""
    try:
        # Rows that are read by another schema say nothing.
        problems = store.schema_problems(connection)
        if problems:
            return problems
        problems = store.integrity_problems(connection)
        problems += store.damaged_rows(connection)
        passages = store.count_passages(connection)
        rows = store.row_counts(connection)
        store.removed_passages(connection)
    except (*DATABASE_ERRORS, ValueError, TypeError, OverflowError) as error:
        return [Problem("database", {"detail": without_text(error)})]
    if passages != manifest.passages:
        problems.append(Problem("passage_count", {"number": passages, "noted": manifest.passages}))
    for kind, noted in manifest.rows.items():
        if (number := rows.get(kind)) != noted:
            problems.append(Problem("row_count", {"kind": kind, "number": number, "noted": noted}))
    return problems


def without_text(error: Exception) -> str:
    """What an error says, without the damaged text that SQLite quotes in whole: it is no text, and may be long."""
    return str(error).partition(" with text ")[0]


def documents_problems(folder: Path) -> list[Problem]:
    """What is wrong with the documents themselves, which `repair` cannot make anew.

    Raises:
        IndexFolderError: there is no index.
    """
    if not (folder / store.NAME).is_file():
        store.connect(folder, read_only=True)
    try:
        with closing(store.connect(folder, read_only=True, any_schema=True)) as connection:
            manifest = store.read_manifest(connection, folder)
            problems = database_problems(connection, manifest)
    except IndexFolderError as error:
        return [Problem("unreadable", {"detail": str(error)})]
    try:
        store.require_commit(folder, manifest)
    except IndexFolderError as error:
        problems.append(Problem("last_commit", {"detail": str(error)}))
    return problems


def changed_files(folder: Path, manifest: Manifest, most: int | None = None) -> dict[str, Problem]:
    """Derived files that are not as they were written: by the manifest's name of each, what is wrong.

    Args:
        folder: Of the index.
        manifest: The committed one.
        most: Read so many bytes at most, the smallest files first; of the rest only sizes are compared. None for all.
    """
    problems = {}
    for name in sorted(manifest.sizes, key=lambda name: (manifest.sizes[name], name)):
        path = folder / derived_path(name, manifest.generation)
        try:
            size = path.stat().st_size
            most = None if most is None else most - size
            if size != manifest.sizes[name] or (
                (most is None or most >= 0) and sha256_of(path) != manifest.checksums[name]
            ):
                problems[name] = Problem("changed_file", {"path": path.relative_to(folder).as_posix()})
        except OSError as error:
            detail = error.strerror or str(error)
            problems[name] = Problem("unreadable_file", {"path": path.relative_to(folder).as_posix(), "detail": detail})
    return problems


def derived_path(name: str, generation: int) -> str:
    """Where in the folder of an index a derived file lies, by its name in the manifest of a commit."""
    return name.replace("terms/", f"terms/{generation:08d}/", 1) if name.startswith("terms/") else name
