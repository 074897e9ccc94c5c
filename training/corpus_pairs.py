"""What a corpus says about itself: pairs of texts that belong together.

Titles and headings stand for the passages below them, and a passage for the one that follows it. Words that name a
passage are taken out of its text, for what is to be found by a name must not be found by the very same words.
"""

from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path, PurePosixPath

from sakuin.index.corpus import find_files, located
from sakuin.index.documents import Document, Skipped
from sakuin.index.errors import ReadError
from sakuin.index.excluding import is_excluded
from sakuin.index.passages import split, text_width
from sakuin.index.readers.guarded import GuardedReader, Limits
from sakuin.index.reasons import Reason
from sakuin.index.report import Progress, no_progress
from sakuin.training.pairs import SUFFIXES, write_pairs

# A narrower passage says too little to be found, or to be learnt from: 15 Japanese characters.
LEAST_WIDTH = 30
# A name that more documents share (a weekday, "Summary") says what kind of text follows, not which.
MOST_SHARING = 10
# Passages that one name is trained on: the more, the fewer different names fit into a batch without repeats.
MOST_A_NAME = 2

Pair = tuple[str, str]


@dataclass(frozen=True, slots=True)
class Piece:
    """A passage without the words that name it.

    Attributes:
        document: Number of its document.
        unit: What is held out together: documents of one title, which are parts of one text.
        name: Title and headings above it; "" where they say nothing.
        text: Never near-empty.
    """

    document: int
    unit: str
    name: str
    text: str


def read_documents(corpus: Path, progress: Progress = no_progress) -> tuple[list[Document], list[Skipped]]:
    """The documents of a folder or file, as `index build` reads them, and what was left out.

    Args:
        corpus: A folder, or one file that may hold many documents.
        progress: Told how far the work is.

    Returns:
        The documents, and what was left out and why.

    Raises:
        IndexFolderError: there is no such folder or file, or a folder in it cannot be read.
    """
    start = located(corpus)
    root = start if start.is_dir() else start.parent
    found = list(find_files(start, root))
    total, done = sum(file.size for file in found), 0
    documents: dict[str, Document] = {}
    skipped: list[Skipped] = []
    with GuardedReader(Limits()) as reader:
        for file in found:
            progress(file.uri, done, total)
            if is_excluded(file.reason):
                continue
            try:
                if file.reason:
                    raise ReadError(file.reason)
                for item in reader.read(file.path, file.uri):
                    if isinstance(item, Skipped):
                        skipped.append(item)
                    elif item.uri in documents:
                        skipped.append(Skipped(item.uri, Reason("same_document_name")))
                    else:
                        documents[item.uri] = item
            except ReadError as error:
                skipped.append(Skipped(file.uri, error.reason))
            done += file.size
    progress("", total, total)
    return list(documents.values()), skipped


def write_sources(corpus: Path, out: Path, *, progress: Progress = no_progress) -> tuple[dict[str, int], list[Skipped]]:
    """Write what the documents of a folder say about themselves as sources to train on.

    Args:
        corpus: A folder, or one file that may hold many documents.
        out: The file of titles and headings with their passages, NAME.jsonl.zst; passages with those that follow them
            go into NAME_next.jsonl.zst beside it.
        progress: Told how far the reading is.

    Returns:
        Names of the files with their numbers of pairs, and what was left out and why.

    Raises:
        IndexFolderError, TrainingError: see `read_documents` and `write_pairs`.
    """
    documents, skipped = read_documents(corpus, progress)
    found = training_pairs(pieces_of(documents), ())
    suffix = next((ending for ending in SUFFIXES if out.name.endswith(ending)), "")
    stem = out.name.removesuffix(suffix)
    written = {}
    for kind, name in (("titles", stem), ("neighbours", f"{stem}_next")):
        file = f"{name}{SUFFIXES[-1]}"
        written[file] = write_pairs(found[kind], out.with_name(file))
    return written, skipped


def pieces_of(documents: Sequence[Document]) -> list[Piece]:
    """Split documents into the passages that are indexed, without the lines that only repeat their title or headings.

    Table rows repeat their title as ``column: title``; such lines go too.

    Args:
        documents: Of a corpus.

    Returns:
        The pieces, in the order of the documents.
    """
    titles = [title_of(document) for document in documents]
    shared: dict[str, int] = defaultdict(int)
    for title in titles:
        shared[title] += 1
    pieces = []
    for number, (document, title) in enumerate(zip(documents, titles, strict=True)):
        if shared[title] > MOST_SHARING:
            title = ""
        for passage in split(document):
            headings = passage.heading.split(" › ") if passage.heading else []
            names = [name for name in [title, *headings] if name]
            text = without(document.text[passage.start : passage.end], {document.title, *names})
            if text_width(text) >= LEAST_WIDTH:
                pieces.append(Piece(number, title or document.uri, " ".join(names), text))
    return [*without_common_names(pieces)]


def title_of(document: Document) -> str:
    """The title that the document's author gave it; "" where the reader took the file's name, or it has no letter."""
    file, _, part = document.uri.partition("#")
    stem = PurePosixPath(file).stem
    made_up = document.title in (stem, f"{stem} {part}") and document.title not in document.text
    return document.title if not made_up and any(map(str.isalpha, document.title)) else ""


def without(text: str, names: Collection[str]) -> str:
    """A text without its lines that are one of ``names``, alone or as the value of a field."""
    lines = (line for line in text.split("\n") if line.strip() not in names and field_value(line) not in names)
    return "\n".join(lines).strip()


def field_value(line: str) -> str:
    """What follows the first colon and space of a line, or the line."""
    return line.partition(": ")[2].strip() or line.strip()


def without_common_names(pieces: Sequence[Piece]) -> Iterator[Piece]:
    """The pieces; names that stand in too many documents are taken off them."""
    sharing: dict[str, set[int]] = defaultdict(set)
    for piece in pieces:
        sharing[piece.name].add(piece.document)
    for piece in pieces:
        common = len(sharing[piece.name]) > MOST_SHARING
        yield replace(piece, name="") if common else piece


def neighbours(pieces: Iterable[Piece]) -> Iterator[tuple[Piece, Piece]]:
    """Each piece with the one that follows it in its document."""
    before: Piece | None = None
    for piece in pieces:
        if before and before.document == piece.document:
            yield before, piece
        before = piece


def training_pairs(pieces: Sequence[Piece], held: Collection[str]) -> dict[str, list[Pair]]:
    """Pairs to train on, by kind, without any text or name of a unit in ``held``.

    Returns:
        "titles": name and passage; "neighbours": passage and following passage; "passages": each passage with itself,
        for spans to be cut from.
    """
    secret = {text for piece in pieces if piece.unit in held for text in (piece.text, piece.name)}
    known = [piece for piece in pieces if piece.unit not in held]
    named = ((piece.name, piece.text) for piece in known if piece.name)
    pairs = {
        "titles": [*sparing(named, MOST_A_NAME)],
        "neighbours": [*sparing(((a.text, b.text) for a, b in neighbours(known)), 1)],
        "passages": [(text, text) for text in dict.fromkeys(piece.text for piece in known)],
    }
    return {kind: [pair for pair in listed if secret.isdisjoint(pair)] for kind, listed in pairs.items()}


def sparing(pairs: Iterable[Pair], most: int) -> Iterator[Pair]:
    """Pairs of two different texts; each query at most ``most`` times, each passage once.

    Batches hold no text twice, so many pairs of one text would leave batches of little else.
    """
    asked: dict[str, int] = defaultdict(int)
    answered: set[str] = set()
    for query, passage in pairs:
        if query != passage and asked[query] < most and passage not in answered:
            asked[query] += 1
            answered.add(passage)
            yield query, passage
