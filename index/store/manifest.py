"""The manifest: which vector and term files belong to the documents that are committed."""

import json
import sqlite3
from collections.abc import Mapping
from contextlib import closing, suppress
from dataclasses import asdict, dataclass, field, fields
from functools import cache
from pathlib import Path
from typing import Any, get_args, get_origin, get_type_hints

from sakuin.index.errors import DATABASE_ERRORS, IndexFolderError, opening_error
from sakuin.index.outliving import begin_again
from sakuin.index.store.checksums import NAME, passage_id_of
from sakuin.index.store.schema import connect, has_manifest_table, unfinished
from sakuin.patterns import pattern

FORMAT = 5
LATER = frozenset({"rerank", "rows", "version"})
"""What an index that was made before does not say of itself."""

SEGMENT = pattern(r"\d{8,}")
DERIVED = pattern(r"[a-z]+/[\w.-]*\w")
"""Names of segments, and of derived files."""

MOST, MOST_WIDTH = 2**63, 2**20


@dataclass(frozen=True, slots=True)
class Manifest:
    """The committed state of an index.

    Attributes:
        format: Version of the folder's layout.
        generation: Number of the last commit; names the folder of terms.
        corpus: Folder that `index build` keeps the index in step with, "" where there is none.
        model: What to load the model by: "" for the packaged one, else a folder or hub name.
        fingerprint: Of the model whose vectors are stored.
        dim: Dimensions stored of each vector.
        analyser: Name of the analysis that made the terms.
        passage_width: Width that passages are cut to.
        segments: Names of the vector segments, oldest first.
        passages: Distinct passages that can be found.
        stale_terms: Passages removed since the terms were written anew; BM25's statistics still count some of them.
        checksums: SHA-256 of each derived file, by its path in the index folder.
        sizes: Bytes of the same files.
        fusion: How `index tune` found the legs are best fused in this index; empty where it was not run.
        rerank: The transformer that `index tune` found worth asking for a second opinion; "" for none.
        background: Statistics of the scores of unrelated queries and passages of this index; empty where too few were
            sampled.
        changed: Passages that came or went since these statistics were measured.
        rows: How many files, documents and places of passages there are; empty where they were not counted yet.
        version: Of the sakuin that wrote the last commit; "" where it did not say.
    """

    format: int
    generation: int
    corpus: str
    model: str
    fingerprint: str
    dim: int
    analyser: str
    passage_width: int
    segments: list[str]
    passages: int
    stale_terms: int
    checksums: dict[str, str]
    sizes: dict[str, int]
    fusion: dict[str, float] = field(default_factory=dict)
    rerank: str = ""
    background: dict[str, float] = field(default_factory=dict)
    changed: int = 0
    rows: dict[str, int] = field(default_factory=dict)
    version: str = ""


def has_manifest(connection: sqlite3.Connection) -> bool:
    """Whether anything was ever committed."""
    if not has_manifest_table(connection):
        return False
    return bool(connection.execute("SELECT count(*) FROM manifest").fetchone()[0])


def read_manifest(connection: sqlite3.Connection, folder: Path) -> Manifest:
    """The committed state; raises IndexFolderError where it is missing, damaged or of another format."""
    try:
        if not has_manifest_table(connection):
            raise unfinished(folder)
        rows = dict(connection.execute("SELECT key, value FROM manifest").fetchall())
        if not all(isinstance(one, str) for row in rows.items() for one in row):
            raise ValueError("not all of it is text")
        values = {key: json.loads(value) for key, value in rows.items()}
    except sqlite3.Error as error:
        raise opening_error(folder, "The manifest", error) from error
    except (ValueError, RecursionError) as error:
        raise IndexFolderError(f"The manifest in {folder} cannot be read ({error}): {begin_again(folder)}.") from error
    if not values:
        raise unfinished(folder)
    names = {own.name for own in fields(Manifest)}
    checksum = values.pop("checksum", None)
    if values.get("format") != FORMAT:
        raise other_version(folder, values)
    if manifest_checksum(rows) != checksum:
        raise IndexFolderError(f"The manifest in {folder} has changed since it was written: {begin_again(folder)}.")
    if not names - LATER <= values.keys() <= names:
        raise other_version(folder, values)
    kinds = declared()
    odd = [name for name, value in values.items() if not is_of(value, kinds[name]) or not is_sound(name, value)]
    if not odd and values["checksums"].keys() != values["sizes"].keys():
        odd = ["checksums"]
    if odd:
        raise IndexFolderError(f"The manifest in {folder} cannot be read ({odd[0]} is none): {begin_again(folder)}.")
    return Manifest(**values)


@cache
def declared() -> dict[str, Any]:
    """What the fields of `Manifest` are declared as."""
    return get_type_hints(Manifest)


def is_of(value: object, kind: Any) -> bool:
    """Whether a value that came as JSON is of a kind that a field is declared as; no whole number is negative."""
    holds = get_args(kind)
    if get_origin(kind) is list:
        return type(value) is list and all(is_of(one, holds[0]) for one in value)
    if get_origin(kind) is dict:
        return type(value) is dict and all(is_of(one, holds[1]) for one in value.values())
    if kind is int:
        return type(value) is int and 0 <= value < MOST
    return type(value) in ((int, float) if kind is float else (kind,))


def is_sound(name: str, value: Any) -> bool:
    """Whether a field of the manifest, of the right kind, can be: it leads to no file outside the index."""
    if name in ("dim", "passage_width"):
        return bool(0 < value < MOST_WIDTH)
    pattern = {"segments": SEGMENT, "checksums": DERIVED, "sizes": DERIVED}.get(name)
    return pattern is None or all(pattern.fullmatch(each) for each in value)


def other_version(folder: Path, values: Mapping[str, Any]) -> IndexFolderError:
    """What to raise over an index whose manifest, of these values, this version does not understand."""
    its, has = values.get("version"), values.get("format")
    unknown = values.keys() - {own.name for own in fields(Manifest)}
    newer = bool(unknown) or (isinstance(has, int) and has > FORMAT)
    upgrade = f"install sakuin {its}, or " if newer and its else "install a newer sakuin, or " if newer else ""
    return IndexFolderError(
        f"The index in {folder} was made by {f'sakuin {its}' if its else 'another version'}, in format {has}; this is "
        f"sakuin {own_version()}, which reads format {FORMAT}: {upgrade}{begin_again(folder)}."
    )


def committed_manifest(folder: Path) -> Manifest | None:
    """The committed state of an index; None where nothing was ever committed, as where a first writer is at work."""
    if not (folder / NAME).is_file():
        return None
    # What cannot be opened so is opened, or explained, by `connect`.
    with suppress(*DATABASE_ERRORS):
        connection = sqlite3.connect(f"{(folder / NAME).resolve().as_uri()}?mode=ro", uri=True, timeout=10)
        with closing(connection):
            if not has_manifest(connection):
                return None
    with closing(connect(folder, read_only=True)) as connection:
        return read_manifest(connection, folder)


def is_last_commit(connection: sqlite3.Connection, manifest: Manifest) -> bool:
    """Whether nobody has committed since a manifest was read."""
    row = connection.execute("SELECT value FROM manifest NOT INDEXED WHERE key = 'generation'").fetchone()
    return bool(row == (json.dumps(manifest.generation),))


def require_commit(folder: Path, manifest: Manifest) -> None:
    """See that a manifest is of the last commit: SQLite passes over what is damaged in its log without a word.

    Terms of a later commit without those of this one say so: a writer removes old ones when the new are committed, and
    one that was killed before leaves both.

    Raises:
        IndexFolderError: the last commit is lost.
    """
    terms = folder / "terms"
    if not manifest.generation or (terms / f"{manifest.generation:08d}").exists():
        return
    later = [path.name for path in terms.glob("*") if path.name.isdecimal() and int(path.name) > manifest.generation]
    # A writer may have committed, and swept, since the manifest was read.
    if later and (now := committed_manifest(folder)) and now.generation == manifest.generation:
        raise IndexFolderError(
            f"The last commit to the index in {folder} is lost: {NAME}-wal is damaged or missing, and what is left is "
            f"an older state. Put a copy of the folder in its place, or {begin_again(folder)}."
        )


def write_manifest(connection: sqlite3.Connection, manifest: Manifest) -> None:
    """Replace the manifest, inside the caller's transaction."""
    rows = {key: json.dumps(value) for key, value in asdict(manifest).items()}
    connection.executemany(
        "INSERT OR REPLACE INTO manifest (key, value) VALUES (?, ?)",
        [*rows.items(), ("checksum", json.dumps(manifest_checksum(rows)))],
    )


@cache
def own_version() -> str:
    """Of this sakuin."""
    from importlib.metadata import version

    return version("sakuin")


def manifest_checksum(rows: Mapping[str, str]) -> int:
    """By what a reader sees that the manifest is as it was written."""
    return passage_id_of("\0".join(f"{key}={rows[key]}" for key in sorted(rows) if key != "checksum"))
