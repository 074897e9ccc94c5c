"""What the machines of a cluster do, a function for each task: each may be begun again at any moment."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from typing import Any

import orjson

from sakuin.cluster.dealing import home
from sakuin.cluster.errors import ClusterError
from sakuin.cluster.manifest import Made, Shard, folder_of
from sakuin.cluster.places import BUILDING, Place, place_of
from sakuin.cluster.rows import Part, documents_in
from sakuin.index import store
from sakuin.index.build import build
from sakuin.index.documents import Document
from sakuin.index.maintenance import compact
from sakuin.index.readers.guarded import Limits
from sakuin.index.report import Report
from sakuin.index.settings import Settings
from sakuin.index.size import folder_bytes
from sakuin.index.upsert import add_documents, delete_documents

FIRST = 1
"""The generation that a build commits."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Corpus:
    """A folder of files, and how it is read.

    Attributes:
        folder: Its absolute path, the same on all machines.
        exclude: Patterns of what to leave out, as gitignore has them.
        limits: What reading one file may take.
        checksum: Compare the bytes of all files, also of those that look unchanged.
    """

    folder: str
    exclude: tuple[str, ...] = ()
    limits: Limits = Limits()
    checksum: bool = False


def deal(uri: str, number: int, part: Part, shards: int) -> None:
    """Read a part of the rows and write its documents, those of each shard together.

    Args:
        uri: Of the cluster.
        number: Of the part.
        part: What to read.
        shards: How many shards there are.

    Raises:
        DocumentError: a row is no document.
    """
    write_dealt(place_of(uri), number, documents_in(part), shards)


def write_dealt(place: Place, number: int, documents: Iterable[Document], shards: int) -> None:
    """Write documents, those of each shard together, and where they begin."""
    dealt = [bytearray() for _ in range(shards)]
    for document in documents:
        dealt[home(document.id, shards)] += orjson.dumps(as_record(document)) + b"\n"
    offsets = [0]
    for lines in dealt:
        offsets.append(offsets[-1] + len(lines))
    place.write(dealt_name(number), b"".join(dealt))
    # After what it tells of: where it is there, the part is dealt.
    place.write(offsets_name(number), orjson.dumps(offsets))


def deal_some(place: Place, documents: Iterable[Document], shards: int, *, first: int, at_a_time: int) -> list[int]:
    """Write documents in as many parts as it takes; returns the parts' numbers, which begin with ``first``.

    Args:
        place: Of the cluster.
        documents: To be dealt.
        shards: How many shards there are.
        first: The number of the first part.
        at_a_time: Characters of the documents of a part.
    """
    some: list[Document] = []
    parts: list[int] = []
    size = 0
    for document in documents:
        some.append(document)
        size += len(document.text)
        if size >= at_a_time:
            parts.append(first + len(parts))
            write_dealt(place, parts[-1], some, shards)
            some, size = [], 0
    if some:
        parts.append(first + len(parts))
        write_dealt(place, parts[-1], some, shards)
    return parts


def make_of_rows(uri: str, shard: int, *, parts: Sequence[int], settings: Settings, generation: int = FIRST) -> Made:
    """Make the index of a shard of the documents that were dealt to it.

    Args:
        uri: Of the cluster.
        shard: Its number.
        parts: Those that were dealt, in the order of their documents.
        settings: Of the index.
        generation: Of the cluster, in which it is to be committed.
    """
    place = place_of(uri)
    with place.workspace() as work:
        add_documents(_dealt_to(place, shard, parts), work / "index", settings)
        return noted(place, shard, finished(place, work / "index", shard, generation))


def make_of_files(uri: str, shard: int, *, shards: int, corpus: Corpus, settings: Settings) -> Made:
    """Make the index of a shard of the files that are its.

    Args:
        uri: Of the cluster.
        shard: Its number.
        shards: How many there are.
        corpus: The files.
        settings: Of the index.
    """
    place = place_of(uri)
    with place.workspace() as work:
        sync(work / "index", shard, shards=shards, corpus=corpus, settings=settings)
        return noted(place, shard, finished(place, work / "index", shard, FIRST))


def sync(index: Path, shard: int, *, shards: int, corpus: Corpus, settings: Settings) -> Report:
    """Bring a shard's index in step with those files of a corpus that are its."""
    mine = partial(_is_home, shard=shard, shards=shards)
    return build(
        Path(corpus.folder),
        index,
        settings,
        exclude=corpus.exclude,
        limits=corpus.limits,
        checksum=corpus.checksum,
        mine=mine,
    )


def _is_home(name: str, *, shard: int, shards: int) -> bool:
    return home(name, shards) == shard


def finished(place: Place, index: Path, shard: int, generation: int) -> Made:
    """Put an index that nobody writes to any more where it stays, as a shard from a generation on."""
    with closing(store.connect(index, read_only=True)) as connection:
        manifest = store.read_manifest(connection, index)
        numbers = store.counts(connection)
    folder = folder_of(shard, generation)
    made = Shard(folder, numbers["documents"], manifest.passages, numbers["skipped"], folder_bytes(index))
    place.publish(index, folder)
    return Made.of(made, manifest)


def noted(place: Place, shard: int, made: Made) -> Made:
    """Note that a shard is made, so that a build which goes on does not make it again."""
    place.write(made_name(shard), made.to_json())
    return made


@dataclass(frozen=True, slots=True)
class Changed:
    """What became of a shard.

    Attributes:
        shard: As it is now, to be committed; None where nothing changed.
        numbers: Of `changing.ClusterChanges`.
    """

    shard: Shard | None
    numbers: Mapping[str, int]


def change_shard(
    uri: str,
    folder: str,
    shard: int,
    generation: int,
    change: Callable[[Path, Settings], Mapping[str, int]],
    settings: Settings,
) -> Changed:
    """Copy a shard, change the copy, and put it beside the old one.

    Args:
        uri: Of the cluster.
        folder: Of the shard as it is.
        shard: Its number.
        generation: Of the cluster, in which the changed shard is to be committed.
        change: What to do.
        settings: Of the index.
    """
    place = place_of(uri)
    with place.workspace() as work:
        index = work / "index"
        place.copy(folder, index)
        before = store.committed_manifest(index)
        numbers = change(index, settings)
        if store.committed_manifest(index) == before:
            return Changed(None, numbers)
        return Changed(finished(place, index, shard, generation).shard, numbers)


def add_dealt(index: Path, settings: Settings, *, uri: str, shard: int, parts: Sequence[int]) -> Mapping[str, int]:
    """Add the documents that were dealt to a shard."""
    return asdict(add_documents(_dealt_to(place_of(uri), shard, parts), index, settings))


def delete_ids(index: Path, settings: Settings, *, ids: Sequence[str]) -> Mapping[str, int]:
    """Remove documents."""
    return asdict(delete_documents(ids, index, settings))


def compact_shard(index: Path, settings: Settings) -> Mapping[str, int]:
    """Put an index into its best form."""
    compact(index, settings=settings)
    return {}


def _dealt_to(place: Place, shard: int, parts: Sequence[int]) -> Iterator[dict[str, Any]]:
    """The records of a shard, in the order of the rows."""
    for number in parts:
        offsets = offsets_of(place, number)
        start, end = offsets[shard], offsets[shard + 1]
        if start == end:
            continue
        content = place.read(dealt_name(number), start, end) or b""
        if len(content) != end - start:
            raise ClusterError(
                f"{place.uri}/{dealt_name(number)} has lost some of what was dealt to it, so nothing is committed: see "
                f"that one command at a time changes the cluster, and run the same command again."
            )
        for line in content.splitlines():
            yield orjson.loads(line)


def as_record(document: Document) -> dict[str, Any]:
    """A document as `index.records` takes it."""
    return {
        "id": document.id,
        "text": document.text,
        "title": document.title,
        "uri": document.uri,
        "metadata": document.metadata,
        "heading_spans": [[heading.start, heading.end, heading.level] for heading in document.headings],
        "position_spans": [[one.start, dict(one.values), one.counts_lines] for one in document.positions],
    }


def offsets_of(place: Place, part: int) -> list[int]:
    """Where in a dealt part the documents of each shard begin, and where the last ones end."""
    offsets: list[int] = orjson.loads(place.read(offsets_name(part)) or b"")
    return offsets


def dealt_name(part: int) -> str:
    """The file of what a part was dealt into."""
    return f"{BUILDING}/dealt/{part:08d}.jsonl"


def offsets_name(part: int) -> str:
    """The file that says where in it the documents of each shard begin, and where the last ones end."""
    return f"{BUILDING}/dealt/{part:08d}.json"


def made_name(shard: int) -> str:
    """The file that says that a shard is made, and how."""
    return f"{BUILDING}/shards/{shard:04d}.json"
